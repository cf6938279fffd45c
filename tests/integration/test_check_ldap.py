"""`check` against a real directory: reachable, refused, gone, and attributes it does not know."""

from __future__ import annotations

import pytest

from hypersync.check import check
from tests.projects import write_project
from tests.slapd import GROUPS, PASSWORD, PEOPLE, SERVICE, company, running

MAIN = """\
secret_keys: ["${{HYPERSYNC_SECRET_KEY}}"]
silos:
  directory:
    connector: ldap
    write: true
    url: {url}
    bind: {{user: "{user}", password: "${{LDAP_PASSWORD}}"}}
    types:
      user:
        base: "{people}"
        filter: "(objectClass=inetOrgPerson)"
        object_class: [inetOrgPerson]
        enabled: {{attribute: employeeType, when_on: active, when_off: disabled}}
      group:
        base: "{groups}"
        filter: "(objectClass=groupOfNames)"
        object_class: [groupOfNames]
        members: member
joins:
  - {{slot: user, silo: directory, type: user, value: "lower(employeeNumber)"}}
  - {{slot: group, silo: directory, type: group, join: none}}
"""
RULES = """\
ruleset: directory
rules:
  - {{id: flow, kind: update, target: user, set: {{{attribute}: "user.departmentNumber"}}}}
  - {{id: disable, kind: deprovision, target: user, when: "user.title == 'gone' and user.enabled", do: disable}}
"""  # noqa: E501


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    with running(tmp_path_factory.mktemp("check"), company(20, 2)) as server:
        yield server


def mistakes(folder, url, *, password=PASSWORD, attribute="title", offline=False, main=MAIN):
    main = main.format(url=url, user=SERVICE, people=PEOPLE, groups=GROUPS)
    path = write_project(folder, main, rules=RULES.format(attribute=attribute))
    process = {"HYPERSYNC_SECRET_KEY": "x" * 32, "LDAP_PASSWORD": password}
    found = check(path, None, offline=offline, process_environment=process)[1]
    return [str(mistake) for mistake in found]


def test_a_directory_that_can_be_reached_has_no_mistakes(directory, tmp_path):
    assert mistakes(tmp_path, directory.url) == []


def test_a_wrong_password_is_a_mistake_at_the_silo_that_does_not_show_it(directory, tmp_path):
    (found,) = mistakes(tmp_path, directory.url, password="geheim")  # noqa: S106 - a wrong one
    assert found.startswith("config/hypersync.yaml:3: the silo 'directory': ")
    assert "geheim" not in found
    assert mistakes(tmp_path, directory.url, password="geheim", offline=True) == []  # noqa: S106


def test_a_directory_that_does_not_answer_is_a_mistake_at_the_silo(tmp_path):
    (found,) = mistakes(tmp_path, "ldap://127.0.0.1:1")
    assert found.startswith("config/hypersync.yaml:3: the silo 'directory': ")


def test_an_attribute_that_the_directory_does_not_know_is_a_mistake(directory, tmp_path):
    (found,) = mistakes(tmp_path, directory.url, attribute="titel")
    assert found.startswith("rules/users.yaml:3: ")
    assert "'title'" in found


def test_a_rule_that_writes_what_nobody_may_write_is_a_mistake(directory, tmp_path):
    assert mistakes(tmp_path, directory.url, attribute="createTimestamp") == [
        "rules/users.yaml:3: the rule 'flow' writes 'createTimestamp', which is read-only in "
        "'directory'; leave it out; the silo itself sets it"
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("attribute: employeeType", "attribute: employeTyp", 13),
        ("members: member", "members: x", 18),
    ],
)
def test_a_type_that_names_what_the_directory_lacks_is_a_mistake(
    directory, tmp_path, right, wrong, line
):
    found = mistakes(tmp_path, directory.url, main=MAIN.replace(right, wrong))
    name = wrong.partition(": ")[2]
    start = f"config/hypersync.yaml:{line}: the silo 'directory': the server knows no attribute "
    assert any(each.startswith(f"{start}{name!r}") for each in found), found


def test_a_silo_without_types_leads_to_finding_them(directory, tmp_path):
    main = MAIN[: MAIN.index("    types:")]
    found = mistakes(tmp_path, directory.url, main=main, offline=True)
    assert any(
        "the silo 'directory' has no types; `hypersync silo discover directory` writes them" in each
        for each in found
    ), found
