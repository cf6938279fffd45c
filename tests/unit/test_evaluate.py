from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hypersync.pipeline.drafts import Group
from hypersync.pipeline.evaluate import MOST_FAILURES, Scope, grouped
from tests.evaluations import account, hr, looks, row, rulebook
from tests.expressions import NOW

OFF = (
    "{id: off, kind: deprovision, target: account, "
    "when: \"hr.status == 'left' and account.enabled\", do: disable}"
)
TITLE = "{id: title, kind: update, target: account, set: {title: hr.title}}"
VIP = "vip: [{name: chiefs, when: \"hr.level == 'C'\"}]"


def fired(look):
    return None if look is None else [draft.rule.id for draft in look.drafts]


def test_objects_of_one_identity_are_looked_at_together():
    decoders = [lambda text: text, lambda text: text]
    rows = [hr(1), account(1), hr(2), account(3), row(3, "team", "g"), row(3, None, "x")]
    found = list(grouped(rows, {"hr": 0, "account": 1}, decoders))
    assert [identity.id for identity in found] == [1, 2, 3]
    assert [[each is not None for each in one.objects] for one in found] == [
        [True, True],
        [True, False],
        [False, True],
    ]
    assert found[0].rows[1][:2] == (102, "u1")


def test_nothing_to_look_at_is_nothing():
    assert list(grouped([], {}, [])) == []


@pytest.mark.parametrize(
    ("absence", "mask"),
    [("gone", "gone"), ("absent", "gone"), ("invalid", "invalid"), ("out_of_scope", "outside")],
)
def test_present_invalid_absent_and_out_of_scope_are_four_states(absence, mask):
    (found,) = grouped([hr(1, absence=absence)], {"hr": 0}, [lambda text: text])
    assert found.objects == [None]
    masks = {name: getattr(found, name) for name in ("gone", "outside", "invalid")}
    assert masks == {**dict.fromkeys(masks, 0), mask: 1}


def test_only_who_has_something_to_say_leaves_a_look(tmp_path):
    book = rulebook(tmp_path, OFF)
    rows = [hr(1), account(1), hr(2, status="left"), account(2)]
    quiet, loud = looks(book, rows)
    assert quiet is None
    assert fired(loud) == ["off"]


def test_an_update_that_changes_nothing_says_nothing(tmp_path):
    book = rulebook(tmp_path, TITLE)
    assert looks(book, [hr(1, title="x"), account(1, title="x")]) == [None]


def test_who_is_watched_always_leaves_a_look_with_the_clean_falses(tmp_path):
    book = rulebook(tmp_path, OFF, TITLE)
    rows = [hr(1), account(1)]
    (look,) = looks(book, rows, scope=Scope(watched={1}))
    assert look.clean_false == {"off"}
    assert look.fired == {"title"}


def test_unknown_and_errors_are_no_clean_false(tmp_path):
    wrong = '{id: wrong, kind: event, when: "hr.title < 5", do: {webhook: "https://h.example.org"}}'
    book = rulebook(tmp_path, OFF, wrong)
    rows = [hr(1, status=None, title="text"), account(1)]
    (look,) = looks(book, rows, scope=Scope(watched={1}))
    assert look.clean_false == set()
    assert [(each.rule, each.code) for each in look.problems] == [("wrong", "evaluation")]


def test_a_rule_whose_change_fails_has_not_fired(tmp_path):
    broken = '{id: broken, kind: update, target: account, set: {title: "hr.title + 5"}}'
    book = rulebook(tmp_path, broken)
    (look,) = looks(book, [hr(1, title="x"), account(1)], scope=Scope(watched={1}))
    assert look.fired == set()
    assert look.clean_false == set()
    assert [each.rule for each in look.problems] == ["broken"]


def test_an_identity_may_be_asked_about_some_rules_only(tmp_path):
    book = rulebook(tmp_path, OFF, TITLE)
    rows = [hr(1, status="left", title="x"), account(1)]
    scope = Scope(rules={1: frozenset({"title"})}, watched={1})
    (look,) = looks(book, rows, scope=scope)
    assert fired(look) == ["title"]
    assert look.fired == {"title"}
    (look,) = looks(book, [hr(1), account(1)], scope=scope)
    assert "off" not in look.clean_false


def test_who_waits_runs_no_rule_and_says_why(tmp_path):
    book = rulebook(tmp_path, OFF)
    rows = [hr(1, status="left"), account(1)]
    (look,) = looks(book, rows, scope=Scope(waiting={1: "two accounts"}))
    assert (look.waits, look.drafts) == ("two accounts", [])


def test_one_failing_rule_leaves_the_others_alone(tmp_path):
    wrong = (
        '{id: wrong, kind: update, target: account, when: "hr.title < 5", set: {title: hr.name}}'
    )
    book = rulebook(tmp_path, wrong, OFF)
    (look,) = looks(book, [hr(1, status="left", title="x"), account(1)])
    assert fired(look) == ["off"]
    assert [each.rule for each in look.problems] == ["wrong"]


def test_rules_that_fail_a_thousand_times_say_each_error_once(tmp_path):
    wrong = (
        '{id: wrong, kind: update, target: account, when: "hr.title < 5", set: {title: hr.name}}'
    )
    value = '{id: value, kind: update, target: account, set: {number: "hr.title + 5"}}'
    book = rulebook(
        tmp_path, wrong, value, OFF, more=VIP.replace("'C'\"", "'C' and hr.title < 5\"")
    )
    count = MOST_FAILURES + 100
    rows = [
        each
        for number in range(count)
        for each in (hr(number, status="left", title="x", level="C"), account(number))
    ]
    found = looks(book, rows)
    assert len(found) == count
    for look in found:
        assert [each.rule for each in look.problems] == ["wrong", "vip:chiefs", "value"]
        assert fired(look) == ["off"]
        assert look.vips == {"chiefs": False}


@pytest.mark.parametrize(
    ("level", "vips"), [("C", {"chiefs": True}), (None, {"chiefs": False}), ("E", {})]
)
def test_vip_rules_say_whether_they_are_true_or_cannot_be_told(tmp_path, level, vips):
    book = rulebook(tmp_path, OFF, more=VIP)
    (look,) = looks(book, [hr(1, level=level, status="left"), account(1)])
    assert look.vips == vips


def test_a_vip_rule_whose_slots_are_all_empty_makes_no_vip(tmp_path):
    book = rulebook(tmp_path, OFF, more=VIP)
    assert looks(book, [account(1)]) == [None]


def test_the_next_time_to_look_again_is_the_earliest_to_come(tmp_path):
    def waking(name, attribute):
        return (
            f'{{id: {name}, kind: deprovision, target: account, wake: "date(hr.{attribute})", '
            f"when: \"hr.status == 'gone'\", do: disable}}"
        )

    book = rulebook(tmp_path, waking("one", "title"), waking("two", "level"))
    tomorrow = (NOW + timedelta(days=1)).date()
    rows = [hr(1, title=tomorrow.isoformat(), level="2027-01-01"), account(1)]
    (look,) = looks(book, rows)
    assert look.wake.date() == tomorrow
    assert look.wake.tzinfo is not None
    assert looks(book, [hr(1, title="2020-01-01"), account(1)]) == [None]
    assert looks(book, [hr(1, title="rubbish"), account(1)]) == [None]
    assert looks(book, [hr(1, title=tomorrow.isoformat())]) == [None]


def test_each_identity_is_announced_before_it_is_asked(tmp_path):
    seen = []
    book = rulebook(tmp_path, OFF)
    looks(book, [hr(1), hr(2), account(3)], enter=lambda identity: seen.append(identity.id))
    assert seen == [1, 2, 3]


def test_members_leave_only_on_a_clean_false(tmp_path):
    member = (
        "{id: sales, kind: membership, group: {slot: team, where: \"cn == 'sales'\"}, "
        "member: account, when: \"hr.title == 'sales'\", mode: authoritative}"
    )
    book = rulebook(tmp_path, member)
    group = Group(7, "dir", "group", "sales", "sales", {"u1", "u2", "u3"}.__contains__)
    rows = [hr(1, title="sales"), account(1), hr(2, title="it"), account(2), hr(3), account(3)]
    rows += [hr(4, title="sales"), account(4)]
    found = looks(book, rows, groups={"sales": [group]})
    assert [fired(look) for look in found] == [None, ["sales"], None, ["sales"]]
    assert [look.drafts[0].operation.value for look in found if look] == [
        "remove_member",
        "add_member",
    ]


def test_a_time_without_a_zone_is_utc(tmp_path):
    wake = (
        "{id: one, kind: deprovision, target: account, wake: \"now() + span('1h')\", "
        "when: \"hr.status == 'gone'\", do: disable}"
    )
    book = rulebook(tmp_path, wake)
    (look,) = looks(book, [hr(1), account(1)])
    assert look.wake == datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
