"""Scans: one reading of a silo's stream each, and what it found. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple, NewType

from hypersync.model.scopes import told

ScanId = NewType("ScanId", str)


class ScanKind(Enum):
    """Whether a scan read everything or what changed."""

    FULL = "full"
    DELTA = "delta"


class ScanState(Enum):
    """How far a scan is.

    While it is ``applying`` runs leave its silo alone. ``suspended`` waits for a decision,
    ``approved`` to be applied by the next scan or sync.
    """

    RUNNING = "running"
    APPLYING = "applying"
    APPLIED = "applied"
    SUSPENDED = "suspended"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    FAILED = "failed"


class Finding(Enum):
    """What a scan says of one object.

    ``missed`` is an absence that is not believed yet, ``back`` takes such ones back. ``unsettled``
    is an absence that says nothing yet, because the object changed a moment ago.
    """

    SEEN = "seen"
    GONE = "gone"
    SOFT = "soft"
    ABSENT = "absent"
    OUT_OF_SCOPE = "out_of_scope"
    INVALID = "invalid"
    MISSED = "missed"
    UNSETTLED = "unsettled"
    BACK = "back"


class Staged(NamedTuple):
    """One change that a scan found; ``why`` says why an object is invalid."""

    anchor: str
    finding: Finding
    attributes: str | None = None
    hash: bytes | None = None
    why: str | None = None


@dataclass(slots=True)
class TypeCounts:
    """What a scan found of one type; ``seen`` counts what is there, invalid objects included."""

    seen: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    invalid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeVerdict:
    """What a scan found of one type and why it is not believed; no reasons when it is.

    ``answer`` is what people said: approved, rejected or nothing yet.
    """

    counts: TypeCounts
    reasons: tuple[str, ...] = ()
    missing: int = 0
    rekeyed: int = 0
    answer: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One scan of one stream as it is stored; ``types`` is by type name."""

    id: ScanId
    silo: str
    stream: str
    kind: ScanKind
    state: ScanState
    started_at: datetime
    finished_at: datetime | None = None
    cursor: str | None = None
    scope: str | None = None
    types: Mapping[str, TypeVerdict] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiloType:
    """What is stored of one type of a silo.

    ``live`` counts the objects that are there; ``scope`` is that of the last applied scan, which
    there was when ``is_loaded``. While ``is_loading`` its objects are not visible to runs.
    """

    id: int
    silo: str
    name: str
    live: int = 0
    scope: str | None = None
    is_loaded: bool = False
    is_loading: bool = False
    join_revision: str | None = None


_ABSENCES = (Finding.ABSENT, Finding.MISSED, Finding.GONE, Finding.SOFT)


def absences(scan: Scan, kind: SiloType) -> tuple[Finding, ...]:
    """Return the findings by which a scan says of a stored type's objects that they are missing.

    Under another scope than that of the last applied scan an object that changed too lately is one
    of them: later on nobody could tell any more that it is missing because of the scope. What holds
    members is no part of that; it has nothing to do with who is missing.
    """
    return (*_ABSENCES, Finding.UNSETTLED) if _is_rescoped(scan, kind) else _ABSENCES


def claims(scan: Scan, kind: SiloType) -> tuple[Finding, ...]:
    """Return the findings about which people are asked: absences, and changed join values.

    Under another scope what is invalid too, as is all that is missing beside rows without a name.
    """
    found = absences(scan, kind)
    found += (Finding.INVALID,) if _is_rescoped(scan, kind) else ()
    return (*found, Finding.SEEN) if scan.types[kind.name].rekeyed else found


def _is_rescoped(scan: Scan, kind: SiloType) -> bool:
    return kind.scope is not None and told(kind.scope) != told(scan.scope)


@dataclass(slots=True)
class ScanReport:
    """What became of scanning one silo, all its streams together."""

    silo: str
    kind: ScanKind
    state: ScanState
    types: dict[str, TypeCounts] = field(default_factory=dict)
    reason: str | None = None
