"""Certificates, which a server transfers as ``;binary`` whatever it was asked for."""

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from hypersync.connectors.ldap.connector import LdapConnector
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    Operation,
    Outcome,
    Seen,
    Succeeded,
)
from tests.certificates import Authority
from tests.integration.test_ldap import TYPES, connect, scan
from tests.slapd import PEOPLE, Slapd, person, running

EITHER = pytest.mark.parametrize(
    "name", ["userCertificate", "usercertificate", "userCertificate;binary", "2.5.4.36"]
)
OLD, NEW, OTHER = "old", "new", "other"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    authority = Authority(tmp_path_factory.mktemp("certificates") / "ca")
    files = {each: authority.issue(each).file for each in (OLD, NEW, OTHER)}
    return {each: ssl.PEM_cert_to_DER_cert(file.read_text()) for each, file in files.items()}


@pytest.fixture
def server(tmp_path: Path, certificates: dict[str, bytes]) -> Iterator[Slapd]:
    ann = person("ann").rstrip("\n")
    value = base64.b64encode(certificates[OLD]).decode()
    ldif = f"{ann}\nuserCertificate;binary:: {value}\n\n" + person("bob")
    with running(tmp_path / "slapd", ldif) as started:
        yield started


def asking(server: Slapd, name: str) -> LdapConnector:
    user = {**TYPES["user"], "attributes": ["cn", "sn", name]}
    return connect(server.url, types={"user": user})


def people(connector: LdapConnector) -> dict[object, Seen]:
    found = [each for each in scan(connector) if isinstance(each, Seen)]
    return {each.attributes["cn"]: each for each in found}


def apply(
    connector: LdapConnector,
    who: str,
    before: Attributes | None,
    after: Attributes | None,
    operation: Operation = Operation.UPDATE,
) -> Outcome:
    known = people(connector).get(who)
    change = Change(
        key="1",
        operation=operation,
        type=connector.streams()[0][0],
        anchor=known.anchor if known else None,
        before=before,
        after=after,
    )
    with connector.open() as session:
        return session.apply([change])[0]


@EITHER
def test_a_certificate_is_reported_by_the_name_it_is_asked_for(
    server: Slapd, certificates: dict[str, bytes], name: str
):
    found = people(asking(server, name))
    assert found["ann"].attributes[name] == (certificates[OLD],)
    assert name not in found["bob"].attributes


@EITHER
@pytest.mark.parametrize(
    ("who", "before", "after"), [("ann", OLD, NEW), ("ann", OLD, None), ("bob", None, NEW)]
)
def test_a_certificate_is_written(
    server: Slapd,
    certificates: dict[str, bytes],
    name: str,
    who: str,
    before: str | None,
    after: str | None,
):
    connector = asking(server, name)
    sides = [None if each is None else (certificates[each],) for each in (before, after)]
    outcome = apply(connector, who, {name: sides[0]}, {name: sides[1]})
    assert isinstance(outcome, Succeeded)
    assert people(connector)[who].attributes.get(name) == sides[1]


@EITHER
@pytest.mark.parametrize("before", [OTHER, None])
def test_a_certificate_that_is_another_is_not_written_over(
    server: Slapd, certificates: dict[str, bytes], name: str, before: str | None
):
    connector = asking(server, name)
    held = None if before is None else (certificates[before],)
    outcome = apply(connector, "ann", {name: held}, {name: (certificates[NEW],)})
    assert isinstance(outcome, Conflict)
    assert people(connector)["ann"].attributes[name] == (certificates[OLD],)


@EITHER
def test_somebody_with_a_certificate_is_made_and_deleted(
    server: Slapd, certificates: dict[str, bytes], name: str
):
    connector = asking(server, name)
    eve = {"dn": f"cn=eve,{PEOPLE}", "cn": "eve", "sn": "eve", name: (certificates[NEW],)}
    assert isinstance(apply(connector, "eve", None, eve, Operation.CREATE), Succeeded)
    made = people(connector)["eve"].attributes
    assert made[name] == (certificates[NEW],)
    other = {**made, name: (certificates[OTHER],)}
    assert isinstance(apply(connector, "eve", other, None, Operation.DELETE), Conflict)
    assert isinstance(apply(connector, "eve", made, None, Operation.DELETE), Succeeded)
    assert "eve" not in people(connector)
