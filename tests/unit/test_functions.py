"""Every function does what its documented example says, and the reference says so too."""

from datetime import UTC, date, datetime, timedelta

import pytest

from docs.generate import HR, NOW, REFERENCE, functions_page
from hypersync.errors import EvaluationError, ExpressionSyntaxError
from hypersync.rulebook.expression import parse
from hypersync.rulebook.functions import FUNCTIONS
from hypersync.rulebook.operators import LONGEST
from hypersync.rulebook.registry import function
from tests.expressions import NAMES, World, an_evaluator, objects_of, value_of

EXAMPLE_WORLD = {
    "references": {("ad", "e1001"): "CN=Bob,OU=IT,DC=example,DC=org"},
    "taken": frozenset({"ann"}),
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_documented_example_gives_the_documented_value(name):
    source, expected = FUNCTIONS[name].example
    evaluator = an_evaluator(values=[source], world=World(**EXAMPLE_WORLD), now=NOW)
    objects = objects_of(evaluator, hr=HR, ad={"active": "yes"})

    assert evaluator.value(parse(source, NAMES), objects, 0, 0, 0) == expected


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_function_is_documented(name):
    assert FUNCTIONS[name].doc.endswith(".")
    assert name in FUNCTIONS[name].example[0]


def test_reference_of_functions_is_up_to_date():
    written = (REFERENCE / "functions.md").read_text(encoding="utf-8")

    assert written == functions_page(), "run `make docs`"


def test_the_functions_of_the_product_page_are_all_there():
    promised = """lower upper strip startswith endswith contains matches replace split join format
        truncate ascii text len first any_of filter_prefix now today date ago span dn_escape parent
        rdn table ref unique initial_password disabled_by_us missing present coalesce Count Quota
        count"""
    assert set(promised.split()) <= set(FUNCTIONS)


def test_second_registration_of_a_name_is_refused():
    with pytest.raises(ValueError, match="registered twice"):
        function("lower", group="Text", example=("1", 1))(str.lower)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ascii('Æsir, Þór & Ünal')", "AEsir, Thor & Unal"),
        ("dn_escape('#a')", "\\#a"),
        ("dn_escape(' a ')", "\\ a\\ "),
        ("dn_escape('a+b\\\\c')", "a\\+b\\\\c"),
        ("dn_escape('a\\nb')", "a\\0Ab"),
        ("parent('DC=org')", None),
        ("parent('CN=\"a,b\",DC=org')", "DC=org"),
        ("rdn('CN=a')", "CN=a"),
        ("format('{1}{0}{{}}', 'a', 'b')", "ba{}"),
        ("truncate('abc', 9)", "abc"),
        ("text(1.5)", "1.5"),
        ("text(True)", "true"),
        ("text(now())", "2026-03-02T09:30:00Z"),
        ("text(span('90m'))", "1h30m"),
        ("text(span('1h') - span('2h'))", "-1h"),
        ("number(' -1.5 ')", -1.5),
        ("first(())", None),
        ("first('one')", "one"),
        ("len('text')", 4),
        ("any_of('a', ('a', 'b'))", True),
        ("any_of((), ('a',))", False),
        ("filter_prefix('app-a', 'app-')", ("app-a",)),
        ("join('one', ', ')", "one"),
        ("date('20260302093000Z')", date(2026, 3, 2)),
        ("date(now())", date(2026, 3, 2)),
        ("date(today())", date(2026, 3, 2)),
        ("time('20260302093000.0Z')", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        ("time(date('2026-03-02'))", datetime(2026, 3, 2, tzinfo=UTC)),
        ("time('2026-03-02T09:30:00') == now()", True),
        ("ago(span('1d'))", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("span(span('1h'))", timedelta(hours=1)),
        ("today('Pacific/Auckland')", date(2026, 3, 2)),
        ("table('ou', 'Sales')", None),
        ("table('ou', key='IT')", "OU=IT,DC=example,DC=org"),
        ("ref('ad', 'nobody')", None),
        ("coalesce()", None),
        ("coalesce(None, 'a')", "a"),
        ("missing(None)", True),
        ("present('x')", True),
        ("endswith('abc', 'bc')", True),
        ("lower(None)", None),
        ("date(time('2026-03-02T23:30:00-02:00'))", date(2026, 3, 3)),
        ("time(now())", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        ("matches('E12x', 'E[0-9]+')", False),
    ],
)
def test_function_gives(source, expected):
    assert value_of(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "lower(hr.number)",
        "startswith(hr.list, 'a')",
        "len(hr.number)",
        "filter_prefix((1, 2), 'a')",
        "any_of(hr.list, (1, 2))",
        "date('31.12.2026')",
        "date(hr.number)",
        "date(hr.text)",
        "time('yesterday')",
        "time(hr.number)",
        "ago(hr.number)",
        "ago(span('10000d') * 100)",
        "span(hr.text)",
        "lower(number('1'))",
        "span(hr.number)",
        "today(hr.text)",
        "matches('a', hr.pattern)",
        "split('a', hr.blank)",
        "truncate('abc', 0 - 1)",
        "text(hr.list)",
        "number('twelve')",
        "parent('no name')",
        "table(hr.text, 'IT')",
        "join(hr.lists, hr.number)",
        "format(hr.text + '{}{}', 1)",
        "format(hr.brace, 1)",
    ],
)
def test_value_a_function_cannot_use_is_an_error(source):
    hr = {
        "number": 7,
        "list": ("a", "b"),
        "text": "Nowhere",
        "pattern": "(",
        "blank": "",
        "brace": "{",
    }
    if "hr.lists" in source:
        hr["lists"] = ("a",)
    if source.startswith(("date('", "time('", "parent")):
        with pytest.raises((EvaluationError, ExpressionSyntaxError)):
            value_of(source, hr=hr)
        return
    with pytest.raises(EvaluationError):
        value_of(source, hr=hr)


@pytest.mark.parametrize(
    "source",
    [
        "replace(hr.long, 'a', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb')",
        "join((hr.long, hr.long), hr.long)",
        "format('{}{}{}', hr.long, hr.long, hr.long)",
        "hr.long + hr.long",
        "hr.list + hr.list",
    ],
)
def test_result_that_would_eat_memory_is_refused(source):
    hr = {"long": "a" * (LONGEST - 10), "list": tuple("a" * (LONGEST - 10))}

    with pytest.raises(EvaluationError, match="longer than"):
        value_of(source, hr=hr)


def test_nested_quantifiers_do_not_backtrack():
    assert value_of("matches(hr.text, '(a+)+b')", hr={"text": "a" * 50_000}) is False


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"missing", "present", "coalesce"}))
def test_missing_argument_gives_missing(name):
    required = [each for each in FUNCTIONS[name].parameters if each.is_required]
    if not required or name in ("disabled_by_us", "unique"):
        assert value_of("disabled_by_us(ad)") is None
        return
    source = f"{name}({', '.join('hr.nothing' for _ in required)})"
    assert value_of(source, hr={}) is None


def test_key_of_a_reference_is_normalised_as_joins_do():
    world = World(references={("ad", "straße"): "CN=x"})

    assert value_of("ref('ad', ' STRASSE ')", world=world) is None
    assert (
        value_of("ref('ad', ' Stra\\u00dfe ')", world=World(references={("ad", "strasse"): "y"}))
        == "y"
    )


def test_disabled_by_us_asks_about_the_object_in_the_slot():
    assert value_of("disabled_by_us(ad)", ad={"active": "no"}, world=World(disabled=True)) is True
