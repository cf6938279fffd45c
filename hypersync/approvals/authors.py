"""Who changed a rule: neither they nor who stands in for them decide what it wants.

Each committing run notes the rules that say something else than before, and on whose account: the
system user of the process, and ``published_by`` where the configuration names somebody. A preview
puts nothing in force; it notes that it was the first with a text, and whoever was is the author
once a committing run has it, since that text was last in force. What the first committing run of a
database has is nobody's change. A process that read its rules before the latest change takes
nothing back by going on with them.

A request keeps which change it was opened under. Failure direction: where it is not known who made
that change, it may have been anybody who answers, and one person more has to approve.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from hypersync.approvals.directory import Directory
from hypersync.approvals.plan import concerned
from hypersync.approvals.settings import Loaded, Settings
from hypersync.model.actions import undone_rule
from hypersync.model.ids import RunId
from hypersync.model.requests import Plan, Request
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.events import Event
from hypersync.ports.store.leases import Fence
from hypersync.ports.store.publications import Publication, Publications, Tried

_logger = logging.getLogger(__name__)

CHANGE = "rule_change"
"""Where the detail of a request keeps under which change of its rule it was opened."""

Noted = Mapping[str, frozenset[str]]
"""Who brought the rules that a run noted."""

_UNSEEN = 0
"""Stands for a change that no run noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authors:
    """The people behind a change of a rule, with their delegates; ``at`` is when it was loaded.

    ``is_known`` says that nobody else can have made it.
    """

    people: frozenset[str] = frozenset()
    is_known: bool = True
    at: datetime | None = None


# --- what runs note ----------------------------------------------------------------------------


def note_rules(
    store: Store,
    run: RunId,
    now: datetime,
    fence: Fence | None = None,
    *,
    is_preview: bool,
    settings: Settings,
) -> None:
    """Write down which rules this process was the first to run with, and on whose account.

    A committing run puts them in force.
    """
    loaded = settings.loaded
    if loaded is None:
        return
    with store.snapshot() as unit:
        if not changes(unit.publications.in_force(), loaded):
            return
    note = _try_out if is_preview else _put_in_force
    people = _people(loaded, settings.directory)
    with store.begin(fence) as unit:
        known = unit.publications.in_force()
        noted = note(unit.publications, known, loaded, people)
        if known:
            _record(unit, run, noted, loaded, now, is_preview=is_preview)
    if known and noted:
        _say(noted, loaded, settings.directory, is_preview=is_preview)


def _put_in_force(
    publications: Publications,
    known: Mapping[str, Publication],
    loaded: Loaded,
    people: frozenset[str],
) -> Noted:
    """Let the rules that changed follow what they said; return by rule who brought that."""
    noted = {}
    for rule, content in changes(known, loaded).items():
        tried = publications.tried(rule, content)
        made = Publication(
            rule=rule,
            content=content,
            loaded_at=loaded.at,
            brought_at=loaded.at if tried is None else tried.brought_at,
            by=loaded.by if tried is None else tried.by,
            people=people if tried is None else tried.people,
            is_first=not known,
        )
        if publications.add(made, after=known[rule].id if rule in known else 0):
            noted[rule] = made.people
    return noted


def _try_out(
    publications: Publications,
    known: Mapping[str, Publication],
    loaded: Loaded,
    people: frozenset[str],
) -> Noted:
    """Remember the texts that no preview had before; return by rule who brought them."""
    return {
        rule: people
        for rule, content in changes(known, loaded).items()
        if publications.add_tried(
            Tried(
                rule=rule,
                after=known[rule].id if rule in known else 0,
                content=content,
                brought_at=loaded.at,
                by=loaded.by,
                people=people,
            )
        )
    }


def changes(known: Mapping[str, Publication], loaded: Loaded) -> dict[str, str | None]:
    """Return the rules that say something else than before; ``None`` for those taken out. Pure."""
    present: dict[str, str | None] = {**dict.fromkeys(known), **loaded.rules}
    return {
        rule: content
        for rule, content in present.items()
        if (last := known.get(rule)) is None
        or (last.content != content and last.loaded_at <= loaded.at)
    }


def _people(loaded: Loaded, directory: Directory) -> frozenset[str]:
    person = _of_command(loaded.by, directory)
    named = (person, loaded.published_by)
    return frozenset(each for each in named if each is not None)


def _of_command(by: str, directory: Directory) -> str | None:
    """Return whose command it was, where the system user is somebody's."""
    scheme, _, user = by.partition(":")
    person = directory.of_os_user(user) if scheme == "cli" else None
    return None if person is None else person.id


def _record(
    unit: UnitOfWork,
    run: RunId,
    noted: Noted,
    loaded: Loaded,
    now: datetime,
    *,
    is_preview: bool,
) -> None:
    kind = "rule_previewed" if is_preview else "rule_changed"
    for rule, people in noted.items():
        data = {"people": sorted(people)}
        unit.events.record(Event(kind=kind, at=now, run=run, rule=rule, by=loaded.by, data=data))


def _say(noted: Noted, loaded: Loaded, directory: Directory, *, is_preview: bool) -> None:
    """Tell whoever runs this on whose account the change is, where that matters."""
    by_people: dict[frozenset[str], list[str]] = {}
    for rule, people in noted.items():
        by_people.setdefault(people, []).append(rule)
    for people, rules in by_people.items():
        who = ", ".join(directory.name(f"person:{each}") for each in sorted(people))
        _logger.log(
            logging.WARNING if directory.people else logging.INFO,
            "%s: %s; by %s, who may not approve what that wants",
            "not in force yet" if is_preview else "changed since the last committing run",
            ", ".join(rules),
            who or f"somebody unknown ({loaded.by})",
        )


# --- what requests keep ------------------------------------------------------------------------


def change_of(unit: UnitOfWork, rule: str | None, settings: Settings) -> Mapping[str, int]:
    """Return what a request of a rule keeps of its change; nothing where it is nobody's."""
    if rule is None or settings.loaded is None:
        return {}
    name = undone_rule(rule)
    content = settings.loaded.rules.get(name)
    found = unit.publications.latest(name, content)
    if found is None:
        return {} if content is None else {CHANGE: _UNSEEN}
    return {} if found.is_first else {CHANGE: found.id}


def authors_of(unit: UnitOfWork, request: Request, directory: Directory) -> Authors:
    """Return who made the change that a request was opened under.

    Nobody where its plan lets people decide about what they did.
    """
    change = request.detail.get(CHANGE)
    if change is None or request.plan.allow_self:
        return Authors()
    found = unit.publications.get(change) if isinstance(change, int) else None
    return Authors(is_known=False) if found is None else authors(found, directory)


def authors(change: Publication, directory: Directory) -> Authors:
    """Return who made a change, as far as those named can still be told. Pure."""
    named = change.people or {
        each for each in (_of_command(change.by, directory),) if each is not None
    }
    selves = [concerned(f"person:{each}", (), directory) for each in named]
    return Authors(
        people=frozenset(each for some in selves for each in some),
        is_known=bool(named) and named <= set(directory.people),
        at=change.brought_at,
    )


def with_one_more(plan: Plan, known: Authors, directory: Directory) -> Plan:
    """Return the plan of a request, for one person more where the authors are not known. Pure.

    With nobody to ask the owner of the configuration decides, whoever changed the rule.
    """
    if known.is_known or not directory.people:
        return plan
    return replace(plan, need=plan.need + 1)
