from pathlib import Path

import pytest
from pydantic import ValidationError

from hypersync.config.models import EnabledConfig, SiloConfig, TypeConfig
from hypersync.connectors import registry
from hypersync.connectors.csv_file.connector import CsvConnector
from hypersync.connectors.memory import MemoryConnector
from hypersync.errors import UsageError
from hypersync.model.objects import EnabledSpec


def test_unknown_name_lists_what_exists_and_what_was_meant():
    with pytest.raises(UsageError) as caught:
        registry.lookup("cvs")
    assert caught.value.message == (
        "there is no connector 'cvs'; did you mean 'csv'? there are csv, internal, ldap, memory"
    )


def test_every_connector_that_comes_along_is_found():
    for name in registry.names():
        assert registry.lookup(name).options is not None


def test_a_second_registration_raises():
    registry.lookup("csv")
    with pytest.raises(ValueError, match="the connector 'csv' is registered already"):
        registry.connector("csv")(CsvConnector)


def test_build_makes_types_with_what_rules_need(tmp_path: Path):
    config = SiloConfig(
        connector="csv",
        types={
            "user": TypeConfig(
                anchor="uid",
                attributes=("mail",),
                enabled=EnabledConfig(attribute="active", when_on="true", when_off="false"),
                options={"path": "users.csv"},
            ),
            "group": TypeConfig(anchor="cn", options={"path": "g.csv", "members": "member"}),
        },
    )
    built = registry.build("apps", config, root=tmp_path, needed={"user": {"title"}})
    (user,), (group,) = built.streams()
    assert user.attributes == {"mail", "title", "active"}
    assert user.enabled == EnabledSpec("active", "true", "false")
    assert (group.members, group.attributes) == ("member", frozenset())
    assert {user.silo, group.silo} == {"apps"}


def test_wrong_options_of_a_silo_are_refused(tmp_path: Path):
    config = SiloConfig(connector="csv", types={"user": TypeConfig(options={"pth": "x"})})
    with pytest.raises(ValidationError, match="pth"):
        registry.build("apps", config, root=tmp_path)


def test_third_party_connectors_come_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    dist = tmp_path / "other-1.0.dist-info"
    dist.mkdir()
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (dist / "entry_points.txt").write_text(
        "[hypersync.connectors]\nother = hypersync.connectors.memory:MemoryConnector\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_registered", {})
    assert "other" in registry.names()
    assert registry.lookup("other") is MemoryConnector
