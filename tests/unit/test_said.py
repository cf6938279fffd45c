"""Sentences that can be said again: their English text, and what is kept beside it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from hypersync.model.said import MOST_PHRASES, Said, found_in, joined, phrasebook, say, say_many

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_a_sentence_is_its_english_text():
    assert say("{rule} waits", rule="leavers") == "leavers waits"
    assert say("{n} of {all}", n=1842, all=2000) == "1 842 of 2 000"
    assert say("since {at}", at=NOON) == "since 2026-03-02 12:00 UTC"
    assert say("for {span}", span=timedelta(hours=1, minutes=30)) == "for 1h30m"
    assert say_many("{count} action", "{count} actions", 1) == "1 action"
    assert say_many("{count} action", "{count} actions", 2000) == "2 000 actions"


def test_what_stands_in_a_value_is_never_taken_for_a_field():
    assert say("{a} {b}", a="{b}", b="{a.__class__}") == "{b} {a.__class__}"
    assert say("{missing} {0} {}") == "{missing} {0} {}"


def test_sentences_can_stand_in_each_other_and_in_a_row():
    inner = say("{n} allowed", n=100)
    assert joined("; ", [say("{what}: {why}", what="too many", why=inner), "plain"]) == (
        "too many: 100 allowed; plain"
    )
    assert joined("; ", [inner]) is inner
    assert joined("; ", []) == ""


def test_a_phrasebook_brings_a_sentence_back_through_json():
    why = joined("; ", [say("{n} allowed", n=100), say("since {at}", at=NOON)])
    said = say_many("{count} action: {why}", "{count} actions: {why}", 300, why=why, span=1)
    book = json.loads(json.dumps(phrasebook([said, "only text", ""])))
    assert list(book) == [said]
    again = found_in(book, str(said))
    assert again == said
    assert again is not None
    assert (again.many, again.values["count"]) == ("{count} actions: {why}", 300)
    assert isinstance(again.values["why"], Said)


@pytest.mark.parametrize(
    "book",
    [
        None,
        {},
        [],
        {"x": None},
        {"x": "text"},
        {"x": {"say": 1}},
        {"x": {"say": "{a}", "many": "", "with": {"a": {"at": "never"}}}},
        {"x": {"say": "{a}", "many": "", "with": {"a": [1]}}},
        {"x": {"say": "a", "many": "b", "with": {}}},
    ],
)
def test_a_book_that_cannot_be_read_says_nothing(book):
    assert found_in(book, "x") is None


def test_a_book_holds_no_more_than_a_request_needs():
    book = phrasebook(say("{n}", n=number) for number in range(MOST_PHRASES + 50))
    assert len(book) == MOST_PHRASES
