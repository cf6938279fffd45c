"""Files that are read while they are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hypersync.connectors.contract import seen
from hypersync.model.objects import Change, Operation, Succeeded
from tests.place import Place
from tests.real_files import in_csv, in_ldif


def users(place: Place) -> dict[str, object]:
    stream = place.connector.streams()[0]
    with place.connector.open() as session:
        events = [event for batch in session.scan(stream, None) for event in batch]
    return {anchor: each["number"] for anchor, each in seen(events, stream[0]).items()}


def test_who_reads_while_a_file_is_written_sees_one_of_both_whole(tmp_path: Path):
    place = in_csv(tmp_path)
    rows = "".join(f"p{number},E1\n" for number in range(3_000))
    (tmp_path / "users.csv").write_text(f"uid,number\n{rows}")
    ((kind,), _) = place.connector.streams()
    before = (tmp_path / "users.csv").read_bytes()
    change = Change(
        key="key",
        operation=Operation.UPDATE,
        type=kind,
        anchor="p2999",
        before={"number": "E1"},
        after={"number": "E2"},
    )
    with place.connector.open() as reader, (tmp_path / "users.csv").open("rb") as held:
        stream = reader.scan([kind], None)
        events = list(next(stream))
        with place.connector.open() as writer:
            (outcome,) = writer.apply([change])
        events += [event for batch in stream for event in batch]
        assert held.read() == before
    assert isinstance(outcome, Succeeded)
    assert seen(events, kind)["p2999"]["number"] == "E1"
    assert len(seen(events, kind)) == 3_000
    assert users(place)["p2999"] == "E2"


@pytest.mark.parametrize("make", [in_csv, in_ldif])
def test_who_reads_on_after_a_file_was_replaced_reads_the_new_one(
    tmp_path: Path, make: Callable[[Path], Place]
):
    place = make(tmp_path)
    place.add("ann", "E1")
    kind = place.connector.streams()[0][0]
    with place.connector.open() as session:
        before = session.read(kind, "ann")
        assert session.read(kind, "bob") is None
        place.add("bob", "E2")
        after = session.read(kind, "bob")
        assert session.read(kind, "ann") == before
    assert after is not None
    assert after.attributes[place.number] == "E2"
