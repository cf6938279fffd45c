"""Everything that may befall a company, in any order, against the model of what must be true.

`make test` runs a seeded batch; `python -m tests.prove` runs many, with seeds that it prints.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hypersync.approvals.ballot import Ballot, Decided, OfActions, OfRequest
from hypersync.approvals.decide import decide, digest_of
from hypersync.approvals.voting import undecided_of
from hypersync.errors import DecisionLost, DecisionRefused, LeaseHeld
from hypersync.model.objects import Refused, RetryAfter, Unknown
from hypersync.model.requests import Answer, RequestKind
from hypersync.model.scans import ScanState
from tests.properties.machine_model import OPEN, Broken, Model, wishes
from tests.properties.machine_world import (
    PEOPLE,
    Died,
    Terms,
    dissolve,
    found_company,
    numbered_ids,
)

EXAMPLES = int(os.environ.get("HYPERSYNC_MACHINE_EXAMPLES", "70"))
STEPS = 40
LEASE = timedelta(seconds=30)
FREE = {"run", "run_error", "verdict_row", "action", "rule_preview", "event"}
"""The tables that a preview writes to, its own rows and whose rules it is the first to run only."""
STATUSES = ["active", "left", "purged", None]
ANSWERS = ["ann", "bob", "cy", "dan"]
SPANS = [0.5, 1, 2, 11, 61, 6 * 60, 13 * 60, 25 * 60, 8 * 24 * 60, 31 * 24 * 60]

steps: Counter[str] = Counter()
"""How often each rule ran in this process, by its name."""

someone = st.sampled_from(list(PEOPLE))
some = st.one_of(st.sets(someone, min_size=1, max_size=2), st.sets(someone, min_size=1, max_size=5))
pauses = st.sampled_from([0, 0, 1, 25 * 60])
kinds = st.sampled_from([None, "full", "delta"])
then = st.sampled_from(["", "full", "delta"])


class Guards(RuleBasedStateMachine):
    """A company, its people, its silos and its process."""

    @initialize()
    def found(self) -> None:
        self.chance = numbered_ids()
        self.chance.__enter__()
        self.company = found_company()
        self.model = Model(self.company)
        self.company.watchers.append(self.model.look)
        self.held_until = self.company.clock.time
        self.is_new = False
        self.is_late = False
        self.view: tuple[str, list[str], str | None] | None = None
        self.model.look()
        self.model.runs |= {row[0] for row in self.company.select("SELECT id FROM run")}

    def teardown(self) -> None:
        if hasattr(self, "company"):
            dissolve(self.company)
            self.chance.__exit__(None, None, None)

    def done(self, name: str) -> None:
        """Count a step, and look at everything."""
        steps[name] += 1
        self.model.look()

    # --- others do something -------------------------------------------------------------------

    def hr(self, number: int, **values: Any) -> None:
        if self.company.hr.get("person", f"e{number}") is None:
            values = {"id": f"e{number}", "name": f"u{number}", "level": "E", **values}
        self.company.change(number, **values)

    def then_sync(self, kind: str) -> None:
        """Scan everything and sync, where the step says so."""
        if not kind:
            return
        self.company.later(seconds=40)
        self.in_turn(self.company.app.scan)
        self.done("scan then")
        self.in_turn(lambda: self.company.sync(kind))
        self.done("commit then")

    @rule(who=some, status=st.sampled_from(STATUSES), then=then)
    def they_change_status(self, who: set[int], status: str | None, then: str) -> None:
        steps["status"] += 1
        for number in who:
            self.hr(number, status=status)
        self.then_sync(then)

    @rule(who=some, title=st.sampled_from(["clerk", "boss", "chief"]), then=then)
    def they_change_title(self, who: set[int], title: str, then: str) -> None:
        steps["title"] += 1
        for number in who:
            self.hr(number, title=title)
        self.then_sync(then)

    @rule(who=someone, level=st.sampled_from(["C", "E", "E", None]), then=then)
    def somebody_rises_or_falls(self, who: int, level: str | None, then: str) -> None:
        steps["level"] += 1
        self.hr(who, level=level)
        self.then_sync(then)

    @rule(who=some)
    def they_vanish_from_hr(self, who: set[int]) -> None:
        steps["vanish"] += 1
        for number in who:
            self.company.hr.remove("person", f"e{number}")

    @rule(who=someone, readable=st.booleans())
    def a_record_becomes_unreadable(self, who: int, readable: bool) -> None:
        steps["invalid"] += 1
        invalid = self.company.hr.faults.invalid
        (invalid.discard if readable else invalid.add)(f"e{who}")
        known = self.company.hr.get("person", f"e{who}")
        if known is not None:
            self.company.hr.put("person", f"e{who}", known)

    @rule(who=someone, change=st.sampled_from(["on", "off", "title", "gone", "out"]))
    def somebody_else_writes_the_directory(self, who: int, change: str) -> None:
        steps["outside"] += 1
        known = {"uid": f"u{who}", "number": f"e{who}", **(self.company.get(who) or {})}
        self.model.touch(f"u{who}")
        members = set(self.company.members("staff"))
        match change:
            case "gone":
                self.company.dir.remove("account", f"u{who}")
            case "out":
                self.model.touch("staff")
                self.company.group("staff", *(members - {f"u{who}"}))
            case "title":
                self.company.dir.put("account", f"u{who}", {**known, "title": "other"})
            case _:
                active = str(change == "on").lower()
                self.company.dir.put("account", f"u{who}", {**known, "active": active})

    @rule(
        fault=st.sampled_from(
            [
                (Refused("no"), False),
                (Unknown("who knows"), False),
                (RetryAfter(timedelta(minutes=2), "busy"), False),
                (Unknown("who knows"), True),
            ]
        ),
        times=st.integers(1, 3),
    )
    def silos_will_fail(self, fault: Any, times: int) -> None:
        steps["faults"] += 1
        outcome, happened = fault
        self.company.answers += [fault] * times
        if happened:
            self.company.dir.faults.unknown_after_write += times
        else:
            self.company.dir.faults.outcomes.extend([outcome] * times)

    @rule(what=st.sampled_from(["well", "well", "network", "scan", "paused", "ann", "ann and bob"]))
    def circumstances_change(self, what: str) -> None:
        """All is well, or: a silo is away or paused, a scan breaks off, mail is refused."""
        assert self.company.post is not None
        self.company.dir.faults.refused = "no such host" if what == "network" else ""
        self.company.hr.faults.break_after = 0 if what == "scan" else None
        self.set_pause(paused=what == "paused")
        self.company.post.refuses = {f"{each}@example.org" for each in what.split(" and ")}
        steps["circumstances"] += 1

    # --- time ----------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from(SPANS), ticks=st.booleans(), then=then)
    def time_passes(self, minutes: float, ticks: bool, then: str) -> None:
        self.company.later(minutes=minutes)
        if ticks:
            self.company.tick()
        self.done("time")
        if then:
            self.in_turn(lambda: self.company.sync(then))
            self.done("commit then")

    @rule(hours=st.sampled_from([1, 24]), ticks=st.booleans())
    def the_clock_is_set_back(self, hours: int, ticks: bool) -> None:
        self.company.later(hours=-hours)
        self.is_late = True
        if ticks:
            self.company.tick()
        self.done("back")

    # --- loops ---------------------------------------------------------------------------------

    def in_turn(self, work: Any) -> Any:
        """Do something that needs a lease, which a dead process may still hold."""
        try:
            return work()
        except LeaseHeld:
            if self.company.clock.time >= self.held_until:
                raise
            return None

    @rule(silo=st.sampled_from([(), ("hr",), ("dir",)]), full=st.booleans())
    def scan(self, silo: tuple[str, ...], full: bool) -> None:
        self.company.later(seconds=1)
        self.in_turn(lambda: self.company.app.scan(silo, full=full))
        self.done("scan")

    @rule(kind=kinds)
    def commit(self, kind: str | None) -> None:
        self.company.later(seconds=1)
        self.in_turn(lambda: self.company.sync(kind))
        self.done("commit")

    @rule(who=someone, commit=st.booleans())
    def sync_one(self, who: int, commit: bool) -> None:
        self.company.later(seconds=1)
        self.in_turn(
            lambda: self.company.sync(object_key=("dir", "account", f"u{who}"), commit=commit)
        )
        self.done("object")

    @rule(kind=kinds)
    def scan_and_commit(self, kind: str | None) -> None:
        self.company.later(minutes=1)
        self.in_turn(self.company.app.scan)
        self.done("scan")
        self.in_turn(lambda: self.company.sync(kind))
        self.done("commit")

    @rule(kind=st.sampled_from(["full", "delta"]))
    def preview(self, kind: str) -> None:
        before, calls = self.everything(), len(self.company.calls)
        self.company.sync(kind, commit=False)
        if self.everything() != before or len(self.company.calls) != calls:
            raise Broken("a preview changed something")
        self.done("preview")

    def everything(self) -> dict[str, Any]:
        """Return all that is stored but the rows of previews, and what the silos hold."""
        found: dict[str, Any] = {
            name: rows for name, rows in self.company.tables().items() if name not in FREE
        }
        found["action"] = self.company.select(
            "SELECT * FROM action WHERE state <> 'planned' ORDER BY seq"
        )
        found["event"] = self.company.select(
            "SELECT * FROM event WHERE kind <> 'rule_previewed' ORDER BY id"
        )
        found["silos"] = [silo.sequence for silo in (self.company.hr, self.company.dir)]
        return found

    @rule(kind=kinds, what=st.sampled_from(["tick", "decide", "scan", "pause"]), data=st.data())
    def commit_with_something_in_between(self, kind: str | None, what: str, data: Any) -> None:
        """Something happens while the run evaluates, or between two of its writes."""

        def now() -> None:
            self.model.look()
            if what == "tick":
                self.company.tick()
            elif what == "scan":
                self.in_turn(lambda: self.company.app.scan(("hr",)))
            elif what == "pause":
                self.set_pause(paused=True)
            else:
                self.answer(data)
            self.model.look()

        place = data.draw(st.sampled_from(["evaluating", "writing"]))
        hooks = self.company.meanwhile.done if place == "evaluating" else self.company.meantime
        hooks.append(now)
        self.company.later(seconds=1)
        self.in_turn(lambda: self.company.sync(kind))
        hooks.clear()
        self.done("between")

    @rule(kind=kinds)
    def everybody_gets_their_turn(self, kind: str | None) -> None:
        """After a scan that was believed a sync forgets nobody and wants nothing else.

        A delta does so when everything had time to be due again, which it had not when the clock
        was set back, and nothing in the configuration changed since the last full run.
        """
        kind = "full" if self.is_new or self.is_late or kind == "full" else "delta"
        company, model = self.company, self.model
        company.dir.faults.outcomes.clear()
        company.dir.faults.unknown_after_write = 0
        company.dir.faults.refused = ""
        company.answers.clear()
        company.hr.faults.break_after = None
        company.later(minutes=15)
        reports = self.in_turn(lambda: company.app.scan(full=True))
        model.look()
        if reports is None or any(each.state is not ScanState.APPLIED for each in reports):
            return
        members = company.members("staff")
        wanted = {
            wish
            for number in PEOPLE
            if f"e{number}" not in company.hr.faults.invalid
            for wish in wishes(number, *company.find(number), f"u{number}" in members)
            if wish.rule != company.terms.gone
        }
        open_before = {known.wish for known in model.seen.values() if known.state in OPEN}
        run = self.in_turn(lambda: company.sync(kind))
        self.is_new = self.is_new and run is None
        self.is_late = self.is_late and run is None
        self.done("turn")
        if run is not None and not company.terms.simulate:
            self.check_turn(run.id, wanted, open_before)

    def check_turn(self, run: str, wanted: set[Any], open_before: set[Any]) -> None:
        """Each wish has its action, its verdict, or its reason to wait; no action is unwanted."""
        planned = {known.wish for known in self.model.seen.values() if known.run == run}
        if extra := planned - wanted:
            raise Broken(f"nobody wants {extra}")
        table = (
            f"SELECT rule, identity FROM verdict_row WHERE run = '{run}' "  # noqa: S608
            f"UNION SELECT rule, identity FROM run_error WHERE run = '{run}'"
        )
        told = {
            (name, self.model.persons[identity])
            for name, identity in self.company.select(table)
            if identity is not None
        }
        for wish in wanted - planned:
            answered = (wish.rule, wish.number) in told
            rejected = any(
                known.wish == wish and known.state == "rejected"
                for known in self.model.seen.values()
            )
            if not (answered or rejected or wish in open_before or wish.rule == "hail"):
                raise Broken(f"{wish} was forgotten")

    # --- people --------------------------------------------------------------------------------

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def somebody_looks(self, data: Any) -> None:
        """Somebody opens a page and answers later."""
        with self.company.app.store.snapshot() as unit:
            found = [each for each in unit.requests.open() if each.kind is not RequestKind.SCAN]
            request = data.draw(st.sampled_from(found))
            undecided = undecided_of(unit.actions.of_request(request.id), self.company.clock.time)
            digest = digest_of(request, undecided)
        self.view = (request.id, [each.id for each in undecided], digest)
        steps["look"] += 1

    @precondition(lambda self: self.view is not None)
    @rule(who=st.sampled_from(ANSWERS), approves=st.booleans(), bound=st.booleans(), after=pauses)
    def somebody_answers_what_they_saw(
        self, who: str, approves: bool, bound: bool, after: int
    ) -> None:
        self.company.later(minutes=after)
        request, ids, digest = self.view  # type: ignore[misc]
        self.vote(who, ids, approves=approves, request=request, digest=digest if bound else None)
        self.done("answer seen")

    @precondition(lambda self: self.waiting())
    @rule(data=st.data(), then=then)
    def somebody_answers(self, data: Any, then: str) -> None:
        self.answer(data)
        self.done("answer")
        if then:
            self.company.later(seconds=1)
            self.in_turn(lambda: self.company.sync(then))
            self.done("commit then")

    @precondition(lambda self: self.waiting())
    @rule(
        who=st.sampled_from(["ann", "bob"]),
        approves=st.sampled_from([True, True, False]),
        after=pauses,
    )
    def somebody_answers_everything(self, who: str, approves: bool, after: int) -> None:
        self.company.later(minutes=after)
        for request in dict.fromkeys(self.model.seen[each].request for each in self.waiting()):
            self.vote(who, [], approves=approves, request=request)
        self.done("answer all")

    @precondition(lambda self: self.waiting())
    @rule(data=st.data(), first=st.booleans(), second=st.booleans())
    def two_answer_at_once(self, data: Any, first: bool, second: bool) -> None:
        """Both saw the same; the second does not know of the first."""
        several = st.lists(st.sampled_from(self.waiting()), unique=True, min_size=1, max_size=3)
        ids = data.draw(several)
        self.vote("ann", ids, approves=first)
        self.model.look()
        self.vote("bob", list(dict.fromkeys([*ids[:1], *data.draw(several)])), approves=second)
        self.done("two at once")

    def waiting(self) -> list[str]:
        return [each for each, known in self.model.seen.items() if known.state == "suspended"]

    @precondition(lambda self: self.scans())
    @rule(who=st.sampled_from(ANSWERS), approves=st.sampled_from([True, True, False]))
    def somebody_answers_about_a_scan(self, who: str, approves: bool) -> None:
        self.vote_scan(who, self.scans()[0], approves=approves)
        self.done("answer scan")

    def scans(self) -> list[str]:
        rows = self.company.select(
            "SELECT id FROM request WHERE kind = 'scan' AND state IN ('open', 'acknowledged')"
        )
        return [row[0] for row in rows]

    def answer(self, data: Any) -> None:
        """Draw who answers what; nothing when nothing waits."""
        waiting = self.waiting()
        if not waiting:
            return
        who = data.draw(st.sampled_from(ANSWERS))
        approves = data.draw(st.booleans())
        one = data.draw(st.sampled_from(waiting))
        if data.draw(st.booleans()):
            request = self.model.seen[one].request
            ids = [each for each in waiting if self.model.seen[each].request == request]
            self.vote(who, ids, approves=approves, request=request)
        else:
            more = data.draw(st.lists(st.sampled_from(waiting), max_size=3))
            self.vote(who, list(dict.fromkeys([one, *more])), approves=approves)

    def vote(
        self,
        who: str,
        ids: list[str],
        *,
        approves: bool,
        request: str | None = None,
        digest: str | None = None,
    ) -> None:
        """Answer about actions or a request, and check that what came of it is right."""
        model = self.model
        model.look()
        mine = ids
        if request is not None:
            mine = model.undecided(k for k, s in model.seen.items() if s.request == request)
        fresh = model.undecided(mine)
        doubts = [] if request is None else self.doubts(request)
        is_lost = request is None and any(
            each not in fresh and not model.has_answer(each, approves=approves) for each in mine
        )
        is_changed = digest is not None and bool(fresh) and fresh != ids
        target: Any = OfActions(tuple(mine)) if request is None else OfRequest(request, digest)  # type: ignore[arg-type]
        decided = self.cast(who, target, approves=approves)
        asked = fresh or doubts
        if (decided is DecisionRefused) != bool(asked and not model.may_decide(who, asked)):
            raise Broken(f"{who} may or may not decide {[model.seen[each].wish for each in asked]}")
        if isinstance(decided, Decided):
            if is_changed:
                raise Broken("an answer was taken for a list that had changed")
            if not is_lost:
                model.decide(who, fresh, approves=approves)
            self.check_answer(decided, fresh, is_lost=is_lost, approves=approves)
        elif decided is DecisionLost and not is_changed:
            raise Broken("an answer was refused for a list that had not changed")

    def doubts(self, request: str) -> list[str]:
        """Return the events of a request of which people are asked whether they happened."""
        rows = self.company.select(
            f"SELECT id FROM action WHERE request = '{request}' AND state = 'unknown'"  # noqa: S608
        )
        return [row[0] for row in rows]

    def cast(self, who: str, target: Any, *, approves: bool) -> Any:
        """Return what came of an answer, or the kind of the refusal."""
        answer = Answer.APPROVE if approves else Answer.REJECT
        ballot = Ballot(answer=answer, by=f"person:{who}", proof="session", comment="a test")
        app, now = self.company.app, self.company.clock.time
        try:
            return decide(app.store, target, ballot, now=now, settings=app.settings)
        except (DecisionRefused, DecisionLost) as error:
            return type(error)

    def check_answer(
        self, decided: Decided, fresh: list[str], *, is_lost: bool, approves: bool
    ) -> None:
        """What somebody is told about their answer is true."""
        told = {each.id for each in decided.decided}
        for each in fresh:
            known = self.model.seen[each]
            is_decided = known.approved_at is not None if approves else True
            if (each in told) != (is_decided and not is_lost):
                raise Broken(f"about {known.wish} something else was said than is true")

    def vote_scan(self, who: str, request: str, *, approves: bool) -> None:
        with self.company.app.store.snapshot() as unit:
            found = unit.requests.get(request)  # type: ignore[arg-type]
        assert found is not None
        missing = {int(anchor[1:]) for anchor in found.detail["missing"]}  # type: ignore[attr-defined]
        decided = self.cast(who, OfRequest(request), approves=approves)  # type: ignore[arg-type]
        if (decided is DecisionRefused) != (who == "dan"):
            raise Broken(f"{who} decided, or could not decide, about a scan")
        if isinstance(decided, Decided) and approves and found.silo == "hr":
            self.model.claims.append(missing)

    # --- the process ---------------------------------------------------------------------------

    @rule()
    def restart(self) -> None:
        self.company.restart()
        self.done("restart")

    @rule(
        terms=st.builds(
            Terms,
            limit=st.sampled_from(["0", "1", "2", "2", "3", "50%"]),
            on_expiry=st.sampled_from(["clear", "approve"]),
            wording=st.integers(0, 1),
            has_vips=st.sampled_from([True, True, False]),
            counts=st.booleans(),
            simulate=st.sampled_from([False, False, False, True]),
            blackout=st.sampled_from([False, False, False, True]),
            deletes=st.integers(0, 2),
            gone=st.sampled_from(["", "", "", "leave", "title", "staff"]),
        )
    )
    def the_configuration_changes(self, terms: Terms) -> None:
        self.company.restart(terms)
        self.is_new = True
        self.done("configuration")

    def set_pause(self, *, paused: bool) -> None:
        with self.company.app.store.begin() as unit:
            if paused:
                unit.silos.pause("dir", "a test")
            else:
                unit.silos.resume("dir")

    @rule(
        what=st.sampled_from(["full", "delta", "scan", "tick", "answer"]),
        point=st.integers(1, 40),
        waits=st.booleans(),
        data=st.data(),
    )
    def the_process_dies(self, what: str, point: int, waits: bool, data: Any) -> None:
        """It dies at some commit or call, and another is started, at once or after its lease."""
        self.company.later(seconds=1)
        self.company.life.left = point
        try:
            self.do(what, data)
        except Died:
            self.held_until = max(self.held_until, self.company.clock.time + LEASE)
            self.company.restart()
        self.company.life.left = None
        self.company.meantime.clear()
        if waits:
            self.company.later(seconds=31)
        self.done("death")

    def do(self, what: str, data: Any) -> None:
        if what == "scan":
            self.in_turn(self.company.app.scan)
        elif what == "tick":
            self.company.tick()
        elif what == "answer":
            self.die_answering(data)
        else:
            self.in_turn(lambda: self.company.sync(what))

    def die_answering(self, data: Any) -> None:
        """An answer that broke off counts wholly or not at all; who gave it was told nothing."""
        waiting = self.waiting()
        if not waiting:
            return
        ids = data.draw(st.lists(st.sampled_from(waiting), unique=True, min_size=1, max_size=3))
        approves = data.draw(st.booleans())
        self.company.life.left = data.draw(st.integers(1, 2))
        self.vote("ann", ids, approves=approves)


Guards.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
TestGuards = Guards.TestCase
