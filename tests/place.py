"""What tests need of a silo of any kind: its connector, and hands that do odd things in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.ports.connector import Connector

USER, GROUP = "user", "group"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One silo, and hands in it that are not ours.

    ``add`` makes a user of a name with a number and returns what a group would store for it,
    ``remake`` gives that user another anchor, ``remove`` deletes it. ``circle`` makes a group whose
    members are the group itself and another one, and returns what it stores for itself.
    """

    kind: str
    connector: Connector
    number: str
    add: Callable[[str, str], str]
    remake: Callable[[str, str], None]
    remove: Callable[[str], None]
    circle: Callable[[str], str]


def anew(
    remove: Callable[[str], None], add: Callable[[str, str], str]
) -> Callable[[str, str], None]:
    """Return the ``remake`` of a silo that gives whoever is added again another anchor itself."""

    def remake(name: str, number: str) -> None:
        remove(name)
        add(name, number)

    return remake


def settings_of(kind: type[Connector], folder: Path, options: dict[str, Any]) -> SiloSettings:
    """Return settings as the configuration would give them."""
    model: type[BaseModel] = kind.options
    found: Any = model.model_validate(options)
    types = object_types("odd", found, {})
    return SiloSettings(
        silo="odd",
        options=found,
        types=types,
        root=folder,
        write=kind.can_write,
        timeout=timedelta(seconds=20),
    )
