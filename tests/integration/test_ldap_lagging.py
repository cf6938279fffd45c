"""Writes to a directory server that does not know yet what another one was told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.connectors.ldap.connector import LdapConnector
from hypersync.model.objects import Change, ObjectType, Operation, Outcome, RetryAfter, Succeeded
from tests.integration.test_ldap import connect
from tests.slapd import GROUPS, PEOPLE, Slapd, running

LAG = timedelta(minutes=7)
STAFF = f"""\
dn: cn=ann,{PEOPLE}
objectClass: inetOrgPerson
cn: ann
sn: Ann
title: Clerk

dn: cn=bob,{PEOPLE}
objectClass: inetOrgPerson
cn: bob
sn: Bob

dn: cn=staff,{GROUPS}
objectClass: groupOfNames
cn: staff
member: cn=bob,{PEOPLE}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    with running(tmp_path / "slapd", STAFF) as started:
        yield started


@pytest.fixture
def silo(server: Slapd) -> LdapConnector:
    return connect(server.url, write=True)


def kind(silo: LdapConnector, name: str) -> ObjectType:
    return next(each for each in silo.settings.types if each.name == name)


def apply(silo: LdapConnector, change: Change) -> Outcome:
    with silo.open() as session:
        (outcome,) = session.apply([change])
    return outcome


@pytest.mark.parametrize("fresh_for", [LAG, timedelta(0)])
def test_who_a_server_does_not_know_yet_is_not_deleted_there(silo: LdapConnector, fresh_for):
    nobody = "00000000-0000-0000-0000-000000000001"
    change = Change(
        key="key",
        operation=Operation.DELETE,
        type=kind(silo, "user"),
        anchor=nobody,
        before={"title": "Clerk"},
        after=None,
        fresh_for=fresh_for,
    )
    expected = RetryAfter(fresh_for) if fresh_for else Succeeded(None)
    outcome = apply(silo, change)
    assert type(outcome) is type(expected)
    assert not isinstance(outcome, RetryAfter) or outcome.span == fresh_for


@pytest.mark.parametrize(
    ("operation", "who"), [(Operation.REMOVE_MEMBER, "ann"), (Operation.ADD_MEMBER, "bob")]
)
@pytest.mark.parametrize("fresh_for", [LAG, timedelta(0)])
def test_a_membership_that_a_server_does_not_know_yet_is_not_taken_for_done(
    silo: LdapConnector, server: Slapd, operation: Operation, who: str, fresh_for
):
    member = {"member": f"cn={who},{PEOPLE}"}
    is_added = operation is Operation.ADD_MEMBER
    change = Change(
        key="key",
        operation=operation,
        type=kind(silo, "group"),
        anchor=server.uuid(f"cn=staff,{GROUPS}"),
        before=None if is_added else member,
        after=member if is_added else None,
        fresh_for=fresh_for,
    )
    assert isinstance(apply(silo, change), RetryAfter if fresh_for else Succeeded)


def test_what_is_there_is_deleted_however_lately_it_changed(silo: LdapConnector, server: Slapd):
    change = Change(
        key="key",
        operation=Operation.DELETE,
        type=kind(silo, "user"),
        anchor=server.uuid(f"cn=ann,{PEOPLE}"),
        before={"title": "Clerk"},
        after=None,
        fresh_for=LAG,
    )
    assert apply(silo, change) == Succeeded(None)
