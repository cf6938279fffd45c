"""Stores identities, their keys, and which are pending."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.engine import Connection

from hypersync.model.ids import IdentityId, RunId
from hypersync.model.joins import REPLACED, normal_value
from hypersync.store import awaiting, regroup, replaced
from hypersync.store.bulk import (
    chunks,
    marks,
    read,
    read_in,
    read_time,
    reserve,
    run,
    run_many,
    stored_time,
)

_JOINING = 0x48595052  # the number of the lock, any that others do not use
_DUE = "run IS NULL AND (not_before IS NULL OR not_before <= ?)"
_UPSERT = """
INSERT INTO pending_identity (identity, run, not_before) VALUES (?, NULL, ?)
ON CONFLICT (identity) DO UPDATE SET run = NULL, not_before = CASE
    WHEN pending_identity.run IS NOT NULL THEN excluded.not_before
    WHEN pending_identity.not_before < excluded.not_before THEN pending_identity.not_before
    WHEN pending_identity.not_before IS NULL THEN NULL
    ELSE excluded.not_before END
"""
_IN_ORDER = "SELECT identity FROM pending_identity WHERE {} ORDER BY identity FOR UPDATE"
_CLAIM = "UPDATE pending_identity SET run = ? WHERE {}"
_TAKEN = "identity IN (SELECT * FROM due)"
_CLAIM_IN_ORDER = f"WITH due AS ({_IN_ORDER}) {_CLAIM.format(_TAKEN)}"
_AMBIGUOUS = """
SELECT identity, slot, anchor FROM object
WHERE identity IN ({}) AND slot IS NOT NULL AND (absence IS NULL OR absence = 'invalid')
ORDER BY identity, slot, id
"""
# how long it lasts counts from when it began, whichever objects join it
_SET_AMBIGUOUS = """
UPDATE identity SET ambiguous_since = CASE
    WHEN ambiguous IS NULL OR ambiguous_since IS NULL THEN ? ELSE ambiguous_since END,
    ambiguous = ? WHERE id = ?
"""
_UNCONFIRMED = """
SELECT DISTINCT object.identity FROM object
JOIN identity ON identity.id = object.identity
JOIN silo_type ON silo_type.id = object.silo_type
WHERE object.identity IN ({}) AND NOT EXISTS (
    SELECT 1 FROM scan WHERE scan.silo = silo_type.silo AND scan.state = 'applied'
    AND scan.started_at > identity.confirm_after
    AND replace(',' || scan.stream || ',', ',' || silo_type.type || ',', '')
        <> ',' || scan.stream || ',')
"""


class Identities:
    """Identities, their keys, and which are pending."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- pending -------------------------------------------------------------------------------

    def pending(self, now: datetime) -> Sequence[IdentityId]:
        """Return the pending identities that are due and claimed by nobody, in order."""
        rows = read(
            self._connection,
            f"SELECT identity FROM pending_identity WHERE {_DUE} ORDER BY identity",  # noqa: S608
            (self._time(now),),
        )
        return [IdentityId(row[0]) for row in rows]

    def count_pending(self, now: datetime) -> int:
        """Return how many pending identities are due and claimed by nobody."""
        statement = f"SELECT count(*) FROM pending_identity WHERE {_DUE}"  # noqa: S608
        return int(read(self._connection, statement, (self._time(now),))[0][0])

    def claim(self, run_id: RunId, now: datetime) -> Sequence[IdentityId]:
        """Claim the pending identities that are due; return those that were claimed now."""
        statement, values = self._claim(run_id, _DUE, self._time(now))
        rows = read(self._connection, f"{statement} RETURNING identity", values)
        return sorted(IdentityId(row[0]) for row in rows)

    def claim_all(self, run_id: RunId) -> None:
        """Claim every pending identity, due or not."""
        run(self._connection, *self._claim(run_id, "run IS NULL"))

    def claim_these(self, run_id: RunId, identities: Iterable[int]) -> Sequence[IdentityId]:
        """Claim these identities, pending or not, that nobody else has claimed."""
        wanted = sorted(set(identities))
        run_many(
            self._connection,
            "INSERT INTO pending_identity (identity, run) VALUES (?, ?) "
            "ON CONFLICT (identity) DO UPDATE SET run = excluded.run "
            "WHERE pending_identity.run IS NULL",
            [(identity, run_id) for identity in wanted],
        )
        rows = read_in(
            self._connection,
            "SELECT identity FROM pending_identity WHERE run = ? AND identity IN ({})",
            wanted,
            run_id,
        )
        return sorted(IdentityId(row[0]) for row in rows)

    def free(self, run_id: RunId) -> None:
        """Give back what a run claimed."""
        self._lock("run = ?", run_id)
        run(self._connection, "UPDATE pending_identity SET run = NULL WHERE run = ?", (run_id,))

    def finish(self, run_id: RunId, keep: Mapping[IdentityId, datetime | None]) -> None:
        """End a run's claims; those in ``keep`` are pending again, from a time on when given."""
        self._lock("run = ?", run_id)
        run(self._connection, "DELETE FROM pending_identity WHERE run = ?", (run_id,))
        run_many(
            self._connection,
            "INSERT INTO pending_identity (identity, run, not_before) VALUES (?, NULL, ?) "
            "ON CONFLICT (identity) DO NOTHING",
            [(identity, self._time(at)) for identity, at in sorted(keep.items())],
        )

    def upsert_pending(self, identities: Iterable[int], not_before: datetime | None = None) -> None:
        """Make identities pending, now or from a time on; the earlier of two times holds."""
        at = self._time(not_before)
        run_many(
            self._connection, _UPSERT, [(identity, at) for identity in sorted(set(identities))]
        )

    # Whoever writes many pending identities locks them in order, lest two wait for each other for
    # ever. On SQLite the transaction that writes is alone.

    def _claim(
        self, run_id: RunId, condition: str, *values: object
    ) -> tuple[str, tuple[object, ...]]:
        """Return the statement that claims what meets a condition, and its values.

        One statement, because what another one locked need not be all that is there by then.
        """
        if self._connection.dialect.name == "sqlite":
            return _CLAIM.format(condition), (run_id, *values)
        return _CLAIM_IN_ORDER.format(condition), (*values, run_id)

    def _lock(self, condition: str, *values: object) -> None:
        """Lock what a run claimed."""
        if self._connection.dialect.name != "sqlite":
            read(self._connection, _IN_ORDER.format(condition), values)

    # --- what is known of identities -----------------------------------------------------------

    def count(self) -> int:
        """Return how many identities there are."""
        statement = "SELECT count(*) FROM identity WHERE merged_into IS NULL"
        return int(read(self._connection, statement)[0][0])

    def heirs(self, identities: Collection[IdentityId]) -> Mapping[IdentityId, IdentityId]:
        """Return whom these identities were merged into; those that were not stay themselves."""
        found = {each: each for each in identities}
        moved = set(identities)
        while moved:
            rows = read_in(
                self._connection,
                "SELECT id, merged_into FROM identity WHERE merged_into IS NOT NULL AND id IN ({})",
                sorted(moved),
            )
            into = {IdentityId(row[0]): IdentityId(row[1]) for row in rows}
            found = {each: into.get(heir, heir) for each, heir in found.items()}
            moved = set(into.values())
        return found

    def exists(self, identity: IdentityId) -> bool:
        """Tell whether there is such an identity; merged ones are not there any more."""
        statement = "SELECT 1 FROM identity WHERE id = ? AND merged_into IS NULL"
        return bool(read(self._connection, statement, (identity,)))

    def waiting(self, identities: Collection[int] | None) -> Mapping[int, str]:
        """Return why identities run no rule: ambiguous, or regrouped and not confirmed yet."""
        found: dict[int, str] = {}
        regrouped = []
        for identity, ambiguous, confirm_after in self._of(
            "SELECT id, ambiguous, confirm_after FROM identity "
            "WHERE (ambiguous IS NOT NULL OR confirm_after IS NOT NULL)",
            identities,
        ):
            if ambiguous is not None:
                found[identity] = ambiguous
            elif confirm_after is not None:
                regrouped.append((identity, confirm_after))
        if regrouped:
            unconfirmed = self._unconfirmed([identity for identity, _ in regrouped])
            for identity, since in regrouped:
                if identity in unconfirmed:
                    found[identity] = (
                        f"regrouped at {read_time(since):%Y-%m-%d %H:%M} UTC; "
                        "waits until one more scan of its silos confirms it"
                    )
        return found

    def vips(
        self, identities: Collection[int] | None
    ) -> Mapping[IdentityId, Mapping[str, str | None]]:
        """Return the VIP rules that hold (``None``) or held until when, by identity."""
        rows = self._of("SELECT id, vip FROM identity WHERE vip IS NOT NULL", identities)
        return {IdentityId(identity): orjson.loads(vip) for identity, vip in rows}

    def remember_vips(self, vips: Mapping[IdentityId, Mapping[str, str | None]]) -> None:
        """Replace what is remembered of these identities, but not what scans remember."""
        scanned = {
            identity: {name: at for name, at in known.items() if name.startswith(REPLACED)}
            for identity, known in self.vips(vips).items()
        }
        rows = [
            (orjson.dumps(kept).decode() if kept else None, identity)
            for identity, names in vips.items()
            for kept in [{**names, **scanned.get(identity, {})}]
        ]
        run_many(self._connection, "UPDATE identity SET vip = ? WHERE id = ?", rows)

    def _of(self, statement: str, identities: Collection[int] | None) -> Iterator[Any]:
        """Yield the rows of all identities, or of these."""
        if identities is None:
            return iter(read(self._connection, statement))
        return read_in(self._connection, statement + " AND id IN ({})", sorted(identities))

    def await_references(self, rows: Iterable[tuple[str, str, int]]) -> None:
        """Remember who waits for an object: (slot, key of its identity, who waits).

        Who waits for one that appeared meanwhile is pending instead. Nobody joins while this is
        looked at: what a scan has not committed yet would neither be seen nor see who waits.
        """
        waiting = set(rows)
        if waiting:
            self.join_alone()
            awaiting.note(self._connection, waiting)
            self.upsert_pending(awaiting.take_noted(self._connection, waiting))

    def wake_waiting(self, identities: Collection[int] | None) -> None:
        """Make those pending who waited for what these identities, or all, have now."""
        self.upsert_pending(awaiting.take(self._connection, identities))

    # --- joining -------------------------------------------------------------------------------

    def join_alone(self) -> None:
        """Wait until nobody else joins; nobody does until this transaction ends.

        Scans of two silos may meet the same person at the same moment, and what one has not
        committed the other does not see. On SQLite the transaction that writes is alone.
        """
        if self._connection.dialect.name != "sqlite":
            run(self._connection, "SELECT pg_advisory_xact_lock(?)", (_JOINING,))

    def owners(self, keys: Iterable[str]) -> Mapping[str, int]:
        """Return the identities that have these keys."""
        return dict(
            read_in(self._connection, "SELECT key, id FROM identity WHERE key IN ({})", keys)
        )

    def keys(self, identities: Iterable[int]) -> Mapping[int, str | None]:
        """Return the keys of these identities."""
        return dict(
            read_in(self._connection, "SELECT id, key FROM identity WHERE id IN ({})", identities)
        )

    def reserve(self, count: int) -> Sequence[int]:
        """Return so many identity ids that nobody else will use."""
        return reserve(self._connection, "identity", count)

    def add(self, rows: Sequence[tuple[int, str | None]]) -> None:
        """Store new identities: (id, key)."""
        run_many(self._connection, "INSERT INTO identity (id, key) VALUES (?, ?)", rows)

    def set_keys(self, rows: Sequence[tuple[int, str | None]]) -> None:
        """Change the keys of identities, whatever the order: (id, key)."""
        for some in chunks(row[0] for row in rows):
            statement = f"UPDATE identity SET key = NULL WHERE id IN ({marks(len(some))})"  # noqa: S608
            run(self._connection, statement, some)
        run_many(
            self._connection,
            "UPDATE identity SET key = ? WHERE id = ?",
            [(key, identity) for identity, key in rows if key is not None],
        )

    def merge(self, rows: Sequence[tuple[int, int]], now: datetime) -> None:
        """Give what is known of identities to those they are merged into: (younger, older)."""
        for younger, older in rows:
            regroup.hand_on(self._connection, younger, older)
            regroup.hand_over_names(self._connection, younger, older)
            regroup.hand_over_actions(self._connection, younger, older)
            run(
                self._connection,
                "UPDATE identity SET merged_into = ?, key = NULL, ambiguous = NULL, "
                "confirm_after = NULL WHERE id = ?",
                (older, younger),
            )
            run(self._connection, "DELETE FROM pending_identity WHERE identity = ?", (younger,))
        self.mark_regrouped([older for _, older in rows], now)

    def split(self, rows: Sequence[tuple[int, int]], now: datetime) -> None:
        """Give what is known of identities also to those split off: (from, to)."""
        for origin, fresh in rows:
            regroup.hand_on(self._connection, origin, fresh)
        self.mark_regrouped([identity for row in rows for identity in row], now)

    def mark_regrouped(self, identities: Iterable[int], now: datetime) -> None:
        """Let identities propose nothing until one more scan of their silos confirms them."""
        at = self._time(now)
        run_many(
            self._connection,
            "UPDATE identity SET confirm_after = ? WHERE id = ?",
            [(at, identity) for identity in sorted(set(identities))],
        )

    def confirm(self) -> Sequence[int]:
        """End the waiting of regrouped identities whose silos were all scanned since."""
        waiting = "SELECT id FROM identity WHERE confirm_after IS NOT NULL"
        marked = [row[0] for row in read(self._connection, waiting)]
        if not marked:
            return ()
        unconfirmed = self._unconfirmed(marked)
        done = [identity for identity in marked if identity not in unconfirmed]
        run_many(
            self._connection,
            "UPDATE identity SET confirm_after = NULL WHERE id = ?",
            [(identity,) for identity in done],
        )
        self.upsert_pending(done)
        return done

    def _unconfirmed(self, identities: Iterable[int]) -> set[int]:
        """Return those of which a silo was not scanned since they were regrouped."""
        return {row[0] for row in read_in(self._connection, _UNCONFIRMED, identities)}

    def ambiguous(self, identities: Collection[int]) -> Mapping[IdentityId, datetime]:
        """Return since when identities are ambiguous, of those that are."""
        statement = "SELECT id, ambiguous_since FROM identity WHERE ambiguous IS NOT NULL"
        found = {}
        for identity, since in self._of(statement, identities):
            moment = read_time(since)
            if moment is not None:
                found[IdentityId(identity)] = moment
        return found

    def note_ambiguous(self, identities: Collection[int], now: datetime) -> None:
        """Look whether identities have two objects in one slot, and remember it."""
        crowded: dict[int, dict[str, list[str]]] = {}
        for identity, slot, anchor in read_in(self._connection, _AMBIGUOUS, sorted(identities)):
            crowded.setdefault(identity, {}).setdefault(slot, []).append(anchor)
        known = read_in(
            self._connection,
            "SELECT id, ambiguous, key FROM identity WHERE id IN ({})",
            sorted(identities),
        )
        at = self._time(now)
        rows = []
        for identity, before, key in known:
            text = _ambiguity(crowded.get(identity, {}), key)
            if text != before:
                rows.append((at, text, identity))
        run_many(self._connection, _SET_AMBIGUOUS, rows)

    def note_replaced(
        self,
        identities: Collection[int],
        came: Collection[int],
        went: Collection[int],
        now: datetime,
    ) -> None:
        """Remember in which slots of identities an object took the place of one that is gone."""
        replaced.note_replaced(self._connection, identities, came, went, now)

    def _time(self, value: datetime | None) -> object:
        return stored_time(self._connection, value)


def _ambiguity(slots: Mapping[str, Sequence[str]], key: str | None) -> str | None:
    """Say which objects want the same slot with which value, or nothing."""
    value = "" if key is None else f" with the join value {normal_value(key)}"
    texts = [
        f"{len(anchors)} objects for {slot}{value}: {', '.join(anchors[:5])}"
        for slot, anchors in slots.items()
        if len(anchors) > 1
    ]
    return "; ".join(texts) or None
