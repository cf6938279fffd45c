"""A story on the command line: ann changes a rule, another person has to approve what it wants."""

import json

import pytest

from hypersync.app import build
from hypersync.cli import group
from hypersync.cli.failure import run_safely
from hypersync.system_user import system_user
from tests.projects import ENVIRONMENT, MAIN, load_project, write_project

ME = system_user()
MAIN_WITH_SWITCH = MAIN.replace(
    "anchor: uid}}",
    'anchor: uid, enabled: {attribute: active, when_on: "yes", when_off: "no"}}}',
)
RULES = """\
ruleset: leavers
rules:
  - {id: disable-leaver, kind: deprovision, target: app, do: disable, throttle: 1s,
     when: "hr.status == 'left' and app.enabled", threshold: {limit: 1}}
"""
WIDER = RULES.replace("hr.status == 'left'", "hr.status != 'active'")


class Office:
    """A project in a folder whose system user is now one person, now another."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self.capsys = capsys
        self.rules = RULES
        self.sit_down("ops")
        self.write("users", "uid,number,active", [f"u{n},e{n},yes" for n in range(6)])
        self.staff("active")

    def sit_down(self, who):
        """Let the system user of this test be somebody."""
        users = {name: ME if name == who else f"{name}-elsewhere" for name in ("ann", "bob", "ops")}
        people = "people:\n" + "".join(
            f"  {name}: {{email: {name}@example.org, roles: [{role}], os_user: {users[name]}}}\n"
            for name, role in (("ann", "approver"), ("bob", "approver"), ("ops", "operator"))
        )
        main = MAIN_WITH_SWITCH + people + "mail: {host: 127.0.0.1, port: 1}\n"
        self.path = write_project(self.folder, main, rules=self.rules)

    def write(self, name, head, rows):
        file = self.folder / "data" / f"{name}.csv"
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join([head, *rows, ""]), encoding="utf-8")

    def staff(self, status):
        rows = [f"e{n},{status if n < 3 else 'active'},t" for n in range(6)]
        self.write("hr", "employeeId,status,title", rows)

    def call(self, *arguments):
        code = run_safely(group, ["--config", str(self.path), *arguments, "--json"])
        return code, json.loads(self.capsys.readouterr().out)

    def scheduled(self, started_by):
        """A process of another system user scans and syncs; return the run."""
        app = build(load_project(self.path), started_by=started_by)
        app.scan_for_rules()
        run = app.sync("full", commit=True, started_by="schedule:1 sync full")
        app.close()
        return run


@pytest.fixture
def office(tmp_path, capsys, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    made = Office(tmp_path, capsys)
    assert made.scheduled("cli:service").counts.proposed == 0
    return made


def test_S05_ann_widens_a_rule_and_may_not_approve_what_it_wants_but_bob_may(office):
    office.staff("on leave")
    office.rules = WIDER
    office.sit_down("ann")
    _, document = office.call("sync", "--full")
    assert document["mode"] == "preview"
    assert office.scheduled("cli:ops-elsewhere").counts.suspended == 3
    (asked,) = office.call("pending")[1]["requests"]
    assert asked["problem"] is None
    office.sit_down("ann")
    code, document = office.call("approve", asked["id"])
    assert (code, document["error"]["code"]) == (1, "decision_refused")
    assert "ann changed this rule at 20" in document["error"]["message"]
    assert "another person has to decide" in document["error"]["message"]
    office.sit_down("bob")
    code, document = office.call("approve", asked["id"])
    assert (code, len(document["decided"])) == (0, 3)


def test_a_change_that_nobody_known_brought_takes_two(office):
    office.staff("on leave")
    office.rules = WIDER
    office.sit_down("ops")
    assert office.scheduled("cli:service").counts.suspended == 3
    (asked,) = office.call("pending")[1]["requests"]
    assert "who changed the rule is not known" in asked["problem"]
    for who, decided in (("ann", 0), ("bob", 3)):
        office.sit_down(who)
        code, document = office.call("approve", asked["id"])
        assert (code, len(document["decided"])) == (0, decided)
