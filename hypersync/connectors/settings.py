"""What every connector is built from: its options, its settings, its object types.

A connector is a class with ``options`` and ``can_write`` that is built from `SiloSettings` and
registers itself with `registry.connector`. Nothing here talks to a silo.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

from pydantic import Field

from hypersync.config.located import Located
from hypersync.config.models import EnabledConfig
from hypersync.config.values import Filled
from hypersync.model.canonical import digest, encode_value
from hypersync.model.objects import EnabledSpec, ObjectType
from hypersync.ports.connector import Connector

BATCH_SIZE = 1_000
"""How many events a scan reports at once; larger ones fall out of the processor cache."""

T = TypeVar("T")


class TypeOptions(Located):
    """What the configuration says about one object type; connectors add their own keys.

    ``members`` names the attribute that holds the members of a group.
    """

    anchor: str | None = None
    attributes: tuple[Filled, ...] = ()
    enabled: EnabledConfig | None = None
    members: Filled | None = None

    @property
    def gives_anchor(self) -> bool:
        """Whether the silo itself gives new objects their anchor, so that no rule has to set it."""
        return False

    @property
    def switch(self) -> EnabledSpec | None:
        """How the enabled state is stored, ``None`` when nobody says it.

        Connectors that know it by themselves (`KNOWN_SWITCHES`) say it for types that have one.
        """
        spec = self.enabled
        return None if spec is None else EnabledSpec(spec.attribute, spec.when_on, spec.when_off)


class SiloOptions(Located):
    """What the configuration says about one silo beyond what is common to all silos."""

    types: Mapping[str, TypeOptions] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiloSettings:
    """Everything a connector is built from.

    ``options`` are of the connector's own options class; relative paths in it start at ``root``.
    ``timeout`` is the longest wait for one answer of the silo.
    """

    silo: str
    options: SiloOptions
    types: tuple[ObjectType, ...]
    root: Path = Path()
    write: bool = False
    timeout: timedelta = timedelta(seconds=60)


class ConnectorClass(Protocol):
    """A connector before it is built: what the registry holds."""

    options: ClassVar[type[SiloOptions]]
    can_write: ClassVar[bool]

    def __call__(self, settings: SiloSettings) -> Connector:
        """Build the connector; does not reach for the silo yet."""


def object_types(
    silo: str, options: SiloOptions, needed: Mapping[str, Collection[str]]
) -> tuple[ObjectType, ...]:
    """Return the silo's types in the order of the configuration.

    ``needed`` maps a type to the attributes that joins and rules name; those of the configuration
    come on top, and so do the ones that hold members and the enabled state. A type for which
    nobody names anything is read with all its attributes.
    """
    return tuple(
        _object_type(silo, name, kind, needed.get(name, ())) for name, kind in options.types.items()
    )


def _object_type(silo: str, name: str, kind: TypeOptions, needed: Collection[str]) -> ObjectType:
    enabled = kind.switch
    attributes = {*needed, *kind.attributes}
    if attributes:
        attributes |= {enabled.attribute} if enabled else set()
        attributes |= {kind.members} if kind.members else set()
    return ObjectType(
        silo=silo,
        name=name,
        attributes=frozenset(attributes),
        enabled=enabled,
        members=kind.members,
        options=kind,
    )


def fingerprint(*parts: object) -> str:
    """Return a short text that is equal only for equal JSON-like parts."""
    return digest(encode_value(parts)).hex()


def batches(events: Iterable[T], size: int = BATCH_SIZE) -> Iterator[list[T]]:
    """Cut a stream into lists of at most ``size``."""
    iterator = iter(events)
    while batch := list(islice(iterator, size)):
        yield batch
