"""Applies and revokes unlock keys, and says which are in force: only those let limits stand.

A stored key is believed for nothing but its own signed text: each run reads and verifies it again,
against the public key, the installation and the silos as they are configured now. What the database
says besides can only count against a key: revoked stays revoked, and once its end was seen it is
over, whatever the clock shows later. A clock before the time of issue was set back: not in force.

Every use is an event, written with what it tells: ``unlock_applied``, ``unlock_revoked``,
``unlock_expired`` (once) and ``unlock_used`` (each committing run, each rule).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from hypersync.errors import UnlockRefused, UsageError
from hypersync.model.runs import Run
from hypersync.model.unlock import Claims, Lock, is_one_line, is_unlock_id, unverified, verified
from hypersync.model.verdicts import RuleLimits
from hypersync.pipeline.limits import limit_in_force
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.events import Event
from hypersync.ports.store.unlocks import StoredUnlock


class UnlockState(Enum):
    """What a key is worth now; ``void`` is one that no longer fits, or not at this time."""

    IN_FORCE = "in_force"
    EXPIRED = "expired"
    REVOKED = "revoked"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock:
    """One key as it stands at a moment.

    ``claims`` are verified when it is in force or expired, else what the key says of itself, if it
    can be read. ``problem`` says why it is void.
    """

    state: UnlockState
    stored: StoredUnlock
    claims: Claims | None
    problem: str = ""

    @property
    def id(self) -> str:
        """The id under which it is stored."""
        return self.stored.id

    @property
    def until(self) -> str:
        """Until when it is good, in words."""
        ends_at = None if self.claims is None else self.claims.ends_at
        return "until it is revoked" if ends_at is None else f"until {_moment(ends_at)}"

    @property
    def banner(self) -> str:
        """What everybody is to know while it is in force."""
        silo, reason = ("", "") if self.claims is None else (self.claims.silo, self.claims.reason)
        return (
            f"limits above the ceiling stand in {silo} {self.until} "
            f"(unlock key {self.id}: {reason})"
        )

    @property
    def why_not(self) -> str:
        """Why it is not in force, in words; empty when it is."""
        match self.state:
            case UnlockState.IN_FORCE:
                return ""
            case UnlockState.REVOKED:
                return f"the unlock key {self.id} was revoked at {_moment(self.stored.revoked_at)}"
            case UnlockState.EXPIRED:
                ends_at = self.stored.expiry_noted_at
                if self.claims is not None and self.claims.ends_at is not None:
                    ends_at = self.claims.ends_at
                return f"the unlock key {self.id} expired at {_moment(ends_at)}"
            case UnlockState.VOID:
                return f"the unlock key {self.id} is void: {self.problem}"


@dataclass(frozen=True, slots=True)
class Use:
    """A key that lets a rule's limit above the ceiling stand."""

    unlock: str
    silo: str
    rule: str
    limit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """A rule's limits after the keys were looked at.

    ``uses`` are the keys that let its limit stand. ``how`` says that beside the limit, ``note``
    beside the error of a limit that is reduced: why the last key does not help; both may be empty.
    """

    limits: RuleLimits
    uses: Sequence[Use] = ()
    how: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Unlocks:
    """The keys as one run sees them, from its beginning to its end."""

    keys: Sequence[Unlock] = ()

    def lift(self, rule: str, silos: Collection[str], limits: RuleLimits) -> Lifted:
        """Take the ceiling off a limit above it, where a key for each of these silos allows it."""
        if not silos or not limit_in_force(limits).error:
            return Lifted(limits=limits)
        free = replace(limits, ceiling=False)
        limit = limit_in_force(free).text
        uses = []
        for silo in sorted(silos):
            key = self.of(silo)
            if key is None:
                why = self.lapsed(silo)
                return Lifted(limits=limits, note=f"; {why}" if why else "")
            uses.append(Use(key.id, silo, rule, limit))
        how = ", by the unlock key " + ", ".join(each.unlock for each in uses)
        return Lifted(limits=free, uses=uses, how=how)

    def of(self, silo: str) -> Unlock | None:
        """Return the key in force for a silo, of several the one that is good longest."""
        good = [each for each in self._about(silo) if each.state is UnlockState.IN_FORCE]
        return max(good, key=_end, default=None)

    def lapsed(self, silo: str) -> str:
        """Say why the key applied last for a silo is not in force; empty when there is none."""
        return next((each.why_not for each in self._about(silo)), "")

    def _about(self, silo: str) -> list[Unlock]:
        return [each for each in self.keys if each.claims is not None and each.claims.silo == silo]


def unlocks(unit: UnitOfWork, lock: Lock, now: datetime) -> Unlocks:
    """Return every key and what it is worth now, the latest applied first."""
    return Unlocks([standing(each, lock, now) for each in unit.unlocks.all()])


def in_force(unit: UnitOfWork, lock: Lock, now: datetime) -> list[Unlock]:
    """Return the keys that let limits stand now."""
    found = unlocks(unit, lock, now).keys
    return [each for each in found if each.state is UnlockState.IN_FORCE]


def standing(stored: StoredUnlock, lock: Lock, now: datetime) -> Unlock:
    """Return what a stored key is worth now."""
    said = unverified(stored.text or "")
    if stored.revoked_at is not None:
        return Unlock(state=UnlockState.REVOKED, stored=stored, claims=said)
    try:
        claims = verified(stored.text or "", lock)
    except UnlockRefused as error:
        return Unlock(state=UnlockState.VOID, stored=stored, claims=said, problem=error.message)
    if stored.expiry_noted_at is not None or _has_ended(claims, now):
        return Unlock(state=UnlockState.EXPIRED, stored=stored, claims=claims)
    problem = ""
    if claims.id != stored.id:
        problem = f"what is stored under this id is the key {claims.id}"
    elif now < claims.issued_at:
        problem = _too_early(claims)
    state = UnlockState.VOID if problem else UnlockState.IN_FORCE
    return Unlock(state=state, stored=stored, claims=claims, problem=problem)


# --- changing something ------------------------------------------------------------------------


def apply_key(
    store: Store, text: str, lock: Lock, *, by: str, now: datetime
) -> tuple[Unlock, bool]:
    """Put a key in force; returns it, and whether it was not before.

    Raises `UnlockRefused` for one that does not fit, is over, or was ever revoked.
    """
    claims = verified(text, lock)
    with store.begin() as unit:
        known = unit.unlocks.get(claims.id)
        _check_applicable(claims, known, now)
        is_new = unit.unlocks.apply(claims.id, text, silo=claims.silo, by=by, now=now)
        if is_new:
            ends_at = None if claims.ends_at is None else claims.ends_at.isoformat()
            more = {"kind": claims.kind.value, "reason": claims.reason, "ends_at": ends_at}
            unit.events.record(_event("unlock_applied", claims.id, claims.silo, by, now, **more))
        kept = unit.unlocks.get(claims.id)
    assert kept is not None  # noqa: S101 - it was written or was there
    found = standing(kept, lock, now)
    if found.state is not UnlockState.IN_FORCE:
        raise UnlockRefused(found.why_not)
    return found, is_new


def _check_applicable(claims: Claims, known: StoredUnlock | None, now: datetime) -> None:
    if known is not None and known.revoked_at is not None:
        raise UnlockRefused(
            f"the unlock key {claims.id} was revoked at {_moment(known.revoked_at)}; "
            "it never comes into force again, have another one issued"
        )
    is_noted = known is not None and known.expiry_noted_at is not None
    if is_noted or _has_ended(claims, now):
        raise UnlockRefused(
            f"the unlock key {claims.id} expired at {_moment(claims.ends_at)}; "
            "have another one issued"
        )
    if now < claims.issued_at:
        raise UnlockRefused(f"the unlock key {claims.id} is not good yet: {_too_early(claims)}")


def revoke_key(
    store: Store, unlock: str, reason: str, lock: Lock, *, by: str, now: datetime
) -> tuple[Unlock, bool]:
    """Revoke a key for ever, one that was never applied here too.

    Returns it, and whether it was not revoked before. Raises `UsageError` for what is no id or no
    reason.
    """
    if not is_unlock_id(unlock):
        raise UsageError(f"{unlock!r} is no id of an unlock key; `unlock list` shows them")
    if not is_one_line(reason):
        raise UsageError("a reason is one line of text of at most 200 characters")
    with store.begin() as unit:
        is_new = unit.unlocks.revoke(unlock, by=by, reason=reason, now=now)
        kept = unit.unlocks.get(unlock)
        assert kept is not None  # noqa: S101 - it was written just now
        found = standing(kept, lock, now)
        if is_new:
            silo = None if found.claims is None else found.claims.silo
            unit.events.record(_event("unlock_revoked", unlock, silo, by, now, reason=reason))
    return found, is_new


def note_expiries(store: Store, lock: Lock, now: datetime) -> int:
    """Write down once that a key's time is over; returns how many were."""
    with store.snapshot() as unit:
        over = [each for each in unlocks(unit, lock, now).keys if _is_unnoted(each)]
    if not over:
        return 0
    noted = 0
    with store.begin() as unit:
        for each in over:
            if unit.unlocks.note_expiry(each.id, now):
                silo = None if each.claims is None else each.claims.silo
                unit.events.record(_event("unlock_expired", each.id, silo, None, now))
                noted += 1
    return noted


def _is_unnoted(key: Unlock) -> bool:
    return key.state is UnlockState.EXPIRED and key.stored.expiry_noted_at is None


def record_uses(unit: UnitOfWork, uses: Sequence[Use], run: Run) -> None:
    """Write down for which rules a run let a limit above the ceiling stand."""
    for use in uses:
        unit.events.record(
            Event(
                kind="unlock_used",
                at=run.started_at,
                run=run.id,
                rule=use.rule,
                silo=use.silo,
                by=run.started_by,
                data={"unlock": use.unlock, "limit": use.limit},
            )
        )


# --- words and times ---------------------------------------------------------------------------


def _has_ended(claims: Claims, now: datetime) -> bool:
    return claims.ends_at is not None and now >= claims.ends_at


def _end(key: Unlock) -> tuple[bool, datetime]:
    assert key.claims is not None  # noqa: S101 - a key in force has them
    ends_at = key.claims.ends_at
    return ends_at is None, key.claims.issued_at if ends_at is None else ends_at


def _too_early(claims: Claims) -> str:
    return (
        f"it was issued at {_moment(claims.issued_at)}, which is still to come; "
        "mend the clock of this machine or of the one that issued it"
    )


def _moment(at: datetime | None) -> str:
    return "an unknown time" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _event(
    kind: str, unlock: str, silo: str | None, by: str | None, now: datetime, /, **more: object
) -> Event:
    return Event(kind=kind, at=now, silo=silo, by=by, data={"unlock": unlock, **more})
