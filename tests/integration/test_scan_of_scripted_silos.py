"""What silos may report that the silo in memory does not: anchors, parts, rows without a name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from hypersync.connectors.csv_file.connector import CsvConnector, CsvOptions
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.errors import SiloRefused
from hypersync.model.objects import (
    Anchors,
    Attributes,
    Changed,
    Checkpoint,
    Complete,
    Deleted,
    DeletionKind,
    Invalid,
    ObjectType,
    ScanEvent,
    Seen,
    SiloObject,
)
from hypersync.model.scans import ScanKind, ScanState, TypeCounts
from hypersync.pipeline.scan import Source, scan
from hypersync.pipeline.source_guard import SourceGuard
from tests.databases import open_store
from tests.scanning import Desk, join_rule

USER = ObjectType(silo="ad", name="user", members="member")


@dataclass
class Scripted:
    """A silo that says what it is told to: ``full`` and ``delta`` are what a scan reports."""

    full: list[ScanEvent] = field(default_factory=list)
    delta: list[ScanEvent] = field(default_factory=list)
    there: dict[str, Attributes] = field(default_factory=dict)
    fingerprint: str = "everything"
    is_readable: bool = True

    def streams(self):
        return ((USER,),)

    @contextmanager
    def open(self):
        yield self

    def scope(self, types):
        return self.fingerprint

    def scan(self, types, cursor):
        yield self.full if cursor is None else self.delta
        yield [Complete("later")]

    def read(self, kind, anchor):
        if not self.is_readable:
            raise SiloRefused("no right to read")
        attributes = self.there.get(anchor)
        return None if attributes is None else SiloObject("user", anchor, attributes)


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    desk = Desk(open_store(tmp_path), [join_rule("ad", "user", "number")])
    yield desk
    desk.store.engine.dispose()


@pytest.fixture
def ad() -> Scripted:
    return Scripted(full=[seen(number) for number in range(40)])


def seen(number: int, **more) -> Seen:
    return Seen("user", f"u{number}", {"number": str(number), **more})


def anchors(*numbers: int) -> Anchors:
    return Anchors("user", frozenset(f"u{number}" for number in numbers))


def run(desk: Desk, ad: Scripted, *, full: bool = False, guard: SourceGuard | None = None):
    source = Source(silo="ad", connector=ad, guard=guard or SourceGuard())
    return scan(desk.scanning(), source, full=full)


def user(desk: Desk, anchor: str):
    with desk.store.snapshot() as unit:
        found = unit.objects.get("ad", "user", anchor)
        return None if found is None else unit.objects.whole(found)


def test_what_is_not_among_the_anchors_is_absent(desk, ad):
    run(desk, ad)
    ad.delta = [seen(3, title="Boss"), seen(40), anchors(*range(1, 41))]
    report = run(desk, ad)
    assert report.kind is ScanKind.DELTA
    assert report.types["user"] == TypeCounts(seen=40, created=1, updated=1, deleted=1)
    assert user(desk, "u0").absence == "absent"
    assert user(desk, "u39").absence is None


def test_too_few_anchors_suspend_a_delta_too(desk, ad):
    run(desk, ad)
    ad.delta = [anchors(*range(20))]
    assert run(desk, ad).state is ScanState.SUSPENDED


def test_an_anchor_that_is_new_although_nothing_changed_is_read(desk, ad):
    run(desk, ad)
    ad.there["u77"] = {"number": "77"}
    ad.delta = [anchors(*range(40), 77)]
    assert run(desk, ad).types["user"].created == 1
    assert user(desk, "u77").attributes == {"number": "77"}


def test_many_such_anchors_are_scanned_in_full(desk, ad):
    run(desk, ad)
    ad.full = [seen(number) for number in range(400)]
    ad.delta = [anchors(*range(400))]
    report = run(desk, ad)
    assert report.kind is ScanKind.FULL
    assert report.types["user"].created == 360


def test_parts_that_changed_are_put_together_with_what_is_stored(desk, ad):
    ad.full = [seen(1, title="Clerk", phone="1", member=("u2", "u3"))]
    run(desk, ad)
    ad.delta = [
        Changed(
            "user",
            "u1",
            set={"title": "Boss"},
            cleared=("phone",),
            added={"member": ("u4",)},
            removed={"member": ("u2",)},
        ),
        Changed("user", "u1", removed={"member": ("u3",)}),
    ]
    run(desk, ad)
    stored = user(desk, "u1")
    assert stored.attributes == {"number": "1", "title": "Boss", "member": ("u4",)}


class InBatches(Scripted):
    """A silo that tells of each change by itself."""

    def scan(self, types, cursor):
        yield from ([each] for each in (self.full if cursor is None else self.delta))
        yield [Complete("later")]


def test_parts_that_changed_are_put_together_with_what_an_earlier_batch_told(desk):
    ad = InBatches(full=[seen(1, member=("u2",)), seen(2)], is_readable=False)
    run(desk, ad)
    ad.delta = [
        seen(1, member=("u2",)),  # as it is stored
        Changed("user", "u1", set={"title": "Boss"}, added={"member": ("u3",)}),
        seen(2, title="Clerk"),
        Changed("user", "u2", set={"phone": "1"}),
    ]
    assert run(desk, ad).state is ScanState.APPLIED
    stored = user(desk, "u1")
    assert stored.attributes == {"number": "1", "title": "Boss", "member": ("u2", "u3")}
    assert user(desk, "u2").attributes == {"number": "2", "title": "Clerk", "phone": "1"}


def test_a_part_of_an_object_that_is_not_known_is_read_whole(desk, ad):
    run(desk, ad)
    ad.there["u50"] = {"number": "50", "title": "Boss"}
    ad.delta = [Changed("user", "u50", set={"title": "Boss"}), Changed("user", "u51")]
    run(desk, ad)
    assert user(desk, "u50").attributes["number"] == "50"
    assert user(desk, "u51") is None


def test_a_delta_says_how_an_object_went(desk, ad):
    run(desk, ad)
    ad.delta = [
        Deleted("user", "u1", DeletionKind.SOFT),
        Deleted("user", "u2", DeletionKind.OUT_OF_SCOPE),
        Deleted("user", "never seen"),
        Checkpoint("somewhere"),
    ]
    assert run(desk, ad).types["user"] == TypeCounts(deleted=1)
    assert user(desk, "u1").absence == "soft"
    assert user(desk, "u2").absence == "out_of_scope"


def test_an_object_that_was_deleted_and_made_again_is_there(desk, ad):
    run(desk, ad)
    ad.delta = [Deleted("user", "u1"), seen(1, title="Back")]
    run(desk, ad)
    assert user(desk, "u1").absence is None
    assert user(desk, "u1").attributes["title"] == "Back"


def test_an_object_becomes_invalid_once_in_a_delta(desk, ad):
    run(desk, ad)
    ad.delta = [Invalid("user", "u1", "entry u1", "not readable"), Invalid("user", None, "x", "y")]
    assert run(desk, ad).types["user"].invalid == 2
    assert user(desk, "u1").absence == "invalid"
    desk.settle()
    run(desk, ad)
    assert desk.pending() == []


def test_beside_rows_without_a_name_nothing_is_absent(desk, ad):
    run(desk, ad)
    ad.full = [*ad.full[1:], Invalid("user", None, "line 2", "no anchor")]
    assert run(desk, ad, full=True).state is ScanState.APPLIED
    assert user(desk, "u0").absence == "invalid"


def test_a_first_scan_takes_an_object_that_is_reported_twice_once(desk, ad):
    ad.full = [seen(1), seen(2), seen(1, title="Boss")]
    assert run(desk, ad).state is ScanState.APPLIED
    assert user(desk, "u1").attributes["title"] == "Boss"
    assert desk.count("object") == 2


def test_another_scope_makes_the_next_scan_full(desk, ad):
    run(desk, ad)
    ad.fingerprint = "something else"
    assert run(desk, ad).kind is ScanKind.FULL
    ad.delta = []
    assert run(desk, ad).kind is ScanKind.DELTA


def test_under_another_scope_a_single_missing_object_is_asked_about(desk, ad):
    run(desk, ad)
    ad.fingerprint = "something else"
    ad.full = ad.full[1:]
    report = run(desk, ad)
    assert report.state is ScanState.SUSPENDED
    assert "attributes changed, and 1 object is missing" in report.reason


def test_a_silo_that_cannot_be_asked_about_missing_objects_is_a_failed_scan(desk, ad):
    run(desk, ad)
    ad.full = ad.full[1:]
    ad.is_readable = False
    report = run(desk, ad, full=True)
    assert (report.state, report.reason) == (ScanState.FAILED, "no right to read")
    assert user(desk, "u0").absence is None


@pytest.mark.parametrize("is_known", [True, False])
def test_an_invalid_object_is_invalid_whatever_is_seen_of_it_before_or_after(desk, ad, is_known):
    run(desk, ad)
    spoilt = "u3" if is_known else "u40"
    wrong = Invalid("user", spoilt, "row 9", "it stands twice")
    for more in ([seen(3, a="1"), wrong], [wrong, seen(3, a="2")], [wrong, wrong, seen(3)]):
        more = [each if each is wrong or is_known else seen(40, a="1") for each in more]
        ad.full = [*(seen(n) for n in range(40) if n != 3 or not is_known), *more]
        report = run(desk, ad, full=True)
        assert report.state is ScanState.APPLIED
        found = user(desk, spoilt)
        assert (found is None and not is_known) or found.absence == "invalid"


def test_what_is_invalid_and_seen_counts_once(desk, ad):
    run(desk, ad)
    ad.full = [*(seen(n) for n in range(39)), Invalid("user", "u39", "row", "twice"), seen(39)]
    counts = run(desk, ad, full=True).types["user"]
    assert (counts.seen, counts.created, counts.invalid) == (40, 0, 1)


def test_what_is_seen_twice_is_one_object_and_not_a_new_one(desk, ad):
    run(desk, ad)
    more = [seen(3), seen(4), seen(4, a="1"), seen(5, a="1"), seen(5), seen(40), seen(6)]
    ad.full = [*ad.full, *more]
    report = run(desk, ad, full=True)
    assert report.types["user"] == TypeCounts(seen=41, created=1, updated=1)
    assert user(desk, "u4").attributes == {"number": "4", "a": "1"}
    assert user(desk, "u5").attributes == {"number": "5"}
    assert user(desk, "u3").changed_at == user(desk, "u7").changed_at


# --- CSV files ---------------------------------------------------------------------------------


class File:
    def __init__(self, folder) -> None:
        self.path = folder / "hr.csv"
        options = CsvOptions.model_validate(
            {"types": {"user": {"path": "hr.csv", "anchor": "id", "columns": ("id", "name")}}}
        )
        kinds = object_types("ad", options, {})
        self.connector = CsvConnector(
            SiloSettings(silo="ad", options=options, types=kinds, root=folder)
        )

    def write(self, *lines: str, end: str = "\n") -> None:
        self.path.write_bytes(("\n".join(("id,name", *lines)) + end).encode())


@pytest.fixture
def file(tmp_path) -> File:
    return File(tmp_path)


PEOPLE = [f"{number},Person {number}" for number in range(30)]


def test_a_file_without_deltas_is_compared_in_full(desk, file):
    file.write(*PEOPLE)
    assert run(desk, file.connector).types["user"].created == 30
    file.write(*PEOPLE[:28], "28,Another", "30,New")
    report = run(desk, file.connector)
    assert report.types["user"] == TypeCounts(seen=30, created=1, updated=1, deleted=1)


@pytest.mark.parametrize(
    "content",
    [b"", b"id,name", b"name\nAnn\n", b"id,name\n1,\xff\n", b'id,name\n1,"Ann\n'],
    ids=["empty", "header cut off", "no anchor column", "not UTF-8", "open quote"],
)
def test_a_broken_file_fails_or_suspends_and_nothing_is_absent(desk, file, content):
    file.write(*PEOPLE)
    run(desk, file.connector)
    file.path.write_bytes(content)
    assert run(desk, file.connector).state in (ScanState.FAILED, ScanState.SUSPENDED)
    assert user(desk, "1").absence is None


def test_a_truncated_file_is_not_believed(desk, file):
    file.write(*PEOPLE)
    run(desk, file.connector)
    file.write(*PEOPLE[:15], "15", end="")
    assert run(desk, file.connector).state is ScanState.FAILED
    file.write(*PEOPLE[:15])
    assert run(desk, file.connector).state is ScanState.SUSPENDED
    assert user(desk, "20").absence is None


def test_a_repeated_anchor_is_invalid_until_it_is_mended(desk, file):
    file.write(*PEOPLE)
    run(desk, file.connector)
    file.write(*PEOPLE, "7,Somebody else")
    assert run(desk, file.connector).types["user"].invalid == 1
    assert user(desk, "7").absence == "invalid"
    desk.settle()
    run(desk, file.connector)
    assert desk.pending() == []
    file.write(*PEOPLE)
    run(desk, file.connector)
    assert user(desk, "7").absence is None
    assert user(desk, "7").attributes["name"] == "Person 7"


def test_a_ragged_row_is_invalid_not_absent(desk, file):
    file.write(*PEOPLE)
    run(desk, file.connector)
    file.write(*PEOPLE[:7], "7,too,many", *PEOPLE[8:])
    assert run(desk, file.connector).state is ScanState.APPLIED
    assert user(desk, "7").absence == "invalid"


def test_fields_that_shifted_do_not_make_somebody_absent(desk, file):
    file.path.write_text("name,id\n" + "".join(f"Person {n},{n}\n" for n in range(30)))
    run(desk, file.connector)
    shifted = "".join("Doe, John,7\n" if n == 7 else f"Person {n},{n}\n" for n in range(30))
    file.path.write_text("name,id\n" + shifted)
    assert run(desk, file.connector).state is ScanState.APPLIED
    assert user(desk, "7").absence == "invalid"
