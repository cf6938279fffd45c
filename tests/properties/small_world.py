"""Two rules, three people and a handful of runs, in which everything that can happen is a step.

What decides is the product's own: the guards, what becomes of an open action, whether a rejection
holds, whether an expiry may approve, what reading back says. What stores is a small model here;
`test_life_cycles_exhaustively` compares it with the real store, step by step.

A state is a value. Times are not in it, only what they mean: whether an action's time is over,
whether an approval ran out, whether an hour has passed since something was let through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import product
from typing import Any, NamedTuple

from hypersync.approvals.plan import Circumstances, refusal
from hypersync.model.actions import Action, ActionState, OnExpiry
from hypersync.model.limit import parse_limit
from hypersync.model.objects import Change, Conflict, ObjectType, Operation, SiloObject, Succeeded
from hypersync.model.requests import Plan, RequestKind, RequestState
from hypersync.model.requests import Request as StoredRequest
from hypersync.model.verdicts import Candidate, RuleLimits
from hypersync.pipeline.guard import guard
from hypersync.pipeline.read_back import judge_read_back
from hypersync.pipeline.release import Next, Truth, asks_again, hold_applies, next_of
from hypersync.pipeline.vip import Vip
from hypersync.ports.store.marks import Hold

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = (0, 1)
"""The second rule's expiry approves, the first one's clears."""
LIMIT = 1
"""How many a run may do of one rule without asking."""
VIP = Vip("chiefs", "is one")
STATES = {state.value: state for state in ActionState}
KIND = ObjectType(silo="dir", name="account", attributes=frozenset({"title"}))


Request = tuple[int, str | None]
"""Which question an action belongs to: the run that asked, and the VIP rule."""


class Open(NamedTuple):
    """An open action; ``wrote`` counts how often the silo did it, ``by`` who let it go.

    ``asked`` is the run that asked, which stands for its request, 0 when nobody was asked.
    ``is_late`` and ``is_over`` say that the time to decide, or the time that an approval is valid,
    has passed; ``is_told`` that somebody who may decide heard of it in time, ``approves`` that its
    expiry may approve.
    """

    state: str
    before: str
    after: str
    replacements: int = 0
    vip: str | None = None
    asked: int = 0
    by: str = ""
    wrote: int = 0
    is_late: bool = False
    is_over: bool = False
    is_told: bool = False
    approves: bool = False

    @property
    def fingerprint(self) -> str:
        return f"{self.before}>{self.after}"

    @property
    def request(self) -> Request:
        return self.asked, self.vip


class Key(NamedTuple):
    """All that is stored of a rule and a person, and the value that the silo has.

    ``hold`` is the change that was rejected, or that nobody answered; ``is_through`` says that the
    rule was let through for them within the hour.
    """

    silo: str = "-"
    open: Open | None = None
    hold: str = ""
    is_unanswered: bool = False
    is_through: bool = False


class Person(NamedTuple):
    """Somebody; ``wants`` is what the source says: a value, nothing, or unreadable."""

    wants: str
    keys: tuple[Key, ...] = (Key(),) * len(RULES)
    is_chief: bool = False
    is_pending: bool = True


class State(NamedTuple):
    """Everything there is; ``rejected`` are the requests, by rule, of which a part was rejected."""

    people: tuple[Person, ...]
    rejected: frozenset[tuple[int, Request]] = frozenset()
    runs: int = 0
    changes: int = 0
    deaths: int = 0
    waits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far the search goes; ``wants`` are the values that people begin with."""

    people: int = 3
    runs: int = 3
    changes: int = 0
    deaths: int = 0
    waits: int = 0
    wants: str = "a"


class Step(NamedTuple):
    """One thing that happens: what, and with whom or how."""

    what: str
    how: tuple[Any, ...] = ()


class Broken(AssertionError):
    """A state that must not be, or a step that must not happen."""


def starts(bounds: Bounds) -> Iterator[State]:
    """Yield the first states: nothing was done yet, everybody is pending."""
    for wants in product(bounds.wants, repeat=bounds.people):
        yield State(tuple(Person(each) for each in wants))


# --- what can happen -------------------------------------------------------------------------


def steps(state: State, bounds: Bounds) -> Iterator[Step]:
    """Yield everything that can happen in a state."""
    if state.runs < bounds.runs:
        yield from _runs(state, bounds)
    if state.changes < bounds.changes:
        yield from _changes(state)
    if state.waits < bounds.waits:
        yield from (Step("wait", ("day",)), Step("wait", ("week",)))
    for rule in RULES:
        yield from _answers(state, rule)
    opens = [each for rule in RULES for _, each in _opens(state, rule)]
    if any(_is_ending(each) for each in opens):
        yield Step("tick")
    if any(each.approves and not each.is_told and _is_in_time(each) for each in opens):
        yield Step("tell")


def _runs(state: State, bounds: Bounds) -> Iterator[Step]:
    for kind in ("full", "delta"):
        yield Step("run", (kind, -1, ""))
        if state.deaths < bounds.deaths:
            for point in ("planning", "planned", "claimed", "written"):
                yield Step("run", (kind, -1, point))
    for who in range(len(state.people)):
        yield Step("run", ("object", who, ""))


def _changes(state: State) -> Iterator[Step]:
    for who, person in enumerate(state.people):
        yield from (Step("change", (who, value)) for value in "ab-?" if value != person.wants)
        if not person.is_chief and person.wants != "?":  # of a record that can be read
            yield Step("rise", (who,))


def _answers(state: State, rule: int) -> Iterator[Step]:
    undecided = {who: each for who, each in _opens(state, rule) if _is_undecided(each)}
    requests = Counter(each.request for each in undecided.values())
    for approves in (True, False):
        yield from (Step("decide", (rule, who, approves)) for who in undecided)
        for request, count in requests.items():
            if count > 1:
                yield Step("decide all", (rule, request, approves))


def _opens(state: State, rule: int) -> list[tuple[int, Open]]:
    return [
        (who, found)
        for who, person in enumerate(state.people)
        if (found := person.keys[rule].open) is not None
    ]


def _is_undecided(action: Open) -> bool:
    """One whose expiry approves can be stopped until that is done."""
    return action.state == "suspended" and (action.approves or not action.is_late)


def _is_in_time(action: Open) -> bool:
    return action.state == "suspended" and not action.is_late


def _is_ending(action: Open) -> bool:
    is_late = action.state == "suspended" and action.is_late
    return is_late or (action.state == "approved" and action.is_over)


def take(state: State, step: Step) -> State:
    """Return the state after a step; raises `Broken` when that breaks a promise."""
    after = _TAKES[step.what](state, *step.how)
    check(state, step, after)
    return after


# --- others, time and people -----------------------------------------------------------------


def _put(state: State, who: int, person: Person) -> State:
    people = state.people
    return State((*people[:who], person, *people[who + 1 :]), *state[1:])


def _with(state: State, who: int, **values: Any) -> State:
    return _put(state, who, state.people[who]._replace(**values))


def _with_key(state: State, rule: int, who: int, **values: Any) -> State:
    person = state.people[who]
    key = person.keys[rule]._replace(**values)
    keys = (*person.keys[:rule], key, *person.keys[rule + 1 :])
    return _put(state, who, Person(person.wants, keys, *person[2:]))


def _change(state: State, who: int, value: str) -> State:
    return _with(state, who, wants=value, is_pending=True)._replace(changes=state.changes + 1)


def _rise(state: State, who: int) -> State:
    """Make somebody a VIP, for good: they are remembered."""
    return _with(state, who, is_chief=True, is_pending=True)._replace(changes=state.changes + 1)


def _wait(state: State, span: str) -> State:
    """Let a day pass, or a week and a day: then approvals are over as well."""

    def aged(key: Key) -> Key:
        action = key.open
        if action is not None:
            is_over = action.state == "approved" and span == "week"
            is_late = action.asked > 0
            action = action._replace(is_late=is_late, is_over=action.is_over or is_over)
        return key._replace(open=action, is_through=False)

    people = tuple(
        person._replace(keys=tuple(aged(key) for key in person.keys)) for person in state.people
    )
    return state._replace(people=people, waits=state.waits + 1)


def _decide(state: State, rule: int, who: int, approves: bool) -> State:
    """Approve or reject an action; either way somebody answered."""
    key = state.people[who].keys[rule]
    assert key.open is not None
    if approves:
        said = key.open._replace(state="approved", by="person")
        hold = "" if key.is_unanswered else key.hold
        return _with_key(state, rule, who, open=said, hold=hold, is_unanswered=False)
    state = state._replace(rejected=state.rejected | {(rule, key.open.request)})
    return _with_key(state, rule, who, open=None, hold=key.open.fingerprint, is_unanswered=False)


def _decide_all(state: State, rule: int, request: Request, approves: bool) -> State:
    for who, each in _opens(state, rule):
        if each.request == request and _is_undecided(each):
            state = _decide(state, rule, who, approves)
    return state


def _tell(state: State) -> State:
    """Deliver every mail."""
    for rule in RULES:
        for who, each in _opens(state, rule):
            if _is_in_time(each):
                state = _with_key(state, rule, who, open=each._replace(is_told=True))
    return state


def _tick(state: State) -> State:
    """End what has come to its end: cleared, or approved where the rule and everything allow it."""
    for rule in RULES:
        for who, each in _opens(state, rule):
            if not _is_ending(each):
                continue
            if each.state == "suspended" and each.approves and not _objection(state, rule, each):
                approved = each._replace(state="approved", by="expiry")
                key = state.people[who].keys[rule]
                hold = "" if key.is_unanswered else key.hold
                state = _with_key(state, rule, who, open=approved, hold=hold, is_unanswered=False)
                continue
            state = _with_key(
                state, rule, who, open=None, hold=each.fingerprint, is_unanswered=True
            )
            state = _with(state, who, is_pending=True)
    return state


def _objection(state: State, rule: int, action: Open) -> str:
    """Ask the product why an expiry may not approve; nothing when it may."""
    known = Circumstances(
        told_at=[NOW - DAY] if action.is_told else [],
        is_part_rejected=(rule, action.request) in state.rejected,
    )
    return refusal(_ENDING, _REQUEST, known)


_ENDING = Action(
    id="a",  # type: ignore[arg-type]
    run="r",  # type: ignore[arg-type]
    rule="second",
    identity=1,  # type: ignore[arg-type]
    object_id=None,
    silo="dir",
    type="account",
    anchor="u",
    slot="account",
    operation=Operation.UPDATE,
    key="k",
    state=ActionState.SUSPENDED,
    before={},
    after={},
    fingerprint="",
    on_expiry=OnExpiry.APPROVE,
    suspended_at=NOW - DAY,
    expires_at=NOW,
)
_REQUEST = StoredRequest(
    id="q",  # type: ignore[arg-type]
    kind=RequestKind.VOLUME,
    state=RequestState.OPEN,
    sentence="",
    count=1,
    opened_at=NOW - DAY,
    plan=Plan(name="", steps=()),
    step=0,
    step_due=None,
    expires_at=NOW,
    on_expiry=OnExpiry.APPROVE,
)


# --- a run -----------------------------------------------------------------------------------


def _run(state: State, kind: str, who: int, dies: str) -> State:
    """Settle what is unknown, plan, make the plan visible, carry it out; or die on the way."""
    before, planned, begins = _prepared(state, kind, who)
    state = before if dies == "planning" else planned
    if dies not in ("planning", "planned"):
        state = _execute(state, begins, dies)
    return state._replace(deaths=state.deaths + bool(dies))


@lru_cache(maxsize=1)
def _prepared(state: State, kind: str, who: int) -> tuple[State, State, list[tuple[int, int]]]:
    """Return the state before the plan of a run, the one with it, and what may begin.

    All deaths of a run, which are looked at one after the other, have that in common.
    """
    state = _settle_unknown(state)
    state = state._replace(runs=state.runs + 1)
    return state, *_plan(state, kind, who)


def _settle_unknown(state: State) -> State:
    """Read back what a dead process was doing: the product judges what that means."""
    for rule in RULES:
        for who, each in _opens(state, rule):
            if each.state != "executing":
                continue
            there = SiloObject("account", "u", {"title": state.people[who].keys[rule].silo})
            change = Change(
                key="k",
                operation=Operation.UPDATE,
                type=KIND,
                anchor="u",
                before={"title": each.before},
                after={"title": each.after},
            )
            outcome = judge_read_back(change, there, KIND)
            is_over = isinstance(outcome, Succeeded | Conflict)
            left = None if is_over else each._replace(state="queued")
            state = _with(_with_key(state, rule, who, open=left), who, is_pending=True)
    return state


def _plan(state: State, kind: str, who: int) -> tuple[State, list[tuple[int, int]]]:
    """Return the state with the plan visible, and what may begin."""
    looked = [
        each
        for each, person in enumerate(state.people)
        if kind == "full" or (person.is_pending if kind == "delta" else each == who)
    ]
    begins: list[tuple[int, int]] = []
    for rule in RULES:
        # an approval that is over lets nothing in: what it was for waits for its end
        waiting = [
            who
            for who, each in _opens(state, rule)
            if each.state == "queued" or (each.state == "approved" and not each.is_over)
        ]
        fresh: list[tuple[int, bool]] = []
        for each in sorted({*looked, *waiting}):
            state, verdict = _look(state, rule, each)
            if verdict == "begin":
                begins.append((rule, each))
            elif verdict:
                fresh.append((each, verdict == "again"))
        state, queued = _judge(state, rule, fresh, kind)
        begins += [(rule, each) for each in queued]
    for each in looked:
        state = _with(state, each, is_pending=False)
    return state, begins


def _look(state: State, rule: int, who: int) -> tuple[State, str]:
    """Ask what becomes of what is open; say what is new: a candidate, or one asked before."""
    person = state.people[who]
    key, wanted = person.keys[rule], person.wants
    truth = {"-": Truth.FALSE, "?": Truth.UNKNOWN}.get(wanted, Truth.TRUE)
    fresh = f"{key.silo}>{wanted}" if truth is Truth.TRUE and wanted != key.silo else None
    if key.open is not None:
        is_vip = fresh is not None and person.is_chief
        existing: Any = key.open._replace(state=STATES[key.open.state])  # type: ignore[arg-type]
        found = next_of(existing, truth, fresh, is_vip=is_vip)
        _check_next(key.open, wanted, fresh, found)
        state, verdict = _go_on(state, rule, who, found)
    else:
        verdict = "" if fresh is None else _consider(key, fresh)
    if verdict in ("new", "again") and key.hold == fresh and not key.is_unanswered:
        raise Broken(f"rule {rule}: {fresh} of {who} was rejected, and is proposed again")
    if truth is Truth.FALSE and key.hold:
        state = _with_key(state, rule, who, hold="", is_unanswered=False)
    return state, verdict


def _go_on(state: State, rule: int, who: int, found: Next) -> tuple[State, str]:
    """Do with an open action what the product says."""
    person = state.people[who]
    key = person.keys[rule]
    assert key.open is not None
    match found:
        case Next.STALE:
            return _with_key(state, rule, who, open=None), ""
        case Next.RELEASE if not key.open.is_over:
            queued = key.open._replace(state="queued")
            return _with_key(state, rule, who, open=queued), "begin"
        case Next.AGAIN:
            return state, "begin"
        case Next.REPLACE:
            verdict = _consider(key, f"{key.silo}>{person.wants}")
            if not verdict and key.open.state == "queued":
                state = _with_key(state, rule, who, open=None)
            return state, verdict
        case _:
            return state, ""


def _consider(key: Key, fresh: str) -> str:
    """Say whether a change becomes a candidate, given what people said about the key."""
    if not key.hold:
        return "new"
    until = NOW + DAY
    hold = Hold("k", "r", 1, key.hold, until, 1, NOW, key.is_unanswered)  # type: ignore[arg-type]
    if hold_applies(hold, fresh, NOW):
        return ""
    return "again" if asks_again(hold, NOW) else "new"


def _judge(
    state: State, rule: int, fresh: list[tuple[int, bool]], kind: str
) -> tuple[State, Sequence[int]]:
    """Bring the candidates of a rule before the guards, and store what they say."""
    looks = tuple(_look_of(state, rule, who, is_again) for who, is_again in fresh)
    earlier = frozenset(
        who
        for who, person in enumerate(state.people)
        if person.keys[rule].is_through and kind != "full"
    )
    queued = _let_through(rule, looks, earlier, len(state.people))
    for who, _ in fresh:
        state = _store(state, rule, who, is_free=who in queued)
    return state, queued


class Look(NamedTuple):
    """All that the guards see of a candidate."""

    who: int
    is_chief: bool
    is_changed: bool
    is_again: bool


def _look_of(state: State, rule: int, who: int, is_again: bool) -> Look:
    person = state.people[who]
    old = person.keys[rule].open
    is_changed = old is not None and (old.state != "queued" or old.asked > 0)
    return Look(who, person.is_chief, is_changed, is_again)


@cache
def _let_through(
    rule: int, looks: tuple[Look, ...], earlier: frozenset[int], population: int
) -> Sequence[int]:
    """Ask the guards, which are pure: each question once."""
    candidates = [
        Candidate(
            key=each.who,
            identity=each.who,
            operation=Operation.UPDATE,
            vip=VIP if each.is_chief else None,
            changed=each.is_changed,
            unanswered="nobody answered" if each.is_again else "",
        )
        for each in looks
    ]
    limits = RuleLimits(limit=parse_limit(str(LIMIT)), population=population, earlier=earlier)
    queued = guard(candidates, limits, NOW).queued
    _check_guard(rule, looks, set(queued), earlier)
    return tuple(queued)


def _store(state: State, rule: int, who: int, *, is_free: bool) -> State:
    """Store a new action, in the place of the one it replaces."""
    person = state.people[who]
    key = person.keys[rule]
    was_asked = key.hold != "" or (key.open is not None and key.open.asked > 0)
    if is_free and was_asked:
        raise Broken(f"rule {rule}: {key} of {who} was stopped before and went through unasked")
    is_first = key.open is None or key.open.asked == 0 or key.open.is_late
    action = Open(
        "queued" if is_free else "suspended",
        key.silo,
        person.wants,
        0 if key.open is None else key.open.replacements + 1,
        vip=VIP.name if person.is_chief else None,
        asked=0 if is_free else state.runs,
        by="guard" if is_free else "",
        approves=rule == 1 and is_first and not (is_free or person.is_chief),
    )
    return _with_key(state, rule, who, open=action, is_through=key.is_through or is_free)


def _execute(state: State, begins: list[tuple[int, int]], dies: str) -> State:
    """Carry out what may begin, in one batch; the answer of a process that died is lost."""
    for rule, who in begins:
        action = state.people[who].keys[rule].open
        assert action is not None
        action = action._replace(state="executing")
        if dies != "claimed":
            state, action = _write(state, rule, who, action)
        state = _with_key(state, rule, who, open=action if dies else None)
        if not dies:
            state = _with(state, who, is_pending=True)
    return state


def _write(state: State, rule: int, who: int, action: Open) -> tuple[State, Open]:
    """Let the silo do it, where what was before still stands."""
    if state.people[who].keys[rule].silo != action.before:
        return state, action
    _check_write(state, rule, who, action)
    state = _with_key(state, rule, who, silo=action.after)
    return state, action._replace(wrote=action.wrote + 1)


_TAKES: dict[str, Callable[..., State]] = {
    "run": _run,
    "change": _change,
    "rise": _rise,
    "wait": _wait,
    "decide": _decide,
    "decide all": _decide_all,
    "tell": _tell,
    "tick": _tick,
}


# --- what must always be true ------------------------------------------------------------------


def _check_next(action: Open, wanted: str, fresh: str | None, found: Next) -> None:
    """What cannot be told ends nothing, and what goes on is what it was."""
    if found is Next.STALE and wanted == "?":
        raise Broken(f"{action} ended, and nobody can tell whether it is wanted")
    if found in (Next.RELEASE, Next.AGAIN) and action.fingerprint != fresh:
        raise Broken(f"{action} goes on, and {fresh} is wanted")


def _check_guard(
    rule: int, looks: Sequence[Look], queued: set[int], earlier: frozenset[int]
) -> None:
    """Say anew, and simply, what the guards may let through."""
    count = len({each.who for each in looks} | earlier)
    if queued and count > LIMIT:
        raise Broken(f"rule {rule}: {count} are more than {LIMIT}, and {queued} went through")
    if any(each.is_chief and each.who in queued for each in looks):
        raise Broken(f"rule {rule}: a VIP among {queued} went through")
    plain = {each.who for each in looks if not (each.is_changed or each.is_again or each.is_chief)}
    if count <= LIMIT and plain - queued:
        raise Broken(f"rule {rule}: {plain} could have gone through")


def _check_write(state: State, rule: int, who: int, action: Open) -> None:
    """Nothing is written that nobody let go, twice, or that concerns a VIP unasked."""
    why = {
        "without a decision": not action.by,
        "twice": action.wrote > 0,
        "by an expiry that may not": action.by == "expiry"
        and (not (action.approves and action.is_told) or action.vip is not None),
        "of a VIP, and nobody was asked": state.people[who].is_chief and action.vip is None,
        "after its approval ran out": action.is_over,
        "which was rejected": (rule, action.request) in state.rejected and action.by == "expiry",
    }
    found = [text for text, holds in why.items() if holds]
    if found:
        raise Broken(f"rule {rule} wrote {action} of {who} {', '.join(found)}")


def check(before: State, step: Step, after: State) -> None:
    """No decision is lost."""
    for who, (old, new) in enumerate(zip(before.people, after.people, strict=True)):
        for rule in RULES:
            if old.keys[rule] is not new.keys[rule]:
                _check_key(step, rule, who, (old, old.keys[rule]), (new, new.keys[rule]))


def _check_key(
    step: Step, rule: int, who: int, before: tuple[Person, Key], after: tuple[Person, Key]
) -> None:
    (_, old), (person, new) = before, after
    was_rejected = old.hold != "" and not old.is_unanswered
    is_false = step.what == "run" and person.wants == "-"
    if was_rejected and new.hold != old.hold and not is_false and old.open is None:
        raise Broken(f"rule {rule}: the rejection {old.hold} of {who} was lost by {step}")
    if old.open is None or new.open is None or old.open.by != "person" or new.open.by:
        return
    is_new_vip = person.is_chief and old.open.vip is None
    if old.open.fingerprint == new.open.fingerprint and not is_new_vip:
        raise Broken(f"rule {rule}: the approval of {old.open} of {who} was lost by {step}")


_ranks: dict[Person, int] = {}


def canonical(state: State) -> State:
    """Return the same state with people in a fixed order: who is who does not matter."""
    ranks = _ranks
    return state._replace(
        people=tuple(sorted(state.people, key=lambda each: ranks.setdefault(each, len(ranks))))
    )
