"""The three acts: what happens in each, told in sentences, and whether it went as it must.

Each act does something to the company's files, scans and syncs the way the command line does, and
returns what it has to tell together with the facts that ``demo --check`` verifies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypersync.demo import company
from hypersync.demo.mailbox import Mail
from hypersync.demo.stage import Stage
from hypersync.model.actions import Action, ActionState
from hypersync.model.causes import REST, Cluster, waiting_in
from hypersync.model.requests import Answer

if TYPE_CHECKING:
    from hypersync.model.runs import Run

PROVISION = "provision-account"
DEPARTMENT = "flow-department"
TITLE = "flow-title"
DISABLE = "disable-leaver"
BOUGHT = company.LEAVERS - company.REAL_LEAVERS
"""How many HR says have left of the company that was bought."""
SHOWN = 5
"""How many changes are told one by one."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that must be so at the end of an act."""

    what: str
    wanted: object
    found: object

    @property
    def holds(self) -> bool:
        """Whether it is so."""
        return self.wanted == self.found


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to tell, and the page where it can be seen."""

    text: str
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What an act did."""

    number: int
    run: str
    steps: tuple[Step, ...]
    facts: tuple[Fact, ...]


def a_normal_day(stage: Stage) -> Act:
    """Act one: HR has joiners and a few changes; everything is within limits."""
    known = len(stage.accounts())
    run = _scan_and_sync(stage, "full")
    accounts = stage.accounts()
    created = run.rules[PROVISION].counts.succeeded
    moved = run.rules[DEPARTMENT].counts.succeeded
    promoted = run.rules[TITLE].counts.succeeded
    steps = (
        Step(f"HR knows {company.PEOPLE} people, the directory has accounts for {known} of them."),
        Step(
            f"A full sync creates {created} accounts and changes {moved} departments and "
            f"{promoted} titles. All of it is within the limits, so that nobody is asked.",
            _run_link(stage, run),
        ),
    )
    facts = (
        Fact("accounts created", company.JOINERS, created),
        Fact("departments changed", company.MOVED, moved),
        Fact("titles changed", company.PROMOTED, promoted),
        Fact("actions carried out", 67, run.counts.succeeded),
        Fact("actions suspended", 0, run.counts.suspended),
        Fact("errors", 0, run.counts.errors),
        Fact("accounts in the directory", company.PEOPLE, len(accounts)),
        Fact("accounts that differ from HR", [], _differing(stage, accounts)),
        Fact("mails", 0, len(stage.mailbox.mails)),
    )
    return Act(number=1, run=run.id, steps=steps, facts=facts)


def a_bad_file(stage: Stage) -> Act:
    """Act two: HR's file says that hundreds have left; the guards stop it and people are asked."""
    before = stage.directory.state()
    company.write_hr(stage.hr, company.with_bad_news(stage.company))
    run = _scan_and_sync(stage, None)
    mails = stage.mailbox.mails
    left, vip = run.rules[DISABLE], run.rules[TITLE]
    unchanged = stage.directory.state() == before
    steps = (
        Step(
            f"HR's next file says that {company.LEAVERS} people have left, and that "
            f"{stage.company.vip.name}, a vice president, has a new title."
        ),
        Step(f"The sync stops {DISABLE}: {left.reason}.", _run_link(stage, run)),
        Step(f"It says what they share: {left.cause}."),
        Step(f"It stops {TITLE} for {stage.company.vip.name}, who is a VIP."),
        Step("Nothing was changed." if unchanged else "The directory was changed."),
        *(
            Step(
                f"A mail asks {', '.join(mail.recipients)}: {short(mail)}.", mail_link(stage, mail)
            )
            for mail in mails
        ),
    )
    facts = (
        Fact("leavers suspended", company.LEAVERS, left.counts.suspended),
        Fact("VIP actions suspended", 1, vip.counts.suspended),
        Fact("actions suspended", company.LEAVERS + 1, run.counts.suspended),
        Fact("actions carried out", 0, run.counts.succeeded),
        Fact("errors", 0, run.counts.errors),
        Fact(
            "clusters",
            [(company.REAL_LEAVERS, "the rest"), (BOUGHT, f"company={company.BOUGHT}")],
            [(each.count, each.text) for each in clusters(stage)],
        ),
        Fact("the directory is unchanged", True, unchanged),
        Fact("open requests", ["vip", "volume"], sorted(_open_requests(stage))),
        Fact("mails", 2, len(mails)),
    )
    return Act(number=2, run=run.id, steps=steps, facts=facts)


def the_answer(stage: Stage) -> Act:
    """Act three: people have answered; the next sync carries out what was approved, only that."""
    before = stage.accounts()
    decided = _decided(stage)
    run = _scan_and_sync(stage, None)
    changes = list(_changes(before, stage.accounts()))
    uid = _account_of(before, stage.company.vip)
    title = stage.company.vip.title
    left = [
        Change(_account_of(before, person), "active", "true", "false")
        for person in company.with_bad_news(stage.company)
        if person.left and person.company != company.BOUGHT
    ]
    wanted = [*left, Change(uid, "title", title, company.NEW_TITLE)]
    steps = (
        *(Step(text) for text in decided),
        Step(f"The next sync makes {_number(len(changes), 'change')}.", _run_link(stage, run)),
        *(Step(f"  {change}") for change in changes[:SHOWN]),
        *([Step(f"  and {len(changes) - SHOWN} more")] if len(changes) > SHOWN else ()),
    )
    active = sum(row["active"] == "true" for row in stage.accounts().values())
    facts = (
        Fact("changes", sorted(wanted, key=str), sorted(changes, key=str)),
        Fact("actions released", company.REAL_LEAVERS + 1, run.counts.released),
        Fact("actions carried out", company.REAL_LEAVERS + 1, run.counts.succeeded),
        Fact("errors", 0, run.counts.errors),
        Fact("active accounts", company.PEOPLE - company.REAL_LEAVERS, active),
        Fact("open requests", [], _open_requests(stage)),
        Fact("actions suspended", 0, _suspended(stage)),
        Fact("mails", 4, len(stage.mailbox.mails)),
    )
    return Act(number=3, run=run.id, steps=steps, facts=facts)


@dataclass(frozen=True, slots=True)
class Change:
    """One value of one account that is different now; ``None`` is no such account."""

    account: str
    attribute: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.account}: {self.attribute} {self.before or '-'} → {self.after or '-'}"


@dataclass(frozen=True, slots=True)
class Reply:
    """How a mail is to be answered, or a cluster of what it asks, and why."""

    mail: Mail
    answer: Answer
    about: str
    comment: str
    cluster: str = ""


def replies(stage: Stage) -> list[Reply]:
    """Return how the mails of act two are to be answered."""
    vip = stage.company.vip.name
    leavers, title = (
        next((mail for mail in stage.mailbox.mails if rule in mail.subject), None)
        for rule in (DISABLE, TITLE)
    )
    found = [] if leavers is None else [_reply(leavers, each) for each in clusters(stage)]
    if title is not None:
        about = f"the new title of {vip}, which is right"
        found.append(Reply(title, Answer.APPROVE, about, "the board agreed"))
    return found


def _reply(mail: Mail, cluster: Cluster) -> Reply:
    if cluster.key == REST:
        about = f"the {cluster.count} others, who left"
        return Reply(mail, Answer.APPROVE, about, "I know them", cluster.key)
    about = f"the {cluster.count} with {cluster.text}, who did not leave"
    return Reply(mail, Answer.REJECT, about, "HR sent the wrong file", cluster.key)


def clusters(stage: Stage) -> tuple[Cluster, ...]:
    """Return what the leavers that wait fall into, the smallest first."""
    with stage.app.store.snapshot() as unit:
        request = next((each for each in unit.requests.open() if each.rule == DISABLE), None)
        actions = () if request is None else unit.actions.of_request(request.id)
    waiting = [each.cluster for each in actions if each.state is ActionState.SUSPENDED]
    return () if request is None else waiting_in(request.clusters, waiting)


def short(mail: Mail) -> str:
    """Return the first half of a subject: how much waits."""
    return mail.subject.partition(":")[0]


def mail_link(stage: Stage, mail: Mail) -> str:
    """Return where a mail can be read."""
    return f"{stage.url}/mailbox/{mail.number}"


def is_decided(stage: Stage) -> bool:
    """Tell whether everything that was asked has an answer."""
    return not _open_requests(stage)


def _scan_and_sync(stage: Stage, kind: str | None) -> Run:
    """Do what ``hypersync sync --scan --commit`` does, its tick included."""
    reports = stage.app.scan_for_rules()
    run = stage.app.sync(
        kind, commit=True, scans=[f"{each.silo}: {each.state.value}" for each in reports]
    )
    stage.app.tick()
    return run


def _run_link(stage: Stage, run: Run) -> str:
    return f"{stage.url}/report/runs/{run.id}"


def _differing(stage: Stage, accounts: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the people whose account is missing or says something else than HR."""
    by_number = {row["employeeNumber"]: row for row in accounts.values()}
    return [
        person.employee_id
        for person in stage.company.people
        if _told(by_number.get(person.employee_id))
        != (person.name, person.department, person.title, "true")
    ]


def _told(row: Mapping[str, str] | None) -> tuple[str, ...]:
    names = ("displayName", "department", "title", "active")
    return () if row is None else tuple(row[name] for name in names)


def _account_of(accounts: Mapping[str, Mapping[str, str]], person: company.Person) -> str:
    return next(uid for uid, row in accounts.items() if row["employeeNumber"] == person.employee_id)


def _changes(
    before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]
) -> Iterator[Change]:
    for uid in sorted({*before, *after}):
        old, new = before.get(uid, {}), after.get(uid, {})
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                yield Change(uid, name, old.get(name), new.get(name))


def _open_requests(stage: Stage) -> list[str]:
    with stage.app.store.snapshot() as unit:
        return [request.kind.value for request in unit.requests.open()]


def _suspended(stage: Stage) -> int:
    with stage.app.store.snapshot() as unit:
        return len(unit.actions.suspended())


def _decided(stage: Stage) -> list[str]:
    """Say of the answers how many there are of which."""
    with stage.app.store.snapshot() as unit:
        runs = unit.runs.recent(1)
        actions = unit.actions.of_run(runs[0].id) if runs else ()
    states = (ActionState.REJECTED, ActionState.APPROVED, ActionState.CLEARED)
    return [text for state in states if (text := _sentence(actions, state))]


def _sentence(actions: Sequence[Action], state: ActionState) -> str:
    found = [action for action in actions if action.state is state]
    rules = " and ".join(sorted({action.rule for action in found}))
    return f"{len(found)} of {rules} {state.value}." if found else ""


def _number(count: int, noun: str) -> str:
    if count == 1:
        return f"exactly one {noun}"
    return f"{count} {noun}s"
