"""Leases, runs, actions and marks as the database keeps them: every change guarded."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hypersync.errors import FenceLost, LeaseHeld, StoreError
from hypersync.model.actions import ActionState, OnExpiry, Reason
from hypersync.model.objects import Operation
from hypersync.model.runs import (
    Counts,
    RuleReport,
    Run,
    RunError,
    RunKind,
    RunMode,
    RunState,
)
from hypersync.pipeline.lease import holding
from hypersync.ports.store.actions import Proposal, Suspension, Trace
from hypersync.ports.store.events import Event
from hypersync.ports.store.leases import Fence
from hypersync.ports.store.marks import QuotaState
from hypersync.store.leases import LEASE
from tests.databases import open_store
from tests.postgresql import both_databases

pytestmark = both_databases

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
S = ActionState


@pytest.fixture
def store(database_url):
    made = open_store(database_url)
    with made.begin() as unit:
        unit.runs.start(a_run())
    yield made
    made.close()


def a_run(**values) -> Run:
    given = {
        "id": "run",
        "kind": RunKind.FULL,
        "mode": RunMode.COMMIT,
        "state": RunState.PLANNING,
        "config": "rev",
        "started_at": NOW,
    }
    return Run(**{**given, **values})


def proposal(name: str, **values) -> Proposal:
    given = {
        "id": name,
        "rule": "rule",
        "kind": "update",
        "identity": 1,
        "object_id": 7,
        "silo": "dir",
        "type": "account",
        "anchor": f"u{name}",
        "slot": "account",
        "operation": Operation.UPDATE,
        "key": f"rule|1|{name}",
        "target": "",
        "before": {"title": None},
        "after": {"title": "new"},
        "once": {},
        "title": "Ann",
        "fingerprint": f"print {name}",
    }
    return Proposal(**{**given, **values})


def queued(store, *names, **values):
    with store.begin() as unit:
        unit.actions.spool("run", [proposal(name, **values) for name in names], NOW)
        unit.actions.queue("run", names, NOW)


def suspended(store, *names, **values):
    stop = Suspension(
        reasons=[Reason("threshold", "limit", "too many")],
        on_expiry=OnExpiry.CLEAR,
        expires_at=NOW + timedelta(days=1),
    )
    with store.begin() as unit:
        unit.actions.spool("run", [proposal(name, **values) for name in names], NOW)
        unit.actions.suspend("run", dict.fromkeys(names, stop), NOW)


def claim(unit, worker="run", now=NOW, **values):
    given = {
        "silo": "dir",
        "operations": tuple(Operation),
        "limit": 100,
        "now": now,
    }
    return unit.actions.claim(worker, **{**given, **values})


def state(store, name):
    with store.snapshot() as unit:
        return unit.actions.get([name])[0].state


# --- leases ----------------------------------------------------------------------------------


def test_a_lease_that_is_held_says_whose_it_is_and_until_when(store):
    with store.begin() as unit:
        unit.leases.take("sync", "ann", NOW)
    with store.begin() as unit, pytest.raises(LeaseHeld, match=r"ann until 08:00:30"):
        unit.leases.take("sync", "bob", NOW + LEASE - timedelta(seconds=1))


def test_leases_of_other_names_are_free(store):
    with store.begin() as unit:
        unit.leases.take("sync", "ann", NOW)
        unit.leases.take("scan:hr", "bob", NOW)
        holders = [unit.leases.holder(name, NOW) for name in ("sync", "scan:hr", "scan:crm")]
    assert holders == ["ann", "bob", None]


def test_a_lease_is_free_when_it_was_given_back_or_ran_out(store):
    with store.begin() as unit:
        first = unit.leases.take("sync", "ann", NOW)
        unit.leases.release(first, NOW)
        second = unit.leases.take("sync", "bob", NOW)
        third = unit.leases.take("sync", "cy", NOW + LEASE)
    assert (first.number, second.number, third.number) == (1, 2, 3)


def test_who_lost_the_lease_writes_nothing_more(store):
    with store.begin() as unit:
        old = unit.leases.take("sync", "ann", NOW)
        unit.leases.take("sync", "bob", NOW + LEASE)
    with pytest.raises(FenceLost), store.begin(old) as unit:
        unit.events.record(Event(kind="never", at=NOW))
    with store.snapshot() as unit:
        assert unit.events.recent(10) == []


def test_who_lost_the_lease_can_neither_renew_it_nor_take_it_from_the_next(store):
    with store.begin() as unit:
        old = unit.leases.take("sync", "ann", NOW)
        new = unit.leases.take("sync", "bob", NOW + LEASE)
    with pytest.raises(FenceLost), store.begin() as unit:
        unit.leases.renew(old, NOW)
    with store.begin() as unit:
        unit.leases.release(old, NOW)
        unit.leases.check(new)


def test_a_renewed_lease_lasts_longer(store):
    with store.begin() as unit:
        fence = unit.leases.take("sync", "ann", NOW)
        unit.leases.renew(fence, NOW + LEASE)
    with store.begin() as unit, pytest.raises(LeaseHeld):
        unit.leases.take("sync", "bob", NOW + LEASE)


def test_holding_gives_the_lease_back_also_when_the_block_fails(store):
    with pytest.raises(RuntimeError), holding(store, "sync", "ann", lambda: NOW):
        raise RuntimeError("stopped")
    with holding(store, "sync", "bob", lambda: NOW) as fence:
        assert fence.number == 2


def test_of_many_who_want_a_lease_at_once_one_gets_it(store):
    got: list[Fence] = []
    barrier = threading.Barrier(8)

    def want(name: str) -> None:
        barrier.wait()
        try:
            with store.begin() as unit:
                got.append(unit.leases.take("sync", name, NOW))
        except LeaseHeld:
            return

    threads = [threading.Thread(target=want, args=(f"w{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


# --- schedules -------------------------------------------------------------------------------


def test_a_schedule_runs_once_for_each_due_time(store):
    with store.begin() as unit:
        assert unit.schedules.last("nightly") is None
        assert unit.schedules.claim("nightly", NOW, "a", NOW)
        assert not unit.schedules.claim("nightly", NOW, "b", NOW)
        assert unit.schedules.claim("nightly", NOW + MINUTE, "b", NOW)
        assert unit.schedules.claim("hourly", NOW, "b", NOW)
        assert unit.schedules.last("nightly") == NOW + MINUTE


# --- runs ------------------------------------------------------------------------------------


def test_a_run_comes_back_as_it_was_stored(store):
    report = RuleReport(
        counts=Counts(queued=2), limit=0, limit_text="0", population=0, lookback=3, reason="why"
    )
    full = a_run(
        state=RunState.DONE,
        finished_at=NOW + MINUTE,
        started_by="cli:ann",
        counts=Counts(queued=2, proposed=2),
        rules={"rule": report},
        scans=("s1",),
    )
    with store.begin() as unit:
        unit.runs.save(full)
    with store.snapshot() as unit:
        assert unit.runs.get("run") == full
        assert unit.runs.get("nothing") is None


def test_a_run_that_is_still_planning_is_not_in_the_history(store):
    with store.begin() as unit:
        assert unit.runs.recent(10) == []
        assert [run.id for run in unit.runs.in_state(RunState.PLANNING)] == ["run"]
        unit.runs.save(a_run(state=RunState.DONE))
        assert [run.id for run in unit.runs.recent(10)] == ["run"]


def test_errors_keep_their_order(store):
    errors = [RunError("rule", number, "code", f"text {number}") for number in (3, 1, 2)]
    with store.begin() as unit:
        unit.runs.report_errors("run", errors)
        unit.runs.report_errors("run", [RunError(None, None, "last", "one")])
    with store.snapshot() as unit:
        assert unit.runs.errors("run")[:3] == errors
        assert len(unit.runs.errors("run", 2)) == 2


@pytest.mark.parametrize(
    ("values", "known"),
    [
        ({"state": RunState.DONE}, "rev"),
        ({"state": RunState.FAILED}, None),
        ({"state": RunState.EXECUTING}, None),
        ({"state": RunState.DONE, "mode": RunMode.PREVIEW}, None),
        ({"state": RunState.DONE, "kind": RunKind.DELTA}, None),
    ],
)
def test_only_a_full_sync_that_committed_and_ended_counts_as_one(store, values, known):
    with store.begin() as unit:
        unit.runs.save(a_run(**values))
        assert unit.runs.last_full_revision() == known


# --- actions ---------------------------------------------------------------------------------


def test_a_proposal_is_visible_to_nobody(store):
    with store.begin() as unit:
        unit.actions.spool("run", [proposal("a")], NOW)
        assert unit.actions.of_run("run") == []
        assert unit.actions.count_of_run("run") == 0
        assert unit.actions.open(None) == {}
        assert claim(unit) == []


def test_an_action_comes_back_as_it_was_stored(store):
    tricky = {"a": None, "b": ("x", "y"), "c": b"\x00\xff", "d": 5, "e": "é"}
    queued(store, "a", before=None, after=tricky, once={"uid": "ann"})
    with store.snapshot() as unit:
        (action,) = unit.actions.get(["a"])
    assert (action.before, action.after, action.once) == (None, tricky, {"uid": "ann"})


def test_one_key_is_open_once(store):
    queued(store, "a", key="same")
    with pytest.raises(StoreError, match=r"(?i)unique constraint"):
        queued(store, "b", key="same")
    assert state(store, "a") is S.QUEUED


def test_a_key_is_free_again_when_its_action_ended(store):
    queued(store, "a", key="same")
    with store.begin() as unit:
        unit.actions.move(["a"], [S.QUEUED], S.VOID, NOW)
    queued(store, "b", key="same")
    with store.snapshot() as unit:
        assert list(unit.actions.open(None)) == ["same"]
        assert unit.actions.open([1])["same"].id == "b"
        assert unit.actions.open([2]) == {}


def test_who_comes_second_moves_nothing(store):
    suspended(store, "a")
    with store.begin() as unit:
        assert unit.actions.move(["a"], [S.SUSPENDED], S.STALE, NOW) == ["a"]
        assert unit.actions.move(["a"], [S.SUSPENDED], S.VOID, NOW) == []
        assert unit.actions.release("run", ["a"], NOW) == []
        assert not unit.actions.replace("a", NOW, "why")
        assert not unit.actions.finish("a", S.SUCCEEDED, NOW)
    assert state(store, "a") is S.STALE


def test_a_claim_takes_what_is_due_in_order_and_only_once(store):
    queued(store, "c", "a", "b")
    with store.begin() as unit:
        first = claim(unit, limit=2)
        second = claim(unit)
        assert [action.id for action in first] == ["c", "a"]
        assert [action.id for action in second] == ["b"]
        assert claim(unit) == []
    assert first[0].attempts == 1
    assert first[0].started_at == NOW


def test_a_claim_leaves_other_silos_other_operations_and_retries(store):
    queued(store, "a", silo="other")
    queued(store, "b", operation=Operation.DELETE)
    queued(store, "c", "d")
    with store.begin() as unit:
        claim(unit, operations=(Operation.UPDATE,), limit=1)
        unit.actions.retry("c", NOW + 3 * MINUTE, "busy")
        assert [a.id for a in claim(unit, operations=(Operation.UPDATE,))] == ["d"]
        assert claim(unit, operations=(Operation.UPDATE,), now=NOW + 2 * MINUTE) == []
        again = claim(unit, operations=(Operation.UPDATE,), now=NOW + 3 * MINUTE)
        assert [(a.id, a.attempts) for a in again] == [("c", 2)]


def test_a_claim_takes_only_what_its_run_confirmed_whatever_the_clock_says(store):
    queued(store, "a", "b")
    with store.begin() as unit:
        for now in (NOW - 24 * 60 * MINUTE, NOW, NOW + 11 * MINUTE):
            assert claim(unit, "later", now) == []
        unit.actions.confirm(["b"], "later")
        assert [a.id for a in claim(unit, "later")] == ["b"]
        assert [a.id for a in claim(unit)] == ["a"]


def test_what_is_put_back_to_be_rechecked_starts_once_confirmed_and_keeps_its_time(store):
    queued(store, "a")
    later = NOW + 30 * MINUTE
    with store.begin() as unit:
        claim(unit)
        unit.actions.retry("a", later, "it was not done", recheck=True)
        assert claim(unit, now=later) == []
        unit.actions.confirm(["a"], "later")
        assert [unit.identity for unit in unit.actions.let_through({"rule"}, NOW)] == [1]
        assert unit.actions.let_through({"rule"}, NOW + MINUTE) == []
        (again,) = claim(unit, "later", later)
    assert (again.queued_at, again.started_at) == (NOW, later)


def test_a_claim_takes_suspects_only_when_asked_and_one_stays_a_suspect(store):
    queued(store, "a", "b")
    with store.begin() as unit:
        claim(unit)
        unit.actions.retry("a", NOW, "broke off", is_suspect=True)
        unit.actions.retry("b", NOW, "busy")
        assert [(a.id, a.is_suspect) for a in claim(unit)] == [("b", False)]
        unit.actions.retry("b", NOW, "busy")
        for _ in range(2):
            assert [(a.id, a.is_suspect) for a in claim(unit, suspects=True)] == [("a", True)]
            unit.actions.retry("a", NOW, "not reached")
        assert [a.id for a in claim(unit)] == ["b"]


def test_what_others_were_executing_is_unknown_when_their_process_is_gone(store):
    queued(store, "a")
    with store.begin() as unit:
        unit.actions.confirm(["a"], "one")
        claim(unit, "one")
    queued(store, "b")
    with store.begin() as unit:
        claim(unit)
        assert unit.actions.lost("run") == ["a"]
        assert [action.id for action in unit.actions.unknown("dir")] == ["a"]
        assert unit.actions.unknown("other") == []
        assert unit.actions.finish("a", S.SUCCEEDED, NOW, anchor="new", object_id=9)
        (action,) = unit.actions.get(["a"])
    assert (action.anchor, action.object_id, action.state) == ("new", 9, S.SUCCEEDED)


def test_the_lookback_tells_what_was_written_when_asked_and_whether_it_was_done(store):
    queued(store, "a", "b")
    queued(store, "c", rule="old", after={"title": None})
    with store.begin() as unit:
        unit.actions.confirm(["a"], "run")
        claim(unit, limit=1)
        unit.actions.finish("a", S.SUCCEEDED, NOW)
        found = unit.actions.let_through({"rule"}, NOW)
        told = {(each.anchor, each.is_done, each.after) for each in found}
        assert told == {("ua", True, None), ("ub", False, None)}
        found = unit.actions.let_through({"rule", "old"}, NOW, written=True)
        written = {each.anchor: each.after for each in found}
        new = {"title": "new"}
        assert written == {"ua": new, "ub": new, "uc": {"title": None}}


def test_other_rules_are_told_by_the_newest_of_what_they_did(store):
    with store.begin() as unit:
        assert unit.actions.others(()) == []
    for rule in ("a", "b", "c", "undo:a"):
        suspended(store, f"{rule} 1", rule=rule, key=f"{rule}|1|1")
        queued(store, f"{rule} 2", rule=rule, key=f"{rule}|1|2")
    with store.begin() as unit:
        others = unit.actions.others({"b"})
    assert others == [Trace(rule, "update", "account", Operation.UPDATE) for rule in ("a", "c")]


def test_the_last_rules_are_those_of_the_last_committing_sync_whose_plan_was_made(store):
    def kept(name: str, minutes: int, **values):
        run = a_run(id=name, config=f"of {name}", started_at=NOW + minutes * MINUTE, **values)
        with store.begin() as unit:
            unit.runs.start(run)
            unit.runs.save(run)

    with store.begin() as unit:
        assert unit.runs.last_rules() is None
    reports = {"one": RuleReport(), "two": RuleReport()}
    kept("a", 1, state=RunState.DONE, rules={"old": RuleReport()})
    kept("b", 2, state=RunState.EXECUTING, rules=reports)
    kept("c", 3, state=RunState.DONE, mode=RunMode.PREVIEW)
    kept("d", 4, state=RunState.DONE, kind=RunKind.UNDO)
    kept("e", 5, state=RunState.FAILED)
    with store.begin() as unit:
        assert unit.runs.last_rules() == ("of b", {"one", "two"})


def test_the_lookback_counts_what_went_through_without_a_person(store):
    queued(store, "a")
    suspended(store, "b")
    with store.begin() as unit:
        unit.requests.approve(["b"], by="person:ann", now=NOW, until=NOW + 60 * MINUTE)
        assert unit.actions.release("run", ["b"], NOW) == ["b"]
        assert len(unit.actions.let_through({"rule"}, NOW)) == 1
        assert unit.actions.let_through({"rule"}, NOW + MINUTE) == []
        assert unit.actions.let_through({"other"}, NOW) == []
        assert len(unit.actions.stopped_for_volume({"rule"}, NOW)) == 1
        touched = unit.actions.objects_touched("dir", Operation.UPDATE, NOW)
        assert touched == {"account/ua", "account/ub"}


def test_a_run_shows_its_actions_and_those_it_released(store):
    suspended(store, "a")
    with store.begin() as unit:
        unit.runs.start(a_run(id="next"))
        unit.requests.approve(["a"], by="person:ann", now=NOW, until=NOW + 60 * MINUTE)
        unit.actions.release("next", ["a"], NOW)
        for run in ("run", "next"):
            assert [action.id for action in unit.actions.of_run(run)] == ["a"]
            assert unit.actions.count_of_run(run) == 1
            assert unit.actions.states(run) == {"rule": {S.QUEUED: 1}}
        assert unit.actions.of_run("next", "other") == []


def test_discarding_takes_proposals_only(store):
    queued(store, "a")
    with store.begin() as unit:
        unit.actions.spool("run", [proposal("b"), proposal("c")], NOW)
        unit.actions.discard("run", ["b", "a"])
        unit.actions.discard("run", [])
        unit.actions.queue("run", ["b", "c"], NOW)
    with store.snapshot() as unit:
        assert [action.id for action in unit.actions.of_run("run")] == ["a", "c"]


def test_hundreds_of_ids_are_no_problem(store):
    names = [f"n{number:04}" for number in range(1_201)]
    queued(store, *names)
    with store.begin() as unit:
        assert len(unit.actions.get(names)) == 1_201
        assert len(unit.actions.move(names, [S.QUEUED], S.STALE, NOW)) == 1_201


def test_the_last_switch_of_an_object_is_the_newest_that_succeeded(store):
    for name, operation in (("a", Operation.DISABLE), ("b", Operation.ENABLE)):
        queued(store, name, operation=operation)
    both = (Operation.ENABLE, Operation.DISABLE)
    with store.begin() as unit:
        assert unit.actions.of_object(7, both) is None
        claim(unit)
        unit.actions.finish("a", S.SUCCEEDED, NOW)
        unit.actions.finish("b", S.FAILED, NOW)
        assert unit.actions.of_object(7, both).id == "a"
        assert unit.actions.of_object(8, both) is None


# --- marks -----------------------------------------------------------------------------------


def test_the_last_start_is_kept_by_rule_identity_and_target(store):
    with store.begin() as unit:
        unit.marks.start([("rule", 1, ""), ("rule", 1, "g\x1fm"), ("other", 1, "")], NOW)
        unit.marks.start([("rule", 1, "")], NOW + MINUTE)
        found = unit.marks.last_starts(["rule"], NOW - MINUTE, None)
        assert found == {("rule", 1, ""): NOW + MINUTE, ("rule", 1, "g\x1fm"): NOW}
        assert unit.marks.last_starts(["rule"], NOW, [1]) == {("rule", 1, ""): NOW + MINUTE}
        assert unit.marks.last_starts(["rule"], NOW - MINUTE, [2]) == {}


def test_a_mark_that_holds_survives_an_execution(store):
    with store.begin() as unit:
        unit.marks.set_held([("event", 1), ("event", 2)], held=True)
        unit.marks.set_held([("event", 2)], held=False)
        unit.marks.start([("event", 1, ""), ("event", 2, "")], NOW)
        assert unit.marks.held(["event"], None) == {("event", 1)}
        assert unit.marks.held(["event"], [2]) == frozenset()


def test_a_reserved_value_stays_with_who_had_it_first(store):
    with store.begin() as unit:
        unit.marks.reserve([("account.uid", "ann", 1, "rule")], NOW)
        unit.marks.reserve([("account.uid", "ann", 2, "rule")], NOW)
        assert unit.marks.reservations("account.uid") == {"ann": 1}
        assert unit.marks.reservations("other") == {}


def test_quotas_and_events_are_kept(store):
    with store.begin() as unit:
        unit.marks.save_quotas({"a": QuotaState(NOW, 1)})
        unit.marks.save_quotas({"a": QuotaState(NOW, 0), "b": QuotaState(NOW, 2)})
        assert unit.marks.quotas() == {"a": QuotaState(NOW, 0), "b": QuotaState(NOW, 2)}
        unit.events.record(Event(kind="one", at=NOW, data={"n": 1}))
        unit.events.record(Event(kind="two", at=NOW, request="q"))
        assert [event.kind for event in unit.events.recent(10)] == ["two", "one"]
        assert [event.kind for event in unit.events.recent(10, "q")] == ["two"]


# --- units of work ---------------------------------------------------------------------------


def test_an_exception_rolls_everything_back(store):
    def stopped() -> None:
        with store.begin() as unit:
            unit.runs.save(a_run(state=RunState.DONE))
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        stopped()
    with store.snapshot() as unit:
        assert unit.runs.get("run").state is RunState.PLANNING


def test_a_snapshot_sees_one_moment(store):
    with store.snapshot() as old:
        assert old.runs.get("run").state is RunState.PLANNING
        with store.begin() as unit:
            unit.runs.save(replace(a_run(), state=RunState.DONE))
        assert old.runs.get("run").state is RunState.PLANNING
    with store.snapshot() as new:
        assert new.runs.get("run").state is RunState.DONE
