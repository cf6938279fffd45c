"""The threats to mails, by their numbers in the design, over a real SMTP server."""

import re
from html.parser import HTMLParser

import pytest

from hypersync.approvals.decide import Ballot, OfRequest, decide
from hypersync.messages.render import MOST_BYTES
from hypersync.model.requests import Answer, Plan, Step
from tests.asking import HOUR, NOON, person, stopped
from tests.integration.test_mail import MINUTE, send
from tests.smtp_sink import sink

__all__ = ["sink"]
HEADERS = [
    "stop\r\nBcc: eve@example.org\r\n\r\nhello",
    "a\nX-Evil: 1",
    "a\x00b\x0bc",
    "\u2028Bcc: x",
]
HIDDEN = "\u202e\u202d\u2066\u2069\u200b\u200c\u200d\u200e\ufeff\u00ad\x1b\x08"
MARKUP = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "<a href='https://evil.example.org'>Approve all</a>",
    "</td></tr></table><h1>Approved</h1>",
    "<!--",
    "<style>*{display:none}</style>",
    "]]><![CDATA[",
]


class Page(HTMLParser):
    """The tags of a mail, its links and what it runs."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


# --- S18 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("evil", HEADERS)
def test_S18_no_name_rule_silo_or_sentence_adds_a_header(tmp_path, sink, evil):
    world = stopped(tmp_path, person("ann", name=evil))
    ids = world.suspend(title=evil)
    request = world.ask(ids, rule=evil, sentence=evil, silo=evil, cause=evil)
    send(world, sink.port)
    ballot = Ballot(answer=Answer.REJECT, by="person:ann", proof="code", comment=evil)
    decide(world.store, OfRequest(request.id), ballot, now=NOON + HOUR, settings=world.settings)
    send(world, sink.port, NOON + HOUR)
    assert len(sink.mails) == 2
    for mail in sink.mails:
        assert mail["Bcc"] is None
        assert mail["X-Evil"] is None
        assert len(mail.get_all("To")) == len(mail.get_all("Subject")) == 1
        assert [each.addr_spec for each in mail["To"].addresses] == ["ann@example.org"]
        assert mail["Subject"].isprintable()
        assert not mail.defects


# --- S19 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("evil", MARKUP)
def test_S19_markup_in_anything_is_text_and_adds_no_link(tmp_path, sink, evil):
    plain = stopped(tmp_path)
    (tmp_path / "evil").mkdir()
    world = stopped(tmp_path / "evil", person("ann", name=evil))
    plain.ask(plain.suspend(before={"a": "x"}, after={"a": "y"}, title="x"), cause="x")
    send(plain, sink.port)
    world.ask(
        world.suspend(before={evil: evil}, after={evil: evil}, title=evil),
        sentence=evil,
        cause=evil,
    )
    send(world, sink.port)
    clean, dirty = Page(sink.html(0)), Page(sink.html(1))
    assert dirty.tags == clean.tags
    assert dirty.handlers == []
    assert len(dirty.links) == len(clean.links)
    assert all(link.startswith("https://iam.example.org/") for link in dirty.links)


def test_S19_nothing_is_hidden_in_either_part(tmp_path, sink):
    world = stopped(tmp_path, person("ann", name=f"A{HIDDEN}"))
    after = {f"name{HIDDEN}": f"evil{HIDDEN}gpj.exe", "many": tuple(f"{n}{HIDDEN}" for n in "ab")}
    world.ask(
        world.suspend(before={}, after=after, title=f"Bob{HIDDEN}"),
        sentence=f"s{HIDDEN}",
        cause=f"c{HIDDEN}",
        detail={"missing": [f"m{HIDDEN}"], "problem": f"p{HIDDEN}"},
    )
    send(world, sink.port)
    assert sink.html().count("[U+202E]") >= 7
    for text in (sink.html(), sink.text(), sink.mails[0]["Subject"], str(sink.mails[0]["To"])):
        assert not set(text) & set(HIDDEN)


def test_S19_a_megabyte_of_text_stays_small_in_both_parts(tmp_path, sink):
    flood = "x\u202e" * 500_000
    world = stopped(tmp_path, person("ann", name=flood))
    after = {f"a{flood}": flood, "many": (flood,) * 3}
    ids = world.suspend(2, before=after, after=after, title=flood)
    detail = {"missing": [flood] * 2, "missing_total": 2, "problem": flood}
    world.ask(ids, sentence=flood, cause=flood, rule=flood, detail=detail)
    send(world, sink.port)
    assert len(sink.raw[0]) < 2 * MOST_BYTES
    assert len(sink.mails[0]["Subject"]) < 1_500
    top = sink.html().encode()[:MOST_BYTES].decode("utf-8", "ignore")
    assert sink.code() in top
    assert "/hypersync/approve?request=" in top
    assert "/hypersync/reject?request=" in top


# --- S26 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("evil", ["{{ 7 * 7 }}", "{% include 'x' %}", "{view.code}", "%(code)s"])
def test_S26_a_value_that_looks_like_a_template_is_only_text(tmp_path, sink, evil):
    world = stopped(tmp_path, person("ann", name=evil))
    after = {evil: evil}
    world.ask(world.suspend(before={}, after=after, title=evil), sentence=evil, cause=evil)
    send(world, sink.port)
    for text in (sink.text(), sink.html().replace("&#39;", "'")):
        assert text.count(evil) >= 5
    assert sink.mails[0]["Subject"] == evil


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ view.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{% for a in range(10 ** 9) %}{% endfor %}",
        "{{ gettext.__globals__ }}",
        "{% set view = 1 %}{{ view.sentence }}",
        "{% include '../../etc/passwd' %}",
        "{{ view.rows.append(1) }}",
    ],
)
def test_S26_a_template_reaches_nothing_but_its_view(tmp_path, sink, text):
    folder = tmp_path / "templates" / "email"
    folder.mkdir(parents=True)
    (folder / "request.html").write_text(text)
    world = stopped(tmp_path)
    world.ask(world.suspend())
    assert send(world, sink.port, templates=tmp_path / "templates").sent == 1
    assert sink.code() in sink.html()
    assert len(world.events("template_failed")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "{{ gettext(view.sentence) }}",
        "{{ _(view.sentence) }}",
        "{% trans what=view.sentence %}{{ what }}{% endtrans %}",
        "{{ view.sentence | replace('a', 'a') }}",
        "{{ view.sentence ~ '' }}",
        "{% set x %}{{ view.sentence }}{% endset %}{{ x }}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(view.sentence) }}",
        "{{ view.sentence | wordwrap(9) | indent }}",
        "{{ [view.sentence] | join }}",
        "{{ view.sentence | format }}",
    ],
)
def test_S26_no_template_can_show_a_value_as_markup(tmp_path, sink, text):
    folder = tmp_path / "templates" / "email"
    folder.mkdir(parents=True)
    asking = "{{ view.approve_all }} {{ view.reject_all }} {{ view.code }}"
    (folder / "request.html").write_text(f"own {text} {asking}")
    world = stopped(tmp_path)
    world.ask(world.suspend(), sentence="<img src=x>")
    send(world, sink.port, templates=tmp_path / "templates")
    assert sink.html().startswith("own ")
    assert "<img" not in sink.html()


# --- S28 and S33 -------------------------------------------------------------------------------


def test_S28_a_hundred_questions_are_never_more_than_three_mails_a_minute(tmp_path, sink):
    world = stopped(tmp_path)
    for number in range(70):
        rule = f"rule-{number}"
        world.ask(world.suspend(rule=rule, first=number * 10), rule=rule)
    now, codes = NOON, set()
    for _ in range(6):
        before = len(sink.mails)
        send(world, sink.port, now)
        assert len(sink.mails) - before <= 3
        now += MINUTE
    for number, mail in enumerate(sink.mails):
        codes |= set(re.findall(r"CONFIRMATION CODE  (\d{6})", sink.text(number)))
        assert len(sink.html(number).encode()) <= MOST_BYTES, mail["Subject"]
    links = {
        link
        for number in range(len(sink.mails))
        for link in re.findall(r"/hypersync/approve\?request=([\w-]+)", sink.text(number))
    }
    assert len(links) == 70


def test_S28_many_rows_are_one_mail_to_each_address(tmp_path, sink):
    plan = Plan(name="p", steps=(Step(to="role:approver"), Step(to="person:ann")))
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[plan])
    world.ask(world.suspend(500), plan="p")
    for _ in range(3):
        send(world, sink.port)
    assert sorted(mail["To"].addresses[0].addr_spec for mail in sink.mails) == [
        "ann@example.org",
        "bob@example.org",
    ]


def test_S33_a_digest_sent_again_after_a_crash_has_the_same_id_links_and_codes(tmp_path, sink):
    world = stopped(tmp_path)
    for number in range(6):
        rule = f"rule-{number}"
        world.ask(world.suspend(rule=rule, first=number * 10), rule=rule)
    send(world, sink.port)
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE delivery SET state='sending', sent_at=NULL,"
            " next_at='2026-03-02 12:05:00.000000'"
        )
    send(world, sink.port, NOON + 5 * MINUTE)
    assert len(sink.mails) == 6
    for first, again in zip(sink.mails[:3], sink.mails[3:], strict=True):
        assert first["Message-ID"] == again["Message-ID"]
    links = [set(re.findall(r"https://\S+", sink.text(number))) for number in (2, 5)]
    assert links[0] == links[1]
    assert len(world.rows("token")) == 6
