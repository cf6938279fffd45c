"""Runs, decisions, crashes and clock moves in any order, against what must always be true."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hypersync.model.actions import ActionState
from hypersync.model.objects import Refused, RetryAfter, Unknown
from tests.worlds import World

PEOPLE = 8
LIMIT = 2
S = ActionState

RULES = f"""\
ruleset: accounts
rules:
  - {{id: leave, kind: deprovision, target: account, throttle: 1m, threshold: {{limit: {LIMIT}}},
     when: "hr.status == 'left' and account.enabled", do: disable}}
  - {{id: back, kind: update, target: account, throttle: 1m, threshold: {{limit: {LIMIT}}},
     when: "hr.status == 'active' and not account.enabled", do: enable}}
  - {{id: title, kind: update, target: account, throttle: 1m, threshold: {{limit: {LIMIT}}},
     set: {{title: hr.title}}}}
  - {{id: hail, kind: event, when: "hr.title == 'boss'", threshold: {{limit: {LIMIT}}},
     do: {{webhook: "https://hooks.example.org/hail"}}, throttle: 1m}}
"""
VIP = "vip: [{name: bosses, when: \"hr.level == 'C'\"}]"
WRITTEN = frozenset({S.EXECUTING, S.SUCCEEDED, S.CONFLICT, S.FAILED, S.UNKNOWN})
UNTOUCHED = (
    *("object", "pending_identity", "execution_mark", "hold", "undo_hold"),
    *("request", "identity", "quota"),
)

person = st.integers(0, PEOPLE - 1)


class Syncs(RuleBasedStateMachine):
    """A company of eight and everything that may befall it."""

    @initialize()
    def found(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.world = World(self.folder, RULES, more=VIP)
        for number in range(PEOPLE):
            level = "C" if number == 0 else "E"
            self.world.person(number, level=level, title="clerk")
            self.world.account(number, title="clerk")
        self.world.run("full")

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.close()
            shutil.rmtree(self.folder)

    # --- what may happen -----------------------------------------------------------------------

    @rule(who=person, status=st.sampled_from(["active", "left", ""]))
    def hr_says(self, who: int, status: str) -> None:
        self.world.change(who, status=status)

    @rule(who=st.sets(person, max_size=6), status=st.sampled_from(["active", "left"]))
    def hr_says_of_many(self, who: set[int], status: str) -> None:
        for each in who:
            self.world.change(each, status=status)

    @rule(who=person, title=st.sampled_from(["clerk", "boss", "chief", ""]))
    def hr_promotes(self, who: int, title: str) -> None:
        self.world.change(who, title=title)

    @rule(who=person, level=st.sampled_from(["C", "E", ""]))
    def hr_levels(self, who: int, level: str) -> None:
        self.world.change(who, level=level)

    @rule(who=person, active=st.sampled_from(["true", "false"]))
    def somebody_else_switches(self, who: int, active: str) -> None:
        known = self.world.get(who) or {}
        self.world.dir.put("account", f"u{who}", {**known, "active": active})

    @rule(
        outcome=st.sampled_from(
            [Refused("no"), Unknown("who knows"), RetryAfter(timedelta(minutes=2), "busy")]
        )
    )
    def the_silo_will_fail(self, outcome) -> None:
        self.world.dir.faults.outcomes.append(outcome)

    @rule()
    def the_answer_will_be_lost(self) -> None:
        self.world.dir.faults.unknown_after_write = 1

    @rule(minutes=st.sampled_from([1, 5, 15, 61, 1441]))
    def time_passes(self, minutes: int) -> None:
        self.world.later(minutes=minutes)

    @rule()
    def scan(self) -> None:
        self.world.later(seconds=1)
        self.world.scan()

    @rule(kind=st.sampled_from([None, "full", "delta"]))
    def commit(self, kind: str | None) -> None:
        self.world.later(seconds=1)
        self.world.sync(kind)

    @rule(who=person)
    def commit_one(self, who: int) -> None:
        self.world.later(seconds=1)
        self.world.sync(object_key=("hr", "person", f"e{who}"))

    @rule(kind=st.sampled_from(["full", "delta"]))
    def preview(self, kind: str) -> None:
        before = {name: self.world.rows(name) for name in UNTOUCHED}
        writes = self.world.dir.writes
        self.world.sync(kind, commit=False)
        assert {name: self.world.rows(name) for name in UNTOUCHED} == before
        assert self.world.dir.writes == writes

    @precondition(lambda self: self.world.suspended())
    @rule(data=st.data(), approves=st.booleans())
    def decide(self, data, approves: bool) -> None:
        now = self.world.clock.time
        waiting = [each for each in self.world.suspended() if each.expires_at > now]
        if not waiting:
            return
        chosen = data.draw(st.lists(st.sampled_from(waiting), unique_by=lambda a: a.id, min_size=1))
        (self.world.approve if approves else self.world.reject)(*chosen)

    @rule()
    def tick(self) -> None:
        self.world.tick()

    @rule()
    def crash_while_executing(self) -> None:
        self.world.execute(
            "UPDATE action SET state = 'executing', worker = 'a dead run', started_at = queued_at "
            "WHERE state = 'queued'"
        )

    # --- what must be true ---------------------------------------------------------------------

    def all_actions(self):
        with self.world.app.store.snapshot() as unit:
            ids = [row[1] for row in self.world.rows("action")]
            return unit.actions.get(ids)

    @invariant()
    def nothing_that_was_stopped_runs_without_a_decision(self) -> None:
        for action in self.all_actions():
            if action.suspended_at is not None and action.state in WRITTEN | {S.QUEUED}:
                assert action.decided_by is not None, action
                assert action.released_by is not None, action

    @invariant()
    def no_more_than_the_limit_goes_through_in_one_run(self) -> None:
        through = Counter(
            (action.run, action.rule)
            for action in self.all_actions()
            if action.queued_at is not None and action.suspended_at is None
        )
        assert all(count <= LIMIT for count in through.values()), through

    @invariant()
    def each_key_is_open_once(self) -> None:
        with self.world.app.store.snapshot() as unit:
            opened = [each.key for each in self.all_actions() if each.state in WRITTEN_OR_OPEN]
            assert sorted(opened) == sorted(unit.actions.open(None))

    @invariant()
    def an_event_fires_once_per_action(self) -> None:
        fired = Counter(action.id for action in self.world.sink.fired)
        assert all(count == 1 for count in fired.values()), fired

    @invariant()
    def every_question_has_a_request(self) -> None:
        assert all(action.request for action in self.world.suspended())

    @rule()
    def settles(self) -> None:
        """Twice the same sync: the second has nothing new to say."""
        self.world.later(seconds=1)
        self.world.scan()
        self.world.sync("full")
        again = self.world.sync("full")
        counts = again.counts
        assert counts.queued == counts.suspended == counts.released == 0, counts
        assert counts.proposed == counts.throttled, counts


WRITTEN_OR_OPEN = frozenset({S.SUSPENDED, S.APPROVED, S.QUEUED, S.EXECUTING, S.UNKNOWN})

Syncs.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestSyncs = Syncs.TestCase
