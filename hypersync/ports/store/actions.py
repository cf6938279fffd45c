"""The store port for actions and their states."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from hypersync.model.actions import Action, ActionState, OnExpiry, Reason
from hypersync.model.ids import ActionId, IdentityId, ObjectId, RequestId, RunId
from hypersync.model.objects import Attributes, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An action that a rule would take, before any guard has looked at it."""

    id: ActionId
    rule: str
    kind: str
    identity: IdentityId
    object_id: ObjectId | None
    silo: str
    type: str
    anchor: str | None
    slot: str
    operation: Operation
    key: str
    target: str
    before: Attributes | None
    after: Attributes | None
    once: Attributes
    title: str
    fingerprint: str
    replacements: int = 0
    undoes: ActionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAction:
    """What has to be known of an action that is open already."""

    id: ActionId
    key: str
    rule: str
    identity: IdentityId
    state: ActionState
    fingerprint: str
    replacements: int
    vip: str | None
    suspended_at: datetime | None
    expires_at: datetime | None
    request: RequestId | None
    run: RunId
    waits: str | None = None
    approved_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """Why and until when actions are suspended."""

    reasons: Sequence[Reason]
    on_expiry: OnExpiry
    expires_at: datetime
    vip: str | None = None
    cluster: str | None = None


class PastWrite(NamedTuple):
    """What a rule wrote to an object, and the run that let it."""

    at: datetime
    run: str
    rule: str
    before: Attributes
    after: Attributes


class Startable(NamedTuple):
    """Whose action of which rule may start."""

    identity: IdentityId
    rule: str


class Unit(NamedTuple):
    """What a threshold counts: an identity, or for memberships one change of one member."""

    identity: int
    operation: Operation
    target: str


class Passed(NamedTuple):
    """What a rule was let through for; ``anchor`` is of the object, for memberships of the group.

    ``is_done`` is whether it succeeded, ``after`` what was to be written, where that was asked for.
    """

    identity: int
    operation: Operation
    target: str
    anchor: str | None = None
    is_done: bool = False
    after: Mapping[str, object] | None = None


class Trace(NamedTuple):
    """What the newest action of a rule says about it."""

    rule: str
    kind: str
    slot: str
    operation: Operation


class Actions(Protocol):
    """Actions; every state change is one guarded UPDATE."""

    def get(self, ids: Sequence[ActionId]) -> Sequence[Action]:
        """Return these actions in the order they were proposed; unknown ids are left out."""

    def of_request(self, request: RequestId) -> Sequence[Action]:
        """Return the actions that a request asks about, whatever their state."""

    def of_run(
        self, run: RunId, rule: str | None = None, limit: int | None = None
    ) -> Sequence[Action]:
        """Return the visible actions of a run, those it released among them."""

    def count_of_run(self, run: RunId) -> int:
        """Return how many actions `of_run` would return without a limit."""

    def of_identity(self, identity: IdentityId, limit: int) -> Sequence[Action]:
        """Return the newest actions about an identity first, those only looked at left out."""

    def operations(self, run: RunId) -> Mapping[tuple[str, str, Operation], int]:
        """Count the actions of a run that did something, by silo, type and operation."""

    def carried_out(self, run: RunId, operations: Collection[Operation]) -> Iterator[Action]:
        """Yield what a run carried out or still may, newest first, what it released among it."""

    def undoers(self, actions: Collection[ActionId]) -> Mapping[ActionId, Sequence[Action]]:
        """Return what was ever to take these actions back, by what it takes back.

        What takes those back is among it, and so on; what was only looked at is not.
        """

    def suspended(self, limit: int | None = None) -> Sequence[Action]:
        """Return every action that waits for a decision, oldest first."""

    def of_object(self, object_id: ObjectId, operations: Collection[Operation]) -> Action | None:
        """Return the newest succeeded action of these kinds on an object."""

    def writes(
        self,
        objects: Collection[ObjectId],
        operations: Collection[Operation],
        *,
        since: datetime,
        least: int,
    ) -> Mapping[ObjectId, Sequence[PastWrite]]:
        """Return what was written to these objects, oldest first, where it was ``least`` times."""

    def spool(self, run: RunId, proposals: Sequence[Proposal], now: datetime) -> None:
        """Write proposals as ``proposed``, invisible until the plan is complete."""

    def discard(self, run: RunId, ids: Collection[ActionId] | None = None) -> None:
        """Delete proposals of a run that are not to be carried on; all of them by default."""

    def open(self, identities: Collection[int] | None) -> Mapping[str, OpenAction]:
        """Return open actions by key, of these identities or of all."""

    def orphans(
        self, rules: Collection[str], simulated: Collection[str]
    ) -> Mapping[str, OpenAction]:
        """Return by key what is not begun of rules that are not among these, or only simulated now.

        Of simulated rules these are the queued actions. What takes others back needs no rule.
        """

    def startable(
        self, silos: Collection[str], *, simulated: Collection[str], approved: bool, now: datetime
    ) -> Sequence[Startable]:
        """Return for whom something may start in these silos, once it was looked at again.

        That is what is queued and due and, if ``approved``, what is approved and still valid, of
        all rules but the simulated ones.
        """

    def count(self, state: ActionState) -> int:
        """Return how many actions are in a state."""

    def queue(self, run: RunId, ids: Collection[ActionId], now: datetime) -> None:
        """Let proposals through without a person."""

    def plan(self, run: RunId, reasons: Mapping[ActionId, Sequence[Reason]]) -> None:
        """Make proposals part of a plan that is only looked at, with what would stop them."""

    def suspend(self, run: RunId, why: Mapping[ActionId, Suspension], now: datetime) -> None:
        """Stop proposals until somebody decides."""

    def replace(self, old: ActionId, now: datetime, reason: str) -> bool:
        """Make an undecided or approved action void because a newer one takes its place."""

    def move(
        self,
        ids: Collection[ActionId],
        states: Collection[ActionState],
        state: ActionState,
        now: datetime,
        *,
        error: str | None = None,
    ) -> Sequence[ActionId]:
        """Move actions that are in one of ``states``; return those that were."""

    def void(
        self, ids: Collection[ActionId], now: datetime, *, reason: str, ask_until: datetime
    ) -> Sequence[ActionId]:
        """Make actions void that nothing takes the place of; return those that were not begun.

        What people were asked about is asked again up to ``ask_until``, however little it is.
        Events may fire again, and the identities are pending.
        """

    def note_waits(self, waits: Mapping[ActionId, str | None]) -> None:
        """Write down what open actions wait for; ``None`` where they no longer do."""

    def note_rest(
        self, why: str, *, silos: Collection[str], now: datetime, rule: str | None = None
    ) -> None:
        """Write down what valid approvals in these silos, or of one rule there, wait for."""

    def doubt(self, action: Action, reason: Reason) -> bool:
        """Note that people are asked whether it happened; false when its outcome is known."""

    def release(self, run: RunId, ids: Collection[ActionId], now: datetime) -> Sequence[ActionId]:
        """Queue approved actions; return those that were still approved."""

    def confirm(self, ids: Collection[ActionId], run: RunId) -> None:
        """Say that a run rechecked queued actions and that it may start them."""

    def claim(
        self,
        worker: str,
        *,
        silo: str,
        operations: Collection[Operation],
        limit: int,
        now: datetime,
        suspects: bool = False,
    ) -> Sequence[Action]:
        """Take queued actions of a silo that are due as executing, in the order of the plan.

        Only what this worker, a run, queued, released or confirmed itself: the condition of all
        others is looked at again first. Either no suspects, or nothing but suspects, of which those
        come first that were tried least.
        """

    def unknown(self, silo: str) -> Sequence[Action]:
        """Return the actions of a silo whose outcome is unknown."""

    def due(self, now: datetime) -> Mapping[tuple[str, Operation], int]:
        """Count the queued actions that could be executed now, by silo and operation."""

    def finish(
        self,
        action: ActionId,
        state: ActionState,
        now: datetime,
        *,
        worker: str | None = None,
        error: str | None = None,
        anchor: str | None = None,
        object_id: ObjectId | None = None,
    ) -> bool:
        """Record an outcome of an executing or unknown action; false when somebody else did.

        With ``worker`` only of one that this worker took.
        """

    def retry(
        self,
        action: ActionId,
        at: datetime,
        reason: str,
        *,
        worker: str | None = None,
        recheck: bool = False,
        is_begun: bool = True,
        is_suspect: bool = False,
    ) -> None:
        """Put an executing action back into the queue until ``at``.

        With ``worker`` only one that this worker took. With ``recheck`` it starts only after
        `confirm`: its condition is looked at again. When it was let through stays what it is. One
        that was not even begun has one attempt less. One that is a suspect stays one.
        """

    def leave_unknown(self, action: ActionId, at: datetime, reason: str) -> None:
        """Count an attempt to find out what became of an unknown action; the next one is ``at``."""

    def lost(self, worker: str) -> Sequence[ActionId]:
        """Mark what others than this worker were executing as unknown: their process is gone."""

    def let_through(
        self, rules: Collection[str], since: datetime, *, written: bool = False
    ) -> Sequence[Passed]:
        """Return for what rules were let through without a person since then.

        With ``written`` what was to be written too.
        """

    def stopped_for_volume(
        self, rules: Collection[str], since: datetime, *, written: bool = False
    ) -> Sequence[Passed]:
        """Return what rules were suspended for, not as VIPs, since then."""

    def others(self, rules: Collection[str]) -> Sequence[Trace]:
        """Return the rules that ever proposed something and are not among these, undos left out."""

    def leaving(self, group: ObjectId) -> frozenset[str]:
        """Return the targets that approved, queued or running actions take out of a group."""

    def objects_touched(self, silo: str, operation: Operation, since: datetime) -> frozenset[str]:
        """Return the action targets of one operation let through or released since then."""

    def states(self, run: RunId) -> Mapping[str, Mapping[ActionState, int]]:
        """Count the actions of a run by rule and state, those it released among them."""
