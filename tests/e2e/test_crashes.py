"""Crashes and bad days: whatever ends a commit, nothing is lost and nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.cli.frame import Exit
from hypersync.clock import SystemClock
from hypersync.model.actions import ActionState
from hypersync.model.runs import RunState
from hypersync.pipeline.lease import holding
from tests.living import RULES, Clock, make_project, people, users, wait_for_line
from tests.slapd import PASSWORD, PEOPLE, SERVICE, person, running
from tests.smtp_sink import sink
from tests.wires import SEARCH, WRITES, LdapWire

__all__ = ["sink"]

ROOT = Path(__file__).parent.parent.parent
GENEROUS = RULES.replace("limit: 2", "limit: 1000")
COUNT = 45
COMMIT = ("sync", "--scan", "--commit", "--json")


def a_project(folder):
    """Fifteen people to be created, fifteen with a new title, fifteen who left."""
    project = make_project(folder, rules=GENEROUS)
    rows = [
        *people(15, title="Baker"),
        *people(30, title="Clerk", status="left")[15:],
        *people(COUNT)[30:],
    ]
    project.write_hr(rows)
    project.write_users(users(30))
    return project


def expected():
    done = users(15, title="Baker") + users(30, active="no")[15:] + users(COUNT)[30:]
    return {
        row[0]: dict(zip(("uid", "number", "title", "active"), row, strict=True)) for row in done
    }


def commit(project, kind="commit", number=0, signal_number=signal.SIGKILL):
    """Run a committing sync in its own process; return its exit code and what it complained."""
    process = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(  # noqa: S603 - our own program
        [
            sys.executable,
            "-m",
            "tests.crashing",
            kind,
            str(number),
            str(int(signal_number)),
            *COMMIT,
        ],
        cwd=project.folder,
        env={**process, **project.process, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def recover(project, *, after=timedelta(minutes=1)):
    """Do what a schedule does later: scan and sync, a few times."""
    clock = Clock(SystemClock().now() + after)
    with project.app(clock) as app:
        for _ in range(4):
            app.scan_for_rules()
            app.sync(commit=True)
            clock.forward(minutes=12)
        assert_nothing_is_left(app)


def assert_nothing_is_left(app):
    """No action is half done, none was carried out twice, and no run is unfinished."""
    with app.store.snapshot() as unit:
        assert unit.actions.open(None) == {}
        assert [
            *unit.runs.in_state(RunState.PLANNING),
            *unit.runs.in_state(RunState.EXECUTING),
        ] == []
        actions = [
            action for run in unit.runs.recent(100) for action in unit.actions.of_run(run.id)
        ]
    succeeded = {action.id: action for action in actions if action.state is ActionState.SUCCEEDED}
    twice = Counter((action.rule, action.identity) for action in succeeded.values())
    assert [key for key, count in twice.items() if count > 1] == []


def points(project, kind):
    """Return how many points of a kind an undisturbed commit passes."""
    code, complaint = commit(project, kind)
    assert code == 0
    assert project.rows() == expected()
    return int(complaint.splitlines()[-1])


@pytest.fixture(scope="module")
def commits(tmp_path_factory):
    return points(a_project(tmp_path_factory.mktemp("undisturbed")), "commit")


@pytest.mark.parametrize("part", range(6))
def test_a_kill_between_two_commits_loses_nothing_and_does_nothing_twice(tmp_path, commits, part):
    project = a_project(tmp_path)
    number = 2 + part * (commits - 2) // 5
    code, _ = commit(project, number=number)
    assert code == -signal.SIGKILL
    recover(project)
    assert project.rows() == expected()


@pytest.mark.parametrize("number", [1, 2])
def test_a_kill_while_a_file_is_replaced_loses_nothing_and_does_nothing_twice(tmp_path, number):
    project = a_project(tmp_path)
    code, _ = commit(project, "rename", number)
    if code == 0:
        assert project.rows() == expected()
    else:
        assert code == -signal.SIGKILL
        recover(project)
        assert project.rows() == expected()


@pytest.mark.parametrize("part", range(2))
def test_ctrl_c_stops_a_commit_and_the_next_one_goes_on_at_once(tmp_path, commits, part):
    project = a_project(tmp_path)
    number = commits // 2 + part * (commits // 2 - 2)
    code, complaint = commit(project, number=number, signal_number=signal.SIGINT)
    assert code == Exit.STOPPED
    assert "Stopped; what was finished stays done." in complaint
    code, complaint = commit(project)
    assert code in (Exit.DONE, Exit.WITH_ERRORS), complaint
    recover(project)
    assert project.rows() == expected()


def test_a_second_commit_says_whose_sync_runs_and_does_nothing(tmp_path):
    project = a_project(tmp_path)
    with project.app() as app:
        app.scan_for_rules()
        with holding(app.store, "sync", "cli:ann (run r1)", app.clock.now):
            code, document, complaint = project.run("sync", "--commit")
            assert code == Exit.FAILED
            assert document["error"]["code"] == "lease_held"
            assert "sync is held by cli:ann (run r1)" in complaint
            code, document, _ = project.run("sync")
            assert (code, document["mode"]) == (0, "preview")
    assert set(project.rows()) == {row[0] for row in users(30)}
    assert project.run("sync", "--commit")[0] == 0
    assert project.rows() == expected()


def test_a_commit_that_is_to_wait_goes_on_when_the_other_ends(tmp_path):
    project = a_project(tmp_path)
    with project.app() as app:
        app.scan_for_rules()
        with holding(app.store, "sync", "cli:ann (run r1)", app.clock.now):
            waiting = project.start("sync", "--commit", "--wait", "--json")
            wait_for_line(waiting, "waiting: sync is held by cli:ann")
    answer, _ = waiting.communicate(timeout=30)
    assert (waiting.returncode, json.loads(answer)["counts"]["succeeded"]) == (0, COUNT)


# --- mail --------------------------------------------------------------------------------------


def test_while_the_mail_server_is_down_mail_waits_and_actions_stay_suspended(tmp_path, sink):
    project = make_project(tmp_path)
    project.process["TEST_SMTP_PORT"] = str(sink.port)
    project.write_hr(people(5, status="left"))
    project.write_users(users(5))
    sink.stop()
    code, document, _ = project.run("sync", "--scan", "--commit")
    assert (code, document["counts"]["suspended"]) == (0, 5)
    code, document, _ = project.run("pending")
    assert [action["state"] for action in document["actions"]] == ["suspended"] * 5
    clock = Clock(SystemClock().now() + timedelta(minutes=10))
    with project.app(clock) as app:
        assert app.tick().delivered.waiting == 1
        sink.start()
        clock.forward(hours=1)
        assert app.tick().delivered.sent == 1
        assert app.tick().delivered.sent == 0
        with app.store.snapshot() as unit:
            assert len(unit.actions.suspended()) == 5
    assert len(sink.mails) == 1
    assert {row["active"] for row in project.rows().values()} == {"yes"}


# --- a directory -------------------------------------------------------------------------------

LDAP = """\
secret_keys: ["${HYPERSYNC_SECRET_KEY}"]
silos:
  hr:
    connector: csv
    types: {person: {path: data/hr.csv, anchor: employeeId}}
  directory:
    connector: ldap
    write: true
    url: "${TEST_LDAP}"
    timeout: 10s
    bind: {user: "SERVICE", password: "PASSWORD"}
    types:
      user:
        base: "PEOPLE"
        filter: "(objectClass=inetOrgPerson)"
        object_class: [inetOrgPerson]
        attributes: [employeeNumber]
        single: [title]
joins:
  - {slot: hr, silo: hr, type: person, value: "lower(employeeId)"}
  - {slot: user, silo: directory, type: user, value: "lower(employeeNumber)"}
"""
LDAP_RULES = """\
ruleset: users
defaults: {throttle: 1s, threshold: {limit: 1000}}
rules:
  - id: provision
    kind: provision
    target: user
    set:
      dn: "'cn=' + hr.employeeId + ',PEOPLE'"
      cn: hr.employeeId
      sn: hr.employeeId
      employeeNumber: hr.employeeId
      title: hr.title
  - {id: flow-title, kind: update, target: user, set: {title: hr.title}}
"""


@pytest.fixture
def directory(tmp_path):
    entries = "".join(
        person(f"E{number:03}", employeeNumber=f"E{number:03}", title="Clerk")
        for number in range(20)
    )
    with running(tmp_path / "slapd", entries) as server, LdapWire(server.port) as proxy:
        yield server, proxy


def ldap_project(folder, proxy):
    main, rules = (
        text.replace("SERVICE", SERVICE).replace("PASSWORD", PASSWORD).replace("PEOPLE", PEOPLE)
        for text in (LDAP, LDAP_RULES)
    )
    project = make_project(folder, main=main, rules=rules)
    project.process["TEST_LDAP"] = proxy.url
    project.write_hr(people(40, title="Baker"))
    return project


def titles(server):
    text = server.search(PEOPLE, "(objectClass=inetOrgPerson)", "title")
    return Counter(line for line in text.splitlines() if line.startswith("title"))


@pytest.mark.parametrize("number", [1, 21, 40])
def test_a_kill_in_the_middle_of_a_batch_of_writes_to_a_directory(tmp_path, directory, number):
    server, proxy = directory
    project = ldap_project(tmp_path, proxy)
    process = project.start(*COMMIT)
    passed = []

    def strike(tag):
        if tag in WRITES:
            passed.append(tag)
            if len(passed) == number:
                process.kill()

    proxy.seen = strike
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    written = len(passed)
    assert 0 < written <= 40
    recover(project)
    assert titles(server) == {"title: Baker": 40}
    assert len(passed) - written <= 40 - written + 1, "only what may not have arrived is sent again"


def test_a_connection_that_breaks_in_the_middle_of_a_commit_is_taken_up_again(tmp_path, directory):
    server, proxy = directory
    project = ldap_project(tmp_path, proxy)
    writes = []

    def strike(tag):
        if tag in WRITES:
            writes.append(tag)
            if len(writes) == 10:
                proxy.interrupt()

    proxy.seen = strike
    code, document, _ = project.run("sync", "--scan", "--commit")
    assert code == Exit.WITH_ERRORS
    assert document["counts"]["succeeded"] < 40
    assert document["errors"]
    recover(project)
    assert titles(server) == {"title: Baker": 40}


def test_a_server_that_goes_in_the_middle_of_a_scan_makes_nobody_absent(tmp_path, directory):
    server, proxy = directory
    project = ldap_project(tmp_path, proxy)
    assert project.run("scan")[0] == 0

    def strike(tag):
        if tag == SEARCH:
            server.kill()

    proxy.seen = strike
    code, document, _ = project.run("scan", "directory", "--full")
    assert code == Exit.FAILED
    (scan,) = document["scans"]
    assert (scan["state"], scan["types"].get("user", {}).get("deleted", 0)) == ("failed", 0)
    with project.app() as app, app.store.snapshot() as unit:
        assert unit.objects.live("directory", "user") == 20
