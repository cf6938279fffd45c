"""Languages: catalogues that are whole, and mails that are in one language only."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest
from babel.messages.pofile import read_po

from docs.translations import LOCALES, PATTERN, extracted
from hypersync.config.people_models import Language
from hypersync.messages import views, wording
from hypersync.messages.catalogue import languages, translations
from hypersync.messages.outcome import outcome_view
from hypersync.messages.render import Renderer
from hypersync.messages.samples import mails
from hypersync.messages.words import Words
from hypersync.model.objects import Operation
from hypersync.model.said import phrasebook, say, say_many
from tests.asking import NOON

GERMAN = Words("de", "Europe/Berlin")
CATALOGUES = sorted(LOCALES.glob(PATTERN))
_FIELDS = re.compile(r"\{\w+\}|%\(\w+\)s")


def messages(path) -> dict[object, tuple[str, ...]]:
    with path.open("rb") as source:
        catalog = read_po(source, locale=path.parent.parent.name)
    assert not catalog.obsolete
    return {
        each.id: tuple(each.string) if isinstance(each.string, list | tuple) else (each.string,)
        for each in catalog
        if each.id and not each.fuzzy
    }


def forms(message: object) -> tuple[str, ...]:
    return message if isinstance(message, tuple) else (str(message),)


def test_there_is_a_catalogue_for_every_language_that_may_be_configured():
    assert set(languages()) == set(get_args(Language))
    assert len(CATALOGUES) == len(languages()) - 1


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_a_catalogue_has_exactly_what_is_said_run_make_messages(path):
    wanted = {each.id for each in extracted() if each.id}
    assert set(messages(path)) == wanted


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_everything_is_translated_with_the_same_placeholders(path):
    for message, translated in messages(path).items():
        assert all(translated), message
        wanted = {field for form in forms(message) for field in _FIELDS.findall(form)}
        for form in translated:
            assert set(_FIELDS.findall(form)) == wanted, message


def test_numbers_times_and_plurals_are_those_of_the_language():
    assert GERMAN.number(1842) == "1.842"
    assert GERMAN.ordinal(3) == "3."
    assert GERMAN.moment(NOON) == "Mo. 2. März 2026, 13:00 MEZ"
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert GERMAN.moment(summer) == "Mi. 1. Juli 2026, 14:00 MESZ"
    assert Words("de", "Asia/Kolkata").moment(NOON) == "Mo. 2. März 2026, 17:30 IST"
    assert GERMAN.say_many("{count} action", "{count} actions", 1) == "1 Aktion"
    assert GERMAN.say_many("{count} action", "{count} actions", 2000) == "2.000 Aktionen"
    assert wording.value(tuple("abcdefghijklm"), words=GERMAN).endswith("j und 3 weitere")
    assert wording.value(b"abc", words=GERMAN) == "(3 Byte)"
    assert {wording.verb(each, GERMAN) for each in Operation}.isdisjoint(
        wording.verb(each) for each in Operation
    )


def test_a_language_there_is_none_of_stays_english():
    assert Words("xx").translations.gettext("Approve") == "Approve"
    assert translations("../de") is not translations("de")
    assert translations("../de").gettext("Approve") == "Approve"


def test_a_stored_sentence_is_said_again_and_an_old_one_stays_as_it_is():
    why = say(
        "{count} allowed ({how})",
        count=100,
        how=say("{percent} of {count}", percent="5%", count=2000),
    )
    sentence = say(
        "{who} would disable {whom}{where}: {why}",
        who="disable-leaver",
        whom=say_many("{count} {type}", "{count} {type}s", 300, type="user"),
        where=say(" in {silo}", silo="ad"),
        why=why,
    )
    assert sentence == "disable-leaver would disable 300 users in ad: 100 allowed (5% of 2 000)"
    request = replace(mails.question().request, sentence=str(sentence))
    assert views.sentence_of(request, GERMAN) == sentence
    known = replace(request, detail={"said": phrasebook([sentence])})
    assert views.sentence_of(known, GERMAN) == (
        "disable-leaver würde 300 user in ad deaktivieren: 100 erlaubt (5% von 2.000)"
    )
    assert views.sentence_of(known) == sentence.replace("2 000", "2\N{NO-BREAK SPACE}000")


@pytest.mark.parametrize("book", [None, [], {"x": 1}, "text", 5])
def test_a_book_that_is_none_leaves_the_english_text(book):
    known = mails.question().request
    request = replace(known, sentence=str(known.sentence), detail={"said": book})
    assert views.sentence_of(request, GERMAN) == request.sentence


_ENGLISH = re.compile(
    r"\b(the|approve|reject|approved|rejected|waits?|nobody|decides|mail and|until|report\b(?!/)"
    r"|confirmation|changed?|you)\b",
    re.IGNORECASE,
)


def ours(text: str) -> str:
    """What we say in a mail, without what is stored and without links."""
    letter = mails.question()
    for known in (letter.request.cause, letter.request.sentence):
        text = text.replace(known, "")
    return re.sub(r"https?://\S+", "", text)


@pytest.mark.parametrize("name", sorted(mails.letters()))
def test_a_german_mail_has_nothing_english_of_ours(name):
    letter = replace(mails.letters()[name], language="de")
    letter = replace(letter, request=replace(letter.request, sentence="S", cause="C", clusters=()))
    letter = replace(
        letter, actions=[replace(each, reasons=()) for each in letter.actions], clusters=()
    )
    message = Renderer().write(letter)
    assert not _ENGLISH.search(ours(message.text)), _ENGLISH.search(ours(message.text))
    assert '<html lang="de">' in message.html
    assert message.headers["Content-Language"] == "de"


def test_the_end_and_who_decided_are_said_in_german():
    letter = replace(mails.letters()["decided"], language="de")
    view = outcome_view(letter)
    assert view.answers == [
        "Wer die Mail an Ann Ng hat, hat am Mo. 2. März 2026, 09:30 MEZ 298 abgelehnt. “No.”",
        "Bob Ray, angemeldet, hat am Mo. 2. März 2026, 09:30 MEZ 2 freigegeben.",
    ]
    asked = views.question_view(replace(mails.question(), language="de"))
    assert asked.end == (
        "Entscheidet bis Di. 3. März 2026, 09:30 MEZ niemand, wird es verworfen und nichts "
        "geändert."
    )
    assert asked.approve == "Alle 300 freigeben"
