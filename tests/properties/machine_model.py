"""What must be true of a company, said anew and simply: it shares no code with the guards.

The model knows what was shown to people, what they decided, and what each silo received. It looks
at the stored rows only to learn what was shown, what a run planned, and that nothing was forgotten.
Whatever contradicts it raises `Broken` with a sentence.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.properties.machine_world import GROUP, PEOPLE, Call, Company, Terms

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
APPROVAL_VALID, REJECT_HOLD, VIP_MEMORY = 7 * DAY, 30 * DAY, 30 * DAY
MAY_DECIDE = {"ann", "bob"}
"""Cy starts the runs, Dan is no approver; Bob is e5 and does not decide about himself."""
OWN = {"bob": 5}
ADDRESSES = {f"{who}@example.org": who for who in MAY_DECIDE}

LET_GO = {"approved", "queued", "executing", "unknown", "succeeded", "conflict", "failed"}
CALLED = {"executing", "unknown", "succeeded", "conflict", "failed"}
OPEN = {"suspended", "approved", "queued", "executing", "unknown"}
NEXT = {
    "proposed": {"planned", "queued", "suspended"},
    "suspended": {"approved", "rejected", "cleared", "stale", "void"},
    "approved": {"queued", "cleared", "stale", "void"},
    "queued": {"executing", "stale", "void"},
    "executing": {"succeeded", "conflict", "failed", "unknown", "queued"},
    "unknown": {"succeeded", "conflict", "failed", "queued"},
}
"""The life of an action; a state that is not here is an end."""


class Broken(AssertionError):
    """Something happened that must never happen."""


def _reachable() -> dict[str, set[str]]:
    found = {state: {state} for state in {*NEXT, *(s for after in NEXT.values() for s in after)}}
    for _ in NEXT:
        for known in found.values():
            known |= {after for each in known for after in NEXT.get(each, ())}
    return found


REACHABLE = _reachable()


@dataclass(frozen=True, slots=True)
class Wish:
    """One change that a rule wants for somebody: what people are shown, what a silo receives."""

    rule: str
    number: int
    operation: str
    anchor: str
    before: str
    after: str

    @property
    def unit(self) -> Hashable:
        """What a threshold counts."""
        return (self.operation, self.number) if self.rule == "staff" else self.number


def plain(attributes: dict[str, Any] | None) -> str:
    """Write attributes so that they can be compared; missing and empty are the same."""
    return json.dumps({k: v for k, v in (attributes or {}).items() if v}, sort_keys=True)


def wishes(number: int, person: Any, account: Any, is_member: bool) -> set[Wish]:
    """Return what the rules of the company want for somebody, were there no guards."""
    uid, status, title = (
        f"u{number}",
        person and person.get("status"),
        person and person.get("title"),
    )
    is_there = account is not None
    known = account or {}
    on, off = {"active": "true"}, {"active": "false"}
    me = {"member": uid}
    made = {"uid": uid, "number": f"e{number}", **on}
    hail = {"webhook": "https://hooks.example.org/hail", "repeatable": False}
    is_on, is_off = known.get("active") == "true", known.get("active") == "false"
    said: list[tuple[bool, str, str, Any, Any]] = [
        (title == "boss", "hail", "event", None, hail),
        (status == "active" and not is_there, "make", "create", None, made),
        (status == "left" and is_there and is_on, "leave", "disable", on, off),
        (
            status == "active" and is_there and is_off,  # what nobody says is unknown, not off
            "back",
            "enable",
            {"active": known.get("active")},
            on,
        ),
        (
            bool(title) and is_there and title != known.get("title"),
            "title",
            "update",
            {"title": known.get("title")},
            {"title": title},
        ),
        (status == "purged" and is_there, "purge", "delete", account, None),
        (status == "active" and is_there and not is_member, "staff", "add_member", None, me),
        (
            status in ("left", "purged") and is_there and is_member,
            "staff",
            "remove_member",
            me,
            None,
        ),
    ]
    places = {"event": "", "add_member": GROUP, "remove_member": GROUP}
    return {
        Wish(rule, number, what, places.get(what, uid), plain(before), plain(after))
        for holds, rule, what, before, after in said
        if person is not None and holds
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What is believed of everybody at a time: the person, the account, and the membership.

    ``gone`` are those whom the source does not have, ``unreadable`` those whom it cannot show.
    """

    states: dict[int, tuple[Any, Any, bool]] = field(default_factory=dict)
    gone: frozenset[int] = frozenset()
    unreadable: frozenset[int] = frozenset()


@dataclass(slots=True)
class Seen:
    """One action as it was first seen, and how people answered."""

    wish: Wish
    key: str
    run: str
    terms: Terms
    was_stopped: bool
    vip: str | None
    need: int
    request: str | None
    stopped_at: datetime | None
    expires_at: datetime | None
    on_expiry: str
    reasons: frozenset[tuple[str, str]]
    state: str
    votes: set[str] = field(default_factory=set)
    approved_at: datetime | None = None
    rejected_at: datetime | None = None
    by_expiry: bool = False


@dataclass(slots=True)
class Model:
    """Everything that is known from outside, and the checks of it."""

    company: Company
    seen: dict[str, Seen] = field(default_factory=dict)
    believed: Belief = field(default_factory=Belief)
    read: dict[str, list[Belief]] = field(default_factory=dict)
    """What was believed while a run evaluated that is not planned yet, since it began."""
    saw: Belief = field(default_factory=Belief)
    """What the last run acted on: what is scanned while it writes is for the next."""
    persons: dict[int, int] = field(default_factory=dict)
    chiefs: dict[int, datetime | None] = field(default_factory=dict)
    through: list[tuple[str, Hashable, datetime, str]] = field(default_factory=list)
    unanswered: dict[tuple[str, Hashable], datetime] = field(default_factory=dict)
    deleted: list[tuple[str, datetime, str]] = field(default_factory=list)
    starts: dict[tuple[str, int, str], list[datetime]] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)
    answered: set[str] = field(default_factory=set)
    touched: dict[str, int] = field(default_factory=dict)
    hailed: set[int] = field(default_factory=set)
    refused: dict[Wish, tuple[datetime, Terms, Any]] = field(default_factory=dict)
    claims: list[set[int]] = field(default_factory=list)
    highs: list[tuple[datetime, int]] = field(default_factory=list)
    vips_at_full: bool = True
    calls: int = 0
    runs: set[str] = field(default_factory=set)

    # --- looking -------------------------------------------------------------------------------

    def look(self) -> None:
        """Look at everything that is stored and at what the silos received since the last look."""
        self._believe()
        runs = self._new_runs()
        for run, kind, _ in runs:
            # a delta asks again about those who change meanwhile, others look at one moment
            read = self.read.pop(run, [self.believed])
            self.saw = read[-1 if kind == "delta" else 0]
        rows = self.company.select(
            "SELECT id, state, decided_by, released_by FROM action "
            "WHERE state NOT IN ('proposed', 'planned') ORDER BY seq"
        )
        fresh = self._meet([row[0] for row in rows if row[0] not in self.seen])
        for id_, state, decided_by, released_by in rows:
            self._follow(id_, state, decided_by, released_by)
        self._forget_nothing({row[0] for row in rows})
        plans: dict[str, list[str]] = {}
        for each in fresh:
            plans.setdefault(self.seen[each].run, []).append(each)
        for run, kind, started in runs:
            self._judge_plan(run, kind, started, plans.get(run, []))
        self._receive()

    def _believe(self) -> None:
        """Read what is believed of everybody."""
        rows = self.company.select(
            "SELECT o.anchor, o.attributes, o.absence, o.identity, t.type FROM object o "
            "JOIN silo_type t ON t.id = o.silo_type"
        )
        self.persons |= {row[3]: int(row[0][1:]) for row in rows if row[0] != GROUP}
        found = {(kind, anchor): json.loads(text) for anchor, text, why, _, kind in rows if not why}
        away = {int(row[0][1:]): row[2] for row in rows if row[4] == "person" and row[2]}
        members = {row[0] for row in self.company.select("SELECT target FROM reference")}
        states = {
            n: (found.get(("person", f"e{n}")), found.get(("account", f"u{n}")), f"u{n}" in members)
            for n in PEOPLE
        }
        gone = frozenset(n for n, why in away.items() if why in ("absent", "gone", "soft"))
        lost = gone - self.believed.gone
        self.believed = Belief(states=states, gone=gone, unreadable=away.keys() - gone)
        self._forget_what_ended()
        self._check_absence(lost)
        planning = "SELECT id FROM run WHERE state = 'planning' AND mode = 'commit'"
        for (run,) in self.company.select(planning):
            self.read.setdefault(run, []).append(self.believed)

    def _forget_what_ended(self) -> None:
        """A condition that is false lets an event fire again; a change ends a rejection here."""
        for number, (person, *_) in self.believed.states.items():
            if person is not None and person.get("title") != "boss":
                self.hailed.discard(number)
        for wish, (_, _, state) in list(self.refused.items()):
            if state != self.believed.states[wish.number]:
                del self.refused[wish]

    def _check_absence(self, lost: frozenset[int]) -> None:
        """Absence is a claim: more than one, or the canary, is believed only by a decision."""
        now = self.company.clock.time
        live = len(PEOPLE) - len(self.believed.gone)
        high = max((count for at, count in self.highs if at >= now - 7 * DAY), default=live)
        if lost and any(lost <= claim for claim in self.claims):
            self.highs.clear()
        elif lost and (len(lost) > 1 or 0 in lost or high - live > 1):
            raise Broken(f"the absence of {sorted(lost)} was believed, {live} of {high} are left")
        self.highs.append((now, live))

    def _meet(self, ids: list[str]) -> list[str]:
        """Take in actions that were not seen before."""
        with self.company.app.store.snapshot() as unit:
            actions = unit.actions.get(ids)  # type: ignore[arg-type]
        for action in actions:
            number = self.persons[action.identity]
            anchor = action.anchor or ""
            operation = action.operation.value
            wish = Wish(
                action.rule, number, operation, anchor, plain(action.before), plain(action.after)
            )
            self.seen[action.id] = Seen(
                wish=wish,
                key=action.key,
                run=action.run,
                terms=self.company.terms,
                was_stopped=action.suspended_at is not None,
                vip=action.vip,
                need=2 if action.vip == "chiefs" else 1,
                request=action.request,
                stopped_at=action.suspended_at,
                expires_at=action.expires_at,
                on_expiry=action.on_expiry.value,
                reasons=frozenset((each.guard, each.name) for each in action.reasons),
                state="proposed",
            )
        return [action.id for action in actions]

    def _new_runs(self) -> list[tuple[str, str, datetime]]:
        rows = self.company.select(
            "SELECT id, kind, started_at, mode FROM run WHERE state IN ('executing', 'done') "
            "ORDER BY started_at"
        )
        fresh = [row for row in rows if row[0] not in self.runs]
        self.runs |= {row[0] for row in fresh}
        return [
            (id_, kind, datetime.fromisoformat(started).replace(tzinfo=UTC))
            for id_, kind, started, mode in fresh
            if mode == "commit"
        ]

    # --- the life of an action -----------------------------------------------------------------

    def _follow(self, id_: str, state: str, decided_by: str | None, released: str | None) -> None:
        """Check that an action went where it may go, and by whose decision."""
        known = self.seen[id_]
        if state not in REACHABLE[known.state]:
            raise Broken(f"{known.wish} went from {known.state} to {state}")
        self._check_decision(known, state, decided_by)
        if known.was_stopped and state in LET_GO and known.approved_at is None:
            self._check_expiry(known, decided_by)
        if known.was_stopped and state in CALLED and released is None:
            raise Broken(f"{known.wish} was stopped, and no run released it")
        if state != known.state:
            self._check_step(known, state, released or "")
        known.state = state

    def _check_decision(self, known: Seen, state: str, decided_by: str | None) -> None:
        """No decision is lost, and none is made up."""
        if known.rejected_at is not None and state != "rejected":
            raise Broken(f"{known.wish} was rejected and is {state}")
        if state == "rejected" and known.rejected_at is None:
            raise Broken(f"{known.wish} is rejected by {decided_by}, which nobody did")
        if known.approved_at is not None and state == "suspended":
            raise Broken(f"the approval of {known.wish} was lost")

    def _check_step(self, known: Seen, state: str, released: str) -> None:
        if state in ("rejected", "cleared"):
            self._start(known.wish, self.company.clock.time)
        if known.was_stopped and state in CALLED | {"queued"} and known.state in OPEN - CALLED:
            self._note_deleted(known, released)
        if known.state in ("approved", "queued") and state in CALLED | {"queued"}:
            self._check_wanted(known.wish)
        if state == "cleared":
            self._check_clearing(known)
        if state == "stale" and known.state in ("suspended", "approved"):
            self._check_withdrawal(known)

    def _check_wanted(self, wish: Wish) -> None:
        """What a run plans, releases or starts is wanted, and the same, by what that run saw."""
        if wish not in wishes(wish.number, *self.saw.states[wish.number]):
            raise Broken(f"{wish} goes on, and nobody wants it any more")

    def _check_expiry(self, known: Seen, decided_by: str | None) -> None:
        """An undecided action may go on only by an expiry that is allowed to approve."""
        now = self.company.clock.time
        if decided_by != "expiry":
            raise Broken(f"{known.wish} was stopped and goes on without a decision ({decided_by})")
        assert known.stopped_at is not None
        assert known.expires_at is not None
        half = known.stopped_at + (known.expires_at - known.stopped_at) / 2
        told = [
            at
            for request, address, at in self.company.post.told  # type: ignore[union-attr]
            if request == known.request and ADDRESSES.get(address) is not None
        ]
        others = [each for each in self.seen.values() if each.request == known.request]
        terms = self.company.terms
        objections = {
            "it clears": known.on_expiry != "approve",
            "its time is not over": now < known.expires_at,
            "it is about a VIP": known.vip is not None,
            "it deletes": known.wish.operation == "delete",
            "part of it was rejected": any(each.rejected_at for each in others),
            "nobody was told in time": not any(at <= half for at in told),
            "there is a blackout": terms.blackout,
            "it is only simulated": terms.simulate,
            "the silo is paused": "dir" in self._paused() and known.wish.operation != "event",
        }
        found = [why for why, holds in objections.items() if holds]
        if found:
            raise Broken(f"the expiry approved {known.wish}: {', '.join(found)}")
        known.approved_at, known.by_expiry = now, True
        self.unanswered.pop((known.wish.rule, known.wish.unit), None)

    def _check_clearing(self, known: Seen) -> None:
        now = self.company.clock.time
        undecided = known.expires_at is not None and now >= known.expires_at
        run_out = known.approved_at is not None and now >= known.approved_at + APPROVAL_VALID
        if known.approved_at is not None and not run_out:
            raise Broken(f"the approval of {known.wish} was cleared before its time")
        if known.approved_at is None and not undecided:
            raise Broken(f"{known.wish} was cleared before its time")

    def _check_withdrawal(self, known: Seen) -> None:
        """Only what was certainly not wanted when the run looked ends by itself."""
        number, rule = known.wish.number, known.wish.rule
        state = self.saw.states[number]
        # a rule that says hr.exists is false for whom the source does not have; whoever the source
        # has, what is there is not made, and what is not there is not changed
        is_off = (rule == "make") == (state[1] is not None) and rule != "hail"
        is_off = is_off or (rule == "title" and number in self.saw.gone)
        can_be_told = state[0] is not None or is_off
        if not can_be_told or rule in {each.rule for each in wishes(number, *state)}:
            raise Broken(f"{known.wish} is called stale and is wanted still")

    def _forget_nothing(self, stored: set[str]) -> None:
        if lost := self.seen.keys() - stored:
            raise Broken(f"actions were forgotten: {[self.seen[each].wish for each in lost]}")

    def _paused(self) -> set[str]:
        by_people = "SELECT name FROM silo WHERE paused"
        by_engine = "SELECT silo FROM circuit WHERE opened_at IS NOT NULL"
        return {row[0] for row in self.company.select(f"{by_people} UNION {by_engine}")}

    # --- what the silos received ---------------------------------------------------------------

    def _start(self, wish: Wish, at: datetime) -> None:
        target = wish.anchor if wish.rule == "staff" else ""
        self.starts.setdefault((wish.rule, wish.number, target), []).append(at)

    def _note_deleted(self, known: Seen, run: str) -> None:
        if known.wish.operation == "delete":
            self.deleted.append((known.wish.anchor, self.company.clock.time, run))

    def _receive(self) -> None:
        for call in self.company.calls[self.calls :]:
            self._check_call(call)
            self._start(self.seen[call.key].wish, call.at)
        self.calls = len(self.company.calls)

    def touch(self, anchor: str) -> None:
        """Note that somebody else changed an object."""
        self.touched[anchor] = len(self.company.calls)

    def _check_call(self, call: Call) -> None:
        known = self.seen.get(call.key)
        if known is None:
            raise Broken(f"{call} reached a silo, and no action says so")
        self._check_content(call, known)
        self._check_once(call, known)
        self._check_leave(known)

    def _check_content(self, call: Call, known: Seen) -> None:
        """What is written is what was shown, over what was shown to be there."""
        wish = known.wish
        shown = (wish.operation, wish.anchor, wish.before, wish.after)
        sent = (call.operation, call.anchor, plain(call.before), plain(call.after))
        if sent != shown:
            raise Broken(f"shown was {shown}, sent was {sent}")
        if call.happened and call.operation in ("update", "enable", "disable", "delete"):
            was = call.was or {}
            now_there = plain({name: was.get(name) for name in call.before or {}})
            if now_there != wish.before:
                raise Broken(f"{wish} was written over {now_there}")

    def _check_once(self, call: Call, known: Seen) -> None:
        wish, at = known.wish, len(self.company.calls)
        since = self.touched.get(wish.anchor, -1)
        if call.key in self.answered:
            raise Broken(f"{wish} had its answer and was sent again")
        if call.is_over:
            self.answered.add(call.key)
        if call.happened:
            self.happened[call.key] += 1
            if self.happened[call.key] > 1 and (call.operation == "event" or since < self.calls):
                raise Broken(f"{wish} happened {self.happened[call.key]} times")
            if wish.rule == "hail":
                if wish.number in self.hailed:
                    raise Broken(f"{wish} fired again without having been false")
                self.hailed.add(wish.number)
        assert at >= 0

    def _check_leave(self, known: Seen) -> None:
        """Somebody or an allowed expiry let it go, or no guard stopped it."""
        wish, terms = known.wish, self.company.terms
        if known.was_stopped:
            if known.approved_at is None:
                raise Broken(f"{wish} ran without a decision")
            if known.terms.wording != terms.wording and wish.rule == "title":
                raise Broken(f"{wish} was approved under another rule")
        elif known.votes:
            raise Broken(f"{wish} was never stopped and has votes")
        if wish.rule == terms.gone:
            raise Broken(f"{wish} ran, and its rule is gone")
        if terms.simulate or terms.blackout:
            raise Broken(f"{wish} ran in a simulation or a blackout")
        chief = self._is_chief(wish.number)
        if chief and known.vip is None:
            raise Broken(f"{wish} is about a VIP ({chief}) and nobody was asked about that")

    # --- VIPs ----------------------------------------------------------------------------------

    def _is_chief(self, number: int) -> str:
        """Say why somebody certainly is a VIP now, or nothing."""
        if number in OWN.values():
            return "answers requests"
        if not self.company.terms.has_vips:
            return ""
        if number in self.chiefs:
            until = self.chiefs[number]
            if until is None or self.company.clock.time < until:
                return "was one"
        return ""

    def _remember_chiefs(self, kind: str, now: datetime) -> None:
        """Keep who is a VIP, as the run that was just planned must see it."""
        if kind == "full":
            self.vips_at_full = self.company.terms.has_vips
        sees_all = kind == "full" or self.vips_at_full == self.company.terms.has_vips
        for number, (person, *_) in self.saw.states.items():
            # whoever is not there at all is no VIP by a rule about them
            is_chief = (
                number in self.saw.unreadable if person is None else person.get("level") != "E"
            )
            if not self.company.terms.has_vips:
                is_chief = False
            if is_chief:
                if kind != "object" and (sees_all or number in self.chiefs):
                    self.chiefs[number] = None
            elif number in self.chiefs and self.chiefs[number] is None:
                self.chiefs[number] = now + VIP_MEMORY

    # --- what a run planned --------------------------------------------------------------------

    def _judge_plan(self, run: str, kind: str, now: datetime, ids: list[str]) -> None:
        """Check what a run let through, rule by rule, against everything that it may."""
        self._remember_chiefs(kind, now)
        self._forget_unwanted()
        by_rule: dict[str, list[Seen]] = {}
        for each in ids:
            by_rule.setdefault(self.seen[each].wish.rule, []).append(self.seen[each])
        for rule, planned in by_rule.items():
            free = [each for each in planned if not each.was_stopped]
            self._check_threshold(rule, kind, now, planned, free)
            for each in free:
                self._check_free(each, now)
        self._check_deletes(run, now, [self.seen[each] for each in ids])
        for each in (self.seen[id_] for id_ in ids):
            self._check_wanted(each.wish)
            self._check_hold(each, now)
            if each.was_stopped and each.approved_at is None:
                self.unanswered[each.wish.rule, each.wish.unit] = now
            if not each.was_stopped:
                self.through.append((each.wish.rule, each.wish.unit, now, run))

    def _check_deletes(self, run: str, now: datetime, planned: list[Seen]) -> None:
        """No more than so many deletes a day, over everything, without being asked."""
        free = {
            e.wish.anchor for e in planned if e.wish.operation == "delete" and not e.was_stopped
        }
        earlier = {anchor for anchor, at, by in self.deleted if at >= now - DAY and by != run}
        if free and len(free | earlier) > self.company.terms.deletes:
            raise Broken(f"deletes {sorted(free)}, within a day also {sorted(earlier)}")
        self.deleted += [(anchor, now, run) for anchor in free]

    def _check_hold(self, known: Seen, now: datetime) -> None:
        """What was rejected is not proposed again while nothing changed."""
        at, terms, _ = self.refused.get(known.wish, (None, None, None))
        if at is None or known.rejected_at is not None or now >= at + REJECT_HOLD:
            return
        if (
            terms.wording == self.company.terms.wording
            and terms.counts == self.company.terms.counts
        ):
            raise Broken(f"{known.wish} was rejected at {at} and proposed again at {now}")

    def _forget_unwanted(self) -> None:
        """What was stopped and is not wanted any more may come anew; so may what is as before."""
        wanted = {
            (wish.rule, wish.unit)
            for number, state in self.saw.states.items()
            for wish in wishes(number, *state)
        }
        for each in self.unanswered.keys() - wanted:
            del self.unanswered[each]

    def _check_threshold(
        self,
        rule: str,
        kind: str,
        now: datetime,
        planned: list[Seen],
        free: list[Seen],
    ) -> None:
        units = {each.wish.unit for each in planned}
        earlier: set[Hashable] = set()
        if kind != "full":
            earlier = {unit for of, unit, at, _ in self.through if of == rule and at >= now - HOUR}
        count = len(units | earlier)
        allowed = self._allowed(rule)
        volume = [each for each in planned if ("threshold", "limit") in each.reasons]
        if free and volume:
            raise Broken(f"{rule} tripped, and {free[0].wish} was let through")
        if free and count > allowed:
            raise Broken(f"{rule}: {count} of {allowed}, and {free[0].wish} was let through")
        by_expiry = {
            each.wish.unit
            for each in self.seen.values()
            if each.by_expiry and each.wish.rule == rule
        }
        count = len(units | earlier | by_expiry)  # what an expiry let go counts as well
        if volume and count <= allowed:
            raise Broken(f"{rule}: {count} of {allowed} tripped")

    def _allowed(self, rule: str) -> int:
        limit = self.company.terms.limit_of(rule)
        live = sum(account is not None for _, account, _ in self.saw.states.values())
        if not limit.endswith("%"):
            return int(limit)
        return max(1, live * int(limit[:-1]) // 100)

    def _check_free(self, known: Seen, now: datetime) -> None:
        """What was let through is no VIP's, had its rest, and nobody rejected it."""
        wish = known.wish
        if why := self._is_chief(wish.number):
            raise Broken(f"{wish} was let through, and is a VIP's ({why})")
        target = wish.anchor if wish.rule == "staff" else ""
        since = self.unanswered.get((wish.rule, wish.unit))
        if since is not None and now < since + REJECT_HOLD:
            raise Broken(f"{wish} was stopped at {since}, and let through without an answer")
        # the last one, whatever the clock said then: it may have been set back since the one before
        for start in self.starts.get((wish.rule, wish.number, target), [])[-1:]:
            if now - min(start, now) < MINUTE:
                raise Broken(f"{wish} was let through at {now}, it started at {start}")

    # --- decisions -----------------------------------------------------------------------------

    def undecided(self, ids: Iterable[str]) -> list[str]:
        """Return which of these can be decided now."""
        now = self.company.clock.time
        return [
            each
            for each in ids
            if (known := self.seen[each]).state == "suspended"
            and known.expires_at is not None
            and (now < known.expires_at or known.on_expiry == "approve")
        ]

    def has_answer(self, id_: str, *, approves: bool) -> bool:
        """Tell whether an action was answered so already."""
        known = self.seen[id_]
        return known.approved_at is not None if approves else known.rejected_at is not None

    def may_decide(self, who: str, ids: Iterable[str]) -> bool:
        """Tell whether somebody may decide these."""
        return who in MAY_DECIDE and all(
            OWN.get(who) != self.seen[each].wish.number for each in ids
        )

    def decide(self, who: str, ids: Iterable[str], *, approves: bool) -> None:
        """Take in an answer that was accepted."""
        now = self.company.clock.time
        for each in ids:
            known = self.seen[each]
            if not approves:
                known.rejected_at = now
                state = self.believed.states[known.wish.number]
                self.refused[known.wish] = (now, known.terms, state)
                continue
            known.votes.add(who)
            if len(known.votes) >= known.need:
                known.approved_at = now
                self.unanswered.pop((known.wish.rule, known.wish.unit), None)
