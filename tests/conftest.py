"""The fixtures that several test modules share; each lives in the module of its subject.

And how the workers of one run go about it: what takes longest is begun first, and what pytest
makes of the modules of tests is made once for all.
"""

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.graph import graph, graph_server
from tests.mariadb import mariadb_server
from tests.postgresql import database_url, postgresql_server
from tests.samba import domain_controller, provisioned
from tests.scim import scim, scim_server
from tests.slapd import company_slapd
from tests.sql import database, mariadb_for_silos, postgresql_for_silos
from tests.worlds import world

__all__ = [
    "company_slapd",
    "database",
    "database_url",
    "domain_controller",
    "graph",
    "graph_server",
    "mariadb_for_silos",
    "mariadb_server",
    "postgresql_for_silos",
    "postgresql_server",
    "provisioned",
    "scim",
    "scim_server",
    "world",
]

# a slow machine is no failure; CI tries the same examples each time, everybody else new ones
settings.register_profile(
    "usual",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("usual")

LONGEST = (
    "test_guard_machine.py",
    "test_life_cycles_exhaustively.py",
    "test_kill_points.py",
    "test_tutorial.py",
    "test_api_schema.py",
    "test_rehearse.py",
    "test_connector_template.py",
    "test_crashes.py",
    "test_scan_decisions.py",
    "test_apply_crashes.py",
    "test_story.py",
    "test_circuit_servers.py",
    "test_up.py",
)
"""The modules with single tests of many seconds, which no worker should begin as its last."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Import the modules of tests, each worker another part of them first.

    Workers go through the tests in the same order and in step: each would rewrite the assertions of
    each module for itself. What one has rewritten is on the disk when another comes to it.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        return
    folders = [folder for folder in map(Path, session.config.args) if folder.is_dir()]
    modules = sorted(path for folder in folders for path in folder.rglob("test_*.py"))
    part = slice(int(worker.removeprefix("gw")), None, int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    for path in modules[part]:
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        # what is wrong with it is told when it is collected
        with suppress(Exception):
            import_module(path.stem)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest come first: who begins one at the end lets the others wait."""
    turn = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: turn.get(item.path.name, len(turn)))


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the thousands of tests that were found."""
    gc.collect()
    gc.freeze()
