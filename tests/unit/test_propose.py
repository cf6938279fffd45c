from __future__ import annotations

import pytest

from hypersync.model.objects import Operation
from hypersync.pipeline.drafts import Group
from hypersync.pipeline.propose import split_dn
from tests.evaluations import account, hr, looks, rulebook
from tests.expressions import World


def one(book, *rows, **more):
    """The drafts and problems of one identity."""
    (look,) = looks(book, rows, **more)
    if look is None:
        return [], []
    return look.drafts, [(each.rule, each.code, each.message) for each in look.problems]


@pytest.mark.parametrize(
    ("dn", "own", "parent"),
    [
        ("cn=a,ou=b,dc=c", "cn=a", "ou=b,dc=c"),
        ("cn=a\\,b,ou=c", "cn=a\\,b", "ou=c"),
        ("cn=a\\\\,ou=c", "cn=a\\\\", "ou=c"),
        ("cn=a\\\\\\,b,ou=c", "cn=a\\\\\\,b", "ou=c"),
        ("cn=a", "cn=a", ""),
        ("", "", ""),
    ],
)
def test_a_dn_is_split_at_its_first_comma_that_is_not_escaped(dn, own, parent):
    assert split_dn(dn) == (own, parent)


CREATE = (
    "{id: create, kind: provision, target: account, set: {uid: hr.id, number: hr.id, "
    "title: hr.title}, once: {dn: \"unique(('account.dn',), hr.name, max=20)\"}}"
)


def test_a_create_holds_what_it_sets_and_leaves_out_what_is_missing(tmp_path):
    (draft,), problems = one(rulebook(tmp_path, CREATE), hr(1))
    assert problems == []
    assert draft.operation is Operation.CREATE
    assert (draft.anchor, draft.object_id, draft.before) == ("e1", None, None)
    assert draft.after == {"uid": "e1", "number": "e1"}
    assert draft.once == {"dn": "Person 1"}
    assert draft.key == "create|1|account"
    assert draft.name == "Person 1"


def test_a_create_without_its_anchor_is_an_error(tmp_path):
    book = rulebook(tmp_path, CREATE.replace("uid: hr.id", "uid: hr.level"))
    drafts, problems = one(book, hr(1))
    assert drafts == []
    assert problems == [
        ("create", "evaluation", "the anchor uid is missing; the rule has to set it")
    ]


def test_the_key_is_rule_identity_and_object(tmp_path):
    title = "{id: title, kind: update, target: account, set: {title: hr.title}}"
    (draft,), _ = one(rulebook(tmp_path, title), hr(1, title="x"), account(1))
    assert draft.key == "title|1|102"


def test_dates_and_lists_are_written_as_the_silo_keeps_them(tmp_path):
    title = "{id: title, kind: update, target: account, set: {title: \"split('b,a', ',')\"}}"
    (draft,), _ = one(rulebook(tmp_path, title), hr(1), account(1, title="x"))
    assert draft.after == {"title": ("a", "b")}
    title = "{id: title, kind: update, target: account, set: {title: \"date('2026-01-02')\"}}"
    (draft,), _ = one(rulebook(tmp_path, title), hr(1), account(1, title="x"))
    assert draft.after == {"title": "2026-01-02"}


def test_the_order_of_several_values_is_no_change(tmp_path):
    title = "{id: title, kind: update, target: account, set: {title: \"split('b,a', ',')\"}}"
    assert one(rulebook(tmp_path, title), hr(1), account(1, title=("a", "b"))) == ([], [])


def test_a_reference_that_is_not_there_yet_leaves_the_attribute_alone(tmp_path):
    title = "{id: boss, kind: update, target: account, set: {title: \"ref('account', hr.title)\"}}"
    book = rulebook(tmp_path, title)
    assert one(book, hr(1, title="e7"), account(1, title="x")) == ([], [])
    world = World(references={("account", "e7"): "cn=seven"})
    (draft,), _ = one(book, hr(1, title="e7"), account(1, title="x"), world=world)
    assert draft.after == {"title": "cn=seven"}


WEAK = "{id: weak, kind: update, target: account, precedence: 1, set: {title: hr.title}}"
STRONG = "{id: strong, kind: update, target: account, precedence: 2, set: {title: hr.level}}"
OTHER = (
    "{id: other, kind: update, target: account, precedence: 1, set: {title: hr.title, dn: hr.name}}"
)


def outcome(drafts):
    return {draft.rule.id: (draft.before, draft.after) for draft in drafts}


def test_the_stronger_rule_decides_even_when_it_agrees_with_what_is_there(tmp_path):
    book = rulebook(tmp_path, WEAK, STRONG)
    drafts, _ = one(book, hr(1, title="weak", level="strong"), account(1, title="x"))
    assert outcome(drafts) == {"strong": ({"title": "x"}, {"title": "strong"})}
    assert one(book, hr(1, title="weak", level="strong"), account(1, title="strong")) == ([], [])


def test_without_a_value_the_stronger_rule_leaves_it_to_the_weaker(tmp_path):
    book = rulebook(tmp_path, WEAK, STRONG)
    drafts, _ = one(book, hr(1, title="weak"), account(1, title="x"))
    assert outcome(drafts) == {"weak": ({"title": "x"}, {"title": "weak"})}


def test_a_stronger_rule_that_clears_wins_without_a_value(tmp_path):
    book = rulebook(tmp_path, WEAK, STRONG.replace("}}", "}, clear_if_missing: [title]}"))
    drafts, _ = one(book, hr(1, title="weak"), account(1, title="x"))
    assert outcome(drafts) == {"strong": ({"title": "x"}, {"title": None})}


def test_a_stronger_rule_in_error_keeps_the_weaker_waiting(tmp_path):
    book = rulebook(tmp_path, WEAK, STRONG.replace("hr.level", '"hr.level + 5"'))
    drafts, problems = one(book, hr(1, title="weak", level="x"), account(1, title="y"))
    assert drafts == []
    assert [each[0] for each in problems] == ["strong", "weak"]


def test_only_the_contested_attribute_is_lost(tmp_path):
    book = rulebook(tmp_path, OTHER, STRONG)
    drafts, _ = one(book, hr(1, title="weak", level="strong"), account(1, title="x"))
    assert outcome(drafts) == {
        "other": ({"dn": None}, {"dn": "Person 1"}),
        "strong": ({"title": "x"}, {"title": "strong"}),
    }


def switch(name, operation, when):
    kind = "update" if operation == "enable" else "deprovision"
    return f'{{id: {name}, kind: {kind}, target: account, when: "{when}", do: {operation}}}'


@pytest.mark.parametrize("active", ["true", "false"])
def test_enable_against_disable_is_an_error_whichever_way_it_stands(tmp_path, active):
    book = rulebook(
        tmp_path,
        switch("on", "enable", "hr.title == 'x'"),
        switch("off", "disable", "hr.status == 'left'"),
    )
    drafts, problems = one(book, hr(1, title="x", status="left"), account(1, active=active))
    assert drafts == []
    text = "enable and disable at once: on against off"
    assert problems == [("on", "conflict", text), ("off", "conflict", text)]
    (draft,), problems = one(book, hr(1, status="left"), account(1))
    assert (draft.rule.id, problems) == ("off", [])


def test_of_several_that_do_the_same_the_first_in_file_order_proposes(tmp_path):
    book = rulebook(
        tmp_path,
        switch("one", "disable", "hr.status == 'left'"),
        switch("two", "disable", "hr.title == 'x'"),
    )
    (draft,), problems = one(book, hr(1, title="x", status="left"), account(1))
    assert (draft.rule.id, problems) == ("one", [])
    (draft,), _ = one(book, hr(1, title="x"), account(1))
    assert draft.rule.id == "two"


def test_two_deletes_of_one_object_are_one(tmp_path):
    book = rulebook(
        tmp_path,
        switch("one", "delete", "hr.status == 'left'"),
        switch("two", "delete", "hr.status == 'left'"),
    )
    (draft,), _ = one(book, hr(1, status="left"), account(1, title="x"))
    assert draft.rule.id == "one"
    assert draft.before == {"uid": "u1", "number": "e1", "active": "true", "title": "x"}
    assert draft.after is None


MOVE = "{id: move, kind: update, target: account, do: {move: \"'ou=' + hr.title\"}}"


@pytest.mark.parametrize(
    ("dn", "title", "goal"),
    [
        ("cn=a,ou=b", "c", "cn=a,ou=c"),
        ("cn=a,OU=B", "b", None),
        ("cn=a, ou=b", "b", None),
        ("cn=a\\,b,ou=x", "y", "cn=a\\,b,ou=y"),
        ("cn=a,ou=b", None, None),
    ],
)
def test_a_move_compares_names_as_directories_do(tmp_path, dn, title, goal):
    drafts, problems = one(rulebook(tmp_path, MOVE), hr(1, title=title), account(1, dn=dn))
    assert problems == []
    assert [draft.after for draft in drafts] == ([] if goal is None else [{"dn": goal}])


def test_an_object_without_a_dn_cannot_be_moved(tmp_path):
    drafts, problems = one(rulebook(tmp_path, MOVE), hr(1, title="x"), account(1))
    assert drafts == []
    assert problems == [("move", "evaluation", "account has no dn to move")]


MEMBER = (
    "{id: sales, kind: membership, group: {slot: team, where: \"cn == 'sales'\"}, "
    "member: account, when: \"hr.title == 'sales'\", mode: additive}"
)


def test_a_member_is_meant_by_its_dn_where_it_has_one(tmp_path):
    asked = []

    def has(reference):
        asked.append(reference)
        return False

    group = Group(7, "dir", "group", "sales", "sales", has)
    book = rulebook(tmp_path, MEMBER)
    rows = hr(1, title="sales"), account(1, dn="CN=Ann,OU=x")
    (draft,), _ = one(book, *rows, groups={"sales": [group]})
    assert set(asked) == {"cn=ann,ou=x"}
    assert (draft.anchor, draft.object_id, draft.target) == ("sales", 7, "sales\x1fu1")
    assert (draft.before, draft.after) == (None, {"member": "u1"})
    assert draft.key == "sales|1|sales\x1fu1"


def test_groups_that_cannot_be_told_are_an_error_of_each_who_would_join(tmp_path):
    drafts, problems = one(rulebook(tmp_path, MEMBER), hr(1, title="sales"), account(1))
    assert drafts == []
    assert problems == [("sales", "evaluation", "its groups cannot be told")]


def test_an_event_knows_its_address(tmp_path):
    rule = (
        "{id: hail, kind: event, when: \"hr.title == 'x'\", "
        'do: {webhook: "https://h.example.org/x"}, repeatable: true}'
    )
    (draft,), _ = one(rulebook(tmp_path, rule), hr(1, title="x"))
    assert draft.operation is Operation.EVENT
    assert draft.after == {"webhook": "https://h.example.org/x", "repeatable": True}
    assert draft.key == "hail|1|"


@pytest.mark.parametrize(
    ("attributes", "name"),
    [({}, "Person 1"), ({"name": None}, "e1"), ({"name": None, "cn": "Ann"}, "Ann")],
)
def test_people_are_called_by_the_best_name_there_is(tmp_path, attributes, name):
    title = "{id: title, kind: update, target: account, set: {title: hr.title}}"
    book = rulebook(tmp_path, title)
    (draft,), _ = one(book, hr(1, title="x", **attributes), account(1, uid=None))
    assert draft.name == name
