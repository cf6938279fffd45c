"""The hash chain over the audit trail: what is changed behind our back is found, and where."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from hypersync.audit.chain import ChainKeys, Head
from hypersync.audit.sealing import seal
from hypersync.audit.state import chain_state
from hypersync.audit.verify import Wrong, verify
from hypersync.ports.store.events import Event, EventFilter
from tests.asking import KEY, NOON
from tests.databases import open_store
from tests.postgresql import both_databases, postgresql_only

KEYS = ChainKeys.derive([KEY], "test/dev")
BOTH = both_databases


@pytest.fixture
def store(database_url):
    made = open_store(database_url)
    yield made
    made.close()


def record(store, count=1, kind="approve", **values):
    with store.begin() as unit:
        for number in range(count):
            at = NOON + timedelta(seconds=number, microseconds=7)
            said = {"by": "person:ann", "data": {"count": number, "name": "\u00c9cole"}, **values}
            unit.events.record(Event(kind=kind, at=at, **said))


def sealed(store, count=8, known=None):
    record(store, count)
    return seal(store, KEYS, NOON, known)


def execute(store, statement, **values):
    """Write behind everybody's back."""
    with store.engine.begin() as connection:
        return connection.execute(text(statement), values)


def wrong(store, keys=KEYS):
    return [(each.wrong, each.event) for each in verify(store, keys).faults]


@BOTH
def test_events_are_sealed_in_order_and_the_chain_is_intact(store):
    done = sealed(store)
    assert (done.count, done.head.number, done.head.event) == (8, 8, 8)
    found = verify(store, KEYS)
    assert found.is_intact
    assert (found.sealed, found.unsealed, found.head) == (8, 0, done.head)


@BOTH
def test_sealing_again_does_nothing_and_new_events_go_on_with_the_chain(store):
    first = sealed(store)
    assert seal(store, KEYS, NOON, first.head).count == 0
    assert seal(store, KEYS, NOON).head == first.head
    record(store, 3)
    assert verify(store, KEYS).unsealed == 3
    assert seal(store, KEYS, NOON).count == 3
    assert verify(store, KEYS).is_intact


def test_many_events_are_sealed_batch_by_batch(store):
    record(store, 1203)
    assert seal(store, KEYS, NOON).count == 1203
    assert verify(store, KEYS).sealed == 1203
    assert verify(store, KEYS).is_intact


# --- threats -----------------------------------------------------------------------------------

CHANGES = {
    "kind": "kind = 'deny'",
    "at": "at = '2026-03-02 12:00:04.000008'",
    "by": "\"by\" = 'person:bob'",
    "run": "run = 'r1'",
    "rule": "rule = 'x'",
    "request": "request = 'x'",
    "action": "action = 'x'",
    "silo": "silo = 'x'",
    "data": "data = '{\"count\"\\\\:9}'",
    "no data": "data = NULL",
    "no JSON": "data = 'nothing'",
    "seal": "seal = (SELECT seal FROM event WHERE id = 4)",
    "no seal": "seal = 'nothing'",
}


@BOTH
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_S34_a_changed_event_is_found(store, change):
    sealed(store)
    execute(store, f"UPDATE event SET {change} WHERE id = 5")  # noqa: S608
    found = wrong(store)
    assert found[0][1] == 5
    assert found[0][0] in (Wrong.CHANGED, Wrong.INSERTED)


@BOTH
def test_S34_one_changed_event_is_one_fault_and_what_follows_is_verified(store):
    sealed(store)
    execute(store, "UPDATE event SET \"by\" = 'person:bob' WHERE id = 5")
    assert wrong(store) == [(Wrong.CHANGED, 5)]
    execute(store, "UPDATE event SET kind = 'deny' WHERE id = 7")
    assert wrong(store) == [(Wrong.CHANGED, 5), (Wrong.CHANGED, 7)]


@BOTH
@pytest.mark.parametrize("number", [1, 4, 7])
def test_S34_a_deleted_event_is_found(store, number):
    sealed(store)
    execute(store, f"DELETE FROM event WHERE id = {number}")  # noqa: S608
    found = verify(store, KEYS)
    assert [(each.wrong, each.event) for each in found.faults] == [(Wrong.MISSING, number + 1)]
    assert found.faults[0].text == "1 event is missing before it"


@BOTH
def test_S34_an_inserted_event_is_found(store):
    sealed(store)
    execute(
        store,
        "INSERT INTO event (id, at, kind) VALUES (-1, '2026-03-02 12:00:00+00:00', 'approve')"
        if store.engine.dialect.name != "sqlite"
        else "INSERT INTO event (id, at, kind) VALUES (-1, '2026-03-02 12:00:00.0', 'approve')",
    )
    assert wrong(store) == [(Wrong.INSERTED, -1)]


@BOTH
def test_S34_an_event_put_between_others_is_found(store):
    sealed(store, 3)
    execute(store, "UPDATE event SET id = 10 WHERE id = 3")
    execute(
        store,
        'INSERT INTO event (id, at, kind, "by", data, seal) '
        'SELECT 3, at, kind, "by", data, NULL FROM event WHERE id = 2',
    )
    assert wrong(store) == [(Wrong.INSERTED, 3), (Wrong.CHANGED, 10)]


@BOTH
def test_S34_an_event_put_at_the_end_with_a_seal_of_its_own_making_is_found(store):
    done = sealed(store, 3)
    other = ChainKeys.derive([b"guessed"], "test/dev")
    record(store)
    seal(store, other, NOON, done.head)
    assert wrong(store) == [(Wrong.UNKNOWN_KEY, 4)]
    execute(store, "UPDATE event SET seal = :seal WHERE id = 4", seal=forged(store))
    assert wrong(store) == [(Wrong.CHANGED, 4)]


def forged(store):
    """The seal of event 4 with the fingerprint of our key."""
    with store.snapshot() as unit:
        third, fourth = (unit.events.get(each).seal.split(".") for each in (3, 4))
    return ".".join([*fourth[:3], third[3], fourth[4]])


@BOTH
def test_S34_an_event_copied_with_its_seal_is_found(store):
    sealed(store)
    execute(
        store,
        'INSERT INTO event (id, at, kind, "by", data, seal) '
        'SELECT 20, at, kind, "by", data, seal FROM event WHERE id = 3',
    )
    assert wrong(store) == [(Wrong.INSERTED, 20)]


@BOTH
def test_S34_swapped_events_are_found(store):
    sealed(store)
    execute(store, "UPDATE event SET id = 100 WHERE id = 3")
    execute(store, "UPDATE event SET id = 3 WHERE id = 4")
    execute(store, "UPDATE event SET id = 4 WHERE id = 100")
    assert wrong(store) == [(Wrong.REORDERED, 3), (Wrong.REORDERED, 4)]


@BOTH
def test_S34_events_whose_contents_were_swapped_are_found(store):
    sealed(store)
    execute(store, "UPDATE event SET data = '{\"count\"\\:6}' WHERE id = 3")
    execute(store, "UPDATE event SET data = '{\"count\"\\:2}' WHERE id = 7")
    assert wrong(store) == [(Wrong.CHANGED, 3), (Wrong.CHANGED, 7)]


@BOTH
def test_S34_a_seal_that_was_taken_off_is_found(store):
    sealed(store)
    execute(store, "UPDATE event SET seal = NULL WHERE id = 3")
    assert wrong(store) == [(Wrong.CHANGED, 3)]


@BOTH
def test_S34_a_truncated_trail_is_found_with_a_checkpoint_and_only_with_one(store):
    kept = sealed(store).head
    execute(store, "DELETE FROM event WHERE id > 5")
    assert verify(store, KEYS).is_intact
    assert [each.wrong for each in verify(store, KEYS, kept).faults] == [Wrong.MISSING]
    record(store, 5)
    seal(store, KEYS, NOON)
    assert verify(store, KEYS).is_intact
    assert not verify(store, KEYS, kept).is_intact


@BOTH
def test_S34_a_checkpoint_finds_what_was_deleted_before_it_and_changed_after_it(store):
    kept = sealed(store).head
    sealed(store, 4)
    assert verify(store, KEYS, kept).is_intact
    assert verify(store, KEYS, kept).sealed == 4
    execute(store, "UPDATE event SET kind = 'deny' WHERE id = 10")
    execute(store, "DELETE FROM event WHERE id = 2")
    faults = verify(store, KEYS, kept).faults
    assert [(each.wrong, each.event) for each in faults] == [
        (Wrong.MISSING, 8),
        (Wrong.CHANGED, 10),
    ]


@BOTH
def test_S34_a_running_daemon_notices_that_the_end_was_cut_off_or_sealed_anew(store, caplog):
    known = sealed(store).head
    execute(store, "UPDATE event SET seal = NULL, \"by\" = 'person:bob' WHERE id > 5")
    again = seal(store, KEYS, NOON, known)
    assert "the audit trail is broken: number 8, of event 8, was sealed here" in caplog.text
    with store.snapshot() as unit:
        told = unit.events.find(EventFilter(kind="audit_broken"), limit=5)
    assert len(told) == 1
    assert again.head.number == 8 + 3 + 1
    assert [each.wrong for each in verify(store, KEYS).faults] == [Wrong.MISSING]
    caplog.clear()
    record(store)
    assert seal(store, KEYS, NOON, again.head).count == 1
    assert "broken" not in caplog.text


@BOTH
def test_S34_who_starts_anew_notices_that_the_last_seal_does_not_fit(store, caplog):
    sealed(store)
    execute(store, "UPDATE event SET kind = 'deny' WHERE id = 8")
    record(store)
    seal(store, KEYS, NOON)
    assert "the last seal, of event 8, does not fit" in caplog.text
    assert wrong(store) == [(Wrong.CHANGED, 8)]


@BOTH
def test_S34_a_trail_that_was_emptied_is_noticed_by_who_knows_its_end(store, caplog):
    known = sealed(store).head
    execute(store, "DELETE FROM event")
    seal(store, KEYS, NOON, known)
    assert "and there is none" in caplog.text
    assert wrong(store)[0][0] is Wrong.MISSING


ODD = {
    "kind that is no UTF-8": "UPDATE event SET kind = CAST(x'c3' AS TEXT) WHERE id = 5",
    "kind of bytes": "UPDATE event SET kind = x'ff00fe' WHERE id = 5",
    "data that is no UTF-8": "UPDATE event SET data = CAST(x'ff' AS TEXT) WHERE id = 5",
    "data of bytes": "UPDATE event SET data = x'ff' WHERE id = 5",
    "same data in bytes": "UPDATE event SET data = CAST(data AS BLOB) WHERE id = 5",
    "a number as time": "UPDATE event SET at = 12345678901234567890 WHERE id = 5",
    "bytes as time": "UPDATE event SET at = x'00' WHERE id = 5",
    "before year 1": "UPDATE event SET at = '0001-01-01 00:00:00+14:00' WHERE id = 5",
    "after year 9999": "UPDATE event SET at = '9999-12-31 23:59:59-14:00' WHERE id = 5",
}
ODD_SEALS = {
    "seal that is no UTF-8": "UPDATE event SET seal = CAST(x'ff' AS TEXT) WHERE id = 5",
    "seal of bytes": "UPDATE event SET seal = x'00' WHERE id = 5",
    "same seal in bytes": "UPDATE event SET seal = CAST(seal AS BLOB) WHERE id = 5",
    "seal of no time": "UPDATE event SET seal = 'v1.5.999999999999.00000000.'"
    " || hex(zeroblob(21)) || 'A' WHERE id = 5",
}
ODD_TIMES = {
    "infinity": "UPDATE event SET at = 'infinity' WHERE id = 5",
    "-infinity": "UPDATE event SET at = '-infinity' WHERE id = 5",
    "before year 1": "UPDATE event SET at = '4000-01-01 00:00:00+00 BC' WHERE id = 5",
    "after year 9999": "UPDATE event SET at = '20000-01-01 00:00:00+00' WHERE id = 5",
}


def goes_on(store, known):
    """Whether events are still read and sealed."""
    record(store, 2)
    with store.snapshot() as unit:
        assert len(unit.events.find(EventFilter(), limit=50)) >= 10
        assert unit.events.get(5).id == 5
    chain_state(store)
    again = seal(store, KEYS, NOON, known)
    assert again.count >= 2
    assert verify(store, KEYS).unsealed == 0
    return again.head


@pytest.mark.parametrize("change", [*ODD.values(), *ODD_SEALS.values()], ids=[*ODD, *ODD_SEALS])
def test_S34_what_is_no_text_and_no_time_in_a_sealed_event_is_found_and_sealing_goes_on(
    store, change
):
    known = sealed(store).head
    execute(store, change)
    goes_on(store, known)
    assert wrong(store)[0] == (Wrong.CHANGED, 5)


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_S34_what_is_no_text_and_no_time_in_a_new_event_is_found_and_sealing_goes_on(store, change):
    known = sealed(store, 4).head
    record(store, 4)
    execute(store, change)
    assert wrong(store) == [(Wrong.UNREADABLE, 5)]
    goes_on(store, known)
    assert wrong(store) == [(Wrong.UNREADABLE, 5)]


@postgresql_only
@pytest.mark.parametrize("change", ODD_TIMES.values(), ids=ODD_TIMES)
def test_S34_times_that_only_postgresql_knows_are_found_and_sealing_goes_on(store, change):
    known = sealed(store).head
    execute(store, change)
    known = goes_on(store, known)
    assert wrong(store) == [(Wrong.CHANGED, 5)]
    record(store, 1)
    execute(store, change.replace("id = 5", "id = (SELECT max(id) FROM event)"))
    seal(store, KEYS, NOON, known)
    assert wrong(store)[1][0] is Wrong.UNREADABLE


# --- keys --------------------------------------------------------------------------------------


def test_the_newest_key_seals_and_older_ones_verify(store):
    sealed(store)
    rotated = ChainKeys.derive([b"newer", KEY], "test/dev")
    record(store, 2)
    seal(store, rotated, NOON)
    assert verify(store, rotated).is_intact
    assert wrong(store) == [(Wrong.UNKNOWN_KEY, 9), (Wrong.UNKNOWN_KEY, 10)]
    assert wrong(store, ChainKeys.derive([b"newer"], "test/dev"))[0] == (Wrong.UNKNOWN_KEY, 1)


def test_the_key_is_of_one_installation_and_environment(store):
    sealed(store)
    assert wrong(store, ChainKeys.derive([KEY], "test/prod"))[0] == (Wrong.UNKNOWN_KEY, 1)


def test_keys_are_shown_nowhere(store, caplog):
    caplog.set_level(logging.DEBUG, logger="hypersync")
    sealed(store)
    assert caplog.text
    assert KEY.decode() not in repr(KEYS) + caplog.text
    assert all(key.hex() not in repr(KEYS) for key in KEYS.keys.values())


# --- several at once, and crashes --------------------------------------------------------------


@BOTH
def test_two_nodes_that_seal_at_once_make_one_chain(store):
    barrier = threading.Barrier(4)

    def work(number):
        barrier.wait(30)
        for _ in range(10):
            record(store, 5)
            seal(store, KEYS, NOON)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    seal(store, KEYS, NOON)
    found = verify(store, KEYS)
    assert found.faults == ()
    assert (found.sealed, found.unsealed) == (200, 0)


@postgresql_only
def test_nothing_is_sealed_while_an_event_with_a_lower_key_may_still_come(store):
    with store.begin() as slow:
        slow.events.record(Event(kind="approve", at=NOON))
        record(store)
        assert seal(store, KEYS, NOON).count == 0
    assert seal(store, KEYS, NOON).count == 2
    assert verify(store, KEYS).is_intact


@BOTH
def test_a_crash_in_between_leaves_a_chain_that_goes_on(store):
    record(store, 900)

    class Dying(ChainKeys):
        """Dies in the second batch."""

        def seal(self, entry, before, now):
            if before.number == 700:
                raise RuntimeError("killed")
            return super().seal(entry, before, now)

    with pytest.raises(RuntimeError, match="killed"):
        seal(store, Dying(KEYS.keys), NOON)
    assert verify(store, KEYS).head.number == 500
    assert seal(store, KEYS, NOON).count == 400
    assert verify(store, KEYS).is_intact


# --- what is read ------------------------------------------------------------------------------


@BOTH
def test_an_event_is_read_as_it_was_written_and_filtered_by_all_it_says(store):
    said = {name: f"{name}-1" for name in ("run", "rule", "request", "action", "silo", "by")}
    record(store, 2)
    record(store, 1, kind="void", **said)
    with store.snapshot() as unit:
        for name, value in {**said, "kind": "void"}.items():
            found = unit.events.find(EventFilter(**{name: value}), limit=10)
            assert [each.id for each in found] == [3]
        assert found[0].event == Event(
            kind="void",
            at=NOON + timedelta(microseconds=7),
            data={"count": 0, "name": "\u00c9cole"},
            **said,
        )
        later = EventFilter(since=NOON + timedelta(seconds=1), until=NOON + timedelta(seconds=2))
        assert [each.id for each in unit.events.find(later, limit=10)] == [2]
        assert [each.id for each in unit.events.find(EventFilter(), limit=2, before=3)] == [2, 1]


def test_what_somebody_wrote_into_a_row_fails_no_reading(store):
    record(store)
    execute(store, "UPDATE event SET at = 'never', data = '[1', run = 5 WHERE id = 1")
    with store.snapshot() as unit:
        found = unit.events.find(EventFilter(), limit=1)[0]
    assert (found.event.data, found.event.run) == ({}, "5")


# --- the commands ------------------------------------------------------------------------------


def test_the_commands_seal_verify_and_keep_a_checkpoint(world, capsys):
    from hypersync.cli import invoke

    world.people(range(3))
    world.run()
    config = ["--config", str(world.folder / "config" / "hypersync.yaml")]

    def run(*arguments):
        code = invoke([*config, *arguments])
        return code, capsys.readouterr()

    assert run("audit", "verify")[0] == 0
    code, said = run("audit", "seal", "--json")
    assert json.loads(said.out)["sealed"] > 0
    kept = world.folder / "kept.json"
    assert run("audit", "checkpoint", "--out", str(kept))[0] == 0
    code, said = run("audit", "list", "--kind", "run_finished", "--json")
    events = json.loads(said.out)["events"]
    assert [each["kind"] for each in events] == ["run_finished"]
    assert events[0]["is_sealed"]
    code, said = run("audit", "verify", "--from", str(kept), "--json")
    assert (code, json.loads(said.out)["intact"]) == (0, True)
    execute(world.app.store, "UPDATE event SET run = 'x' WHERE id = 1")
    code, said = run("audit", "verify")
    assert code == 3
    assert "event 1 is wrong (changed)" in said.out
    assert "The chain is BROKEN" in said.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "this is no checkpoint"),
        ("\x00", "this is no checkpoint"),
        ("{}", "no checkpoint of an audit trail"),
        ('{"checkpoint": "hypersync-audit-1", "installation": "x"}', "another installation"),
        (
            '{"checkpoint": "hypersync-audit-1", "installation": "hypersync/dev", "number": 1}',
            "not whole",
        ),
    ],
)
def test_what_is_no_checkpoint_is_refused_with_a_sentence(world, capsys, text, said):
    from hypersync.cli import invoke

    kept = world.folder / "kept.json"
    kept.write_text(text, encoding="utf-8")
    config = str(world.folder / "config" / "hypersync.yaml")
    assert invoke(["--config", config, "audit", "verify", "--from", str(kept)]) == 2
    assert said in capsys.readouterr().err


def test_a_checkpoint_of_an_empty_trail_is_one(store):
    assert verify(store, KEYS, Head()).is_intact
