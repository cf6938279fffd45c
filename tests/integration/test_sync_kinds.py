"""What each kind of rule does to a directory, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hypersync.model.objects import Operation

BOOK = """\
ruleset: book
defaults: {{throttle: 1s, threshold: {{limit: 50}}}}
scopes:
  employed: "hr.status == 'active'"
rules:
{rules}
"""


def book(*rules: str) -> str:
    return BOOK.format(rules="\n".join(f"  - {rule}" for rule in rules))


JOIN = (
    "{id: provision, kind: provision, target: account, scopes: [employed], "
    "once: {uid: \"unique(('account.uid',), ascii(lower(hr.name)), max=20)\"}, "
    "set: {number: hr.id, title: hr.title, active: {text: 'true'}}, required: [title]}"
)
TITLE = "{id: flow-title, kind: update, target: account, set: {title: hr.title}}"
ENABLE = (
    "{id: enable, kind: update, target: account, scopes: [employed], "
    'when: "not account.enabled", do: enable}'
)
OFF = (
    "{id: disable, kind: deprovision, target: account, "
    "when: \"hr.status == 'left' and account.enabled\", do: disable}"
)
DELETE = (
    "{id: delete, kind: deprovision, target: account, when: \"hr.status == 'gone'\", do: delete}"
)


def accounts(world):
    return {
        anchor: version.attributes
        for (kind, anchor), version in world.dir._versions.items()
        if kind == "account" and version.attributes is not None
    }


# --- provision -------------------------------------------------------------------------------


def test_provision_creates_what_is_missing_and_only_that(world):
    world.rules(book(JOIN))
    world.people(range(3), title="clerk")
    world.person(7, name="Ann Ng", title="chief")
    run = world.run()
    assert run.counts.succeeded == 1
    assert accounts(world)["ann ng"] == {
        "uid": "ann ng",
        "number": "e7",
        "title": "chief",
        "active": "true",
    }
    assert world.run("full").counts.proposed == 0


def test_a_created_account_belongs_to_its_person_before_any_scan(world):
    world.rules(book(JOIN, TITLE))
    world.person(7, name="ann", title="chief")
    world.run()
    world.change(7, title="clerk")
    world.later(minutes=1)
    world.scan("hr")
    world.sync("delta")
    assert accounts(world)["ann"]["title"] == "clerk"


def test_names_made_by_unique_differ_within_a_run_and_across_runs(world):
    world.rules(book(JOIN))
    for number in (1, 2):
        world.person(number, name="ann", title="clerk")
    world.run()
    world.person(3, name="ann", title="clerk")
    world.run()
    assert sorted(accounts(world)) == ["ann", "ann2", "ann3"]
    assert {a["number"]: uid for uid, a in accounts(world).items()} == {
        "e1": "ann",
        "e2": "ann2",
        "e3": "ann3",
    }


def test_a_name_of_a_suspended_create_is_reserved_and_kept(world):
    world.rules(book(JOIN).replace("limit: 50", "limit: 0"))
    world.person(1, name="ann", title="clerk")
    world.run()
    first = world.suspended()
    world.person(2, name="ann", title="clerk")
    world.run()
    assert {action.anchor for action in world.suspended()} == {"ann", "ann2"}
    assert first[0].id in {action.id for action in world.suspended()}
    world.approve(*world.suspended())
    world.run()
    assert {a["number"]: uid for uid, a in accounts(world).items()} == {"e1": "ann", "e2": "ann2"}


def test_a_preview_reserves_no_name(world):
    world.rules(book(JOIN))
    world.person(1, name="ann", title="clerk")
    world.run(commit=False)
    assert world.rows("reservation") == []


def test_names_given_before_and_after_an_identity_joins_the_delta_differ(world):
    world.rules(book(JOIN))
    world.people(range(2))
    world.run()
    world.person(8, name="ann", title="clerk")
    world.later(minutes=1)
    world.scan()

    def meanwhile():
        world.person(9, name="ann", title="clerk")
        world.scan("hr")

    world.meanwhile.done.append(meanwhile)
    world.sync("delta")
    world.run("delta")
    numbers = {a["number"]: uid for uid, a in accounts(world).items() if uid.startswith("ann")}
    assert numbers == {"e8": "ann", "e9": "ann2"}
    assert {row[1] for row in world.rows("reservation")} == {"ann", "ann2"}


def test_a_required_value_that_is_missing_is_an_error_and_creates_nothing(world):
    world.rules(book(JOIN))
    world.person(1, name="ann")
    world.person(2, name="bob", title="clerk")
    run = world.run()
    assert list(accounts(world)) == ["bob"]
    errors = world.errors(run)
    assert [(e.rule, e.identity) for e in errors] == [("provision", world.identity(1))]
    assert "required and missing: title" in errors[0].message


def test_a_place_becomes_the_dn(world):
    rule = (
        "{id: provision, kind: provision, target: account, scopes: [employed], "
        "place: {parent: \"'ou=' + hr.title\", rdn: \"'cn=' + dn_escape(hr.name)\"}, "
        "set: {uid: hr.id, number: hr.id}}"
    )
    world.rules(book(rule))
    world.person(1, name="Ng, Ann", title="sales")
    world.person(2, name="Bob")
    run = world.run()
    assert accounts(world)["e1"]["dn"] == "cn=Ng\\, Ann,ou=sales"
    assert "place is missing" in world.errors(run)[0].message


def test_a_taken_anchor_is_a_conflict_and_is_not_overwritten(world):
    rule = "{id: provision, kind: provision, target: account, set: {uid: hr.id, number: hr.id}}"
    world.rules(book(rule))
    world.person(1)
    world.later(minutes=1)
    world.scan()
    world.dir.put("account", "e1", {"uid": "e1", "number": "somebody else"})
    run = world.sync()
    assert run.counts.conflict == 1
    assert accounts(world)["e1"]["number"] == "somebody else"
    assert world.codes(run) == [("provision", "conflict")]


# --- update ----------------------------------------------------------------------------------


def test_update_writes_what_differs(world):
    world.rules(book(TITLE))
    world.people(range(3), title="clerk")
    world.account(1, title="clerk")
    run = world.run()
    assert run.counts.succeeded == 2
    assert {a["title"] for a in accounts(world).values()} == {"clerk"}
    (one, _) = world.actions(run)
    assert (one.before, one.after) == ({"title": None}, {"title": "clerk"})


def test_a_missing_value_leaves_the_attribute_alone(world):
    world.rules(book(TITLE))
    world.person(1)
    world.account(1, title="kept")
    assert world.run().counts.proposed == 0
    assert accounts(world)["u1"]["title"] == "kept"


def test_clear_if_missing_empties_the_attribute(world):
    world.rules(book(TITLE.replace("}}", "}, clear_if_missing: [title]}")))
    world.person(1)
    world.account(1, title="old")
    world.run()
    assert "title" not in accounts(world)["u1"]


def test_more_clears_than_one_percent_but_at_least_five_trip(world):
    world.rules(book(TITLE.replace("}}", "}, clear_if_missing: [title]}")))
    for number in range(6):
        world.person(number)
        world.account(number, title="old")
    run = world.run()
    assert run.counts.suspended == 6
    assert "6 values become empty" in run.rules["flow-title"].reason


def test_enable_and_disable_switch_once(world):
    world.rules(book(ENABLE, OFF))
    world.people(range(3))
    world.account(0, active="false")
    world.leave(1)
    world.run()
    assert world.disabled() == {"u1"}
    assert world.run("full").counts.proposed == 0


def test_enable_against_disable_proposes_nothing_and_is_an_error_of_both(world):
    both = (
        "{id: on, kind: update, target: account, when: \"hr.title == 'x'\", do: enable}",
        "{id: off, kind: deprovision, target: account, when: \"hr.status == 'left'\", do: disable}",
    )
    world.rules(book(*both))
    world.person(1, title="x", status="left")
    world.account(1)
    world.person(2, title="x", status="left")
    world.account(2, active="false")
    world.person(3, status="left")
    world.account(3)
    run = world.run()
    assert world.disabled() == {"u2", "u3"}
    assert sorted(world.codes(run)) == [
        ("off", "conflict"),
        ("off", "conflict"),
        ("on", "conflict"),
        ("on", "conflict"),
    ]


def test_a_move_keeps_the_name_and_a_rename_keeps_the_place(world):
    move = "{id: move, kind: update, target: account, do: {move: \"'ou=' + hr.title\"}}"
    rename = "{id: rename, kind: update, target: account, do: {rename: \"'cn=' + hr.name\"}}"
    world.rules(book(move))
    world.person(1, name="Bea", title="it")
    world.account(1, dn="cn=Ann\\, Ng,ou=sales")
    run = world.run()
    assert accounts(world)["u1"]["dn"] == "cn=Ann\\, Ng,ou=it"
    assert [action.operation for action in world.actions(run)] == [Operation.MOVE]
    world.rules(book(rename))
    run = world.run()
    assert accounts(world)["u1"]["dn"] == "cn=Bea,ou=it"
    assert [action.operation for action in world.actions(run)] == [Operation.RENAME]
    assert world.run("full").counts.proposed == 0


# --- several rules about one thing -----------------------------------------------------------

STRONG = (
    "{id: strong, kind: update, target: account, precedence: 2, when: \"hr.level == 'C'\", "
    "set: {title: \"'chief'\"}}"
)
WEAK = "{id: weak, kind: update, target: account, precedence: 1, set: {title: hr.title}}"


def test_the_higher_precedence_wins_and_the_loser_never_swings_it_back(world):
    world.rules(book(WEAK, STRONG))
    world.person(1, title="clerk", level="C")
    world.person(2, title="clerk")
    world.account(1)
    world.account(2)
    world.run()
    for kind in ("full", "delta", "full"):
        assert world.run(kind).counts.proposed == 0
    assert [accounts(world)[uid]["title"] for uid in ("u1", "u2")] == ["chief", "clerk"]


def test_a_stronger_rule_without_a_value_leaves_it_to_the_weaker(world):
    world.rules(book(WEAK, STRONG.replace("\"'chief'\"", "hr.name")))
    world.person(1, title="clerk", level="C", name="")
    world.account(1)
    world.run()
    assert accounts(world)["u1"]["title"] == "clerk"


def test_why_names_the_loser_and_the_values(world):
    world.rules(book(WEAK, STRONG))
    world.person(1, title="clerk", level="C")
    world.account(1)
    world.run()
    answer = world.app.why(world.identity(1))
    weak, strong = answer.rules
    assert (weak.result, strong.result) == ("true", "true")
    assert "title is decided by strong" in weak.note
    assert "decided by" not in strong.note
    assert ("hr.level", "C") in [(trace.source, trace.value) for trace in strong.values]
    assert answer.slots["hr"]["title"] == "clerk"


def test_of_several_rules_that_do_the_same_the_first_proposes(world):
    world.rules(book(OFF, OFF.replace("id: disable", "id: second")))
    world.people(range(3))
    world.leave(1)
    run = world.run()
    assert [action.rule for action in world.actions(run)] == ["disable"]
    notes = {each.rule: each.note for each in world.app.why(world.identity(1)).rules}
    assert set(notes) == {"disable", "second"}


# --- deprovision -----------------------------------------------------------------------------


def test_delete_removes_the_account(world):
    world.rules(book(DELETE))
    world.people(range(3))
    world.change(1, status="gone")
    run = world.run()
    assert sorted(accounts(world)) == ["u0", "u2"]
    (action,) = world.actions(run)
    assert action.before["number"] == "e1"
    assert action.after is None
    assert world.run("full").counts.proposed == 0


def test_what_vanished_from_the_source_can_be_disabled(world):
    rule = OFF.replace("hr.status == 'left'", "hr.was_present and not hr.exists")
    world.rules(book(rule))
    world.people(range(40))
    world.run()
    world.hr.remove("person", "e3")
    world.run()
    assert world.disabled() == {"u3"}


def test_an_account_that_never_had_a_person_is_left_alone(world):
    rule = OFF.replace("hr.status == 'left'", "hr.was_present and not hr.exists")
    world.rules(book(rule))
    world.people(range(3))
    world.account(99)
    world.run()
    assert world.disabled() == set()


def test_an_object_that_cannot_be_read_fires_nothing(world):
    rule = OFF.replace("hr.status == 'left'", "hr.was_present and not hr.exists")
    world.rules(book(rule, OFF.replace("id: disable", "id: other")))
    world.people(range(40))
    world.leave(3)
    world.hr.faults.invalid.add("e3")
    world.run()
    assert world.disabled() == set()


# --- membership ------------------------------------------------------------------------------

MEMBER = (
    "{{id: sales, kind: membership, group: {{slot: team, where: \"cn == 'sales'\"}}, "
    "member: account, when: \"hr.title == 'sales'\", mode: {mode}}}"
)


def test_an_additive_rule_adds_and_never_removes(world):
    world.rules(book(MEMBER.format(mode="additive")))
    world.people(range(20), title="clerk")
    world.group("sales", "u1", "u2")
    world.change(3, title="sales")
    world.run()
    assert world.members("sales") == ("u1", "u2", "u3")
    assert world.run("full").counts.proposed == 0


def test_an_authoritative_rule_removes_only_where_its_condition_is_a_clean_false(world):
    world.rules(book(MEMBER.format(mode="authoritative")))
    world.person(1, title="sales")
    world.person(2, title="clerk")
    world.person(3)
    for number in (1, 2, 3, 4):
        world.account(number)
    world.group("sales", "u2", "u3", "u4")
    world.run()
    assert world.members("sales") == ("u1", "u3", "u4")
    assert world.run("full").counts.proposed == 0


def test_no_group_becomes_empty_unasked(world):
    world.rules(book(MEMBER.format(mode="authoritative")))
    world.person(2, title="clerk")
    world.account(2)
    world.group("sales", "u2")
    run = world.run()
    assert world.members("sales") == ("u2",)
    assert "becomes empty" in run.rules["sales"].reason


@pytest.mark.parametrize(
    ("when", "groups", "people", "said"),
    [
        ("cn == 'sales'", ("sales",), range(3), "sales would add 3 members to sales in dir: "),
        (
            "cn != ''",
            ("sales", "team"),
            range(3),
            "sales would add 6 members to 2 groups in dir: ",
        ),
        ("cn == 'sales'", ("sales",), range(1), "sales would add Person 0 to sales in dir: "),
    ],
    ids=["many", "groups", "one"],
)
def test_a_question_about_members_says_how_many_join_which_group(world, when, groups, people, said):
    rule = MEMBER.format(mode="additive").replace(
        "cn == 'sales'", when.replace("cn != ''", "cn != ''")
    )
    world.rules(book(rule.replace("mode:", "threshold: {limit: 0}, mode:")))
    world.people(range(4))
    for each in people:
        world.change(each, title="sales")
    for each in groups:
        world.group(each)
    world.run()
    with world.app.store.snapshot() as unit:
        (request,) = unit.requests.open()
    assert request.sentence.startswith(said)


def test_a_question_about_who_leaves_a_group_says_who_and_which(world):
    world.rules(
        book(MEMBER.format(mode="authoritative").replace("mode:", "threshold: {limit: 0}, mode:"))
    )
    world.people(range(4), title="sales")
    world.change(2, title="clerk")
    world.group("sales", "u0", "u1", "u2", "u3")
    world.run()
    with world.app.store.snapshot() as unit:
        (request,) = unit.requests.open()
    assert request.sentence.startswith("sales would remove Person 2 from sales in dir: ")


def test_a_group_condition_that_fails_is_an_error_of_that_rule_only(world):
    broken = MEMBER.format(mode="authoritative").replace("cn == 'sales'", "cn < 5")
    world.rules(book(broken, OFF))
    world.people(range(3))
    world.group("sales", "u1", "u2")
    world.leave(1)
    run = world.run()
    assert world.disabled() == {"u1"}
    assert ("sales", "evaluation") in world.codes(run)
    assert world.members("sales") == ("u1", "u2")


def test_a_new_account_and_its_membership_take_two_steps_in_the_right_order(world):
    world.rules(book(JOIN, MEMBER.format(mode="additive")))
    world.group("sales", "somebody")
    world.person(1, name="ann", title="sales")
    world.run()
    assert world.members("sales") == ("somebody",)
    world.run("delta")
    assert world.members("sales") == ("ann", "somebody")


# --- event -----------------------------------------------------------------------------------

WELCOME = (
    "{id: welcome, kind: event, when: \"account.exists and hr.title == 'new'\", "
    'do: {webhook: "https://hooks.example.org/welcome"}}'
)


def test_an_event_fires_once_and_again_only_after_its_condition_was_false(world):
    world.rules(book(WELCOME))
    world.people(range(3))
    world.change(1, title="new")
    for kind in ("full", "full", "delta"):
        world.run(kind)
    assert [action.identity for action in world.sink.fired] == [world.identity(1)]
    world.change(1, title="old")
    world.run()
    world.change(1, title="new")
    world.run()
    assert len(world.sink.fired) == 2


def test_an_unknown_condition_does_not_arm_an_event_again(world):
    world.rules(book(WELCOME))
    world.person(1, title="new")
    world.account(1)
    world.run()
    world.change(1, title="")
    world.run()
    world.change(1, title="new")
    world.run()
    assert len(world.sink.fired) == 1


def test_a_preview_of_an_event_does_not_use_it_up(world):
    world.rules(book(WELCOME))
    world.person(1, title="new")
    world.account(1)
    assert world.run(commit=False).counts.proposed == 1
    world.run()
    assert len(world.sink.fired) == 1


def test_a_throttled_event_fires_when_the_throttle_is_over(world):
    world.rules(book(WELCOME.replace("}}", "}, throttle: 1h}")))
    world.person(1, title="new")
    world.account(1)
    world.run()
    for title in ("old", "new"):
        world.change(1, title=title)
        run = world.run()
    assert run.counts.throttled == 1
    world.later(hours=1)
    world.run()
    assert len(world.sink.fired) == 2


def test_wake_brings_an_identity_back_without_a_change(world):
    rule = (
        '{id: end, kind: deprovision, target: account, wake: "date(hr.title)", '
        'when: "date(hr.title) < today() and account.enabled", do: disable}'
    )
    world.rules(book(rule))
    world.person(1, title="2026-03-04")
    world.account(1)
    world.run()
    world.run()
    world.clock.time += timedelta(days=1)
    assert world.sync("delta").counts.identities == 0
    world.clock.time += timedelta(days=2)
    world.sync("delta")
    assert world.disabled() == {"u1"}
