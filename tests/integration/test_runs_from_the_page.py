"""Operators preview, commit and undo runs from the page, and may not approve what they started."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hypersync.approvals.decide import Ballot, OfRequest, decide
from hypersync.errors import DecisionRefused, UsageError
from hypersync.model.ids import RunId
from hypersync.model.requests import Answer
from hypersync.model.runs import RunKind, RunMode, RunState
from hypersync.pipeline.lease import holding
from tests.operating import Desk
from webui.jobs import GOOD_FOR, KEPT, JobState, Order

CALLS = """\
ruleset: calls
rules:
  - {id: welcome, kind: event, when: "account.exists and hr.title == 'new'", throttle: 1s,
     do: {webhook: "https://hooks.example.org/welcome"}}
  - {id: flow-title, kind: update, target: account, throttle: 1s, set: {title: hr.title},
     threshold: {limit: 5}}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.world.people(range(20))
    made.world.run("full")
    yield made
    made.close()


def leave(desk: Desk, *numbers: int) -> None:
    desk.world.leave(*numbers)
    desk.world.later(minutes=1)
    desk.world.scan()


def run_of(desk: Desk, name: RunId | None):
    assert name is not None
    with desk.world.app.store.snapshot() as unit:
        found = unit.runs.get(name)
    assert found is not None
    return found


# --- preview, then commit ----------------------------------------------------------------------


def test_a_preview_from_the_page_changes_nothing_and_says_what_a_commit_would_do(desk):
    leave(desk, 1, 2)
    job = desk.preview()
    assert (job.state, desk.world.disabled()) == (JobState.DONE, set())
    run = run_of(desk, job.run)
    assert (run.mode, run.started_by) == (RunMode.PREVIEW, "person:oli")
    page = desk.text(f"/report/runs/jobs/{job.id}")
    assert "Preview of a delta sync" in page
    assert "Nothing was changed." in page
    assert "2 changes would be made, as things stand now." in page
    assert "Commit: make 2 changes</button>" in page


def test_committing_a_preview_carries_it_out_in_the_name_of_who_pressed(desk):
    leave(desk, 1, 2)
    job = desk.job(desk.commit(desk.preview()))
    assert (job.state, job.error) == (JobState.DONE, "")
    assert desk.world.disabled() == {"u1", "u2"}
    run = run_of(desk, job.run)
    assert (run.mode, run.state, run.kind) == (RunMode.COMMIT, RunState.DONE, RunKind.DELTA)
    assert run.started_by == "person:oli"
    page = desk.text(f"/report/runs/jobs/{job.id}")
    assert "It was carried out." in page
    assert f"/report/runs/{job.run}" in page
    assert "Do it?" not in page


def test_a_preview_says_which_rule_would_be_stopped_and_who_may_not_approve_it(desk):
    leave(desk, 1, 2, 3)
    page = desk.text(f"/report/runs/jobs/{desk.preview().id}")
    assert "disable-leaver would be stopped: 3 actions, 2 allowed." in page
    assert "3 changes would be asked about." in page
    assert "You start it, so that you may not approve what it suspends." in page


def test_a_preview_says_what_its_commit_releases_besides(desk):
    leave(desk, 1, 2, 3)
    desk.world.sync()
    with desk.world.app.store.snapshot() as unit:
        (request,) = unit.requests.open()
    vote(desk, request.id, "ann")
    page = desk.text(f"/report/runs/jobs/{desk.preview().id}")
    assert "It also releases 3 approved actions." in page


def test_with_nothing_to_do_there_is_nothing_to_confirm(desk):
    page = desk.text(f"/report/runs/jobs/{desk.preview().id}")
    assert "Nothing to do." in page
    assert "Do it?" not in page


def test_a_sync_of_one_object_looks_at_one_object(desk):
    leave(desk, 1, 2)
    job = desk.preview(target="hr/person/e1")
    assert run_of(desk, job.run).kind is RunKind.OBJECT
    desk.job(desk.commit(job))
    assert desk.world.disabled() == {"u1"}


def test_a_run_may_begin_with_scans(desk):
    desk.world.leave(1)
    job = desk.preview(scan="yes", kind="full")
    assert run_of(desk, job.run).counts.queued == 1
    page = desk.text(f"/report/runs/jobs/{job.id}")
    assert "Scanned first: hr: applied, dir: applied." in page
    assert "what stays as it is" not in page


def test_a_full_preview_is_committed_in_full(desk):
    leave(desk, 1)
    committed = desk.job(desk.commit(desk.preview(kind="full")))
    assert run_of(desk, committed.run).kind is RunKind.FULL


@pytest.mark.parametrize("fields", [{"target": "hr/person"}, {"kind": "everything"}])
def test_what_cannot_be_previewed_is_refused_with_a_sentence(desk, fields):
    answer = desk.post("/report/runs/preview", **fields)
    assert answer.status_code == 400
    assert "SILO/TYPE/ANCHOR" in answer.text or "full or delta" in answer.text


def test_an_object_that_is_not_there_is_said_on_the_page_of_the_run(desk):
    job = desk.preview(target="hr/person/nobody<script>")
    page = desk.text(f"/report/runs/jobs/{job.id}")
    assert job.state is JobState.FAILED
    assert "It did not work." in page
    assert "<script>" not in page.split("<main", 1)[1]


# --- who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["ann", "vic"])
def test_only_operators_start_runs(desk, who):
    leave(desk, 1)
    assert "Start a run" not in desk.text("/report/runs", who)
    before = desk.world.rows("run")
    for address in ("/report/runs/preview", f"/report/runs/{before[0][0]}/undo"):
        assert desk.post(address, who).status_code == 403
    assert desk.world.rows("run") == before


def test_nobody_starts_a_run_without_signing_in(desk):
    answer = desk.client("").post("/report/runs/preview", base_url="https://iam.example.org")
    assert answer.status_code in (302, 303, 401, 403)
    assert desk.jobs.running is None


def test_S14_a_run_is_not_started_by_a_form_of_another_site(desk):
    leave(desk, 1)
    before = len(desk.world.rows("run"))
    for data in ({}, {"csrf": "guess"}, {"csrf": "é"}):
        answer = desk.client("oli").post(
            "/report/runs/preview", base_url="https://iam.example.org", data=data
        )
        assert answer.status_code == 403
    assert len(desk.world.rows("run")) == before


def test_looking_starts_nothing(desk):
    job = desk.preview()
    before = len(desk.world.rows("run"))
    for address in ("preview", f"jobs/{job.id}/commit", f"{job.run}/undo"):
        assert desk.get(f"/report/runs/{address}").status_code in (404, 405)
    assert len(desk.world.rows("run")) == before


def vote(desk: Desk, request, who: str) -> None:
    app = desk.world.app
    ballot = Ballot(answer=Answer.APPROVE, by=f"person:{who}", proof="session", comment="fine")
    decide(
        app.store,
        OfRequest(request),
        ballot,
        now=desk.world.clock.now(),
        settings=app.settings,
    )


def test_S05_whoever_starts_a_run_from_the_page_may_not_approve_it(desk):
    leave(desk, 1, 2, 3)
    desk.job(desk.commit(desk.preview()))
    with desk.world.app.store.snapshot() as unit:
        (request,) = unit.requests.open()
    for who in ("oli", "del"):
        with pytest.raises(DecisionRefused, match="started the run"):
            vote(desk, request.id, who)
    assert len(desk.world.suspended()) == 3
    vote(desk, request.id, "ann")
    assert desk.world.suspended() == []


# --- what a commit needs -----------------------------------------------------------------------


def test_a_commit_needs_a_preview_that_its_person_looked_at(desk):
    leave(desk, 1)
    assert desk.post("/report/runs/jobs/made-up/commit").status_code == 404
    job = desk.preview()
    job.person = "somebody-else"
    assert desk.commit(job).status_code == 400
    assert "nothing" not in desk.text(f"/report/runs/jobs/{job.id}")
    assert "Do it?" not in desk.text(f"/report/runs/jobs/{job.id}")
    assert desk.world.disabled() == set()


def test_a_commit_is_not_committed_again(desk):
    leave(desk, 1)
    committed = desk.job(desk.commit(desk.preview()))
    assert desk.commit(committed).status_code == 400


def test_a_preview_is_committed_once(desk):
    leave(desk, 1)
    preview = desk.preview()
    desk.job(desk.commit(preview))
    leave(desk, 2)
    assert "Do it?" not in desk.text(f"/report/runs/jobs/{preview.id}")
    assert desk.commit(preview).status_code == 400
    assert desk.world.disabled() == {"u1"}


def test_nothing_is_committed_without_a_preview(desk):
    with pytest.raises(UsageError, match="look first"):
        desk.jobs.start(Order(commit=True), person="oli", name="Oli")
    assert desk.jobs.running is None


def test_an_old_preview_is_not_committed(desk):
    leave(desk, 1)
    job = desk.preview()
    desk.world.clock.time += GOOD_FOR
    assert desk.get(f"/report/runs/jobs/{job.id}").status_code == 200
    desk.world.later(seconds=1)
    answer = desk.commit(job)
    assert answer.status_code == 400
    assert "too old; look again before you commit" in answer.text
    assert desk.world.disabled() == set()


# --- undo --------------------------------------------------------------------------------------


@pytest.fixture
def called(tmp_path: Path) -> Iterator[Desk]:
    """A world in which a run changed two titles and made a call."""
    made = Desk(tmp_path, CALLS)
    for number in range(20):
        made.world.person(number, title="clerk")
        made.world.account(number, title="clerk")
    made.world.run("full")
    made.world.change(1, title="new")
    made.world.change(2, title="boss")
    yield made
    made.close()


def test_undo_shows_first_what_cannot_be_undone_and_asks_for_the_number(called):
    run = called.world.run()
    assert run.counts.succeeded == 3
    called.world.later(minutes=1)
    job = called.job(called.post(f"/report/runs/{run.id}/undo"))
    page = called.text(f"/report/runs/jobs/{job.id}")
    assert "1 change would stay as it is: it cannot be taken back." in page
    assert page.index("stay as it is") < page.index("Do it?")
    assert "Type 1 to say that you know." in page
    left = called.text(f"/report/runs/{job.run}/put-off?verdict=left")
    assert "a call that was made cannot be taken back" in left
    for wrong in ({}, {"stays": ""}, {"stays": "2"}, {"stays": "one"}):
        assert called.commit(job, **wrong).status_code == 400
    assert called.world.get(2)["title"] == "boss"
    done = called.job(called.commit(job, stays="1"))
    assert done.state is JobState.DONE
    assert called.world.get(2)["title"] == "clerk"
    assert run_of(called, done.run).undoes == run.id


def test_undo_of_one_rule_leaves_the_others(called):
    run = called.world.run()
    job = called.job(called.post(f"/report/runs/{run.id}/undo", rule="welcome"))
    page = called.text(f"/report/runs/jobs/{job.id}")
    assert "1 change would stay as it is" in page
    assert "Do it?" not in page


@pytest.mark.parametrize("address", ["unknown-run", "<b>"])
def test_undo_of_what_is_not_there_says_so(desk, address):
    job = desk.job(desk.post(f"/report/runs/{address}/undo"))
    assert job.state is JobState.FAILED
    assert "there is no run" in desk.text(f"/report/runs/jobs/{job.id}")


def test_the_page_of_a_run_offers_undo_to_operators_for_what_was_carried_out(desk):
    leave(desk, 1)
    preview = desk.preview()
    committed = desk.job(desk.commit(preview))
    assert "See what an undo would do" in desk.text(f"/report/runs/{committed.run}")
    assert "See what an undo would do" not in desk.text(f"/report/runs/{preview.run}")
    assert "See what an undo would do" not in desk.text(f"/report/runs/{committed.run}", "vic")


# --- while it is under way ---------------------------------------------------------------------


def test_no_page_waits_for_a_run_and_its_page_looks_how_far_it_is(desk):
    leave(desk, 1)
    gate = desk.hold()
    answer = desk.post("/report/runs/preview")
    assert answer.status_code == 303
    assert gate.reached.wait(60)
    where = answer.headers["Location"]
    page = desk.text(where)
    assert "Started by Oli Op, under way." in page
    assert 'hx-trigger="every 1s"' in page
    assert "Look again" in page
    assert where in desk.text("/report/runs")
    gate.open.set()
    desk.job(answer)
    part = desk.get(f"{where}/progress").text
    assert "<html" not in part
    assert "hx-trigger" not in part
    assert "Do it?" in part


def test_one_run_at_a_time_is_started_from_the_pages(desk):
    gate = desk.hold()
    first = desk.post("/report/runs/preview")
    assert gate.reached.wait(60)
    second = desk.post("/report/runs/preview")
    assert second.status_code == 409
    assert "Oli Op started a run here that is still under way; wait for it." in second.text
    gate.open.set()
    desk.job(first)
    assert len(desk.jobs._jobs) == 1


def test_a_committing_run_elsewhere_is_named(desk):
    leave(desk, 1)
    preview = desk.preview()
    app = desk.world.app
    with holding(app.store, "sync", "cli:root (run r1)", app.clock.now):
        job = desk.job(desk.commit(preview))
    assert job.state is JobState.FAILED
    assert "sync is held by cli:root (run r1)" in desk.text(f"/report/runs/jobs/{job.id}")
    assert desk.world.disabled() == set()
    desk.job(desk.commit(preview))
    assert desk.world.disabled() == {"u1"}


def test_a_mistake_of_ours_ends_the_job_with_a_sentence(desk, caplog):
    gate = desk.hold()
    gate.error = ZeroDivisionError("1842 people of ACME")
    gate.open.set()
    job = desk.preview()
    assert job.state is JobState.FAILED
    page = desk.text(f"/report/runs/jobs/{job.id}")
    assert "Something went wrong; it was written to the log." in page
    assert "ACME" not in page
    assert "ZeroDivisionError" in caplog.text
    assert "webui/jobs.py" in caplog.text
    assert "ACME" not in caplog.text


def test_old_jobs_are_forgotten_and_found_as_runs(desk):
    first = desk.preview()
    for _ in range(KEPT):
        last = desk.preview()
    assert desk.get(f"/report/runs/jobs/{first.id}").status_code == 404
    assert desk.get(f"/report/runs/jobs/{last.id}").status_code == 200
    assert desk.get(f"/report/runs/{first.run}").status_code == 200
