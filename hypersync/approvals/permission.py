"""Whether somebody may answer a request.

May answer: people who were entitled when the request was opened and are now, and their delegates.
May not: whoever would decide for themselves, as who started the run, changed the rule or is who it
is about. On the command line, with no people configured, the
system user who owns the configuration decides, for themselves included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hypersync.approvals.authors import authors_of
from hypersync.approvals.plan import concerned, entitled_now
from hypersync.approvals.settings import Settings
from hypersync.errors import DecisionRefused
from hypersync.model.ids import IdentityId
from hypersync.model.requests import Request
from hypersync.ports.store import UnitOfWork


class Concerning(Protocol):
    """Something that is about somebody, such as an action."""

    @property
    def identity(self) -> IdentityId:
        """Whom it is about."""


def check_permission(
    unit: UnitOfWork,
    request: Request,
    actions: Sequence[Concerning],
    by: str,
    settings: Settings,
) -> None:
    """Raise `DecisionRefused`, saying why, when this person may not decide these actions."""
    scheme, _, name = by.partition(":")
    if scheme == "cli":
        _check_owner(name, settings)
        return
    directory = settings.directory
    entitled = entitled_now(request, directory)
    if scheme != "person" or not directory.seats(entitled, name):
        raise DecisionRefused(f"{directory.name(by)} may not answer this request")
    if request.plan.allow_self:
        return
    run = None if request.run is None else unit.runs.get(request.run)
    if name in concerned(None if run is None else run.started_by, (), directory):
        raise DecisionRefused(
            f"{directory.name(by)} started the run (or stands in for who did) "
            "and may not decide about it"
        )
    authors = authors_of(unit, request, directory)
    if name in authors.people:
        raise DecisionRefused(
            f"{directory.name(by)} changed this rule at {authors.at:%Y-%m-%d %H:%M} UTC (or stands "
            "in for who did); another person has to decide"
        )
    if name in concerned(None, _join_values(unit, actions, settings), directory):
        raise DecisionRefused(f"{directory.name(by)} may not decide about themselves")


def barred(unit: UnitOfWork, request: Request, settings: Settings) -> frozenset[str]:
    """Return the people who may not decide a request because of what they did before."""
    if request.plan.allow_self:
        return frozenset()
    run = None if request.run is None else unit.runs.get(request.run)
    starters = concerned(None if run is None else run.started_by, (), settings.directory)
    return starters | authors_of(unit, request, settings.directory).people


def _check_owner(user: str, settings: Settings) -> None:
    if settings.directory.people:
        raise DecisionRefused(
            f"the system user {user} belongs to nobody who may answer; "
            "give a person `os_user` in the configuration"
        )
    if settings.owner is None or user != settings.owner:
        raise DecisionRefused(
            f"with nobody under `people`, only {settings.owner or 'its owner'}, who owns the "
            "configuration, may decide"
        )


def _join_values(
    unit: UnitOfWork, actions: Sequence[Concerning], settings: Settings
) -> frozenset[str]:
    if all(person.identity is None for person in settings.directory.people.values()):
        return frozenset()
    values = unit.requests.join_values({action.identity for action in actions})
    return frozenset(values.values())
