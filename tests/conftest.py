"""The fixtures that several test modules share; each lives in the module of its subject."""

import gc
import os

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


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the thousands of tests that were found."""
    gc.collect()
    gc.freeze()
