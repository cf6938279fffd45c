"""The story of the demo against a real directory: 10 000 people, real mail, real pages.

HR is a file, the directory an OpenLDAP server that was loaded with slapadd. People answer over
HTTP, by the links and with the codes of their mails.
"""

from __future__ import annotations

import base64
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hypersync.app import App, build
from hypersync.cli.serving import address_of, listen, serving, web_pages
from hypersync.config.load import load_configuration
from hypersync.demo import company
from hypersync.demo.answering import give_answer
from hypersync.demo.mailbox import Mailbox, receiving
from hypersync.model.requests import Answer
from tests.living import Clock
from tests.projects import write_project
from tests.slapd import PASSWORD, PEOPLE, SERVICE, Slapd, person, running

SIZE = 10_000
LEAVERS = 600
FIRST = 3000
ATTRIBUTES = ("uid", "employeeNumber", "displayName", "departmentNumber", "title", "employeeType")

MAIN = """\
public_url: "${STORY_URL}"
database: sqlite:///var/hypersync.db
installation: story
secret_keys: ["a-key-for-tests-only-0123456789"]
mail: {host: 127.0.0.1, port: "${STORY_SMTP_PORT}", sender: HyperSync <iam@example.org>, rows: 25}
silos:
  hr:
    connector: csv
    types: {person: {path: data/hr.csv, anchor: employeeId}}
  directory:
    connector: ldap
    write: true
    url: "${STORY_LDAP}"
    bind: {user: "SERVICE", password: "PASSWORD"}
    types:
      user:
        base: "PEOPLE"
        filter: "(objectClass=inetOrgPerson)"
        object_class: [inetOrgPerson]
        attributes: [displayName, departmentNumber, title, employeeNumber, employeeType]
        single: [departmentNumber, title, employeeType]
        enabled: {attribute: employeeType, when_on: active, when_off: left}
joins:
  - {slot: hr, silo: hr, type: person, value: "lower(strip(employeeId))"}
  - {slot: account, silo: directory, type: user, value: "lower(strip(employeeNumber))"}
vip:
  - {name: executives, when: "present(hr.level) and hr.level in ('C', 'VP')", expires: 72h}
people:
  ann: {name: Ann Ng, email: ann@example.org, roles: [approver]}
  bob: {name: Bob Ode, email: bob@example.org, roles: [approver]}
"""
RULES = """\
ruleset: accounts
defaults: {throttle: 1h, threshold: {limit: 5%, expires: 24h}}
scopes:
  employed: "hr.status == 'active'"
rules:
  - id: provision-account
    kind: provision
    target: account
    scopes: [employed]
    once: {uid: "unique(('account.uid',), ascii(lower(hr.given[0:1] + hr.surname)), max=20)"}
    set:
      dn: "'cn=' + dn_escape(hr.employeeId) + ',PEOPLE'"
      cn: hr.employeeId
      sn: hr.surname
      employeeNumber: hr.employeeId
      displayName: hr.displayName
      departmentNumber: hr.department
      title: hr.title
      employeeType: "'active'"
  - id: flow-department
    kind: update
    target: account
    scopes: [employed]
    set: {departmentNumber: hr.department, displayName: hr.displayName}
  - {id: flow-title, kind: update, target: account, scopes: [employed], set: {title: hr.title}}
  - id: disable-leaver
    kind: deprovision
    target: account
    when: "hr.status == 'left' and account.enabled"
    do: disable
"""


@dataclass(frozen=True)
class World:
    """The company, its directory, its mails, and HyperSync."""

    folder: Path
    server: Slapd
    mailbox: Mailbox
    app: App
    company: company.Company

    def hr_says(self, people) -> None:
        company.write_hr(self.folder / "data" / "hr.csv", people)

    def scan_and_sync(self, kind=None):
        reports = self.app.scan_for_rules()
        assert {report.state.value for report in reports} == {"applied"}, reports
        run = self.app.sync(kind, commit=True)
        self.app.tick()
        return run

    def directory(self) -> dict[str, dict[str, str]]:
        """Everybody in the directory by employee number, as ldapsearch sees them."""
        text = self.server.search(PEOPLE, "(objectClass=inetOrgPerson)", *ATTRIBUTES)
        entries = (dict(_pairs(block)) for block in text.split("\n\n") if block.strip())
        return {entry["employeeNumber"]: entry for entry in entries}

    def mails_to(self, address):
        return [mail for mail in self.mailbox.mails if address in mail.recipients]


def _pairs(block):
    for line in block.splitlines():
        name, _, value = line.partition(": ")
        if name.endswith(":"):
            name, value = name[:-1], base64.b64decode(value).decode()
        yield name, value


def everybody(made: company.Company) -> str:
    return "".join(
        person(
            each.employee_id,
            uid=uid,
            employeeNumber=each.employee_id,
            displayName=each.name,
            departmentNumber=each.department,
            title=each.title,
            employeeType="active",
        )
        for uid, each in company.account_names(made.accounts)
    )


@contextmanager
def a_world(folder, made, server, clock=None):
    mailbox = Mailbox()
    with receiving(mailbox) as smtp_port, listen("127.0.0.1", 0) as listening:
        main, rules = (
            text.replace("SERVICE", SERVICE).replace("PASSWORD", PASSWORD).replace("PEOPLE", PEOPLE)
            for text in (MAIN, RULES)
        )
        file = write_project(folder, main, rules=rules)
        process = {
            "STORY_URL": address_of(listening),
            "STORY_SMTP_PORT": str(smtp_port),
            "STORY_LDAP": server.url,
        }
        configuration = load_configuration(file, None, process_environment=process)
        app = build(configuration, started_by="schedule:story", clock=clock)
        try:
            with serving(web_pages(app), listening):
                world = World(folder, server, mailbox, app, made)
                world.hr_says(made.people)
                yield world
        finally:
            app.close()


def test_the_story_of_the_demo_on_a_real_directory(tmp_path):
    made = company.make_company(SIZE)
    with (
        running(tmp_path / "slapd", everybody(made)) as server,
        a_world(tmp_path / "project", made, server) as world,
    ):
        a_normal_day(world)
        waiting = a_bad_file(world)
        the_answer(world, waiting)
        and_then_nothing_is_left(world)


def a_normal_day(world):
    run = world.scan_and_sync("full")
    succeeded = {rule: report.counts.succeeded for rule, report in run.rules.items()}
    assert succeeded == {
        "provision-account": company.JOINERS,
        "flow-department": company.MOVED,
        "flow-title": company.PROMOTED,
        "disable-leaver": 0,
    }
    assert (run.counts.suspended, run.counts.errors) == (0, 0)
    assert says(world.directory()) == says_hr(world.company.people)
    assert world.mailbox.mails == ()


def bad_news(made):
    """The bad file of the demo, and as many leavers again."""
    more = range(FIRST, FIRST + LEAVERS - company.LEAVERS)
    return tuple(
        replace(each, left=True) if each.number in more else each
        for each in company.with_bad_news(made)
    )


def a_bad_file(world):
    before = world.directory()
    world.hr_says(bad_news(world.company))
    run = world.scan_and_sync()
    assert run.rules["disable-leaver"].counts.suspended == LEAVERS
    assert (run.rules["disable-leaver"].reason or "").startswith("600 actions, 500 allowed")
    assert run.rules["flow-title"].counts.suspended == 1
    assert (run.counts.succeeded, run.counts.queued, run.counts.errors) == (0, 0, 0)
    assert world.directory() == before
    ann, bob = world.mails_to("ann@example.org"), world.mails_to("bob@example.org")
    assert len(world.mailbox.mails) == 4
    assert {len(ann), len(bob)} == {2}
    return before


def the_answer(world, before):
    leavers = mail_about(world.mails_to("ann@example.org"), "disable-leaver")
    vip = mail_about(world.mails_to("bob@example.org"), "flow-title")
    assert give_answer(leavers, Answer.REJECT, comment="the wrong file").status == 200
    assert give_answer(vip, Answer.APPROVE).status == 200
    assert world.directory() == before, "a click changes nothing; the next sync does"
    late = mail_about(world.mails_to("bob@example.org"), "disable-leaver")
    page = give_answer(late, Answer.APPROVE).text
    assert "Ann Ng" in page
    assert "<form" not in page, "Ann was first"

    run = world.scan_and_sync()
    assert (run.counts.released, run.counts.succeeded, run.counts.errors) == (1, 1, 0)
    after = world.directory()
    number = world.company.vip.employee_id
    assert after == before | {number: before[number] | {"title": company.NEW_TITLE}}
    with world.app.store.snapshot() as unit:
        (released,) = unit.actions.of_run(run.id)
    assert (released.decided_by, released.state.value) == ("person:bob", "succeeded")


def and_then_nothing_is_left(world):
    before = world.directory()
    run = world.scan_and_sync("full")
    assert (run.counts.queued, run.counts.succeeded, run.counts.errors) == (0, 0, 0)
    world.hr_says(right(world.company))
    run = world.scan_and_sync()
    assert (run.counts.queued, run.counts.suspended) == (0, 0)
    assert world.directory() == before


def right(made):
    vip = made.vip
    return [replace(each, title=company.NEW_TITLE) if each == vip else each for each in made.people]


def mail_about(mails, rule):
    (found,) = [mail for mail in mails if rule in mail.subject]
    return found


def says(directory):
    names = ("displayName", "departmentNumber", "title", "employeeType")
    return {number: tuple(entry[name] for name in names) for number, entry in directory.items()}


def says_hr(people):
    return {each.employee_id: (each.name, each.department, each.title, "active") for each in people}


# --- the directory goes away -------------------------------------------------------------------


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def small_world(tmp_path, clock):
    made = company.make_company(1000)
    with (
        running(tmp_path / "slapd", everybody(made)) as server,
        a_world(tmp_path / "project", made, server, clock) as world,
    ):
        yield world


def test_a_directory_that_is_gone_leaves_the_plan_waiting_and_nothing_is_lost(small_world, clock):
    world = small_world
    world.app.scan_for_rules()
    world.server.kill()
    run = world.app.sync("full", commit=True)
    assert run.counts.succeeded == 0
    assert run.counts.errors > 0
    assert [report.state.value for report in world.app.scan(["directory"])] == ["failed"]
    with world.app.store.snapshot() as unit:
        live = unit.objects.live("directory", "user")
    assert live == 1000 - company.JOINERS, "a scan that failed makes nobody absent"

    world.server.start()
    clock.forward(minutes=2)
    world.app.sync("delta", commit=True)
    assert says(world.directory()) == says_hr(world.company.people)
    run = world.scan_and_sync("full")
    assert (run.counts.queued, run.counts.errors) == (0, 0)
