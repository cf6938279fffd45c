"""A service that says again and again that it is not available is paused like any out of reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from hypersync.model.scans import ScanState
from tests.integration.test_circuit_servers import PEOPLE_THERE, Project
from tests.integration.test_poisoned_writes import (
    GRAPH,
    SCIM,
    Poisoned,
    scim_people,
    scim_titles,
)
from tests.processes import free_port
from tests.scim_service import ScimServer, problem
from tests.services.graph.service import GraphService

WAITS = pytest.mark.parametrize("wait", [{}, {"Retry_After": "0"}], ids=["", "retry-after"])


def check_that_it_is_paused(project: Project) -> None:
    """Sync until the silo is paused: people are told once, and no attempts are used up."""
    project.retitle("new")
    run = project.sync()
    project.sync()
    assert project.paused == ""
    for _ in range(12):
        project.sync()
        assert project.paused.startswith("paused by the engine since ")
        project.later(hours=1)
    assert "503" in project.paused
    assert len(project.incidents) == 1
    assert project.attempts(run) == {("queued", 0)}


def check_that_it_goes_on(project: Project) -> None:
    project.later(hours=4)
    project.sync(2)
    assert (project.paused, project.incidents) == ("", [])


@pytest.fixture
def apps(tmp_path: Path, scim: ScimServer):
    scim_people(scim)
    project = Project(tmp_path / "project", SCIM.format(url=scim.url), "userName")
    project.sync()
    yield project
    project.close()


@WAITS
def test_a_service_that_is_not_available_for_long_is_paused_and_goes_on_by_itself(
    apps: Project, scim: ScimServer, wait: dict[str, str]
):
    scim.instead = lambda _: problem(503, **wait)
    check_that_it_is_paused(apps)
    scim.instead = None
    check_that_it_goes_on(apps)
    assert set(scim_titles(scim).values()) == {"new"}


def test_a_service_that_throttles_at_its_door_is_there(apps: Project, scim: ScimServer):
    scim.instead = lambda _: problem(429)
    apps.retitle("new")
    run = apps.sync()
    apps.sync(4)
    assert (apps.paused, apps.attempts(run)) == ("", {("queued", 0)})


@pytest.fixture
def tenant(tmp_path: Path, graph: GraphService):
    graph.tenant.sign_in.required = False
    for each in PEOPLE_THERE:
        graph.add_user(f"p{each}", employeeId=f"E{each}", jobTitle="old")
    target = GRAPH.format(port=graph.port).replace("timeout: 5s", "timeout: 1s")
    project = Poisoned(tmp_path / "project", target, "employeeId", "jobTitle")
    project.sync()
    yield project
    project.close()


def titles_of(graph: GraphService) -> set[str]:
    return {graph.values(each.id)["jobTitle"] for each in graph.users()}


@pytest.mark.parametrize("wait", [None, "1"], ids=["", "retry-after"])
def test_a_graph_that_is_not_available_for_long_is_paused_and_goes_on_by_itself(
    tenant: Poisoned, graph: GraphService, wait: str | None
):
    graph.fault("fail", times=None, status=503, retry_after=wait, requests=False)
    check_that_it_is_paused(tenant)
    graph.tenant.faults.clear()
    check_that_it_goes_on(tenant)
    assert titles_of(graph) == {"new"}


def test_a_graph_that_is_not_available_when_it_is_scanned_is_paused(
    tenant: Poisoned, graph: GraphService
):
    tenant.edit("config/hypersync.yaml", "failures: 3", "failures: 1")
    tenant.edit("config/hypersync.yaml", "timeout: 1s", "timeout: 60s")
    graph.fault("fail", times=None, status=503, retry_after="0")
    (report,) = tenant.app.scan(["target"])
    assert report.state is ScanState.FAILED
    assert "503" in tenant.paused
    graph.tenant.faults.clear()
    tenant.later(hours=1)
    (report,) = tenant.app.scan(["target"])
    assert report.state is ScanState.APPLIED
    assert tenant.paused == ""


def test_a_graph_that_is_not_reached_uses_up_no_attempts(tenant: Poisoned):
    config = tenant.folder / "config" / "hypersync.yaml"
    (address,) = (line.strip() for line in config.read_text().splitlines() if " url: " in line)
    tenant.edit("config/hypersync.yaml", address, f"url: http://127.0.0.1:{free_port()}")
    tenant.retitle("new")
    run = tenant.sync()
    tenant.sync(2)
    assert tenant.paused.startswith("paused by the engine since ")
    assert tenant.attempts(run) == {("queued", 0)}
