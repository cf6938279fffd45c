"""Finds the common cause of what was stopped, so that people need not look for it row by row.

Asked only after a guard stopped something, in a snapshot of its own. Failure direction: a cause is
advice. When it cannot be found, people are asked without it, and the run says so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hypersync.model.causes import Cause
from hypersync.model.ids import ActionId
from hypersync.model.runs import RunError
from hypersync.model.scans import Scan, ScanId, ScanKind
from hypersync.pipeline.causes.choose import FEWEST, Clue, Feature, Kind, Part, partition
from hypersync.pipeline.causes.clues import find_clues
from hypersync.pipeline.causes.features import of_changes
from hypersync.pipeline.causes.subjects import StoppedActions
from hypersync.pipeline.causes.text import ScanFacts, cause_of, keys
from hypersync.pipeline.collect import Candidate
from hypersync.pipeline.drafts import Draft
from hypersync.ports.store import Store, UnitOfWork
from hypersync.rulebook.nodes import Attribute, SlotState, State, walk
from hypersync.rulebook.rules import Rule, Rulebook, RuleKind, Slot

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Common:
    """The cause of one rule's stopped actions, and in which cluster each of them is."""

    cause: Cause
    clusters: Mapping[ActionId, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where causes are looked for; ``files`` are the silos that are read from files.

    ``unsaid`` are the attributes, in lower case, of which nothing is said.
    """

    store: Store
    rulebook: Rulebook
    files: frozenset[str]
    unsaid: frozenset[str]
    now: datetime


def common_causes(
    ground: Ground, stopped: Mapping[str, Sequence[Candidate]]
) -> tuple[dict[str, Common], list[RunError]]:
    """Return the causes by rule, and what went wrong while they were looked for."""
    found: dict[str, Common] = {}
    errors = []
    for rule, candidates in stopped.items():
        if len(candidates) < FEWEST:
            continue
        try:
            found[rule] = _common_cause(ground, candidates)
        except Exception as error:
            _logger.exception("rule %s: no common cause", rule)
            # what an error says may hold values of people; the log is for who may see those
            kind = type(error).__name__
            text = f"what the stopped actions share could not be computed ({kind}); see the log"
            errors.append(RunError(rule, None, "cause", text))
    return found, errors


def _common_cause(ground: Ground, candidates: Sequence[Candidate]) -> Common:
    drafts = [each.draft for each in candidates]
    rule, count = drafts[0].rule, len(drafts)
    with ground.store.snapshot() as unit:
        own = [frozenset(_own(draft)) for draft in drafts]
        subjects = StoppedActions(unit, [draft.identity for draft in drafts], own)
        implied = _implied(ground.rulebook, rule, drafts)
        clues = find_clues(unit, subjects, implied=implied, unsaid=ground.unsaid)
        scans = _scan_facts(unit, clues, ground.files)
    clues = [each for each in clues if each.feature.kind is not Kind.SCAN or _is_known(each, scans)]
    parts = partition(clues, count)
    cause = cause_of(parts, clues, count, scans, ground.now)
    return Common(cause, dict(_places(candidates, parts)) if cause.clusters else {})


def _places(
    candidates: Sequence[Candidate], parts: Sequence[Part]
) -> Iterator[tuple[ActionId, str]]:
    """Yield every action with the key of its cluster."""
    for key, part in zip(keys(parts), parts, strict=True):
        bits = f"{part.actions:0{len(candidates)}b}"[::-1]
        for candidate, bit in zip(candidates, bits, strict=True):
            if bit == "1":
                yield candidate.id, key


# --- what the rule says ------------------------------------------------------------------------


def _own(draft: Draft) -> Iterator[Feature]:
    """Yield what an action itself says: what it writes, and for memberships which group."""
    source = f"{draft.silo}/{draft.type}"
    if draft.rule.kind is RuleKind.MEMBERSHIP:
        if draft.anchor is not None:
            yield Feature(Kind.GROUP, source, "", draft.anchor)
    elif draft.after is not None:
        after = {name: value for name, value in draft.after.items() if name not in draft.once}
        yield from of_changes(Kind.BECOMES, source, after, draft.before)


def _implied(rulebook: Rulebook, rule: Rule, drafts: Sequence[Draft]) -> set[tuple[str, str]]:
    """Return the attributes, by type, that the rule's condition reads or its actions write."""
    slots = {slot.name: slot for slot in rulebook.slots}
    read = {
        (f"{slot.silo}/{slot.type}", name)
        for expression in (rule.pure, rule.counting)
        for node in (() if expression is None else walk(expression.node))
        if isinstance(node, Attribute | SlotState) and (slot := slots.get(node.slot)) is not None
        if (name := _named(node, slot)) is not None
    }
    return read | set(_written(drafts))


def _named(node: Attribute | SlotState, slot: Slot) -> str | None:
    """Return the attribute that an expression reads, ``None`` for whether an object is there."""
    if isinstance(node, Attribute):
        return node.name
    return slot.enabled.attribute if node.state is State.ENABLED and slot.enabled else None


def _written(drafts: Iterable[Draft]) -> Iterator[tuple[str, str]]:
    for draft in drafts:
        for name in {*(draft.before or ()), *(draft.after or ())}:
            yield f"{draft.silo}/{draft.type}", name


# --- what the scans say ------------------------------------------------------------------------


def _scan_facts(
    unit: UnitOfWork, clues: Iterable[Clue], files: frozenset[str]
) -> dict[str, ScanFacts]:
    """Return what is known of every scan that a clue names."""
    found = {}
    for clue in clues:
        feature = clue.feature
        if feature.kind is not Kind.SCAN or feature.value in found:
            continue
        scan = unit.scans.get(ScanId(str(feature.value)))
        if scan is not None:
            kind = feature.source.removeprefix(f"{scan.silo}/")
            found[str(feature.value)] = _facts(unit, scan, kind, files)
    return found


def _is_known(clue: Clue, scans: Mapping[str, ScanFacts]) -> bool:
    return str(clue.feature.value) in scans


def _facts(unit: UnitOfWork, scan: Scan, kind: str, files: frozenset[str]) -> ScanFacts:
    before = unit.scans.before(scan) if scan.kind is ScanKind.FULL else None
    return ScanFacts(
        silo=scan.silo,
        at=scan.started_at,
        is_file=scan.silo in files,
        seen=_seen(scan, kind),
        seen_before=None if before is None else _seen(before, kind),
    )


def _seen(scan: Scan, kind: str) -> int | None:
    verdict = scan.types.get(kind)
    return None if verdict is None else verdict.counts.seen
