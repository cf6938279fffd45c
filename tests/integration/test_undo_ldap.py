"""Undoing what a run did to a real directory."""

from __future__ import annotations

import pytest

from hypersync.model.runs import RunKind
from tests.slapd import GROUPS, LEAVERS, PASSWORD, PEOPLE, SERVICE, company, running
from tests.undoing import carried_out, opened, scanned

MAIN = f"""\
  ldap:
    connector: ldap
    write: true
    url: URL
    bind: {{user: "{SERVICE}", password: "{PASSWORD}"}}
    types:
      user:
        base: "dc=example,dc=org"
        filter: "(objectClass=inetOrgPerson)"
        object_class: [inetOrgPerson]
        attributes: [uid, employeeNumber, title, mail]
        enabled: {{attribute: employeeType, when_on: active, when_off: inactive}}
      group:
        base: "{GROUPS}"
        filter: "(objectClass=groupOfNames)"
        object_class: [groupOfNames]
        attributes: [cn]
        members: member
joins:
  - {{slot: hr, silo: hr, type: person, value: "lower(employeeId)"}}
  - {{slot: account, silo: ldap, type: user, value: "lower(employeeNumber)"}}
  - {{slot: team, silo: ldap, type: group, join: none}}
"""
RULES = f"""\
ruleset: all
defaults: {{throttle: 1s, threshold: {{limit: 50, members: 100%}}}}
rules:
  - {{id: provision, kind: provision, target: account, when: "hr.status == 'active'",
     place: {{parent: "'{PEOPLE}'", rdn: "'cn=' + dn_escape(hr.uid)"}},
     set: {{uid: hr.uid, sn: hr.uid, employeeNumber: hr.employeeId, title: hr.title,
           employeeType: {{text: active}}}},
     once: {{userPassword: "initial_password()"}}}}
  - {{id: flow, kind: update, target: account, set: {{title: hr.title, mail: hr.mail}},
     clear_if_missing: [mail], when: "hr.status == 'active'"}}
  - {{id: disable, kind: deprovision, target: account, do: disable,
     when: "hr.status == 'left' and account.enabled"}}
  - {{id: move, kind: deprovision, target: account, do: {{move: "'{LEAVERS}'"}},
     when: "hr.status == 'left'"}}
  - {{id: delete, kind: deprovision, target: account, do: delete, when: "hr.status == 'gone'"}}
  - {{id: team, kind: membership, member: account, mode: authoritative,
     group: {{slot: team, where: "cn == 'D00'"}}, when: "hr.title == 'Clerk'"}}
"""


@pytest.fixture
def server(tmp_path):
    with running(tmp_path / "slapd", company(20, 4)) as started:
        yield started


@pytest.fixture
def app(tmp_path, server):
    """Somebody joined, got another title, lost his address, left, and is gone."""
    rows = [
        (f"E{number:06}", f"p{number:06}", "Clerk", "active", f"p{number:06}@example.org")
        for number in range(20)
    ]
    rows[0] = (*rows[0][:2], "Head", "active", rows[0][4])
    rows[1] = (*rows[1][:4], "")
    rows[2] = (*rows[2][:3], "left", rows[2][4])
    rows[3] = (*rows[3][:3], "gone", rows[3][4])
    rows.append(("E000099", "p000099", "Clerk", "active", "new@example.org"))
    with opened(
        tmp_path / "project",
        MAIN.replace("URL", server.url),
        RULES,
        [("employeeId", "uid", "title", "status", "mail"), *rows],
    ) as made:
        yield made


def entries(server):
    """Every person and group as ldapsearch sees them, by the first line of each."""
    names = ("title", "mail", "employeeType", "employeeNumber", "uid", "member", "entryUUID")
    found = server.search("dc=example,dc=org", "(|(uid=*)(member=*))", *names)
    blocks = [block.splitlines() for block in found.strip().split("\n\n")]
    return {block[0]: sorted(block[1:]) for block in blocks}


def test_directory_is_as_it_was_but_for_who_was_deleted(app, server):
    before = entries(server)
    run = carried_out(app)
    changed = entries(server)
    assert f"dn: cn=p000002,{LEAVERS}" in changed
    assert f"dn: cn=p000099,{PEOPLE}" in changed
    deleted = f"dn: cn=p000003,{PEOPLE}"
    assert deleted not in changed

    done, undone = app.undo(run.id, commit=True)

    assert done.kind is RunKind.UNDO
    assert (done.counts.failed, done.counts.conflict) == (0, 0)
    (left,) = undone.cannot
    assert (left[0].rule, left[1].text) == (
        "delete",
        "its silo cannot bring a deleted object back",
    )
    after = entries(server)
    assert after.keys() == before.keys() - {deleted}
    differing = {name: (after[name], before[name]) for name in after if after[name] != before[name]}
    assert differing == {}
    scanned(app)
    again = app.sync("full", commit=False)
    assert again.counts.proposed == 0
