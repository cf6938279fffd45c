"""The SCIM server of the tests as fixtures; what they need takes a second to import, so they do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scim_service import ScimServer


@pytest.fixture(scope="module")
def scim_server() -> Iterator[ScimServer]:
    """A running server for the tests of a module."""
    from tests.scim_service import serving

    with serving() as server:
        yield server


@pytest.fixture
def scim(scim_server: ScimServer) -> ScimServer:
    """The server of the module, without what other tests left."""
    scim_server.fresh()
    return scim_server
