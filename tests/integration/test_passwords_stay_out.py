"""An initial password reaches the new account and nothing that is kept."""

import csv

from hypersync.app import build
from tests.projects import MAIN, load_project, write_project

RULES = """\
ruleset: users
rules:
  - id: provision
    kind: provision
    target: app
    throttle: 1h
    threshold: 100
    once: {secret: "initial_password()"}
    set: {uid: hr.employeeId, number: hr.employeeId}
  - {id: flow, kind: update, target: app, set: {title: hr.title}}
"""


def test_an_initial_password_is_written_to_the_account_and_kept_nowhere(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/hr.csv").write_text("employeeId,title\nE1,Clerk\n")
    (tmp_path / "data/users.csv").write_text("uid,number,title,secret\n")
    app = build(load_project(write_project(tmp_path, MAIN, rules=RULES)), started_by="test")
    for _ in range(2):
        app.scan_for_rules()
        run = app.sync("full", commit=True)
        assert run.counts.errors == 0
    with (tmp_path / "data/users.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["uid"] == "E1"
    assert row["title"] == "Clerk"
    assert len(row["secret"]) == 20
    app.close()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "var").iterdir())
    assert b"Clerk" in kept
    assert row["secret"].encode() not in kept
