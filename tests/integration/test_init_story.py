"""The example project does what it says: a preview, a commit, and then nothing is left to do."""

from __future__ import annotations

import csv
import json

import pytest

from hypersync import cli
from hypersync.cli.frame import Exit


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("HYPERSYNC_SECRET_KEY", "HYPERSYNC_ENV", "HYPERSYNC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert cli.invoke(["init", str(tmp_path / "project")]) == Exit.DONE
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def answer(capsys, *arguments):
    capsys.readouterr()
    assert cli.invoke([*arguments, "--json"]) == Exit.DONE
    return json.loads(capsys.readouterr().out)


def accounts(project):
    with (project / "config" / "sample" / "accounts.csv").open(encoding="utf-8") as file:
        return {row["uid"]: row for row in csv.DictReader(file)}


def test_a_preview_changes_nothing_a_commit_does_it_and_then_nothing_is_left(project, capsys):
    before = accounts(project)
    preview = answer(capsys, "sync", "--scan")
    assert preview["counts"]["queued"] == 4
    assert accounts(project) == before

    commit = answer(capsys, "sync", "--commit")
    assert commit["counts"]["succeeded"] == 4
    after = accounts(project)
    assert after.keys() - before.keys() == {"E1011", "E1012"}
    assert after["E1004"]["title"] == "Account Manager"
    assert after["E1008"]["active"] == "false"

    again = answer(capsys, "sync", "--full", "--scan")
    assert again["counts"]["proposed"] == 0
    assert answer(capsys, "check") == {"mistakes": []}


def test_what_goes_too_far_is_suspended_and_nothing_is_written(project, capsys):
    answer(capsys, "sync", "--scan", "--commit")
    hr = project / "config" / "sample" / "hr.csv"
    before = accounts(project)
    hr.write_text(hr.read_text().replace(",active,", ",left,"))
    run = answer(capsys, "sync", "--scan", "--commit")
    assert run["rules"]["disable-leaver"]["queued"] == 0
    assert run["rules"]["disable-leaver"]["suspended"] > 2
    assert accounts(project) == before


def test_a_committing_sync_says_first_what_it_releases(project, capsys):
    answer(capsys, "sync", "--scan", "--commit")
    hr = project / "config" / "sample" / "hr.csv"
    hr.write_text(hr.read_text().replace(",active,", ",left,"))
    answer(capsys, "sync", "--scan", "--commit")
    actions = [action["id"] for action in answer(capsys, "pending")["actions"]]
    answer(capsys, "approve", actions[0])
    capsys.readouterr()
    assert cli.invoke(["sync"]) == Exit.DONE
    assert "also releases" not in capsys.readouterr().err
    answer(capsys, "approve", *actions[1:3])
    capsys.readouterr()
    assert cli.invoke(["sync", "--commit", "--json"]) == Exit.DONE
    shown = capsys.readouterr()
    assert "also releases 3 approved actions\n" in shown.err
    assert json.loads(shown.out)["counts"]["released"] == 3
