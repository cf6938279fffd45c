"""What expressions give: operators, missing values, three-valued logic, states of slots."""

from datetime import timedelta

import pytest

from hypersync.errors import EvaluationError
from hypersync.rulebook.explain import Outcome
from hypersync.rulebook.expression import parse, parse_all
from hypersync.rulebook.nodes import State
from hypersync.rulebook.operators import storable
from tests.expressions import NAMES, NOW, World, an_evaluator, answer, objects_of, value_of

TRUE, FALSE, UNKNOWN = (True, False), (False, True), (False, False)
HR = {"status": "active", "level": 3, "groups": ("a", "b"), "flag": True, "end": "2026-05-01"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hr.level + 1", 4),
        ("hr.level - 1.5", 1.5),
        ("hr.level * 2", 6),
        ("hr.level / 2", 1.5),
        ("hr.level % 2", 1),
        ("-hr.level", -3),
        ("-3", -3),
        ("hr.status + '!'", "active!"),
        ("hr.groups + ('c',)", ("a", "b", "c")),
        ("hr.status[0]", "a"),
        ("hr.status[-1]", "e"),
        ("hr.status[99]", None),
        ("hr.status[0:2]", "ac"),
        ("hr.status[4:]", "ve"),
        ("hr.status[:-4]", "ac"),
        ("hr.groups[0]", "a"),
        ("hr.status[hr.nothing:]", None),
        ("'x' if hr.level > 2 else 'y'", "x"),
        ("'x' if hr.nothing > 2 else 'y'", None),
        ("None if hr.level > 2 else 'y'", None),
        ("(hr.status, 'b')", ("active", "b")),
        ("(hr.nothing, 'b')", None),
        ("['a', 'b']", ("a", "b")),
        ("hr.nothing + 'x'", None),
        ("env.REGION", "EMEA"),
        ("env.REGION + hr.status", "EMEAactive"),
        ("text(date(hr.end) + span('1d'))", "2026-05-02"),
        ("date(hr.end) - date('2026-04-30') == span('1d')", True),
        ("hr.level == 3 and hr.status == 'active'", True),
        ("hr.level == 4 or hr.nothing == 1", None),
        ("hr.level == 4 and hr.nothing == 1", False),
        ("hr.nothing == 1 and hr.level == 4", False),
        ("hr.nothing == 1 or hr.level == 3", True),
        ("hr.nothing == 1 and hr.level == 3", None),
        ("not hr.nothing == 1", None),
        ("not hr.flag", False),
        ("hr.flag and True", True),
        ("2 < hr.level <= 3", True),
        ("3 < hr.level <= hr.nothing", False),
        ("'a' in hr.groups", True),
        ("'c' not in hr.groups", True),
        ("'act' in hr.status", True),
        ("hr.level in (1, 2, 3)", True),
        ("hr.nothing in (1, 2, 3)", None),
        ("hr.level == 3.0", True),
        ("hr.nothing == None", True),
        ("hr.level != None", True),
        ("missing(hr.nothing) == True", True),
        ("coalesce(hr.nothing, hr.level)", 3),
    ],
)
def test_expression_gives(source, expected):
    assert value_of(source, hr=HR) == expected


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("hr.level == '3'", "cannot compare a number with text"),
        ("hr.flag == 1", "cannot compare true or false with a number"),
        ("hr.flag in (0, 1)", "cannot compare"),
        ("hr.groups == 'a'", "cannot compare a list with text"),
        ("hr.groups < ('a',)", "has no order"),
        ("date(hr.end) > now()", "cannot compare a date with a time"),
        ("hr.status in (1, 2)", "cannot compare"),
        ("'a' in hr.level", "cannot look for"),
        ("hr.status and hr.flag", "must be true or false, not text"),
        ("not hr.level", "must be true or false, not a number"),
        ("'x' if hr.level else 'y'", "must be true or false"),
        ("hr.status * 9", "* does not work on text"),
        ("'a' * 10", "* does not work on text"),
        ("hr.status % hr.level", "% does not work on text"),
        ("hr.status + 1", "+ does not work on text and a number"),
        ("hr.status - 1", "- does not work on text"),
        ("hr.level / 0", "division by zero"),
        ("hr.level % 0", "division by zero"),
        ("-hr.status", "- does not work on text"),
        ("hr.status['a' + 'b']", "cannot take element text"),
        ("hr.level[0]", "cannot take element"),
        ("hr.level[0:1]", "cannot cut"),
        ("(hr.groups, 'a')", "a list in a list"),
        ("hr.huge * hr.huge", "64 bits"),
        ("hr.huge * hr.huge * hr.huge", "64 bits"),
        ("1e308 * 10", "out of range"),
        ("date('2026-01-01') + span('10000d') * 1000", "out of range"),
    ],
)
def test_types_that_do_not_fit_are_an_error(source, said):
    with pytest.raises(EvaluationError, match=said.replace("+", r"\+").replace("*", r"\*")):
        value_of(source, hr={**HR, "huge": 2**62})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hr.status == 'active'", TRUE),
        ("hr.status == 'left'", FALSE),
        ("hr.nothing == 'left'", UNKNOWN),
        ("hr.nothing != 'left'", UNKNOWN),
        ("not hr.nothing == 'left'", UNKNOWN),
        ("'left' == hr.nothing", UNKNOWN),
        ("2 < hr.level", TRUE),
        ("not 2 < hr.level", FALSE),
        ("not (hr.status == 'left' or hr.level == 9)", TRUE),
        ("not (hr.status == 'left' or hr.nothing == 9)", UNKNOWN),
        ("not (hr.status == 'left' and hr.nothing == 9)", TRUE),
        ("missing(hr.nothing)", TRUE),
        ("not missing(hr.nothing)", FALSE),
        ("hr.nothing == None", TRUE),
        ("hr.flag", TRUE),
        ("not hr.flag", FALSE),
        ("hr.maybe", UNKNOWN),
        ("not hr.maybe", UNKNOWN),
        ("startswith(hr.nothing, 'a')", UNKNOWN),
        ("not startswith(hr.status, 'a')", FALSE),
        ("hr.status in ('active', 'leave')", TRUE),
        ("hr.status not in ('active', 'leave')", FALSE),
        ("hr.nothing not in ('active', 'leave')", UNKNOWN),
        ("not not hr.nothing == 1", UNKNOWN),
        ("(hr.level == 3 if hr.nothing == 1 else hr.level == 3)", UNKNOWN),
        ("ad.exists", FALSE),
        ("ad.enabled", UNKNOWN),
        ("ad.was_present", FALSE),
        ("ad.in_scope", UNKNOWN),
    ],
)
def test_missing_is_unknown_not_false(source, expected):
    assert answer(source, hr=HR) == expected


@pytest.mark.parametrize(
    ("held", "expected"), [("yes", TRUE), ("no", FALSE), ("perhaps", UNKNOWN), (None, UNKNOWN)]
)
def test_enabled_is_what_the_type_says(held, expected):
    assert answer("ad.enabled", ad={"active": held}) == expected


def test_error_is_never_a_clean_false():
    evaluator = an_evaluator(["hr.level == 'three'"])
    objects = objects_of(evaluator, hr=HR)

    assert not evaluator.is_cleanly_false(0, objects, 0, 0, 0)


ALL_STATES = ["ad.exists", "ad.was_present", "ad.in_scope", "ad.was_present and not ad.exists"]


@pytest.mark.parametrize(
    ("case", "there", "masks", "expected"),
    [
        ("present", True, (0, 0, 0), [TRUE, TRUE, TRUE, FALSE]),
        ("never there", False, (0, 0, 0), [FALSE, FALSE, UNKNOWN, FALSE]),
        ("absent", False, (2, 0, 0), [FALSE, TRUE, UNKNOWN, TRUE]),
        ("out of scope", False, (0, 2, 0), [TRUE, TRUE, FALSE, FALSE]),
        ("invalid", False, (0, 0, 2), [UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]),
        ("another one absent", True, (2, 0, 0), [TRUE, TRUE, TRUE, FALSE]),
    ],
)
def test_present_absent_invalid_and_out_of_scope_are_four_states(case, there, masks, expected):
    evaluator = an_evaluator(ALL_STATES)
    objects = objects_of(evaluator, hr=HR, ad={"active": "yes"} if there else None)
    rules = range(len(ALL_STATES))

    found = [
        (
            evaluator.rule(index, objects, *masks),
            evaluator.is_cleanly_false(index, objects, *masks),
        )
        for index in rules
    ]
    assert found == expected
    assert list(evaluator.fused(objects, *masks)) == [true for true, _ in expected]


def test_invalid_object_is_unknown_even_to_missing():
    evaluator = an_evaluator(["missing(ad.mail)", "ad.mail == None"], ["missing(ad.mail)"])
    objects = objects_of(evaluator, hr=HR)

    assert evaluator.fused(objects, 0, 0, 0) == (True, True, False)
    assert evaluator.fused(objects, 0, 0, 2) == (False, False, True)
    assert not evaluator.is_cleanly_false(0, objects, 0, 0, 2)


def test_value_of_an_unreadable_object_is_an_error_not_missing():
    evaluator = an_evaluator(["hr.a == 1"], sets={"mail": "hr.mail"}, clear=frozenset({"mail"}))
    objects = objects_of(evaluator, ad={"mail": "x"})

    with pytest.raises(EvaluationError, match="hr is there but cannot be read"):
        evaluator.value(parse("hr.mail", NAMES), objects, 0, 0, 1)
    with pytest.raises(EvaluationError, match="hr is there but cannot be read"):
        evaluator.changes(0, objects, 0, 1, 0)
    assert evaluator.changes(0, objects, 1, 0, 0) == {"mail": None}


@pytest.mark.parametrize(
    ("state", "there", "masks", "fires"),
    [
        (State.EMPTY, False, (0, 0, 0), True),
        (State.EMPTY, True, (0, 0, 0), False),
        (State.EMPTY, False, (2, 0, 0), True),
        (State.EMPTY, False, (0, 2, 0), False),
        (State.EMPTY, False, (0, 0, 2), False),
        (State.FILLED, True, (0, 0, 0), True),
        (State.FILLED, False, (0, 0, 0), False),
        (State.FILLED, False, (2, 0, 0), False),
        (State.FILLED, False, (0, 2, 0), False),
        (State.FILLED, False, (0, 0, 2), False),
    ],
)
def test_target_must_be_surely_empty_or_surely_filled(state, there, masks, fires):
    evaluator = an_evaluator(["hr.status == 'active'"], states=[state])
    objects = objects_of(evaluator, hr=HR, ad={"active": "yes"} if there else None)

    assert evaluator.rule(0, objects, *masks) is fires
    assert evaluator.fused(objects, *masks) == (fires,)


@pytest.mark.parametrize(
    ("source", "slots", "is_vip"),
    [
        ("hr.level == 3", {"hr": {"level": 3}}, True),
        ("hr.level == 3", {"hr": {"level": 4}}, False),
        ("hr.level == 3", {"hr": {}}, True),
        ("hr.level == 3", {"ad": {}}, False),
        ("hr.level == 3", {}, False),
        ("present(hr.level) and hr.level == 3", {"hr": {}}, False),
    ],
)
def test_unknown_vip_condition_makes_a_vip_unless_its_slots_are_empty(source, slots, is_vip):
    evaluator = an_evaluator([], [source])
    objects = objects_of(evaluator, **slots)

    assert evaluator.vip(0, objects, 0, 0, 0) is is_vip
    assert evaluator.fused(objects, 0, 0, 0) == (is_vip,)
    assert evaluator.vip(0, objects, 0, 0, 3) is True


def test_fused_raises_when_a_rule_does_so_that_rules_are_asked_one_by_one():
    evaluator = an_evaluator(["hr.status == 'active'", "hr.level == 'three'"])
    objects = objects_of(evaluator, hr=HR)

    with pytest.raises(EvaluationError):
        evaluator.fused(objects, 0, 0, 0)
    assert evaluator.rule(0, objects, 0, 0, 0) is True
    with pytest.raises(EvaluationError, match="cannot compare"):
        evaluator.rule(1, objects, 0, 0, 0)


def test_failing_rule_that_is_set_apart_leaves_the_others_fused():
    evaluator = an_evaluator(
        ["hr.level == 'three'", "hr.status == 'active'"], ["hr.level == 'C'", "hr.level == 4"]
    )
    objects = objects_of(evaluator, hr=HR)

    evaluator.set_apart(frozenset({0}), frozenset({0}))

    assert evaluator.fused(objects, 0, 0, 0) == (False, True, True, False)
    assert evaluator.fused(objects, 2, 0, 0) == (False, True, True, False)


def test_changes_are_what_differs():
    evaluator = an_evaluator(
        ["hr.status == 'active'"],
        sets={
            "mail": "hr.mail",
            "title": "upper(hr.title)",
            "end": "date(hr.end)",
            "groups": "hr.groups",
            "room": "hr.room",
            "single": "hr.single",
        },
        clear=frozenset({"mail"}),
    )
    hr = {"title": "cfo", "end": "2026-05-01", "groups": ("b", "a", "b"), "single": "x"}
    ad = {
        "mail": "a@b.c",
        "title": "CFO",
        "end": "2026-04-30",
        "groups": ("a", "b"),
        "room": "1",
        "single": ("x",),
    }

    found = evaluator.changes(0, objects_of(evaluator, hr=hr, ad=ad), 0, 0, 0)

    assert found == {"mail": None, "end": "2026-05-01"}


def test_empty_text_is_missing_when_written():
    evaluator = an_evaluator(["hr.a == 1"], sets={"mail": "strip(hr.mail)"})

    assert (
        evaluator.changes(0, objects_of(evaluator, hr={"mail": " "}, ad={"mail": "x"}), 0, 0, 0)
        == {}
    )


@pytest.mark.parametrize(
    "around",
    [
        "lower({})",
        "('a' if {} == 'b' else 'c')",
        "(hr.a if {} else hr.b)",
        "(not {})",
        "(hr.b and {})",
        "({} or hr.b)",
        "({} == True)",
        "{}[0:1]",
        "({} + hr.b)",
        "coalesce({}, hr.b)",
        "({} in (True, hr.a))",
        "format('{{}}', {})",
        "((hr.b == 'x' and {}) == True)",
    ],
)
def test_deepest_expression_that_can_be_read_can_be_compiled(around):
    source, deepest = "hr.a", ""
    while not parse_all(source, NAMES)[1]:
        source, deepest = around.format(source), source

    evaluator = an_evaluator([deepest])
    objects = objects_of(evaluator, hr={}, ad={})

    assert evaluator.fused(objects, 0, 0, 0) in ((True,), (False,))
    assert evaluator.value(parse(deepest, NAMES), objects, 0, 0, 0) in (None, False)


def test_attributes_of_any_name_are_read():
    source = "hr['msDS-x'] + hr['class'] + hr['_a'] + hr['enabled'] + hr['exists']"
    hr = {"msDS-x": "1", "class": "2", "_a": "3", "enabled": "4", "exists": "5"}

    assert value_of(source, hr=hr) == "12345"


def test_stored_json_is_decoded_with_lists_and_bytes():
    evaluator = an_evaluator(["hr.list == hr.blob and hr.text == 'a' and hr.number == 1"])
    layout = evaluator.layouts[0]
    obj = layout.decode(
        b'{"list":["a",{"base64":"AAE="}],"blob":{"base64":"AAE="},"text":"a","number":1,"x":{}}'
    )

    assert layout.attributes(obj) == {
        "list": ("a", b"\x00\x01"),
        "blob": b"\x00\x01",
        "text": "a",
        "number": 1,
    }
    assert layout.read(obj, "list") == ("a", b"\x00\x01")
    assert layout.read(obj, "unknown") is None
    assert layout.read(None, "list") is None
    assert layout.fields == ("blob", "list", "number", "text")


def test_slot_whose_type_does_not_say_how_enabled_is_stored_is_never_known():
    assert answer("hr.enabled", hr={"status": "active"}) == UNKNOWN


def test_stored_text_is_decoded_as_stored_bytes_are():
    evaluator = an_evaluator(["hr.blob == 'a'"])
    layout = evaluator.layouts[0]

    assert layout.read(layout.decode('{"blob":{"base64":"AAE="}}'), "blob") == b"\x00\x01"
    assert layout.read(layout.decode('{"blob":"a"}'), "blob") == "a"


def test_counting_asks_the_world_once_per_call():
    world = World()
    evaluator = an_evaluator(values=["hr.level"], world=world)
    expression = parse("Count(hr.level == 3, 'joiners', '1h') <= 2", NAMES)
    objects = objects_of(evaluator, hr=HR)

    assert [evaluator.value(expression, objects, 0, 0, 0) for _ in range(3)] == [True, True, False]


def test_trace_tells_the_value_of_every_sub_expression():
    source = "hr.status == 'active' and (missing(hr.x) or lower(hr.level) == 'a')"
    evaluator = an_evaluator([source, "Count(True, 'a', '1h') <= 2"])
    objects = objects_of(evaluator, hr=HR)

    steps = evaluator.trace(evaluator.rulebook.rules[0].pure, objects, 0, 0, 0)

    assert [(step.text, step.depth, step.outcome, step.value) for step in steps] == [
        (source, 0, Outcome.VALUE, True),
        ("hr.status == 'active'", 1, Outcome.VALUE, True),
        ("hr.status", 2, Outcome.VALUE, "active"),
        ("missing(hr.x) or lower(hr.level) == 'a'", 1, Outcome.VALUE, True),
        ("missing(hr.x)", 2, Outcome.VALUE, True),
        ("hr.x", 3, Outcome.MISSING, None),
        ("lower(hr.level) == 'a'", 2, Outcome.ERROR, None),
        ("lower(hr.level)", 3, Outcome.ERROR, None),
        ("hr.level", 4, Outcome.VALUE, 3),
    ]
    assert "lower() wants text" in steps[-2].error


def test_trace_counts_nothing_and_shows_unknown():
    world = World()
    evaluator = an_evaluator(["Count(True, 'a', '1h') <= 2", "hr.x == 1"], world=world)
    objects = objects_of(evaluator, hr=HR)
    counting, unknown = (rule.pure for rule in evaluator.rulebook.rules)

    assert evaluator.trace(counting, objects, 0, 0, 0)[0].outcome is Outcome.NOT_ASKED
    assert evaluator.trace(unknown, objects, 0, 0, 0)[0].outcome is Outcome.UNKNOWN
    assert world.counts == {}


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%", "<", "=="])
def test_operator_with_a_missing_side_gives_missing(operator):
    assert value_of(f"hr.nothing {operator} 1", hr=HR) is None
    assert value_of(f"1 {operator} hr.nothing", hr=HR) is None


@pytest.mark.parametrize(
    "source", ["-hr.nothing", "hr.nothing[0]", "hr.nothing[0:1]", "hr.nothing in hr.groups"]
)
def test_part_of_a_missing_value_is_missing(source):
    assert value_of(source, hr=HR) is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("span('1h') * 2 == span('2h')", True),
        ("2 * span('1h') == span('2h')", True),
        ("span('1h') / 2 == span('30m')", True),
        ("span('2h') / span('1h')", 2.0),
        ("-span('1h') + span('1h') == span('0s')", True),
        ("now() - span('1d') == ago('1d')", True),
        ("now() - ago('1d') == span('1d')", True),
        ("span('1d') + date(hr.end) == date('2026-05-02')", True),
        ("date(hr.end) + span('1d') > date(hr.end)", True),
        ("(date(hr.end) if hr.level == 3 else today()) > today()", True),
        ("hr.status[0:1] == 'a'", True),
        ("(1 + 2) % 2 == 1", True),
        ("'a' + 'b' == 'ab'", True),
        ("env.REGION == 'EMEA' and hr.level == 3", True),
    ],
)
def test_times_and_spans_are_calculated_with(source, expected):
    assert value_of(source, hr=HR) == expected


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (NOW, "2026-03-02T09:30:00Z"),
        (NOW.date(), "2026-03-02"),
        (timedelta(hours=1), "1h"),
        (("b", "a", "b"), ("a", "b")),
        ((), None),
        ("", None),
        (None, None),
        (b"\x00", b"\x00"),
        (True, True),
        (1.5, 1.5),
    ],
)
def test_values_are_stored_as_silos_hold_them(value, stored):
    assert storable(value) == stored


def test_what_is_no_value_cannot_be_stored():
    with pytest.raises(EvaluationError, match="cannot be stored"):
        storable({"a": 1})


def test_largest_negative_number_has_no_positive():
    with pytest.raises(EvaluationError, match="64 bits"):
        value_of("-hr.least", hr={"least": -(2**63)})


def test_unexpected_failure_of_generated_code_is_an_evaluation_error():
    class Broken(World):
        def reference(self, slot, key):
            raise KeyError(key)

    with pytest.raises(EvaluationError, match="KeyError"):
        value_of("ref('ad', 'x')", world=Broken())
