"""What the API shows of a real world: runs, identities, rules, silos; and the runs it starts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest

from hypersync.access.tokens import create_token
from hypersync.cli import invoke
from hypersync.model.runs import RunError
from tests.api import EVERY, problem
from tests.worlds import DISABLE
from webui import create_app
from webui.jobs import JobState

PEOPLE = """
people:
  all: {name: All Ng, email: all@example.org, roles: [viewer, operator, admin]}
  oli: {name: Oli Ng, email: oli@example.org, roles: [operator]}
  ann: {name: Ann Ng, email: ann@example.org, roles: [approver], identity: e6}
"""


@dataclass
class Program:
    """A program that calls the API of a world."""

    world: object
    site: object
    secret: str

    def get(self, path, **query):
        return self.site.test_client().get(f"/api/v1{path}", query_string=query, **self._how())

    def post(self, path, body):
        return self.site.test_client().post(f"/api/v1{path}", json=body, **self._how())

    def done(self, answer):
        """The job of an answer, once it is over."""
        assert answer.status_code == 202, answer.text
        name = answer.json["id"]
        assert answer.headers["Location"] == f"/api/v1/jobs/{name}"
        jobs = self.site.extensions["jobs"]
        jobs.wait(jobs.get(name))
        return self.get(f"/jobs/{name}").json

    def _how(self):
        headers = {"Host": "iam.example.org", "Authorization": f"Bearer {self.secret}"}
        return {"headers": headers, "environ_base": {"REMOTE_ADDR": "192.0.2.7"}}


def program(world, who="all", *scopes):
    app = world.app
    now = app.clock.now()
    secret, _ = create_token(
        app.store,
        who,
        "tests",
        scopes or EVERY,
        ends=now + timedelta(days=30),
        by="cli:t",
        now=now,
        directory=app.settings.directory,
    )
    return Program(world, create_app(app), secret)


@pytest.fixture
def calling(world):
    world.rules(DISABLE, more=PEOPLE)
    world.people(range(1, 7), title="Engineer")
    world.run()
    world.leave(1, 2, 3, 4)
    return program(world)


def test_runs_are_listed_and_shown_with_what_their_rules_did(calling):
    run = calling.world.run()
    listed = calling.get("/runs", limit=1).json
    assert [each["id"] for each in listed["items"]] == [run.id]
    assert listed["next"] is not None
    assert calling.get("/runs", mode="preview").json["items"] == []
    shown = calling.get(f"/runs/{run.id}").json
    assert shown["rules"][0]["rule"] == "disable-leaver"
    assert shown["rules"][0]["counts"]["suspended"] == 4
    assert shown["rules"][0]["limit"] == 2
    actions = calling.get(f"/runs/{run.id}/actions", state="suspended").json["items"]
    assert [each["anchor"] for each in actions] == ["u1", "u2", "u3", "u4"]
    for kind in ("errors", "put-off"):
        assert calling.get(f"/runs/{run.id}/{kind}").json == {"items": [], "next": None}
    problem(calling.get("/runs/nothing"), 404, "not_found")


def test_errors_of_a_run_are_listed(calling):
    world = calling.world
    world.run()
    run = calling.get("/runs", limit=1).json["items"][0]["id"]
    with world.app.store.begin() as unit:
        unit.runs.report_errors(
            run, [RunError("disable-leaver", 5, "x", f"wrong {n}") for n in range(3)]
        )
    first = calling.get(f"/runs/{run}/errors", limit=2).json
    rest = calling.get(f"/runs/{run}/errors", limit=2, cursor=first["next"]).json
    messages = [each["message"] for each in (*first["items"], *rest["items"])]
    assert messages == ["wrong 0", "wrong 1", "wrong 2"]
    assert rest["next"] is None


def test_identities_are_found_and_shown_with_who_wrote_what(calling):
    found = calling.get("/identities", q="u3").json["items"]
    assert [each["objects"][0]["anchor"] for each in found] in (["e3"], ["u3"])
    number = found[0]["identity"]
    shown = calling.get(f"/identities/{number}").json
    assert {each["silo"] for each in shown["objects"]} == {"hr", "dir"}
    origins = {a["name"]: a["origin"] for each in shown["objects"] for a in each["attributes"]}
    assert origins["number"]["scan"] is not None
    problem(calling.get("/identities/99999"), 404, "not_found")
    problem(calling.get("/identities/x"), 404, "not_found")
    problem(calling.get("/identities"), 422, "invalid")


def test_why_says_each_rule_with_the_values_it_read(calling):
    calling.world.scan()
    number = calling.world.identity(3)
    rule = calling.get(f"/identities/{number}/why").json["rules"][0]
    assert (rule["rule"], rule["result"]) == ("disable-leaver", "true")
    assert {"expression": "hr.status", "value": "left"} in rule["values"]


def test_that_somebody_answers_requests_is_shown_to_administrators_only(calling):
    number = calling.world.identity(6)
    names = {each["name"] for each in calling.get(f"/identities/{number}/why").json["vips"]}
    others = program(calling.world, "oli").get(f"/identities/{number}/why").json["vips"]
    assert len(names) == 1
    assert others == []


def test_rules_and_silos_are_shown(calling):
    run = calling.world.run()
    rules = calling.get("/rules").json
    assert [each["id"] for each in rules["items"]] == ["disable-leaver"]
    assert rules["items"][0]["limit"]["allowed"] == 2
    assert "hr.status == 'left'" in rules["items"][0]["when"]
    shown = calling.get("/rules/disable-leaver").json
    assert [each["run"] for each in shown["runs"]] == [run.id]
    assert len(shown["days"]) == 31
    problem(calling.get("/rules/nothing"), 404, "not_found")
    silos = {each["name"]: each for each in calling.get("/silos").json["items"]}
    assert silos["hr"]["types"][0]["live"] == 6
    assert silos["hr"]["scans"][0]["state"] == "applied"


def test_the_dashboard_says_what_waits(calling):
    calling.world.run()
    shown = calling.get("/dashboard").json
    assert shown["waiting"]["requests"] == 1
    assert shown["waiting"]["actions"] == 4
    assert shown["runs"][0]["counts"]["suspended"] == 4
    assert shown["audit"]["unsealed"] > 0


# --- runs that are started ---------------------------------------------------------------------


def test_an_operator_previews_and_commits_what_they_looked_at(calling):
    preview = calling.done(calling.post("/runs", {"scan": True}))
    assert preview["state"] == JobState.DONE.value
    run = calling.get(f"/runs/{preview['run']}").json
    assert (run["mode"], run["started_by"]) == ("preview", "person:all")
    done = calling.done(calling.post(f"/jobs/{preview['id']}/commit", {}))
    assert done["commit"]
    assert calling.get(f"/runs/{done['run']}").json["mode"] == "commit"
    assert calling.get("/requests").json["items"][0]["count"] == 4


def test_a_commit_is_of_ones_own_preview(calling):
    preview = calling.done(calling.post("/runs", {"kind": "full"}))
    other = program(calling.world, "oli")
    other.site = calling.site
    problem(other.post(f"/jobs/{preview['id']}/commit", {}), 422, "usage")
    problem(calling.post("/jobs/nothing/commit", {}), 404, "not_found")


def test_one_object_is_looked_at(calling):
    named = {"silo": "hr", "type": "person", "anchor": "e3"}
    job = calling.done(calling.post("/runs", {"object": named, "scan": True}))
    assert calling.get(f"/runs/{job['run']}").json["kind"] == "object"


def test_a_run_is_taken_back_after_it_was_looked_at(calling):
    world = calling.world
    world.change(3, status="active")
    world.change(4, status="active")
    run = world.run()
    assert world.disabled() == {"u1", "u2"}
    preview = calling.done(calling.post(f"/runs/{run.id}/undo", {}))
    assert preview["undoes"] == run.id
    body = {"cannot": preview["cannot"]} if preview["cannot"] else {}
    assert calling.done(calling.post(f"/jobs/{preview['id']}/commit", body))["state"] == "done"
    assert world.disabled() == set()
    problem(calling.post("/runs/nothing/undo", {}), 404, "not_found")


def test_starting_takes_the_scope_and_the_role(calling):
    problem(program(calling.world, "oli", "read").post("/runs", {}), 403, "scope")
    problem(program(calling.world, "ann", "run").post("/runs", {}), 403, "role")
    assert len(calling.world.rows("run")) == 1


def test_the_document_is_printed_as_it_is_served(calling, capsys):
    config = str(calling.world.folder / "config" / "hypersync.yaml")
    assert invoke(["--config", config, "api", "openapi"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == calling.get("/openapi.json").json
