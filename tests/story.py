"""A company with a real directory: HR as a file, an OpenLDAP server, a mailbox, real pages.

The directory is loaded with slapadd; HyperSync runs in this process and serves its pages.
"""

from __future__ import annotations

import base64
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hypersync.app import App, build
from hypersync.cli.serving import address_of, listen, serving, web_pages
from hypersync.config.load import load_configuration
from hypersync.demo import company
from hypersync.demo.mailbox import Mailbox, receiving
from tests.projects import write_project
from tests.slapd import PASSWORD, PEOPLE, SERVICE, Slapd, person

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
    types: {person: {path: data/hr.csv, anchor: employeeId, attributes: [company]}}
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
    """The directory's content as LDIF."""
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
def a_world(folder, made, server, clock=None, *, more=""):
    """HyperSync over the company; ``more`` is added to its configuration."""
    mailbox = Mailbox()
    with receiving(mailbox) as smtp_port, listen("127.0.0.1", 0) as listening:
        main, rules = (
            text.replace("SERVICE", SERVICE).replace("PASSWORD", PASSWORD).replace("PEOPLE", PEOPLE)
            for text in (MAIN, RULES)
        )
        file = write_project(folder, main + more, rules=rules)
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


def mail_about(mails, rule):
    (found,) = [mail for mail in mails if rule in mail.subject]
    return found


def says(directory):
    names = ("displayName", "departmentNumber", "title", "employeeType")
    return {number: tuple(entry[name] for name in names) for number, entry in directory.items()}


def says_hr(people):
    return {each.employee_id: (each.name, each.department, each.title, "active") for each in people}
