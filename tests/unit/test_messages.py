"""What people read: the wording of values, and the views of mails."""

from dataclasses import replace

import pytest

from hypersync.errors import DeliveryFailed
from hypersync.messages import samples, views, wording
from hypersync.messages.render import Renderer
from hypersync.model.actions import OnExpiry
from hypersync.model.objects import Operation
from hypersync.model.requests import RequestState
from tests.asking import NOON

LETTER = samples.letters()["request"]
SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "\N{EN DASH}"),
        ("plain", "plain"),
        ("", "“”"),
        ("  ", "“  ”"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (b"abc", "(3 bytes)"),
        (("a", "b"), "a, b"),
        (tuple("abcdefghijkl"), "a, b, c, d, e, f, g, h, i, j and 2 more"),
        ("a\u202eb\u200bc\x00", "a[U+202E]b[U+200B]c[U+0000]"),
        ("é漢字🙂", "é漢字🙂"),
        ("x" * 201, "x" * 200 + "… (201 characters)"),
    ],
)
def test_values_are_shown_so_that_nothing_hides(value, shown):
    assert wording.value(value) == shown


def test_numbers_have_their_thousands_apart():
    assert wording.number(1842) == f"1{SPACE}842"
    assert wording.counted(1, "action") == "1 action"
    assert wording.counted(2000, "entry", "entries") == f"2{SPACE}000 entries"


@pytest.mark.parametrize(
    ("nth", "shown"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")]
)
def test_ordinals(nth, shown):
    assert wording.ordinal(nth) == shown


def test_times_are_on_the_readers_clocks():
    assert wording.moment(NOON, "Europe/Paris") == "Mon 2 Mar 2026, 13:00 CET"
    assert wording.moment(NOON, "UTC") == "Mon 2 Mar 2026, 12:00 UTC"


def test_every_operation_has_a_verb():
    assert all(wording.verb(operation) for operation in Operation)


def test_an_action_without_a_name_is_called_by_what_is_known():
    action = LETTER.actions[0]
    assert wording.who(replace(action, title="")) == "u1"
    assert wording.who(replace(action, title="", anchor=None)) == "identity 1"
    assert wording.where(replace(action, silo="", type="", anchor=None)) == ""


def test_a_reason_that_all_share_is_said_once():
    view = views.question_view(LETTER)
    assert [row.why for row in view.rows] == ["", "", ""]
    request = replace(LETTER.request, cause="")
    assert views.question_view(replace(LETTER, request=request)).cause == (
        "300 actions, 100 allowed (5% of 2 000)"
    )
    said = replace(request, sentence="300 actions, 100 allowed (5% of 2 000)!")
    assert views.question_view(replace(LETTER, request=said)).cause == ""
    one = views.question_view(replace(LETTER, actions=LETTER.actions[:1]))
    assert one.rows[0].why


def test_a_view_says_how_many_more_there_are():
    assert views.question_view(LETTER).rest == "297"
    assert views.question_view(replace(LETTER, total=3)).rest == ""
    assert views.question_view(samples.letters()["request-scan"]).rest == ""


def test_notes_say_the_nth_time_the_forward_the_votes_and_problems():
    request = replace(
        LETTER.request,
        nth=2,
        plan=replace(LETTER.request.plan, need=2),
        detail={"problem": "nobody is configured who may answer"},
    )
    view = views.question_view(replace(LETTER, request=request, is_forwarded=True))
    assert view.notes == [
        "This is the 2nd time within 30 days.",
        "Nobody answered so far, so you are asked now.",
        "An approval takes 2 different people.",
        "Note: nobody is configured who may answer.",
    ]


def test_a_scan_request_names_what_is_missing():
    letter = samples.letters()["request-scan"]
    missing = [f"E{number}" for number in range(40)]
    detail = {"missing": missing, "missing_total": 1839}
    view = views.question_view(
        replace(letter, request=replace(letter.request, detail=detail)),
    )
    named = ", ".join(missing[:30])
    assert view.notes[-1] == f"Missing: {named} and 1\u00a0809 more."
    few = replace(letter.request, detail={"missing": ["E1"], "missing_total": 1})
    assert views.notes_of(few) == ["Missing: E1."]


def test_the_end_says_what_happens_then():
    request = LETTER.request
    assert "it is dropped" in views.end_of(request, "UTC")
    assert views.end_of(replace(request, on_expiry=OnExpiry.APPROVE), "UTC").endswith(
        "it is approved."
    )
    assert views.end_of(replace(request, expires_at=None), "UTC") == (
        "This waits until somebody decides."
    )


@pytest.mark.parametrize(
    ("counts", "state", "title", "after"),
    [
        ({"approved": 3}, RequestState.CLOSED, "Approved", "What was approved"),
        ({"rejected": 3}, RequestState.CLOSED, "Rejected", "Nothing is changed."),
        ({"approved": 1, "rejected": 2}, RequestState.CLOSED, "Decided", "What was approved"),
        ({"cleared": 3}, RequestState.CLOSED, "Expired", "Nothing is changed."),
        ({"default_approved": 3}, RequestState.CLOSED, "Approved", "What was approved"),
        ({"stale": 3}, RequestState.CLOSED, "No longer needed", "Nothing is changed."),
        ({"void": 3}, RequestState.VOID, "Withdrawn", "Nothing is changed."),
    ],
)
def test_an_outcome_says_how_it_ended_and_what_follows(counts, state, title, after):
    request = replace(LETTER.request, counts=counts, state=state)
    view = views.outcome_view(replace(LETTER, kind="decided", request=request))
    assert view.title == title
    assert view.after.startswith(after)
    assert len(view.counts) == len(counts)


def test_an_outcome_names_who_decided():
    view = views.outcome_view(samples.letters()["decided"])
    assert view.answers == ["Ann Ng rejected 298", "Bob Ray approved 2"]
    assert view.counts == []
    by_itself = replace(samples.letters()["decided"], answers=[("expiry", "approve", 3)])
    assert views.outcome_view(by_itself).answers == []


@pytest.mark.parametrize("name", sorted(samples.letters()))
def test_every_letter_becomes_a_mail_of_text_and_html(name):
    letter = samples.letters()[name]
    message = Renderer().write(letter)
    assert "\n" not in message.subject
    assert letter.request.sentence in message.text
    assert message.html.lstrip().startswith("<!doctype html>")
    assert "\u202e" not in message.html + message.text
    assert message.headers["Auto-Submitted"] == "auto-generated"
    asks = letter.kind == "request" and letter.code != ""
    assert (samples.CODE in message.text) is asks
    assert ("/hypersync/approve?" in message.text) is asks


def test_a_template_that_a_rule_names_is_used_and_the_usual_one_when_it_is_missing(tmp_path):
    letter = replace(LETTER, request=replace(LETTER.request, template="joiners"))
    assert Renderer(tmp_path).write(letter).text == Renderer().write(LETTER).text
    (tmp_path / "email").mkdir()
    for ending in ("txt", "html"):
        (tmp_path / f"email/joiners.{ending}").write_text("{{ view.title }}!")
    assert Renderer(tmp_path).write(letter).text == "300 actions wait for you!"


@pytest.mark.parametrize("text", ["{{ view.nothing }}", "{{ 1 / 0 }}", "{{ 1 + 'x' }}"])
def test_a_template_that_fails_keeps_the_mail_for_later(tmp_path, text):
    (tmp_path / "email").mkdir()
    (tmp_path / "email/request.txt").write_text(text)
    with pytest.raises(DeliveryFailed, match="email/request failed") as failed:
        Renderer(tmp_path).write(LETTER)
    assert not failed.value.permanent


def test_text_is_not_escaped_and_html_is():
    request = replace(LETTER.request, sentence="<b> & co")
    message = Renderer().write(replace(LETTER, request=request))
    assert "<b> & co" in message.text
    assert "&lt;b&gt; &amp; co" in message.html
