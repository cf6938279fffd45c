"""How a plan file is written and read. Pure.

JSON lines. The first says what the plan is and what it rests on; then one line per action, those
that the guards would hold back among them; the last has the SHA-256 of all lines before it (what
``head -n -1 FILE | sha256sum`` prints) and the Ed25519 signatures of that. Each line has exactly
one form, keys sorted and no spaces, and the counts of the first line are those of the actions.

Failure direction: a file that differs in one byte from what was written is refused whole, with the
line where it can be told; so is one that ends early or goes on after its end.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from hypersync.errors import PlanFileRefused
from hypersync.model.actions import Reason
from hypersync.model.canonical import decode_mapping, encode_value
from hypersync.model.ids import IdentityId, RunId
from hypersync.model.objects import Operation
from hypersync.model.plan_file import (
    Basis,
    PlanCounts,
    PlanFile,
    PlanHeader,
    PlannedAction,
    Signature,
    Verdict,
    count,
    signed_message,
)
from hypersync.model.runs import RunKind
from hypersync.model.signing import verify

FORMAT = 1
LONGEST_LINE = 16 * 1024 * 1024
"""The most bytes of one line: more than any object that a directory holds."""
_END_STARTS = b'{"hash":'
_SOMETHING_ELSE = "this is no plan file; make one with `hypersync sync --out FILE`"
_T = TypeVar("_T")


# --- writing -----------------------------------------------------------------------------------


def plan_lines(
    header: PlanHeader,
    actions: Iterable[PlannedAction],
    signatures: Callable[[str], Sequence[Signature]] = lambda _: (),
) -> Iterator[bytes]:
    """Return the lines of a plan file one by one, each with its end.

    ``signatures`` are asked for with the hash, when all else is written.
    """
    digest = sha256()
    first = _header_line(header)
    digest.update(first)
    yield first
    for action in actions:
        line = _action_line(action)
        digest.update(line)
        yield line
    plan_hash = digest.hexdigest()
    yield end_line(plan_hash, signatures(plan_hash))


def end_line(plan_hash: str, signatures: Sequence[Signature]) -> bytes:
    """Return the last line of a plan file."""
    named = [
        {"key": each.key, "signature": b64encode(each.signature).decode("ascii")}
        for each in signatures
    ]
    return encode_value({"hash": plan_hash, "signatures": named}) + b"\n"


def _header_line(header: PlanHeader) -> bytes:
    wire = {
        "format": FORMAT,
        "version": header.version,
        "installation": header.installation,
        "environment": header.environment,
        "run": header.run,
        "kind": header.kind.value,
        "object": header.object_key,
        "made_at": _time_text(header.made_at),
        "made_by": header.made_by,
        "revision": header.revision,
        "scans": [
            {
                "silo": each.silo,
                "types": each.types,
                "scan": each.scan,
                "at": _time_text(each.at),
            }
            for each in header.scans
        ],
        "counts": _counts(header.counts),
        "raises": dict(header.raises),
        "reason": header.reason,
    }
    return encode_value(wire) + b"\n"


def _counts(counts: PlanCounts) -> dict[str, object]:
    return {
        "actions": counts.actions,
        "irreversible": counts.irreversible,
        "verdicts": dict(counts.verdicts),
        "rules": dict(counts.rules),
        "operations": dict(counts.operations),
        "attributes": dict(counts.attributes),
    }


def _action_line(action: PlannedAction) -> bytes:
    wire = {
        "rule": action.rule,
        "identity": str(action.identity),
        "key": action.key,
        "title": action.title,
        "silo": action.silo,
        "type": action.type,
        "anchor": action.anchor,
        "operation": action.operation.value,
        "before": None if action.before is None else dict(action.before),
        "after": None if action.after is None else dict(action.after),
        "once": dict(action.once),
        "fingerprint": action.fingerprint,
        "irreversible": action.irreversible,
        "verdict": action.verdict.value,
        "reasons": [
            {"guard": each.guard, "name": each.name, "text": each.text} for each in action.reasons
        ],
    }
    return encode_value(wire) + b"\n"


def _time_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


# --- reading -----------------------------------------------------------------------------------


def read_plan(lines: Iterable[bytes]) -> PlanFile:
    """Read a whole plan file, line by line with their ends; raises `PlanFileRefused`."""
    numbered = enumerate(lines, 1)
    first = next(numbered, (1, b""))[1]
    header = _read_header(first)
    digest = sha256(first)
    actions: list[PlannedAction] = []
    for number, line in numbered:
        if line.startswith(_END_STARTS):
            _refuse_more(numbered)
            return _whole(header, actions, digest.hexdigest(), line, number)
        actions.append(_read_action(line, number))
        digest.update(line)
    raise PlanFileRefused(
        f"the plan file ends after line {len(actions) + 1}; its end is missing", len(actions) + 1
    )


def _refuse_more(rest: Iterator[tuple[int, bytes]]) -> None:
    for number, _ in rest:
        raise PlanFileRefused(f"line {number} comes after the end of the plan", number)


def _whole(
    header: PlanHeader, actions: list[PlannedAction], digest: str, line: bytes, number: int
) -> PlanFile:
    """Check the end of the file against what was read before it."""
    end = _read(_End, line, number)
    if end.hash != digest:
        raise PlanFileRefused(
            f"the plan file was changed: its hash is {digest}, its last line says {end.hash}"
        )
    signatures = tuple(_read_signature(each, digest, number) for each in end.signatures)
    if end_line(digest, signatures) != line:
        raise _changed(number)
    if len({each.key for each in signatures}) < len(signatures):
        raise PlanFileRefused(f"line {number}: one key signed twice", number)
    if count(actions) != header.counts:
        raise PlanFileRefused("line 1: its counts are not those of the actions", 1)
    if len({each.key for each in actions}) < len(actions):
        raise PlanFileRefused("the plan file holds one action twice")
    return PlanFile(header=header, actions=tuple(actions), hash=digest, signatures=signatures)


def _read_header(line: bytes) -> PlanHeader:
    try:
        known = msgspec.json.decode(line, type=_Format)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise PlanFileRefused(_SOMETHING_ELSE if line else "the plan file is empty", 1) from error
    if known.format > FORMAT:
        raise PlanFileRefused(
            f"the plan file has format {known.format}, this HyperSync reads {FORMAT}; "
            "use the version that made it, or make the plan again",
            1,
        )
    wire = _read(_Header, line, 1)
    header = PlanHeader(
        version=wire.version,
        installation=wire.installation,
        environment=wire.environment,
        run=RunId(wire.run),
        kind=wire.kind,
        object_key=wire.object,
        made_at=wire.made_at,
        made_by=wire.made_by,
        revision=wire.revision,
        scans=wire.scans,
        counts=wire.counts,
        raises=wire.raises,
        reason=wire.reason,
    )
    if _header_line(header) != line:
        raise _changed(1)
    return header


def _read_action(line: bytes, number: int) -> PlannedAction:
    wire = _read(_Action, line, number)
    try:
        action = PlannedAction(
            rule=wire.rule,
            identity=IdentityId(int(wire.identity)),
            key=wire.key,
            title=wire.title,
            silo=wire.silo,
            type=wire.type,
            anchor=wire.anchor,
            operation=wire.operation,
            before=decode_mapping(wire.before),
            after=decode_mapping(wire.after),
            once=decode_mapping(wire.once) or {},
            fingerprint=wire.fingerprint,
            verdict=wire.verdict,
            reasons=wire.reasons,
            irreversible=wire.irreversible,
        )
        again = _action_line(action)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _changed(number) from error
    if again != line:
        raise _changed(number)
    return action


def _read_signature(wire: _Signature, digest: str, number: int) -> Signature:
    try:
        signature = Signature(wire.key, b64decode(wire.signature, validate=True))
    except ValueError as error:
        raise _changed(number) from error
    if not verify(signature.key, signed_message(digest), signature.signature):
        raise PlanFileRefused(f"line {number}: the signature of {wire.key} is wrong", number)
    return signature


def _read(wire: type[_T], line: bytes, number: int) -> _T:
    """Read one line as what it has to be."""
    if len(line) > LONGEST_LINE:
        raise PlanFileRefused(f"line {number} is longer than {LONGEST_LINE} bytes", number)
    if not line.endswith(b"\n"):
        raise PlanFileRefused(f"line {number} is cut short", number)
    try:
        return msgspec.json.decode(line, type=wire)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise PlanFileRefused(f"line {number} is no line of a plan: {error}", number) from error


def _changed(number: int) -> PlanFileRefused:
    return PlanFileRefused(f"line {number} is not as HyperSync writes it: it was changed", number)


class _Format(msgspec.Struct, frozen=True):
    format: int


class _Header(msgspec.Struct, frozen=True):
    version: str
    installation: str
    environment: str
    run: str
    kind: RunKind
    object: tuple[str, str, str] | None
    made_at: datetime
    made_by: str | None
    revision: str
    scans: tuple[Basis, ...]
    counts: PlanCounts
    raises: dict[str, int]
    reason: str | None


class _Action(msgspec.Struct, frozen=True):
    rule: str
    identity: str
    key: str
    title: str
    silo: str
    type: str
    anchor: str | None
    operation: Operation
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    once: dict[str, Any]
    fingerprint: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    irreversible: str | None


class _Signature(msgspec.Struct, frozen=True):
    key: str
    signature: str


class _End(msgspec.Struct, frozen=True):
    hash: str
    signatures: tuple[_Signature, ...]
