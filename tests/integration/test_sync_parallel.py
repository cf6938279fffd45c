"""Writing over several sessions at once: what runs together, what stays in order, what breaks."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from hypersync.errors import NothingWritten, SiloRefused, SiloUnreachable
from hypersync.model.actions import ActionState
from hypersync.model.objects import Change, ObjectType, Operation, RetryAfter, Succeeded, Unknown
from hypersync.pipeline.lanes import PIECE, Lanes
from tests.worlds import TITLES, World

USER = ObjectType(silo="dir", name="user")


class Recorder:
    """A silo that notes which thread did what, and is told which of its sessions fail."""

    recreates = False
    closed_by: type[SiloUnreachable | SiloRefused] = SiloUnreachable

    def __init__(self, *, together: int = 1, closed=(), broken=()) -> None:
        self.opened: list[int] = []
        self.closed: list[int] = []
        self.applied: dict[int, list[str]] = {}
        self._meet = threading.Barrier(together, timeout=10)
        self._refused, self._broken = set(closed), set(broken)
        self._lock = threading.Lock()

    @contextmanager
    def open(self):
        with self._lock:
            number = len(self.opened)
            self.opened.append(threading.get_ident())
        if number in self._refused:
            raise self.closed_by("no more sessions")
        yield _Session(self, number)
        self.closed.append(threading.get_ident())

    def apply(self, number, changes):
        self._meet.wait()
        with self._lock:
            self.applied.setdefault(number, []).extend(each.key for each in changes)
        if number in self._broken:
            raise SiloUnreachable("gone in the middle")
        return [Succeeded(None) for _ in changes]


class _Session:
    def __init__(self, silo, number):
        self._silo, self._number = silo, number

    def apply(self, changes):
        return self._silo.apply(self._number, changes)


@pytest.fixture
def silos(world):
    def build(silo, parallel):
        known = world.app.engine.silos
        return replace(known, connectors={"dir": silo}, parallel={"dir": parallel})

    return build


def update(key, anchor="a"):
    return Change(
        key=key, operation=Operation.UPDATE, type=USER, anchor=anchor, before={}, after={"x": "y"}
    )


def create(key, dn):
    return Change(
        key=key, operation=Operation.CREATE, type=USER, anchor=None, before=None, after={"dn": dn}
    )


def change(key, operation, anchor=None, before=None, after=None):
    return Change(
        key=key, operation=operation, type=USER, anchor=anchor, before=before, after=after
    )


def apply(silos, changes):
    with ExitStack() as stack:
        return Lanes(silos, "dir", stack).apply(changes)


def test_as_many_sessions_write_at_once_as_the_silo_allows(silos):
    silo = Recorder(together=3)  # nobody passes unless three are inside at once
    outcomes = apply(silos(silo, 3), [update(str(n), anchor=str(n)) for n in range(9)])
    assert outcomes == [Succeeded(None)] * 9
    assert sorted(len(keys) for keys in silo.applied.values()) == [3, 3, 3]
    assert Counter(silo.closed) == Counter(silo.opened)  # each in the thread that opened it


def test_changes_of_one_object_stay_in_their_order_over_one_session(silos):
    silo = Recorder(together=2)
    apply(silos(silo, 2), [update("1"), update("x", "b"), update("2"), update("y", "b")])
    assert sorted(silo.applied.values()) == [["1", "2"], ["x", "y"]]


def test_what_is_created_below_something_new_follows_it(silos):
    silo = Recorder(together=2)
    changes = [
        create("unit", "OU=New,DC=x"),
        create("other", "CN=Other,DC=x"),
        create("team", "ou=Team, ou=new,dc=x"),
        create("person", "CN=P,OU=Team,OU=New,DC=x"),
    ]
    apply(silos(silo, 2), changes)
    assert sorted(silo.applied.values()) == [["other"], ["unit", "team", "person"]]


APART = update("apart", "elsewhere")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            [
                change("child", Operation.DELETE, "c", before={"dn": "cn=c,ou=p,dc=x"}),
                change("parent", Operation.DELETE, "p", before={"dn": "OU=P, DC=x"}),
            ],
            id="a child is deleted before its parent",
        ),
        pytest.param(
            [
                change("boss", Operation.CREATE, after={"dn": "CN=Boss,DC=x"}),
                change(
                    "report",
                    Operation.CREATE,
                    after={"dn": "CN=R,DC=x", "manager": "cn=boss, dc=x"},
                ),
            ],
            id="a boss is created before who names it",
        ),
        pytest.param(
            [
                change("unit", Operation.RENAME, "p", {"dn": "OU=P,DC=x"}, {"dn": "OU=Q,DC=x"}),
                change("mover", Operation.MOVE, "c", {"dn": "CN=C,DC=x"}, {"dn": "cn=c,ou=q,dc=x"}),
            ],
            id="a unit is renamed before something moves into it",
        ),
        pytest.param(
            [
                change("unit", Operation.RENAME, "p", {"dn": "OU=P,DC=x"}, {"dn": "OU=Q,DC=x"}),
                change("report", Operation.UPDATE, "r", {}, {"manager": "CN=Boss,OU=Q,DC=x"}),
            ],
            id="somebody below a new name is named",
        ),
        pytest.param(
            [
                change("one", Operation.RENAME, "1", {"dn": "CN=B,DC=x"}, {"dn": "CN=C,DC=x"}),
                change("two", Operation.RENAME, "2", {"dn": "CN=A,DC=x"}, {"dn": "CN=B,DC=x"}),
            ],
            id="a name is taken once it is free",
        ),
        pytest.param(
            [
                change("gone", Operation.DELETE, "b", before={"mail": "b@x"}),
                replace(update("names it", "o"), after={"owners": ("z", "b")}),
            ],
            id="an anchor is one of several values",
        ),
    ],
)
def test_what_belongs_together_stays_together_in_its_order(silos, changes):
    first, second = changes
    silo = Recorder(together=2)
    apply(silos(silo, 2), [first, second, APART])
    assert sorted(silo.applied.values()) == sorted([["apart"], [first.key, second.key]])


def test_who_is_named_and_stays_as_it_is_holds_nobody_together(silos):
    silo = Recorder(together=2)
    boss = {"manager": "CN=Boss,DC=x"}
    changes = [replace(update(str(n), anchor=str(n)), after=boss) for n in range(4)]
    apply(silos(silo, 2), changes)
    assert sorted(silo.applied.values()) == [["0", "2"], ["1", "3"]]


class Interrupted(Recorder):
    """Somebody presses Ctrl-C while the second session is in its first piece."""

    def __init__(self) -> None:
        super().__init__(together=2)
        self.is_noticed = threading.Event()

    def apply(self, number, changes):
        if not self.applied:
            self._meet.wait()
        if number == 0:
            raise KeyboardInterrupt
        assert self.is_noticed.wait(10)
        self.applied.setdefault(number, []).extend(each.key for each in changes)
        return [Succeeded(None) for _ in changes]


def test_an_interruption_ends_the_other_sessions_after_their_piece(silos):
    silo = Interrupted()
    changes = [update(str(n), anchor=str(n)) for n in range(6 * PIECE)]
    with ExitStack() as stack:
        lanes = Lanes(silos(silo, 2), "dir", stack)
        stack.callback(silo.is_noticed.set)  # before the sessions are closed
        with pytest.raises(KeyboardInterrupt):
            lanes.apply(changes)
    assert [len(keys) for keys in silo.applied.values()] == [PIECE]
    assert Counter(silo.closed) == Counter(silo.opened)


def test_what_the_other_sessions_did_before_an_interruption_is_known(silos):
    silo = Interrupted()
    changes = [update(str(n), anchor=str(n)) for n in range(6 * PIECE)]
    with ExitStack() as stack:
        lanes = Lanes(silos(silo, 2), "dir", stack)
        with pytest.raises(KeyboardInterrupt):
            lanes.apply(changes)
        silo.is_noticed.set()
        came = lanes.finish()
    assert came == dict.fromkeys(range(1, 2 * PIECE, 2), Succeeded(None))


class InterruptedDoor:
    """A directory of which one session is interrupted when another one has written its piece."""

    can_write = True

    def __init__(self, inner):
        self._inner = inner
        self._has_written = threading.Event()
        self._first = threading.get_ident()

    def __getattr__(self, name):
        return getattr(self._inner, name)

    @contextmanager
    def open(self):
        with self._inner.open() as session:
            yield _InterruptedSession(session, self._has_written, self._first)


class _InterruptedSession:
    def __init__(self, inner, has_written, first):
        self._inner, self._has_written, self._first = inner, has_written, first

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def apply(self, changes):
        if threading.get_ident() == self._first:
            assert self._has_written.wait(10)
            raise KeyboardInterrupt
        outcomes = self._inner.apply(changes)
        self._has_written.set()
        return outcomes


def test_an_interrupted_run_records_what_the_other_sessions_wrote(tmp_path):
    world = World(tmp_path, TITLES.replace("limit: 2", "limit: 50"), limits="    parallel: 2\n")
    world.people(range(10), title="old")
    for number in range(10):
        world.account(number, title="old")
    world.run()
    for number in range(10):
        world.change(number, title="new")
    world.scan()
    app = world.app
    door = InterruptedDoor(app.connectors["dir"])
    silos = replace(app.engine.silos, connectors={**app.connectors, "dir": door})
    world.app = replace(app, engine=replace(app.engine, silos=silos))
    with pytest.raises(KeyboardInterrupt):
        world.sync()
    world.app = app
    with app.store.snapshot() as unit:
        (run, *_) = unit.runs.recent(1)
    states = Counter(each.state for each in world.actions(run))
    assert states == {ActionState.SUCCEEDED: 5, ActionState.EXECUTING: 5}
    world.run()  # reads back what the interrupted session was to do, and does it
    assert {world.get(number)["title"] for number in range(10)} == {"new"}
    world.close()


def test_what_a_session_did_not_begin_after_it_broke_off_is_tried_later(silos):
    silo = Recorder(broken={1})
    outcomes = apply(silos(silo, 2), [update(str(n), anchor=str(n)) for n in range(4 * PIECE)])
    assert outcomes[::2] == [Succeeded(None)] * (2 * PIECE)
    assert outcomes[1 : 2 * PIECE : 2] == [Unknown("gone in the middle")] * PIECE
    assert all(isinstance(each, RetryAfter) for each in outcomes[1 + 2 * PIECE :: 2])
    assert len(silo.applied[1]) == PIECE


@pytest.mark.parametrize("why", [SiloUnreachable, SiloRefused])
def test_once_a_session_cannot_be_opened_no_other_is_tried_and_it_is_said_once(silos, why, caplog):
    silo = Recorder(closed={1})
    silo.closed_by = why
    changes = [update(str(n), anchor=str(n)) for n in range(8)]
    with ExitStack() as stack:
        lanes = Lanes(silos(silo, 4), "dir", stack)
        for _ in range(2):
            assert lanes.apply(changes) == [Succeeded(None)] * 8
    assert len(silo.opened) == 2
    (said,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert said.startswith("dir: no further session can be opened")
    assert said.endswith("no more sessions")


def test_a_session_that_cannot_be_opened_leaves_its_share_to_the_first(silos):
    silo = Recorder(closed={1})
    outcomes = apply(silos(silo, 2), [update(str(n), anchor=str(n)) for n in range(4)])
    assert outcomes == [Succeeded(None)] * 4
    assert silo.applied == {0: ["0", "2", "1", "3"]}


def test_a_session_that_breaks_off_leaves_only_its_own_share_in_doubt(silos):
    silo = Recorder(together=2, broken={1})
    outcomes = apply(silos(silo, 2), [update(str(n), anchor=str(n)) for n in range(4)])
    doubt = Unknown("gone in the middle")
    assert outcomes == [Succeeded(None), doubt, Succeeded(None), doubt]


def test_nothing_is_written_when_not_even_the_first_session_opens(silos):
    silo = Recorder(closed={0})
    with pytest.raises(SiloUnreachable):
        apply(silos(silo, 2), [update("1")])
    assert silo.applied == {}


class Shut(Recorder):
    """A silo that lets in, and then does not get as far as writing in some of its sessions."""

    def apply(self, number, changes):
        if number in self._broken:
            raise NothingWritten("gone before the first change")
        return super().apply(number, changes)


def test_when_no_session_wrote_anything_that_is_said_as_an_error(silos):
    with pytest.raises(NothingWritten, match="gone before"):
        apply(silos(Shut(broken={0, 1}), 2), [update(str(n), anchor=str(n)) for n in range(4)])


def test_what_a_session_did_not_write_is_tried_later_when_another_one_wrote(silos):
    outcomes = apply(silos(Shut(broken={0}), 2), [update(str(n), anchor=str(n)) for n in range(4)])
    assert [type(each) for each in outcomes] == [RetryAfter, Succeeded] * 2


def test_a_run_writes_in_parallel_where_the_configuration_says_so(tmp_path):
    limits = "    parallel: 4\n"
    world = World(tmp_path, TITLES.replace("limit: 2", "limit: 50"), limits=limits)
    world.people(range(10), title="old")
    for number in range(10):
        world.account(number, title="old")
    world.run()
    assert world.app.engine.silos.parallel["dir"] == 4
    for number in range(10):
        world.change(number, title="new")
    run = world.run()
    assert run.counts.succeeded == 10
    assert {world.get(number)["title"] for number in range(10)} == {"new"}
    world.close()
