"""Collects what evaluation found: new candidates, and what becomes of actions that are open.

One open action per key; `release.next_of` says what becomes of it. What cannot be told now
(unknown, an error, an ambiguity) and what may not be released now (a pause, a blackout) waits, with
the reason written to the action. A rejection holds until the condition was once false, the change
differs, or its time is over; so does an undo, but only for what it undid: the rest of a change goes
on. A change that differs from a rejected one, what nobody answered and what became void is asked
again, however little it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from hypersync.model.actions import ActionState, is_undo
from hypersync.model.ids import ActionId, IdentityId, new_public_id
from hypersync.model.objects import Operation
from hypersync.model.runs import RunError
from hypersync.pipeline.asked_again import about_to_be_void, of_kin, why_again, why_for_kin
from hypersync.pipeline.drafts import Draft, Problem
from hypersync.pipeline.evaluate import Look
from hypersync.pipeline.found import Before, Candidate, Collected
from hypersync.pipeline.kin import kin_of
from hypersync.pipeline.release import (
    MOST_REPLACEMENTS,
    UNDONE,
    Next,
    Truth,
    fingerprint,
    hold_applies,
    hold_text,
    next_of,
)
from hypersync.pipeline.undo.undone import held_text, without_undone
from hypersync.pipeline.vip import Vip, Vips
from hypersync.ports.store.actions import OpenAction, Proposal, Trace
from hypersync.ports.store.marks import Hold, UndoHold
from hypersync.rulebook.rules import Rule, RuleKind

__all__ = ["Before", "Candidate", "Collected", "Collector"]

UNTOLD = "it cannot be told whether its condition still holds: a value is missing"


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
        rests: Callable[[OpenAction, Draft], str],
        vips: Vips,
        gone: Sequence[Trace] = (),
    ) -> None:
        self.found = Collected()
        self._before = before
        self._rules = rules
        self._spool = spool
        self._discard = discard
        self._now = now
        self._rests = rests
        self._vips = vips
        self._gone = gone
        self._orphans_of: dict[IdentityId, list[Hold]] = {}
        self._looked: set[IdentityId] = set()
        self._by_identity: dict[IdentityId, list[tuple[str, str]]] = {}
        self._open_of: dict[IdentityId, list[OpenAction]] = {}
        self._holds_of: dict[IdentityId, list[Hold]] = {}
        self._index(before)

    def learn(self, late: Before, identities: Collection[int]) -> None:
        """Take in what stands of identities that join the run later; what ended is forgotten.

        So is what was said of them before: they may have nothing to say any more.
        """
        for identity in identities:
            self._forget(IdentityId(identity))
        self._unlearn(frozenset(identities))
        self._before.open.update(late.open)
        self._before.holds.update(late.holds)
        self._before.undone.update(late.undone)
        self._before.held.update(late.held)
        self._before.memory.update(late.memory)
        self._index(late)

    def _unlearn(self, identities: frozenset[int]) -> None:
        """Forget what stood of identities before; it is read again."""
        before = self._before
        before.open = {k: v for k, v in before.open.items() if v.identity not in identities}
        before.holds = {k: v for k, v in before.holds.items() if v.identity not in identities}
        before.undone = {k: v for k, v in before.undone.items() if k not in identities}
        before.held = {each for each in before.held if each[1] not in identities}
        before.memory = {k: v for k, v in before.memory.items() if k not in identities}
        for identity in identities:
            for action in self._open_of.get(IdentityId(identity), ()):
                self.found.leave(action.id)
            self._open_of.pop(IdentityId(identity), None)
            self._holds_of.pop(IdentityId(identity), None)

    def _index(self, before: Before) -> None:
        for action in before.open.values():
            self._open_of.setdefault(action.identity, []).append(action)
        for hold in before.holds.values():
            self._holds_of.setdefault(hold.identity, []).append(hold)

    def void_orphans(self, *, is_simulated: bool) -> None:
        """Close the open actions of rules that are gone, and the queued ones of simulated rules.

        ``is_simulated`` is whether all rules are. Undos need no rule.
        """
        for action in self._before.open.values():
            rule = self._rules.get(action.rule)
            if rule is None and not is_undo(action.rule):
                is_orphan = action.state in UNDONE
            else:
                is_idle = is_simulated or (rule is not None and rule.simulate)
                is_orphan = is_idle and action.state is ActionState.QUEUED
            if is_orphan:
                self.found.void[action.id] = action
                if action.state is not ActionState.QUEUED:
                    hold = about_to_be_void(action, self._now)
                    self._orphans_of.setdefault(action.identity, []).append(hold)

    def take(self, look: Look) -> None:
        """Take in what one identity says."""
        self._forget(look.identity)
        self._looked.add(look.identity)
        self.found.complain(
            RunError(each.rule, each.identity, each.code, each.message)
            for each in _all_problems(look)
        )
        if look.problems:
            self.found.unfinished.add(look.identity)
        if look.waits:
            self._wait(look)
            return
        if look.vips:
            self.found.vips[look.identity] = tuple(look.vips)
        if look.wake is not None:
            self.found.wakes[look.identity] = look.wake
        drafts, undone = self._without_undone(look)
        for action in self._open_of.get(look.identity, ()):
            is_asked = look.asked is None or action.rule in look.asked
            if is_asked and (action.rule in self._rules or is_undo(action.rule)):
                self._go_on(action, drafts.pop(action.key, None), look)
        for draft in drafts.values():
            self._consider(draft, look, None)
        self._let_go(look, undone)

    def _forget(self, identity: IdentityId) -> None:
        """Take back what an earlier look at an identity said."""
        if identity not in self._looked:
            return
        self._looked.discard(identity)
        for rule, key in self._by_identity.pop(identity, ()):
            candidate = self.found.candidates[rule].pop(key, None)
            if candidate is not None:
                self._discard(candidate.id)
        self.found.forget(identity)
        for action in self._open_of.get(identity, ()):
            self.found.leave(action.id)

    def _wait(self, look: Look) -> None:
        """Leave everything as it is: no rule runs for this identity now."""
        self.found.complain([RunError(None, look.identity, "ambiguous", look.waits)])
        self.found.unfinished.add(look.identity)
        if look.leaver:
            self.found.leavers[look.identity] = (look.leaver, look.waits)
        for action in self._open_of.get(look.identity, ()):
            self._say(action, look.waits)

    # --- what is open --------------------------------------------------------------------------

    def _go_on(self, action: OpenAction, draft: Draft | None, look: Look) -> None:
        """Do with an open action what `next_of` says; ``draft`` is what is wanted in its place."""
        fresh = None if draft is None else fingerprint(draft, draft.rule.content_hash)
        is_vip = draft is not None and self._vip(draft, look) is not None
        why = ""
        match next_of(action, _truth(action, draft, look), fresh, is_vip=is_vip):
            case Next.STALE:
                self.found.stale[action.id] = action
            case Next.WAIT:
                why = look.untold.get(action.key) or _problem_of(action.rule, look) or UNTOLD
            case Next.AGAIN:
                self.found.again[action.id] = action
            case Next.RELEASE if draft is not None:
                why = self._release(action, draft)
            case Next.REPLACE if draft is not None:
                self._consider(draft, look, action)
            case Next.UNSTABLE:
                why = f"unstable: it changed more than {MOST_REPLACEMENTS} times while waiting"
                self.found.complain([RunError(action.rule, action.identity, "unstable", why)])
            case _:
                pass
        self._say(action, why)

    def _release(self, action: OpenAction, draft: Draft) -> str:
        """Release what was approved, or say what keeps it."""
        why = self._rests(action, draft)
        if not why:
            self.found.release[action.id] = action
        return why

    def _say(self, action: OpenAction, why: str) -> None:
        """Note what an open action waits for, where that is another reason than before."""
        if action.state in UNDONE and (why or None) != action.waits:
            self.found.waits[action.id] = why or None

    # --- what is new ---------------------------------------------------------------------------

    def _consider(self, draft: Draft, look: Look, existing: OpenAction | None) -> None:
        """Make a candidate of what is wanted, unless a rejection or an earlier event holds it."""
        rule = draft.rule
        is_event = rule.kind is RuleKind.EVENT
        if is_event and existing is None and (rule.id, draft.identity) in self._before.held:
            return
        rejection = self._rejected(draft)
        if rejection is not None:
            self._hold_back(draft, rejection, existing)
            return
        self._add(draft, look, existing)

    def _asked_again(self, draft: Draft) -> tuple[str, tuple[str, ...]]:
        """Say why people have to be asked again, and what is remembered of rules that are gone."""
        kin = kin_of(draft.rule, self._gone)
        known = self._holds_of.get(draft.identity, []) + self._orphans_of.get(draft.identity, [])
        theirs = list(of_kin(draft, known, kin, self._now)) if kin else []
        why = why_again(self._before.holds.get(draft.key), self._now)
        if not why and theirs:
            why = why_for_kin(theirs[0], self._now)
        return why, tuple(each.key for each in theirs)

    def _without_undone(self, look: Look) -> tuple[dict[str, Draft], set[ActionId]]:
        """Return by key what is wanted and was not undone, and the undos that hold the rest.

        A change that people rejected stays whole: its rejection holds it back.
        """
        holds = self._before.undone.get(look.identity, ())
        wanted = {draft.key: draft for draft in look.drafts}
        holding: set[ActionId] = set()
        for key, draft in list(wanted.items()) if holds else ():
            rest, held = without_undone(draft, holds, self._now)
            if not held or self._rejected(draft) is not None:
                continue
            holding |= {each.undo for each in held}
            names = () if rest is None else sorted({*(draft.after or {})} - {*(rest.after or {})})
            text = held_text(held, names)
            self.found.hold_back(draft.rule.id, draft.identity, key, text)
            wanted.pop(key)
            if rest is not None:
                wanted[key] = rest
        return wanted, holding

    def _rejected(self, draft: Draft) -> Hold | None:
        """Return the rejection that holds back exactly this change."""
        hold = self._before.holds.get(draft.key)
        print_ = fingerprint(draft, draft.rule.content_hash)
        return hold if hold is not None and hold_applies(hold, print_, self._now) else None

    def _hold_back(self, draft: Draft, hold: Hold, existing: OpenAction | None) -> None:
        self.found.hold_back(draft.rule.id, draft.identity, draft.key, hold_text(hold))
        if existing is not None and existing.state is ActionState.QUEUED:
            self.found.stale[existing.id] = existing

    def _add(
        self,
        draft: Draft,
        look: Look,
        existing: OpenAction | None,
    ) -> None:
        action = ActionId(new_public_id())
        print_ = fingerprint(draft, draft.rule.content_hash)
        replacements = 0 if existing is None else existing.replacements + 1
        self._spool(_proposal(action, draft, print_, replacements))
        rule = draft.rule.id
        self.found.candidates.setdefault(rule, {})[draft.key] = Candidate(
            action, draft, self._vip(draft, look), existing, *self._asked_again(draft)
        )
        self._by_identity.setdefault(draft.identity, []).append((rule, draft.key))

    def _vip(self, draft: Draft, look: Look) -> Vip | None:
        memory = self._before.memory.get(look.identity, {})
        return self._vips.of(draft, look.vips, memory, self._now)

    def _let_go(self, look: Look, undone: Collection[ActionId]) -> None:
        """End the holds and event marks whose condition is certainly false.

        ``undone`` are the undos that hold something back that is wanted now.
        """
        wanted = {draft.key for draft in look.drafts}
        for hold in self._holds_of.get(look.identity, ()):
            if hold.rule in look.clean_false and hold.key not in wanted:
                self.found.dropped_holds.add(hold.key)
        for change in self._before.undone.get(look.identity, ()):
            if _is_over(change, look) and change.undo not in {*undone, *look.kept}:
                self.found.dropped_undone.add((change.undo, look.identity))
        held = {(rule, look.identity) for rule in look.clean_false}
        self.found.stopped_events |= held & self._before.held


def _is_over(change: UndoHold, look: Look) -> bool:
    """Tell whether what a rule did certainly has no cause any more."""
    if change.operation is Operation.REMOVE_MEMBER:
        return change.rule in look.fired  # it takes out whom its condition is false for
    return change.rule in look.clean_false


def _truth(action: OpenAction, draft: Draft | None, look: Look) -> Truth:
    """Return what a rule says; a change it wants now is wanted, whatever else there is."""
    rule = action.rule
    if draft is not None or rule in look.fired:
        return Truth.TRUE
    if action.key in look.over:
        return Truth.FALSE
    if _problem_of(rule, look):
        return Truth.ERROR
    return Truth.FALSE if rule in look.clean_false else Truth.UNKNOWN


def _problem_of(rule: str, look: Look) -> str:
    return next((each.message for each in _all_problems(look) if each.rule == rule), "")


def _all_problems(look: Look) -> list[Problem]:
    return [*look.problems, *look.loops]


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
        undoes=draft.undoes,
    )
