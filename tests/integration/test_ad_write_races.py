"""What others do between our reading and our writing, and servers that die meanwhile."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.connectors.ad.connector import AdSession
from hypersync.connectors.ad.directory import Schemas
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.directory.answers import Answer, Control, Raw, Result, Search, Step
from hypersync.connectors.directory.ldap3_link import open_link
from hypersync.connectors.directory.link import Link
from hypersync.connectors.directory.wire import Code, Lost, Wire
from hypersync.model.objects import Conflict, Operation, Outcome, RetryAfter, Succeeded, Unknown
from tests.ad_silos import Corner, connect
from tests.integration.test_ad_write import Silo, succeeded
from tests.samba import Samba, started
from tests.wires import ADD, MODIFY, LdapWire


class MeddledLink:
    """A connection on which somebody else is quicker: ``meddle`` happens before the first write."""

    def __init__(self, link: Link, meddle: Callable[[], None]) -> None:
        self._link = link
        self._meddle: Callable[[], None] | None = meddle
        self.steps: Mapping[str, Sequence[Step]] = {}

    def _first(self) -> None:
        meddle, self._meddle = self._meddle, None
        if meddle is not None:
            meddle()

    def search(self, search: Search) -> Answer:
        return self._link.search(search)

    def add(self, dn: str, attributes: Raw, controls: Sequence[Control]) -> Result:
        self._first()
        return self._link.add(dn, attributes, controls)

    def modify(
        self, dn: str, changes: Mapping[str, Sequence[Step]], controls: Sequence[Control]
    ) -> Result:
        self._first()
        self.steps = changes
        return self._link.modify(dn, changes, controls)

    def move(self, dn: str, rdn: str, parent: str | None, controls: Sequence[Control]) -> Result:
        self._first()
        return self._link.move(dn, rdn, parent, controls)

    def delete(self, dn: str, controls: Sequence[Control]) -> Result:
        self._first()
        return self._link.delete(dn, controls)

    def close(self) -> None:
        self._link.close()


@contextmanager
def meddled(
    silo: Silo, meddle: Callable[[], None], kind: type[MeddledLink] = MeddledLink
) -> Iterator[tuple[AdSession, MeddledLink]]:
    settings = silo.connector.settings
    assert isinstance(settings.options, AdOptions)
    address = settings.options.address(settings.root, settings.timeout)
    (url,) = address.urls
    link = kind(open_link(url, address), meddle)
    session = AdSession(settings, settings.options, Wire(link, url), Schemas(), _nowhere_else)
    try:
        yield session, link
    finally:
        session.close()


def _nowhere_else(urls: tuple[str, ...]) -> Wire:
    raise AssertionError(f"nobody is to connect to {urls}")


def update(silo: Silo, meddle: Callable[[], None], before: str | None = "Clerk") -> Outcome:
    """Give ann another title while somebody else does something."""
    after = {"title": "Boss"}
    change = silo.change(Operation.UPDATE, silo.corner.guid("ann"), {"title": before}, after)
    with meddled(silo, meddle) as (session, _):
        return session.apply([change])[0]


@pytest.fixture
def silo(domain_controller: Samba) -> Silo:
    corner = Corner.new(domain_controller)
    corner.add_people("ann", "bob", title="Clerk")
    return Silo(corner)


def title(silo: Silo, dn: str) -> list[str]:
    return silo.server.values(dn, "title")


def test_a_value_that_changes_meanwhile_is_a_conflict(silo: Silo):
    outcome = update(silo, lambda: silo.corner.set("ann", "title", "Director"))
    assert isinstance(outcome, Conflict)
    assert outcome.object is not None
    assert outcome.object.attributes["title"] == "Director"
    assert title(silo, silo.corner.person("ann")) == ["Director"]


def test_a_value_that_comes_meanwhile_is_a_conflict(silo: Silo):
    silo.corner.change(silo.corner.person("ann"), "delete: title")
    outcome = update(silo, lambda: silo.corner.set("ann", "title", "Director"), before=None)
    assert isinstance(outcome, Conflict)
    assert title(silo, silo.corner.person("ann")) == ["Director"]


def test_who_takes_the_name_meanwhile_is_not_written_to(silo: Silo):
    def swap() -> None:
        silo.corner.move(silo.corner.person("ann"), "CN=ann", silo.corner.leavers)
        silo.corner.move(silo.corner.person("bob"), "CN=ann", silo.corner.people)

    assert succeeded(update(silo, swap))["dn"] == f"CN=ann,{silo.corner.leavers}"
    assert title(silo, silo.corner.person("ann")) == ["Clerk"]
    assert title(silo, f"CN=ann,{silo.corner.leavers}") == ["Boss"]


def test_who_is_made_anew_meanwhile_is_neither_written_to_nor_deleted(silo: Silo):
    def replace() -> None:
        silo.corner.delete(silo.corner.person("ann"))
        silo.corner.add_people("ann", title="Clerk")

    anchor = silo.corner.guid("ann")
    outcome = update(silo, replace)
    assert isinstance(outcome, Conflict)
    assert outcome.object is None
    assert title(silo, silo.corner.person("ann")) == ["Clerk"]
    change = silo.change(Operation.DELETE, silo.corner.guid("ann"), {"title": "Clerk"}, None)
    with meddled(silo, replace) as (session, _):
        assert session.apply([change]) == [Succeeded(None)]
    assert silo.corner.guid("ann") != anchor


def test_what_moves_meanwhile_is_not_moved(silo: Silo):
    def move() -> None:
        silo.corner.move(silo.corner.person("ann"), "CN=ann", silo.corner.base)

    before, after = {"dn": silo.corner.person("ann")}, {"dn": f"CN=ann,{silo.corner.leavers}"}
    change = silo.change(Operation.MOVE, silo.corner.guid("ann"), before, after)
    with meddled(silo, move) as (session, _):
        assert isinstance(session.apply([change])[0], Conflict)
    assert silo.server.guid(f"CN=ann,{silo.corner.base}")


def swap(silo: Silo) -> None:
    """Let ann go elsewhere and bob take her name."""
    silo.corner.move(silo.corner.person("ann"), "CN=ann", silo.corner.base)
    silo.corner.move(silo.corner.person("bob"), "CN=ann", silo.corner.people)


def test_who_takes_the_name_meanwhile_is_moved_back(silo: Silo):
    ann, bob = silo.corner.guid("ann"), silo.corner.guid("bob")
    before, after = {"dn": silo.corner.person("ann")}, {"dn": f"CN=ann,{silo.corner.leavers}"}
    change = silo.change(Operation.MOVE, ann, before, after)
    with meddled(silo, lambda: swap(silo)) as (session, _):
        (outcome,) = session.apply([change])
    assert isinstance(outcome, Conflict)
    assert outcome.why.endswith(f"another object ({bob}), which was moved back again")
    assert silo.server.guid(f"CN=ann,{silo.corner.base}") == ann
    assert silo.corner.guid("ann") == bob


class OnceMovingLink(MeddledLink):
    """A connection over which one thing is moved and no other."""

    moves = 0

    def move(self, dn: str, rdn: str, parent: str | None, controls: Sequence[Control]) -> Result:
        self.moves += 1
        return super().move(dn, rdn, parent, controls) if self.moves == 1 else self.moved_back()

    def moved_back(self) -> Result:
        return Result(Code.INSUFFICIENT_ACCESS.value)


class BreakingLink(OnceMovingLink):
    """A connection that breaks when somebody is to be moved back."""

    def moved_back(self) -> Result:
        raise Lost("connection reset")


def renamed_meanwhile(silo: Silo, dn: str, link: type[MeddledLink]) -> Outcome:
    """Rename ann, while somebody gives her name to bob; return what became of it."""
    change = silo.change(Operation.RENAME, silo.corner.guid("ann"), None, {"dn": dn})
    with meddled(silo, lambda: swap(silo), link) as (session, _):
        (outcome,) = session.apply([change])
    return outcome


def test_who_took_the_name_and_cannot_be_moved_back_is_named(silo: Silo):
    bob, dn = silo.corner.guid("bob"), silo.corner.person("Ann Lee")
    outcome = renamed_meanwhile(silo, dn, OnceMovingLink)
    assert isinstance(outcome, Conflict)
    assert f"({bob}), which was moved to {dn} and could not be moved back" in outcome.why
    assert outcome.why.endswith("move it back by hand")


def test_who_may_not_be_back_because_the_connection_broke_is_named(silo: Silo):
    bob, dn = silo.corner.guid("bob"), silo.corner.person("Ann Lee")
    outcome = renamed_meanwhile(silo, dn, BreakingLink)
    assert isinstance(outcome, Unknown)
    assert f"({bob}), which was moved to {dn} and may still be there" in outcome.reason
    assert "connection reset" in outcome.reason


def test_who_is_made_by_others_meanwhile_is_not_taken_for_ours(silo: Silo):
    after = {"dn": silo.corner.person("eve"), "title": "Boss"}
    change = silo.change(Operation.CREATE, None, None, after)
    with meddled(silo, lambda: silo.corner.add_people("eve")) as (session, _):
        (outcome,) = session.apply([change])
    assert isinstance(outcome, Conflict)
    assert "is there already" in outcome.why
    assert title(silo, silo.corner.person("eve")) == []


def test_the_enabled_state_is_written_only_over_what_was_read(silo: Silo):
    # Samba takes this for a replacement, whatever was read; Windows compares
    anchor = silo.corner.guid("ann")
    change = silo.change(Operation.DISABLE, anchor, {}, {"accountEnabled": False})
    with meddled(silo, lambda: None) as (session, link):
        succeeded(session.apply([change])[0])
    assert link.steps == {"userAccountControl": [("delete", [b"512"]), ("add", [b"514"])]}


@pytest.mark.parametrize("tag", [MODIFY, ADD])
def test_a_connection_that_breaks_during_a_write_leaves_it_unknown(silo: Silo, tag: int):
    changes = [
        silo.change(
            Operation.UPDATE, silo.corner.guid("ann"), {"title": "Clerk"}, {"title": "Boss"}
        ),
        silo.change(Operation.CREATE, None, None, {"dn": silo.corner.person("eve")}),
    ]
    wanted = changes if tag == MODIFY else changes[::-1]
    with LdapWire(389, silo.server.address) as proxy:
        proxy.seen = lambda seen: proxy.interrupt() if seen == tag else None
        through = Silo(silo.corner, url=proxy.url, tls={})
        assert [type(each) for each in through.apply(*wanted)] == [Unknown, RetryAfter]
    assert [type(each) for each in silo.apply(*wanted)] == [Succeeded, Succeeded]
    assert title(silo, silo.corner.person("ann")) == ["Boss"]


def test_a_server_that_is_killed_during_a_write_leaves_it_unknown(
    tmp_path: Path, provisioned: Path
):
    with started(tmp_path / "dc", provisioned) as server:
        corner = Corner.new(server)
        corner.add_people("ann", title="Clerk")
        silo = Silo(corner)
        anchor = corner.guid("ann")
        change = silo.change(Operation.UPDATE, anchor, {"title": "Clerk"}, {"title": "Boss"})
        with meddled(silo, server.kill) as (session, _):
            outcomes = session.apply([change, change])
        assert [type(each) for each in outcomes] == [Unknown, RetryAfter]
        server.start()
        assert title(silo, corner.person("ann")) == ["Clerk"]
        assert [type(each) for each in silo.apply(change, change)] == [Succeeded, Succeeded]
        assert title(silo, corner.person("ann")) == ["Boss"]


def test_nothing_is_in_doubt_when_the_server_goes_before_its_schema_is_read(silo: Silo):
    change = silo.change(Operation.DELETE, silo.corner.guid("ann"), {}, None)
    with LdapWire(389, silo.server.address) as proxy:
        through = Silo(silo.corner, url=proxy.url, tls={})
        with through.connector.open() as session:
            proxy.cut()
            outcomes = session.apply([change, change])
    assert [type(each) for each in outcomes] == [RetryAfter, RetryAfter]


class ReadOnlyLink(MeddledLink):
    """A connection to a read-only domain controller."""

    def modify(
        self,
        dn: str,
        changes: Mapping[str, Sequence[Step]],
        controls: Sequence[Control],
    ) -> Result:
        said = "0000202B: RefErr: DSID-03100838, data 0, 1 access points"
        return Result(Code.REFERRAL.value, said, ("ldap://dc1.hs.test",))


def test_a_controller_that_may_only_be_read_names_another_one_and_is_asked_again_later(silo: Silo):
    change = silo.change(Operation.UPDATE, silo.corner.guid("ann"), {}, {"title": "Boss"})
    with meddled(silo, lambda: None, ReadOnlyLink) as (session, _):
        (outcome,) = session.apply([change])
    assert isinstance(outcome, RetryAfter)
    assert "it names ldap://dc1.hs.test" in outcome.reason


@pytest.mark.parametrize(
    ("operation", "who"), [(Operation.REMOVE_MEMBER, "ann"), (Operation.ADD_MEMBER, "bob")]
)
def test_a_controller_may_not_know_yet_what_was_done_to_a_group_elsewhere(
    silo: Silo, operation: Operation, who: str
):
    corner = silo.corner
    corner.add_group("staff", ["bob"])
    staff = corner.server.guid(corner.group("staff"))
    member = {"member": corner.person(who)}
    sides = (None, member) if operation is Operation.ADD_MEMBER else (member, None)
    change = silo.change(operation, staff, *sides, kind="group")
    assert [type(each) for each in silo.apply(change)] == [Succeeded]
    fresh = replace(change, fresh_for=timedelta(minutes=7))
    (outcome,) = silo.apply(fresh)
    assert isinstance(outcome, RetryAfter)
    assert outcome.span == timedelta(minutes=7)


class BusyLink(MeddledLink):
    """A connection over which nobody may look for accounts by their primary group."""

    def search(self, search: Search) -> Answer:
        answer = super().search(search)
        if "(primaryGroupID=" in search.filter:
            return replace(answer, result=replace(answer.result, code=Code.ADMIN_LIMIT.value))
        return answer


def test_members_that_cannot_be_read_back_leave_the_rest_of_the_batch_as_it_is(silo: Silo):
    corner = silo.corner
    corner.add_group("staff")
    types = {**corner.types, "group": {**corner.types["group"], "primary_members": "true"}}
    tls = {"ca_file": str(corner.server.certificate)}
    silo.connector = connect(corner.server, types, url=corner.server.tls_url, tls=tls, write=True)
    bob = {"member": corner.person("bob")}
    staff = corner.server.guid(corner.group("staff"))
    changes = [
        silo.change(Operation.ADD_MEMBER, staff, None, bob, kind="group"),
        silo.change(Operation.UPDATE, corner.guid("ann"), {"title": "Clerk"}, {"title": "Boss"}),
    ]
    with meddled(silo, lambda: None, BusyLink) as (session, _):
        outcomes = session.apply(changes)
    assert [type(each) for each in outcomes] == [Unknown, Succeeded]
    assert [type(each) for each in silo.apply(*changes)] == [Succeeded, Succeeded]
