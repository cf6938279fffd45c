from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from hypersync import cli
from hypersync.check import check
from hypersync.check.attributes import attribute_mistakes
from hypersync.cli.frame import Exit
from hypersync.config.load import examine_configuration
from hypersync.connectors import registry
from hypersync.model.mistake import Level
from hypersync.model.objects import AttributeSchema
from hypersync.rulebook.load import examine_rulebook
from hypersync.shipped import shipped
from tests.projects import ENVIRONMENT, MAIN, RULES, write_project

HANDBOOK = Path(__file__).parent.parent / "examples" / "handbook"


@pytest.fixture
def project(tmp_path):
    path = write_project(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hr.csv").write_text("employeeId,title\nE1,Engineer\n")
    (tmp_path / "data" / "users.csv").write_text("uid,number,title\nu1,E1,Engineer\n")
    return path


def sentences(path, *, offline=False, env=None):
    _, mistakes = check(path, env, offline=offline, process_environment=ENVIRONMENT)
    return [str(mistake) for mistake in mistakes]


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_sound_project_has_no_mistakes(project):
    assert sentences(project) == []


def test_configuration_rules_and_silos_are_all_examined_at_once(project):
    change(project, "path: data/hr.csv", "path: data/hr.csv, delimeter: ';'")
    change(project, "write: true", "write: true\n    settel: 5m")
    project.write_text(project.read_text() + "mail: {port: x}\n")
    rules = project.parent.parent / "rules" / "users.yaml"
    rules.write_text(RULES + "  - {id: x, kind: update, target: app, set: {name: uper(hr.a)}}\n")
    assert sentences(project, offline=True) == [
        "config/hypersync.yaml:6: silos.hr.types.person.delimeter is not known here; "
        "did you mean 'delimiter'?",
        "config/hypersync.yaml:10: silos.app.settel is not known here; did you mean 'settle'?",
        "config/hypersync.yaml:15: mail.port: 'x' is not a whole number; write digits only, "
        "such as 100",
        "rules/users.yaml:4: there is no function 'uper'; did you mean 'upper'?",
    ]


def test_an_attribute_that_the_silo_does_not_have_is_a_mistake_unless_offline(project):
    change(project.parent.parent / "rules" / "users.yaml", "hr.title", "hr.titel")
    (found,) = sentences(project)
    assert found.startswith("rules/users.yaml:3: ")
    assert "'titel'" in found
    assert "did you mean 'title'?" in found
    assert sentences(project, offline=True) == []


@pytest.mark.parametrize("more", ["", "mail: {port: x}\n"])
@pytest.mark.parametrize(
    "given", ['path: "${NOPE}"', 'path: data/hr.csv, multi: "${NOPE}"', 'path: "data/${NOPE}.csv"']
)
def test_a_silo_that_lacks_a_variable_is_not_tried_without_it(project, given, more):
    change(project, "path: data/hr.csv", given)
    change(project, "data/users.csv", "data/nowhere.csv")
    project.write_text(project.read_text() + more)
    unset, other, *port = sentences(project)
    assert unset.startswith("config/hypersync.yaml:6: the variable NOPE is not set; ")
    assert other.startswith("config/hypersync.yaml:7: the silo 'app': ")
    assert len(port) == bool(more)


def test_a_silo_that_cannot_be_reached_is_a_mistake_at_its_place_unless_offline(project):
    (project.parent.parent / "data" / "hr.csv").unlink()
    (found,) = sentences(project)
    assert found.startswith("config/hypersync.yaml:4: the silo 'hr': ")
    assert sentences(project, offline=True) == []


def test_an_unknown_connector_lists_what_exists(project):
    change(project, "connector: csv", "connector: csvv")
    (found,) = sentences(project, offline=True)
    assert found == (
        "config/hypersync.yaml:5: the connector 'csvv' is not installed here; did you mean 'csv'?"
    )


def test_a_connector_whose_extra_is_missing_is_a_warning_only_offline(project, monkeypatch):
    monkeypatch.setattr(registry, "_BUILT_IN", {"msgraph": "no_such_sdk"})
    monkeypatch.setattr(registry, "_registered", {})
    change(project, "connector: csv", "connector: msgraph")
    for offline, level in ((True, Level.WARNING), (False, Level.ERROR)):
        _, mistakes = check(project, None, offline=offline, process_environment=ENVIRONMENT)
        found = [mistake for mistake in mistakes if "'msgraph'" in mistake.message]
        assert [mistake.level for mistake in found] == [level]
        assert found[0].remedy == "install the extra: pip install 'hypersync[msgraph]'"


@pytest.fixture
def example(tmp_path):
    for name in ("config", "rules"):
        shutil.copytree(shipped(name), tmp_path / name)
    return tmp_path / "config" / "hypersync.yaml"


def live(**types):
    """Return a live schema of the sample's ``accounts``."""
    return {
        ("accounts", "user"): {
            name: AttributeSchema(name=name, **more) for name, more in types.items()
        }
    }


def attribute_sentences(project, schema):
    configuration, _ = examine_configuration(project, None, process_environment=ENVIRONMENT)
    rulebook, _ = examine_rulebook(configuration)
    return [str(each) for each in attribute_mistakes(configuration, rulebook, schema)]


def test_attributes_of_a_type_that_the_silo_lacks_are_named_with_their_line(example):
    change(
        example,
        "anchor: uid\n",
        "anchor: uid\n        attributes: [uid, room]\n        members: crew\n",
    )
    known = {name: {} for name in ("UID", "employeeNumber", "title")}
    found = attribute_sentences(example, live(**known))
    assert [each.partition("; ")[0].partition(": ")[2] for each in found] == [
        "accounts.user has no attribute 'room'",
        "accounts.user has no attribute 'crew'",
        "accounts.user has no attribute 'active'",
    ]
    assert all(each.startswith("config/hypersync.yaml:") for each in found)


def test_every_attribute_that_a_rule_writes_may_be_read_only(example):
    read_only = {"read_only": True}
    found = attribute_sentences(example, live(uid=read_only, title=read_only, active=read_only))
    assert len(found) >= 3
    for name in ("uid", "title", "active"):
        assert any(f" writes {name!r}, which is read-only in 'accounts'" in each for each in found)
    assert all(re.match(r"rules/\w+\.yaml:\d+: the rule ", each) for each in found)


def test_members_that_nobody_may_write_are_a_mistake_of_the_membership_rule(tmp_path):
    main = MAIN.replace(
        "anchor: uid}}",
        "anchor: uid}, team: {path: data/t.csv, anchor: name, members: people}}",
    )
    joins = "  - {slot: team, silo: app, type: team, join: none}\n"
    rule = (
        "{id: staff, kind: membership, target: app, group: {slot: team, where: \"name == 'x'\"}, "
    )
    rules = f"ruleset: teams\nrules:\n  - {rule}when: hr.exists}}\n"
    path = write_project(tmp_path, main.replace("joins:\n", f"joins:\n{joins}"), rules=rules)
    people = AttributeSchema(name="people", multi_valued=True, read_only=True)
    assert attribute_sentences(path, {("app", "team"): {"people": people}}) == [
        "rules/users.yaml:3: the rule 'staff' writes 'people', which is read-only in 'app'; "
        "leave it out; the silo itself sets it"
    ]


def test_a_silo_that_takes_any_attribute_makes_no_mistakes(example):
    assert attribute_sentences(example, {("accounts", "user"): None}) == []


def test_the_example_of_the_handbook_passes_offline(monkeypatch, capsys):
    monkeypatch.setenv("HYPERSYNC_SECRET_KEY", "x" * 32)
    monkeypatch.setenv("AD_PASSWORD", "geheim")
    arguments = ["--config", str(HANDBOOK / "config/hypersync.yaml"), "--env", "prod", "check"]
    assert cli.invoke([*arguments, "--offline", "--json"]) == Exit.DONE
    document = json.loads(capsys.readouterr().out)
    assert {mistake["level"] for mistake in document["mistakes"]} == {"warning"}


def test_a_mistake_in_json_has_level_file_line_message_and_remedy(tmp_path, monkeypatch, capsys):
    path = write_project(tmp_path, MAIN + "wrong: 1\n")
    monkeypatch.setenv("HYPERSYNC_SECRET_KEY", "x" * 32)
    assert cli.invoke(["--config", str(path), "check", "--offline", "--json"]) == Exit.USAGE
    (mistake,) = json.loads(capsys.readouterr().out)["mistakes"]
    assert mistake["message"] == "wrong is not known here"
    assert (mistake["level"], mistake["file"], mistake["line"]) == (
        "error",
        "config/hypersync.yaml",
        14,
    )
    assert mistake["remedy"]
    assert cli.invoke(["--config", str(path), "check", "--offline"]) == Exit.USAGE
    assert capsys.readouterr().out.endswith("\n1 mistake.\n")


def test_a_configuration_that_is_not_yaml_is_one_mistake_with_its_line(project):
    project.write_text("silos: [\n")
    (found,) = sentences(project)
    assert found.startswith("config/hypersync.yaml:2: this is not YAML")


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        ("{id: x, kind: update, target: app, set: {a: hr.title}, throttle: soon}", "soon"),
        ("{id: x, kind: update, target: app, set: {a: hr.title}, throttle: 10}", "has no unit"),
        ("{id: x, kind: update, target: app, set: {a: hr.title}, threshold: 101%}", "100%"),
        ("{id: x, kind: update, target: ap, set: {a: hr.title}}", "'ap'"),
        ("{id: flow-title, kind: update, target: app, set: {a: hr.title}}", "flow-title"),
    ],
)
def test_bad_input_in_a_rule_is_said_with_its_line(project, rule, part):
    rules = project.parent.parent / "rules" / "users.yaml"
    rules.write_text(f"{RULES}  - {rule}\n")
    found = sentences(project, offline=True)
    assert any(each.startswith("rules/users.yaml:4: ") and part in each for each in found), found


def test_a_silo_is_not_examined_further_when_its_options_are_wrong(project):
    change(project, "{path: data/users.csv, anchor: uid}", "{path: data/users.csv}")
    (found,) = sentences(project)
    assert found == "config/hypersync.yaml:10: silos.app.types.user.anchor is missing; add it"


def test_what_a_silo_says_about_itself_comes_with_its_place(project):
    change(project.parent.parent / "data" / "users.csv", "uid,number", "uuid,number")
    found = sentences(project)
    assert found
    line = 1 + MAIN.splitlines().index(next(each for each in MAIN.splitlines() if "uid" in each))
    start = f"config/hypersync.yaml:{line}: the silo 'app': "
    assert all(each.startswith(start) for each in found), found
