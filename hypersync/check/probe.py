"""Trying a silo for real: is it there, what may we do, does the schema fit, do reads come back.

Nothing is written. A step that failed says what would help; what a silo does not tell is
``unknown`` and fails nothing. Values of objects are never part of what is said, anchors are.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from hypersync.errors import HyperSyncError, SiloError
from hypersync.model.mistake import Level
from hypersync.model.objects import Invalid, Operation, Seen
from hypersync.model.rights import Right, Verb
from hypersync.ports.connector import Reaches, TellsRights, plain
from hypersync.rulebook.rules import RuleKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from hypersync.model.objects import Batch, ObjectType, Schema
    from hypersync.ports.connector import Connector, Session
    from hypersync.ports.progress import Progress
    from hypersync.rulebook.rules import Rule, Rulebook

OBJECTS = 10
"""How many objects of each type are read."""

Needed = tuple[str, Verb]
"""A type, and what is to be done to its objects."""

_VERBS = {
    RuleKind.PROVISION: Verb.CREATE,
    RuleKind.UPDATE: Verb.UPDATE,
    RuleKind.DEPROVISION: Verb.UPDATE,
    RuleKind.MEMBERSHIP: Verb.UPDATE,
}
_SWITCHES = (Operation.ENABLE, Operation.DISABLE)
_MEND = "mend the silo or its settings"


class State(Enum):
    """How a step ended; ``skipped`` was not tried, because one before it failed."""

    OK = "ok"
    WARNING = "warning"
    UNKNOWN = "unknown"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried: ``reach``, ``rights``, ``schema`` or ``read``."""

    name: str
    state: State
    message: str
    remedy: str = ""


def needed_rights(rulebook: Rulebook, silo: str) -> frozenset[Needed]:
    """Return what the rules do to the objects of a silo."""
    slots = {slot.name: slot for slot in rulebook.slots}
    found = set()
    for rule in rulebook.rules:
        slot = slots.get(rule.group.slot if rule.group is not None else rule.target)
        verb = _verb(rule)
        if verb is not None and slot is not None and slot.silo == silo:
            found.add((slot.type, verb))
    return frozenset(found)


def written_attributes(
    rulebook: Rulebook, silo: str, streams: Sequence[Sequence[ObjectType]]
) -> frozenset[tuple[str, str]]:
    """Return type and name of each attribute that rules write in a silo.

    That is what they set, and besides what holds members and the enabled state where they change
    these.
    """
    slots = {slot.name: slot for slot in rulebook.slots if slot.silo == silo}
    members = {kind.name: kind.members for stream in streams for kind in stream}
    found = set()
    for rule in rulebook.rules:
        if rule.target in slots:
            target = slots[rule.target]
            found |= {(target.type, name) for name in (*rule.set, *rule.once)}
            if rule.do is not None and rule.do.operation in _SWITCHES and target.enabled:
                found.add((target.type, target.enabled.attribute))
        if rule.group is not None and rule.group.slot in slots:
            group = slots[rule.group.slot].type
            if (name := members.get(group)) is not None:
                found.add((group, name))
    return frozenset(found)


def _verb(rule: Rule) -> Verb | None:
    if rule.do is not None and rule.do.operation is Operation.DELETE:
        return Verb.DELETE
    return _VERBS.get(rule.kind)


def probe(
    silo: str,
    connector: Connector,
    needed: Collection[Needed],
    progress: Progress,
    written: Collection[tuple[str, str]] = (),
) -> list[Step]:
    """Try one thing after the other, and say how each ended.

    ``needed`` is what rules do, ``written`` the types and attributes that they write.
    """
    with ExitStack() as stack:
        progress.start(f"reaching {silo}")
        try:
            session = stack.enter_context(connector.open())
            if isinstance(inner := plain(session), Reaches):
                inner.reach()
        except SiloError as error:
            later = [
                Step(name, State.SKIPPED, "not tried") for name in ("rights", "schema", "read")
            ]
            return [Step("reach", State.FAILED, error.message, _MEND), *later]
        steps = [Step("reach", State.OK, f"{silo} answers")]
        types = [kind for stream in connector.streams() for kind in stream]
        progress.start(f"asking {silo} for rights and schema")
        steps += _tried("rights", _rights(session, types, needed, written))
        steps += _tried("schema", _schema(session, types))
        for stream in connector.streams():
            progress.start(f"reading {', '.join(kind.name for kind in stream)}")
            steps += _tried("read", _read(session, stream))
        return steps


def _tried(name: str, steps: Iterator[Step]) -> list[Step]:
    """Take steps until one of them meets an error of the silo."""
    found: list[Step] = []
    try:
        found.extend(steps)
    except HyperSyncError as error:
        found.append(Step(name, State.FAILED, error.message, _MEND))
    return found


# --- rights --------------------------------------------------------------------------------------


def _rights(
    session: Session,
    types: Sequence[ObjectType],
    needed: Collection[Needed],
    written: Collection[tuple[str, str]],
) -> Iterator[Step]:
    inner = plain(session)
    told = list(inner.rights()) if isinstance(inner, TellsRights) else []
    wanted = {(kind.name, Verb.READ) for kind in types} | set(needed)
    for kind in types:
        own = [right for right in told if right.type == kind.name]
        known = [right for right in own if right.granted is not None]
        yield from (
            _denied(right, is_needed=(kind.name, right.verb) in wanted)
            for right in known
            if not right.granted
        )
        yield from (
            Step("rights", State.FAILED, _without(right, name), right.remedy)
            for right in known
            for name in right.except_for
            if right.granted and ((kind.name, name) in written or _is_read(kind, right, name))
        )
        if granted := [right.verb.value for right in known if right.granted]:
            yield Step("rights", State.OK, f"{kind.name}: may {', '.join(granted)}")
        unknown = [verb.value for verb in Verb if verb not in {right.verb for right in known}]
        if unknown:
            message = f"{kind.name}: the silo does not tell whether we may {', '.join(unknown)}"
            yield Step("rights", State.UNKNOWN, message)


def _is_read(kind: ObjectType, right: Right, name: str) -> bool:
    """Tell whether a scan reads an attribute that it may not; without names it reads all."""
    return right.verb is Verb.READ and (not kind.attributes or name in kind.attributes)


def _without(right: Right, name: str) -> str:
    """Say to which attribute a right that is granted does not extend."""
    done = "read" if right.verb is Verb.READ else "write"
    return f"{right.type}: may not {done} {name!r}"


def _denied(right: Right, *, is_needed: bool) -> Step:
    message = f"{right.type}: may not {right.verb.value}"
    if right.lacking:
        rights = "right" if len(right.lacking) == 1 else "rights"
        named = " and ".join(f"'{each}'" for each in right.lacking)
        message += f", because the account lacks the {rights} {named}"
    if is_needed:
        return Step("rights", State.FAILED, message, right.remedy or "give the account this right")
    return Step("rights", State.OK, f"{message}; no rule needs it")


# --- schema --------------------------------------------------------------------------------------


def _schema(session: Session, types: Sequence[ObjectType]) -> Iterator[Step]:
    mistakes = list(session.check())
    for mistake in mistakes:
        is_error = mistake.level is Level.ERROR
        state = State.FAILED if is_error else State.WARNING
        yield Step("schema", state, mistake.message, mistake.remedy)
    if any(mistake.level is Level.ERROR for mistake in mistakes):
        return
    schema = session.schema()
    for kind in types:
        yield _fit(schema, kind)


def _fit(schema: Schema, kind: ObjectType) -> Step:
    if kind.name not in schema.types:
        message = f"{kind.name}: the silo has no such type"
        return Step("schema", State.FAILED, message, "see `hypersync silo discover`")
    described = schema.types[kind.name]
    if described is None:
        return Step("schema", State.OK, f"{kind.name}: any attribute may be there")
    named = {*kind.attributes, *([kind.members] if kind.members else [])} - {"dn"}
    known = {name.lower() for name in described}
    lacking = sorted(name for name in named if name.lower() not in known)
    if lacking:
        message = f"{kind.name}: the silo has no attribute {', '.join(map(repr, lacking))}"
        return Step("schema", State.FAILED, message, "mend the rules, joins or the type")
    read_only = sum(each.read_only for each in described.values())
    message = f"{kind.name}: {len(described)} attributes, {read_only} of them read-only"
    return Step("schema", State.OK, message)


# --- reading -------------------------------------------------------------------------------------


def _read(session: Session, stream: Sequence[ObjectType]) -> Iterator[Step]:
    """Take the first objects of a scan, then read each of them alone."""
    anchors: dict[str, list[str]] = {kind.name: [] for kind in stream}
    invalid: list[Invalid] = []
    batches = session.scan(stream, None)
    try:
        for batch in batches:
            _note(batch, anchors, invalid)
            if all(len(found) >= OBJECTS for found in anchors.values()):
                break
    finally:
        if isinstance(batches, Generator):
            batches.close()
    for kind in stream:
        yield _read_again(session, kind, anchors[kind.name])
    for each in invalid:
        yield Step("read", State.WARNING, f"{each.type}: {each.where}: {each.why}", "mend it there")


def _note(batch: Batch, anchors: dict[str, list[str]], invalid: list[Invalid]) -> None:
    for event in batch:
        if isinstance(event, Seen) and len(anchors[event.type]) < OBJECTS:
            anchors[event.type].append(event.anchor)
        elif isinstance(event, Invalid) and len(invalid) < OBJECTS:
            invalid.append(event)


def _read_again(session: Session, kind: ObjectType, anchors: Sequence[str]) -> Step:
    lost = [anchor for anchor in anchors if session.read(kind, anchor) is None]
    if lost:
        message = f"{kind.name}: scanned, and not found by its anchor: {', '.join(lost)}"
        return Step("read", State.FAILED, message, "see whether the anchor is what never changes")
    if not anchors:
        message = f"{kind.name}: there is no object"
        return Step("read", State.WARNING, message, "see whether the type finds what it should")
    listed = ", ".join(anchors)
    plural = "object" if len(anchors) == 1 else "objects"
    return Step("read", State.OK, f"{kind.name}: {len(anchors)} {plural}: {listed}")
