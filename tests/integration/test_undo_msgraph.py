"""What a run does to Microsoft Graph, and undoing it: even a deleted user comes back as itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hypersync.app import App
from tests.undoing import carried_out, opened, scanned

if TYPE_CHECKING:
    from tests.services.graph.service import GraphService

MAIN = """\
  entra:
    connector: msgraph
    write: true
    url: {url}
    types:
      user: {{resource: users, attributes: [userPrincipalName]}}
      group: {{resource: groups, attributes: [displayName]}}
joins:
  - {{slot: hr, silo: hr, type: person, value: employeeId}}
  - {{slot: account, silo: entra, type: user, value: employeeId}}
  - {{slot: team, silo: entra, type: group, join: none}}
"""
RULES = """\
ruleset: all
defaults: {throttle: 1s, threshold: {limit: 50, members: 100%}}
rules:
  - {id: provision, kind: provision, target: account, when: "hr.status == 'active'",
     set: {employeeId: hr.employeeId, userPrincipalName: "hr.uid + '@contoso.com'",
           displayName: hr.uid, mailNickname: hr.uid, accountEnabled: "True", jobTitle: hr.title},
     once: {password: "initial_password()"}}
  - {id: flow, kind: update, target: account, when: "hr.status == 'active'",
     set: {jobTitle: hr.title, city: hr.city, manager: "ref('account', hr.manager)"},
     clear_if_missing: [city]}
  - {id: disable, kind: deprovision, target: account, do: disable,
     when: "hr.status == 'left' and account.enabled"}
  - {id: delete, kind: deprovision, target: account, do: delete, when: "hr.status == 'gone'"}
  - {id: team, kind: membership, member: account, mode: authoritative,
     group: {slot: team, where: "displayName == 'clerks'"}, when: "hr.title == 'Clerk'"}
"""
ROWS = [
    ("employeeId", "uid", "title", "status", "city", "manager"),
    ("E0", "p0", "Head", "active", "", ""),
    ("E1", "p1", "Clerk", "active", "Paris", "E0"),
    ("E2", "p2", "Clerk", "left", "Paris", ""),
    ("E3", "p3", "Clerk", "gone", "Paris", ""),
    ("E9", "p9", "Clerk", "active", "Rome", "E1"),
]


@pytest.fixture
def app(tmp_path: Path, graph: GraphService) -> Iterator[App]:
    """Somebody got another title, another a manager, one left, one is gone; somebody joined."""
    graph.tenant.sign_in.required = False
    people = [
        graph.add_user(f"p{n}", employeeId=f"E{n}", jobTitle="Clerk", city="Paris")
        for n in range(4)
    ]
    graph.add_group("clerks", people)
    graph.set_manager(people[3], people[1])
    with opened(tmp_path / "project", MAIN.format(url=graph.url), RULES, ROWS) as made:
        yield made


def state(graph: GraphService) -> dict[str, object]:
    """Every user by name, with id, values and manager, and who is a clerk."""
    names = ("id", "jobTitle", "city", "accountEnabled", "employeeId")
    found: dict[str, object] = {}
    for user in graph.users():
        values = {"id": user.id, **user.values}
        manager = graph.tenant.directory.manager(user)
        shown = {name: values[name] for name in names if values.get(name) is not None}
        found[user.values["mailNickname"]] = shown | {"manager": manager and manager.id}
    (group,) = graph.groups()
    return found | {"clerks": sorted(graph.members(group.id))}


def test_the_tenant_is_as_it_was_and_who_was_deleted_is_back(app: App, graph: GraphService):
    before = state(graph)
    run = carried_out(app)
    scanned(app)
    second = app.sync("full", commit=True)  # managers of who was made just now
    changed = state(graph)
    assert "p3" not in changed
    assert changed["p0"]["jobTitle"] == "Head"
    assert "city" not in changed["p0"]
    assert changed["p1"]["manager"] == changed["p0"]["id"]
    assert changed["p2"]["accountEnabled"] is False
    assert changed["p9"]["manager"] == changed["p1"]["id"]
    assert changed["clerks"] == sorted(changed[name]["id"] for name in ("p1", "p2", "p9"))
    scanned(app)
    third = app.sync("full", commit=True)
    assert third.counts.proposed == 0
    for each in (second, run):
        scanned(app)
        undone, left = app.undo(each.id, commit=True)
        assert left.cannot == []
        assert undone.counts.failed == undone.counts.conflict == 0
    assert state(graph) == before
    scanned(app)
