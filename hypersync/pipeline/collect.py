"""Collects what evaluation found: new candidates, and what becomes of actions that are open.

One open action per key. What a rule wants again is compared with the open action of the same key:
the same change is nothing new, an approved one is released, another change replaces it and is asked
again. What a rule certainly no longer wants makes its undecided actions stale. A rejection holds
until the condition was once false, the change differs, or its time is over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hypersync.model.actions import ActionState
from hypersync.model.ids import ActionId, IdentityId, new_public_id
from hypersync.model.runs import RunError
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.evaluate import Look
from hypersync.pipeline.release import (
    MOST_REPLACEMENTS,
    Against,
    against_open,
    fingerprint,
    hold_applies,
)
from hypersync.pipeline.vip import Vip, Vips
from hypersync.ports.store.actions import OpenAction, Proposal
from hypersync.ports.store.marks import Hold
from hypersync.rulebook.rules import Rule, RuleKind

_UNDONE = (ActionState.SUSPENDED, ActionState.APPROVED, ActionState.QUEUED)


@dataclass(slots=True)
class Candidate:
    """A new action before the guards, its payload already spooled."""

    id: ActionId
    draft: Draft
    vip: Vip | None
    replaces: OpenAction | None = None


@dataclass(slots=True, kw_only=True)
class Before:
    """What stood when the run began: open actions and holds by key, and marks of events."""

    open: dict[str, OpenAction] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    held: set[tuple[str, IdentityId]] = field(default_factory=set)
    memory: dict[IdentityId, Mapping[str, str | None]] = field(default_factory=dict)

    def watched(self) -> Collection[int]:
        """Return the identities that have to be looked at closely."""
        return (
            {each.identity for each in self.open.values()}
            | {each.identity for each in self.holds.values()}
            | {identity for _, identity in self.held}
            | set(self.memory)
        )


@dataclass(slots=True)
class Collected:
    """Everything a run found, before the guards."""

    candidates: dict[str, dict[str, Candidate]] = field(default_factory=dict)
    release: dict[ActionId, OpenAction] = field(default_factory=dict)
    again: dict[ActionId, OpenAction] = field(default_factory=dict)
    stale: dict[ActionId, OpenAction] = field(default_factory=dict)
    void: dict[ActionId, OpenAction] = field(default_factory=dict)
    dropped_holds: set[str] = field(default_factory=set)
    stopped_events: set[tuple[str, IdentityId]] = field(default_factory=set)
    repeated: list[tuple[str, IdentityId, str, str]] = field(default_factory=list)
    errors: list[RunError] = field(default_factory=list)
    vips: dict[IdentityId, tuple[str, ...]] = field(default_factory=dict)
    wakes: dict[IdentityId, datetime] = field(default_factory=dict)
    unfinished: set[IdentityId] = field(default_factory=set)
    identities: int = 0


class Collector:
    """Takes looks one after the other; a second look at an identity replaces its first."""

    def __init__(
        self,
        before: Before,
        rules: Mapping[str, Rule],
        spool: Callable[[Proposal], None],
        discard: Callable[[ActionId], None],
        *,
        now: datetime,
        may_release: Callable[[OpenAction, Draft], bool],
        vips: Vips,
    ) -> None:
        self.found = Collected()
        self._before = before
        self._rules = rules
        self._spool = spool
        self._discard = discard
        self._now = now
        self._may_release = may_release
        self._vips = vips
        self._by_identity: dict[IdentityId, list[tuple[str, str]]] = {}
        self._open_of: dict[IdentityId, list[OpenAction]] = {}
        self._holds_of: dict[IdentityId, list[Hold]] = {}
        self._index(before)

    def learn(self, late: Before, identities: Collection[int]) -> None:
        """Take in what stands of identities that join the run later; what ended is forgotten."""
        self._unlearn(frozenset(identities))
        self._before.open.update(late.open)
        self._before.holds.update(late.holds)
        self._before.held.update(late.held)
        self._before.memory.update(late.memory)
        self._index(late)

    def _unlearn(self, identities: frozenset[int]) -> None:
        """Forget what stood of identities before; it is read again."""
        before = self._before
        before.open = {k: v for k, v in before.open.items() if v.identity not in identities}
        before.holds = {k: v for k, v in before.holds.items() if v.identity not in identities}
        before.held = {each for each in before.held if each[1] not in identities}
        before.memory = {k: v for k, v in before.memory.items() if k not in identities}
        for identity in identities:
            for closing in (self.found.release, self.found.again, self.found.stale):
                for action in self._open_of.get(IdentityId(identity), ()):
                    closing.pop(action.id, None)
            self._open_of.pop(IdentityId(identity), None)
            self._holds_of.pop(IdentityId(identity), None)

    def _index(self, before: Before) -> None:
        for action in before.open.values():
            self._open_of.setdefault(action.identity, []).append(action)
        for hold in before.holds.values():
            self._holds_of.setdefault(hold.identity, []).append(hold)

    def _memory(self, identity: IdentityId) -> Mapping[str, str | None]:
        return self._before.memory.get(identity, {})

    def void_orphans(self, *, is_simulated: bool) -> None:
        """Close the open actions of rules that are gone, and the queued ones of simulated rules.

        ``is_simulated`` is whether all rules are.
        """
        for action in self._before.open.values():
            rule = self._rules.get(action.rule)
            if rule is None:
                is_orphan = action.state in _UNDONE
            else:
                is_orphan = action.state is ActionState.QUEUED and (is_simulated or rule.simulate)
            if is_orphan:
                self.found.void[action.id] = action

    def take(self, look: Look) -> None:
        """Take in what one identity says."""
        self._forget(look.identity)
        for problem in look.problems:
            self.found.errors.append(
                RunError(problem.rule, problem.identity, problem.code, problem.message)
            )
            self.found.unfinished.add(look.identity)
        if look.waits:
            self.found.errors.append(RunError(None, look.identity, "ambiguous", look.waits))
            self.found.unfinished.add(look.identity)
            return
        if look.vips:
            self.found.vips[look.identity] = tuple(look.vips)
        if look.wake is not None:
            self.found.wakes[look.identity] = look.wake
        seen = {draft.key for draft in look.drafts}
        for draft in look.drafts:
            self._consider(draft, look)
        self._withdraw(look, seen)

    def _forget(self, identity: IdentityId) -> None:
        for rule, key in self._by_identity.pop(identity, ()):
            candidate = self.found.candidates[rule].pop(key, None)
            if candidate is not None:
                self._discard(candidate.id)
        self.found.vips.pop(identity, None)
        for action in self._open_of.get(identity, ()):
            for closing in (self.found.release, self.found.again, self.found.stale):
                closing.pop(action.id, None)

    def _consider(self, draft: Draft, look: Look) -> None:
        rule = draft.rule
        print_ = fingerprint(draft, rule.content_hash)
        existing = self._before.open.get(draft.key)
        if existing is not None and not self._is_replaced(existing, draft, print_, look):
            return
        is_event = rule.kind is RuleKind.EVENT
        if is_event and existing is None and (rule.id, draft.identity) in self._before.held:
            return
        hold = self._before.holds.get(draft.key)
        if hold is not None and hold_applies(hold, print_, self._now):
            text = f"rejected; it holds until {hold.until:%Y-%m-%d %H:%M} UTC"
            self.found.repeated.append((rule.id, draft.identity, draft.key, text))
            if existing is not None and existing.state is ActionState.QUEUED:
                self.found.stale[existing.id] = existing
            return
        self._add(draft, look, print_, existing)

    def _is_replaced(self, existing: OpenAction, draft: Draft, print_: str, look: Look) -> bool:
        """Compare with the open action of the same key; true when a new one takes its place."""
        match against_open(existing, print_):
            case Against.RELEASE:
                return self._release(existing, draft, look)
            case Against.AGAIN if self._is_new_vip(existing, draft, look):
                return True
            case Against.AGAIN:
                self.found.again[existing.id] = existing
            case Against.UNSTABLE:
                text = f"unstable: it changed more than {MOST_REPLACEMENTS} times while waiting"
                self.found.errors.append(
                    RunError(existing.rule, existing.identity, "unstable", text)
                )
            case Against.REPLACE:
                return True
            case Against.NOTHING:
                pass
        return False

    def _add(self, draft: Draft, look: Look, print_: str, existing: OpenAction | None) -> None:
        action = ActionId(new_public_id())
        replacements = 0 if existing is None else existing.replacements + 1
        self._spool(_proposal(action, draft, print_, replacements))
        rule = draft.rule.id
        vip = self._vips.of(draft, look.vips, self._memory(look.identity), self._now)
        self.found.candidates.setdefault(rule, {})[draft.key] = Candidate(
            action, draft, vip, existing
        )
        self._by_identity.setdefault(draft.identity, []).append((rule, draft.key))

    def _release(self, action: OpenAction, draft: Draft, look: Look) -> bool:
        """Release what was approved; a volume approval does not cover a VIP: that asks again."""
        if not self._may_release(action, draft):
            return False
        if self._is_new_vip(action, draft, look):
            return True
        self.found.release[action.id] = action
        return False

    def _is_new_vip(self, action: OpenAction, draft: Draft, look: Look) -> bool:
        """Tell whether a VIP is concerned now who was none when the action was let through."""
        memory = self._memory(look.identity)
        return action.vip is None and bool(self._vips.of(draft, look.vips, memory, self._now))

    def _withdraw(self, look: Look, seen: Collection[str]) -> None:
        """Close what is no longer wanted: only a clean false, or nothing left to do, decides."""
        for action in self._open_of.get(look.identity, ()):
            over = action.rule in look.clean_false or action.rule in look.fired
            if over and action.key not in seen and action.state in _UNDONE:
                self.found.stale[action.id] = action
        for hold in self._holds_of.get(look.identity, ()):
            if hold.rule in look.clean_false and hold.key not in seen:
                self.found.dropped_holds.add(hold.key)
        held = {(rule, look.identity) for rule in look.clean_false}
        self.found.stopped_events |= held & self._before.held


def _proposal(action: ActionId, draft: Draft, print_: str, replacements: int) -> Proposal:
    return Proposal(
        id=action,
        rule=draft.rule.id,
        kind=draft.rule.kind.value,
        identity=draft.identity,
        object_id=draft.object_id,
        silo=draft.silo,
        type=draft.type,
        anchor=draft.anchor,
        slot=draft.slot,
        operation=draft.operation,
        key=draft.key,
        target=draft.target,
        before=draft.before,
        after=draft.after,
        once=draft.once,
        title=draft.name,
        fingerprint=print_,
        replacements=replacements,
    )
