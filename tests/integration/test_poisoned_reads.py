"""An object that breaks the connection when it is read, before or after it is written.

It is given up as a write that does so is, and nothing else suffers. Each silo is a real server.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from werkzeug import Request, Response

from hypersync.model.objects import Operation, Succeeded
from tests.integration.test_circuit_servers import PEOPLE_THERE, SQL
from tests.integration.test_poisoned_writes import (
    GIVEN_UP,
    GRAPH,
    POISONED,
    SCIM,
    Poisoned,
    end_of,
    poisoned_end,
    scim_people,
    scim_titles,
    sql_titles,
)
from tests.integration.test_scim_writes import apply, change, title
from tests.scim_service import ScimServer, problem
from tests.scimming import connect
from tests.services.graph.service import GraphService
from tests.sql import Sql
from tests.wires import PoisonedWire

# --- databases -----------------------------------------------------------------------------------

ENDS = """
CREATE FUNCTION shown(t TEXT) RETURNS TEXT LANGUAGE plpgsql VOLATILE AS $$ BEGIN
  IF t = 'poison' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
  RETURN t;
END $$"""
PUTS = """
CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE base SET title = NEW.title WHERE id = NEW.id;
  RETURN NEW;
END $$"""


@pytest.fixture
def crm(postgresql_server) -> Sql:
    """A view of people that ends the connection when one title is read."""
    made = Sql("postgresql", postgresql_server.create())
    made.run(
        "CREATE TABLE base (id INTEGER PRIMARY KEY, number TEXT UNIQUE, title TEXT)",
        ENDS,
        "CREATE VIEW users AS SELECT id, number, shown(title) AS title FROM base",
        PUTS,
        "CREATE TRIGGER t INSTEAD OF UPDATE ON users FOR EACH ROW EXECUTE FUNCTION put()",
    )
    for each in PEOPLE_THERE:
        made.run("INSERT INTO base VALUES (:id, :number, 'old')", id=each, number=f"E{each}")
    return made


def test_a_row_that_ends_the_connection_when_it_is_read_back_is_given_up(tmp_path: Path, crm: Sql):
    target = SQL.format(url=crm.url.replace("+psycopg", ""))
    project = Poisoned(tmp_path / "project", target, "number")
    assert poisoned_end(project, lambda: sql_titles(crm, "base")) == GIVEN_UP
    project.close()


# --- Graph ---------------------------------------------------------------------------------------


def graph_people(graph: GraphService) -> Mapping[str, str]:
    """Add people; return their ids by number."""
    graph.tenant.sign_in.required = False
    for each in PEOPLE_THERE:
        graph.add_user(f"p{each}", employeeId=f"E{each}", jobTitle="old")
    return {graph.values(each.id)["employeeId"]: each.id for each in graph.users()}


def graph_titles(graph: GraphService) -> Mapping[str, str]:
    people = (graph.values(each.id) for each in graph.users())
    return {each["employeeId"]: each["jobTitle"] for each in people}


def graph_project(folder: Path, port: int) -> Poisoned:
    target = GRAPH.format(port=port).replace("timeout: 5s", "timeout: 1s")
    return Poisoned(folder / "project", target, "employeeId", "jobTitle")


def test_an_object_that_graph_cannot_be_asked_for_is_given_up(tmp_path: Path, graph: GraphService):
    ids = graph_people(graph)
    with PoisonedWire(graph.port, ids[f"E{POISONED}"].encode()) as way:
        project = graph_project(tmp_path, way.port)
        assert poisoned_end(project, lambda: graph_titles(graph)) == GIVEN_UP
        project.close()


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_an_object_for_which_graph_is_never_available_is_given_up(
    tmp_path: Path, graph: GraphService, method: str
):
    anchor = graph_people(graph)[f"E{POISONED}"]
    project = graph_project(tmp_path, graph.port)
    project.sync()
    graph.fault(
        "fail", times=None, status=503, retry_after="1", method=method, path=anchor, requests=False
    )
    project.poison(POISONED)
    assert end_of(project, project.sync().id, lambda: graph_titles(graph)) == GIVEN_UP
    project.close()


def test_a_graph_that_is_not_available_to_write_is_paused(tmp_path: Path, graph: GraphService):
    graph_people(graph)
    project = graph_project(tmp_path, graph.port)
    project.sync()
    graph.fault("fail", times=None, status=503, method="PATCH", requests=False)
    project.poison()
    run = project.sync().id
    for _ in range(14):
        project.sync()
    assert "503" in project.paused
    attempts = [each.attempts for each in project.of_run(run)]
    assert sum(attempts) <= 1  # the try when the pause was over: one alone, while Graph was read
    graph.tenant.faults.clear()
    project.later(hours=4)
    project.sync()
    project.sync()
    assert set(graph_titles(graph).values()) == {"new"}
    assert (project.paused, project.incidents) == ("", [])
    project.close()


# --- services ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_resource_for_which_a_service_is_never_available_is_given_up(
    tmp_path: Path, scim: ScimServer, method: str
):
    scim_people(scim)
    found = scim.call("GET", "/Users")["Resources"]
    (anchor,) = (each["id"] for each in found if each["userName"] == f"E{POISONED}")
    project = Poisoned(tmp_path / "project", SCIM.format(url=scim.url), "userName")
    project.sync()

    def instead(request: Request) -> Response | None:
        is_it = request.method == method and request.path.endswith(anchor)
        return problem(503) if is_it else None

    scim.instead = instead
    project.poison(POISONED)
    assert end_of(project, project.sync().id, lambda: scim_titles(scim)) == GIVEN_UP
    project.close()


def test_a_service_that_is_not_available_for_single_requests_uses_up_no_attempts(
    tmp_path: Path, scim: ScimServer
):
    scim_people(scim)
    project = Poisoned(tmp_path / "project", SCIM.format(url=scim.url), "userName")
    project.sync()
    project.poison()
    scim.instead = lambda request: problem(503) if "/Users/" in request.path else None
    run = project.sync().id
    for _ in range(14):
        project.sync()
    assert "503" in project.paused
    assert {(each.state.value, each.attempts) for each in project.of_run(run)} == {("queued", 0)}
    scim.instead = None
    project.later(hours=4)
    project.sync()
    project.sync()
    assert set(scim_titles(scim).values()) == {"new"}
    assert (project.paused, project.incidents) == ("", [])
    project.close()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (503, [(True, True), (True, False)]),  # it was not reached with it, as others were
        (429, [(False, False), (True, False)]),  # a request to wait, and what was not tried
    ],
)
def test_what_was_not_tried_behind_a_service_that_is_busy_is_no_attempt(
    scim: ScimServer, status: int, said: list[tuple[bool, bool]]
):
    ids = [scim.add_user(name) for name in ("ann", "bob", "eve")]

    def instead(request: Request) -> Response | None:
        is_bob = request.method == "PATCH" and request.path.endswith(ids[1])
        return problem(status) if is_bob else None

    scim.instead = instead
    connector = connect(scim.url)
    changes = [
        change(connector, Operation.UPDATE, each, {"title": "Clerk"}, {"title": "Boss"})
        for each in ids
    ]
    done, *later = apply(connector, *changes)
    assert isinstance(done, Succeeded)
    assert [(each.is_lost, each.is_suspect) for each in later] == said
    assert [title(scim, each) for each in ids] == ["Boss", "Clerk", "Clerk"]


def test_a_write_for_which_a_service_is_not_available_alone_is_a_suspect(scim: ScimServer):
    ann, _ = (scim.add_user(name) for name in ("ann", "bob"))
    scim.instead = lambda r: problem(503) if r.method == "PATCH" else None
    connector = connect(scim.url)
    wanted = change(connector, Operation.UPDATE, ann, {"title": "Clerk"}, {"title": "Boss"})
    (alone,) = apply(connector, wanted)
    assert (alone.is_lost, alone.is_suspect) == (True, True)
    both = apply(connector, wanted, wanted)
    assert [(each.is_lost, each.is_suspect) for each in both] == [(True, False)] * 2
