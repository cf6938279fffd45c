"""Commands that ask and answer: ``pending``, ``approve`` and ``reject``.

They decide by the same use case as the web pages. The system user decides as the person whose
``os_user`` it is; with nobody under ``people``, the one who owns the configuration decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.errors import NotFound, UsageError
from hypersync.model.ids import ActionId, RequestId, RunId
from hypersync.model.requests import Answer, RequestKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hypersync.app import App
    from hypersync.approvals.decide import Decided, Target
    from hypersync.approvals.links import Links
    from hypersync.approvals.look import Waiting
    from hypersync.model.actions import Action
    from hypersync.model.requests import Request

MOST_LINES = 50


@command("pending")
@click.option("--limit", default=1000, show_default=True, help="The most actions in the answer.")
def pending(invocation: Invocation, *, limit: int) -> Exit:
    """Show what waits for a decision, with the links that decide it."""
    from hypersync.approvals.look import waiting
    from hypersync.cli.started import started_app
    from hypersync.cli.unlock_text import say_unlocks

    with started_app(invocation) as app:
        unlocks = say_unlocks(app)
        found = waiting(app.store)
        document = {**_pending_document(found, app.settings.links, limit), "unlocks": unlocks}
        text = _pending_text(found, app.settings.links)
    print_answer(invocation, document, lambda: text)
    return Exit.DONE


def _pending_document(found: Waiting, links: Links, limit: int) -> dict[str, object]:
    from hypersync.cli.documents import action_document

    actions = [each for _, waiting in found.requests for each in waiting] + list(found.others)
    return {
        "requests": [_request_document(each, actions, links) for each, actions in found.requests],
        "actions": [
            {
                **action_document(action),
                "approve_url": links.action(Answer.APPROVE, action.id),
                "reject_url": links.action(Answer.REJECT, action.id),
            }
            for action in actions[:limit]
        ],
        "actions_total": len(actions),
    }


def _request_document(
    request: Request, actions: Sequence[Action], links: Links
) -> dict[str, object]:
    from hypersync.model.causes import waiting_in

    clusters = waiting_in(request.clusters, (action.cluster for action in actions))
    is_news = _is_news(request, actions)
    return {
        "id": request.id,
        "run": request.run,
        "rule": request.rule,
        "kind": request.kind.value,
        "state": request.state.value,
        "count": request.count,
        "expires_at": request.expires_at,
        "on_expiry": request.on_expiry.value,
        "step": request.plan.steps[request.step].to if request.notifying else None,
        "sentence": request.sentence,
        "cause": request.cause or None,
        "clusters": [
            {
                "key": each.key,
                "text": each.text,
                "count": each.count,
                "approve_url": links.request(Answer.APPROVE, request.id, cluster=each.key),
                "reject_url": links.request(Answer.REJECT, request.id, cluster=each.key),
            }
            for each in clusters
        ],
        "problem": request.detail.get("problem"),
        "approve_url": None if is_news else links.request(Answer.APPROVE, request.id),
        "reject_url": None if is_news else links.request(Answer.REJECT, request.id),
    }


def _pending_text(found: Waiting, links: Links) -> str:
    from hypersync.cli.documents import action_line
    from hypersync.messages.wording import number, visible
    from hypersync.model.causes import by_cluster, waiting_in

    lines: list[str] = []
    for request, actions in found.requests:
        lines += [
            f"request {request.id} ({request.kind.value}): {request.sentence}",
            f"  {_end(request, actions)}",
        ]
        if problem := request.detail.get("problem"):
            lines.append(f"  note: {problem}")
        if request.cause:
            lines.append(f"  {visible(request.cause, 500)}")
        clusters = waiting_in(request.clusters, (action.cluster for action in actions))
        for each in clusters if len(clusters) > 1 else ():
            lines.append(f"  --cluster {each.key}: {number(each.count)} {visible(each.text, 120)}")
        lines += _some(
            [f"  {action_line(action, is_whole=True)}" for action in by_cluster(actions, clusters)]
        )
        if not _is_news(request, actions):
            lines += [
                f"  {links.request(Answer.APPROVE, request.id)}",
                f"  {links.request(Answer.REJECT, request.id)}",
            ]
    if found.others:
        lines.append("asked about by no open request:")
        lines += _some([f"  {action_line(action, is_whole=True)}" for action in found.others])
    return "\n".join(lines) or "Nothing waits."


def _end(request: Request, actions: Sequence[Action]) -> str:
    """Say how many wait for how long; that nobody can decide is no matter of waiting."""
    if _is_news(request, actions):
        return "open until its cause is gone; nobody has to decide"
    ends = "until somebody decides"
    if request.expires_at is not None:
        ends = f"until {request.expires_at:%Y-%m-%d %H:%M} UTC, then {request.on_expiry.value}"
    return f"{len(actions) or request.count} waiting, {ends}"


def _is_news(request: Request, actions: Sequence[Action]) -> bool:
    """Tell whether nothing can be answered: something has to be put right."""
    return request.kind is RequestKind.INCIDENT and not actions


def _some(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"  ... and {rest} more: --json"] if rest > 0 else list(lines)


def _decision(answer: Answer, summary: str) -> click.Command:
    """Make the command of one answer."""

    @command(answer.value, help=summary)
    @click.argument("ids", nargs=-1, metavar="[ID...]")
    @click.option("--run", "run_id", metavar="RUN", help="With --rule: what it wanted there.")
    @click.option("--rule", metavar="RULE", help="With --run.")
    @click.option(
        "--cluster", metavar="KEY", help="Only this part of one request; `pending` lists them."
    )
    @click.option("--comment", metavar="TEXT", help="Why.")
    def decision(
        invocation: Invocation,
        *,
        ids: tuple[str, ...],
        run_id: str | None,
        rule: str | None,
        cluster: str | None,
        comment: str | None,
    ) -> Exit:
        return _decide(invocation, answer, _Named(ids, run_id, rule, cluster), comment)

    return decision


approve = _decision(
    Answer.APPROVE, "Approve actions or requests by their IDs, or what a rule wanted in a run."
)
reject = _decision(
    Answer.REJECT, "Reject actions or requests by their IDs, or what a rule wanted in a run."
)


@dataclass(frozen=True, slots=True)
class _Named:
    """What a command line says is decided about."""

    ids: tuple[str, ...]
    run: str | None
    rule: str | None
    cluster: str | None

    def check(self) -> None:
        """Raise `UsageError` when that is no one thing."""
        by_rule = self.run is not None and self.rule is not None
        if bool(self.ids) == by_rule or (self.run is None) != (self.rule is None):
            raise UsageError("give the ids of actions or requests, or both --run and --rule")
        if self.cluster is not None and len(self.ids) > 1:
            raise UsageError("--cluster is a part of one request; give one id")


def _decide(invocation: Invocation, answer: Answer, named: _Named, comment: str | None) -> Exit:
    from hypersync.approvals.decide import Ballot, decide
    from hypersync.cli.documents import action_document
    from hypersync.cli.started import started_app, who

    named.check()
    with started_app(invocation) as app:
        person = app.settings.directory.of_os_user(who().removeprefix("cli:"))
        by = who() if person is None else f"person:{person.id}"
        ballot = Ballot(answer=answer, by=by, proof="shell", comment=comment)
        now = app.clock.now()
        target = _target(app, named, now)
        decided = decide(app.store, target, ballot, now=now, settings=app.settings)
    document = {
        "decided": [action_document(action) for action in decided.decided],
        "lost": [action_document(action) for action in decided.lost],
        "waiting": [action_document(action) for action in decided.waiting],
    }
    print_answer(invocation, document, _said(answer, decided))
    return Exit.FAILED if _is_lost(decided) else Exit.DONE


def _is_lost(decided: Decided) -> bool:
    return bool(decided.lost) and not (decided.decided or decided.waiting)


def _target(app: App, what: _Named, now: datetime) -> Target:
    """Tell actions from requests; several requests become the actions that wait in them."""
    from hypersync.approvals.decide import OfActions, OfRequest, OfRule, undecided_of

    ids = what.ids
    if what.run is not None and what.rule is not None:
        return OfRule(RunId(what.run), what.rule, cluster=what.cluster)
    with app.store.snapshot() as unit:
        if len(ids) == 1 and unit.requests.get(RequestId(ids[0])) is not None:
            return OfRequest(RequestId(ids[0]), cluster=what.cluster)
        if what.cluster is not None:
            raise UsageError(f"{ids[0]} is no request; --cluster is a part of one")
        named: list[ActionId] = []
        for each in ids:
            request = unit.requests.get(RequestId(each))
            if request is None:
                named.append(ActionId(each))
                continue
            if request.kind is RequestKind.SCAN:
                raise UsageError(f"{each} asks about a scan; decide it by itself")
            actions = unit.actions.of_request(request.id)
            named += [action.id for action in undecided_of(actions, now) or actions]
        known = {action.id for action in unit.actions.get(named)}
    if unknown := [each for each in named if each not in known]:
        raise NotFound(f"there is no action and no request {unknown[0]}")
    return OfActions(tuple(named))


def _said(answer: Answer, decided: Decided) -> Callable[[], str]:
    past = "approved" if answer is Answer.APPROVE else "rejected"

    def text() -> str:
        lines = []
        if decided.needs_another:
            lines.append("noted; another person has to approve as well")
        elif decided.scan is not None:
            lines.append(f"the scan is {past}")
        if decided.decided:
            lines.append(f"{len(decided.decided)} {past}")
            if all(action.was_in_doubt for action in decided.decided):
                happened = "happened" if answer is Answer.APPROVE else "did not happen"
                lines.append(f"noted that it {happened}; it is not repeated")
            elif answer is Answer.APPROVE:
                lines.append("the next committing sync carries it out")
        if decided.waiting:
            lines.append(f"{len(decided.waiting)} need another person's approval as well")
        lines += _some([_lost(action) for action in decided.lost])
        return "\n".join(lines) or "Nothing was left to decide."

    return text


def _lost(action: Action) -> str:
    if action.decided_at is None:
        return f"{action.id} {action.title}: too late, it is {action.state.value}"
    return (
        f"{action.id} {action.title}: {action.state.value} by {action.decided_by} "
        f"at {action.decided_at:%Y-%m-%d %H:%M} UTC"
    )
