"""Where initial passwords go before their accounts are made."""

import csv
import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.app import App, build
from hypersync.channels.vault import CommandVault
from hypersync.errors import VaultFailed
from hypersync.ports.vault import InitialPassword
from tests.projects import MAIN, load_project, write_project
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
