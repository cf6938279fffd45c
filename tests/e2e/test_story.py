"""The story of the demo against a real directory: 10 000 people, real mail, real pages.

People answer over HTTP, by the links and with the codes of their mails.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypersync.demo import company
from hypersync.demo.answering import give_answer
from hypersync.model.requests import Answer
from tests.living import Clock
from tests.slapd import running
from tests.story import a_world, everybody, mail_about, says, says_hr

SIZE = 10_000
LEAVERS = 600
FIRST = 3000


def test_the_story_of_the_demo_on_a_real_directory(tmp_path):
    made = company.make_company(SIZE)
    with (
        running(tmp_path / "slapd", everybody(made)) as server,
        a_world(tmp_path / "project", made, server) as world,
    ):
        a_normal_day(world)
        waiting = a_bad_file(world)
        the_answer(world, waiting)
        and_then_nothing_is_left(world)


def a_normal_day(world):
    run = world.scan_and_sync("full")
    succeeded = {rule: report.counts.succeeded for rule, report in run.rules.items()}
    assert succeeded == {
        "provision-account": company.JOINERS,
        "flow-department": company.MOVED,
        "flow-title": company.PROMOTED,
        "disable-leaver": 0,
    }
    assert (run.counts.suspended, run.counts.errors) == (0, 0)
    assert says(world.directory()) == says_hr(world.company.people)
    assert world.mailbox.mails == ()


def bad_news(made):
    """The bad file of the demo, and as many leavers again."""
    more = range(FIRST, FIRST + LEAVERS - company.LEAVERS)
    return tuple(
        replace(each, left=True) if each.number in more else each
        for each in company.with_bad_news(made)
    )


def a_bad_file(world):
    before = world.directory()
    world.hr_says(bad_news(world.company))
    run = world.scan_and_sync()
    assert run.rules["disable-leaver"].counts.suspended == LEAVERS
    assert (run.rules["disable-leaver"].reason or "").startswith("600 actions, 500 allowed")
    assert run.rules["flow-title"].counts.suspended == 1
    assert (run.counts.succeeded, run.counts.queued, run.counts.errors) == (0, 0, 0)
    assert world.directory() == before
    ann, bob = world.mails_to("ann@example.org"), world.mails_to("bob@example.org")
    assert len(world.mailbox.mails) == 4
    assert {len(ann), len(bob)} == {2}
    return before


def the_answer(world, before):
    leavers = mail_about(world.mails_to("ann@example.org"), "disable-leaver")
    vip = mail_about(world.mails_to("bob@example.org"), "flow-title")
    assert give_answer(leavers, Answer.REJECT, comment="the wrong file").status == 200
    assert give_answer(vip, Answer.APPROVE).status == 200
    assert world.directory() == before, "a click changes nothing; the next sync does"
    late = mail_about(world.mails_to("bob@example.org"), "disable-leaver")
    page = give_answer(late, Answer.APPROVE).text
    assert "Ann Ng" in page
    assert "<form" not in page, "Ann was first"

    run = world.scan_and_sync()
    assert (run.counts.released, run.counts.succeeded, run.counts.errors) == (1, 1, 0)
    after = world.directory()
    number = world.company.vip.employee_id
    assert after == before | {number: before[number] | {"title": company.NEW_TITLE}}
    with world.app.store.snapshot() as unit:
        (released,) = unit.actions.of_run(run.id)
    assert (released.decided_by, released.state.value) == ("person:bob", "succeeded")


def and_then_nothing_is_left(world):
    before = world.directory()
    run = world.scan_and_sync("full")
    assert (run.counts.queued, run.counts.succeeded, run.counts.errors) == (0, 0, 0)
    world.hr_says(right(world.company))
    run = world.scan_and_sync()
    assert (run.counts.queued, run.counts.suspended) == (0, 0)
    assert world.directory() == before


def right(made):
    vip = made.vip
    return [replace(each, title=company.NEW_TITLE) if each == vip else each for each in made.people]


# --- the directory goes away -------------------------------------------------------------------


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def small_world(tmp_path, clock):
    made = company.make_company(1000)
    with (
        running(tmp_path / "slapd", everybody(made)) as server,
        a_world(tmp_path / "project", made, server, clock) as world,
    ):
        yield world


def test_a_directory_that_is_gone_leaves_the_plan_waiting_and_nothing_is_lost(small_world, clock):
    world = small_world
    world.app.scan_for_rules()
    world.server.kill()
    run = world.app.sync("full", commit=True)
    assert run.counts.succeeded == 0
    assert run.counts.errors > 0
    assert [report.state.value for report in world.app.scan(["directory"])] == ["failed"]
    with world.app.store.snapshot() as unit:
        live = unit.objects.live("directory", "user")
    assert live == 1000 - company.JOINERS, "a scan that failed makes nobody absent"

    world.server.start()
    clock.forward(minutes=2)
    world.app.sync("delta", commit=True)
    assert says(world.directory()) == says_hr(world.company.people)
    run = world.scan_and_sync("full")
    assert (run.counts.queued, run.counts.errors) == (0, 0)
