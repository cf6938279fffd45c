"""Servers that ask to wait where a session begins: neither out of reach nor a refusal."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from hypersync.connectors.ad.connector import AdSession
from hypersync.connectors.ad.directory import Schemas
from hypersync.connectors.directory.answers import Answer, Result
from hypersync.connectors.directory.wire import Wire
from hypersync.connectors.ldap.connector import LdapSession
from hypersync.connectors.msgraph.answers import Answer as GraphAnswer
from hypersync.connectors.msgraph.wire import Wire as GraphWire
from hypersync.connectors.scim.service import require_good
from hypersync.connectors.scim.wire import Answer as ScimAnswer
from hypersync.errors import SiloBusy, SiloUnreachable
from hypersync.model.objects import RetryAfter

SETTINGS: Any = SimpleNamespace(write=True, silo="dir", types=())
OPTIONS: Any = SimpleNamespace()


class BusyLink:
    """A directory that answers every search that it cannot now."""

    def __init__(self, code: int) -> None:
        self._code = code

    def search(self, _search: object) -> Answer:
        return Answer([], Result(self._code, "too many operations"))

    def close(self) -> None:
        """Do nothing."""


def ldap(wire: Wire) -> LdapSession:
    return LdapSession(SETTINGS, OPTIONS, wire)


def ad(wire: Wire) -> AdSession:
    return AdSession(SETTINGS, OPTIONS, wire, Schemas(), lambda _urls: wire)


@pytest.mark.parametrize("code", [3, 11, 51, 52])
@pytest.mark.parametrize("session_of", [ldap, ad])
def test_a_directory_that_is_busy_before_the_first_write_asks_to_wait(
    session_of: Callable[[Wire], LdapSession | AdSession], code: int
):
    link: Any = BusyLink(code)
    change: Any = object()
    (outcome,) = session_of(Wire(link, "ldap://x")).apply([change])
    assert isinstance(outcome, RetryAfter)
    assert not outcome.is_lost


@pytest.mark.parametrize("session_of", [ldap, ad])
def test_a_directory_that_is_busy_before_a_scan_is_there(
    session_of: Callable[[Wire], LdapSession | AdSession],
):
    link: Any = BusyLink(51)
    with pytest.raises(SiloBusy):
        session_of(Wire(link, "ldap://x")).directory  # noqa: B018 - it is read


@pytest.mark.parametrize(("status", "is_busy"), [(429, True), (503, True), (500, False)])
def test_a_scim_service_that_asks_to_wait_is_there(status: int, is_busy: bool):
    with pytest.raises(SiloUnreachable) as caught:
        require_good(ScimAnswer(status, {}, "", "it failed"), "https://x/Users")
    assert isinstance(caught.value, SiloBusy) is is_busy


@pytest.mark.parametrize(("status", "is_busy"), [(429, True), (503, True), (500, False)])
def test_a_graph_that_asks_to_wait_is_there(status: int, is_busy: bool):
    wire: Any = SimpleNamespace(_root="https://graph")
    with pytest.raises(SiloUnreachable) as caught:
        GraphWire.believe(wire, GraphAnswer(status, {}))
    assert isinstance(caught.value, SiloBusy) is is_busy
