"""A scan that lost half of its people: asked by mail, answered by mail, page and command line.

Its data is applied only after somebody approved it, and approving it approves no action.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from hypersync.cli.serving import web_pages
from hypersync.clock import SystemClock
from hypersync.model.scans import ScanState
from hypersync.system_user import system_user
from tests.living import MAIN, RULES, Clock, make_project, people, users
from tests.smtp_sink import sink

__all__ = ["sink"]

ALL, LEFT = 60, 40
OURS = MAIN.replace("roles: [approver]", f"roles: [approver], os_user: {system_user()}")
GONE = RULES.replace("hr.status == 'left'", "hr.was_present and not hr.exists")


@pytest.fixture
def project(tmp_path, sink):
    """Everybody is in step, then a third of the HR file is gone."""
    made = make_project(tmp_path, main=OURS, rules=GONE)
    made.process["TEST_SMTP_PORT"] = str(sink.port)
    made.write_hr(people(ALL))
    made.write_users(users(ALL))
    code, _, _ = made.run("sync", "--scan", "--commit")
    assert code == 0
    made.write_hr(people(LEFT))
    code, document, _ = made.run("scan", "hr")
    assert code == 3
    assert document["scans"][0]["state"] == "suspended"
    return made


def asked(project) -> dict:
    """The open request about the scan."""
    _, document, _ = project.run("pending")
    (request,) = [each for each in document["requests"] if each["kind"] == "scan"]
    return request


def live(project) -> int:
    with project.app(SystemClock()) as app, app.store.snapshot() as unit:
        return unit.objects.live("hr", "person")


def answer_by_mail(project, sink, word: str) -> None:
    """Open the link of the mail on the pages and send the form with the code of the mail."""
    number = next(
        each for each, mail in enumerate(sink.mails) if "scan of hr" in str(mail["Subject"])
    )
    path = "/" + sink.link(f"/{word}?request=", number).split("/", 3)[3]
    with project.app(SystemClock()) as app:
        client = web_pages(app).test_client()
        host = {"base_url": "http://127.0.0.1:8080"}
        shown = client.get(path, **host).get_data(as_text=True)
        assert "E059" in shown, "the page names who is missing"
        fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*?value="([^"]*)"', shown))
        fields |= {"code": sink.code(number), "comment": "I asked HR"}
        assert client.post(path, data=fields, **host).status_code == 200


def answer_by_shell(project, sink, word: str) -> None:
    code, _, errors = project.run(word, asked(project)["id"], "--comment", "I asked HR")
    assert code == 0, errors


WAYS = pytest.mark.parametrize("answer", [answer_by_mail, answer_by_shell], ids=["mail", "shell"])


@WAYS
def test_an_approved_scan_is_applied_and_what_follows_from_it_is_guarded(project, sink, answer):
    before = project.rows()
    project.run("sync", "--commit")
    assert (live(project), project.rows()) == (ALL, before), "nothing before the approval"
    answer(project, sink, "approve")
    assert live(project) == ALL, "nothing at the click"
    code, document, _ = project.run("sync", "--commit")
    assert live(project) == LEFT
    assert document["counts"]["succeeded"] == 0, "no action is approved by approving a scan"
    assert document["counts"]["suspended"] == ALL - LEFT
    assert project.rows() == before
    assert code == 0


@WAYS
def test_a_rejected_scan_is_never_applied(project, sink, answer):
    answer(project, sink, "reject")
    project.run("sync", "--commit")
    assert live(project) == ALL
    _, document, _ = project.run("pending")
    assert document["requests"] == []


def test_the_question_about_a_scan_does_not_expire(project, sink):
    clock = Clock(SystemClock().now() + timedelta(days=365))
    request = asked(project)
    with project.app(clock) as app:
        app.tick()
        with app.store.snapshot() as unit:
            found = unit.requests.of_silo("hr", "person")
            states = [each.state for each in unit.scans.recent(5, "hr")]
    assert found is not None
    assert found.id == request["id"]
    assert ScanState.SUSPENDED in states
