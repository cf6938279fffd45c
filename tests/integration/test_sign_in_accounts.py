"""The commands `account add`, `password`, `list`, `disable`, `enable` and `remove`."""

from __future__ import annotations

import io
import json
import sqlite3
import sys

import pytest

from hypersync import cli
from hypersync.access.accounts import add_account, check_password
from hypersync.access.sessions import ACCOUNT, SessionRules, begin_session, current_session
from hypersync.cli.frame import Exit
from hypersync.errors import SignInRefused, UsageError
from hypersync.system_user import system_user
from tests.asking import DAY, NOON, person, settings
from tests.postgresql import both_databases
from tests.projects import ENVIRONMENT, MAIN, write_project
from tests.signing_in import PASSWORD, QUICK
from tests.worlds import world

__all__ = ["world"]

ME = system_user()
PEOPLE = """\
people:
  ada: {email: ada@example.org, roles: [%s], os_user: %s}
  ann: {email: ann@example.org, name: Annabelle Ng-Johnson, roles: [approver]}
sign_in: {accounts: true}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    def make(more: str = PEOPLE % ("admin", ME)):
        monkeypatch.setenv("HYPERSYNC_CONFIG", str(write_project(tmp_path, MAIN + more)))
        return tmp_path

    make()
    return make


@pytest.fixture
def typed(monkeypatch):
    def give(text: str | bytes):
        given = text if isinstance(text, bytes) else text.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))

    return give


def call(capsys, *arguments: str) -> tuple[int, dict, str]:
    capsys.readouterr()
    code = cli.invoke(["account", *arguments, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def message(capsys, *arguments: str, exit_code: int = Exit.USAGE) -> str:
    code, document, _ = call(capsys, *arguments)
    assert code == exit_code, document
    return document["error"]["message"]


def stored(folder) -> list[tuple]:
    with sqlite3.connect(folder / "var" / "hypersync.db") as database:
        rows = database.execute("SELECT person, password, disabled_at FROM account").fetchall()
    database.close()
    return rows


def test_an_account_is_added_listed_changed_disabled_enabled_and_removed(project, typed, capsys):
    folder = project()
    typed(f"{PASSWORD}\n")
    assert call(capsys, "add", "ann") == (Exit.DONE, {"person": "ann"}, "")
    ((who, hashed, _),) = stored(folder)
    assert who == "ann"
    assert hashed.startswith("$argon2id$")
    assert PASSWORD not in hashed
    (listed,) = call(capsys, "list")[1]["accounts"]
    assert (listed["person"], listed["state"], listed["signed_in_at"]) == ("ann", "enabled", None)
    typed("another good password")
    assert call(capsys, "password", "ann")[0] == Exit.DONE
    assert stored(folder)[0][1] != hashed
    assert call(capsys, "disable", "ann")[1]["changed"] is True
    assert call(capsys, "disable", "ann")[1]["changed"] is False
    assert call(capsys, "list")[1]["accounts"][0]["state"] == "disabled"
    assert call(capsys, "enable", "ann")[1]["state"] == "enabled"
    assert call(capsys, "remove", "ann")[0] == Exit.DONE
    assert stored(folder) == []
    assert "has no account" in message(capsys, "remove", "ann", exit_code=Exit.FAILED)
    assert "has no account" in message(capsys, "disable", "ann", exit_code=Exit.FAILED)


def test_without_json_the_answers_are_sentences(project, typed, capsys):
    project()
    assert cli.invoke(["account", "list"]) == Exit.DONE
    assert capsys.readouterr().out == "Nobody has an account.\n"
    typed(PASSWORD)
    assert cli.invoke(["account", "add", "ann"]) == Exit.DONE
    assert capsys.readouterr().out == "ann has an account.\n"
    assert cli.invoke(["account", "list"]) == Exit.DONE
    assert "last signed in: never" in capsys.readouterr().out


def test_every_change_is_written_down_with_who_made_it(project, typed, capsys):
    folder = project()
    typed(PASSWORD)
    call(capsys, "add", "ann")
    call(capsys, "disable", "ann")
    with sqlite3.connect(folder / "var" / "hypersync.db") as database:
        rows = database.execute('SELECT kind, "by", data FROM event ORDER BY id').fetchall()
    database.close()
    assert rows == [
        ("account_add", "person:ada", '{"person":"ann"}'),
        ("account_disable", "person:ada", '{"person":"ann"}'),
    ]


@pytest.mark.parametrize("role", ["viewer", "approver", "operator"])
def test_it_takes_the_role_admin(project, typed, capsys, role):
    project(PEOPLE % (role, ME))
    typed(PASSWORD)
    for arguments in (["add", "ann"], ["list"], ["remove", "ann"]):
        said = message(capsys, *arguments, exit_code=Exit.FAILED)
        assert "has not the role admin and may not manage accounts" in said


def test_an_account_is_of_somebody_under_people(project, typed, capsys):
    project()
    typed(PASSWORD)
    said = message(capsys, "add", "zoe", exit_code=Exit.FAILED)
    assert said == "there is nobody called 'zoe' under people; there is ada, ann"


def test_nobody_has_two_accounts(project, typed, capsys):
    project()
    typed(PASSWORD)
    call(capsys, "add", "ann")
    typed("another good password")
    assert "`hypersync account password ann`" in message(capsys, "add", "ann")


def test_who_left_the_configuration_is_listed_and_can_be_removed(project, typed, capsys):
    project()
    typed(PASSWORD)
    call(capsys, "add", "ann")
    project(f"people: {{ada: {{email: ada@example.org, roles: [admin], os_user: {ME}}}}}\n")
    assert call(capsys, "list")[1]["accounts"][0]["state"] == "unknown"
    assert call(capsys, "remove", "ann")[0] == Exit.DONE


def test_an_account_that_is_not_offered_is_said_to_be(project, typed, capsys):
    project(PEOPLE.replace("sign_in: {accounts: true}\n", "") % ("admin", ME))
    typed(PASSWORD)
    code, _, said = call(capsys, "add", "ann")
    assert code == Exit.DONE
    assert "Accounts are not offered yet" in said


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "there is no password"),
        ("\n", "there is no password"),
        ("one line of text\nanother\n", "there is no password"),
        ("short", "too short"),
        ("x" * 1025, "too long"),
        ("x" * 2_000_000, "too long"),
        ("aaaaaaaaaaaaaaaa", "too easy to guess"),
        ("ANN@example.org", "too easy to guess"),
        ("Annabelle Ng-Johnson", "too easy to guess"),
        ("with a \x07 bell in it", "cannot be typed"),
        ("with a \u202e turn in it", "cannot be typed"),
    ],
)
def test_what_is_no_password_is_refused_with_what_to_do(project, typed, capsys, given, sentence):
    folder = project()
    typed(given)
    assert sentence in message(capsys, "add", "ann")
    assert stored(folder) == []


def test_a_password_is_no_argument(project, capsys):
    project()
    assert cli.invoke(["account", "add", "ann", PASSWORD]) == Exit.USAGE
    assert cli.invoke(["account", "add", "ann", "--password", PASSWORD]) == Exit.USAGE


# --- on both databases -------------------------------------------------------------------------


@both_databases
def test_accounts_and_sessions_work_on_every_database(world):
    store = world.app.store
    known = settings(person("ann"), person("bob")).directory
    rules = SessionRules(frozenset({ACCOUNT}), DAY / 24, DAY)
    given = {"by": "cli:x", "now": NOON, "directory": known, "passwords": QUICK}
    add_account(store, "ann", PASSWORD, **given)
    with pytest.raises(UsageError):
        add_account(store, "ann", PASSWORD, **given)
    assert check_password(store, "ann", PASSWORD, directory=known, passwords=QUICK) == "ann"
    with pytest.raises(SignInRefused):
        check_password(store, "bob", PASSWORD, directory=known, passwords=QUICK)
    secret = begin_session(store, "ann", ACCOUNT, now=NOON, rules=rules)
    session = current_session(store, secret, now=NOON + DAY / 48, rules=rules, directory=known)
    assert session is not None
    assert session.person == "ann"
    with store.snapshot() as unit:
        kept = unit.sessions.get(session.hash)
    assert kept is not None
    assert kept.seen_at == NOON + DAY / 48
    assert secret not in repr(world.rows("session"))
    later = begin_session(store, "ann", ACCOUNT, now=NOON + 2 * DAY, rules=rules, before=secret)
    assert len(world.rows("session")) == 1
    with store.begin() as unit:
        assert unit.sessions.end_all("ann") == 1
    late = current_session(store, later, now=NOON + 2 * DAY, rules=rules, directory=known)
    assert late is None
