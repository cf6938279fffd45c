"""The command ``rehearse`` on a project of CSV files with a history."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync import cli
from hypersync.app import build
from hypersync.cli.frame import Exit
from hypersync.cli.rehearse import stopped_by_sigterm
from hypersync.config.load import load_configuration
from hypersync.rehearse import rehearse as play
from hypersync.rehearse.folder import rehearsal_folder


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


class Stopping:
    """A progress that gets this process a SIGTERM, as `kill` would, once the folder is there."""

    def __init__(self, parent: Path) -> None:
        self.parent = parent
        self.seen: list[str] = []

    def start(self, what: str, total: int | None = None) -> None:
        self.seen += [path.name for folder in self.parent.iterdir() for path in folder.iterdir()]
        os.kill(os.getpid(), signal.SIGTERM)

    def advance(self, count: int = 1) -> None:
        """Go on."""


def test_nothing_is_left_of_a_rehearsal_that_is_told_to_stop(project):
    temporary = project.parent / "temporary"
    progress = Stopping(temporary)
    configuration = load_configuration(None, None, process_environment=os.environ)
    app = build(configuration, started_by="cli:tester")
    before = signal.getsignal(signal.SIGTERM)
    try:
        since = app.clock.now() - timedelta(days=1)
        with pytest.raises(KeyboardInterrupt), stopped_by_sigterm():
            play(app, configuration, since=since, progress=progress)
    finally:
        app.close()
    assert "rehearsal.db" in progress.seen
    assert list(temporary.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


KILLED = """\
import os, sys, tempfile
from hypersync.rehearse.folder import rehearsal_folder
tempfile.tempdir = sys.argv[1]
made = rehearsal_folder()
folder = made.__enter__()
(folder / "rehearsal.db").write_text("everybody")
os._exit(9)
"""


def test_what_a_killed_rehearsal_left_goes_with_the_next_one(project, capsys):
    temporary = project.parent / "temporary"
    subprocess.run([sys.executable, "-c", KILLED, str(temporary)], check=False)  # noqa: S603
    (left,) = temporary.iterdir()
    assert (left / "rehearsal.db").exists()
    code, _ = call(capsys, "rehearse", "--rules", "rules")
    assert (code, list(temporary.iterdir())) == (0, [])


def test_a_rehearsal_leaves_alone_what_another_is_using_or_what_is_not_one(project):
    temporary = project.parent / "temporary"
    others = temporary / "hypersync-rehearsal-of-something"
    others.mkdir()
    (temporary / "hypersync-rehearsal-link").symlink_to(project)
    with rehearsal_folder() as first:
        with rehearsal_folder() as second:
            assert first.exists()
            assert second != first
        assert not second.exists()
        assert stat.S_IMODE(first.stat().st_mode) == 0o700
    assert not first.exists()
    assert others.exists()
    assert (project / "rules").exists()


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
