"""Evaluates identities: which rules hold for each, what they would change, and who is a VIP.

Reads objects in identity order, an identity's objects together; decodes only the attributes that
rules name, asks the one fused function, and drops everything again. Only identities that have
something to say (a draft, a problem, a mark to change) leave a `Look`. When the fused function
raises, the rules are asked one by one and only the failing ones are marked.

Ambiguous and freshly regrouped identities run no rule; each is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import compress, product
from math import prod
from typing import Any
from zoneinfo import ZoneInfo

from hypersync.errors import EvaluationError
from hypersync.model.ids import ActionId, IdentityId
from hypersync.pipeline.drafts import Draft, Identity, Problem
from hypersync.pipeline.propose import Proposer
from hypersync.rulebook.compile import Evaluator
from hypersync.rulebook.rules import Rule, Rulebook, RuleKind

Row = tuple[int, str | None, int, str, str | bytes, str | None]
"""Identity, slot, object id, anchor, stored JSON, and why the object is not there (or ``None``)."""

MOST_CHOICES = 64
"""How many ways to choose between rivals for slots are tried."""

MOST_FAILURES = 1_000
"""How often a rule may fail in a run before it is asked apart from the others."""
_UTC = ZoneInfo("UTC")


@dataclass(slots=True)
class Look:
    """What evaluating one identity found.

    ``fired`` are the ids of the rules that were asked and hold, without those whose change could
    not be told. ``clean_false`` are those among the asked ones that certainly do not hold; it is
    only filled for watched identities. ``vips`` names the VIP rules that are true, unknown or in
    error. ``wake`` is the next time to look again, ``waits`` why no rule runs, ``asked`` the ids of
    the rules that were asked, ``None`` for all. ``loops`` are flows that are stopped.
    ``leaver`` is the name of somebody who may have left, and for whom no rule can run.

    No rule says what becomes of open undos: ``over`` are the keys of those that certainly are no
    longer to be done, ``untold`` why that cannot be told of others. ``kept`` are the open ones that
    take something back: what they undo stays held whatever its rule says.
    """

    identity: IdentityId
    drafts: list[Draft] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    vips: Mapping[str, bool] = field(default_factory=dict)
    fired: frozenset[str] = frozenset()
    clean_false: frozenset[str] = frozenset()
    wake: datetime | None = None
    waits: str = ""
    asked: frozenset[str] | None = None
    leaver: str = ""
    over: frozenset[str] = frozenset()
    untold: Mapping[str, str] = field(default_factory=dict)
    kept: frozenset[ActionId] = frozenset()
    loops: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What an evaluation is asked for.

    ``rules`` limits which rules may propose for an identity (approved actions are evaluated for
    their own rule only); an identity that is not in it gets all. ``watched`` identities always
    leave a look. ``waiting`` maps identities that run no rule to the reason.
    """

    rules: Mapping[int, frozenset[str]] = field(default_factory=dict)
    watched: Collection[int] = frozenset()
    waiting: Mapping[int, str] = field(default_factory=dict)


def evaluate(
    rows: Iterable[Row],
    rulebook: Rulebook,
    evaluator: Evaluator,
    proposer: Proposer,
    scope: Scope,
    *,
    now: datetime,
    enter: Callable[[Identity], None],
) -> Iterator[Look | None]:
    """Yield one look per identity that has something to say, and ``None`` for the others.

    ``enter`` is told of each identity before its rules are asked for values.
    """
    worker = _Worker(rulebook, evaluator, proposer, scope, now, enter)
    decoders = {slot.name: index for index, slot in enumerate(rulebook.slots)}
    layouts = [layout.decode for layout in evaluator.layouts]
    for identity in grouped(rows, decoders, layouts):
        yield worker.look(identity)


def grouped(
    rows: Iterable[Row], slots: Mapping[str, int], decoders: list[Callable[[Any], Any]]
) -> Iterator[Identity]:
    """Gather the rows of one identity after the other; an unused slot's objects are left out."""
    width = len(decoders)
    current: Identity | None = None
    last = None
    for identity, slot, object_id, anchor, attributes, absence in rows:
        if identity != last:
            if current is not None:
                yield current
            last = identity
            current = Identity(IdentityId(identity), [None] * width, [None] * width)
        index = slots.get(slot) if slot is not None else None
        if index is None:
            continue
        if absence is None:
            if current.rows[index] is not None:  # type: ignore[union-attr]
                _add_rival(current, index)  # type: ignore[arg-type]
            current.objects[index] = decoders[index](attributes)  # type: ignore[union-attr]
            current.rows[index] = (object_id, anchor, attributes)  # type: ignore[union-attr]
        else:
            _mark_absent(current, index, absence)  # type: ignore[arg-type]
    if current is not None:
        yield current


def _add_rival(identity: Identity, index: int) -> None:
    """Keep the object that another one takes the slot from."""
    if identity.rivals is None:
        identity.rivals = {}
    identity.rivals.setdefault(index, []).append(identity.objects[index])


def _mark_absent(identity: Identity, index: int, absence: str) -> None:
    if absence == "invalid":
        identity.invalid |= 1 << index
    elif absence == "out_of_scope":
        identity.outside |= 1 << index
    else:
        identity.gone |= 1 << index


class _Worker:
    """Looks at one identity after the other."""

    def __init__(
        self,
        rulebook: Rulebook,
        evaluator: Evaluator,
        proposer: Proposer,
        scope: Scope,
        now: datetime,
        enter: Callable[[Identity], None],
    ) -> None:
        self._rules = rulebook.rules
        self._vips = tuple(vip.name for vip in rulebook.vips)
        self._evaluator = evaluator
        self._proposer = proposer
        self._scope = scope
        self._now = now
        self._enter = enter
        self._narrow = True
        self._narrow_failures = 0
        self._leaving = [
            rule
            for rule in rulebook.rules
            if rule.kind is RuleKind.MEMBERSHIP and rule.mode == "authoritative"
        ]
        self._waking = [rule for rule in rulebook.rules if rule.wake is not None]
        self._failures: Counter[tuple[str, int]] = Counter()
        self._apart: frozenset[tuple[str, int]] = frozenset()

    def look(self, identity: Identity) -> Look | None:
        """Return what there is to say about an identity, or nothing."""
        if identity.id in self._scope.waiting:
            return self._held_up(identity, self._scope.waiting[identity.id])
        problems: list[Problem] = []
        self._enter(identity)
        answers = self._answers(identity, problems)
        count = len(self._rules)
        fired = list(compress(self._rules, answers))
        if not (fired or problems or self._leaving or self._waking or True in answers[count:]):
            return self._plain(identity) if identity.id in self._scope.watched else None
        return self._full(identity, fired, problems, answers[count:])

    def _held_up(self, identity: Identity, why: str) -> Look:
        """Return the look at an identity that runs no rule, and whether it may be a leaver."""
        leaver = ""
        if identity.rivals is not None and self._may_leave(identity, identity.rivals):
            leaver = identity.name()
        return Look(identity.id, waits=why, leaver=leaver)

    def _may_leave(self, identity: Identity, rivals: Mapping[int, list[Any]]) -> bool:
        """Tell whether, whichever objects are the right ones, some might have to be deprovisioned.

        With very many to choose from it counts as one: it cannot be told.
        """
        places = sorted(rivals)
        choices = [[identity.objects[each], *rivals[each]] for each in places]
        if prod(map(len, choices)) > MOST_CHOICES:
            return True
        return any(
            self._is_leaver(identity, dict(zip(places, chosen, strict=True)))
            for chosen in product(*choices)
        )

    def _is_leaver(self, identity: Identity, chosen: Mapping[int, Any]) -> bool:
        objects = [chosen.get(index, each) for index, each in enumerate(identity.objects)]
        states = (objects, identity.gone, identity.outside, identity.invalid)
        return any(
            not self._evaluator.is_cleanly_false(rule.index, *states)
            for rule in self._rules
            if rule.kind is RuleKind.DEPROVISION
        )

    def _answers(self, identity: Identity, problems: list[Problem]) -> tuple[bool, ...]:
        """Ask all rules at once, or one by one when that fails."""
        states = (identity.objects, identity.gone, identity.outside, identity.invalid)
        if self._narrow and identity.id not in self._scope.watched:
            try:
                return self._with_apart(identity, self._evaluator.due(*states), problems)
            except Exception:  # noqa: BLE001 - generated code; a value may fail, not a condition
                self._narrow_failures += 1
                self._narrow = self._narrow_failures < MOST_FAILURES
        try:
            return self._with_apart(identity, self._evaluator.fused(*states), problems)
        except Exception:  # noqa: BLE001 - generated code; the rules are asked one by one
            return self._one_by_one(identity, problems)

    def _full(
        self,
        identity: Identity,
        fired: list[Rule],
        problems: list[Problem],
        vips: tuple[bool, ...],
    ) -> Look | None:
        asked = self._scope.rules.get(identity.id)
        wanted = fired if asked is None else [rule for rule in fired if rule.id in asked]
        drafts, more = self._proposer.propose(identity, wanted, fired)
        held = {rule.index for rule in fired}
        for rule in self._leaving:
            if rule.index not in held and (asked is None or rule.id in asked):
                drafts += self._leave(identity, rule, more)
        failed = {problem.rule for problem in more}
        wake = self._wake(identity) if self._waking else None
        watched = identity.id in self._scope.watched
        names = list(compress(range(len(vips)), vips))
        if not (drafts or problems or more or wake or watched or names):
            return None
        return Look(
            identity.id,
            drafts=drafts,
            problems=problems + more,
            vips={self._vips[index]: self._is_certain(index, identity) for index in names},
            fired=frozenset(rule.id for rule in wanted) - failed,
            clean_false=self._clean_false(identity, held) - failed if watched else frozenset(),
            wake=wake,
            asked=asked,
        )

    def _leave(self, identity: Identity, rule: Rule, problems: list[Problem]) -> list[Draft]:
        try:
            return self._proposer.leave_groups(identity, rule)
        except EvaluationError as error:
            problems.append(Problem(rule.id, identity.id, error.code, error.message))
            return []

    def _is_certain(self, index: int, identity: Identity) -> bool:
        """Tell whether a VIP rule is true, rather than unknown or in error."""
        rule = self._evaluator.rulebook.vips[index]
        try:
            value = self._evaluator.value(
                rule.when, identity.objects, identity.gone, identity.outside, identity.invalid
            )
        except EvaluationError:
            return False
        return value is True

    def _plain(self, identity: Identity) -> Look:
        asked = self._scope.rules.get(identity.id)
        return Look(identity.id, clean_false=self._clean_false(identity, set()), asked=asked)

    def _clean_false(self, identity: Identity, held: set[int]) -> frozenset[str]:
        asked = self._scope.rules.get(identity.id)
        return frozenset(
            rule.id
            for rule in self._rules
            if rule.index not in held
            and (asked is None or rule.id in asked)
            and self._evaluator.is_cleanly_false(
                rule.index, identity.objects, identity.gone, identity.outside, identity.invalid
            )
        )

    def _one_by_one(self, identity: Identity, problems: list[Problem]) -> tuple[bool, ...]:
        """Ask each rule and each VIP rule; one that raises does not hold, or makes a VIP."""
        rules = [self._ask_rule(index, identity, problems) for index in range(len(self._rules))]
        vips = [self._ask_vip(index, identity, problems) for index in range(len(self._vips))]
        failing = frozenset(
            each for each, count in self._failures.items() if count >= MOST_FAILURES
        )
        if failing != self._apart:
            self._apart = failing
            self._evaluator.set_apart(
                frozenset(index for kind, index in failing if kind == "rule"),
                frozenset(index for kind, index in failing if kind == "vip"),
            )
        return (*rules, *vips)

    def _with_apart(
        self, identity: Identity, answers: tuple[bool, ...], problems: list[Problem]
    ) -> tuple[bool, ...]:
        """Ask those that fail so often that the fused function does without them."""
        if not self._apart:
            return answers
        filled = list(answers)
        for kind, index in sorted(self._apart):
            if kind == "rule":
                filled[index] = self._ask_rule(index, identity, problems)
            else:
                filled[len(self._rules) + index] = self._ask_vip(index, identity, problems)
        return tuple(filled)

    def _ask_rule(self, index: int, identity: Identity, problems: list[Problem]) -> bool:
        try:
            return self._evaluator.rule(
                index, identity.objects, identity.gone, identity.outside, identity.invalid
            )
        except EvaluationError as error:
            self._failures["rule", index] += 1
            name = self._rules[index].id
            problems.append(Problem(name, identity.id, error.code, error.message))
            return False

    def _ask_vip(self, index: int, identity: Identity, problems: list[Problem]) -> bool:
        try:
            return self._evaluator.vip(
                index, identity.objects, identity.gone, identity.outside, identity.invalid
            )
        except EvaluationError as error:
            self._failures["vip", index] += 1
            name = f"vip:{self._vips[index]}"
            problems.append(Problem(name, identity.id, error.code, error.message))
            return True

    def _wake(self, identity: Identity) -> datetime | None:
        """Return the earliest time to come at which a rule wants to look again."""
        times = []
        for rule in self._waking:
            if rule.wake is None or (rule.target and not self._has_target(identity, rule)):
                continue
            try:
                value = self._evaluator.value(
                    rule.wake,
                    identity.objects,
                    identity.gone,
                    identity.outside,
                    identity.invalid,
                )
            except EvaluationError:
                continue
            moment = _moment(value)
            if moment is not None and moment > self._now:
                times.append(moment)
        return min(times, default=None)

    def _has_target(self, identity: Identity, rule: Rule) -> bool:
        slot = self._evaluator.rulebook.slot_index(rule.target)
        return (identity.objects[slot] is None) == (rule.kind is RuleKind.PROVISION)


def _moment(value: object) -> datetime | None:
    """Read a wake time; a date means the first moment after it, in UTC, when it is past."""
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=_UTC)
    if isinstance(value, date):
        return datetime.combine(value, time.max, _UTC)
    return None
