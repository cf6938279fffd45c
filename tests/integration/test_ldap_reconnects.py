"""A connection that died inside a run: what was not begun is written over another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.ldap.connector import LdapConnector
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.connectors.steady import SteadyConnector
from hypersync.errors import NothingWritten, SiloUnreachable
from hypersync.model.objects import (
    Change,
    ObjectType,
    Operation,
    Outcome,
    RetryAfter,
    Succeeded,
    Unknown,
)
from hypersync.pipeline.join import Joins
from hypersync.pipeline.lanes import Lanes
from hypersync.pipeline.silos import Silos
from hypersync.ports.connector import Connector
from tests.integration.test_ldap import BIND, STAFF, connect
from tests.slapd import PEOPLE, Slapd, running
from tests.wires import MODIFY, LdapWire


@pytest.fixture(params=["ldap3", "c"])
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    with running(tmp_path / "slapd", STAFF) as started:
        yield started


@pytest.fixture
def proxy(server: Slapd) -> Iterator[LdapWire]:
    with LdapWire(server.port) as started:
        yield started


@contextmanager
def writing(connector: LdapConnector, around: Connector | None = None) -> Iterator[Lanes]:
    """Write to a silo as a run does."""
    user = connector.settings.types[0]
    silos = Silos(
        connectors={"dir": around or connector},
        types={("dir", "user"): user},
        slots={},
        joins=Joins([]),
        events=None,  # type: ignore[arg-type] # there are none
    )
    with ExitStack() as stack:
        yield Lanes(silos, "dir", stack)


def titles(connector: LdapConnector, server: Slapd, title: str) -> list[Change]:
    """Return changes of the titles of Ann and Bob."""
    return [
        Change(
            key=name,
            operation=Operation.UPDATE,
            type=connector.settings.types[0],
            anchor=server.uuid(f"cn={name},{PEOPLE}"),
            before={"title": "Clerk"},
            after={"title": title},
        )
        for name in ("ann", "bob")
    ]


def test_what_a_dead_connection_left_is_written_over_another_one(
    server: Slapd, proxy: LdapWire, wire: str
):
    connector = connect(proxy.url, wire=wire)
    changes = titles(connector, server, "Boss")
    with writing(connector, SteadyConnector(connector, timeout=connector.settings.timeout)) as run:
        run.reach.opened().read(changes[0].type, str(changes[0].anchor))
        proxy.interrupt()
        assert [type(each) for each in run.apply(changes)] == [RetryAfter, RetryAfter]
        assert [type(each) for each in run.apply(changes)] == [Succeeded, Succeeded]


def test_a_session_at_a_steady_rate_is_replaced_as_any_other(server: Slapd, proxy: LdapWire):
    connector = connect(proxy.url)
    changes = titles(connector, server, "Boss")
    timeout = connector.settings.timeout
    with writing(
        connector, SteadyConnector(connector, timeout=timeout, writes_per_second=50)
    ) as run:
        run.reach.opened().read(changes[0].type, str(changes[0].anchor))
        proxy.interrupt()
        assert [type(each) for each in run.apply(changes)] == [RetryAfter, RetryAfter]
        assert [type(each) for each in run.apply(changes)] == [Succeeded, Succeeded]


def test_after_a_write_in_doubt_only_the_next_call_goes_on(
    server: Slapd, proxy: LdapWire, wire: str
):
    def cut_at_a_write(tag: int) -> None:
        if tag == MODIFY:
            proxy.seen = lambda tag: None
            proxy.interrupt()

    connector = connect(proxy.url, wire=wire)
    changes = titles(connector, server, "Boss")
    proxy.seen = cut_at_a_write
    with writing(connector) as run:
        assert [type(each) for each in run.apply(changes)] == [Unknown, RetryAfter]
        assert [type(each) for each in run.apply(changes[1:])] == [Succeeded]


def test_a_server_that_is_gone_is_not_asked_again_and_again(server: Slapd, wire: str):
    connector = connect(server.url, wire=wire)
    changes = titles(connector, server, "Boss")
    with writing(connector) as run:
        run.reach.opened().read(changes[0].type, str(changes[0].anchor))
        server.kill()
        assert [type(each) for each in run.apply(changes)] == [RetryAfter, RetryAfter]
        with pytest.raises(SiloUnreachable, match="cannot be reached"):
            run.apply(changes)


def test_a_domain_controller_says_too_that_its_connection_broke(server: Slapd, proxy: LdapWire):
    types = {"user": {"base": PEOPLE, "filter": "(objectClass=inetOrgPerson)"}}
    options = AdOptions.model_validate({"url": proxy.url, "bind": BIND, "types": types})
    settings = SiloSettings(silo="ad", options=options, types=object_types("ad", options, {}))
    with AdConnector(settings).open() as session:
        assert not session.is_lost
        proxy.interrupt()
        with pytest.raises(SiloUnreachable, match="went away"):
            session.read(settings.types[0], "1")
        assert session.is_lost


class LosingSession:
    """A session whose connection breaks before its first write."""

    is_lost = False

    def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        self.is_lost = True
        return [RetryAfter(timedelta(minutes=1), "it went away") for _ in changes]


class LosingSilo:
    """A silo that can be reached once."""

    def __init__(self) -> None:
        self.sessions = [LosingSession()]

    @contextmanager
    def open(self) -> Iterator[LosingSession]:
        if not self.sessions:
            raise SiloUnreachable("nobody is there")
        yield self.sessions.pop()


def test_where_no_other_connection_can_be_had_nothing_is_in_doubt():
    user = ObjectType(silo="dir", name="user")
    silos = Silos(
        connectors={"dir": LosingSilo()},  # type: ignore[dict-item] # as much of one as it takes
        types={("dir", "user"): user},
        slots={},
        joins=Joins([]),
        events=None,  # type: ignore[arg-type] # there are none
        parallel={"dir": 2},
    )
    changes = [
        Change(key=k, operation=Operation.DELETE, type=user, anchor=k, before={}, after=None)
        for k in "abcdefgh"
    ]
    with ExitStack() as stack, pytest.raises(NothingWritten, match="nobody is there"):
        Lanes(silos, "dir", stack).apply(changes)
