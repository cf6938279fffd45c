"""The end of the audit trail is kept outside the database: what was sealed stays sealed."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest
from sqlalchemy import text

from hypersync.audit.chain import ChainKeys, Head, _mac, read_seal
from hypersync.audit.memory import Memory
from hypersync.audit.sealing import seal
from hypersync.audit.verify import Late, Wrong, verify
from hypersync.daemon import Daemon
from hypersync.ports.store.events import Event, EventFilter
from tests.asking import DAY, HOUR, KEY, NOON
from tests.databases import open_store
from tests.postgresql import both_databases

KEYS = ChainKeys.derive([KEY], "test/dev")
BOTH = both_databases


@pytest.fixture
def store(database_url):
    made = open_store(database_url)
    yield made
    made.close()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "kept" / "audit-head.json"


def record(store, count=1, at=NOON, kind="approve"):
    with store.begin() as unit:
        for number in range(count):
            unit.events.record(Event(kind=kind, at=at, data={"count": number}))


def started(store, file, now=NOON):
    """Seal as a daemon does that has just started."""
    return Memory(file, "test/dev").seal(store, KEYS, now)


def execute(store, *statements):
    with store.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def broken(store):
    with store.snapshot() as unit:
        found = unit.events.find(EventFilter(kind="audit_broken"), limit=5)
    return [str(each.event.data["problem"]) for each in found]


REWRITES = {
    "from a point on": ["UPDATE event SET seal = NULL WHERE id >= 3"],
    "changed and deleted": [
        "UPDATE event SET seal = NULL WHERE id >= 3",
        "UPDATE event SET \"by\" = 'person:mallory' WHERE id = 4",
        "DELETE FROM event WHERE id = 5",
    ],
    "all": ["UPDATE event SET seal = NULL, \"by\" = 'person:mallory'"],
    "the last one": ["UPDATE event SET seal = NULL, kind = 'deny' WHERE id = 8"],
    "the end cut off": ["DELETE FROM event WHERE id > 5"],
    "emptied": ["DELETE FROM event"],
}


@BOTH
@pytest.mark.parametrize("statements", REWRITES.values(), ids=REWRITES)
def test_S34_what_is_rewritten_while_the_daemon_is_down_is_not_sealed_anew(
    store, file, statements, caplog
):
    record(store, 8)
    started(store, file)
    execute(store, *statements)
    done = started(store, file, NOON + HOUR)
    assert "the audit trail is broken: number 8, of event 8, was sealed here" in caplog.text
    assert len(broken(store)) == 1
    assert not verify(store, KEYS).is_intact
    assert Wrong.MISSING in {each.wrong for each in verify(store, KEYS).faults}
    assert done.head.number > 8


@BOTH
def test_S34_a_rewritten_chain_that_grew_longer_than_before_is_noticed(store, file, tmp_path):
    record(store, 8)
    started(store, file)
    execute(store, "UPDATE event SET seal = NULL, kind = 'deny' WHERE id >= 3")
    record(store, 8)
    started(store, tmp_path / "another node", NOON + HOUR)
    assert verify(store, KEYS).is_intact
    started(store, file, NOON + HOUR)
    assert len(broken(store)) == 1
    assert not verify(store, KEYS).is_intact


@BOTH
def test_a_broken_chain_is_told_once_and_goes_on(store, file, caplog):
    record(store, 8)
    started(store, file)
    execute(store, "DELETE FROM event WHERE id = 8")
    started(store, file)
    caplog.clear()
    record(store)
    assert started(store, file).count == 1
    assert started(store, file).count == 0
    assert not caplog.text
    assert len(broken(store)) == 1


@BOTH
def test_a_daemon_that_was_down_and_starts_again_finds_nothing_wrong(store, file, caplog):
    record(store, 8)
    started(store, file)
    caplog.clear()
    record(store, 3)
    assert started(store, file, NOON + 30 * DAY).count == 3
    assert started(store, file, NOON + 31 * DAY).count == 0
    assert verify(store, KEYS).is_intact
    assert not caplog.text


@BOTH
def test_another_node_that_sealed_meanwhile_is_nothing_wrong(store, file, tmp_path, caplog):
    record(store, 8)
    started(store, file)
    started(store, tmp_path / "other")
    record(store, 4)
    started(store, tmp_path / "other")
    caplog.clear()
    record(store, 2)
    assert started(store, file).count == 2
    assert verify(store, KEYS).is_intact
    assert not caplog.text


def test_the_first_start_says_once_that_nothing_is_remembered(store, file, caplog):
    record(store, 3)
    memory = Memory(file, "test/dev")
    memory.seal(store, KEYS, NOON)
    memory.seal(store, KEYS, NOON)
    assert caplog.text.count("where the audit trail ended is not remembered") == 1
    assert broken(store) == []
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert (kept["number"], kept["event"], kept["installation"]) == (3, 3, "test/dev")
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    caplog.clear()
    started(store, file)
    assert not caplog.text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no checkpoint"),
        (b"\xff", "no text"),
        (b"{}", "no checkpoint"),
        (b'{"checkpoint": "hypersync-audit-1", "installation": "x"}', "another installation"),
    ],
)
def test_S34_a_file_that_cannot_be_read_is_told_and_written_anew(store, file, content, why, caplog):
    record(store, 3)
    started(store, file)
    file.write_bytes(content)
    started(store, file)
    assert "the file that remembers its end cannot be read" in caplog.text
    assert why in broken(store)[0]
    caplog.clear()
    started(store, file)
    assert len(broken(store)) == 1
    assert not caplog.text


def test_a_file_that_cannot_be_written_is_said_once_and_sealing_goes_on(store, tmp_path, caplog):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    memory = Memory(tmp_path / "file" / "head", "test/dev")
    for _ in range(3):
        record(store)
        assert memory.seal(store, KEYS, NOON).count >= 1
    assert len(broken(store)) == 1
    assert caplog.text.count("cannot be kept in") == 1
    assert verify(store, KEYS).is_intact


@BOTH
def test_S34_seals_never_run_backwards_when_the_clock_does(store, file):
    record(store)
    started(store, file, NOON)
    record(store)
    started(store, file, NOON - DAY)
    with store.snapshot() as unit:
        seals = [read_seal(unit.events.get(each).seal).seconds for each in (1, 2)]
    assert seals[0] == seals[1] == int(NOON.timestamp())
    assert verify(store, KEYS).is_intact


@BOTH
def test_S34_times_of_seals_that_run_backwards_are_a_fault(store):
    class Rewound(ChainKeys):
        """A sealer that takes whatever its clock says."""

        def seal(self, entry, before, now):
            made = super().seal(entry, Head(before.number), now)
            key = next(iter(self.keys.values()))
            return replace(made, mac=_mac(key, entry, before.seal, made.number, made.seconds))

    rewound = Rewound(KEYS.keys)
    for hours in (2, 1, 3):
        record(store)
        seal(store, rewound, NOON + hours * HOUR)
    assert [(each.wrong, each.event) for each in verify(store, KEYS).faults] == [
        (Wrong.BACKWARDS, 2)
    ]


@BOTH
def test_events_sealed_late_are_told_where_and_by_how_much_and_are_no_fault(store, file):
    record(store, 2)
    started(store, file, NOON + HOUR)
    record(store, 3)
    record(store, 1, NOON - 3 * DAY)
    started(store, file, NOON + 2 * DAY)
    record(store, 1, NOON + 2 * DAY)
    started(store, file, NOON + 2 * DAY)
    found = verify(store, KEYS)
    assert found.is_intact
    assert found.late == (Late(3, 6, 5 * DAY),)


def test_S34_the_daemon_remembers_beside_the_database_of_sqlite(world, caplog):
    class OneRound(threading.Event):
        """Stops at the end of the first round."""

        def wait(self, timeout=None):
            self.set()
            return True

    world.people(range(3))
    world.run()
    app = world.app
    Daemon(app, OneRound()).run()
    file = app.configuration.audit_file
    assert file.parent == app.configuration.database_file.parent
    assert json.loads(file.read_text(encoding="utf-8"))["number"] > 0
    execute(app.store, "UPDATE event SET seal = NULL, run = 'x'")
    Daemon(app, OneRound()).run()
    assert "was sealed here, and there is none" in caplog.text
    assert len(broken(app.store)) == 1
