"""What stopped actions have in common: which clues tell, and how they part the actions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hypersync.model.causes import Cause, Cluster
from hypersync.pipeline.causes.choose import Clue, Feature, Kind, Share, partition
from hypersync.pipeline.causes.text import ScanFacts, cause_of, scan_text, shown
from tests.candidates import NOW

HR = "hr/person"
DIR = "dir/account"
NOBODY = Share(0, 8_000)


def bits(*actions: int | range) -> int:
    """Return a set of actions, given by number."""
    every = [n for each in actions for n in (each if isinstance(each, range) else (each,))]
    return sum(1 << number for number in every)


def clue(
    name: str,
    value: object,
    actions: int,
    others: Share | None = NOBODY,
    *,
    kind: Kind = Kind.ATTRIBUTE,
    source: str = HR,
    is_implied: bool = False,
) -> Clue:
    return Clue(Feature(kind, source, name, value), actions, others, is_implied)  # type: ignore[arg-type]


def scan_clue(actions: int, others: Share = NOBODY) -> Clue:
    return clue("", "s1", actions, others, kind=Kind.SCAN)


def cause(clues: list[Clue], count: int, **facts: object) -> Cause:
    known = {"silo": "hr", "at": NOW - timedelta(hours=10), **facts}
    scans = {"s1": ScanFacts(**known)}  # type: ignore[arg-type]
    return cause_of(partition(clues, count), clues, count, scans, NOW)


# --- the documented example --------------------------------------------------------------------


def test_the_cause_names_what_nearly_all_share_the_scan_and_the_shorter_file():
    clues = [
        clue("country", "FR", bits(range(1842)), Share(6_000, 6_100)),
        clue("company", "ACME", bits(range(1839))),
        scan_clue(bits(range(1839))),
    ]
    found = cause(clues, 1842, is_file=True, seen=2_655, seen_before=4_500)
    assert found.text == (
        "1 839 of 1 842 share company=ACME; "
        "they first appeared in the scan of hr at 02:00 UTC, file 41% shorter"
    )
    assert found.clusters == (
        Cluster("1", "company=ACME", 1839),
        Cluster("rest", "the rest", 3),
    )


# --- what tells --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("others", "is_told"),
    [
        pytest.param(Share(8_000, 8_000), False, id="everybody has it"),
        pytest.param(Share(4_000, 8_000), False, id="every second one has it"),
        pytest.param(Share(2_001, 8_000), False, id="more than a quarter have it"),
        pytest.param(Share(1_999, 8_000), True, id="less than a quarter have it"),
        pytest.param(Share(0, 8_000), True, id="nobody else has it"),
        pytest.param(Share(0, 0), False, id="there is nobody else to compare with"),
        pytest.param(Share(0, 1), False, id="one other proves nothing"),
        pytest.param(None, True, id="nobody else can have it"),
    ],
)
def test_a_clue_tells_only_when_it_is_much_rarer_among_the_others(others, is_told):
    found = cause([clue("country", "FR", bits(range(100)), others)], 100)
    assert bool(found.text) is is_told


@pytest.mark.parametrize(("covered", "is_told"), [(99, False), (100, True), (101, True)])
def test_no_cause_is_claimed_with_less_than_half_of_the_actions(covered, is_told):
    found = cause([clue("company", "ACME", bits(range(covered)))], 200)
    assert bool(found.text) is is_told
    assert [each.count for each in found.clusters] == [covered, 200 - covered]


def test_of_two_actions_nothing_is_said():
    assert cause([clue("company", "ACME", bits(range(2)))], 2) == Cause()


def test_nothing_is_said_of_no_actions():
    assert cause([], 0) == Cause()


def test_what_few_share_may_be_chance_when_much_was_looked_at():
    red = clue("team", "red", bits(range(3)), Share(300, 4_000))
    looked_at = [clue(f"a{n}", "x", bits(0, 1), Share(900, 1_000)) for n in range(200)]
    assert cause([red], 3).text == "3 of 3 share team=red"
    assert cause([red, *looked_at], 3) == Cause()


def test_what_the_rule_asks_for_is_no_cause_when_all_have_it():
    assert cause([clue("status", "left", bits(range(9)), is_implied=True)], 9) == Cause()


def test_what_the_rule_asks_for_is_one_when_only_some_have_it():
    found = cause([clue("status", "left", bits(range(7)), is_implied=True)], 9)
    assert found.text == "7 of 9 share status=left"


def test_what_divides_best_wins_over_what_covers_most():
    clues = [
        clue("country", "FR", bits(range(100)), Share(1_900, 8_000)),
        clue("company", "ACME", bits(range(98))),
    ]
    assert cause(clues, 100).text == "98 of 100 share company=ACME"


def test_of_equal_clues_the_simpler_one_wins_whatever_the_order():
    clues = [
        clue("title", "Boss", bits(range(50)), kind=Kind.BECOMES, source=DIR),
        clue("dn", "ou=acme,dc=x", bits(range(50)), kind=Kind.CONTAINER, source=DIR),
        clue("company", "ACME", bits(range(50))),
    ]
    assert cause(clues, 50) == cause(clues[::-1], 50) == Cause("50 of 50 share company=ACME")


def test_the_innermost_of_nested_containers_is_named():
    clues = [
        clue("dn", "ou=acme,dc=x", bits(range(50)), kind=Kind.CONTAINER),
        clue("dn", "ou=sales,ou=acme,dc=x", bits(range(50)), kind=Kind.CONTAINER),
    ]
    assert cause(clues, 50).text == "50 of 50 are in ou=sales,ou=acme,dc=x"


# --- clusters ----------------------------------------------------------------------------------


def test_each_cluster_is_looked_for_in_what_is_left():
    clues = [
        clue("company", "ACME", bits(range(60))),
        clue("company", "BETA", bits(range(60, 90))),
        clue("city", "Lyon", bits(range(40, 92))),
    ]
    assert cause(clues, 100).clusters == (
        Cluster("1", "company=ACME", 60),
        Cluster("2", "city=Lyon", 32),
        Cluster("rest", "the rest", 8),
    )


def test_there_are_at_most_five_clusters_and_the_rest():
    clues = [clue("company", f"c{n}", bits(range(n * 10, n * 10 + 10))) for n in range(8)]
    found = cause(clues, 80)
    assert [each.key for each in found.clusters] == ["1", "2", "3", "4", "5", "rest"]
    assert found.clusters[-1].count == 30


@pytest.mark.parametrize(
    ("count", "small", "is_cluster"),
    [(1_000, 9, False), (1_000, 10, True), (1_001, 10, False), (50, 1, False), (50, 2, True)],
)
def test_a_cluster_is_at_least_two_and_one_per_cent(count, small, is_cluster):
    clues = [
        clue("company", "ACME", bits(range(count - 20))),
        clue("company", "BETA", bits(range(count - 20, count - 20 + small))),
    ]
    assert ("company=BETA" in [each.text for each in cause(clues, count).clusters]) is is_cluster


def test_one_cluster_of_all_is_none():
    assert cause([clue("company", "ACME", bits(range(9)))], 9).clusters == ()


def test_a_scan_is_named_when_nothing_else_tells():
    clues = [clue("city", "Lyon", bits(range(30))), scan_clue(bits(range(95)))]
    found = cause(clues, 100)
    assert found.text == "95 of 100 first appeared in the scan of hr at 02:00 UTC"
    assert [each.count for each in found.clusters] == [95, 5]


# --- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (clue("title", "Boss", bits(range(9)), kind=Kind.BECOMES), "share that title becomes Boss"),
        (clue("title", None, bits(range(9)), kind=Kind.BECOMES), "share that title becomes empty"),
        (clue("title", None, bits(range(9)), kind=Kind.CHANGED), "share that title became empty"),
        (clue("", "staff", bits(range(9)), kind=Kind.GROUP), "share group=staff"),
        (clue("", "9", bits(range(9)), kind=Kind.ANCHOR), "have an anchor that starts with 9"),
        (clue("vip", True, bits(range(9))), "share vip=true"),
    ],
)
def test_every_kind_of_clue_has_words(given, text):
    assert cause([given], 10).text == f"9 of 10 {text}"


def test_the_type_is_named_when_two_types_disagree():
    clues = [
        clue("title", "Intern", bits(range(9)), Share(1, 9_000)),
        clue("title", "Boss", bits(range(9)), Share(100, 9_000), source=DIR),
    ]
    assert cause(clues, 10).text == "9 of 10 share title=Intern in hr/person"


def test_a_value_that_the_last_scan_brought_is_called_new():
    clues = [
        clue("title", "Intern", bits(range(9))),
        clue("title", "Intern", bits(range(9)), kind=Kind.CHANGED),
    ]
    assert cause(clues, 10).text == "9 of 10 share title=Intern, which is new"


def test_what_the_last_scan_changed_besides_is_said():
    clues = [
        clue("company", "ACME", bits(range(9))),
        clue("end", "today", bits(range(9)), kind=Kind.CHANGED),
    ]
    assert cause(clues, 10).text == "9 of 10 share company=ACME; end became today"


def test_how_many_of_them_a_scan_brought_is_said_when_it_was_not_all():
    clues = [clue("company", "ACME", bits(range(90))), scan_clue(bits(range(80)))]
    assert cause(clues, 100).text == (
        "90 of 100 share company=ACME; 80 of them first appeared in the scan of hr at 02:00 UTC"
    )


@pytest.mark.parametrize(("hours", "when"), [(1, "11:00"), (24, "12:00"), (25, "2026-11-20 11:00")])
def test_a_scan_older_than_a_day_has_its_date(hours, when):
    facts = ScanFacts(silo="hr", at=NOW - timedelta(hours=hours))
    assert scan_text(facts, NOW) == f"the scan of hr at {when} UTC"


@pytest.mark.parametrize(
    ("seen", "before", "is_file", "text"),
    [
        (59, 100, True, ", file 41% shorter"),
        (59, 100, False, ", 41% shorter"),
        (0, 100, False, ", 100% shorter"),
        (110, 100, False, ", 10% longer"),
        (96, 100, False, ""),
        (5, 0, False, ""),
        (5, None, False, ""),
        (None, 5, False, ""),
    ],
)
def test_a_scan_is_called_shorter_or_longer_than_the_one_before(seen, before, is_file, text):
    facts = ScanFacts(silo="hr", at=NOW, is_file=is_file, seen=seen, seen_before=before)
    assert scan_text(facts, NOW) == f"the scan of hr at 12:00 UTC{text}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ACME", "ACME"),
        ("ACME France", "“ACME France”"),
        ("ou=x,dc=y", "ou=x,dc=y"),
        ("x\u202ey", "“x[U+202E]y”"),
        ("x; all is well", "“x; all is well”"),
        ("a" * 61, "“" + "a" * 60 + "…”"),
        (5, "5"),
        (False, "false"),
    ],
)
def test_values_are_cut_and_nothing_in_them_is_hidden(value, text):
    assert shown(value) == text
