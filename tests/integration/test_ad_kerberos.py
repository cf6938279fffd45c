"""Signing in to a domain controller by Kerberos: tickets of its own key distribution centre."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.errors import SiloRefused
from tests.ad_silos import connect, scan, seen
from tests.processes import listens, until
from tests.samba import DOMAIN, PEOPLE, SERVICE, Samba, person
from tests.samba_domain import option, run

USERS = {"user": {"base": PEOPLE, "attributes": ["sAMAccountName"]}}
CLIENT = """\
[libdefaults]
default_realm = HS.TEST
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
[realms]
HS.TEST = {{
  kdc = {address}:88
}}
"""

both_wires = pytest.mark.parametrize("wire", ["ldap3", "c"])


@pytest.fixture(scope="module", autouse=True)
def package() -> None:
    """Bring ``gssapi`` in: Debian's unless the extra is installed, which compiles for a minute."""
    sys.path.append("/usr/lib/python3/dist-packages")
    try:
        import gssapi  # noqa: F401
    finally:
        sys.path.pop()


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory, provisioned: Path) -> Iterator[Samba]:
    """A domain controller that gives tickets, for a service that is called as its address."""
    server = Samba(tmp_path_factory.mktemp("samba") / "dc1", provisioned)
    try:
        settings = server.folder / "etc" / "smb.conf"
        text = settings.read_text()
        settings.write_text(text.replace("server services = ldap", "server services = ldap kdc"))
        service = f"servicePrincipalName: ldap/{server.address}\n"
        computer = f"dn: CN=DC1,OU=Domain Controllers,{DOMAIN}\nchangetype: modify\n"
        server.local(f"{computer}add: servicePrincipalName\n{service}")
        server.local(person("ann"))
        keys = str(server.folder / "client.keytab")
        principal = f"--principal={SERVICE.partition('@')[0]}@HS.TEST"
        run(["samba-tool", "domain", "exportkeytab", keys, principal, *option(server.folder)])
        (server.folder / "krb5.conf").write_text(CLIENT.format(address=server.address))
        server.start()
        assert server._process is not None
        until(lambda: listens((server.address, 88)), server._process, said=server.log.read_text)
        yield server
    finally:
        server.release()


@pytest.fixture
def keytab(centre: Samba, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The keys of the service account, as the environment names them."""
    found = centre.folder / "client.keytab"
    monkeypatch.setenv("KRB5_CONFIG", str(centre.folder / "krb5.conf"))
    monkeypatch.setenv("KRB5_CLIENT_KTNAME", f"FILE:{found}")
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/tickets")
    return found


def silo(server: Samba, wire: str) -> AdConnector:
    tls = {"ca_file": str(server.certificate)}
    return connect(server, USERS, wire=wire, bind={"kerberos": True}, url=server.tls_url, tls=tls)


@both_wires
@pytest.mark.usefixtures("keytab")
def test_the_ticket_says_who_signs_in(centre: Samba, wire: str):
    connector = silo(centre, wire)
    names = {values["sAMAccountName"] for values in seen(scan(connector)).values()}
    assert "ann" in names
    with connector.open() as session:
        assert list(session.check()) == []


@both_wires
@pytest.mark.usefixtures("keytab")
def test_without_a_ticket_it_says_how_to_get_one(
    centre: Samba, wire: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KRB5_CLIENT_KTNAME", "FILE:/nowhere/keytab")
    with pytest.raises(SiloRefused, match="run kinit"), silo(centre, wire).open():
        pass
