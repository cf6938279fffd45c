"""Finding out what a silo has: by its connector's own knowledge, else by a sample of a scan."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from hypersync.connectors.settings import TypeOptions
from hypersync.errors import ScanFailed
from hypersync.model.discovery import (
    SAMPLE,
    FoundType,
    Survey,
    anchor_candidates,
    join_candidates,
)
from hypersync.model.objects import Batch, ObjectType, Schema, Seen
from hypersync.ports.connector import Connector, Discovers, Session, plain


def discover(connector: Connector, session: Session) -> Sequence[FoundType]:
    """Return the types of a silo; of one that cannot tell, those that are configured.

    Raises `SiloUnreachable` and `SiloRefused`.
    """
    inner = plain(session)
    if isinstance(inner, Discovers):
        return inner.discover()
    schema = session.schema()
    return [
        each for stream in connector.streams() for each in discover_by_scan(session, stream, schema)
    ]


def discover_by_scan(
    session: Session, stream: Sequence[ObjectType], schema: Schema
) -> list[FoundType]:
    """Look at the first objects of each type of a stream; ``schema`` adds what none of them has."""
    surveys = {each.name: Survey() for each in stream}
    notes: tuple[str, ...] = ()
    is_whole = False
    batches = session.scan(stream, None)
    try:
        is_whole = _look(batches, surveys)
    except ScanFailed as error:
        notes = (f"the scan failed: {error.message}",)
    finally:
        if isinstance(batches, Generator):
            batches.close()
    return [
        _found(each, surveys[each.name], schema, is_whole=is_whole, notes=notes) for each in stream
    ]


def _look(batches: Iterator[Batch], surveys: dict[str, Survey]) -> bool:
    """Survey until every type has its sample; whether the scan came to its end."""
    for batch in batches:
        for event in batch:
            if isinstance(event, Seen) and surveys[event.type].sampled < SAMPLE:
                surveys[event.type].see(event.attributes)
        if all(each.sampled >= SAMPLE for each in surveys.values()):
            return False
    return True


def _found(
    kind: ObjectType, survey: Survey, schema: Schema, *, is_whole: bool, notes: tuple[str, ...]
) -> FoundType:
    attributes = survey.attributes(schema.types.get(kind.name))
    options = kind.options.given() if isinstance(kind.options, TypeOptions) else {}
    anchor = options.get("anchor")
    known = [anchor] if isinstance(anchor, str) else []
    is_counted = is_whole and survey.sampled < SAMPLE
    return FoundType(
        name=kind.name,
        options=options,
        attributes=attributes,
        anchors=anchor_candidates(attributes, survey.sampled, known),
        joins=join_candidates(attributes, survey.sampled),
        sampled=survey.sampled,
        objects=survey.sampled if is_counted else None,
        notes=notes,
    )
