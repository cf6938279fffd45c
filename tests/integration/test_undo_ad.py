"""Undoing what a run did to Active Directory: even a deleted account comes back as itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hypersync.app import App
from tests.ad_silos import Corner
from tests.samba import PASSWORD, SERVICE, Samba
from tests.undoing import carried_out, opened

MAIN = """\
  ad:
    connector: ad
    write: true
    url: {url}
    tls: {{ca_file: "{ca_file}"}}
    bind: {{user: "{user}", password: "{password}"}}
    types:
      user: {{base: "{base}", attributes: [sAMAccountName, employeeID, title, mail]}}
      group: {{base: "{groups}", attributes: [cn]}}
joins:
  - {{slot: hr, silo: hr, type: person, value: employeeId}}
  - {{slot: account, silo: ad, type: user, value: employeeID}}
  - {{slot: team, silo: ad, type: group, join: none}}
"""
RULES = """\
ruleset: all
defaults: {{throttle: 1s, threshold: {{limit: 50, members: 100%}}}}
rules:
  - {{id: provision, kind: provision, target: account, when: "hr.status == 'active'",
     place: {{parent: "'{people}'", rdn: "'CN=' + dn_escape(hr.uid)"}},
     set: {{employeeID: hr.employeeId, sAMAccountName: hr.account, title: hr.title}},
     once: {{unicodePwd: "initial_password()"}}}}
  - {{id: flow, kind: update, target: account, set: {{title: hr.title, mail: hr.mail}},
     clear_if_missing: [mail], when: "hr.status == 'active'"}}
  - {{id: disable, kind: deprovision, target: account, do: disable,
     when: "hr.status == 'left' and account.enabled"}}
  - {{id: move, kind: deprovision, target: account, do: {{move: "'{leavers}'"}},
     when: "hr.status == 'left'"}}
  - {{id: delete, kind: deprovision, target: account, do: delete, when: "hr.status == 'gone'"}}
  - {{id: team, kind: membership, member: account, mode: authoritative,
     group: {{slot: team, where: "cn == 'clerks'"}}, when: "hr.title == 'Clerk'"}}
"""
FIELDS = ("employeeId", "uid", "account", "title", "status", "mail")


@pytest.fixture
def corner(domain_controller: Samba) -> Corner:
    corner = Corner.new(domain_controller)
    for number in range(4):
        mail = f"p{number}@example.org"
        corner.add_people(f"p{number}", employeeID=f"E{number}", title="Clerk", mail=mail)
    corner.add_group("clerks", [f"p{number}" for number in range(4)])
    return corner


@pytest.fixture
def app(tmp_path: Path, corner: Corner) -> Iterator[App]:
    """Somebody got another title, lost his address, left, is gone; and somebody joined."""
    main = MAIN.format(
        url=corner.server.tls_url,
        ca_file=corner.server.certificate,
        user=SERVICE,
        password=PASSWORD,
        base=corner.base,
        groups=corner.groups,
    )
    rules = RULES.format(people=corner.people, leavers=corner.leavers)
    states = (("Head", "active"), ("Clerk", "active"), ("Clerk", "left"), ("Clerk", "gone"))
    rows = [
        (f"E{n}", f"p{n}", corner.account(f"p{n}"), title, status, f"p{n}@example.org" if n else "")
        for n, (title, status) in enumerate(states)
    ]
    rows.append(("E9", "p9", corner.account("p9"), "Clerk", "active", "new@example.org"))
    with opened(tmp_path / "project", main, rules, [FIELDS, *rows]) as made:
        yield made


def entries(corner: Corner) -> dict[str, list[str]]:
    """Every account and group as ldapsearch sees them, by the first line of each."""
    names = ("title", "mail", "userAccountControl", "employeeID", "member", "objectGUID")
    found = corner.server.search(corner.base, "(|(objectClass=user)(objectClass=group))", *names)
    blocks = [block.splitlines() for block in found.strip().split("\n\n") if "dn:" in block]
    return {block[0]: sorted(block[1:]) for block in blocks if not block[0].startswith("# ref")}


def test_the_domain_is_as_it_was_and_who_was_deleted_is_back(app: App, corner: Corner):
    before = entries(corner)
    run = carried_out(app)
    changed = entries(corner)
    assert f"dn: CN=p2,{corner.leavers}" in changed
    assert "userAccountControl: 514" in changed[f"dn: CN=p2,{corner.leavers}"]
    assert f"dn: {corner.person('p3')}" not in changed
    assert "userAccountControl: 512" in changed[f"dn: CN=p9,{corner.people}"]

    done, undone = app.undo(run.id, commit=True)

    assert (done.counts.failed, done.counts.conflict) == (0, 0)
    assert not undone.cannot
    after = entries(corner)
    assert after.keys() == before.keys()
    differing = {name for name in after if after[name] != before[name]}
    # without the recycle bin its password and its memberships are lost
    assert differing == {f"dn: {corner.person('p3')}", f"dn: {corner.group('clerks')}"}
    was, found = before[f"dn: {corner.person('p3')}"], after[f"dn: {corner.person('p3')}"]
    assert found == sorted(
        line.replace("userAccountControl: 512", "userAccountControl: 514") for line in was
    )
