"""Bad input to guards: every field, wrong in every way, is one sentence with file and line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hypersync.check import check
from hypersync.check.schedules import shortest_time_between
from hypersync.model.mistake import Level
from tests.projects import ENVIRONMENT, MAIN, write_project

RULE = """\
ruleset: users
scopes: {left: "hr.status == 'left'"}
rules:
  - id: r
    kind: KIND
    throttle: 1h
    BODY
"""
KINDS = {
    "update": "target: app\n    set: {title: hr.title}",
    "deprovision": "target: app\n    scopes: [left]\n    do: delete",
    "event": "scopes: [left]\n    do: {webhook: 'https://hooks.example.org/r'}",
}
LIMIT = "is not a limit; write a whole number such as 200 or a percentage such as 5%"
SPAN = "is not a time span; write for instance '90s', '1h30m', '1d', '1.02:03:04' or 'PT10M'"
FLAG = "is neither true nor false; write true or false"
WHOLE = "is not a whole number; write digits only, such as 100"


@pytest.fixture
def mistakes(tmp_path):
    """Check a project with one rule, and return what is wrong with it as (file, line, text)."""

    def examine(more="", *, kind="update", main="", silo=""):
        body = KINDS[kind] + "".join(f"\n    {line}" for line in more.splitlines())
        rules = RULE.replace("KIND", kind).replace("BODY", body)
        if "throttle" in more:
            rules = rules.replace("    throttle: 1h\n", "", 1)
        project = MAIN.replace("    write: true\n", f"    write: true\n{silo}") + main
        path = write_project(tmp_path, project, rules=rules)
        found = check(path, None, offline=True, process_environment=ENVIRONMENT)[1]
        lines = rules.splitlines() if not (main or silo) else project.splitlines()
        for each in found:
            assert each.remedy
            assert 1 <= each.line <= len(lines)
        return found

    return examine


def one(found):
    (mistake,) = found
    return mistake


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("-1", f"'-1' {LIMIT}"),
        ("5.5", f"'5.5' {LIMIT}"),
        ("5%%", f"'5%%' {LIMIT}"),
        ("1e3", f"'1e3' {LIMIT}"),
        ("true", f"'true' {LIMIT}"),
        ("null", f"'null' {LIMIT}"),
        ("''", f"'' {LIMIT}"),
        ("10000000000000", f"'10000000000000' {LIMIT}"),
        ("0.0000001%", f"'0.0000001%' {LIMIT}"),
        ("101%", "'101%' is more than 100%; write a percentage from 0% to 100%"),
        ("[1]", "rules.0.threshold must be a mapping; write 'name: value' entries"),
        ("{limit: {a: b}}", "this must be one value; write it as text"),
        ("{limt: 5%}", "rules.0.threshold.limt is not known here; did you mean 'limit'?"),
        ("{expires: -1h}", f"'-1h' {SPAN}"),
        ("{expires: [1h]}", "this must be one value; write it as text"),
        ("{expires: 5}", "'5' has no unit; write '5s' for seconds or '5m' for minutes"),
        ("{expires: 3mo}", "'3mo' is a calendar unit and has no fixed length"),
        ("{expires: 100000d}", "'100000d' is more than 10 000 days; write a shorter time span"),
        ("{expires: 0s}", "the rule 'r' gives people no time to answer: expires is 0s"),
        ("{expires: soon}", "the expires 'soon' is neither a time span nor an expression"),
        ("{expires: now()}", "the expires 'now()' gives a time, not a time span"),
        ("{expires: hr.title}", "the expires 'hr.title' depends on the identity or the clock"),
        ("{on_expiry: maybe}", "on_expiry cannot be 'maybe'; write 'clear' or 'approve'"),
        ("{plan: [a]}", "rules.0.threshold.plan must be one value; write it as text"),
        ("{lookback: 0s}", "'0s' is no time at all; write a time span above zero"),
        ("{lookback: -1h}", f"'-1h' {SPAN}"),
        ("{lookback: 1}", "'1' has no unit"),
        ("{lookback: {span: 1h, suspended: maybe}}", f"'maybe' {FLAG}"),
        ("{lookback: {span: 1h, full: 1}}", f"'1' {FLAG}"),
        ("{lookback: {spn: 1h}}", "did you mean 'span'?"),
        ("{clears: -1}", f"'-1' {LIMIT}"),
        ("{clears: 101%}", "'101%' is more than 100%"),
        ("{attribute: 5%}", "rules.0.threshold.attribute must be a mapping"),
        ("{attribute: {title: -1}}", f"'-1' {LIMIT}"),
        ("{attribute: {titel: 5%}}", "there is no attribute set by this rule 'titel'"),
        ("{approve_deletes: yes}", f"'yes' {FLAG}"),
    ],
)
def test_a_threshold_that_is_none_is_an_error_with_its_line(mistakes, value, why):
    found = one(mistakes(f"threshold: {value}"))
    assert why in f"{found.message}; {found.remedy}"
    assert (found.level, found.file, found.line) == (Level.ERROR, "rules/users.yaml", 9)


@pytest.mark.parametrize("value", ["-1", "{limit: x}", "{limit: 20%, min_size: -1}"])
def test_a_limit_of_members_that_is_none_is_an_error(mistakes, value):
    found = mistakes(f"threshold: {{members: {value}}}")
    error = one([each for each in found if each.level is Level.ERROR])
    assert "is not a" in error.message
    assert (error.file, error.line) == ("rules/users.yaml", 9)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("-1h", f"'-1h' {SPAN}"),
        ("5", "'5' has no unit"),
        ("2mo", "'2mo' is a calendar unit"),
        ("[1h]", "this must be one value"),
        ("999999d", "'999999d' is more than 10 000 days"),
        ("soon", "the throttle 'soon' is neither a time span nor an expression"),
        ("env.NOPE", "the environment has no variable 'NOPE'"),
        ("len(hr.title)", "gives a number, not a time span"),
    ],
)
def test_a_throttle_that_is_none_is_an_error_with_its_line(mistakes, value, why):
    found = one(mistakes(f"throttle: {value}"))
    assert why in f"{found.message}; {found.remedy}"
    assert (found.level, found.file, found.line) == (Level.ERROR, "rules/users.yaml", 8)


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("Count(True, 'a', 'x') <= 9", f"'x' {SPAN}"),
        ("Count(True, 'a', '-1h') <= 9", f"'-1h' {SPAN}"),
        ("Quota(True, 'a', '0s') <= 9", "'0s' is no time at all; write a time span above zero"),
        ("Count(True, 'a', '0s') <= 9", "'0s' is no time at all; write a time span above zero"),
        ("Count(True, 5, '1h') <= 9", "Count() wants text for context"),
        ("Count('a', '1h') <= 9", "Count() lacks its span"),
        ("Count(True, 'a', '1h') <= 'x'", "is a number and"),
        ("Count(True, 'a', '1h')", "a condition must give true or false"),
        ("Count(True, 'a', '1h') <= 9 and hr.a == 'x'", "stand only in the last 'and' operand"),
    ],
)
def test_a_rate_limit_that_is_none_is_an_error_with_its_line(mistakes, when, why):
    found = mistakes(f'when: "{when}"')
    assert {(each.level, each.file, each.line) for each in found} == {
        (Level.ERROR, "rules/users.yaml", 9)
    }
    assert any(why in f"{each.message}; {each.remedy}" for each in found)


@pytest.mark.parametrize(
    ("main", "why"),
    [
        ("guards: {simulate: on}", f"'on' {FLAG}"),
        ("guards: {release: none}", "guards.release cannot be 'none'; write 'any' or 'own'"),
        ("guards: {approval_valid: 0s}", "'0s' is no time at all"),
        ("guards: {approval_valid: -1h}", f"'-1h' {SPAN}"),
        ("guards: {reject_hold: x}", f"'x' {SPAN}"),
        ("guards: {vip_memory: 5}", "'5' has no unit"),
        ("guards: {delta: {max_duration: 0s}}", "'0s' is no time at all"),
        ("guards: {delta: {max_identities: 0}}", "0 is too small; write a whole number from 1"),
        ("guards: {delta: {max_identities: x}}", f"'x' {WHOLE}"),
        ("guards: {memory: 1d}", "guards.memory is not known here"),
        ("blackout: {windows: [always]}", "'always' is no window"),
        ("blackout: {windows: [mon 25:00 - fri 00:00]}", "is no window"),
        ("blackout: {windows: [mon 00:00 - mon 00:00]}", "this one is empty"),
        ("blackout: {timezone: Mars, windows: [mon 00:00 - fri 00:00]}", "is no time zone"),
        (
            "blackout: {windows: [mon 00:00 - fri 00:00, thu 00:00 - mon 00:00]}",
            "the blackout never ends: its windows cover the whole week",
        ),
        ("vip: [{name: e, when: hr.a == 'x', expires: 0s}]", "no time to answer: expires is 0s"),
        ("vip: [{name: e, when: hr.a == 'x', expires: x}]", "the expires 'x' is neither"),
        ("vip: [{name: e, when: hr.a == 'x', on_expiry: x}]", "on_expiry cannot be 'x'"),
        ("vip: [{name: e, when: hr.a == 'x', attributes: a}]", "attributes must be a list"),
        ("vip: [{name: self, when: hr.a == 'x'}]", "there is already a VIP rule 'self'"),
        ("vip: [{name: e}]", "vip.0.when is missing"),
    ],
)
def test_guards_of_the_project_that_are_none_are_an_error_with_their_line(mistakes, main, why):
    found = one(mistakes(main=main + "\n"))
    assert why in f"{found.message}; {found.remedy}"
    assert (found.level, found.file, found.line) == (Level.ERROR, "config/hypersync.yaml", 14)


@pytest.mark.parametrize(
    ("silo", "why"),
    [
        ("source_guard: {drop: -1}", f"'-1' {LIMIT}"),
        ("source_guard: {drop: 101%}", "'101%' is more than 100%"),
        ("source_guard: {min_population: -1}", f"'-1' {WHOLE}"),
        ("source_guard: {rekeyed: x}", f"'x' {LIMIT}"),
        ("source_guard: {canaries: u1}", "canaries must be a list"),
        ("source_guard: {grace: -1}", f"'-1' {WHOLE}"),
        ("source_guard: {dorp: 5%}", "did you mean 'drop'?"),
        ("limits: {delete: -1}", f"'-1' {LIMIT}"),
        ("limits: {delete: 1%, per: 0s}", "'0s' is no time at all"),
        ("limits: {destroy: 1%}", "limits.destroy is not known here"),
        ("limits: 5%", "limits must be a mapping"),
    ],
)
def test_guards_of_a_silo_that_are_none_are_an_error_with_their_line(mistakes, silo, why):
    found = one(mistakes(silo=f"    {silo}\n"))
    assert why in f"{found.message}; {found.remedy}"
    assert (found.level, found.file, found.line) == (Level.ERROR, "config/hypersync.yaml", 10)


# --- what is right by itself and fights something else -----------------------------------------


@pytest.mark.parametrize(
    ("kind", "more", "line", "why"),
    [
        (
            "update",
            "when: \"Count(True, 'a', '1h') <= 100\"\nthreshold: 99",
            10,
            "the rate limit of 'r' lets 100 through, its threshold 99",
        ),
        (
            "update",
            "when: \"hr.a == 'x' and Quota(True, 'a', '1d') < 100\"\nthreshold: {limit: 98}",
            10,
            "the rate limit of 'r' lets 99 through, its threshold 98",
        ),
        (
            "update",
            "when: \"100 >= count(True, 'a', '1h')\"\nthreshold: 99",
            10,
            "the rate limit of 'r' lets 100 through, its threshold 99",
        ),
        (
            "event",
            "when: \"Quota(True, 'a', '1d') <= 101\"",
            4,
            "the rate limit of 'r' lets 101 through, its threshold 100",
        ),
        (
            "update",
            "when: \"Count(True, 'a', '1h') <= 0\"",
            9,
            "the rate limit of 'r' lets nothing through, ever",
        ),
        (
            "update",
            "when: \"Count(True, 'a', '1h') < 1\"",
            9,
            "the rate limit of 'r' lets nothing through, ever",
        ),
        (
            "event",
            "throttle: 25h\nthreshold: {expires: 24h, on_expiry: approve}",
            9,
            "'r' may start every 1d1h at most, but what nobody answers is approved after 1d",
        ),
        (
            "deprovision",
            "threshold: {on_expiry: approve}",
            10,
            "'r' deletes, and no delete is approved by running out of time",
        ),
        (
            "deprovision",
            "threshold: {approve_deletes: true}",
            10,
            "approve_deletes: has no effect on 'r': nothing is approved by running out of time",
        ),
        (
            "update",
            "threshold: {on_expiry: approve, approve_deletes: true}",
            9,
            "approve_deletes: has no effect on 'r': it deletes nothing",
        ),
        ("update", "threshold: {members: 20%}", 9, "members: has no effect"),
        ("update", "threshold: {plan: nobody}", 9, "there is no plan 'nobody'"),
    ],
)
def test_guards_that_contradict_each_other_are_a_warning_with_its_line(
    mistakes, kind, more, line, why
):
    found = one(mistakes(more, kind=kind))
    assert why in found.message
    assert (found.level, found.file, found.line) == (Level.WARNING, "rules/users.yaml", line)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("update", "when: \"Count(True, 'a', '1h') <= 100\"\nthreshold: 100"),
        ("update", "when: \"Count(True, 'a', '1h') <= 100\"\nthreshold: 1%"),
        ("update", "when: \"Count(True, 'a', '1h') < 2\"\nthreshold: 1"),
        ("update", "when: \"Count(True, 'a', '1h') >= 100\"\nthreshold: 1"),
        ("update", "when: \"100 <= Count(True, 'a', '1h')\"\nthreshold: 1"),
        ("event", "throttle: 24h\nthreshold: {expires: 24h, on_expiry: approve}"),
        ("event", "throttle: 25h\nthreshold: {expires: 24h, on_expiry: clear}"),
        ("deprovision", "threshold: {on_expiry: approve, approve_deletes: true}"),
        ("update", "threshold: 0"),
        ("update", "threshold: 100%"),
        ("update", "throttle: 0s"),
    ],
)
def test_what_only_looks_like_a_contradiction_is_fine(mistakes, kind, more):
    assert mistakes(more, kind=kind) == []


def test_a_quota_that_two_rules_share_with_different_spans_is_a_warning(tmp_path):
    rule = (
        "  - {id: NAME, kind: update, target: app, set: {NAME: hr.NAME}, "
        "when: \"Quota(True, 'changes', 'SPAN') <= 9\"}\n"
    )
    rules = [rule.replace("NAME", f"r{span}").replace("SPAN", span) for span in ("1d", "24h", "1h")]
    path = write_project(tmp_path, rules="ruleset: users\nrules:\n" + "".join(rules))
    found = one(check(path, None, offline=True, process_environment=ENVIRONMENT)[1])
    assert (found.level, found.line) == (Level.WARNING, 5)
    assert found.message == (
        "the quota 'changes' lasts 1h here and 1d in 'r1d'; the first call of a run decides"
    )


def test_a_vip_memory_of_nothing_is_a_warning_where_there_are_vips(mistakes):
    vip = "vip: [{name: e, when: hr.level == 'C'}]\n"
    memory = "guards: {vip_memory: 0s}\n"
    found = one(mistakes(main=vip + memory))
    assert found.level is Level.WARNING
    assert found.message.startswith("VIPs are not remembered")
    assert mistakes(main=memory) == []


def test_rejections_that_hold_less_than_a_day_are_a_warning(mistakes):
    found = one(mistakes(main="guards: {reject_hold: 23h}\n"))
    assert found.level is Level.WARNING
    assert found.message.startswith("a rejection holds for 23h only")
    assert mistakes(main="guards: {reject_hold: 1d}\n") == []


def test_limits_of_a_silo_that_is_not_written_to_are_a_warning(tmp_path):
    limits = "connector: csv\n    limits: {delete: 5}\n"
    path = write_project(tmp_path, MAIN.replace("connector: csv\n", limits, 1))
    found = one(check(path, None, offline=True, process_environment=ENVIRONMENT)[1])
    assert (found.level, found.line) == (Level.WARNING, 6)
    assert "the limits of the silo 'hr' have no effect" in found.message


SCHEDULE = "schedules:\n  - {sync: full, %s}\n"


@pytest.mark.parametrize(
    ("timing", "apart"),
    [
        ("every: 59m", "59m"),
        ('at: "*/10 * * * *"', "10m"),
        ('at: "50 0,23 * * 1-5", timezone: Europe/Paris', None),
        ('at: "0,5 3 * * 1"', "5m"),
        ('at: "30,10 23,0 * * *"', "20m"),
        ('at: "20 0,23 1 * *"', None),
        ('at: "0 * * * *"', None),
        ("every: 1h", None),
        ("every: 5m, preview: true", None),
    ],
)
def test_full_syncs_that_come_more_often_than_a_lookback_is_long_are_a_warning(
    mistakes, timing, apart
):
    found = mistakes(main=SCHEDULE % timing)
    if apart is None:
        assert found == []
        return
    assert one(found).level is Level.WARNING
    assert one(found).line == len((MAIN + SCHEDULE).splitlines())
    assert one(found).message == (
        f"full syncs come {apart} apart and do not look back: each lets through anew what the "
        "limits of 'r' allow, whose lookback is 1h"
    )
    assert "'lookback: {span: 1h, full: true}'" in one(found).remedy


@pytest.mark.parametrize(
    "lookback", ["{span: 1h, full: true}", "5m", "{span: 30s}", "{span: 1d, full: true}"]
)
def test_full_syncs_may_come_as_often_as_lookbacks_allow(mistakes, lookback):
    found = mistakes(f"threshold: {{lookback: {lookback}}}", main=SCHEDULE % "every: 5m")
    assert found == []


def test_frequent_delta_syncs_look_back_anyway(mistakes):
    assert mistakes(main="schedules: [{sync: delta, every: 1m}]\n") == []


def test_the_rule_with_the_longest_lookback_is_named(tmp_path):
    rule = "  - {id: %s, kind: update, target: app, set: {%s: hr.a}, threshold: {lookback: %s}}\n"
    rules = "".join(rule % each for each in (("a", "a", "2h"), ("b", "b", "3h"), ("c", "c", "1h")))
    main = MAIN + SCHEDULE % "every: 90m"
    path = write_project(tmp_path, main, rules="ruleset: users\nrules:\n" + rules)
    found = one(check(path, None, offline=True, process_environment=ENVIRONMENT)[1])
    assert "the limits of 'b' and 1 more allow, whose lookback is 3h" in found.message


@pytest.mark.parametrize(
    ("cron", "minutes"),
    [
        ("0 3 * * *", 24 * 60),
        ("0 3 * * 1", None),
        ("0 3 1 * *", None),
        ("*/7 * * * *", 4),
        ("5/20 4 * * *", 20),
        ("0 1-9/4 * * *", 240),
        ("0 23,1 * * *", 120),
        ("0 23,1 * * 0", 22 * 60),
        ("1 * * * *", 60),
    ],
)
def test_how_far_the_moments_of_a_cron_line_are_apart(cron, minutes):
    expected = None if minutes is None else timedelta(minutes=minutes)
    assert shortest_time_between(cron) == expected
