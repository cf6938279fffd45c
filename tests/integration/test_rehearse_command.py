"""The command ``rehearse`` on a project of CSV files with a history."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from hypersync import cli
from hypersync.cli.frame import Exit


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The example project after one committing sync; temporary folders are made below it."""
    for name in ("HYPERSYNC_SECRET_KEY", "HYPERSYNC_ENV", "HYPERSYNC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert cli.invoke(["init", str(tmp_path / "project")]) == Exit.DONE
    monkeypatch.chdir(tmp_path / "project")
    assert cli.invoke(["sync", "--scan", "--commit"]) == Exit.DONE
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "project"


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but what SQLite keeps beside its file."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".db-" not in path.name
    }


def call(capsys, *arguments: str) -> tuple[int, dict]:
    capsys.readouterr()
    code = cli.invoke([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def other_rules(project: Path, old: str, new: str) -> str:
    folder = project / "other"
    folder.mkdir()
    found = 0
    for file in (project / "rules").glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        found += old in text
        (folder / file.name).write_text(text.replace(old, new), encoding="utf-8")
    assert found
    return str(folder)


def test_the_same_rules_make_no_difference_and_nothing_is_touched(project, capsys):
    before = files(project)
    code, document = call(capsys, "rehearse", "--rules", "rules")
    assert (code, document["same"], document["runs"]) == (0, True, 1)
    assert document["would_have"] == document["really"]
    assert document["would_have"]["done"]
    assert [each["total"] for each in document["differences"].values()] == [0, 0, 0, 0]
    assert files(project) == before
    assert list((project.parent / "temporary").iterdir()) == []


def test_it_says_in_words_what_would_be_otherwise(project, capsys):
    folder = other_rules(project, "kind: provision", "enabled: false\n    kind: provision")
    capsys.readouterr()
    assert cli.invoke(["rehearse", "--rules", folder, "--since", "2d"]) == Exit.DONE
    shown = capsys.readouterr().out
    assert shown.startswith("1 run since ")
    assert "the history begins at " in shown
    assert "missed: it was done or asked for then, and would not come up: " in shown
    assert " create " in shown


def test_mistakes_in_the_rules_are_said_before_anything_is_played(project, capsys):
    folder = other_rules(project, "kind: provision", "kind: provison")
    code, document = call(capsys, "rehearse", "--rules", folder)
    assert code == Exit.USAGE
    assert document["error"]["file"].startswith("other/")
    assert document["error"]["line"] > 0
    assert "provison" in document["error"]["message"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Missing option '--rules'"),
        (["--rules", "nowhere"], "'nowhere' does not exist"),
        (["--rules", "config/sample"], "--rules: there is no rule file (*.yaml) in config/sample"),
        (["--rules", "rules", "--since", "30"], "--since: '30' has no unit"),
    ],
)
def test_wrong_options_are_refused(project, capsys, arguments, sentence):
    capsys.readouterr()
    assert cli.invoke(["rehearse", *arguments]) == Exit.USAGE
    assert sentence in capsys.readouterr().err
