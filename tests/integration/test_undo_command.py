"""The command ``undo`` on a project of CSV files."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from hypersync import cli
from hypersync.cli.frame import Exit
from tests.living import KEY, MAIN, RULES, make_project, people, users

MORE_RULES = """\
  - {id: delete-user, kind: deprovision, target: user, when: "hr.status == 'gone'", do: delete}
  - {id: welcome, kind: event, when: "hr.title == 'Chief'",
     do: {webhook: "http://127.0.0.1:9/welcome"}}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """One joined, one has a new title, one left and one is gone."""
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)
    made = make_project(tmp_path / "project", rules=RULES + MORE_RULES)
    first, second, third, fourth, *others = people(12)
    changed = [(second[0], "Head", "active"), (third[0], "Clerk", "left")]
    made.write_hr([first, *changed, (fourth[0], "Clerk", "gone"), *others])
    made.write_users(users(12)[1:])
    monkeypatch.setenv("HYPERSYNC_CONFIG", str(made.folder / "config" / "hypersync.yaml"))
    return made


def call(capsys, *arguments):
    """Exit code and the JSON document."""
    capsys.readouterr()
    code = cli.invoke([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def committed(capsys):
    code, document = call(capsys, "sync", "--scan", "--commit")
    assert code == Exit.DONE
    assert document["counts"]["succeeded"] == 4
    return document


def test_undo_gives_the_file_back_as_it_was(project, capsys):
    before = project.rows()
    done = committed(capsys)["run"]
    assert project.rows().keys() == (before.keys() | {"uE000"}) - {"uE003"}

    code, document = call(capsys, "undo", done, "--commit")

    assert code == Exit.DONE
    assert project.rows() == before
    assert (document["kind"], document["mode"], document["undoes"]) == ("undo", "commit", done)
    assert (document["cannot"], document["cannot_total"]) == ([], 0)
    assert [each["text"] for each in document["incomplete"]] == [
        "comes back without attributes that are not read and passwords"
    ]
    operations = {each["rule"]: each["operation"] for each in document["actions"]}
    assert operations == {
        "undo:provision": "delete",
        "undo:flow-title": "update",
        "undo:disable": "enable",
        "undo:delete-user": "create",
    }


def test_undo_is_a_preview_unless_it_is_to_commit(project, capsys):
    done = committed(capsys)["run"]
    after = project.rows()

    code, document = call(capsys, "undo", done, "--rule", "flow-title")

    assert (code, document["mode"], document["counts"]["planned"]) == (0, "preview", 0)
    assert document["counts"]["queued"] == 1
    assert [each["state"] for each in document["actions"]] == ["planned"]
    assert project.rows() == after


def test_undo_says_in_words_what_it_leaves(project, capsys):
    done = committed(capsys)["run"]
    rows = project.users.read_text(encoding="utf-8")
    project.users.write_text(rows.replace("Head", "by hand"), encoding="utf-8")
    assert cli.invoke(["scan"]) == Exit.DONE
    capsys.readouterr()

    assert cli.invoke(["undo", done]) == Exit.DONE

    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "not undone: 1 (1 changed)"
    assert shown[1].endswith("update uE001 (app/user/uE001): changed since: title")
    assert shown[2] == "not brought back whole: 1"
    assert f"undo of run {done}, preview, nothing was changed" in "\n".join(shown)


def test_undo_tells_its_own_deletes_that_nothing_takes_back_from_what_it_undoes(project, capsys):
    """A database brings no deleted row back: undoing creates works, undoing that does not."""
    rows = 'connector: sql\n    url: "sqlite:///data/users.db"'
    table = MAIN.replace("connector: csv\n    write", f"{rows}\n    write")
    main = table.replace("user: {path: data/users.csv", "user: {table: users")
    (project.folder / "config" / "hypersync.yaml").write_text(main, encoding="utf-8")
    with closing(sqlite3.connect(project.folder / "data" / "users.db")) as made:
        made.execute("CREATE TABLE users (uid TEXT PRIMARY KEY, number, title, active)")
    done = call(capsys, "sync", "--scan", "--commit")[1]["run"]
    assert cli.invoke(["undo", done]) == Exit.DONE
    shown = capsys.readouterr().out.splitlines()
    assert not any("cannot be undone" in line for line in shown)
    own = (
        "  once the undo is done, 10 of its own 10 actions cannot be taken back in turn (10 delete)"
    )
    assert shown.count(own) == 1
    _, document = call(capsys, "undo", done)
    assert (document["irreversible"], document["cannot"]) == (10, [])


def test_history_knows_what_was_undone_and_keeps_its_names(project, capsys):
    done = committed(capsys)["run"]
    _, undone = call(capsys, "undo", done, "--commit")
    _, listed = call(capsys, "history")
    assert [(each["kind"], each["undoes"]) for each in listed["runs"]] == [
        ("undo", done),
        ("full", None),
    ]
    _, shown = call(capsys, "history", undone["run"])
    promised = {"cannot", "cannot_total", "incomplete", "incomplete_total"}
    assert shown.keys() == undone.keys() - promised


def test_sync_says_how_many_of_its_actions_cannot_be_undone(project, capsys):
    _, document = call(capsys, "sync", "--scan")
    assert document["irreversible"] == 0
    text = (project.folder / "data" / "hr.csv").read_text(encoding="utf-8")
    (project.folder / "data" / "hr.csv").write_text(text.replace("Head", "Chief"), encoding="utf-8")
    _, document = call(capsys, "sync", "--scan")
    assert (document["irreversible"], document["actions_total"]) == (1, 5)
    assert cli.invoke(["sync"]) == Exit.DONE
    assert "  1 of 5 cannot be undone (1 event)" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nothing"], Exit.FAILED, "there is no run 'nothing'; `hypersync history` lists them"),
        ([], Exit.USAGE, "Missing argument 'RUN'"),
        (["RUN", "--rule", "other"], Exit.FAILED, "has no actions of a rule 'other'; it acted for"),
        (["PREVIEW"], Exit.USAGE, "was a preview; it did nothing that could be undone"),
    ],
)
def test_what_cannot_be_undone_at_all_is_one_clear_error(
    project, capsys, arguments, code, sentence
):
    names = {"RUN": committed(capsys)["run"], "PREVIEW": call(capsys, "sync")[1]["run"]}
    given = [names.get(each, each) for each in arguments]
    found, document = call(capsys, "undo", *given)
    assert found == code
    assert sentence in document["error"]["message"]
