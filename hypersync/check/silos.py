"""What the connectors say about their silos: options, reachability, rights, attributes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from hypersync.config.mistakes import close_to, known_keys, mistakes_of
from hypersync.connectors import registry
from hypersync.errors import HyperSyncError
from hypersync.model.mistake import Level, Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypersync.config.models import Configuration, SiloConfig

_OF_OTHER_PACKAGES = frozenset({"ad", "msgraph", "scim", "sql", "ldif"})


def option_mistakes(
    configuration: Configuration, name: str, silo: SiloConfig, *, offline: bool
) -> Iterator[Mistake]:
    """Let the connector of a silo look at its options."""
    section = configuration.place("silos", name, "connector")
    try:
        connector = registry.lookup(silo.connector)
    except HyperSyncError:
        is_known = silo.connector in _OF_OTHER_PACKAGES
        yield Mistake(
            f"the connector {silo.connector!r} is not installed here",
            "its options were not checked" if is_known else _connectors(silo.connector),
            section.file,
            section.line,
            Level.WARNING if is_known and offline else Level.ERROR,
        )
        return
    if silo.write and not connector.can_write:
        place = configuration.place("silos", name, "write")
        message = f"the connector {silo.connector!r} cannot write"
        yield Mistake(message, "remove 'write: true'", place.file, place.line)
    try:
        connector.options.model_validate(silo.connector_options())
    except ValidationError as error:
        tree = configuration.given()["silos"][name]
        yield from mistakes_of(
            error, connector.options, tree, ("silos", name), known_keys(type(silo), ())
        )


def _connectors(name: str) -> str:
    return close_to(name, registry.names())


def silo_mistakes(
    configuration: Configuration, name: str, schemas: dict[tuple[str, str], frozenset[str] | None]
) -> list[Mistake]:
    """Reach for the silo, and note its attributes in ``schemas`` by silo and type.

    Its own words come with the place where it is configured.
    """
    place = configuration.place("silos", name)
    try:
        connector = registry.build(name, configuration.silos[name], root=configuration.root)
        with connector.open() as session:
            found = list(session.check())
            if all(mistake.level is Level.WARNING for mistake in found):
                for kind, attributes in session.schema().types.items():
                    schemas[name, kind] = None if attributes is None else frozenset(attributes)
    except HyperSyncError as error:
        remedy = "mend the silo or its settings, or leave this out with --offline"
        found = [Mistake(error.message, remedy)]
    return [
        mistake
        if mistake.file
        else replace(
            mistake,
            message=f"the silo {name!r}: {mistake.message}",
            file=place.file,
            line=place.line,
        )
        for mistake in found
    ]
