"""A directory leaves names in its groups when their owners go: nobody gets such a name unasked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.app import build
from hypersync.config.load import load_configuration
from tests.postgresql import both_databases
from tests.projects import write_project
from tests.slapd import GROUPS, PASSWORD, PEOPLE, SERVICE, Slapd, group, running
from tests.worlds import MovedClock

MAIN = """\
database: {database}
secret_keys: ["a-key-for-tests-only-0123456789"]
silos:
  hr: {{connector: csv, types: {{person: {{path: data/hr.csv, anchor: id}}}}}}
  dir:
    connector: ldap
    write: true
    url: "{url}"
    bind: {{user: "{user}", password: "{password}"}}
    types:
      user: {{base: "{people}", filter: (objectClass=inetOrgPerson), object_class: [inetOrgPerson]}}
      group: {{base: "{groups}", filter: (objectClass=groupOfNames), members: member,
              attributes: [cn], placeholder: "cn=nobody,dc=example,dc=org"}}
joins:
  - {{slot: hr, silo: hr, type: person, value: "lower(id)"}}
  - {{slot: dir, silo: dir, type: user, value: "lower(employeeNumber)"}}
  - {{slot: team, silo: dir, type: group, join: none}}
people: {{ann: {{name: Ann, email: ann@example.org, roles: [approver]}}}}
"""
RULES = f"""\
ruleset: all
defaults: {{throttle: 1s, threshold: {{limit: 9, members: 100%}}}}
rules:
  - {{id: join, kind: provision, target: dir, when: "hr.status == 'active'",
     set: {{dn: "'cn=' + hr.login + ',{PEOPLE}'", cn: hr.login, sn: hr.id, employeeNumber: hr.id}}}}
  - {{id: rename, kind: update, target: dir, do: {{rename: "'cn=' + hr.login"}}}}
  - {{id: leave, kind: deprovision, target: dir, when: "hr.status == 'left'", do: delete}}
  - {{id: sales, kind: membership, group: {{slot: team, where: "cn == 'sales'"}}, member: dir,
     mode: additive, when: "hr.dept == 'sales'"}}
"""


class Company:
    """People of HR in a real directory that does not mend references by itself."""

    def __init__(self, folder: Path, slapd: Slapd, database: str) -> None:
        self.folder, self.slapd, self.clock = folder, slapd, MovedClock()
        main = MAIN.format(
            database=database,
            url=slapd.url,
            user=SERVICE,
            password=PASSWORD,
            people=PEOPLE,
            groups=GROUPS,
        )
        self.main = main
        (folder / "data").mkdir(parents=True, exist_ok=True)
        self.hire("E1,anna,sales,active")
        self.judge_by(RULES)

    def judge_by(self, rules: str) -> None:
        """Start with these rules."""
        file = write_project(self.folder, self.main, rules=rules)
        configuration = load_configuration(file, None, process_environment={})
        self.app = build(configuration, started_by="cli:tester", clock=self.clock)

    def hire(self, *rows: str) -> None:
        text = "".join(f"{row}\n" for row in ("id,login,dept,status", *rows))
        (self.folder / "data" / "hr.csv").write_text(text, encoding="utf-8")

    def settle(self) -> list[str]:
        """Scan and sync until nothing is left to do; return the runs."""
        runs = []
        for _ in range(3):
            self.clock.time += timedelta(minutes=20)
            self.app.scan((), full=True)
            runs.append(self.app.sync("full", commit=True).id)
        return runs

    @property
    def questions(self) -> list[str]:
        with self.app.store.snapshot() as unit:
            return [each.sentence for each in unit.requests.open()]

    def is_there(self, name: str) -> bool:
        return f"dn: cn={name}," in self.slapd.search(PEOPLE, f"(cn={name})", "1.1")

    def members(self) -> list[str]:
        found = self.slapd.search(GROUPS, "(cn=sales)", "member").splitlines()
        return [line.split("cn=")[1].split(",")[0] for line in found if line.startswith("member:")]


@pytest.fixture
def company(tmp_path: Path, database_url: str):
    with running(tmp_path / "slapd", group("sales", ["cn=nobody,dc=example,dc=org"])) as slapd:
        made = Company(tmp_path / "project", slapd, database_url)
        made.settle()
        assert "anna" in made.members()
        yield made
        made.app.close()


@both_databases
@pytest.mark.parametrize(
    "then", ["E1,bea,sales,active", "E1,anna,sales,left"], ids=["renamed", "deleted"]
)
def test_nobody_gets_the_name_of_a_member_who_is_gone_unasked(company: Company, then: str):
    company.hire(then)
    company.settle()
    assert "anna" in company.members()  # the directory does not take it out
    company.hire(then, "E2,anna,it,active")
    company.settle()
    assert not company.is_there("anna")
    (question,) = company.questions
    assert f"cn=sales,{GROUPS} still lists cn=anna,{PEOPLE}: whoever gets this name" in question


def test_a_rename_to_the_name_of_a_member_who_is_gone_is_asked_about_too(company: Company):
    company.hire("E1,bea,sales,active", "E2,carl,it,active")
    company.settle()
    company.hire("E1,bea,sales,active", "E2,anna,it,active")
    company.settle()
    assert company.is_there("carl")
    assert len(company.questions) == 1


def test_a_name_that_groups_do_not_list_any_more_is_free(company: Company):
    company.hire("E1,bea,sales,active")
    company.settle()
    company.slapd.modify(
        f"dn: cn=sales,{GROUPS}\nchangetype: modify\ndelete: member\nmember: cn=anna,{PEOPLE}\n"
    )
    company.hire("E1,bea,sales,active", "E2,anna,it,active")
    company.settle()
    assert company.is_there("anna")
    assert company.questions == []


def test_an_undo_gives_a_name_back_to_whom_it_belonged(company: Company):
    company.hire("E1,bea,sales,active")
    renaming, *_ = company.settle()
    company.app.undo(renaming, "rename", commit=True)
    assert company.is_there("anna")
    assert company.questions == []


def test_a_name_that_a_member_leaves_in_the_same_sync_is_asked_about_too(company: Company):
    company.hire("E1,anna,sales,active", "E2,zoe,it,active")
    company.settle()
    company.hire("E1,bea,sales,active", "E2,anna,it,active")
    company.settle()
    assert company.is_there("bea")
    assert company.is_there("zoe")
    assert len(company.questions) == 1


def test_whoever_is_asked_about_something_else_is_told_of_the_name_too(company: Company):
    company.hire("E1,bea,sales,active")
    company.settle()
    company.judge_by(RULES.replace("limit: 9,", "limit: 0,"))
    company.hire("E1,bea,sales,active", "E2,anna,it,active")
    company.settle()
    with company.app.store.snapshot() as unit:
        (request,) = unit.requests.open()
        (action,) = unit.actions.of_request(request.id)
    volume, name = (each.text for each in action.reasons)
    assert volume == "1 action, 0 allowed"
    assert name.startswith(f"cn=sales,{GROUPS} still lists cn=anna,{PEOPLE}: ")
