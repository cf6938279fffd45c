"""Servers that send who writes to another one: nobody follows with our password."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hypersync.model.objects import Attributes, Change, Operation, Refused, RetryAfter
from tests.integration.test_ldap import STAFF, connect
from tests.slapd import LEAVERS, PEOPLE, Slapd, running

MASTER = "ldap://master.example.org"
COPY = f"""
syncrepl rid=001 provider=ldap://127.0.0.1:1 type=refreshOnly interval=01:00:00:00 retry="3600 +"
  searchbase="dc=example,dc=org" bindmethod=simple
updateref {MASTER}
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A server that may only be read."""
    with running(tmp_path_factory.mktemp("copy") / "slapd", STAFF, extra=COPY) as server:
        yield server


@pytest.mark.parametrize("wire", ["ldap3", "c"])
@pytest.mark.parametrize(
    ("operation", "after"),
    [
        (Operation.CREATE, {"dn": f"cn=new,{PEOPLE}", "sn": "New"}),
        (Operation.UPDATE, {"title": "Boss"}),
        (Operation.MOVE, {"dn": f"cn=ann,{LEAVERS}"}),
        (Operation.DELETE, None),
    ],
)
def test_a_copy_that_refers_to_the_master_is_asked_again_later_and_the_master_is_named(
    copy: Slapd, wire: str, operation: Operation, after: Attributes | None
):
    silo = connect(copy.url, wire=wire, write=True)
    (stream,) = [each for each in silo.streams() if each[0].name == "user"]
    anchor = None if operation is Operation.CREATE else copy.uuid(f"cn=ann,{PEOPLE}")
    change = Change(
        key="key", operation=operation, type=stream[0], anchor=anchor, before=None, after=after
    )
    with silo.open() as session:
        (outcome,) = session.apply([change])
    assert isinstance(outcome, RetryAfter)
    assert outcome.reason.startswith("nothing was written: the server refers to another one")
    assert f"it names {MASTER}" in outcome.reason
    assert "write it in 'url'" in outcome.reason


@pytest.mark.parametrize("wire", ["ldap3", "c"])
@pytest.mark.parametrize("top", ["", f"referral {MASTER}"])
@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.MOVE])
def test_a_place_that_no_server_of_the_silo_has_is_refused_at_once(
    tmp_path: Path, wire: str, top: str, operation: Operation
):
    with running(tmp_path / "slapd", STAFF, top=top) as server:
        silo = connect(server.url, wire=wire, write=True)
        (stream,) = [each for each in silo.streams() if each[0].name == "user"]
        anchor = None if operation is Operation.CREATE else server.uuid(f"cn=ann,{PEOPLE}")
        after: Attributes = {"dn": "cn=ann,ou=people,dc=exmaple,dc=org"}
        after = {**after, "sn": "New"} if anchor is None else after
        change = Change(
            key="key", operation=operation, type=stream[0], anchor=anchor, before=None, after=after
        )
        with silo.open() as session:
            (outcome,) = session.apply([change])
    assert isinstance(outcome, Refused)
    assert "'url'" not in outcome.reason
    place = after["dn"] if anchor is None else "ou=people,dc=exmaple,dc=org"
    nowhere = f"{place} is in no part of the tree that this server has"
    assert nowhere in outcome.reason or outcome.reason.startswith("there is no entry ou=people,dc=")
