"""What is hidden is decided on what expressions were read into, not on how they are written."""

from dataclasses import replace

import pytest

from hypersync.insight.hidden import NOT_SHOWN, Hidden, answer_shown, traces_shown
from hypersync.model.objects import EnabledSpec
from hypersync.model.runs import RuleReport, RunError
from hypersync.pipeline.why import RuleAnswer, Trace
from hypersync.rulebook.expression import parse
from hypersync.rulebook.names import Names
from hypersync.rulebook.rules import Rulebook, Slot
from hypersync.rulebook.secrecy import names_read

NAMES = Names(slots={"hr": None, "ad": None}, environment={"API_TOKEN": "t"})
BOOK = Rulebook(
    revision="r",
    slots=(
        Slot(name="hr", silo="hr", type="person"),
        Slot(name="ad", silo="dir", type="user", enabled=EnabledSpec("active", "1", "0")),
    ),
    joins=(),
    rules=(),
    vips=(),
    tables={},
    environment={},
    attributes={},
    decoded={},
)
HIDDEN = Hidden(unsaid=frozenset({"pay grade", "salary", "active"}), open_rules=frozenset({"open"}))


def read(source: str) -> Trace:
    return Trace(source, "VALUE", names_read([parse(source, NAMES).node], BOOK))


@pytest.mark.parametrize(
    "source",
    [
        "hr['pay grade']",
        "hr.salary-hr.bonus",
        "hr.salary-100",
        "hr.Salary",
        "lower(hr.title) == 'x' and hr['PAY GRADE'] != 'y'",
        "ad.enabled",
        "env.API_TOKEN",
        "hr.pinCode if hr.title == 'x' else 'y'",
    ],
)
def test_what_reads_something_hidden_is_not_shown(source):
    (shown,) = traces_shown(HIDDEN, [read(source)])
    assert shown.value == NOT_SHOWN


@pytest.mark.parametrize("source", ["hr.title == 'salary'", "hr.bonus-100", "ad.exists"])
def test_what_reads_nothing_hidden_is_shown(source):
    assert traces_shown(HIDDEN, [read(source)])[0].value == "VALUE"


def test_what_cannot_be_looked_into_is_not_shown():
    assert traces_shown(Hidden(), [Trace("hr.title", "VALUE")])[0].value == NOT_SHOWN


def test_errors_of_rules_that_read_something_hidden_or_are_gone_are_not_shown():
    error = RunError("closed", None, "evaluation", "'GROSS' is no number")
    assert HIDDEN.of_error(error).message == NOT_SHOWN
    for rule in ("open", "undo:open", None):
        assert HIDDEN.of_error(replace(error, rule=rule)).message == error.message
    assert HIDDEN.of_error(replace(error, code="unstable")).message == error.message
    crowded = replace(error, rule=None, code="ambiguous", message="2 objects with GROSS")
    assert HIDDEN.of_error(crowded).message == crowded.message
    assert replace(HIDDEN, keys=True).of_error(crowded).message == NOT_SHOWN


def test_the_error_of_a_limit_that_cannot_be_measured_is_not_shown():
    failed = RuleReport(reason="'GROSS' is no number")
    stopped = RuleReport(reason="9 of 3", limit=3, limit_text="3")
    assert HIDDEN.of_report("closed", failed).reason == NOT_SHOWN
    assert HIDDEN.of_report("open", failed) is failed
    assert HIDDEN.of_report("closed", stopped) is stopped


def test_a_note_with_an_error_is_not_shown():
    answer = RuleAnswer("closed", "true", (), "'GROSS' is no number", is_error_told=True)
    assert answer_shown(HIDDEN, "closed", answer).note == NOT_SHOWN
    assert answer_shown(HIDDEN, "open", answer).note == answer.note
    plain = replace(answer, note="nothing to change", is_error_told=False)
    assert answer_shown(HIDDEN, "closed", plain).note == plain.note
