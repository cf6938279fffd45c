"""The contract that every connector keeps, on files; and what is special about these."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypersync_jsonlines.connector import JsonLinesConnector, JsonLinesOptions

from hypersync.connectors.contract import Bench, ConnectorContract, Fragile
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.errors import ScanFailed
from hypersync.model.objects import Invalid

ENABLED = {"attribute": "employeeType", "when_on": "active", "when_off": "disabled"}
TYPES = {
    "user": {"path": "users.jsonl", "anchor": "uid", "enabled": ENABLED},
    "group": {"path": "groups.jsonl", "anchor": "cn", "members": "member"},
}


def connect(folder: Path, *, write: bool = True) -> JsonLinesConnector:
    options = JsonLinesOptions.model_validate({"types": TYPES})
    types = object_types("staff", options, {})
    return JsonLinesConnector(
        SiloSettings(silo="staff", options=options, types=types, root=folder, write=write)
    )


class Editor:
    """Somebody who edits the file of the users."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def anchor(self, name: str) -> str:
        return name

    def users(self) -> dict[str, dict]:
        found = [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]
        return {each["uid"]: each for each in found}

    def save(self, users: dict[str, dict]) -> None:
        self.path.write_text("".join(f"{json.dumps(each)}\n" for each in users.values()), "utf-8")

    def set(self, name: str, attribute: str, value: str) -> None:
        users = self.users()
        users[name][attribute] = value
        self.save(users)

    def delete(self, name: str) -> None:
        self.save({uid: each for uid, each in self.users().items() if uid != name})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    editor = Editor(tmp_path / "users.jsonl")
    common = {"title": "Clerk", "departmentNumber": "Sales", "employeeType": "active"}
    editor.save(
        {uid: {"uid": uid, "telephoneNumber": "", **common} for uid in ("ann", "bob", "zoë")}
    )
    (tmp_path / "groups.jsonl").write_text('{"cn": "staff", "member": ["ann"]}\n')
    connector = connect(tmp_path)
    (user,), (group,) = connector.streams()

    @contextmanager
    def fragile() -> Iterator[Fragile]:
        before = editor.users()
        yield Fragile(connector=connector, cut=editor.path.unlink)
        editor.save(before)

    def duplicate() -> str:
        with editor.path.open("a") as file:
            file.write('{"uid": "bob", "title": "Boss"}\n')
        return "bob"

    return Bench(
        connector=connector,
        read_only_connector=connect(tmp_path, write=False),
        hands=editor,
        user=user,
        group=group,
        new_user={"uid": "new", "title": "Trainee", "employeeType": "active"},
        moved="cn=ann,ou=sales",
        fragile=fragile,
        duplicate=duplicate,
        lacks={"truncated_stream": "a file is read whole before the first object is reported"},
    )


class TestJsonLines(ConnectorContract):
    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        return bench


def test_a_file_that_breaks_off_fails_the_scan(bench: Bench, tmp_path: Path):
    with (tmp_path / "users.jsonl").open("a") as file:
        file.write('{"uid": "ca')
    with pytest.raises(ScanFailed, match="ends in the middle of a line"):
        bench.scan(bench.user)


@pytest.mark.parametrize("line", ["no JSON", "[]", "{}", '{"uid": 7}'])
def test_a_line_that_is_no_object_is_invalid(bench: Bench, tmp_path: Path, line: str):
    with (tmp_path / "users.jsonl").open("a") as file:
        file.write(f"{line}\n")
    (found,) = (each for each in bench.scan(bench.user) if isinstance(each, Invalid))
    assert found.where == "users.jsonl, line 4"
