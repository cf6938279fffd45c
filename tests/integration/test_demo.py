"""The demo: three acts that are verified, pages that show the mails, and a person who answers."""

from __future__ import annotations

import http.client
import json
import os
import re
import smtplib
import socket
import sys
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hypersync import cli
from hypersync.cli.demo import _Show
from hypersync.cli.frame import Exit
from hypersync.demo import acts, company
from hypersync.demo.answering import Answer, code_of, give_answer, link_of
from hypersync.demo.mailbox import Mail, Mailbox, receiving
from hypersync.demo.mailbox_pages import mailbox_pages
from hypersync.demo.stage import open_stage
from tests.living import Project, stop, wait_for_line


def a_mail(text="Hello", html="<html><head></head><body>Hello</body></html>"):
    mail = EmailMessage()
    mail["From"] = "HyperSync <iam@example.org>"
    mail["To"] = "ann@example.org"
    mail["Subject"] = "3 actions wait for you: <b>disable</b>"
    mail["Date"] = "Sat, 21 Nov 2026 11:00:00 +0000"
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    return mail


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture
def pages(mailbox):
    return mailbox_pages(mailbox, folder="/somewhere").test_client()


@pytest.fixture
def stage(mailbox):
    with (
        receiving(mailbox) as port,
        open_stage(url="http://127.0.0.1:1", mailbox=mailbox, smtp_port=port) as made,
    ):
        yield made


# --- the company -------------------------------------------------------------------------------


def test_the_company_is_the_same_every_time():
    assert company.make_company() == company.make_company()


def test_all_but_the_joiners_have_accounts_with_names_of_their_own():
    made = company.make_company()
    assert len(made.people) == 2000
    assert len(made.people) - len(made.accounts) == 40
    names = [name for name, _ in company.account_names(made.accounts)]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and name.isalnum() for name in names)


def test_the_bad_file_has_300_leavers_none_of_them_a_vip_and_one_new_title():
    made = company.make_company()
    bad = company.with_bad_news(made)
    leavers = [person for person in bad if person.left]
    assert len(leavers) == 300
    assert not [person for person in leavers if person.level in ("C", "VP")]
    retitled = [new for old, new in zip(made.people, bad, strict=True) if old.title != new.title]
    assert [person.number for person in retitled] == [made.vip.number]


# --- without a person --------------------------------------------------------------------------


def test_check_plays_and_verifies_all_acts_and_leaves_nothing_behind(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cli.invoke(["demo", "--check", "--port", "0", "--json"]) == Exit.DONE
    document = json.loads(capsys.readouterr().out)
    assert document["ok"]
    assert document["wrong"] == []
    assert document["seconds"] < 30
    assert [act["act"] for act in document["acts"]] == [1, 2, 3]
    assert all(fact["holds"] for act in document["acts"] for fact in act["facts"])
    assert list(tmp_path.iterdir()) == []


def test_check_tells_the_story_with_its_links(capsys):
    assert cli.invoke(["demo", "--check", "--port", "0"]) == Exit.DONE
    told = capsys.readouterr().out
    for words in (
        "creates 40 accounts and changes 18 departments and 9 titles",
        "300 actions, 100 allowed",
        "Nothing was changed.",
        "297 of 300 share company=ACME; they first appeared in the scan of hr at ",
        "297 of disable-leaver rejected.",
        "4 of disable-leaver and flow-title approved.",
        "makes 4 changes",
        "title Vice President Sales → Chief Revenue Officer",
        "/report/runs/",
        "/mailbox/1",
        "/mailbox/2",
    ):
        assert words in told


def test_what_did_not_go_as_it_must_is_said_and_fails(stage, capsys):
    short = replace(stage.company, people=stage.company.people[:-1])
    company.write_hr(stage.hr, short.people)
    act = acts.a_normal_day(stage)
    show = _Show(stage, as_json=False)
    assert show.verdict([act], ["somebody stumbled"], seconds=1.0) == Exit.FAILED
    complaint = capsys.readouterr().err
    assert "somebody stumbled" in complaint
    assert "act 1: accounts created: 39 instead of 40" in complaint
    assert "accounts that differ from HR: ['E2000'] instead of []" in complaint


def test_the_project_of_the_stage_has_no_mistakes(stage, capsys):
    file = str(stage.folder / "config" / "hypersync.yaml")
    assert cli.invoke(["--config", file, "check", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == {"mistakes": []}


# --- ports -------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_one_clear_error(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.invoke(["demo", "--check", "--port", str(port)]) == Exit.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        f"cannot listen on 127.0.0.1, port {port}: Address already in use; name another with --port"
    ]


def test_when_no_port_was_named_a_free_one_is_found(capsys, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("hypersync.cli.serving.USUAL_PORT", port)
        assert cli.invoke(["demo", "--check"]) == Exit.DONE
    told = capsys.readouterr().out
    assert f"127.0.0.1:{port}" not in told


# --- with a person -----------------------------------------------------------------------------


def fetch(url, path):
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_person_answers_the_mails_and_the_next_sync_makes_one_change(tmp_path):
    demo = Project(tmp_path).start("demo", "--port", "0", "--json")
    wait_for_line(demo, "Ctrl-C ends the demo")
    assert demo.stdout is not None
    links = json.loads(read_document(demo.stdout))
    folder = Path(links["folder"])
    assert folder.is_dir()

    for number, answer in ((2, Answer.REJECT), (1, Answer.APPROVE)):
        status, text = fetch(links["url"], f"/mailbox/{number}/text")
        assert status == 200
        page = give_answer(
            Mail(number, (), a_mail(text, html="")), answer, comment="looked at HR's file"
        )
        assert page.status == 200
    wait_for_line(demo, "exactly one change")
    wait_for_line(demo, "Play on")
    history = fetch(links["url"], "/report/runs")[1]
    assert len(set(re.findall(r'"/report/runs/([\w-]{22})"', history))) == 3
    code, complaint = stop(demo)
    assert code == 0
    assert "The demo is over" in complaint
    assert not folder.exists()


def test_a_person_who_presses_enter_has_the_mails_answered(tmp_path):
    keyboard, terminal = os.openpty()
    demo = Project(tmp_path).start("demo", "--port", "0", "--json", stdin=terminal)
    os.close(terminal)
    wait_for_line(demo, "Or press Enter, and the mails are answered for you.")
    os.write(keyboard, b"\n")
    wait_for_line(demo, "The next sync makes 4 changes.")
    assert stop(demo)[0] == 0
    os.close(keyboard)


def read_document(stream):
    lines = []
    for line in stream:
        lines.append(line)
        if line == "}\n":
            return "".join(lines)
    raise AssertionError(f"no document in {lines}")


def test_a_person_who_never_answers_leaves_nothing_changed(tmp_path):
    demo = Project(tmp_path).start("demo", "--port", "0", "--json")
    wait_for_line(demo, "Ctrl-C ends the demo")
    assert demo.stdout is not None
    folder = Path(json.loads(read_document(demo.stdout))["folder"])
    directory = (folder / "data" / "directory.csv").read_text(encoding="utf-8")
    assert directory.count(",true") == 2000
    assert stop(demo, 2)[0] == 0
    assert not folder.exists()


# --- the mailbox -------------------------------------------------------------------------------


def test_the_mail_server_takes_real_mail_and_stops_without_a_trace(mailbox):
    with receiving(mailbox) as port, smtplib.SMTP("127.0.0.1", port) as server:
        server.send_message(a_mail())
        server.send_message(a_mail(html=""))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    first, second = mailbox.mails
    assert (first.number, first.recipients, first.text) == (1, ("ann@example.org",), "Hello\n")
    assert "<body>Hello" in first.html
    assert second.html == ""


def test_the_newest_mail_stands_first_and_subjects_are_escaped(mailbox, pages):
    mailbox.receive(["ann@example.org"], bytes(a_mail()))
    mailbox.receive(["bob@example.org"], bytes(a_mail()))
    page = pages.get("/").text
    assert page.index("bob@example.org") < page.index("ann@example.org")
    assert "&lt;b&gt;disable&lt;/b&gt;" in page
    assert "/somewhere" in page


def test_the_html_of_a_mail_can_run_and_load_nothing_and_links_open_beside_it(mailbox, pages):
    html = "<html><head></head><body><script>alert(1)</script><a href='/x'>x</a></body></html>"
    mailbox.receive(["ann@example.org"], bytes(a_mail(html=html)))
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in pages.get("/1").text
    frame = pages.get("/1/html")
    assert '<head><base target="_blank">' in frame.text
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize("path", ["/", "/1", "/1/html", "/1/text", "/static/mailbox.css"])
def test_every_page_of_the_mailbox_says_what_a_browser_may_do(mailbox, pages, path):
    mailbox.receive(["ann@example.org"], bytes(a_mail()))
    with pages.get(path) as answer:
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/0", "/2", "/2/html", "/x"])
def test_a_mail_that_is_not_there_is_not_found(mailbox, pages, path):
    mailbox.receive(["ann@example.org"], bytes(a_mail()))
    assert pages.get(path).status_code == 404


def test_a_mail_without_html_is_shown_as_text(mailbox, pages):
    mailbox.receive(["ann@example.org"], bytes(a_mail("only <text>", html="")))
    page = pages.get("/1").text
    assert "only &lt;text&gt;" in page
    assert "<iframe" not in page


def test_the_link_of_a_part_is_that_of_no_other_part():
    whole, one, rest = (
        f"http://127.0.0.1/hypersync/approve?request=R{part}&token=T"
        for part in ("", "&cluster=1", "&cluster=rest")
    )
    mail = Mail(1, (), a_mail(f"{whole}\n{rest}\n{one}\n", html=""))
    assert link_of(mail, Answer.APPROVE) == whole
    assert link_of(mail, Answer.APPROVE, "1") == one
    assert link_of(mail, Answer.APPROVE, "rest") == rest
    assert link_of(mail, Answer.APPROVE, "2") == ""


def test_a_mail_without_links_or_code_cannot_be_answered():
    mail = Mail(1, (), a_mail())
    assert (link_of(mail, Answer.APPROVE), code_of(mail)) == ("", "")
    assert give_answer(mail, Answer.APPROVE).status == 0


def test_the_date_of_a_mail_may_be_nonsense():
    mail = a_mail()
    del mail["Date"]
    assert Mail(1, (), mail).date is None


def test_the_demo_needs_no_keyboard(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert cli.invoke(["demo", "--check", "--port", "0", "--json"]) == Exit.DONE
