"""Who changed a rule, and what counts as a change: tables of cases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.approvals.authors import authors, changes, with_one_more
from hypersync.approvals.directory import EVERYBODY, Directory
from hypersync.approvals.settings import Loaded
from hypersync.model.mistake import Level
from hypersync.ports.store.publications import Publication
from hypersync.rulebook.load import load_rulebook
from tests.asking import NOON, person
from tests.projects import MAIN, load_project, mistakes_of_project, write_project

HOUR = timedelta(hours=1)
LOADED = Loaded(rules={"a": "1", "b": "1"}, at=NOON, by="cli:ann")
DIRECTORY = Directory(
    people={
        "ann": person("ann", os_user="ann", delegate="dee"),
        "bob": person("bob", os_user="bob"),
        "dee": person("dee"),
    }
)

RULES = """\
ruleset: users
defaults: {threshold: {expires: 24h}}
scopes: {here: "hr.exists"}
rules:
  - {id: flow-title, kind: update, target: app, scopes: [here], when: "hr.title != 'x'",
     set: {title: "table('titles', hr.title)"}, throttle: 1h,
     threshold: {limit: 5}, owner: ann}
"""
MORE = """\
people:
  ann: {email: ann@example.org, roles: [approver]}
  bob: {email: bob@example.org, roles: [approver]}
tables: {titles: {chief: Chief}, others: {a: b}}
"""


def said(rule: str, content: str | None, **values: object) -> Publication:
    known: dict[str, object] = {
        "loaded_at": NOON - HOUR,
        "brought_at": NOON - HOUR,
        "by": "cli:ann",
    }
    return Publication(rule=rule, content=content, **{**known, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ([], {"a": "1", "b": "1"}),
        ([said("a", "1"), said("b", "1")], {}),
        ([said("a", "0"), said("b", "1")], {"a": "1"}),
        ([said("a", "1")], {"b": "1"}),
        ([said("a", None), said("b", "1")], {"a": "1"}),
        ([said("a", "1"), said("b", "1"), said("c", "1")], {"c": None}),
        ([said("a", "1"), said("b", "1"), said("c", None)], {}),
        ([said("a", "0", loaded_at=NOON), said("b", "1")], {"a": "1"}),
        ([said("a", "2", loaded_at=NOON + HOUR), said("b", "1")], {}),
        ([said("a", "1"), said("b", "1"), said("c", "1", loaded_at=NOON + HOUR)], {}),
    ],
    ids=[
        "nothing is known",
        "nothing changed",
        "another text",
        "a new rule",
        "a rule that comes back",
        "a rule that goes",
        "a rule that is gone already",
        "another text of the same moment",
        "a text that was read after ours",
        "a rule that was made after ours were read",
    ],
)
def test_what_another_text_is(known, found):
    assert changes({each.rule: each for each in known}, LOADED) == found


@pytest.mark.parametrize(
    ("change", "people", "is_known"),
    [
        ({"people": {"bob"}}, {"bob"}, True),
        ({"people": {"ann"}}, {"ann", "dee"}, True),
        ({"people": {"ann", "bob"}}, {"ann", "bob", "dee"}, True),
        ({"by": "cli:bob"}, {"bob"}, True),
        ({"by": "cli:nobody"}, set(), False),
        ({"by": "cli:nobody", "people": {"bob"}}, {"bob"}, True),
        ({"people": {"gone"}}, set(), False),
        ({"people": {"bob", "gone"}}, {"bob"}, False),
    ],
)
def test_authors_are_those_named_and_who_stands_in_for_them(change, people, is_known):
    values = {**change, "people": frozenset(change.get("people", ()))}
    found = authors(said("a", "1", **{"by": "cli:nobody", **values}), DIRECTORY)
    assert (found.people, found.is_known) == (people, is_known)


def test_an_author_who_is_not_known_takes_one_more_approval():
    unknown = authors(said("a", "1", by="cli:nobody"), DIRECTORY)
    both = replace(EVERYBODY, need=2)
    assert with_one_more(both, unknown, DIRECTORY).need == 3
    assert with_one_more(both, unknown, Directory()) == both
    assert with_one_more(both, authors(said("a", "1"), DIRECTORY), DIRECTORY) == both


def text_of(folder, rules=RULES, more=MORE, **values):
    path = write_project(folder, MAIN + more, rules=rules, **values)
    (rule,) = load_rulebook(load_project(path)).rules
    return rule.text_hash


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("limit: 5", "limit: 6"),
        ("limit: 5", "limit: 5, on_expiry: approve"),
        ("limit: 5", "limit: 5, plan: mine"),
        ("expires: 24h", "expires: 25h"),
        ("throttle: 1h", "throttle: 2h"),
        ("'x'", "'y'"),
        ("hr.exists", "hr.exists and present(hr.title)"),
        ("owner: ann", "precedence: 0"),
        ("owner: ann", "simulate: true"),
        ("table('titles', hr.title)", "hr.title"),
    ],
)
def test_a_rule_is_another_when_what_it_does_or_holds_it_back_is(tmp_path, was, now):
    assert text_of(tmp_path / "a") != text_of(tmp_path / "b", RULES.replace(was, now))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("when: \"hr.title != 'x'\"", "when: \"hr.title  !=  'x'\""),
        ("ruleset: users", "# a comment\nruleset: users"),
        ("owner: ann", "owner: bob"),
        ("limit: 5", "limit: 5, template: joiners"),
        ("limit: 5", "limit: 5, on_expiry: clear"),
        ("limit: 5", "limit: 5, expires: 1d"),
    ],
)
def test_a_rule_is_the_same_when_it_is_only_written_otherwise(tmp_path, was, now):
    assert text_of(tmp_path / "a") == text_of(tmp_path / "b", RULES.replace(was, now))


def test_the_tables_that_a_rule_reads_belong_to_it(tmp_path):
    known = text_of(tmp_path / "a")
    assert text_of(tmp_path / "b", more=MORE.replace("Chief", "Boss")) != known
    assert text_of(tmp_path / "c", more=MORE.replace("a: b", "a: c")) == known


def test_the_environment_values_that_a_rule_reads_belong_to_it(tmp_path):
    rules = RULES.replace("throttle: 1h", "throttle: env.PAUSE")
    files = [{"dev": f"PAUSE: {pause}\nOTHER: {other}\n"} for pause, other in PAUSES]
    texts = [
        text_of(tmp_path / str(number), rules, environments=each)
        for number, each in enumerate(files)
    ]
    assert texts[0] == texts[1] != texts[2]


PAUSES = [("1h", "1"), ("1h", "2"), ("2h", "1")]


def test_a_publisher_who_is_nobody_is_warned_about(tmp_path):
    path = write_project(tmp_path, MAIN + MORE + "published_by: eve\n", rules=RULES)
    (mistake,) = [each for each in mistakes_of_project(path) if "eve" in each.message]
    assert mistake.level is Level.WARNING
    assert (
        mistake.message
        == "there is no person 'eve'; what changed rules want takes one more approval"
    )
    known = write_project(tmp_path / "b", MAIN + MORE + "published_by: ann\n", rules=RULES)
    assert [each for each in mistakes_of_project(known) if "person" in each.message] == []
