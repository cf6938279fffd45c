"""What the expression language refuses, and what it says then."""

import time
from dataclasses import replace

import pytest

from hypersync.errors import ExpressionSyntaxError
from hypersync.rulebook.expression import LONGEST_SOURCE, parse, parse_all
from hypersync.rulebook.names import Names
from hypersync.rulebook.nodes import BARE, Attribute, walk
from tests.expressions import NAMES

STRICT = Names(
    slots={"hr": frozenset({"status", "mail"}), "ad": None},
    environment={"SPAN": "1h"},
    tables={"ou": {}},
)


def problem(source, names=STRICT):
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse(source, names)
    return f"{caught.value.message}; {caught.value.remedy}"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("9**9**9", "**"),
        ("hr.status // 2", "//"),
        ("1 << 9", "not part of the expression language"),
        ("~1", "not part of the expression language"),
        ("hr.status is None", "write == or !="),
        ("lambda: 1", "lambda"),
        ("(x := 1)", ":="),
        ("[x for x in hr.list]", "not part of the expression language"),
        ("{1: 2}", "table"),
        ("{1, 2}", "write a list"),
        ("f'{hr.status}'", "format("),
        ("b'abc'", "not part of the expression language"),
        ("1j", "not part of the expression language"),
        ("...", "not part of the expression language"),
        ("hr.status.upper()", "not a call of a listed function"),
        ("hr.__class__", "is not an attribute"),
        ("().__class__.__bases__", "is not an attribute"),
        ("__import__('os')", "there is no function"),
        ("open('/etc/passwd')", "there is no function"),
        ("lower(*hr.list)", "not part of the language"),
        ("lower(**hr.list)", "not part of the language"),
        ("lower()", "lacks its text; write lower(text)"),
        ("lower('a', 'b')", "too many"),
        ("lower(text='a', x=1)", "cannot take 'x'"),
        ("lower('a', text='b')", "cannot take 'text'"),
        ("lowr(hr.status)", "did you mean 'lower'?"),
        ("hx.status", "there is no slot 'hx'; slots: ad, hr"),
        ("hr.statu", "hr has no attribute 'statu'; did you mean 'status'?"),
        ("hr['statu']", "did you mean 'status'?"),
        ("status == 'active'", "there is no slot 'status'"),
        ("hr", "is a slot and has no value"),
        ("env.SPAM", "did you mean 'SPAN'?"),
        ("'a'.status", "only a slot has attributes"),
        ("hr.status[0:5:2]", "no step"),
        ("hr.status < None", "None has no order"),
        ("1 < (2 < 3 < 4) < 5", "chain"),
        ("Count(True, 'a', '1h')", "Count() may not stand here"),
        ("unique(('ad.mail',), 'a')", "may not stand here"),
        ("matches(hr.mail, '(')", "is not a regular expression"),
        ("today('Mars/Base')", "time zone"),
        ("ago('1 month')", "write '30d'"),
        ("span('soon')", "is not a time span"),
        ("date('tomorrow')", "is not a date"),
        ("split(hr.mail, '')", "not empty"),
        ("format('{')", "single '{'"),
        ("99999999999999999999", "larger than 64 bits"),
        ("1e999", "out of range"),
        ("", "is empty"),
        ("hr.status ==", "is not an expression"),
        ("hr.status; hr.mail", "is not an expression"),
        ("disabled_by_us('ad')", "only a slot"),
        ("hr.status == 'a' # b\nor True", "'#'"),
    ],
)
def test_refused_with_a_reason(source, said):
    assert said in problem(source)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 1_000 + "1" + ")" * 1_000,
        "-" * 50_000 + "1",
        "-" * 9_900 + "1",
        "not " * 2_400 + "hr.status",
        "9" * 9_000,
        "lower(" * 200 + "hr.status" + ")" * 200,
        "hr.status" + "[0]" * 500,
        "[" * 5_000,
        "hr.a" + " + hr.a" * 90,
    ],
)
def test_deep_nesting_is_refused_and_crashes_nothing(source):
    with pytest.raises(ExpressionSyntaxError):
        parse(source, NAMES)


def test_long_expression_is_refused():
    assert "more than 10000" in problem("'" + "a" * LONGEST_SOURCE + "'")


def test_wide_expression_is_refused():
    source = " or ".join(["hr.status == 'a'"] * 400)

    assert "parts" in problem(source)


def test_largest_allowed_expression_is_read_quickly():
    source = " or ".join(["hr.status == 'a'"] * 240)
    started = time.perf_counter()
    parse(source, STRICT)

    assert time.perf_counter() - started < 1


def test_null_byte_is_refused():
    assert problem("hr.status == '\0'")


def test_every_problem_is_reported_together():
    _, problems = parse_all("foo.a == 1 and lowr(hr.statu) == env.NO", STRICT)

    assert [each.message for each in problems] == [
        "there is no slot 'foo'",
        "there is no function 'lowr'",
        "the environment has no variable 'NO'",
    ]


def test_expression_may_go_over_several_lines():
    compiled = parse("hr.status == 'a'\n  and hr.mail != 'b'\n", STRICT)

    assert compiled.normal == "hr.status == 'a' and hr.mail != 'b'"


def test_bare_names_are_attributes_of_the_one_object():
    names = Names(slots={BARE: None}, bare=True)
    compiled = parse("lower(mail) + object['msDS-x']", names)

    assert {each.name for each in walk(compiled.node) if isinstance(each, Attribute)} == {
        "mail",
        "msDS-x",
    }


def test_slots_are_refused_where_there_is_one_object_only():
    names = Names(slots={BARE: None}, bare=True)

    assert "one object only" in problem("hr.mail", names)


def test_normal_form_forgets_spacing_and_quotes():
    one, other = parse('hr.status=="a"', STRICT), parse("hr.status  ==  'a'", STRICT)

    assert one.normal == other.normal
    assert one.node == other.node


def test_normal_form_holds_the_environment_that_is_read():
    here = parse("hr.status == env.SPAN", STRICT)
    there = parse("hr.status == env.SPAN", replace(STRICT, environment={"SPAN": "2h"}))

    assert here.normal != there.normal
