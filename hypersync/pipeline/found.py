"""What a run finds before the guards look: what stood, new candidates, what becomes of the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from hypersync.model.ids import ActionId, IdentityId
from hypersync.model.runs import RunError
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.vip import Vip
from hypersync.ports.store.actions import OpenAction
from hypersync.ports.store.marks import Hold, UndoHold

HeldBack: TypeAlias = tuple[str, IdentityId, str, str]
"""Rule, identity, key and text of what is not proposed."""


@dataclass(slots=True)
class Candidate:
    """A new action before the guards, its payload already spooled.

    ``unanswered`` says why people have to be asked again, however few it is about; ``answers`` are
    the keys of what is remembered of rules that are gone and needs no other question then.
    """

    id: ActionId
    draft: Draft
    vip: Vip | None
    replaces: OpenAction | None = None
    unanswered: str = ""
    answers: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Before:
    """What stood when the run began: open actions and holds by key, and marks of events.

    ``undone`` is by identity what was taken back.
    """

    open: dict[str, OpenAction] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    undone: dict[IdentityId, Sequence[UndoHold]] = field(default_factory=dict)
    held: set[tuple[str, IdentityId]] = field(default_factory=set)
    memory: dict[IdentityId, Mapping[str, str | None]] = field(default_factory=dict)

    def watched(self) -> Collection[int]:
        """Return the identities that have to be looked at closely."""
        return (
            {each.identity for each in self.open.values()}
            | {each.identity for each in self.holds.values()}
            | {identity for _, identity in self.held}
            | set(self.undone)
            | set(self.memory)
        )


@dataclass(slots=True)
class Collected:
    """Everything a run found, before the guards.

    ``leavers`` are those who may have left and for whom no rule can run: name, and why.
    ``waits`` is what open actions wait for, ``None`` where they no longer do.

    What may be taken back is kept by identity, because thousands may join a delta a second time:
    ``complaints`` went wrong, ``held_back`` are by key (rule, identity, key, text) of what a
    rejection or an undo holds back.
    """

    candidates: dict[str, dict[str, Candidate]] = field(default_factory=dict)
    release: dict[ActionId, OpenAction] = field(default_factory=dict)
    again: dict[ActionId, OpenAction] = field(default_factory=dict)
    stale: dict[ActionId, OpenAction] = field(default_factory=dict)
    void: dict[ActionId, OpenAction] = field(default_factory=dict)
    dropped_holds: set[str] = field(default_factory=set)
    dropped_undone: set[tuple[ActionId, IdentityId]] = field(default_factory=set)
    stopped_events: set[tuple[str, IdentityId]] = field(default_factory=set)
    held_back: dict[IdentityId, dict[str, HeldBack]] = field(default_factory=dict)
    waits: dict[ActionId, str | None] = field(default_factory=dict)
    complaints: dict[IdentityId | None, list[RunError]] = field(default_factory=dict)
    vips: dict[IdentityId, tuple[str, ...]] = field(default_factory=dict)
    leavers: dict[IdentityId, tuple[str, str]] = field(default_factory=dict)
    wakes: dict[IdentityId, datetime] = field(default_factory=dict)
    unfinished: set[IdentityId] = field(default_factory=set)
    identities: int = 0

    @property
    def errors(self) -> list[RunError]:
        """Return everything that went wrong."""
        return [each for of_one in self.complaints.values() for each in of_one]

    @property
    def repeated(self) -> dict[str, HeldBack]:
        """Return by key everything that is held back."""
        return {key: row for of_one in self.held_back.values() for key, row in of_one.items()}

    def complain(self, errors: Iterable[RunError]) -> None:
        """Note what went wrong, of an identity or of none."""
        for each in errors:
            self.complaints.setdefault(each.identity, []).append(each)

    def hold_back(self, rule: str, identity: IdentityId, key: str, text: str) -> None:
        """Note that something is not proposed, and why."""
        self.held_back.setdefault(identity, {})[key] = (rule, identity, key, text)

    def leave(self, action: ActionId) -> None:
        """Take back what was decided about an open action."""
        for decided in (self.release, self.again, self.stale, self.waits):
            decided.pop(action, None)

    def forget(self, identity: IdentityId) -> None:
        """Take back what an earlier look at an identity said besides its candidates."""
        self.complaints.pop(identity, None)
        self.held_back.pop(identity, None)
        self.unfinished.discard(identity)
        self.vips.pop(identity, None)
        self.leavers.pop(identity, None)
        self.wakes.pop(identity, None)
