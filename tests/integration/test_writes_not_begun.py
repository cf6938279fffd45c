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
from tests.integration.test_circuit_servers import LDAP, Project, slapd, titles_of
from tests.slapd import PASSWORD, PEOPLE, SERVICE, Slapd, person, running

__all__ = ["slapd"]

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


def test_a_directory_that_refuses_what_is_read_before_a_write_is_paused_like_one_out_of_reach(
    tmp_path: Path, slapd: Slapd
):
    target = LDAP.format(url=slapd.url, password=PASSWORD)
    project = Project(tmp_path / "project", target, "employeeNumber")
    project.sync()
    project.retitle("new")
    configuration = slapd.folder / "slapd.conf"
    usual = configuration.read_text()
    slapd.stop()
    configuration.write_text(usual.replace("\ndatabase ", f"\n{CLOSED}database ", 1))
    slapd.start()
    run = project.sync()
    project.sync()
    assert project.paused == ""  # nobody was refused to sign in, so trying again locks no account
    project.sync()
    assert "failed" in project.paused
    assert project.attempts(run) == {("queued", 0)}
    slapd.stop()
    configuration.write_text(usual)
    slapd.start()
    project.later(minutes=15)
    project.sync()
    assert titles_of(slapd) == {"new"}
    assert (project.paused, project.incidents) == ("", [])
    project.close()
