from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from hypersync.model.actions import ActionState, OnExpiry, Reason
from hypersync.model.objects import Operation
from hypersync.model.requests import RequestKind
from hypersync.model.runs import RuleReport, Run, RunKind, RunMode, RunState
from hypersync.pipeline.asked_again import VOID_ASKS_AGAIN
from hypersync.pipeline.collect import Before, Candidate, Collected
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.engine import GuardSettings
from hypersync.pipeline.judgement import Judgement
from hypersync.pipeline.settle import SOON, settle
from hypersync.pipeline.stops import Stop
from hypersync.rulebook.rules import RuleKind
from tests.candidates import NOW

DAY = timedelta(days=1)


class Log:
    """A store that remembers what it was asked to do, in order."""

    def __init__(self, released=None):
        self.calls = []
        self._released = released
        for name in ("actions", "runs", "marks", "identities", "requests"):
            setattr(self, name, SimpleNamespace())
        self._note("actions", "discard", "queue", "plan", "suspend", "confirm", "note_waits")
        self._note("runs", "record_verdicts")
        self._note("marks", "drop_holds", "drop_undone", "hold_undone")
        self._note("marks", "set_held", "save_quotas", "reserve")
        self._note("identities", "remember_vips", "finish")
        self.actions.replace = lambda old, now, reason: self.calls.append(("replace", old))
        self.actions.release = self._release
        self.requests.open = list
        self.actions.move = lambda ids, states, state, now, error: (
            self.calls.append((state.value, list(ids))) or list(ids)
        )
        self.actions.void = lambda ids, now, reason, ask_until: (
            self.calls.append(("void", list(ids), ask_until - now)) or list(ids)
        )

    def _note(self, subject, *names):
        for name in names:

            def noted(*given, _name=name, **named):
                self.calls.append((_name, *given, *named.items()))

            setattr(getattr(self, subject), name, noted)

    def _release(self, run, ids, now):
        self.calls.append(("release", list(ids)))
        return list(ids) if self._released is None else self._released

    def named(self, name):
        return [call[1:] for call in self.calls if call[0] == name]

    def names(self):
        return [call[0] for call in self.calls]


def a_rule(name="leave", kind=RuleKind.DEPROVISION):
    threshold = SimpleNamespace(plan="team", template="letters")
    return SimpleNamespace(id=name, kind=kind, threshold=threshold)


def candidate(number=1, *, rule=None, replaces=None, operation=Operation.DISABLE):
    draft = Draft(
        rule=rule or a_rule(),
        identity=number,
        object_id=number,
        silo="" if operation is Operation.EVENT else "ad",
        type="" if operation is Operation.EVENT else "user",
        anchor=f"u{number}",
        slot="ad",
        operation=operation,
        before=None,
        after=None,
        name=f"Person {number}",
    )
    return Candidate(f"a{number}", draft, None, replaces)


def stop(vip=None, expires=NOW + DAY, on_expiry=OnExpiry.CLEAR, text="too many"):
    reasons = (Reason("threshold", "limit", text),)
    return Stop(reasons=reasons, on_expiry=on_expiry, expires_at=expires, vip=vip)


def waiting(state=ActionState.SUSPENDED, name="old", rule="leave"):
    return SimpleNamespace(id=name, state=state, rule=rule)


class Settled:
    """What settling wrote, asked and counted."""

    def __init__(self, judgement, found=None, mode=RunMode.COMMIT, released=None, before=None):
        self.log = Log(released)
        self.asked = []
        self.run = Run(
            id="run",
            kind=RunKind.FULL,
            mode=mode,
            state=RunState.PLANNING,
            config="c",
            started_at=NOW,
            rules={"leave": RuleReport(reason="3 actions, 2 allowed")},
        )
        vips = (SimpleNamespace(name="chiefs", plan="board"),)
        engine = SimpleNamespace(
            guards=GuardSettings(),
            rulebook=SimpleNamespace(vips=vips),
            open_request=lambda unit, draft, now: self.asked.append(draft),
        )
        settle(engine, self.log, self.run, before or Before(), found or Collected(), judgement, NOW)


def test_a_preview_only_plans():
    one, two = candidate(1), candidate(2)
    judgement = Judgement(queued=[one], suspended=[two], stops={"a2": stop()})
    done = Settled(judgement, mode=RunMode.PREVIEW)
    assert done.log.names() == ["discard", "record_verdicts", "plan"]
    (planned,) = [call[1] for call in done.log.named("plan")]
    assert {each: len(reasons) for each, reasons in planned.items()} == {"a1": 0, "a2": 1}
    assert done.asked == []


def test_what_is_replaced_ends_before_its_successor_becomes_open():
    one = candidate(1, replaces=waiting(ActionState.QUEUED, "old one"))
    two = candidate(2, replaces=waiting(name="old two"))
    judgement = Judgement(queued=[one], suspended=[two], stops={"a2": stop()})
    names = Settled(judgement).log.names()
    assert names.count("replace") == 2
    last = len(names) - names[::-1].index("replace")
    assert last <= names.index("queue")
    assert last <= names.index("suspend")


@pytest.mark.parametrize("verdict", ["throttled", "limited", "skipped", "planned"])
def test_what_is_queued_with_other_values_ends_when_its_successor_may_not_run(verdict):
    judgement = Judgement(texts={"a1": "why", "a2": "why"})
    getattr(judgement, verdict).append(candidate(1, replaces=waiting(ActionState.QUEUED, "old")))
    getattr(judgement, verdict).append(candidate(2, replaces=waiting(name="asked")))
    log = Settled(judgement).log
    assert log.named("replace") == []
    assert log.named("void") == [(["old"], VOID_ASKS_AGAIN), ([], VOID_ASKS_AGAIN)]


def test_what_waits_is_kept_pending_until_it_is_due():
    judgement = Judgement(
        throttled=[candidate(1)],
        limited=[candidate(2)],
        skipped=[candidate(3)],
        texts={"a1": "why", "a2": "why"},
        due={"a1": NOW + DAY},
    )
    found = Collected(wakes={4: NOW + DAY, 2: NOW + DAY}, unfinished={5})
    ((run, keep),) = Settled(judgement, found).log.named("finish")
    assert run == "run"
    assert keep == {1: NOW + DAY, 2: NOW + SOON, 3: NOW + SOON, 4: NOW + DAY, 5: NOW + SOON}


def test_throttled_and_limited_leave_a_verdict_and_no_action():
    judgement = Judgement(
        throttled=[candidate(1)], limited=[candidate(2)], texts={"a1": "rests", "a2": "full"}
    )
    log = Settled(judgement).log
    assert log.named("discard") == [("run", ["a1", "a2"])]
    ((_, rows),) = log.named("record_verdicts")
    assert [(row[1], row[3], row[4]) for row in rows] == [
        (1, "throttled", "rests"),
        (2, "limited", "full"),
    ]


def test_only_what_was_really_released_is_counted():
    one, two = waiting(ActionState.APPROVED, "one"), waiting(ActionState.APPROVED, "two")
    found = Collected(
        release={"one": one, "two": two},
        stale={"three": waiting(name="three")},
        void={"four": waiting(name="four", rule="gone")},
    )
    done = Settled(Judgement(), found, released=["two"])
    assert (done.run.counts.released, done.run.counts.stale, done.run.counts.void) == (1, 1, 1)
    report = done.run.rules["leave"].counts
    assert (report.released, report.stale, report.void) == (1, 1, 0)


def test_each_rule_and_each_vip_rule_gets_a_request_of_its_own():
    judgement = Judgement(
        suspended=[candidate(1), candidate(2), candidate(3)],
        stops={"a1": stop(), "a2": stop("chiefs"), "a3": stop(expires=NOW + 2 * DAY)},
    )
    volume, vip = Settled(judgement).asked
    assert (volume.kind, volume.actions, volume.plan) == (RequestKind.VOLUME, ["a1", "a3"], "team")
    assert volume.expires_at == NOW + 2 * DAY
    assert volume.sentence == "leave would disable 2 users in ad: 3 actions, 2 allowed"
    assert (vip.kind, vip.vip, vip.actions, vip.plan) == (
        RequestKind.VIP,
        "chiefs",
        ["a2"],
        "board",
    )
    assert vip.sentence == "leave would disable Person 2 in ad: too many"
    assert vip.template == "letters"


def test_one_that_is_to_be_cleared_makes_the_request_clear():
    judgement = Judgement(
        suspended=[candidate(1), candidate(2)],
        stops={"a1": stop(on_expiry=OnExpiry.APPROVE), "a2": stop()},
    )
    (request,) = Settled(judgement).asked
    assert request.on_expiry is OnExpiry.CLEAR


def test_events_are_marked_when_they_are_let_through_or_asked_about():
    hail = a_rule("hail", RuleKind.EVENT)
    judgement = Judgement(
        queued=[candidate(1, rule=hail, operation=Operation.EVENT), candidate(4)],
        suspended=[candidate(2, rule=hail, operation=Operation.EVENT)],
        planned=[candidate(3, rule=hail, operation=Operation.EVENT)],
        stops={"a2": stop()},
    )
    done = Settled(judgement, Collected(stopped_events={("hail", 9)}))
    assert done.log.named("set_held") == [
        ([("hail", 1), ("hail", 2)], ("held", True)),
        ([("hail", 9)], ("held", False)),
    ]
    assert done.asked[0].sentence == "hail would call its webhook for Person 2: too many"
    assert done.asked[0].silo is None


def test_several_events_are_about_identities():
    hail = a_rule("hail", RuleKind.EVENT)
    judgement = Judgement(
        suspended=[candidate(n, rule=hail, operation=Operation.EVENT) for n in (1, 2)],
        stops={"a1": stop(), "a2": stop()},
    )
    (request,) = Settled(judgement).asked
    assert request.sentence == "hail would call its webhook for 2 identities: too many"
