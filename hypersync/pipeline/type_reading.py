"""What one scan reads of one type: what is known of it and what was found."""

from __future__ import annotations

from collections.abc import Collection

from hypersync.model.objects import Deleted, ObjectType
from hypersync.model.scans import Finding, SiloType, Staged, TypeCounts
from hypersync.pipeline.apply import Fresh
from hypersync.pipeline.source_guard import Evidence
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import Away

FLUSH = 2_000
"""How many changes are gathered before they are written."""


class TypeReading:
    """What one scan reads of one type, by anchor.

    Of what was stored before: ``known`` are the hashes of what is there and was not seen yet,
    ``away`` the absences of the rest, ``missed`` what earlier scans missed; ``sees_everything``
    says that all of it was loaded. The objects of a type that is loaded for the first time
    (``is_direct``) are stored without being staged.

    Of what was seen: ``written`` is what is not as it was stored, ``seems_new`` what nobody knew,
    ``spoilt`` what is invalid whatever else is seen of it, ``healed`` what was invalid, until the
    end shows that nothing spoilt it again. ``rows`` and ``fresh`` are gathered to be written.

    Of what was not: ``missing`` is judged absent, ``deleted`` by the silo itself, ``unsettled`` not
    at all, because it changed too lately. ``rekeyed`` counts objects with another join value,
    ``anonymous`` rows that do not say which object they are, ``unjudged`` what they may be.
    """

    def __init__(self, silo_type: SiloType, kind: ObjectType, *, is_direct: bool) -> None:
        self.silo_type = silo_type
        self.kind = kind
        self.is_direct = is_direct
        self.counts = TypeCounts()
        self.known: dict[str, bytes] = {}
        self.away: dict[str, str] = {}
        self.missed: dict[str, Away] = {}
        self.healed: dict[str, Staged] = {}
        self.spoilt: set[str] = set()
        self.seems_new: set[str] = set()
        self.written: set[str] = set()
        self.rows: list[Staged] = []
        self.fresh: list[Fresh] = []
        self.missing: list[str] = []
        self.unsettled: set[str] = set()
        self.deleted: set[str] = set()
        self.rekeyed = 0
        self.anonymous = 0
        self.unjudged = 0
        self.sees_everything = False

    def load_map(self, unit: UnitOfWork) -> None:
        """Load the hashes of what is there, and what is known of the rest."""
        self._know(unit, unit.objects.hashes(self.silo_type.id))

    def load_anchors(self, unit: UnitOfWork) -> None:
        """Load what is there without hashes, and what is known of the rest."""
        self._know(unit, dict.fromkeys(unit.objects.anchors(self.silo_type.id), b""))

    def _know(self, unit: UnitOfWork, known: dict[str, bytes]) -> None:
        self.sees_everything = True
        self.known = known
        for each in unit.objects.away(self.silo_type.id):
            if each.absence is not None:
                self.away[each.anchor] = each.absence
                del self.known[each.anchor]
            if each.misses:
                self.missed[each.anchor] = each

    def load_missed(self, unit: UnitOfWork) -> None:
        """Load which objects earlier scans missed; of the rest a delta knows what it is told."""
        self.missed = {each.anchor: each for each in unit.objects.missed(self.silo_type.id)}

    def delete(self, event: Deleted) -> None:
        """Take in that the silo says an object was deleted."""
        finding = Finding(event.kind.value)
        self.rows.append(Staged(event.anchor, finding))
        if finding is not Finding.OUT_OF_SCOPE:
            self.deleted.add(event.anchor)
            self.counts.deleted += 1

    def is_full(self) -> bool:
        """Tell whether enough is gathered to be written."""
        return len(self.rows) + len(self.fresh) >= FLUSH

    def evidence(self, *, high: int, scope: str, lost_canaries: Collection[str]) -> Evidence:
        """Return what the source guard judges.

        Under another scope what is not judged yet counts as missing too: once this scan is applied
        its scope is the known one, and the next could not tell any more that it is the reason.
        """
        stored = self.silo_type
        scope_changed = stored.scope is not None and stored.scope != scope
        missing = len(self.missing) + len(self.deleted)
        if scope_changed:
            missing += len(self.unsettled) + self.unjudged
        return Evidence(
            live=stored.live,
            high=high,
            seen=self.counts.seen,
            is_complete=self.sees_everything,
            missing=missing,
            rekeyed=self.rekeyed,
            lost_canaries=lost_canaries,
            scope_changed=scope_changed,
        )
