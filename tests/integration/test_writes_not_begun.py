"""A directory that does not tell what writing needs: nothing was written, nothing is in doubt."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.ldap.connector import LdapConnector
from hypersync.connectors.ldap.options import LdapOptions
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.errors import NothingWritten
from hypersync.model.objects import Change, Operation
from tests.slapd import PASSWORD, PEOPLE, SERVICE, person, running

CLOSED = "restrict search\n"
KINDS = {"ad": (AdConnector, AdOptions), "ldap": (LdapConnector, LdapOptions)}


@pytest.mark.parametrize(("kind", "top"), [("ad", ""), ("ldap", CLOSED)], ids=["ad", "ldap"])
def test_a_directory_that_refuses_what_is_read_before_a_write_leaves_nothing_in_doubt(
    tmp_path: Path, kind: str, top: str
):
    connector_class, options_class = KINDS[kind]
    with running(tmp_path / "slapd", person("ann", title="Clerk"), top=top) as server:
        options = options_class.model_validate(
            {
                "url": server.url,
                "bind": {"user": SERVICE, "password": PASSWORD},
                "types": {"user": {"base": PEOPLE, "filter": "(objectClass=inetOrgPerson)"}},
            }
        )
        settings = SiloSettings(
            silo=kind,
            options=options,
            types=object_types(kind, options, {}),
            write=True,
            timeout=timedelta(seconds=20),
        )
        connector = connector_class(settings)
        ((user,),) = connector.streams()
        change = Change(
            key="1", operation=Operation.DELETE, type=user, anchor="x", before={}, after=None
        )
        with connector.open() as session, pytest.raises(NothingWritten):
            session.apply([change, change])
