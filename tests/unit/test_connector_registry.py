import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hypersync.config.models import EnabledConfig, SiloConfig, TypeConfig
from hypersync.connectors import registry
from hypersync.connectors.csv_file.connector import CsvConnector
from hypersync.connectors.memory import MemoryConnector
from hypersync.errors import ConfigurationError, UsageError
from hypersync.model.objects import EnabledSpec


def test_unknown_name_lists_what_exists_and_what_was_meant():
    with pytest.raises(UsageError) as caught:
        registry.lookup("cvs")
    assert caught.value.message == (
        f"there is no connector 'cvs'; did you mean 'csv'? there are {', '.join(registry.names())}"
    )
    assert {"csv", "internal", "ldap", "memory"} <= set(registry.names())


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
    with pytest.raises(ConfigurationError, match=r"silos.apps.types.user.pth: Extra inputs"):
        registry.build("apps", config, root=tmp_path)


Installed = Callable[..., None]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    """Install a package that brings a connector, as pip would, for one test."""

    imported: list[str] = []

    def install(package: str, entry: str, **modules: str) -> None:
        dist = tmp_path / f"{package}-1.0.dist-info"
        dist.mkdir()
        (dist / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (dist / "entry_points.txt").write_text(f"[hypersync.connectors]\n{entry}\n")
        for name, code in modules.items():
            (tmp_path / f"{name}.py").write_text(code)
            imported.append(name)

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_registered", {})
    yield install
    for name in imported:
        sys.modules.pop(name, None)


def problem(name: str) -> str:
    with pytest.raises(UsageError) as caught:
        registry.lookup(name)
    return caught.value.message


def test_third_party_connectors_come_by_entry_point(installed: Installed):
    installed("other", "other = hypersync.connectors.memory:MemoryConnector")
    assert "other" in registry.names()
    assert registry.lookup("other") is MemoryConnector


def test_a_package_that_cannot_be_imported_is_named(installed: Installed):
    installed("broken", "broken = broken_connector:Silo", broken_connector="import nothing_such")
    assert problem("broken") == (
        "the connector 'broken' of the package broken 1.0 cannot be imported "
        "(ModuleNotFoundError: No module named 'nothing_such'); mend or remove it"
    )


def test_an_entry_without_its_class_is_named(installed: Installed):
    installed("broken", "broken = empty_connector:Silo", empty_connector="")
    assert "of the package broken 1.0 cannot be imported (AttributeError: " in problem("broken")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("Silo = 7", "is no connector: it has no options, can_write, streams, open; "),
        (
            "class Silo:\n    options = can_write = streams = None",
            "is no connector: it has no open; ",
        ),
        (
            "class Silo:\n    options = int\n    can_write = streams = open = None",
            "is no connector; its options must be a kind of SiloOptions",
        ),
    ],
)
def test_what_is_no_connector_is_named(installed: Installed, code: str, why: str):
    installed("odd", "odd = odd_connector:Silo", odd_connector=code)
    expected = f"the connector 'odd' of the package odd 1.0 {why}"
    assert problem("odd").startswith(expected)


def test_a_part_that_is_not_installed_is_named_with_its_extra(
    installed: Installed, monkeypatch: pytest.MonkeyPatch
):
    installed("lean", "", lean_connector="import nothing_such")
    monkeypatch.setattr(registry, "_BUILT_IN", {"lean": "lean_connector"})
    assert problem("lean") == (
        "the connector 'lean' needs nothing_such, which is not installed; "
        "install the extra: pip install 'hypersync[lean]'"
    )


def test_two_packages_with_one_connector_are_both_named(installed: Installed):
    installed("one", "twice = hypersync.connectors.memory:MemoryConnector")
    installed("two", "twice = hypersync.connectors.memory:MemoryConnector")
    assert problem("twice") == (
        "the connector 'twice' comes from several packages: one 1.0 and two 1.0; remove all but one"
    )


def test_a_package_cannot_take_the_name_of_what_comes_along(installed: Installed):
    installed("mine", "csv = hypersync.connectors.memory:MemoryConnector")
    assert "several packages: hypersync itself and mine 1.0; " in problem("csv")


TAKES_A_NAME = """
from hypersync.connectors.registry import connector

@connector("scim")
class Silo:
    options = can_write = streams = open = None
"""


def test_a_package_cannot_register_the_name_of_what_comes_along_either(installed: Installed):
    installed("sly", "sly = sly_connector:Silo", sly_connector=TAKES_A_NAME)
    assert problem("sly") == (
        "the connector 'sly' of the package sly 1.0 cannot be imported (ValueError: sly_connector "
        "registers the connector 'scim', which comes with HyperSync; give it another name); "
        "mend or remove it"
    )
    assert "scim" not in registry._registered


def test_a_package_that_ends_the_program_is_named(installed: Installed):
    installed("quits", "quits = quits_connector:Silo", quits_connector="import sys\nsys.exit(3)")
    assert problem("quits") == (
        "the connector 'quits' of the package quits 1.0 cannot be imported (SystemExit: 3); "
        "mend or remove it"
    )
