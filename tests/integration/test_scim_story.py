"""A whole project with a SCIM service: checked, synchronised, and then nothing is left to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hypersync import cli
from hypersync.check import check
from hypersync.cli.frame import Exit
from tests.projects import write_project
from tests.scim_service import TOKEN, ScimServer

MAIN = """\
public_url: http://127.0.0.1:8080
database: sqlite:///var/hypersync.db
secret_keys: ["a-key-for-tests-only-0123456789"]
silos:
  hr:
    connector: csv
    types: {person: {path: data/hr.csv, anchor: employeeId}}
  app:
    connector: scim
    write: true
    url: URL
    auth: {bearer: TOKEN}
    initial_password: {command: ["true"]}
    types:
      user: {map: {mail: 'emails[type eq "work"].value'}}
      group: {attributes: [displayName]}
joins:
  - {slot: hr, silo: hr, type: person, value: "lower(employeeId)"}
  - {slot: account, silo: app, type: user, value: "lower(externalId)"}
  - {slot: team, silo: app, type: group, join: none}
"""
RULES = """\
ruleset: all
defaults: {throttle: 1s, threshold: {limit: 50, members: 100%}}
rules:
  - {id: provision, kind: provision, target: account, when: "hr.status == 'active'",
     set: {externalId: hr.employeeId, userName: hr.uid, title: hr.title, mail: hr.mail,
           active: "hr.status == 'active'"},
     once: {password: "initial_password()"}}
  - {id: flow, kind: update, target: account, when: "hr.status == 'active'",
     set: {title: hr.title, mail: hr.mail, department: hr.department},
     clear_if_missing: [mail]}
  - {id: disable, kind: deprovision, target: account, do: disable,
     when: "hr.status == 'left' and account.enabled"}
  - {id: delete, kind: deprovision, target: account, do: delete, when: "hr.status == 'gone'"}
  - {id: team, kind: membership, member: account, mode: authoritative,
     group: {slot: team, where: "displayName == 'sales'"}, when: "hr.department == 'Sales'"}
"""
HR = """\
employeeId,uid,title,department,status,mail
E1,ann,Boss,Sales,active,ann@example.org
E2,bob,Clerk,IT,active,
E3,cyd,Clerk,IT,left,
E4,dan,Clerk,IT,gone,
E5,eve,Clerk,Sales,active,eve@example.org
"""

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def server(scim: ScimServer) -> ScimServer:
    mail = [{"value": "old@example.org", "type": "work"}]
    ids = {
        name: scim.add_user(name, externalId=f"E{number}", emails=mail)
        for number, name in enumerate(("ann", "bob", "cyd", "dan"), 1)
    }
    scim.add_group("sales", [ids["ann"], ids["bob"]])
    return scim


@pytest.fixture
def project(server: ScimServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HYPERSYNC_SECRET_KEY", "HYPERSYNC_ENV", "HYPERSYNC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    main = MAIN.replace("URL", server.url).replace("TOKEN", TOKEN)
    path = write_project(tmp_path, main, rules=RULES)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hr.csv").write_text(HR)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def ask(project: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    def asking(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        code = cli.invoke([*arguments, "--json"])
        said = capsys.readouterr()
        assert code == Exit.DONE, said.err
        assert TOKEN not in said.out + said.err
        found = json.loads(said.out)
        assert isinstance(found, dict)
        return found

    return asking


def users(server: ScimServer) -> dict[str, dict[str, Any]]:
    return {each["userName"]: each for each in server.call("GET", "/Users")["Resources"]}


def test_people_come_change_and_go_and_then_nothing_is_left_to_do(server: ScimServer, ask: Ask):
    run = ask("sync", "--full", "--scan", "--commit")
    assert run["errors"] == []
    assert run["counts"]["succeeded"] == run["counts"]["queued"]
    found = users(server)
    assert set(found) == {"ann", "bob", "cyd", "eve"}
    assert (found["ann"]["title"], found["bob"].get("emails")) == ("Boss", None)
    assert [found[name]["active"] for name in ("ann", "cyd", "eve")] == [True, False, True]
    assert found["eve"]["emails"] == [{"type": "work", "value": "eve@example.org"}]
    ask("sync", "--scan", "--commit")  # what was made in the first run has its references now
    (group,) = server.call("GET", "/Groups")["Resources"]
    assert {each["value"] for each in group["members"]} == {
        found["ann"]["id"],
        found["eve"]["id"],
    }
    again = ask("sync", "--full", "--scan")
    assert again["counts"]["proposed"] == 0


def mistakes(path: Path) -> list[str]:
    return [str(each) for each in check(path, None, offline=False, process_environment={})[1]]


def test_a_project_without_mistakes_has_none(project: Path):
    assert mistakes(project) == []


def test_a_rule_that_writes_what_nobody_may_write_is_found(project: Path):
    rules = project.parents[1] / "rules" / "users.yaml"
    rules.write_text(RULES.replace("department: hr.department}", "groups: hr.department}"))
    (found,) = mistakes(project)
    assert "'groups', which is read-only in 'app'" in found


def test_an_attribute_that_the_service_does_not_know_is_found(project: Path):
    rules = project.parents[1] / "rules" / "users.yaml"
    rules.write_text(RULES.replace("department: hr.department}", "departement: hr.department}"))
    (found,) = mistakes(project)
    assert "'department'" in found
    assert "rules/users.yaml" in found
