from __future__ import annotations

import pytest

from hypersync.model.mistake import Level
from tests.projects import MAIN, RULES, mistakes_of_project, write_project
from tests.unlocking import PUBLIC

PEOPLE = """\
people:
  ann: {email: ann@example.org, roles: [approver], os_user: ann}
  bob: {email: bob@example.org, roles: [approver], delegate: ann, plan: [{to: "email:", until: 5m}]}
"""


def sentences(tmp_path, main=MAIN, rules=RULES):
    return [
        str(mistake) for mistake in mistakes_of_project(write_project(tmp_path, main, rules=rules))
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("silo: app", "silo: ap", "there is no silo 'ap'; did you mean 'app'?"),
        ("type: user", "type: group", "the silo 'app' has no type 'group'; known: user"),
        ("slot: app", "slot: hr", "the slot 'hr' is already the type 'person' of 'hr'"),
        ("joins:", "schedules: [{scan: ldap, full: every 1h}]\njoins:", "there is no silo 'ldap'"),
        ("joins:", "vip: [{name: a, when: x}, {name: a, when: x}]\njoins:", "a VIP rule 'a'"),
        ("joins:", "vip: [{name: self, when: x}]\njoins:", "already a VIP rule 'self'"),
        ("joins:", "vip: [{name: protected, when: x}]\njoins:", "already a VIP rule 'protected'"),
        ("joins:", "people: {ann: {email: a@b, delegate: bob}}\njoins:", "no person 'bob'"),
        ("joins:", "people: {a: {email: a@b, os_user: x}, b: {email: b@b, os_user: x}}\njoins:",
         "'x' is already the system user of 'a'"),
        ("joins:", "people: {a: {email: a@b}, b: {email: A@B}}\njoins:",
         "'A@B' is already the address of 'a'; one address is one person"),
        ("joins:", "people: {a: {email: a@b, delegate: a}}\njoins:", "is their own delegate"),
        ("joins:", 'people: {a: {email: a@b, plan: [{to: "person:a"}]}}\njoins:',
         "cannot stand in a person's own plan"),
    ],
)  # fmt: skip
def test_a_name_that_leads_nowhere_is_a_mistake(tmp_path, old, new, sentence):
    (found,) = sentences(tmp_path, MAIN.replace(old, new, 1))
    assert found.startswith("config/hypersync.yaml:1")
    assert sentence in found


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ('{steps: [{to: "person:cy"}]}', "there is no person 'cy'; known: ann, bob"),
        ('{steps: [{to: "email:"}]}', "'email:' has no address"),
        ('{approvers: ["person:cy"], steps: [{to: "person:ann"}]}', "there is no person 'cy'"),
        ('{steps: [{to: "person:ann"}, {to: "person:bob"}]}',
         "step 2 can never be reached; give step 1 an 'until:'"),
        ('{on_timeout: expire, on_delivery_failure: stop, steps: [{to: "person:ann", until: 1h}, '
         '{to: "person:bob"}]}', "step 2 can never be reached; write 'on_timeout: next'"),
        ('{steps: [{to: "email:list@example.org"}, ]}',
         "nobody whom 'email:list@example.org' reaches may answer; write 'inform: true'"),
        ('{approvers: ["person:bob"], steps: [{to: "person:ann"}]}',
         "nobody whom 'person:ann' reaches may answer"),
        ('{approvers: [ann, "person:bob"], steps: [{to: "person:bob"}]}', "names no approver"),
        ('{need: 2, steps: [{to: "person:ann"}]}', "need is 2, but 1 may answer"),
        ('{steps: [{to: "slack:#iam"}]}', "'slack:#iam' is no destination"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_work_is_a_mistake(tmp_path, plan, sentence):
    found = sentences(tmp_path, MAIN + PEOPLE + f"plans: {{p: {plan}}}\n")
    assert any(sentence in one for one in found)
    assert all(one.startswith("config/hypersync.yaml:17: ") for one in found)


@pytest.mark.parametrize(
    "plan",
    [
        '{steps: [{to: "person:ann", until: 1h}, {to: "email:bob@example.org"}]}',
        '{approvers: ["role:approver"], need: 2, steps: [{to: "person:ann"}]}',
        '{steps: [{to: "email:list@example.org", inform: true, until: 5m}, {to: "person:ann"}]}',
        '{steps: [{to: "person:ann", until: {steps: 2}}, {to: "person:bob", until: plan}]}',
    ],
)
def test_a_plan_that_works_has_no_mistake(tmp_path, plan):
    assert sentences(tmp_path, MAIN + PEOPLE + f"plans: {{p: {plan}}}\n") == []


def test_a_rule_may_name_a_plan_that_is_made_later(tmp_path):
    rules = RULES.replace("target: app,", "target: app, threshold: {plan: iam},")
    (mistake,) = mistakes_of_project(write_project(tmp_path, rules=rules))
    assert mistake.level is Level.WARNING
    assert mistake.line == 3


@pytest.mark.parametrize("kind", ["provision", "event"])
def test_a_rule_that_creates_without_throttle_is_warned_about(tmp_path, kind):
    rule = f"  - {{id: x, kind: {kind}, target: app, when: hr.exists}}\n"
    (mistake,) = mistakes_of_project(write_project(tmp_path, rules=RULES + rule))
    assert str(mistake) == (
        "rules/users.yaml:4: warning: the rule 'x' has no throttle; "
        "write for instance 'throttle: 1h'"
    )


def test_two_files_cannot_have_one_ruleset(tmp_path):
    rules = {"a.yaml": "ruleset: users\n", "b.yaml": "ruleset: users\n"}
    assert sentences(tmp_path, rules=rules) == [
        "rules/b.yaml:1: rules/a.yaml has the ruleset 'users' already; choose another name"
    ]


def test_unlock_keys_want_an_installation_with_a_name_of_its_own(tmp_path):
    unlock = f'unlock: {{public_key: "{PUBLIC}"}}\n'
    (mistake,) = mistakes_of_project(write_project(tmp_path, MAIN + unlock))
    assert mistake.level is Level.WARNING
    assert mistake.line == 14
    assert sentences(tmp_path, f"{MAIN}{unlock}installation: example-prod\n") == []
