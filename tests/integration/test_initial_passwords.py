"""Where initial passwords go before their accounts are made."""

import csv
import json
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.app import App, build
from hypersync.channels.vault import CommandVault
from hypersync.check import check
from hypersync.errors import VaultFailed
from hypersync.ports.vault import InitialPassword
from tests.projects import ENVIRONMENT, MAIN, load_project, write_project
from tests.worlds import MovedClock

RULES = """\
ruleset: users
rules:
  - id: provision
    kind: provision
    target: app
    throttle: 1s
    threshold: 100
    once: {secret: "initial_password()"}
    set: {uid: hr.employeeId, number: hr.employeeId}
"""
KEEP = """\
import os, pathlib, sys
pathlib.Path("kept").mkdir(exist_ok=True)
pathlib.Path("kept/password").write_text(sys.stdin.read())
pathlib.Path("kept/account").write_text(os.environ["HYPERSYNC_ACCOUNT"])
pathlib.Path("kept/arguments").write_text(" ".join(sys.argv))
if pathlib.Path("race").exists():
    with open("data/users.csv", "a") as file:
        file.write("E1,E1,," + pathlib.Path("kept/password").read_text() + "\\r\\n")
print("kept", pathlib.Path("kept/password").read_text())
sys.exit(int(pathlib.Path("exit").read_text()))
"""
GIVEN = InitialPassword(
    key="k",
    silo="ad",
    type="user",
    identity="7",
    account="CN=ann",
    password="Secret-1234",  # noqa: S106 - of nobody
)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def app(tmp_path: Path, clock: MovedClock) -> Iterator[App]:
    """Somebody joined, and a command takes the passwords."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/hr.csv").write_text("employeeId,title\nE1,Clerk\n")
    (tmp_path / "data/users.csv").write_text("uid,number,title,secret\n")
    (tmp_path / "keep.py").write_text(KEEP)
    (tmp_path / "exit").write_text("0")
    command = f'["{sys.executable}", "keep.py"]'
    main = MAIN.replace("  app:\n", f"  app:\n    initial_password: {{command: {command}}}\n", 1)
    assert main != MAIN
    made = build(
        load_project(write_project(tmp_path, main, rules=RULES)), started_by="test", clock=clock
    )
    yield made
    made.close()


def accounts(folder: Path) -> list[dict[str, str]]:
    with (folder / "data/users.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_password_is_handed_over_and_is_that_of_the_account(app: App, tmp_path: Path):
    app.scan_for_rules()
    app.sync("full", commit=False)
    assert not (tmp_path / "kept").exists()
    run = app.sync("full", commit=True)
    assert run.counts.errors == 0
    (row,) = accounts(tmp_path)
    kept = {path.name: path.read_text() for path in (tmp_path / "kept").iterdir()}
    assert kept["password"] == row["secret"]
    assert len(row["secret"]) == 20
    assert row["secret"] not in kept["account"] + kept["arguments"]
    about = json.loads(kept["account"])
    assert (about["silo"], about["type"]) == ("app", "user")
    assert about["key"]
    assert about["identity"]


def test_no_account_is_made_whose_password_nobody_keeps(
    app: App, tmp_path: Path, clock: MovedClock
):
    (tmp_path / "exit").write_text("3")
    app.scan_for_rules()
    run = app.sync("full", commit=True)
    assert accounts(tmp_path) == []
    with app.store.snapshot() as unit:
        (error,) = unit.runs.errors(run.id)
    assert error.code == "retry_later"
    first = (tmp_path / "kept/password").read_text()
    said = error.message
    assert "not created, because the command" in said
    assert "'initial_password' ended with 3" in said
    assert first not in said
    (tmp_path / "exit").write_text("0")
    clock.time += timedelta(minutes=2)
    app.sync("full", commit=True)
    (row,) = accounts(tmp_path)
    assert row["secret"] == (tmp_path / "kept/password").read_text() != first


def test_an_account_that_a_create_found_there_is_not_said_to_have_the_password(
    app: App, tmp_path: Path
):
    app.scan_for_rules()
    (tmp_path / "race").touch()  # somebody else makes it, while the password is handed over
    run = app.sync("full", commit=True)
    assert (run.counts.succeeded, run.counts.errors) == (0, 1)
    with app.store.snapshot() as unit:
        (error,) = unit.runs.errors(run.id)
    assert error.code == "conflict"
    assert "the password that was handed over is not its own" in error.message
    with app.store.snapshot() as unit:
        assert [each.live for each in unit.scans.types() if each.silo == "app"] == [1]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["no-such-program-anywhere"], "cannot be run: No such file"),
        (["a\0b"], "a NUL character is in it"),
        ([sys.executable, "-c", "import sys; sys.exit(1)"], "ended with 1"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "took longer than 0.5 s"),
    ],
)
def test_a_command_that_did_not_keep_it_is_told_without_the_password(
    tmp_path: Path, command: list[str], why: str
):
    vault = CommandVault(command, tmp_path, timedelta(seconds=0.5))
    with pytest.raises(VaultFailed, match=why) as caught:
        vault.keep(GIVEN)
    assert GIVEN.password not in f"{caught.value!r}{caught.value.__cause__!r}{GIVEN!r}"


HANG = """\
import os, pathlib, subprocess, sys, time
if pathlib.Path("child").exists():
    pathlib.Path("again").touch()
with pathlib.Path("child").open("w") as file:
    file.write(str(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid))
time.sleep(60)
"""


def test_a_vault_that_hangs_is_asked_once_for_all_and_leaves_nothing_running(
    tmp_path: Path, clock: MovedClock
):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/hr.csv").write_text("employeeId,title\nE1,Clerk\nE2,Boss\n")
    (tmp_path / "data/users.csv").write_text("uid,number,title,secret\n")
    (tmp_path / "hang.py").write_text(HANG)
    vault = f'{{command: ["{sys.executable}", hang.py], timeout: 3s}}'
    main = MAIN.replace("  app:\n", f"  app:\n    initial_password: {vault}\n", 1)
    path = write_project(tmp_path, main, rules=RULES)
    made = build(load_project(path), started_by="test", clock=clock)
    try:
        made.scan_for_rules()
        run = made.sync("full", commit=True)
        with made.store.snapshot() as unit:
            codes = [error.code for error in unit.runs.errors(run.id)]
    finally:
        made.close()
    assert codes == ["retry_later", "retry_later"]
    assert accounts(tmp_path) == []
    assert not (tmp_path / "again").exists()
    child = Path("/proc") / (tmp_path / "child").read_text() / "stat"
    give_up = time.monotonic() + 10
    while is_running(child):
        assert time.monotonic() < give_up, "what the command began is still there"


def is_running(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_command_gets_what_it_needs_of_the_environment_and_what_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("AD_PASSWORD", "VAULT_TOKEN", "LC_ALL"):
        monkeypatch.setenv(name, "C")
    code = "import os, sys; sys.stdin.read(); print(*os.environ, file=open('names', 'w'))"
    command = [sys.executable, "-c", code]
    CommandVault(command, tmp_path, timedelta(seconds=60), ["VAULT_TOKEN"]).keep(GIVEN)
    names = {*(tmp_path / "names").read_text().split()}
    assert {"VAULT_TOKEN", "LC_ALL", "PATH", "HYPERSYNC_ACCOUNT"} <= names
    assert "AD_PASSWORD" not in names


def test_check_warns_of_initial_passwords_that_nobody_gets(tmp_path: Path):
    path = write_project(tmp_path, rules=RULES)
    _, found = check(path, None, offline=True, process_environment=ENVIRONMENT)
    assert [str(each) for each in found] == [
        "rules/users.yaml:8: warning: nobody gets the initial passwords that 'provision' makes; "
        "say who keeps them with 'initial_password:' of the silo 'app'"
    ]
    kept = MAIN.replace("  app:\n", "  app:\n    initial_password: {command: [keep]}\n", 1)
    write_project(tmp_path, kept, rules=RULES)
    assert check(path, None, offline=True, process_environment=ENVIRONMENT)[1] == []
