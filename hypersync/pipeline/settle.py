"""Makes a plan visible: everything a run decided, in one transaction.

Suspended actions get their requests here, so that nothing is ever stopped without a question being
stored with it. A preview marks its proposals as planned and touches nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypersync.model.actions import ActionState, OnExpiry, Reason
from hypersync.model.ids import ActionId, IdentityId
from hypersync.model.joins import REPLACED
from hypersync.model.objects import Operation
from hypersync.model.requests import RequestDraft, RequestKind
from hypersync.model.runs import Run, RunMode
from hypersync.model.said import Said, say, say_many
from hypersync.pipeline.asked_again import VOID_ASKS_AGAIN
from hypersync.pipeline.collect import Before, Candidate, Collected
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.held_up import report_held_up
from hypersync.pipeline.judgement import Judgement
from hypersync.pipeline.limits import unless_said
from hypersync.pipeline.stops import Stop
from hypersync.pipeline.undo.drafts import what_is_undone
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.actions import OpenAction, Suspension
from hypersync.rulebook.rules import RuleKind

SOON = timedelta(minutes=10)
_REPLACED = "another change took its place"
_WAITING = (ActionState.SUSPENDED, ActionState.APPROVED, ActionState.QUEUED)


def settle(
    engine: Engine,
    unit: UnitOfWork,
    run: Run,
    before: Before,
    found: Collected,
    judgement: Judgement,
    now: datetime,
) -> None:
    """Write what the run decided; its counts and reports are complete afterwards."""
    if run.mode is RunMode.COMMIT:
        _replace(unit, judgement.suspended, now)
        _replace(unit, judgement.queued, now)
        _void(unit, [each.replaces.id for each in _outdated(judgement) if each.replaces], now)
    _settle_proposals(unit, run, found, judgement, now)
    if run.mode is RunMode.PREVIEW:
        return
    unit.actions.note_waits(found.waits)
    _close_earlier(unit, run, found, now)
    _remember(engine, unit, before, found, judgement, now)
    _ask(engine, unit, run, judgement, now)
    report_held_up(engine, unit, run, found.leavers, now)
    unit.identities.finish(run.id, _unfinished(found, judgement, now))


def _settle_proposals(
    unit: UnitOfWork, run: Run, found: Collected, judgement: Judgement, now: datetime
) -> None:
    gone = [each.id for each in (*judgement.throttled, *judgement.limited, *judgement.skipped)]
    unit.actions.discard(run.id, gone)
    verdicts = [
        (each.draft.rule.id, each.draft.identity, each.draft.key, verdict, judgement.texts[each.id])
        for verdict, candidates in (
            ("throttled", judgement.throttled),
            ("limited", judgement.limited),
        )
        for each in candidates
    ]
    for rule, identity, key, text in found.repeated.values():
        verdicts.append((rule, identity, key, "held", text))
    unit.runs.record_verdicts(run.id, verdicts)
    planned: dict[ActionId, tuple[Reason, ...]] = {each.id: () for each in judgement.planned}
    if run.mode is RunMode.PREVIEW:
        planned |= {each.id: () for each in judgement.queued}
        planned |= {each.id: judgement.stops[each.id].reasons for each in judgement.suspended}
        unit.actions.plan(run.id, planned)
        return
    unit.actions.plan(run.id, planned)
    unit.actions.queue(run.id, [each.id for each in judgement.queued], now)


def _replace(unit: UnitOfWork, candidates: Iterable[Candidate], now: datetime) -> None:
    """Void the actions whose place newer ones take, before those become open."""
    for each in candidates:
        if each.replaces is not None:
            unit.actions.replace(each.replaces.id, now, _REPLACED)


def _void(
    unit: UnitOfWork, actions: Collection[ActionId], now: datetime, reason: str = _REPLACED
) -> Sequence[ActionId]:
    return unit.actions.void(actions, now, reason=reason, ask_until=now + VOID_ASKS_AGAIN)


def _outdated(judgement: Judgement) -> Iterable[Candidate]:
    """Return what may not run now and would change what is still queued into something else.

    What is queued could start at any time, with values that nobody wants any more.
    """
    for each in (*judgement.throttled, *judgement.limited, *judgement.skipped, *judgement.planned):
        if each.replaces is not None and each.replaces.state is ActionState.QUEUED:
            yield each


def _close_earlier(unit: UnitOfWork, run: Run, found: Collected, now: datetime) -> None:
    released = unit.actions.release(run.id, list(found.release), now)
    unit.actions.confirm(list(found.again), run.id)
    stale = unit.actions.move(
        list(found.stale), _WAITING, ActionState.STALE, now, error="no longer wanted"
    )
    void = _void(unit, list(found.void), now, "its rule is gone or disabled")
    for name, ids, actions in (
        ("released", released, found.release),
        ("stale", stale, found.stale),
        ("void", void, found.void),
    ):
        _count(run, name, [actions[each] for each in ids])


def _count(run: Run, name: str, actions: Iterable[OpenAction]) -> None:
    for action in actions:
        setattr(run.counts, name, getattr(run.counts, name) + 1)
        report = run.rules.get(action.rule)
        if report is not None:
            setattr(report.counts, name, getattr(report.counts, name) + 1)


def _remember(
    engine: Engine,
    unit: UnitOfWork,
    before: Before,
    found: Collected,
    judgement: Judgement,
    now: datetime,
) -> None:
    answered = {key for each in judgement.suspended for key in each.answers}
    unit.marks.drop_holds(found.dropped_holds | answered)
    unit.marks.drop_undone(found.dropped_undone)
    open_ = (*judgement.queued, *judgement.suspended)
    undos = [each.id for each in open_ if each.draft.undoes is not None]
    until = now + engine.guards.reject_hold
    unit.marks.hold_undone(what_is_undone(unit, undos, until), now)
    asked = {each.draft.rule.id: each.draft.rule for each in judgement.queued}
    asked |= {each.draft.rule.id: each.draft.rule for each in judgement.suspended}
    events = {name for name, rule in asked.items() if rule.kind is RuleKind.EVENT}
    begun = [
        (each.draft.rule.id, each.draft.identity)
        for each in (*judgement.queued, *judgement.suspended)
        if each.draft.rule.id in events
    ]
    unit.marks.set_held(begun, held=True)
    unit.marks.set_held(sorted(found.stopped_events), held=False)
    unit.marks.save_quotas(judgement.quotas)
    unit.marks.reserve(judgement.reservations, now)
    unit.identities.remember_vips(
        vip_memory(before.memory, found.vips, now, engine.guards.vip_memory)
    )


def vip_memory(
    before: Mapping[IdentityId, Mapping[str, str | None]],
    vips: Mapping[IdentityId, tuple[str, ...]],
    now: datetime,
    span: timedelta,
) -> dict[IdentityId, dict[str, str | None]]:
    """Return what changed in which VIP rules hold, or held until when, by identity.

    A rule that holds is stored with ``None``; one that held with the time it stopped, which is
    forgotten after ``span``.
    """
    changed = {}
    for identity in {*before, *vips}:
        old = dict(before.get(identity, {}))
        new: dict[str, str | None] = dict.fromkeys(vips.get(identity, ()))
        for name, since in old.items():
            if name in new:
                continue
            if since is not None and name.startswith(REPLACED):
                new[name] = since  # scans alone write these, and their time tells their end
                continue
            stopped = now.isoformat() if since is None else since
            if now - datetime.fromisoformat(stopped) < span:
                new[name] = stopped
        if new != old:
            changed[identity] = new
    return changed


def _unfinished(
    found: Collected, judgement: Judgement, now: datetime
) -> dict[IdentityId, datetime | None]:
    """Return the identities that stay pending, and from when they are due again."""
    keep: dict[IdentityId, datetime | None] = dict(found.wakes)
    for identity in found.unfinished:
        keep[identity] = now + SOON
    for each in (*judgement.limited, *judgement.throttled, *judgement.skipped):
        again = judgement.due.get(each.id, now + SOON)
        known = keep.get(each.draft.identity)
        keep[each.draft.identity] = again if known is None else min(known, again)
    return keep


# --- asking ------------------------------------------------------------------------------------


def _ask(engine: Engine, unit: UnitOfWork, run: Run, judgement: Judgement, now: datetime) -> None:
    """Suspend, and open one request per rule and VIP rule."""
    why = {
        each.id: Suspension(
            reasons=judgement.stops[each.id].reasons,
            on_expiry=judgement.stops[each.id].on_expiry,
            expires_at=judgement.stops[each.id].expires_at,
            vip=judgement.stops[each.id].vip,
            cluster=_cluster(judgement, each),
        )
        for each in judgement.suspended
    }
    unit.actions.suspend(run.id, why, now)
    groups: dict[tuple[str, str | None], list[Candidate]] = {}
    for each in judgement.suspended:
        where = (each.draft.rule.id, judgement.stops[each.id].vip)
        groups.setdefault(where, []).append(each)
    for (rule, vip), candidates in groups.items():
        draft = _request(engine, run, rule, vip, candidates, judgement.stops)
        common = judgement.causes.get(rule) if vip is None else None
        if common is not None:
            draft = replace(draft, cause=common.cause.text, clusters=common.cause.clusters)
        engine.open_request(unit, draft, now)


def _cluster(judgement: Judgement, candidate: Candidate) -> str | None:
    """Return the key of the cluster that holds a candidate; VIPs are in none."""
    common = judgement.causes.get(candidate.draft.rule.id)
    return None if common is None else common.clusters.get(candidate.id)


def _request(
    engine: Engine,
    run: Run,
    rule: str,
    vip: str | None,
    candidates: list[Candidate],
    stops: Mapping[ActionId, Stop],
) -> RequestDraft:
    first = stops[candidates[0].id]
    threshold = candidates[0].draft.rule.threshold
    plan = threshold.plan
    if vip is not None:
        plan = next((v.plan for v in engine.rulebook.vips if v.name == vip), None) or plan
    return RequestDraft(
        kind=RequestKind.VOLUME if vip is None else RequestKind.VIP,
        sentence=_sentence(run, rule, vip, candidates, first),
        count=len(candidates),
        actions=[each.id for each in candidates],
        run=run.id,
        rule=rule,
        vip=vip,
        silo=candidates[0].draft.silo or None,
        type=candidates[0].draft.type or None,
        plan=plan,
        template=threshold.template,
        expires_at=max(stops[each.id].expires_at for each in candidates),
        on_expiry=OnExpiry.CLEAR
        if any(stops[each.id].on_expiry is OnExpiry.CLEAR for each in candidates)
        else OnExpiry.APPROVE,
        detail={"reasons": [reason.text for reason in first.reasons]},
        texts=_texts(candidates, stops),
    )


def _texts(candidates: Iterable[Candidate], stops: Mapping[ActionId, Stop]) -> list[str]:
    """Return why these were stopped, each reason once."""
    return list(
        dict.fromkeys(reason.text for each in candidates for reason in stops[each.id].reasons)
    )


def _sentence(
    run: Run, rule: str, vip: str | None, candidates: list[Candidate], first: Stop
) -> Said:
    """Say in one sentence what would happen, to how many, and why it was stopped."""
    draft = candidates[0].draft
    count = len(candidates)
    report = run.rules.get(rule)
    reason = first.reasons[0].text
    if vip is None and report is not None and report.reason:
        reason = report.reason
    return say(
        _WOULD[draft.operation].message,
        who=rule if run.undoes is None else say("undo of run {run}", run=run.undoes),
        **_of_what(candidates),
        where=say(" in {silo}", silo=draft.silo) if draft.silo else "",
        why=unless_said(reason, count),
    )


def _of_what(candidates: Sequence[Candidate]) -> dict[str, Said | str]:
    """Return who it is about, and of memberships which groups."""
    draft, count = candidates[0].draft, len(candidates)
    if draft.operation not in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
        return {"whom": draft.name if count == 1 else _many(count, draft.type)}
    whom = say_many("{count} member", "{count} members", count)
    groups = {each.draft.object_id: each.draft.group for each in candidates}
    group = say_many("{count} group", "{count} groups", len(groups))
    return {
        "whom": draft.name if count == 1 and draft.name else whom,
        "group": next(iter(groups.values())) if len(groups) == 1 and draft.group else group,
    }


def _many(count: int, kind: str) -> Said:
    if not kind:
        return say_many("{count} identity", "{count} identities", count)
    return say_many("{count} {type}", "{count} {type}s", count, type=kind)


_WOULD = {
    Operation.CREATE: say("{who} would create {whom}{where}: {why}"),
    Operation.UPDATE: say("{who} would update {whom}{where}: {why}"),
    Operation.MOVE: say("{who} would move {whom}{where}: {why}"),
    Operation.RENAME: say("{who} would rename {whom}{where}: {why}"),
    Operation.ENABLE: say("{who} would enable {whom}{where}: {why}"),
    Operation.DISABLE: say("{who} would disable {whom}{where}: {why}"),
    Operation.DELETE: say("{who} would delete {whom}{where}: {why}"),
    Operation.ADD_MEMBER: say("{who} would add {whom} to {group}{where}: {why}"),
    Operation.REMOVE_MEMBER: say("{who} would remove {whom} from {group}{where}: {why}"),
    Operation.EVENT: say("{who} would call its webhook for {whom}{where}: {why}"),
}
