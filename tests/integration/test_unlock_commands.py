"""The commands `unlock keygen`, `issue`, `apply`, `list` and `revoke`, and `sync --raise`."""

from __future__ import annotations

import io
import json
import stat
import sys

import pytest

from hypersync import cli
from hypersync.cli.frame import Exit
from hypersync.clock import SystemClock
from hypersync.model.signing import load_private, public_text
from hypersync.system_user import system_user
from tests.projects import ENVIRONMENT, MAIN, RULES, write_project
from tests.unlocking import HERE, OTHER_PEM, PEM, PUBLIC, claims, signed

ME = system_user()
UNLOCK = f'installation: {HERE}\nunlock: {{public_key: "{PUBLIC}"}}\n'
PEOPLE = "people:\n  ann: {email: ann@example.org, roles: [%s], os_user: %s}\n"
ISSUE = ("--silo", "app", "--installation", HERE, "--reason", "the move")


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HYPERSYNC_KEY_PASSPHRASE", raising=False)
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "hr.csv").write_text("employeeId,title\nE1,Engineer\nE2,Clerk\n")
    (folder / "data" / "users.csv").write_text("uid,number,title\nu1,E1,\nu2,E2,\n")

    def make(more: str = "", rules: str = RULES):
        path = write_project(folder, MAIN + UNLOCK + more, rules=rules)
        monkeypatch.setenv("HYPERSYNC_CONFIG", str(path))
        return folder

    make()
    return make


def call(capsys, *arguments: str) -> tuple[int, dict, str]:
    """Exit code, the JSON document, and what standard error says."""
    capsys.readouterr()
    code = cli.invoke([*arguments, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def message(capsys, *arguments: str, exit_code: int) -> str:
    code, document, _ = call(capsys, *arguments)
    assert code == exit_code
    return document["error"]["message"]


def good(kind: str = "week", **values) -> str:
    now = SystemClock().now().replace(microsecond=0)
    return signed(claims(kind, **{"silo": "app", "issued_at": now, **values}))


# --- keygen ------------------------------------------------------------------------------------


def test_keygen_writes_a_file_for_its_owner_only_and_prints_the_configuration(tmp_path, capsys):
    file = tmp_path / "unlock.pem"
    assert cli.invoke(["unlock", "keygen", str(file)]) == Exit.DONE
    said = capsys.readouterr()
    public = public_text(load_private(file.read_bytes()))
    assert said.out == f'unlock: {{public_key: "{public}"}}\n'
    assert "PRIVATE" not in said.out + said.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_keygen_prints_is_a_configuration(tmp_path, capsys, project):
    code, document, _ = call(capsys, "unlock", "keygen", str(tmp_path / "k.pem"))
    assert (code, document["file"]) == (0, str(tmp_path / "k.pem"))
    folder = project().joinpath("config", "hypersync.yaml")
    folder.write_text(folder.read_text().replace(PUBLIC, document["public_key"]))
    assert call(capsys, "check", "--offline")[0] == 0


def test_keygen_overwrites_nothing(tmp_path, capsys):
    file = tmp_path / "unlock.pem"
    file.write_text("precious")
    assert "exists already" in message(capsys, "unlock", "keygen", str(file), exit_code=2)
    assert file.read_text() == "precious"


def test_keygen_says_where_it_cannot_write(tmp_path, capsys):
    file = str(tmp_path / "nowhere" / "unlock.pem")
    assert "No such file" in message(capsys, "unlock", "keygen", file, exit_code=2)


def test_a_private_key_may_have_a_passphrase(tmp_path, capsys, monkeypatch):
    file = tmp_path / "unlock.pem"
    monkeypatch.setenv("HYPERSYNC_KEY_PASSPHRASE", "correct horse")
    assert cli.invoke(["unlock", "keygen", str(file), "--passphrase"]) == Exit.DONE
    assert b"ENCRYPTED" in file.read_bytes()
    issue = ("unlock", "issue", "--key", str(file), "--kind", "day", *ISSUE)
    assert call(capsys, *issue)[0] == 0
    monkeypatch.setenv("HYPERSYNC_KEY_PASSPHRASE", "wrong horse")
    assert "passphrase is wrong" in message(capsys, *issue, exit_code=2)


@pytest.mark.parametrize("text", ["", "no key", "ed25519:x"])
def test_a_public_key_that_is_none_is_a_mistake_with_its_line(project, capsys, text):
    path = project().joinpath("config", "hypersync.yaml")
    path.write_text(path.read_text().replace(PUBLIC, text))
    code, document, _ = call(capsys, "check", "--offline")
    assert code == 2
    (found,) = document["mistakes"]
    assert (found["file"], found["line"]) == ("config/hypersync.yaml", 15)
    assert "public key" in found["message"] + found["remedy"]


# --- issue -------------------------------------------------------------------------------------


@pytest.fixture
def pem(tmp_path):
    file = tmp_path / "private.pem"
    file.write_bytes(PEM)
    return str(file)


def test_issue_prints_one_line_and_needs_no_project(pem, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYPERSYNC_CONFIG", raising=False)
    assert cli.invoke(["unlock", "issue", "--key", pem, "--kind", "week", *ISSUE]) == Exit.DONE
    said = capsys.readouterr()
    assert said.out.startswith("hypersync-unlock-1.")
    assert said.out.count("\n") == 1
    assert " is good until " in said.err
    code, document, _ = call(capsys, "unlock", "issue", "--key", pem, "--kind", "permanent", *ISSUE)
    assert code == 0
    assert (document["kind"], document["ends_at"], document["silo"]) == ("permanent", None, "app")


@pytest.mark.parametrize("left_out", ["--key", "--silo", "--installation", "--kind", "--reason"])
def test_issue_takes_everything_that_a_key_names(pem, capsys, left_out):
    given = {"--key": pem, "--kind": "day", **dict(zip(ISSUE[::2], ISSUE[1::2], strict=True))}
    arguments = [part for pair in given.items() if pair[0] != left_out for part in pair]
    assert left_out in message(capsys, "unlock", "issue", *arguments, exit_code=2)


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 201, "\udcff"])
def test_issue_takes_a_reason_of_one_line(pem, capsys, reason):
    arguments = ["--key", pem, "--kind", "day", *ISSUE[:-1], reason]
    assert "reason" in message(capsys, "unlock", "issue", *arguments, exit_code=2)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"-----BEGIN PRIVATE KEY-----\n"])
def test_issue_says_when_a_file_is_no_private_key(tmp_path, capsys, content):
    file = tmp_path / "wrong.pem"
    file.write_bytes(content)
    arguments = ("unlock", "issue", "--key", str(file), "--kind", "day", *ISSUE)
    assert "private key" in message(capsys, *arguments, exit_code=2)
    file.unlink()
    assert "cannot read" in message(capsys, *arguments, exit_code=2)


# --- apply, list, revoke -----------------------------------------------------------------------


def test_a_key_is_issued_applied_listed_shown_and_revoked(project, pem, capsys):
    _, issued, _ = call(capsys, "unlock", "issue", "--key", pem, "--kind", "week", *ISSUE)
    code, applied, _ = call(capsys, "unlock", "apply", issued["key"])
    assert (code, applied["applied"]) == (0, True)
    key = applied["unlock"]
    assert {name: key[name] for name in ("id", "state", "kind", "silo", "applied_by")} == {
        "id": issued["id"],
        "state": "in_force",
        "kind": "week",
        "silo": "app",
        "applied_by": f"cli:{ME}",
    }
    assert key["ends_at"] == issued["ends_at"]
    assert key["problem"] is key["revoked_at"] is None
    assert call(capsys, "unlock", "apply", issued["key"])[1]["applied"] is False
    assert call(capsys, "unlock", "list")[1] == {"unlocks": [key]}

    banner = "UNLOCKED: limits above the ceiling stand in app until "
    for command in (["sync", "--scan"], ["pending"]):
        _, document, said = call(capsys, *command)
        assert document["unlocks"] == [key]
        assert banner in said
    for command in (["history"], ["sync", "--commit"], ["pending"]):
        cli.invoke(command)
        assert f"(unlock key {key['id']}: the move)" in capsys.readouterr().err

    code, document, _ = call(capsys, "unlock", "revoke", key["id"], "--reason", "it is over")
    assert (code, document["revoked"]) == (0, True)
    assert document["unlock"]["state"] == "revoked"
    assert document["unlock"]["revoked_reason"] == "it is over"
    assert call(capsys, "unlock", "revoke", key["id"], "--reason", "again")[1]["revoked"] is False
    assert "never comes into force" in message(
        capsys, "unlock", "apply", issued["key"], exit_code=1
    )
    _, document, said = call(capsys, "pending")
    assert (document["unlocks"], said) == ([], "")


def test_people_read_it_without_json_too(project, capsys):
    text = good(reason="the move")
    assert cli.invoke(["unlock", "list"]) == 0
    assert capsys.readouterr().out == "No unlock key was applied.\n"
    assert cli.invoke(["unlock", "apply", text]) == 0
    shown = capsys.readouterr().out
    assert "  in force  app (week, until " in shown
    assert shown.splitlines()[0].endswith(": the move")
    unlock = shown.split()[0]
    assert cli.invoke(["unlock", "revoke", unlock, "--reason", "it is over"]) == 0
    assert f"revoked by cli:{ME} at " in capsys.readouterr().out


def test_a_key_is_read_from_standard_input(project, capsys, monkeypatch):
    class Given:
        buffer = io.BytesIO(good().encode() + b"\n")

    monkeypatch.setattr(sys, "stdin", Given())
    assert call(capsys, "unlock", "apply", "-")[1]["applied"] is True


@pytest.mark.parametrize("given", [b"\xff\xfe\x00", b"", b"\x80" * 100_000])
def test_what_is_no_text_is_no_key(project, capsys, monkeypatch, given):
    class Given:
        buffer = io.BytesIO(given)

    monkeypatch.setattr(sys, "stdin", Given())
    assert "this is no unlock key" in message(capsys, "unlock", "apply", "-", exit_code=1)
    assert call(capsys, "unlock", "list")[1] == {"unlocks": []}


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (good(installation="example-prod"), "is for the installation 'example-prod'"),
        (good(silo="ad"), "is for the silo 'ad', which is not here; there are app, hr"),
        (good("day", issued_at=claims().issued_at), "expired at"),
        (good()[:-1], "not whole"),
        (good().replace(".", ".A", 1), "not"),
        (signed(claims(silo="app"), OTHER_PEM), "signature"),
        ("\udcff\udcfe", "this is no unlock key"),
    ],
)
def test_a_key_that_does_not_fit_is_refused_with_one_sentence(project, capsys, key, why):
    code, document, _ = call(capsys, "unlock", "apply", key)
    assert (code, document["error"]["code"]) == (1, "unlock_refused")
    assert why in document["error"]["message"]
    assert call(capsys, "unlock", "list")[1] == {"unlocks": []}


def test_without_a_public_key_the_refusal_says_what_to_write(project, capsys):
    path = project().joinpath("config", "hypersync.yaml")
    path.write_text(path.read_text().replace(f'unlock: {{public_key: "{PUBLIC}"}}\n', ""))
    assert "write unlock: {public_key: ...}" in message(
        capsys, "unlock", "apply", good(), exit_code=1
    )


# --- who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("people", "why"),
    [
        (PEOPLE % ("admin", "somebody-else"), "belongs to nobody under `people`"),
        (PEOPLE % ("approver, operator", ME), "ann has not the role admin"),
    ],
)
def test_who_is_no_administrator_applies_revokes_and_raises_nothing(project, capsys, people, why):
    project(people)
    unlock = claims().id
    for arguments in (
        ("unlock", "apply", good()),
        ("unlock", "revoke", unlock, "--reason", "x"),
        ("sync", "--scan", "--commit", "--raise", "flow-title=2", "--reason", "x"),
    ):
        code, document, _ = call(capsys, *arguments)
        assert (code, document["error"]["code"]) == (1, "decision_refused")
        assert why in document["error"]["message"]
    assert call(capsys, "unlock", "list")[1] == {"unlocks": []}
    assert call(capsys, "history")[1] == {"runs": []}
    assert call(capsys, "sync", "--raise", "flow-title=2", "--reason", "to see")[0] == 0


def test_an_administrator_acts_in_their_own_name(project, capsys):
    project(PEOPLE % ("admin", ME))
    assert call(capsys, "unlock", "apply", good())[1]["unlock"]["applied_by"] == "person:ann"


# --- sync --raise ------------------------------------------------------------------------------


def test_a_raise_lets_more_through_once_and_history_says_why(project, capsys):
    project(rules=RULES.replace(" set:", " threshold: 1, set:"))
    call(capsys, "scan")
    raised = ("--raise", "flow-title=2", "--reason", "both have new titles")
    code, document, _ = call(capsys, "sync", "--full", *raised)
    assert (code, document["rules"]["flow-title"]["limit"]) == (0, 2)
    code, document, _ = call(capsys, "sync", "--full", "--commit", *raised)
    assert (document["counts"]["succeeded"], document["counts"]["suspended"]) == (2, 0)
    assert document["reason"] == "both have new titles"
    assert call(capsys, "history", document["run"])[1]["reason"] == "both have new titles"
    cli.invoke(["history", document["run"]])
    assert "  reason: both have new titles\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--raise", "flow-title"], "is no raise"),
        (["--raise", "=2"], "is no raise"),
        (["--raise", "flow-title=-1"], "is no raise"),
        (["--raise", "flow-title=5%"], "is no raise"),
        (["--raise", "flow-title=1.5"], "is no raise"),
        (["--raise", "flow-title=\u0662"], "is no raise"),
        (["--raise", "flow-title=" + "9" * 13], "is no raise"),
        (["--raise", "flow-titel=2"], "did you mean 'flow-title'"),
        (["--raise", "flow-title=2", "--raise", "flow-title=3"], "raised twice"),
        (["--raise", "flow-title=2", "--reason", " "], "takes a --reason"),
    ],
)
def test_a_raise_that_cannot_be_is_a_usage_error_before_anything_runs(
    project, capsys, arguments, why
):
    reason = [] if "--reason" in arguments else ["--reason", "because"]
    found = message(capsys, "sync", "--scan", "--commit", *arguments, *reason, exit_code=2)
    assert why in found
    assert call(capsys, "history")[1] == {"runs": []}


def test_a_raise_without_a_reason_and_a_reason_without_a_raise_are_usage_errors(project, capsys):
    assert "--reason" in message(capsys, "sync", "--raise", "flow-title=2", exit_code=2)
    assert "--raise" in message(capsys, "sync", "--reason", "why", exit_code=2)
