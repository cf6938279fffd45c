"""The local Microsoft Graph for tests: one server of a session, an empty tenant for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services.graph.service import GraphService


@pytest.fixture(scope="session")
def graph_server() -> Iterator[GraphService]:
    """The server that all tests of a worker share; take `graph` in a test."""
    from tests.services.graph.service import running

    with running() as service:
        yield service


@pytest.fixture
def graph(graph_server: GraphService) -> GraphService:
    """A Microsoft Graph with nobody in it and all well; README.md of the service says more."""
    graph_server.reset()
    return graph_server
