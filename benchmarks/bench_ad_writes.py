"""Writing Active Directory: W1 accounts made through the connector, against the bare requests.

Samba is the domain controller (as in the tests, so this takes root and its packages). Both sides
make the same accounts with passwords over one LDAPS connection: look whether the name is free, add
the account, read it back. The floor of W1 does so with ldap3 alone, so the ratio says what the
connector adds. W2 sets the processor time of the connector against that of the server meanwhile:
the limit is where most of it is spent.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path
from time import perf_counter, process_time

from hypersync.connectors.ad.connector import AdConnector
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.directory.client import ldap3
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.model.objects import Change, Operation, Succeeded
from tests.samba import LEAVERS, PASSWORD, PEOPLE, SERVICE, Samba, provision, started

SIZE = int(os.environ.get("HYPERSYNC_BENCH_ACCOUNTS", "1000"))
ATTRIBUTES = ("givenName", "sn", "title", "department", "mail", "employeeID")
READ = ["sAMAccountName", "userAccountControl", "objectGUID", *ATTRIBUTES]
ROUNDS = 4
"""Both sides take turns, so that a machine that becomes slow is slow for both."""


def run() -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        domain = provision(Path(folder) / "domain")
        with started(Path(folder) / "dc", domain) as server:
            connector = connect(server)
            figure = floor = ours = servers = 0.0
            part = SIZE // ROUNDS
            for turn in range(ROUNDS):
                numbers = range(turn * part, (turn + 1) * part)
                used = process_time(), processor_time(server)
                figure += by_connector(connector, numbers)
                ours += process_time() - used[0]
                servers += processor_time(server) - used[1]
                floor += bare(server, numbers)
    return [
        {
            "case": f"W1 make {part * ROUNDS:,} accounts in Active Directory",
            "figure": figure,
            "floor": floor,
            "ratio": figure / floor,
            "target": 1.3,
            "unit": "s",
        },
        {
            "case": "W2 the same, processor time of the connector against the server's",
            "figure": ours,
            "floor": servers,
            "ratio": ours / servers,
            "target": 0.25,
            "unit": "s",
        },
    ]


def processor_time(server: Samba) -> float:
    number = (server.folder / "run" / "samba.pid").read_text().strip()
    return int(Path(f"/proc/{number}/schedstat").read_text().split()[0]) / 1e9


def values(number: int, who: str) -> dict[str, str]:
    account = f"{who}{number:06}"
    return {
        "sAMAccountName": account,
        **{name: f"{name} {account}" for name in ATTRIBUTES if name != "employeeID"},
        "employeeID": f"E{number:06}",
    }


def connect(server: Samba) -> AdConnector:
    types = {"user": {"base": PEOPLE, "attributes": ["sAMAccountName", *ATTRIBUTES]}}
    bind = {"user": SERVICE, "password": PASSWORD}
    tls = {"ca_file": str(server.certificate)}
    options = AdOptions.model_validate(
        {"url": server.tls_url, "bind": bind, "tls": tls, "types": types}
    )
    settings = SiloSettings(
        silo="ad",
        options=options,
        types=object_types("ad", options, {}),
        write=True,
        timeout=timedelta(seconds=60),
    )
    return AdConnector(settings)


def by_connector(connector: AdConnector, numbers: range) -> float:
    ((kind,),) = connector.streams()
    changes = [
        Change(
            key=str(number),
            operation=Operation.CREATE,
            type=kind,
            anchor=None,
            before=None,
            after={
                "dn": f"CN=c{number:06},{PEOPLE}",
                "unicodePwd": PASSWORD,
                **values(number, "c"),
            },
        )
        for number in numbers
    ]
    with connector.open() as session:
        session.schema()
        begun = perf_counter()
        outcomes = session.apply(changes)
        taken = perf_counter() - begun
    assert all(isinstance(each, Succeeded) for each in outcomes), outcomes[0]
    return taken


def bare(server: Samba, numbers: range) -> float:
    tls = ldap3.Tls(ca_certs_file=str(server.certificate), validate=0)
    address = ldap3.Server(server.address, port=636, use_ssl=True, tls=tls, get_info=ldap3.NONE)
    connection = ldap3.Connection(address, SERVICE, PASSWORD, check_names=False)
    assert connection.bind()
    begun = perf_counter()
    for number in numbers:
        dn = f"CN=b{number:06},{LEAVERS}"
        connection.search(dn, "(objectClass=*)", search_scope=ldap3.BASE, attributes=READ)
        assert not connection.entries
        attributes = {
            **values(number, "b"),
            "userAccountControl": "512",
            "unicodePwd": f'"{PASSWORD}"'.encode("utf-16-le"),
        }
        assert connection.add(dn, "user", attributes), connection.result
        connection.search(dn, "(objectClass=*)", search_scope=ldap3.BASE, attributes=READ)
        assert len(connection.response) == 1
    taken = perf_counter() - begun
    connection.unbind()
    return taken
