"""The local Microsoft Graph for tests: one server of a session, an empty tenant for each test."""

from collections.abc import Iterator

import pytest

from tests.services.graph.service import GraphService, running


@pytest.fixture(scope="session")
def graph_server() -> Iterator[GraphService]:
    """The server that all tests of a worker share; take `graph` in a test."""
    with running() as service:
        yield service


@pytest.fixture
def graph(graph_server: GraphService) -> GraphService:
    """A Microsoft Graph with nobody in it and all well; README.md of the service says more."""
    graph_server.reset()
    return graph_server
