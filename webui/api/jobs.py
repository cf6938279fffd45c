"""Runs that callers start: previews and undos, and the commit of a preview that was looked at.

A run takes a while: starting one answers at once with a job, which says how far it is and in the
end which run it was. As on the pages, a commit names the preview of the same person.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from flask import Response
from pydantic import BaseModel, Field

from hypersync.errors import NotFound
from hypersync.model.ids import RunId
from webui.api.answers import Sent, answer
from webui.api.problems import ProblemError
from webui.api.routes import Decorator, Routes
from webui.api.words import ById, Word
from webui.jobs import Job, JobState, Order, jobs
from webui.visitors import needs


class ObjectIn(Sent):
    """One object of a silo."""

    silo: Word
    type: Word
    anchor: Word


class PreviewIn(Sent):
    """A preview of a sync: of what changed, of everything, or of one object."""

    kind: Literal["full", "delta"] | None = Field(
        None, description="By default delta, or full when one is due."
    )
    object: ObjectIn | None = Field(None, description="Only this one, whatever the kind.")
    scan: bool = Field(False, description="Read the silos first.")


class UndoIn(Sent):
    """A preview of what would take back what a run did."""

    rule: Word | None = Field(None, description="Only what this rule did.")


class CommitIn(Sent):
    """The commit of a preview."""

    cannot: int | None = Field(
        None, ge=0, description="Of an undo: how many changes stay as they are, as it said."
    )


class JobOut(BaseModel):
    """A run that was started, and how far it is."""

    id: str
    state: JobState
    commit: bool
    kind: str | None
    undoes: str | None
    started_at: datetime
    ended_at: datetime | None
    stage: str
    done: int
    total: int | None
    run: str | None = Field(description="The run, once it is over.")
    error: str
    cannot: int = Field(description="Of an undo: how many changes stay as they are.")
    incomplete: int
    scans: list[str]


def add_to(routes: Routes) -> None:
    """Add the calls that start runs."""

    def starting(rule: str) -> Decorator:
        return routes.post(rule, JobOut, tag="runs", scope="run", role="operator", status=202)

    @starting("/runs")
    def preview_run(body: PreviewIn) -> Response:
        """Start a preview of a sync; nothing is changed."""
        return _start(routes, _order(body))

    @starting("/runs/<id>/undo")
    def preview_undo(path: ById, body: UndoIn) -> Response:
        """Start a preview of what would take back a run; nothing is changed."""
        with routes.app.store.snapshot() as unit:
            if unit.runs.get(RunId(path.id)) is None:
                raise NotFound("there is no such run")
        return _start(routes, Order(undoes=RunId(path.id), rule=body.rule))

    @starting("/jobs/<id>/commit")
    def commit_job(path: ById, body: CommitIn) -> Response:
        """Do what a preview of the same person showed, within an hour."""
        person = _person(routes)
        return _start(routes, jobs().committed(path.id, person=person, knows=body.cannot))

    @routes.get("/jobs/<id>", JobOut, tag="runs", scope="run", role="operator")
    def get_job(path: ById) -> Response:
        """Return how far a run is that was started here."""
        return answer(_out(jobs().get(path.id)))


def _order(body: PreviewIn) -> Order:
    named = body.object
    if named is None:
        return Order(kind=body.kind, scan=body.scan)
    return Order(target=(named.silo, named.type, named.anchor), scan=body.scan)


def _person(routes: Routes) -> str:
    person = needs(routes.app, "operator").person
    if person is None:
        raise ProblemError(403, "role", "Only a person starts runs; send their token.")
    return person


def _start(routes: Routes, order: Order) -> Response:
    known = needs(routes.app, "operator")
    job = jobs().start(order, person=_person(routes), name=known.name)
    found = answer(_out(job), 202)
    found.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return found


def _out(job: Job) -> JobOut:
    return JobOut(
        id=job.id,
        state=job.state,
        commit=job.order.commit,
        kind=job.kind,
        undoes=job.order.undoes,
        started_at=job.started_at,
        ended_at=job.ended_at,
        stage=job.stage,
        done=job.done,
        total=job.total,
        run=job.run,
        error=job.error,
        cannot=job.cannot,
        incomplete=job.incomplete,
        scans=list(job.scans),
    )
