"""The commands `pending`, `approve` and `reject` on a project in a folder."""

import json
import re

import pytest

from hypersync.approvals.directory import directory_of
from hypersync.cli import group
from hypersync.cli.failure import run_safely
from hypersync.clock import SystemClock
from hypersync.model.actions import ActionState
from hypersync.model.causes import REST, Cluster
from hypersync.system_user import system_user
from tests.asking import Stopped, settings
from tests.databases import open_store
from tests.projects import ENVIRONMENT, MAIN, load_project, write_project

ME = system_user()
PEOPLE = "people:\n  ann: {email: ann@example.org, roles: [approver], os_user: %s}\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A function that makes a project with a stopped run of three actions."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    def make(more: str = "", started_by: str = "schedule:sync"):
        path = write_project(tmp_path, MAIN + more)
        configuration = load_project(path)
        given = settings(owner=ME)
        given.directory.people.clear()  # type: ignore[attr-defined]
        given.directory.people.update(directory_of(configuration).people)  # type: ignore[attr-defined]
        world = Stopped(open_store(configuration.database_url), given).start(started_by)
        now = SystemClock().now()
        ids = world.suspend(3, now=now)
        return path, world, ids, world.ask(ids, now=now)

    return make


def run(arguments: list[str]) -> int:
    return run_safely(group, arguments)


def call(capsys, path, *arguments: str) -> tuple[int, dict]:
    code = run(["--config", str(path), *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_pending_prints_requests_and_actions_with_links_that_carry_no_token(project, capsys):
    path, world, ids, request = project()
    code, document = call(capsys, path, "pending")
    assert code == 0
    asked = document["requests"][0]
    assert set(asked) >= {
        "id",
        "run",
        "rule",
        "kind",
        "state",
        "count",
        "expires_at",
        "on_expiry",
        "step",
        "approve_url",
        "reject_url",
    }
    assert (asked["id"], asked["run"], asked["kind"]) == (request.id, world.run, "volume")
    assert asked["expires_at"].endswith("Z")
    assert [action["id"] for action in document["actions"]] == ids
    url = f"https://iam.example.org/hypersync/approve?action={ids[0]}"
    assert document["actions"][0]["approve_url"] == url
    assert "token" not in json.dumps(document)


def test_the_owner_of_the_configuration_approves_without_people(project, capsys):
    path, world, ids, _ = project(started_by=f"cli:{ME}")
    code, document = call(capsys, path, "approve", ids[0], ids[1])
    assert code == 0
    assert {action["decided_by"] for action in document["decided"]} == {f"cli:{ME}"}
    assert document["lost"] == []
    assert world.states(ids)[2] is ActionState.SUSPENDED


def test_pending_says_who_may_answer_where_nobody_is_told(project, capsys):
    path, *_ = project()
    note = f"nobody is told by mail; {ME} may answer on the command line"
    assert call(capsys, path, "pending")[1]["requests"][0]["problem"] == note
    assert run(["--config", str(path), "pending"]) == 0
    assert f"note: {note}" in capsys.readouterr().out


def test_a_person_rejects_a_rule_of_a_run_by_their_system_user(project, capsys):
    path, world, ids, _ = project(PEOPLE % ME)
    arguments = ("reject", "--run", world.run, "--rule", "disable-leaver", "--comment", "no")
    code, document = call(capsys, path, *arguments)
    assert code == 0
    assert {action["decided_by"] for action in document["decided"]} == {"person:ann"}
    assert world.states(ids) == [ActionState.REJECTED] * 3
    assert {row["comment"] for row in world.rows("decision")} == {"no"}


def test_the_same_answer_again_is_fine_and_another_is_lost(project, capsys):
    path, _, ids, request = project()
    assert call(capsys, path, "approve", request.id)[0] == 0
    assert call(capsys, path, "approve", ids[0])[0] == 0
    code, document = call(capsys, path, "reject", *ids)
    assert code == 1
    assert document["decided"] == []
    assert [action["id"] for action in document["lost"]] == ids


def test_somebody_whom_nobody_asked_is_refused(project, capsys):
    path, world, ids, _ = project(PEOPLE % "somebody-else")
    code, document = call(capsys, path, "approve", ids[0])
    assert code == 1
    assert document["error"]["code"] == "decision_refused"
    assert "os_user" in document["error"]["message"]
    assert world.states(ids) == [ActionState.SUSPENDED] * 3


def test_unknown_ids_and_half_given_options_are_errors(project, capsys):
    path, world, ids, _ = project()
    assert call(capsys, path, "approve", "nothing")[1]["error"]["code"] == "not_found"
    for arguments in ((), ("--run", "x"), (ids[0], "--run", "x", "--rule", "y")):
        assert call(capsys, path, "approve", *arguments)[0] == 2
    assert world.states(ids) == [ActionState.SUSPENDED] * 3


def test_people_read_it_without_json_too(project, capsys):
    path, _, ids, request = project()
    assert run(["--config", str(path), "pending"]) == 0
    shown = capsys.readouterr().out
    assert request.id in shown
    assert re.search(r"3 waiting, until \d{4}-", shown)
    assert run(["--config", str(path), "approve", *ids]) == 0
    assert capsys.readouterr().out.startswith("3 approved\n")
    assert run(["--config", str(path), "pending"]) == 0
    assert capsys.readouterr().out == "Nothing waits.\n"


def test_a_cluster_of_a_request_is_decided_by_its_key(project, capsys):
    path, world, _, _ = project()
    now = SystemClock().now()
    clusters = (Cluster("1", "company=ACME", 3), Cluster(REST, "the rest", 1))
    many = world.suspend(3, rule="other", first=20, now=now, cluster="1")
    few = world.suspend(1, rule="other", first=30, now=now, cluster=REST)
    asked = world.ask(
        [*many, *few], rule="other", now=now, cause="3 of 4 share company=ACME", clusters=clusters
    )
    _, document = call(capsys, path, "pending")
    shown = next(each for each in document["requests"] if each["id"] == asked.id)
    assert shown["cause"] == "3 of 4 share company=ACME"
    assert [(each["key"], each["count"]) for each in shown["clusters"]] == [(REST, 1), ("1", 3)]
    assert f"cluster={REST}" in shown["clusters"][0]["approve_url"]
    assert run(["--config", str(path), "pending"]) == 0
    text = capsys.readouterr().out
    assert "  --cluster rest: 1 the rest\n  --cluster 1: 3 company=ACME\n" in text
    code, document = call(capsys, path, "approve", asked.id, "--cluster", REST)
    assert (code, [each["id"] for each in document["decided"]]) == (0, few)
    code, document = call(
        capsys, path, "reject", "--run", world.run, "--rule", "other", "--cluster", "1"
    )
    assert code == 0
    assert {each["id"] for each in document["decided"]} == set(many)


def test_a_cluster_is_a_part_of_one_request(project, capsys):
    path, _, ids, request = project()
    code, document = call(capsys, path, "approve", ids[0], "--cluster", "1")
    assert code == 2
    assert "is no request" in document["error"]["message"]
    code, document = call(capsys, path, "approve", request.id, ids[0], "--cluster", "1")
    assert (code, document["error"]["message"]) == (
        2,
        "--cluster is a part of one request; give one id",
    )
    code, document = call(capsys, path, "approve", request.id, "--cluster", "1")
    assert code == 1
    assert "it has none; decide all of it" in document["error"]["message"]
