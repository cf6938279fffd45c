"""What people read: the wording of values, and the views of mails."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from hypersync.messages import views, wording
from hypersync.messages.outcome import outcome_view
from hypersync.messages.render import MOST_BYTES, Renderer
from hypersync.messages.samples import mails
from hypersync.model.actions import OnExpiry
from hypersync.model.ids import ActionId
from hypersync.model.objects import Operation
from hypersync.model.requests import RequestState
from hypersync.ports.channel import Letter, RowLinks
from tests.asking import NOON

LETTER = mails.letters()["request"]
SPACE = "\N{NO-BREAK SPACE}"
ASKING = "{{ view.approve_all }} {{ view.reject_all }} {{ view.code }}"


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
    assert views.question_view(replace(LETTER, request=request)).cause == ""
    other = replace(request, sentence="disable-leaver would disable 300 accounts: too many")
    assert views.question_view(replace(LETTER, request=other)).cause == (
        f"300 actions, 100 allowed (5% of 2{SPACE}000)."
    )
    one = views.question_view(replace(LETTER, actions=LETTER.actions[:1]))
    assert one.rows[0].why


def test_a_view_says_how_many_more_there_are():
    assert views.question_view(LETTER).rest == "297"
    assert views.question_view(replace(LETTER, total=3)).rest == ""
    assert views.question_view(mails.letters()["request-scan"]).rest == ""


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
    letter = mails.letters()["request-scan"]
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
        ({"approved": 1, "cleared": 2}, RequestState.CLOSED, "Decided", "What was approved"),
        ({"cleared": 3}, RequestState.CLOSED, "Expired", "Nothing is changed."),
        ({"default_approved": 3}, RequestState.CLOSED, "Approved", "What was approved"),
        ({"stale": 3}, RequestState.CLOSED, "No longer needed", "Nothing is changed."),
        ({"void": 3}, RequestState.VOID, "Withdrawn", "Nothing is changed."),
    ],
)
def test_an_outcome_says_how_it_ended_and_what_follows(counts, state, title, after):
    request = replace(LETTER.request, counts=counts, state=state)
    view = outcome_view(replace(LETTER, kind="decided", request=request))
    assert view.title == title
    assert view.after.startswith(after)
    assert len(view.counts) == len(counts)


def test_an_outcome_says_who_decided_when_how_proven_and_why():
    letter = mails.letters()["decided"]
    view = outcome_view(letter)
    assert view.answers == [
        "The holder of Ann Ng's mail rejected 298 on Mon 2 Mar 2026, 09:30 CET. “No.”",
        "Bob Ray, signed in, approved 2 on Mon 2 Mar 2026, 09:30 CET.",
    ]
    assert view.counts == []
    assert view.title == "Decided"
    one = replace(letter, answers=letter.answers[:1])
    assert outcome_view(one).title == "Decided by Ann Ng"
    shell = replace(letter.answers[1], proof="shell", count=1)
    told = outcome_view(replace(letter, answers=[shell])).answers
    assert told == ["Bob Ray approved on Mon 2 Mar 2026, 09:30 CET, on the command line."]
    other = outcome_view(replace(letter, answers=[replace(shell, proof="api")])).answers
    assert other == ["Bob Ray approved on Mon 2 Mar 2026, 09:30 CET."]
    by_itself = replace(letter, answers=[replace(shell, name="expiry", proof="expiry")])
    assert outcome_view(by_itself).answers == []


def test_an_answer_that_was_not_enough_did_not_end_it():
    letter = mails.letters()["decided"]
    request = replace(letter.request, counts={"cleared": 300})
    view = outcome_view(replace(letter, request=request, answers=letter.answers[1:]))
    assert view.title == "Expired"
    assert view.answers


def test_all_mails_about_a_request_have_one_subject():
    asked, told = (Renderer().write(mails.letters()[name]) for name in ("request", "decided"))
    assert told.subject == f"Re: {asked.subject}"
    assert asked.subject.count("300") == 1


@pytest.mark.parametrize("name", sorted(mails.letters()))
def test_every_letter_becomes_a_mail_of_text_and_html(name):
    letter = mails.letters()[name]
    message = Renderer().write(letter)
    assert "\n" not in message.subject
    assert letter.request.sentence in " ".join(message.text.split())
    assert message.html.lstrip().startswith("<!doctype html>")
    assert "\u202e" not in message.html + message.text
    assert message.headers["Auto-Submitted"] == "auto-generated"
    asks = letter.kind == "request" and letter.code != ""
    assert (mails.CODE in message.text) is asks
    assert ("/hypersync/approve?" in message.text) is asks


def test_a_template_that_a_rule_names_is_used_and_the_usual_one_when_it_is_missing(tmp_path):
    letter = replace(LETTER, request=replace(LETTER.request, template="joiners"))
    assert Renderer(tmp_path).write(letter).text == Renderer().write(LETTER).text
    own(tmp_path, "email/joiners", f"Joiners! {ASKING}")
    assert Renderer(tmp_path).write(letter).text.startswith("Joiners! https://")


def own(folder: Path, name: str, text: str) -> None:
    for ending in ("txt", "html"):
        path = folder / f"{name}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_the_templates_of_an_environment_come_first(tmp_path):
    own(tmp_path, "email/request", f"everywhere {ASKING}")
    own(tmp_path, "env/prod/email/request", f"in prod {ASKING}")
    assert Renderer(tmp_path, "prod").write(LETTER).text.startswith("in prod")
    assert Renderer(tmp_path, "dev").write(LETTER).text.startswith("everywhere")
    assert Renderer(tmp_path).write(LETTER).text.startswith("everywhere")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ view.nothing }}", "failed on line 1: UndefinedError"),
        ("\n{{ 1 / 0 }}", "failed on line 2: ZeroDivisionError"),
        ("{{ 1 + 'x' }}", "failed on line 1: TypeError"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "failed on line 1: RecursionError"),
        ("{{ view.sentence", "failed on line 1: "),
        ("{{ view.sentence | safe }}", "failed on line 1: No filter named 'safe'"),
        ("{{ view.approve_all }}", "leaves out the link that rejects all, the confirmation code"),
    ],
)
def test_a_template_that_cannot_be_used_is_said_and_the_mail_goes_out_as_shipped(
    tmp_path, text, says
):
    (tmp_path / "email").mkdir()
    (tmp_path / "email/request.html").write_text(text)
    message = Renderer(tmp_path).write(LETTER)
    assert replace(message, faults=()) == Renderer().write(LETTER)
    assert len(message.faults) == 1
    assert message.faults[0].startswith(f"the template email/request.html {says}")


def test_what_a_template_fails_about_quotes_no_value(tmp_path):
    own(tmp_path, "email/request", "{{ {}[view.sentence] }}{{ view.sentence.index('zzz') }}")
    (fault,) = Renderer(tmp_path).write(LETTER).faults
    assert "disable-leaver" not in fault


def test_text_is_not_escaped_and_html_is():
    request = replace(LETTER.request, sentence="<b> & co")
    message = Renderer().write(replace(LETTER, request=request))
    assert "<b> & co" in message.text
    assert "&lt;b&gt; &amp; co" in message.html


# --- on a phone at seven in the morning --------------------------------------------------------


def in_order(text: str, *parts: str) -> None:
    places = [text.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


def test_what_whom_why_until_when_both_answers_and_the_code_come_first_in_that_order():
    message = Renderer().write(LETTER)
    html = unescape(message.html)
    for text in (message.text, html[html.index("<h1") :]):
        in_order(
            " ".join(text.split()),
            "disable-leaver would disable 300 accounts in directory",
            "Ada Cole, Bo Díaz, Cy <cy@example.org> and 297 more.",
            "298 of 300 share company=ACME",
            "If nobody decides until Tue 3 Mar 2026, 09:30 CET",
            LETTER.approve_all,
            LETTER.reject_all,
            mails.CODE,
            "3 of 300 are listed here",
            LETTER.links[LETTER.actions[0].id].approve,
        )


def test_the_line_beside_the_subject_says_the_essential_and_never_the_code():
    view = views.question_view(LETTER)
    assert view.preview.startswith("298 of 300 share company=ACME")
    assert "until Tue 3 Mar 2026" in view.preview
    html = Renderer().write(LETTER).html
    hidden = html[html.index("display:none") :].split("</div>")[0]
    assert "298 of 300" in hidden
    assert mails.CODE not in hidden


@pytest.mark.parametrize("name", sorted(mails.letters()))
def test_no_mail_loads_anything_from_elsewhere(name):
    html = Renderer().write(mails.letters()[name]).html
    assert not re.search(r"<(img|link|script|iframe|object|video|svg|base)\b", html)
    assert not re.search(r"\b(src|background|srcset|formaction)=|url\(|@import|@font-face", html)
    assert "<!--[if" not in html
    assert "v:" not in html


@pytest.mark.parametrize("name", sorted(mails.letters()))
def test_a_mail_is_readable_without_its_style_sheet(name):
    html = Renderer().write(mails.letters()[name]).html
    body = html[html.index("<body") :]
    used = set(re.findall(r'class="([^"]+)"', body))
    for tag in re.findall(r'<[a-z]\w*[^>]*class="[^"]+"[^>]*>', body):
        assert "style=" in tag
    assert used
    for link in re.findall(r"<a [^>]+>", body):
        assert "color:#" in link


def test_links_of_the_text_part_stand_on_lines_of_their_own_and_its_lines_are_short():
    letter = replace(LETTER, request=replace(LETTER.request, sentence="word " * 100))
    for line in Renderer().write(letter).text.splitlines():
        if "https://" in line:
            assert re.fullmatch(r" *https://\S+", line)
        else:
            assert len(line) <= 76


def many(rows: int, **values: object) -> Letter:
    first = LETTER.actions[0]
    actions = [
        replace(first, id=ActionId(f"{number:022d}"), **values)  # type: ignore[arg-type]
        for number in range(rows)
    ]
    token = "t" * 43
    links = {
        action.id: RowLinks(
            approve=f"{mails.URL}/hypersync/approve?action={action.id}&token={token}",
            reject=f"{mails.URL}/hypersync/reject?action={action.id}&token={token}",
        )
        for action in actions
    }
    return replace(LETTER, actions=actions, links=links, total=rows, clusters=(), cluster_links={})


def test_a_hundred_rows_stay_below_what_gmail_shows():
    before = {"title": "Senior Consultant", "department": "Consulting", "mail": "x@example.org"}
    html = Renderer().write(many(100, before=before, after=dict.fromkeys(before))).html
    assert html.count("/hypersync/approve?action=") == 100
    assert len(html.encode()) <= MOST_BYTES
    assert "This mail is long" not in html


def test_a_mail_that_may_be_cut_says_so_and_has_what_decides_before_that():
    before = {f"attribute{number}": "ü" * 300 for number in range(30)}
    message = Renderer().write(many(100, before=before))
    assert len(message.html.encode()) > MOST_BYTES
    top = message.html.encode()[:20_000].decode()
    for part in ("This mail is long", LETTER.approve_all, LETTER.reject_all, LETTER.report):
        assert part.replace("&", "&amp;") in top
    assert mails.CODE in top
    assert "and 25 more attributes" in message.text


def test_a_digest_of_many_questions_is_not_cut():
    letters = [
        replace(many(100), request=replace(LETTER.request, id=f"R{number}")) for number in range(20)
    ]
    message = Renderer().write(letters[0], letters[1:])
    assert len(message.html.encode()) <= MOST_BYTES
    assert message.html.count(LETTER.approve_all.replace("&", "&amp;")) == 20


def test_a_digest_belongs_to_the_threads_of_all_its_questions():
    other = replace(LETTER, thread_id="<other@iam.example.org>")
    headers = Renderer().write(LETTER, [other]).headers
    assert headers["References"] == f"{LETTER.thread_id} {other.thread_id}"
    assert "In-Reply-To" not in headers
    assert Renderer().write(LETTER).headers["In-Reply-To"] == LETTER.thread_id
