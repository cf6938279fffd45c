"""What the connectors say about their silos: options, reachability, rights, attributes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from hypersync.config.mistakes import close_to, known_keys, mistakes_of
from hypersync.config.source import Items, Section, child, lacks_variable, place_of
from hypersync.connectors import registry
from hypersync.errors import HyperSyncError
from hypersync.model.mistake import Level, Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypersync.check.attributes import Described
    from hypersync.config.models import Configuration, SiloConfig
    from hypersync.config.source import Place

_KNOWN = frozenset({"ad", "ldif", "msgraph", "scim", "sql"})
"""Connectors whose parts may be installed elsewhere; a check of the files can do without."""


def option_mistakes(
    configuration: Configuration, name: str, silo: SiloConfig, *, offline: bool
) -> Iterator[Mistake]:
    """Let the connector of a silo look at its options."""
    section = configuration.place("silos", name, "connector")
    try:
        connector = registry.lookup(silo.connector)
    except HyperSyncError as error:
        is_known = silo.connector in _KNOWN
        message, _, remedy = error.message.partition("; ")
        if silo.connector not in registry.names():
            message = f"the connector {silo.connector!r} is not installed here"
            remedy = _connectors(silo.connector)
        level = Level.WARNING if is_known and offline else Level.ERROR
        yield Mistake(message, remedy, section.file, section.line, level)
        return
    if silo.write and not connector.can_write:
        place = configuration.place("silos", name, "write")
        message = f"the connector {silo.connector!r} cannot write"
        yield Mistake(message, "remove 'write: true'", place.file, place.line)
    if not silo.types:
        message = f"the silo {name!r} has no types"
        remedy = f"`hypersync silo discover {name}` writes them"
        yield Mistake(message, remedy, section.file, section.line)
        return
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
    configuration: Configuration, name: str, live: dict[tuple[str, str], Described]
) -> list[Mistake]:
    """Reach for the silo, and note its attributes in ``live`` by silo and type.

    Its own words come with the place of what they are about. A silo that names a variable that is
    not set is left alone: that was said already, and ``${NAME}`` is nobody's password.
    """
    if lacks_variable(configuration.silos[name].given()):
        return []
    try:
        connector = registry.build(name, configuration.silos[name], root=configuration.root)
        with connector.open() as session:
            found = list(session.check())
            if all(mistake.level is Level.WARNING for mistake in found):
                for kind, attributes in session.schema().types.items():
                    live[name, kind] = attributes
    except HyperSyncError as error:
        remedy = "mend the silo or its settings, or leave this out with --offline"
        found = [Mistake(error.message, remedy)]
    return [each if each.file else _located(configuration, name, each) for each in found]


def _located(configuration: Configuration, name: str, mistake: Mistake) -> Mistake:
    """Say which silo it is, and where in its configuration what it quotes stands."""
    given = configuration.silos[name].given()
    kinds = child(given, "types")
    named = (
        [kind for each, kind in kinds.items() if repr(each) in str(mistake)]
        if isinstance(kinds, Section)
        else []
    )
    places = (_quoted(part, mistake.message) for part in (*named, given))
    place = next(filter(None, places), None) or configuration.place("silos", name)
    message = f"the silo {name!r}: {mistake.message}"
    return replace(mistake, message=message, file=place.file, line=place.line)


def _quoted(tree: object, message: str) -> Place | None:
    """Return where a text stands that the message quotes."""
    if not isinstance(tree, Section | Items):
        return None
    for step, entry in tree.items() if isinstance(tree, Section) else enumerate(tree):
        if isinstance(entry, str) and repr(entry) in message:
            return place_of(tree, step)
        if place := _quoted(entry, message):
            return place
    return None
