"""A database whose file or folder may not be written: `sync` and `check` say so, and what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from hypersync.cli.frame import Exit
from hypersync.errors import StoreError
from hypersync.store.engine import open_engine
from hypersync.store.place import is_closed
from tests.databases import lay_tables
from tests.living import make_project
from tests.processes import program


@pytest.fixture
def project(tmp_path):
    made = make_project(tmp_path / "project")
    yield made
    for folder in (made.folder, made.folder / "var"):
        if folder.exists():
            folder.chmod(0o700)


def answer_of(project, *arguments):
    """Run the program as a user whom rights hold back; return exit code and document."""
    # root without the capabilities that let it do what the rights of files forbid
    drop = ["--bounding-set", "-dac_override,-dac_read_search", "--"]
    bound = [program("setpriv"), *drop] if os.geteuid() == 0 else []
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(  # noqa: S603 - our own program
        [*bound, sys.executable, "-m", "hypersync", *arguments, "--json"],
        cwd=project.folder,
        env=environment | project.process,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def refusal_of(project):
    code, document = answer_of(project, "sync", "--scan")
    assert code == Exit.FAILED
    assert document["error"]["code"] == "store"
    return document["error"]["message"]


def mistake_of(project):
    code, document = answer_of(project, "check")
    assert code == Exit.USAGE
    (found,) = document["mistakes"]
    assert (found["level"], found["file"], found["line"]) == ("error", "config/hypersync.yaml", 2)
    return found["message"], found["remedy"]


def test_a_folder_that_cannot_be_made_is_said_by_sync_and_by_check(project):
    project.folder.chmod(0o555)
    before = sorted(project.folder.iterdir())
    reason = f"the database has no place in {project.folder}/var: Permission denied"
    remedy = "let this user make the folder and write in it, or give `database` another place"
    assert refusal_of(project) == f"{reason}; {remedy}"
    assert mistake_of(project) == (reason, f"{remedy}, or leave this out with --offline")
    assert sorted(project.folder.iterdir()) == before


def test_a_folder_that_is_there_and_may_not_be_written_is_said_too(project):
    folder = project.folder / "var"
    folder.mkdir(mode=0o555)
    assert refusal_of(project) == (
        "the database refused: unable to open database file; this user has to be able to read "
        f"and write {folder}/hypersync.db and its folder"
    )
    reason, remedy = mistake_of(project)
    assert reason == f"the database has no place in {folder}: Permission denied"
    assert remedy.startswith("let this user make the folder and write in it")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("rights", "reason"),
    [
        ((0o444, 0o755), "attempt to write a readonly database"),
        ((0o644, 0o555), "attempt to write a readonly database"),
        ((0o000, 0o755), "unable to open database file"),
        ((0o644, 0o000), "unable to open database file"),
    ],
)
def test_a_database_that_may_not_be_written_is_said_with_its_file(project, rights, reason):
    file = project.folder / "var" / "hypersync.db"
    lay_tables(file)
    file.chmod(rights[0])
    file.parent.chmod(rights[1])
    remedy = f"this user has to be able to read and write {file} and its folder"
    assert refusal_of(project) == f"the database refused: {reason}; {remedy}"
    said, what_to_do = mistake_of(project)
    assert said.endswith(": Permission denied")
    assert str(file.parent) in f"{said}; {what_to_do}"


def test_check_has_nothing_to_say_about_a_place_that_may_be_written_and_makes_nothing(project):
    assert answer_of(project, "check") == (Exit.DONE, {"mistakes": []})
    assert not (project.folder / "var").exists()
    lay_tables(project.folder / "var" / "hypersync.db")
    assert answer_of(project, "check") == (Exit.DONE, {"mistakes": []})
    assert [each.name for each in (project.folder / "var").iterdir()] == ["hypersync.db"]


def test_a_folder_below_a_file_is_no_place(tmp_path):
    (tmp_path / "file").touch()
    file = tmp_path / "file" / "var" / "hypersync.db"
    expected = f"the database has no place in {file.parent}: Not a directory; let this user make"
    said = is_closed(file)
    assert said is not None
    assert said.startswith(expected)
    with pytest.raises(StoreError) as caught:
        open_engine(f"sqlite:///{file}")
    assert caught.value.message == said
