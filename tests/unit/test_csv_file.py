import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

from hypersync.connectors.contract import Bench, ConnectorContract, Fragile
from hypersync.connectors.csv_file.connector import CsvConnector, CsvOptions
from hypersync.connectors.csv_file.table import Format
from hypersync.connectors.csv_file.write import Table
from hypersync.connectors.settings import BATCH_SIZE, SiloSettings, object_types
from hypersync.errors import CursorLost, ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.objects import (
    Change,
    Complete,
    Invalid,
    Operation,
    Refused,
    RetryAfter,
    ScanEvent,
    Seen,
    Succeeded,
)

USERS = """uid,title,departmentNumber,employeeType,telephoneNumber
ann,Clerk,Sales,active,
bob,Clerk,Sales,active,
zoë,Clerk,Sales,active,
"""
GROUPS = "cn,member\nstaff,ann\n"
ENABLED = {"attribute": "employeeType", "when_on": "active", "when_off": "disabled"}


def connect(folder: Path, *, write: bool = True, **types: dict[str, object]) -> CsvConnector:
    options = CsvOptions.model_validate({"types": types})
    return CsvConnector(
        SiloSettings(
            silo="apps",
            options=options,
            types=object_types("apps", options, {}),
            root=folder,
            write=write,
        )
    )


class CsvHands:
    def __init__(self, folder: Path) -> None:
        self.users = folder / "users.csv"

    def anchor(self, name: str) -> str:
        return name

    def set(self, name: str, attribute: str, value: str) -> None:
        header, *rows = self.users.read_text().splitlines()
        at = header.split(",").index(attribute)
        split = [row.split(",") for row in rows]
        for row in split:
            if row[0] == name:
                row[at] = value
        self.users.write_text("\n".join([header, *(",".join(row) for row in split), ""]))

    def delete(self, name: str) -> None:
        kept = [line for line in self.users.read_text().splitlines() if line.split(",")[0] != name]
        self.users.write_text("\n".join([*kept, ""]))


class TestCsvFile(ConnectorContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        (tmp_path / "users.csv").write_text(USERS)
        (tmp_path / "groups.csv").write_text(GROUPS)
        types = {
            "user": {"path": "users.csv", "anchor": "uid", "enabled": ENABLED},
            "group": {"path": "groups.csv", "anchor": "cn", "members": "member"},
        }
        connector = connect(tmp_path, **types)
        (user,), (group,) = connector.streams()

        @contextmanager
        def fragile() -> Iterator[Fragile]:
            with (tmp_path / "users.csv").open("a") as file:  # more than two batches hold
                file.writelines(f"p{number},,,,\n" for number in range(2 * BATCH_SIZE))
            yield Fragile(connector=connector, cut=lambda: cut_off(tmp_path / "users.csv"))
            (tmp_path / "users.csv").write_text(USERS)

        def duplicate() -> str:
            with (tmp_path / "users.csv").open("a") as file:
                file.write("bob,Boss,IT,active,\n")
            return "bob"

        return Bench(
            connector=connector,
            read_only_connector=connect(tmp_path, write=False, **types),
            hands=CsvHands(tmp_path),
            user=user,
            group=group,
            new_user={"uid": "new", "title": "Trainee", "employeeType": "active"},
            fragile=fragile,
            duplicate=duplicate,
        )


def cut_off(path: Path) -> None:
    """Shorten a file while somebody may be reading it, then take it away."""
    os.truncate(path, 20)
    path.unlink()


Scan = Callable[..., list[ScanEvent]]


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    """Scan what stands in one file."""

    def run(content: str | bytes, **options: object) -> list[ScanEvent]:
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "hr.csv").write_bytes(raw)
        connector = connect(tmp_path, person={"path": "hr.csv", "anchor": "id", **options})
        return run_scan(connector)

    return run


def run_scan(connector: CsvConnector) -> list[ScanEvent]:
    with connector.open() as session:
        stream = session.scan(connector.streams()[0], None)
        return [event for batch in stream for event in batch]


def test_blank_fields_are_missing(scan: Scan):
    assert scan("id,a,b\n1,, \n")[0] == Seen("person", "1", {"id": "1"})


def test_byte_order_mark_is_no_part_of_the_first_column(scan: Scan):
    assert scan(b"\xef\xbb\xbfid,a\n1,x\n")[0] == Seen("person", "1", {"id": "1", "a": "x"})


def test_other_encoding_and_delimiter_are_read(scan: Scan):
    events = scan("id;a\n1;é\n".encode("cp1252"), encoding="cp1252", delimiter=";")
    assert events[0] == Seen("person", "1", {"id": "1", "a": "é"})


def test_tab_may_be_written_as_a_word(scan: Scan):
    assert scan("id\ta\n1\tx\n", delimiter="tab")[0] == Seen("person", "1", {"id": "1", "a": "x"})


def test_quoted_fields_hold_delimiters_quotes_and_line_ends(scan: Scan):
    events = scan('id,a\r\n1,"x, ""y""\r\nz"\r\n')
    assert events[0] == Seen("person", "1", {"id": "1", "a": 'x, "y"\r\nz'})


def test_several_values_are_a_sorted_tuple(scan: Scan):
    events = scan("id,groups\n1, b ;a;;b\n2,\n3,c\n4, ; \n", multi={"groups": ";"})
    found = [e.attributes.get("groups") for e in events if isinstance(e, Seen)]
    assert found == [("a", "b"), None, ("c",), None]


def test_only_the_attributes_asked_for_and_the_anchor_are_reported(scan: Scan):
    assert scan("id,a,b\n1,x,y\n", attributes=["a"])[0] == Seen(
        "person", "1", {"id": "1", "a": "x"}
    )
    assert scan("id,a,b\n1,x,y\n", attributes=["id"])[0] == Seen("person", "1", {"id": "1"})


def test_other_encodings_name_their_line_too(scan: Scan):
    with pytest.raises(ScanFailed, match=r"hr\.csv, line 3: this is not ASCII"):
        scan("id,a\n1,x\n2,é\n", encoding="ascii")


def test_a_folder_is_no_file(tmp_path: Path):
    connector = connect(tmp_path.parent, person={"path": tmp_path.name, "anchor": "id"})
    with pytest.raises(SiloUnreachable, match="directory"):
        run_scan(connector)


def test_a_file_with_a_header_only_is_a_complete_scan_of_nobody(scan: Scan):
    assert scan("id,a\n") == [Complete()]


def test_empty_lines_are_skipped_and_the_last_line_needs_no_end(scan: Scan):
    assert [type(e) for e in scan("id,a\n\n1,x\n\n2,y")] == [Seen, Seen, Complete]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "hr.csv is empty; there is not even a header"),
        ("\n1,x\n", "hr.csv, line 1: there is no header"),
        ("idd,a\n1,x\n", "hr.csv, line 1: missing columns: 'id' (there is 'idd')"),
        ("id,a,a\n1,x,y\n", "hr.csv, line 1: the column 'a' is there twice"),
        ("id,,a\n1,x,y\n", "hr.csv, line 1: column 2 has no name"),
        ('id,a\n1,x\n2,"y\n3,z\n', "hr.csv, line 3: a quote is opened and not closed"),
        (b"id,a\n1,x\n2,\xff\n", "hr.csv, line 3: this is not UTF-8"),
        ("id,a,b\n1,x,y\n2,x", "hr.csv ends in the middle of a row (line 3)"),
    ],
    ids=["empty", "blank", "column", "twice", "nameless", "quote", "encoding", "truncated"],
)
def test_a_file_that_is_not_whole_fails_the_scan(scan: Scan, content: str, sentence: str):
    with pytest.raises(ScanFailed) as caught:
        scan(content)
    assert caught.value.message == sentence


def test_broken_quoting_names_the_line(scan: Scan):
    with pytest.raises(ScanFailed, match=r"hr.csv, line 3: '.' expected after"):
        scan('id,a\n1,x\n2,"y"z\n')


def test_invalid_encoding_far_down_is_found_before_the_end(scan: Scan):
    content = b"id,a\n" + b"".join(b"%d,x\n" % n for n in range(20_000)) + b"z,\xe9\n"
    with pytest.raises(ScanFailed, match="line 20002: this is not UTF-8"):
        scan(content)


@pytest.mark.parametrize("key", ["attributes", "columns", "multi", "members", "enabled"])
def test_every_column_that_is_used_must_be_there(scan: Scan, key: str):
    value = {
        "attributes": ["b"],
        "columns": ["b"],
        "multi": {"b": ";"},
        "members": "b",
        "enabled": {"attribute": "b", "when_on": "1", "when_off": "0"},
    }[key]
    with pytest.raises(ScanFailed, match="missing columns: 'b'"):
        scan("id,a\n1,x\n", **{key: value})


def test_ragged_rows_are_invalid_and_not_absent(scan: Scan):
    events = scan("id,a\n1,x\n2\n3,x,y\n4,z\n")
    assert [e for e in events if isinstance(e, Invalid)] == [
        Invalid("person", None, "hr.csv, line 3", "1 fields where the header has 2"),
        Invalid("person", None, "hr.csv, line 4", "3 fields where the header has 2"),
    ]
    assert [e.anchor for e in events if isinstance(e, Seen)] == ["1", "4"]


@pytest.mark.parametrize(
    "content",
    ["name,id,a\nDoe, John,7,x\n", "name,id,a\n7,x\n", "id,a\ncn=doe,dc=x,y\n"],
    ids=["shifted to the right", "shifted to the left", "an anchor that is cut in two"],
)
def test_the_anchor_of_a_ragged_row_is_not_believed(scan: Scan, content: str):
    assert [e.anchor for e in scan(content) if isinstance(e, Invalid)] == [None]


def test_an_invalid_row_has_its_anchor_as_it_is_written(scan: Scan):
    events = scan("id,a\n 7,x\n 7,y\n")
    assert [e.anchor for e in events if isinstance(e, Invalid)] == [" 7"]


def test_lines_are_counted_as_an_editor_does(scan: Scan):
    events = scan('id,a\n\n1,"x\r\ny\nz"\n2\n')
    assert [e.where for e in events if isinstance(e, Invalid)] == ["hr.csv, line 6"]


def test_rows_without_anchor_are_invalid(scan: Scan):
    assert scan("id,a\n ,x\n")[0] == Invalid(
        "person", None, "hr.csv, line 2", "the anchor 'id' is blank"
    )


def test_repeated_anchors_are_invalid_before_the_end(scan: Scan):
    events = scan("id,a\n1,x\n2,y\n1,z\n")
    assert events[-2:] == [
        Invalid("person", "1", "hr.csv, lines 2, 4", "the anchor is repeated"),
        Complete(),
    ]


def test_a_file_that_grows_while_it_is_read_fails_the_scan(tmp_path: Path):
    rows = "".join(f"{n},x\n" for n in range(12_000))
    path = tmp_path / "hr.csv"
    path.write_text("id,a\n" + rows)
    connector = connect(tmp_path, person={"path": "hr.csv", "anchor": "id"})
    with connector.open() as session:
        stream = session.scan(connector.streams()[0], None)
        next(stream)
        with path.open("a") as more:
            more.write("12000,x\n")
        with pytest.raises(ScanFailed, match="it is still being written"):
            list(stream)


def test_a_file_that_is_replaced_while_it_is_read_is_read_to_its_end(tmp_path: Path):
    path = tmp_path / "hr.csv"
    path.write_text("id,a\n" + "".join(f"{n},x\n" for n in range(12_000)))
    (tmp_path / "new.csv").write_text("id,a\n")
    connector = connect(tmp_path, person={"path": "hr.csv", "anchor": "id"})
    with connector.open() as session:
        stream = session.scan(connector.streams()[0], None)
        first = next(stream)
        (tmp_path / "new.csv").replace(path)
        rest = [event for batch in stream for event in batch]
    assert len(first) + len(rest) == 12_001
    assert rest[-1] == Complete()


def test_repeated_anchors_are_found_in_the_file_that_was_read(tmp_path: Path):
    path = tmp_path / "hr.csv"
    rows = [*range(12_000), 7]
    path.write_text("id,a\n" + "".join(f"{n},x\n" for n in rows), encoding="utf-8-sig")
    (tmp_path / "new.csv").write_text("id,a\n1,x\n")
    connector = connect(tmp_path, person={"path": "hr.csv", "anchor": "id"})
    with connector.open() as session:
        stream = session.scan(connector.streams()[0], None)
        next(stream)
        (tmp_path / "new.csv").replace(path)
        rest = [event for batch in stream for event in batch]
    assert [e.anchor for e in rest if isinstance(e, Invalid)] == ["7"]


def test_a_missing_file_is_unreachable_and_checked(tmp_path: Path):
    connector = connect(tmp_path, person={"path": "hr.csv", "anchor": "id"})
    with pytest.raises(SiloUnreachable, match="No such file"):
        run_scan(connector)
    with connector.open() as session:
        (mistake,) = session.check()
    assert "hr.csv: No such file" in mistake.message


def test_there_are_no_deltas(tmp_path: Path):
    (tmp_path / "hr.csv").write_text("id\n1\n")
    connector = connect(tmp_path, person={"path": "hr.csv", "anchor": "id"})
    with connector.open() as session, pytest.raises(CursorLost):
        list(session.scan(connector.streams()[0], "anything"))


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": ";;"},
        {"encoding": "klingon"},
        {"quote": ","},
        {"multi": {"a": ""}},
        {"x": "y"},
    ],
)
def test_wrong_options_are_refused(options: dict[str, object]):
    with pytest.raises(ValidationError):
        CsvOptions.model_validate({"types": {"a": {"path": "p", "anchor": "b", **options}}})


# --- writing -----------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "users.csv").write_text(USERS)
    connector = connect(tmp_path, user={"path": "users.csv", "anchor": "uid", "multi": {}})
    ((user,),) = connector.streams()
    return Bench(
        connector=connector,
        read_only_connector=connector,
        hands=CsvHands(tmp_path),
        user=user,
        group=user,
        new_user={},
    )


def rename_title(bench: Bench, name: str = "ann", title: str = "Boss") -> object:
    return bench.apply(bench.update(name, {"title": "Clerk"}, {"title": title}))


def test_writing_keeps_everything_else_as_it_was(tmp_path: Path, bench: Bench):
    path = tmp_path / "users.csv"
    raw = b'\xef\xbb\xbf"uid","title","x"\r\n"ann","Clerk","1, 2"\r\n"bob","Clerk",""\r\n'
    path.write_bytes(raw)
    path.chmod(0o640)
    assert isinstance(rename_title(bench), Succeeded)
    assert path.read_bytes() == raw.replace(b"Clerk", b"Boss", 1)
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == [".users.csv.lock", "users.csv"]


def test_a_link_stays_a_link(tmp_path: Path, bench: Bench):
    (tmp_path / "users.csv").rename(tmp_path / "real.csv")
    (tmp_path / "users.csv").symlink_to("real.csv")
    rename_title(bench)
    assert (tmp_path / "users.csv").is_symlink()
    assert "Boss" in (tmp_path / "real.csv").read_text()


def test_nothing_is_written_when_nothing_differs(tmp_path: Path, bench: Bench):
    before = (tmp_path / "users.csv").stat().st_mtime_ns
    bench.apply(bench.update("ann", {"title": "Trainee"}, {"title": "Clerk"}))
    bench.apply(bench.update("ann", {"title": "Trainee"}, {"title": "Boss"}))
    assert (tmp_path / "users.csv").stat().st_mtime_ns == before


def test_another_writer_at_work_means_later(tmp_path: Path, bench: Bench):
    with (tmp_path / ".users.csv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert isinstance(rename_title(bench), RetryAfter)
    assert isinstance(rename_title(bench), Succeeded)


def test_a_file_that_somebody_else_changed_meanwhile_is_left_alone(tmp_path: Path, bench: Bench):
    path = tmp_path / "users.csv"
    table = Table.load(Format(path=path, anchor="uid"))
    path.write_text(USERS.replace("bob", "rob"))
    table.apply(bench.update("ann", {"title": "Clerk"}, {"title": "Boss"}))
    assert table.is_changed
    assert not table.save()
    assert path.read_text() == USERS.replace("bob", "rob")
    assert sorted(os.listdir(tmp_path)) == ["users.csv"]


def test_a_folder_that_cannot_be_written_means_later(tmp_path: Path, bench: Bench):
    (tmp_path / ".users.csv.lock").mkdir()
    assert isinstance(rename_title(bench), RetryAfter)


def test_a_half_written_file_means_later(tmp_path: Path, bench: Bench):
    (tmp_path / "users.csv").write_text('uid,title\nann,"Cle')
    assert isinstance(rename_title(bench), RetryAfter)


def test_a_missing_file_means_later_because_nothing_was_written(tmp_path: Path, bench: Bench):
    (tmp_path / "users.csv").unlink()
    assert isinstance(rename_title(bench), RetryAfter)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ({"tilte": "x"}, "users.csv has no column tilte"),
        ({"uid": "eve"}, "the anchor 'uid' of an object cannot be changed"),
        ({"title": ("a", "b")}, "several values need a separator; name the column in 'multi:'"),
        ({"title": b"x"}, "a CSV file holds text only"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(bench: Bench, after: dict, reason: str):
    assert bench.apply(bench.update("ann", {}, after)) == Refused(reason)


@pytest.mark.parametrize(
    ("encoding", "title", "letter"),
    [
        ("iso8859-1", "Kierownik działu", "ł"),
        ("cp1252", "Ře", "Ř"),
        ("utf-8-sig", "cut \ud83d", r"\ud83d"),
    ],
)
def test_a_letter_that_the_encoding_lacks_refuses_that_change_alone(
    tmp_path: Path, encoding: str, title: str, letter: str
):
    path = tmp_path / "users.csv"
    path.write_text(USERS, encoding=encoding)
    before = path.read_bytes()
    options = {"path": "users.csv", "anchor": "uid", "encoding": encoding}
    connector = connect(tmp_path, user=options)
    kind = connector.streams()[0][0]
    changes = [
        Change(
            key=anchor,
            operation=Operation.UPDATE,
            type=kind,
            anchor=anchor,
            before={"title": "Clerk"},
            after={"title": after},
        )
        for anchor, after in (("ann", title), ("bob", "Boss"))
    ]
    with connector.open() as session:
        refused, done = session.apply(changes)
    assert refused == Refused(f"users.csv is in {encoding}, which has no '{letter}'")
    assert isinstance(done, Succeeded)
    assert path.read_bytes() == before.replace(b"bob,Clerk", b"bob,Boss")


def test_create_without_an_anchor_is_refused(bench: Bench):
    change = bench.change(Operation.CREATE, None, None, {"title": "x"})
    assert bench.apply(change) == Refused("a new user needs its anchor: set 'uid'")


def test_numbers_and_truth_values_are_written_as_text(bench: Bench):
    after = {"title": 7, "departmentNumber": True}
    outcome = bench.apply(bench.update("ann", {}, after))
    assert isinstance(outcome, Succeeded)
    assert bench.read("ann")["title"] == "7"
    assert bench.read("ann")["departmentNumber"] == "true"


def test_a_value_with_the_separator_in_it_is_refused(tmp_path: Path):
    (tmp_path / "g.csv").write_text("cn,member\nstaff,ann\n")
    connector = connect(
        tmp_path, group={"path": "g.csv", "anchor": "cn", "members": "member", "multi": {"x": ";"}}
    )
    connector = connect(tmp_path, group={"path": "g.csv", "anchor": "cn", "members": "member"})
    ((group,),) = connector.streams()
    bench = Bench(
        connector=connector,
        read_only_connector=connector,
        hands=CsvHands(tmp_path),
        user=group,
        group=group,
        new_user={},
        references={"evil": "a;b"},
    )
    assert isinstance(bench.apply(bench.member(Operation.ADD_MEMBER, "evil")), Refused)
    assert (tmp_path / "g.csv").read_text() == "cn,member\nstaff,ann\n"


def test_repeated_rows_are_neither_written_nor_lost(tmp_path: Path, bench: Bench):
    content = "uid,title\nann,Clerk\nann,Boss\nshort\nbob,Clerk\n"
    (tmp_path / "users.csv").write_text(content)
    assert isinstance(rename_title(bench), Refused)
    with bench.connector.open() as session, pytest.raises(SiloRefused):
        session.read(bench.user, "ann")
    assert isinstance(rename_title(bench, "bob"), Succeeded)
    assert (tmp_path / "users.csv").read_text() == content.replace("bob,Clerk", "bob,Boss")


def test_who_may_be_a_ragged_row_is_neither_missing_nor_made_again(tmp_path: Path, bench: Bench):
    content = "title,uid,employeeType\nClerk,bob,active\nClerk, first class,ann,active\n"
    (tmp_path / "users.csv").write_text(content)
    with bench.connector.open() as session, pytest.raises(SiloRefused, match="mend these first"):
        session.read(bench.user, "ann")
    again = bench.change(Operation.CREATE, None, None, {"uid": "ann"})
    assert isinstance(bench.apply(again), Refused)
    assert (tmp_path / "users.csv").read_text() == content


def test_the_last_value_of_a_batch_wins_and_the_file_is_replaced_once(tmp_path: Path, bench: Bench):
    inode = (tmp_path / "users.csv").stat().st_ino
    changes = [
        bench.update("ann", {"title": "Clerk"}, {"title": "Boss"}),
        bench.update("ann", {"title": "Boss"}, {"title": "Queen"}),
        bench.change(Operation.DELETE, "bob", {}, None),
    ]
    with bench.connector.open() as session:
        outcomes = session.apply(changes)
    assert all(isinstance(each, Succeeded) for each in outcomes)
    assert (tmp_path / "users.csv").stat().st_ino != inode
    assert bench.read("ann")["title"] == "Queen"
