"""Two who do the same at the same moment: one wins, nothing is lost, nothing happens twice.

SQLite lets one transaction write at a time; PostgreSQL does not, and has to come to the same end.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from hypersync.approvals.decide import Ballot, OfRequest, decide
from hypersync.errors import LeaseHeld
from hypersync.model.actions import Action, ActionState
from hypersync.model.objects import Operation
from hypersync.model.requests import Answer, Plan, RequestState, Step
from hypersync.model.runs import Run
from hypersync.store.engine import open_engine
from hypersync.store.schema import current, newest
from hypersync.store.unit import Store
from tests.asking import HOUR, NOON, Stopped, person, stopped
from tests.databases import open_store
from tests.postgresql import both_databases, empty_postgresql_only, postgresql_only
from tests.scanning import Desk, join_rule, people, silo
from tests.worlds import World

ASK_BOTH = Plan(name="both", steps=(Step(to="person:ann"), Step(to="person:bob")), need=2)


def at_once(count: int, act: Callable[[int], object]) -> list:
    """Let so many threads begin at the same moment; return what each got."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> object:
        barrier.wait(timeout=20)
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def answer(world: Stopped, target: OfRequest, answer: Answer, by: str):
    ballot = Ballot(answer=answer, by=f"person:{by}", proof="shell")
    return decide(world.store, target, ballot, now=NOON + HOUR, settings=world.settings)


# --- decisions ---------------------------------------------------------------------------------


@both_databases
def test_fifty_decisions_on_one_request_make_one_transition(database_url):
    world = stopped(database_url, person("ann"), person("bob"))
    ids = world.suspend(20)
    request = world.ask(ids)
    ballots = [(Answer.APPROVE, "ann"), (Answer.REJECT, "bob")] * 25
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda each: answer(world, OfRequest(request.id), *each), ballots))
    assert len(set(world.states(ids))) == 1
    assert len(world.rows("decision")) == 20
    assert len([result for result in results if result.decided]) == 25
    assert all(result.lost for result in results if not result.decided)
    assert world.request(request.id).state is RequestState.CLOSED
    world.store.close()


@both_databases
def test_two_voters_of_two_that_are_needed_count_each_other(database_url):
    world = stopped(database_url, person("ann"), person("bob"), plans=[ASK_BOTH])
    for number in range(5):
        ids = world.suspend(2, first=10 * number, rule=f"rule-{number}")
        request = world.ask(ids, rule=f"rule-{number}", plan="both")
        at_once(
            2,
            lambda each, on=request.id: answer(
                world, OfRequest(on), Answer.APPROVE, ("ann", "bob")[each]
            ),
        )
        assert world.states(ids) == [ActionState.APPROVED] * 2
        assert world.request(request.id).state is RequestState.CLOSED
    world.store.close()


# --- runs --------------------------------------------------------------------------------------


@both_databases
def test_of_two_committing_syncs_one_holds_the_lease_and_nothing_is_done_twice(world):
    world.people(range(3))
    world.run()
    world.leave(1)
    world.scan()

    def sync(_: int) -> Run | LeaseHeld:
        try:
            return world.sync("full")
        except LeaseHeld as held:
            return held

    runs = [each for each in at_once(2, sync) if isinstance(each, Run)]
    assert runs
    assert sum(run.counts.succeeded for run in runs) == 1
    assert world.disabled() == {"u1"}


def claim(store: Store, worker: str) -> Sequence[Action]:
    with store.begin() as unit:
        return claim_in(unit, worker)


def claim_in(unit, worker: str, limit: int = 5) -> Sequence[Action]:
    return unit.actions.claim(
        worker,
        silo="directory",
        operations=tuple(Operation),
        limit=limit,
        now=NOON,
    )


def queue(world: Stopped, count: int) -> None:
    ids = world.suspend(count)
    with world.store.begin() as unit:
        unit.requests.approve(ids, by="person:ann", now=NOON, until=NOON + HOUR)
        unit.actions.release(world.run, ids, NOON)


@both_databases
def test_workers_claim_disjoint_actions_until_none_is_left(database_url):
    world = stopped(database_url)
    queue(world, 60)

    def work(_: int) -> list[Sequence[Action]]:
        batches = []
        while batch := claim(world.store, world.run):
            batches.append(batch)
        return batches

    batches = [batch for each in at_once(4, work) for batch in each]
    claimed = [action.id for batch in batches for action in batch]
    assert len(claimed) == len(set(claimed)) == 60
    assert all(len(batch) <= 5 for batch in batches)
    world.store.close()


@postgresql_only
def test_a_worker_does_not_wait_for_what_another_is_claiming(database_url):
    world = stopped(database_url)
    queue(world, 12)
    with world.store.begin() as one, world.store.begin() as other:
        first, second = claim_in(one, world.run), claim_in(other, world.run)
    assert len(first) == len(second) == 5
    assert not {action.id for action in first} & {action.id for action in second}
    world.store.close()


@postgresql_only
def test_a_sender_does_not_wait_for_what_another_is_sending(database_url):
    world = stopped(database_url, *(person(f"p{number}") for number in range(6)))
    world.ask(world.suspend())

    def take(unit, worker):
        return unit.deliveries.claim(worker, NOON + HOUR, again_at=NOON + 2 * HOUR, limit=3)

    with world.store.begin() as one, world.store.begin() as other:
        first, second = take(one, "one"), take(other, "other")
    assert len(first) == len(second) == 3
    assert not {each.id for each in first} & {each.id for each in second}
    world.store.close()


# --- scans -------------------------------------------------------------------------------------


@both_databases
def test_two_scans_that_meet_the_same_people_make_each_of_them_once(database_url):
    joins = [join_rule(name, "person", "id") for name in ("hr", "badge")]
    store = open_store(database_url)
    silos = [silo("hr", "person"), silo("badge", "person")]
    for each in silos:
        people(each, range(300))
    at_once(2, lambda number: Desk(store, joins).applied(silos[number]))
    assert Desk(store, joins).count("identity") == 300
    store.close()


@both_databases
def test_scans_and_runs_that_touch_the_same_identities_do_not_block_each_other(database_url):
    store = open_store(database_url)

    def scan(number: int) -> None:
        for _ in range(10):
            with store.begin() as unit:
                unit.identities.upsert_pending(range(200))

    def run(number: int) -> None:
        for each in range(10):
            with store.begin() as unit:
                unit.identities.claim(f"{number}-{each}", NOON)
            with store.begin() as unit:
                unit.identities.finish(f"{number}-{each}", {})

    at_once(4, lambda number: (scan, run)[number % 2](number))
    with store.begin() as unit:
        unit.identities.upsert_pending(range(200))
        assert unit.identities.count_pending(NOON) == 200
    store.close()


# --- starting ----------------------------------------------------------------------------------


@empty_postgresql_only
def test_two_nodes_that_start_on_an_empty_database_make_its_tables_once(database_url):
    start = "import sys; from hypersync.store import engine, schema\n"
    start += "schema.prepare(engine.open_engine(sys.argv[1]))"
    command = [sys.executable, "-c", start, database_url]
    nodes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]  # noqa: S603 - ourselves
    assert [(node.communicate(timeout=30)[1], node.returncode) for node in nodes] == [("", 0)] * 2
    engine = open_engine(database_url)
    assert current(engine) == newest()
    engine.dispose()


# --- the whole story ---------------------------------------------------------------------------


@both_databases
def test_what_trips_is_asked_decided_and_released_on_either_database(database_url, tmp_path):
    world = World(tmp_path, database=database_url)
    world.people(range(20))
    world.run()
    world.leave(1, 2, 3)
    assert world.run().counts.suspended == 3
    assert world.disabled() == set()
    kept, *others = world.suspended()
    world.reject(kept)
    world.approve(*others)
    assert world.sync(commit=False).counts.released == 0
    assert world.run().counts.released == 2
    assert len(world.disabled()) == 2
    assert world.states([kept, *others]) == [
        ActionState.REJECTED,
        ActionState.SUCCEEDED,
        ActionState.SUCCEEDED,
    ]
    world.later(hours=1)
    assert world.run().counts.proposed == 0
    world.close()
