"""Who looks at a page: somebody who signed in, whoever sits at this machine, or nobody."""

from __future__ import annotations

from hypersync.access.visitor import AT_THIS_MACHINE, Visitor
from hypersync.app import App
from hypersync.config.people_models import Role
from hypersync.errors import DecisionRefused
from webui.origin import is_local


def visitor(app: App) -> Visitor | None:
    """Return who looks, or ``None`` for somebody unknown."""
    return AT_THIS_MACHINE if is_local(app) else None


def needs(app: App, role: Role) -> Visitor:
    """Return who looks; raises `DecisionRefused` unless they have the role."""
    known = visitor(app)
    if known is None:
        raise DecisionRefused("Until there is a sign-in, this page is shown on its machine only.")
    if not known.may(role):
        raise DecisionRefused(f"This takes the role {role}.")
    return known


def zone_of(app: App) -> str:
    """Return the time zone in which whoever looks reads times."""
    known = visitor(app)
    person = "" if known is None else known.person or ""
    people = app.settings.directory.people
    return people[person].timezone if person in people else "UTC"
