"""Plans written down to be reviewed by one person and carried out by another. Pure.

Says what such a plan holds, and whose signature lets it be applied. How it is written is in
`hypersync.model.plan_lines`. Fails closed: a signature that cannot be trusted is never taken for
none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from hypersync.errors import PlanFileRefused
from hypersync.model.actions import Reason
from hypersync.model.canonical import encode_value
from hypersync.model.ids import IdentityId, RunId
from hypersync.model.objects import Attributes, Operation
from hypersync.model.runs import RunKind

_LABEL = b"HyperSync plan file 1\n"


class Verdict(Enum):
    """What the guards would make of an action; only ``queued`` ones are carried out."""

    QUEUED = "queued"
    SUSPENDED = "suspended"
    THROTTLED = "throttled"
    LIMITED = "limited"
    SIMULATED = "simulated"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAction:
    """One action of a plan.

    ``key`` is that of open actions, ``title`` says who it is about, ``irreversible`` why it cannot
    be undone.
    """

    rule: str
    identity: IdentityId
    key: str
    title: str
    silo: str
    type: str
    anchor: str | None
    operation: Operation
    before: Attributes | None
    after: Attributes | None
    once: Attributes
    fingerprint: str
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    irreversible: str | None = None

    def change(self) -> bytes:
        """Return what has to be the same for it to be this action, as one canonical text."""
        return encode_value(
            (
                self.rule,
                self.identity,
                self.key,
                self.silo,
                self.type,
                self.anchor,
                self.operation.value,
                self.before,
                self.after,
                self.once,
                self.fingerprint,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCounts:
    """How many actions a plan has, by verdict, rule, operation and SILO/TYPE/ATTRIBUTE.

    ``irreversible`` are those that cannot be undone.
    """

    actions: int = 0
    irreversible: int = 0
    verdicts: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, int] = field(default_factory=dict)
    operations: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The newest applied scan of some types of a silo; ``at`` is when it ended."""

    silo: str
    types: tuple[str, ...]
    scan: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHeader:
    """What a plan is and what it rests on.

    ``revision`` is that of the rulebook, ``version`` of the product. ``raises`` are limits by rule
    that were raised for this plan only, ``reason`` why. Times are aware, UTC.
    """

    version: str
    installation: str
    environment: str
    run: RunId
    kind: RunKind
    object_key: tuple[str, str, str] | None
    made_at: datetime
    made_by: str | None
    revision: str
    scans: tuple[Basis, ...]
    counts: PlanCounts
    raises: Mapping[str, int] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """That the owner of a public key signed the hash."""

    key: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """A whole file; its hash is right, and so is each signature for the key that it names."""

    header: PlanHeader
    actions: tuple[PlannedAction, ...]
    hash: str
    signatures: tuple[Signature, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedPlan:
    """A plan that may be applied; ``signed_by`` are the trusted keys that signed it."""

    header: PlanHeader
    actions: tuple[PlannedAction, ...]
    hash: str
    signed_by: tuple[str, ...] = ()


def count(actions: Iterable[PlannedAction]) -> PlanCounts:
    """Count a plan's actions; what one writes to an attribute counts once."""
    verdicts: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    operations: Counter[str] = Counter()
    attributes: Counter[str] = Counter()
    irreversible = 0
    for each in actions:
        verdicts[each.verdict.value] += 1
        rules[each.rule] += 1
        operations[each.operation.value] += 1
        irreversible += each.irreversible is not None
        if each.silo:
            names = {*(each.before or ()), *(each.after or ()), *each.once}
            attributes.update(f"{each.silo}/{each.type}/{name}" for name in names)
    return PlanCounts(
        actions=verdicts.total(),
        irreversible=irreversible,
        verdicts=dict(verdicts),
        rules=dict(rules),
        operations=dict(operations),
        attributes=dict(attributes),
    )


def check_home(header: PlanHeader, installation: str, environment: str) -> None:
    """Raise `PlanFileRefused` for a plan that was made for another installation."""
    home = f"{header.installation} ({header.environment})"
    here = f"{installation} ({environment})"
    if home != here:
        raise PlanFileRefused(f"the plan was made for {home}, this is {here}")
    if header.kind is RunKind.UNDO:
        raise PlanFileRefused("the plan of an undo cannot be applied; use hypersync undo")


# --- trusting ----------------------------------------------------------------------------------


def signed_message(plan_hash: str) -> bytes:
    """Return what a signature signs; the label keeps it from passing for anything else."""
    return _LABEL + plan_hash.encode("ascii")


def trusted(plan: PlanFile, keys: Collection[str], *, is_required: bool) -> ReviewedPlan:
    """Return the plan as it may be applied.

    With ``is_required`` one of ``keys`` has to have signed it. Without, an unsigned plan will do;
    one that only others signed will not, once there are keys. Raises `PlanFileRefused`.
    """
    signers = tuple(each.key for each in plan.signatures if each.key in keys)
    if not signers and is_required:
        found = _foreign(plan) if plan.signatures else "it is not signed"
        raise PlanFileRefused(f"the plan has to be signed by a trusted key, and {found}")
    if not signers and plan.signatures and keys:
        raise PlanFileRefused(f"the plan cannot be trusted: {_foreign(plan)}")
    return ReviewedPlan(header=plan.header, actions=plan.actions, hash=plan.hash, signed_by=signers)


def _foreign(plan: PlanFile) -> str:
    names = ", ".join(each.key for each in plan.signatures)
    return f"it is signed by {names}, which is not trusted here"
