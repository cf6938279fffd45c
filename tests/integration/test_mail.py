"""Mails over a real SMTP server: what they say, and what happens when it does not work."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.approvals.decide import Ballot, OfRequest, decide
from hypersync.approvals.deliver import Delivered, deliver
from hypersync.approvals.proof import Proofs
from hypersync.approvals.tick import tick
from hypersync.channels.email import EmailChannel
from hypersync.errors import DeliveryFailed
from hypersync.messages.render import Renderer
from hypersync.model.actions import ActionState
from hypersync.model.objects import Operation
from hypersync.model.requests import Answer, Plan, RequestKind, Step
from hypersync.ports.channel import Message
from hypersync.store.engine import open_engine
from hypersync.store.unit import Store
from tests.asking import DAY, HOUR, NOON, Stopped, person, stopped
from tests.smtp_sink import SmtpSink, sink

__all__ = ["sink"]
MINUTE = timedelta(minutes=1)


def channel(port: int) -> EmailChannel:
    return EmailChannel(
        host="127.0.0.1",
        port=port,
        sender="HyperSync <iam@example.org>",
        timeout=timedelta(seconds=5),
    )


def send(
    world: Stopped,
    port: int,
    now=NOON,
    templates: Path | None = None,
    used: EmailChannel | None = None,
) -> Delivered:
    return deliver(
        world.store,
        channels={"email": used or channel(port)},
        writer=Renderer(templates),
        worker="w1",
        clock=lambda: now,
        settings=world.settings,
    )


def test_one_mail_asks_with_a_row_and_links_for_each_action(tmp_path, sink: SmtpSink):
    world = stopped(tmp_path)
    ids = world.suspend(3)
    request = world.ask(ids)
    assert send(world, sink.port).sent == 1
    mail = sink.mails[0]
    assert mail["To"] == "Ann Ng <ann@example.org>"
    assert mail["Subject"] == "disable-leaver wants to disable in directory 3 times: 5 allowed"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "HyperSync test/dev <approvals.iam.example.org>"
    assert mail["References"] == f"<{request.id}@iam.example.org>"
    for text in (sink.text(), sink.html()):
        assert "Person 2" in text
        assert "directory/user/u2" in text
        assert "too many at once" in text
        assert "If nobody decides until Tue 3 Mar 2026, 12:00 UTC, it is dropped" in text
        assert sink.code() in text
    for action in ids:
        for answer in ("approve", "reject"):
            link = f"https://iam.example.org/hypersync/{answer}?action={action}&token="
            assert link in sink.text()
            assert link.replace("&", "&amp;") in sink.html()
    assert f"/hypersync/approve?request={request.id}&token=" in sink.text()
    assert f"/report/pending?request={request.id}&token=" in sink.text()


def test_a_mail_lists_the_first_rows_and_says_how_many_more_there_are(tmp_path, sink):
    world = stopped(tmp_path, rows=2)
    world.ask(world.suspend(1200))
    send(world, sink.port)
    assert sink.text().count("/hypersync/approve?action=") == 2
    assert "1\N{NO-BREAK SPACE}198 more, in the report" in sink.text()


def test_no_row_limit_lists_them_all(tmp_path, sink):
    world = stopped(tmp_path, rows=0)
    world.ask(world.suspend(120))
    send(world, sink.port)
    assert sink.text().count("/hypersync/approve?action=") == 120


def test_only_hashes_are_stored_and_each_recipient_has_a_token_and_code_of_their_own(
    tmp_path, sink
):
    world = stopped(tmp_path, person("ann"), person("bob"))
    world.ask(world.suspend())
    assert send(world, sink.port).sent == 2
    tokens = {sink.token(0), sink.token(1)}
    assert len(tokens) == 2
    assert sink.code(0) != sink.code(1)
    stored = repr([world.rows(name) for name in ("token", "delivery", "event")])
    assert not any(token in stored for token in tokens)
    assert sink.code(0) not in stored


def test_a_server_that_is_down_keeps_the_mail_waiting_and_the_action_suspended(tmp_path, sink):
    world = stopped(tmp_path)
    ids = world.suspend()
    world.ask(ids)
    sink.stop()
    assert send(world, sink.port).waiting == 1
    assert world.states(ids) == [ActionState.SUSPENDED]
    row = world.rows("delivery")[0]
    assert (row["state"], row["attempts"]) == ("waiting", 1)
    assert row["next_at"] == NOON + MINUTE
    assert "cannot be used" in str(row["error"])
    sink.start()
    assert send(world, sink.port, NOON + MINUTE / 2).sent == 0
    assert send(world, sink.port, NOON + MINUTE).sent == 1
    assert len(sink.mails) == 1


def test_an_outbox_survives_a_restart(tmp_path, sink):
    world = stopped(tmp_path)
    world.ask(world.suspend())
    world.store.engine.dispose()
    again = replace(world, store=Store(open_engine(f"sqlite:///{tmp_path}/hypersync.db")))
    assert send(again, sink.port).sent == 1


def test_one_refused_recipient_does_not_stop_the_others(tmp_path, sink):
    world = stopped(tmp_path, person("ann"), person("bob"))
    world.ask(world.suspend())
    sink.refused["ann@example.org"] = "550 no such user"
    done = send(world, sink.port)
    assert (done.sent, done.failed) == (1, 1)
    assert [mail["To"] for mail in sink.mails] == ["Bob Ng <bob@example.org>"]
    states = {row["address"]: row["state"] for row in world.rows("delivery")}
    assert states == {"ann@example.org": "failed", "bob@example.org": "sent"}


def test_a_recipient_refused_for_now_is_tried_again_with_growing_pauses(tmp_path, sink):
    world = stopped(tmp_path)
    world.ask(world.suspend(), expires_at=NOON + 10 * DAY)
    sink.refused["ann@example.org"] = "451 greylisted"
    now, pauses = NOON, []
    for _ in range(8):
        send(world, sink.port, now)
        next_at = world.rows("delivery")[0]["next_at"]
        pauses.append(next_at - now)
        now = next_at
    assert pauses == [MINUTE * n for n in (1, 2, 4, 8, 16, 32, 60, 60)]


def test_a_step_that_fails_for_good_is_followed_by_the_next(tmp_path, sink):
    plan = Plan(name="p", steps=(Step(to="person:ann", until=DAY), Step(to="person:bob")))
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[plan])
    world.ask(world.suspend(), plan="p")
    sink.refused["ann@example.org"] = "550 no such user"
    send(world, sink.port)
    tick(world.store, now=NOON + MINUTE, settings=world.settings)
    assert send(world, sink.port, NOON + MINUTE).sent == 1
    assert sink.mails[0]["To"] == "Bob Ng <bob@example.org>"


def test_S33_a_mail_sent_again_after_a_crash_is_the_same_mail(tmp_path, sink):
    world = stopped(tmp_path)
    world.ask(world.suspend())
    send(world, sink.port)
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE delivery SET state='sending', sent_at=NULL,"
            " next_at='2026-03-02 12:05:00.000000'"
        )
    assert send(world, sink.port, NOON + 4 * MINUTE).sent == 0
    assert send(world, sink.port, NOON + 5 * MINUTE).sent == 1
    first, second = sink.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert (sink.token(0), sink.code(0)) == (sink.token(1), sink.code(1))
    assert len(world.rows("token")) == 1


def test_nothing_is_sent_about_what_was_decided_meanwhile(tmp_path, sink):
    world = stopped(tmp_path)
    ids = world.suspend()
    world.ask(ids)
    with world.store.begin() as unit:
        unit.actions.move(ids, [ActionState.SUSPENDED], ActionState.STALE, NOON)
    assert send(world, sink.port).dropped == 1
    assert sink.mails == []


def test_everybody_who_was_asked_is_told_how_it_ended(tmp_path, sink):
    world = stopped(tmp_path, person("ann"), person("bob"))
    request = world.ask(world.suspend(2))
    send(world, sink.port)
    ballot = Ballot(answer=Answer.REJECT, by="person:bob", proof="code")
    decide(world.store, OfRequest(request.id), ballot, now=NOON + HOUR, settings=world.settings)
    assert send(world, sink.port, NOON + HOUR).sent == 2
    assert {mail["To"] for mail in sink.mails[2:]} == {
        "Ann Ng <ann@example.org>",
        "Bob Ng <bob@example.org>",
    }
    for text in (sink.text(), sink.html().replace("&#39;", "'")):
        assert "Rejected by Bob Ng" in text
        assert "The holder of Bob Ng's mail rejected 2 on Mon 2 Mar 2026, 13:00 UTC." in text
        assert "Nothing is changed." in text
    assert sink.mails[2]["References"] == sink.mails[0]["References"]
    assert sink.mails[2]["In-Reply-To"] == sink.mails[0]["In-Reply-To"]
    assert sink.mails[2]["Subject"] == f"Re: {sink.mails[0]['Subject']}"


def test_S28_many_questions_at_once_become_a_few_mails_and_a_digest(tmp_path, sink):
    world = stopped(tmp_path)
    for number in range(10):
        rule = f"rule-{number}"
        world.ask(world.suspend(rule=rule, first=number * 10), rule=rule)
    assert send(world, sink.port).sent == 10
    assert len(sink.mails) == 3
    digest = sink.mails[2]
    assert digest["Subject"] == "8 more questions wait for you"
    assert len(set(re.findall(r"CONFIRMATION CODE  (\d{6})", sink.text()))) == 8
    world.ask(world.suspend(rule="late", first=500), rule="late", now=NOON)
    assert send(world, sink.port, NOON + MINUTE / 2).waiting == 1
    assert send(world, sink.port, NOON + MINUTE).sent == 1


def test_S18_nothing_in_a_name_or_a_sentence_becomes_a_header(tmp_path, sink):
    world = stopped(tmp_path, person("ann", name="Ann\r\nBcc: eve@example.org"))
    evil = "stop\r\nBcc: eve@example.org\r\n\r\nhello"
    world.ask(world.suspend(title=evil), sentence=evil)
    send(world, sink.port)
    assert sink.mails[0]["Bcc"] is None
    assert "[U+000D][U+000A]" in sink.mails[0]["Subject"]


def test_S19_values_cannot_hide_or_flood_and_are_never_markup(tmp_path, sink):
    world = stopped(tmp_path)
    after = {
        "title": "<script>alert(1)</script>",
        "name": "evil\u202egpj.exe\u200b",
        "note": "x" * 1_000_000,
        "many": tuple(str(number) for number in range(5000)),
        "photo": b"\x00" * 2048,
    }
    world.ask(world.suspend(before={}, after=after, title="<b>Bob</b>"))
    send(world, sink.port)
    assert "<script>" not in sink.html()
    assert "&lt;b&gt;Bob&lt;/b&gt;" in sink.html()
    for text in (sink.html(), sink.text()):
        assert "evil[U+202E]gpj.exe[U+200B]" in text
        assert "\u202e" not in text
        assert "1\N{NO-BREAK SPACE}000\N{NO-BREAK SPACE}000 characters" in text
        assert "4\N{NO-BREAK SPACE}990 more" in text
        assert "(2\N{NO-BREAK SPACE}048 bytes)" in text
    assert len(sink.html()) < 30_000


def test_a_list_is_informed_and_gets_no_links_that_decide(tmp_path, sink):
    plan = Plan(name="p", steps=(Step(to="email:list@example.org", inform=True),))
    world = stopped(tmp_path, plans=[plan])
    world.ask(world.suspend(), plan="p")
    send(world, sink.port)
    assert sink.mails[0]["To"] == "list@example.org"
    assert "token=" not in sink.text()
    assert "CONFIRMATION" not in sink.text()


def test_a_project_may_replace_the_template_of_a_rule(tmp_path, sink):
    own = tmp_path / "templates" / "email"
    own.mkdir(parents=True)
    for ending in ("txt", "html"):
        links = "{{ view.approve_all }} {{ view.reject_all }} {{ view.code }}"
        (own / f"joiners.{ending}").write_text(f"Joiners: {links}")
    world = stopped(tmp_path)
    world.ask(world.suspend(), template="joiners")
    send(world, sink.port, templates=tmp_path / "templates")
    assert sink.text().startswith("Joiners: https://iam.example.org/hypersync/approve?request=")


@pytest.mark.parametrize("kind", [RequestKind.VIP, RequestKind.SCAN])
def test_vip_and_scan_requests_say_what_they_are(tmp_path, sink, kind):
    world = stopped(tmp_path)
    if kind is RequestKind.VIP:
        ids = world.suspend(vip="executives", first=9)
        world.ask(ids, kind=kind, vip="executives")
        assert send(world, sink.port).sent == 1
        assert "VIP rule: executives" in sink.text()
    else:
        world.ask([], kind=kind, scan="s1", count=40, rule=None, run=None, expires_at=None)
        assert send(world, sink.port).sent == 1
        assert "Approve the scan:\r\nhttps://" in sink.text()
        assert "This waits until somebody decides." in sink.text()


def message(**values: str) -> Message:
    known = {
        "address": "ann@example.org",
        "recipient": "Ann",
        "subject": "s",
        "text": "t",
        "html": "<p>t</p>",
        "message_id": "<1@example.org>",
    }
    return Message(at=NOON, **{**known, **values})


@pytest.mark.parametrize(
    "address", ["nobody", "a b@example.org", "a@b\r\nBcc: c@d", "", "a@b, c@d"]
)
def test_an_address_that_is_none_fails_for_good(sink, address):
    with pytest.raises(DeliveryFailed, match="is no mail address") as failed:
        channel(sink.port).send(message(address=address))
    assert failed.value.permanent
    assert sink.mails == []


def test_a_server_without_the_wanted_protection_gets_nothing(sink):
    for more in ({"security": "starttls"}, {"user": "u", "password": "p"}, {"security": "tls"}):
        with pytest.raises(DeliveryFailed, match="cannot be used") as failed:
            replace(channel(sink.port), **more).send(message())
        assert not failed.value.permanent
    assert sink.mails == []


def test_a_name_that_is_not_ascii_arrives_as_it_is(sink):
    channel(sink.port).send(message(recipient="Zoë, Ünal", subject="Größe → 3"))
    assert sink.mails[0]["Subject"] == "Größe → 3"
    assert sink.mails[0]["To"].addresses[0].display_name == "Zoë, Ünal"


def test_an_unknown_channel_fails_for_good(tmp_path):
    world = stopped(tmp_path)
    world.ask(world.suspend())
    done = deliver(
        world.store,
        channels={},
        writer=Renderer(),
        worker="w1",
        clock=lambda: NOON,
        settings=world.settings,
    )
    assert done.failed == 1


def test_a_mail_has_a_code_only_where_it_is_enough_for_something(tmp_path, sink):
    world = stopped(tmp_path, proofs=Proofs(deletes="session"))
    some = [*world.suspend(1), *world.suspend(1, first=5, operation=Operation.DELETE)]
    world.ask(some)
    send(world, sink.port)
    assert "To decide all of it you sign in; the code is for single actions." in sink.text()
    assert sink.code()
    world.ask(world.suspend(1, rule="r", first=9, operation=Operation.DELETE), rule="r")
    send(world, sink.port)
    for text in (sink.text(), sink.html()):
        assert "To decide you sign in on the page that a link opens." in text
        assert "/hypersync/approve?request=" in text
        assert "onfirmation code" not in text
    assert "CONFIRMATION CODE" not in sink.text()
