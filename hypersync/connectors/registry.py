"""The connectors by the name that ``connector:`` of a silo gives; a plain dict and one decorator.

Those that come with HyperSync are imported when first asked for, so that a project without LDAP
never loads an LDAP library. Others come from installed packages, by the entry point group
``hypersync.connectors``, whose entries are named as the connector.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar, cast

from hypersync.config.models import SiloConfig
from hypersync.connectors.settings import ConnectorClass, SiloOptions, SiloSettings, object_types
from hypersync.connectors.steady import SteadyConnector
from hypersync.errors import UsageError
from hypersync.ports.connector import Connector

C = TypeVar("C")
ENTRY_POINTS = "hypersync.connectors"
_BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "csv": "hypersync.connectors.csv_file.connector",
        "internal": "hypersync.connectors.internal",
        "ldap": "hypersync.connectors.ldap.connector",
        "memory": "hypersync.connectors.memory",
        "scim": "hypersync.connectors.scim.connector",
    }
)
_registered: dict[str, ConnectorClass] = {}


def connector(name: str) -> Callable[[type[C]], type[C]]:
    """Register a connector class under ``name``; a second one raises ``ValueError``."""

    def register(kind: type[C]) -> type[C]:
        if name in _registered:
            raise ValueError(f"the connector {name!r} is registered already")
        _registered[name] = cast("ConnectorClass", kind)
        return kind

    return register


def names() -> list[str]:
    """Return the names of all connectors, those of other packages included, sorted."""
    return sorted({*_BUILT_IN, *_registered, *entry_points(group=ENTRY_POINTS).names})


def lookup(name: str) -> ConnectorClass:
    """Return the connector class called ``name``; raises `UsageError` that lists what exists."""
    if name not in _registered:
        _load(name)
    if name not in _registered:
        known = names()
        close = get_close_matches(name, known, n=1)
        meant = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"there is no connector {name!r}; {meant}there are {', '.join(known)}")
    return _registered[name]


def _load(name: str) -> None:
    if name in _BUILT_IN:
        import_module(_BUILT_IN[name])
        return
    for entry in entry_points(group=ENTRY_POINTS, name=name):
        loaded = entry.load()
        if name not in _registered:
            connector(name)(loaded)


def build(
    silo: str,
    config: SiloConfig,
    *,
    root: Path,
    needed: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Connector:
    """Build the connector of a silo, patient and paced; nothing is reached for yet.

    ``needed`` maps each type to the attributes that joins and rules name. Raises `UsageError` for
    an unknown connector and pydantic's ``ValidationError`` for wrong options.
    """
    kind = lookup(config.connector)
    options: SiloOptions = kind.options.model_validate(config.connector_options())
    settings = SiloSettings(
        silo=silo,
        options=options,
        types=object_types(silo, options, needed),
        root=root,
        write=config.write,
        timeout=config.timeout,
    )
    return SteadyConnector(
        kind(settings), timeout=config.timeout, writes_per_second=config.writes_per_second
    )
