"""How rules see the enabled state of silos that know by themselves how they store it."""

import pytest

from hypersync.model.objects import KNOWN_SWITCHES, EnabledSpec
from hypersync.rulebook.load import load_rulebook
from tests.projects import load_project, write_project

MAIN = """\
secret_keys: ["${{HYPERSYNC_SECRET_KEY}}"]
silos:
  hr:
    connector: csv
    types: {{person: {{path: data/hr.csv, anchor: employeeId}}}}
  away:
    connector: {connector}
    write: true
    types:
      user: {{attributes: [mail]{more}}}
      group: {{}}
joins:
  - {{slot: hr, silo: hr, type: person, value: employeeId}}
  - {{slot: away, silo: away, type: user, value: number}}
  - {{slot: team, silo: away, type: group, join: none}}
"""
RULES = """\
ruleset: users
rules:
  - {id: leave, kind: deprovision, target: away, when: "hr.status == 'left' and away.enabled", do: disable}
"""  # noqa: E501 - a rule stands on one line, as in a rule file


def slots(tmp_path, connector: str, more: str = ""):
    main = MAIN.format(connector=connector, more=more)
    rulebook = load_rulebook(
        load_project(write_project(tmp_path, main, rules={"users.yaml": RULES}))
    )
    return {slot.name: slot for slot in rulebook.slots}, rulebook


@pytest.mark.parametrize("connector", sorted(KNOWN_SWITCHES))
def test_rules_read_the_state_where_the_connector_keeps_it(tmp_path, connector: str):
    found, rulebook = slots(tmp_path, connector)
    switch = KNOWN_SWITCHES[connector]
    assert found["away"].enabled == switch
    assert switch.attribute in rulebook.decoded["away"]
    assert rulebook.attributes["away", "group"] == frozenset()
    assert [switch.state({switch.attribute: each}) for each in (True, False, None)] == [
        True,
        False,
        None,
    ]


def test_what_the_configuration_says_of_the_state_comes_first(tmp_path):
    more = ", enabled: {attribute: employeeType, when_on: active, when_off: left}"
    found, rulebook = slots(tmp_path, "ad", more)
    assert found["away"].enabled == EnabledSpec("employeeType", "active", "left")
    assert "employeeType" in rulebook.attributes["away", "user"]
