import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.connectors.contract import Bench, ConnectorContract
from hypersync.connectors.internal import InternalConnector, InternalOptions
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.errors import CursorLost, SiloUnreachable
from hypersync.model.objects import Change, Complete, ObjectType, Operation, RetryAfter, Succeeded

ENABLED = {"attribute": "employeeType", "when_on": "active", "when_off": "disabled"}
TYPES = {"user": {"anchor": "uid", "enabled": ENABLED}, "group": {"members": "member"}}


def connect(folder: Path, *, write: bool = True, seconds: int = 20) -> InternalConnector:
    options = InternalOptions.model_validate({"types": TYPES})
    return InternalConnector(
        SiloSettings(
            silo="names",
            options=options,
            types=object_types("names", options, {}),
            root=folder,
            write=write,
            timeout=timedelta(seconds=seconds),
        )
    )


class InternalHands:
    """Somebody else who uses the same silo."""

    def __init__(self, connector: InternalConnector) -> None:
        self.connector = connector
        ((self.user,), (self.group,)) = connector.streams()

    def anchor(self, name: str) -> str:
        return name

    def apply(self, operation: Operation, kind: ObjectType, name: str, after: dict | None) -> None:
        change = Change(
            key=name, operation=operation, type=kind, anchor=name, before=None, after=after
        )
        with self.connector.open() as session:
            (outcome,) = session.apply([change])
        assert isinstance(outcome, Succeeded)

    def set(self, name: str, attribute: str, value: str) -> None:
        self.apply(Operation.UPDATE, self.user, name, {attribute: value})

    def delete(self, name: str) -> None:
        self.apply(Operation.DELETE, self.user, name, None)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    connector = connect(tmp_path)
    hands = InternalHands(connector)
    for name in ("ann", "bob", "zoë"):
        user = {"uid": name, "title": "Clerk", "departmentNumber": "Sales"}
        hands.apply(
            Operation.CREATE,
            hands.user,
            name,
            {**user, "employeeType": "active", "dn": f"cn={name}"},
        )
    hands.apply(Operation.CREATE, hands.group, "staff", {"cn": "staff", "member": ("ann",)})
    return Bench(
        connector=connector,
        read_only_connector=connect(tmp_path, write=False),
        hands=hands,
        user=hands.user,
        group=hands.group,
        new_user={"uid": "new", "title": "Trainee"},
        moved="cn=ann,ou=sales",
        has_deltas=True,
        lacks={
            "truncated_stream": "a scan is one transaction on a file of this machine",
            "server_gone": "a file that is open does not go away",
            "duplicate_anchors": "the anchor is part of the primary key",
        },
    )


class TestInternal(ConnectorContract):
    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        return bench


def test_values_of_every_kind_survive(bench: Bench):
    after = {"a": 7, "b": True, "c": b"\xff", "d": (2, 1), "e": 1.5}
    bench.apply(bench.update("ann", {}, after))
    found = bench.read("ann")
    assert {name: found[name] for name in after} == {**after, "d": (1, 2)}


def test_a_cursor_of_another_file_is_lost(tmp_path: Path, bench: Bench):
    end = bench.scan(bench.user)[-1]
    assert isinstance(end, Complete)
    assert end.cursor is not None
    (tmp_path / "var" / "internal.db").unlink()
    with pytest.raises(CursorLost):
        bench.scan(bench.user, end.cursor)


def test_a_cursor_from_after_a_restored_backup_is_lost(bench: Bench):
    end = bench.scan(bench.user)[-1]
    assert isinstance(end, Complete)
    assert end.cursor is not None
    name, _, number = end.cursor.rpartition(":")
    with pytest.raises(CursorLost):
        bench.scan(bench.user, f"{name}:{int(number) + 1}")


def test_a_file_in_use_means_later(tmp_path: Path, bench: Bench):
    change = bench.update("ann", {"title": "Clerk"}, {"title": "Boss"})
    with connect(tmp_path, seconds=0).open() as session:
        other = sqlite3.connect(tmp_path / "var" / "internal.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        (outcome,) = session.apply([change])
        other.close()
    assert isinstance(outcome, RetryAfter)
    assert bench.read("ann")["title"] == "Clerk"


def test_a_file_that_is_no_database_is_unreachable(tmp_path: Path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "internal.db").write_text("no database, " * 100)
    with pytest.raises(SiloUnreachable, match="not a database"), connect(tmp_path).open():
        pass


def test_a_scan_shows_one_moment(bench: Bench):
    with bench.connector.open() as session:
        stream = session.scan([bench.user], None)
        first = next(stream)
        bench.hands.delete("bob")
        rest = [event for batch in stream for event in batch]
    assert len(first) == 3
    assert [type(each) for each in rest] == [Complete]
    assert len(bench.scan(bench.user)) == 3


def test_types_and_silos_do_not_see_each_other(tmp_path: Path, bench: Bench):
    options = InternalOptions.model_validate({"types": TYPES})
    types = object_types("others", options, {})
    other = InternalConnector(
        SiloSettings(silo="others", options=options, types=types, root=tmp_path)
    )
    with other.open() as session:
        assert session.read(types[0], "ann") is None
    with bench.connector.open() as session:
        assert session.read(bench.group, "ann") is None
