"""`check` finds rules that write what nobody may write, in silos of every kind, before any run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hypersync.check import check
from tests.projects import write_project
from tests.samba import PASSWORD, SERVICE, USERS
from tests.sql import Sql

if TYPE_CHECKING:
    from tests.samba import Samba
    from tests.services.graph.service import GraphService

JOINS = [{"slot": "silo", "silo": "silo", "type": "user", "join": "none"}]
CHECKED = {"HYPERSYNC_SECRET_KEY": "x" * 32}


def mistakes(folder: Path, silo: dict[str, Any], attribute: str) -> list[str]:
    """Return what is wrong with a project whose only rule writes one attribute of one silo."""
    main = {
        "secret_keys": ["${HYPERSYNC_SECRET_KEY}"],
        "silos": {"silo": {**silo, "write": True}},
        "joins": JOINS,
    }
    rule = {"id": "flow", "kind": "update", "target": "silo", "set": {attribute: "'x'"}}
    rules = {"ruleset": "users", "rules": [rule]}
    path = write_project(folder, json.dumps(main, indent=1), rules=json.dumps(rules, indent=1))
    found = check(path, None, offline=False, process_environment=CHECKED)[1]
    return [str(each) for each in found if "in clear" not in each.message]


def domain(server: Samba) -> dict[str, Any]:
    return {
        "connector": "ad",
        "url": server.tls_url,
        "tls": {"ca_file": str(server.certificate)},
        "bind": {"user": SERVICE, "password": PASSWORD},
        "types": {"user": {"base": USERS}},
    }


@pytest.mark.parametrize("attribute", ["memberOf", "whenCreated", "objectGUID"])
def test_a_rule_that_writes_what_nobody_may_write_in_active_directory_is_found(
    tmp_path: Path, domain_controller: Samba, attribute: str
):
    silo = domain(domain_controller)
    assert mistakes(tmp_path / "good", silo, "title") == []
    (found,) = mistakes(tmp_path / "bad", silo, attribute)
    assert f"the rule 'flow' writes {attribute!r}, which is read-only in 'silo'" in found


@pytest.mark.parametrize("attribute", ["createdDateTime", "onPremisesSyncEnabled", "id"])
def test_a_rule_that_writes_what_nobody_may_write_in_graph_is_found(
    tmp_path: Path, graph: GraphService, attribute: str
):
    graph.tenant.sign_in.required = False
    silo = {
        "connector": "msgraph",
        "url": graph.url,
        "types": {"user": {"resource": "users"}},
    }
    assert mistakes(tmp_path / "good", silo, "jobTitle") == []
    (found,) = mistakes(tmp_path / "bad", silo, attribute)
    assert f"the rule 'flow' writes {attribute!r}, which is read-only in 'silo'" in found


def test_a_rule_that_writes_a_generated_column_is_found(tmp_path: Path, database: Sql):
    database.run(
        "CREATE TABLE people (uid VARCHAR(9) PRIMARY KEY, title VARCHAR(9),"
        " shout VARCHAR(9) GENERATED ALWAYS AS (upper(title)) STORED)"
    )
    silo = {
        "connector": "sql",
        "url": database.url.replace("+psycopg", ""),
        "types": {"user": {"table": "people", "anchor": "uid"}},
    }
    assert mistakes(tmp_path / "good", silo, "title") == []
    (found,) = mistakes(tmp_path / "bad", silo, "shout")
    assert "the rule 'flow' writes 'shout', which is read-only in 'silo'" in found
