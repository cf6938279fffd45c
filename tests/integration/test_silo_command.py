"""The commands `silo test`, `silo pause` and `silo resume` on the example project."""

from __future__ import annotations

import csv
import json

import pytest
from sqlalchemy import text

from hypersync import cli
from hypersync.cli.frame import Exit
from hypersync.store.engine import open_engine
from hypersync.system_user import system_user

SILO = "accounts"


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("HYPERSYNC_SECRET_KEY", "HYPERSYNC_ENV", "HYPERSYNC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert cli.invoke(["init", str(tmp_path / "project")]) == Exit.DONE
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def call(capsys, *arguments: str) -> tuple[int, dict]:
    capsys.readouterr()
    code = cli.invoke([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def events(project) -> list[tuple]:
    (file,) = project.glob("**/*.db")
    engine = open_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        query = text(
            "SELECT kind, silo, by FROM event WHERE kind IN ('pause', 'resume') ORDER BY id"
        )
        found = [tuple(row) for row in connection.execute(query)]
    engine.dispose()
    return found


def accounts(project) -> dict:
    with (project / "config" / "sample" / "accounts.csv").open(encoding="utf-8") as file:
        return {row["uid"]: row for row in csv.DictReader(file)}


def test_nothing_is_written_to_a_paused_silo_until_it_is_resumed(project, capsys):
    before = accounts(project)
    paused = {
        "silo": SILO,
        "paused": True,
        "paused_by": ["people"],
        "reason": "we look into it",
        "circuit": None,
    }
    assert call(capsys, "silo", "pause", SILO, "--reason", "we look into it") == (0, paused)
    assert call(capsys, "sync", "--scan", "--commit")[1]["counts"]["succeeded"] == 0
    assert accounts(project) == before

    resumed = {"silo": SILO, "paused": False, "paused_by": [], "reason": None, "circuit": None}
    assert call(capsys, "silo", "resume", SILO) == (0, resumed)
    assert call(capsys, "sync", "--full", "--commit")[0] == 0
    assert accounts(project) != before
    me = f"cli:{system_user()}"
    assert events(project) == [("pause", SILO, me), ("resume", SILO, me)]


def test_a_silo_that_is_not_paused_stays_so_and_nothing_is_recorded(project, capsys):
    assert call(capsys, "silo", "resume", SILO)[1]["paused"] is False
    assert events(project) == []


def test_a_file_that_is_gone_again_and_again_pauses_its_silo_until_it_is_resumed(project, capsys):
    file = project / "config" / "sample" / "accounts.csv"
    away = file.rename(file.with_name("away.csv"))
    for _ in range(5):
        assert call(capsys, "scan", SILO)[1]["scans"][0]["state"] == "failed"
    away.rename(file)
    (scan,) = call(capsys, "scan", SILO)[1]["scans"]
    assert scan["reason"].startswith("paused by the engine since ")
    document = call(capsys, "silo", "test", SILO)[1]
    assert (document["reachable"], document["paused"]) == (True, True)
    assert document["circuit"]["failures"] == 5
    assert document["circuit"]["because"] in document["reason"]
    (incident,) = call(capsys, "pending")[1]["requests"]
    assert incident["kind"] == "incident"

    resumed = call(capsys, "silo", "resume", SILO)[1]
    assert (resumed["paused"], resumed["circuit"]) == (False, None)
    assert call(capsys, "pending")[1]["requests"] == []
    assert call(capsys, "scan", SILO)[1]["scans"][0]["state"] == "applied"


@pytest.mark.parametrize("word", ["test", "pause", "resume"])
def test_a_silo_that_is_not_configured_is_named(project, capsys, word):
    code, document = call(capsys, "silo", word, "nowhere")
    assert code == Exit.USAGE
    assert "there is no silo 'nowhere'; there are" in document["error"]["message"]


def test_a_silo_that_answers_is_fine(project, capsys):
    code, document = call(capsys, "silo", "test", SILO)
    assert (code, document["reachable"], document["mistakes"]) == (0, True, [])
    assert (document["paused"], document["reason"]) == (False, None)


def test_a_silo_that_does_not_answer_says_why(project, capsys):
    (project / "config" / "sample" / "accounts.csv").unlink()
    code, document = call(capsys, "silo", "test", SILO)
    assert code == Exit.FAILED
    assert document["mistakes"]


def test_people_read_it_without_json_too(project, capsys):
    cli.invoke(["silo", "pause", SILO])
    cli.invoke(["silo", "pause", SILO, "--reason", "a new host"])
    cli.invoke(["silo", "test", SILO])
    cli.invoke(["silo", "resume", SILO])
    shown = capsys.readouterr().out.splitlines()
    assert shown[-8:] == [
        f"{SILO} is paused",
        f"{SILO} is paused: a new host",
        f"reach   ok       {SILO} answers",
        "rights  ok       user: may read, create, update, delete",
        "schema  ok       user: 6 attributes, 0 of them read-only",
        f"read    ok       user: 10 objects: {', '.join(list(accounts(project))[:10])}",
        f"{SILO} is paused: a new host",
        f"{SILO} is not paused",
    ]


def test_wrong_options_of_a_silo_are_a_mistake_of_the_configuration(project, capsys):
    path = project / "config" / "hypersync.yaml"
    path.write_text(path.read_text().replace("anchor: uid", "ancor: uid"))
    code, document = call(capsys, "silo", "test", SILO)
    assert code == Exit.USAGE
    assert document["error"]["code"] == "configuration"
    assert (
        "silos.accounts.types.user.ancor is not known here; did you mean 'anchor'?"
        in (document["error"]["message"])
    )
    assert document["error"]["file"] == "config/hypersync.yaml"
