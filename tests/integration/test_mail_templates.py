"""Templates of a project in mails that are really sent, and broken ones."""

from pathlib import Path

from hypersync.approvals.outbox import tell_outcome
from tests.asking import NOON, person, stopped
from tests.integration.test_mail import MINUTE, send
from tests.smtp_sink import sink

__all__ = ["sink"]


def broken(tmp_path, text: str = "{{ view.nothing }}") -> Path:
    folder = tmp_path / "templates" / "email"
    folder.mkdir(parents=True)
    (folder / "request.html").write_text(text)
    return tmp_path / "templates"


def test_a_template_that_fails_keeps_nobody_from_being_asked_and_people_see_that_it_did(
    tmp_path, sink
):
    world = stopped(tmp_path, person("ann"), person("bob"))
    request = world.ask(world.suspend())
    done = send(world, sink.port, templates=broken(tmp_path))
    assert (done.sent, done.waiting, done.failed) == (2, 0, 0)
    assert sink.code(0)
    assert "/hypersync/approve?request=" in sink.html()
    with world.store.snapshot() as unit:
        (error,) = unit.runs.errors(world.run)
    said = "the template email/request.html failed on line 1: UndefinedError"
    assert (error.rule, error.code) == ("disable-leaver", "template")
    assert error.message == f"{said}; the mail was sent in the shipped form"
    assert world.events("template_failed") == [{"reason": said}]
    event = next(row for row in world.rows("event") if row["kind"] == "template_failed")
    assert (event["request"], event["run"]) == (request.id, world.run)


def test_a_template_without_what_people_need_to_answer_is_not_used(tmp_path, sink):
    world = stopped(tmp_path)
    world.ask(world.suspend())
    send(world, sink.port, templates=broken(tmp_path, "<p>{{ view.approve_all }}</p>"))
    assert sink.code() in sink.html()
    (event,) = world.events("template_failed")
    assert "leaves out the link that rejects all, the confirmation code" in str(event["reason"])


def test_a_template_that_was_mended_is_used_from_then_on(tmp_path, sink):
    world = stopped(tmp_path)
    folder = broken(tmp_path)
    world.ask(world.suspend())
    send(world, sink.port, templates=folder)
    asking = "Mended {{ view.approve_all }} {{ view.reject_all }} {{ view.code }}"
    (folder / "email" / "request.html").write_text(asking)
    world.ask(world.suspend(rule="other", first=50), rule="other")
    send(world, sink.port, NOON + 2 * MINUTE, templates=folder)
    assert sink.html().startswith("Mended https://")
    assert len(world.events("template_failed")) == 1


def test_a_scan_has_no_run_and_its_broken_template_is_an_event(tmp_path, sink):
    world = stopped(tmp_path)
    (tmp_path / "templates" / "email").mkdir(parents=True)
    (tmp_path / "templates" / "email" / "decided.txt").write_text("{{")
    request = world.ask([], rule=None, run=None, scan="s1")
    with world.store.begin() as unit:
        unit.deliveries.claim("w0", NOON, again_at=NOON, limit=9)
        (delivery,) = unit.deliveries.of_request(request.id)
        unit.deliveries.sent(delivery.id, "w0", NOON)
        tell_outcome(unit, request.id, world.settings, NOON)
    assert send(world, sink.port, templates=tmp_path / "templates").sent == 1
    (event,) = world.events("template_failed")
    assert str(event["reason"]).startswith("the template email/decided.txt failed on line 1: ")
