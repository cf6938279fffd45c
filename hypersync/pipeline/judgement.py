"""What becomes of everything a run found, as its guards decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hypersync.model.ids import ActionId, IdentityId
from hypersync.model.plan_file import Verdict
from hypersync.model.runs import RuleReport, RunError
from hypersync.pipeline.causes.common import Common
from hypersync.pipeline.found import Candidate as Wish
from hypersync.pipeline.stops import Stop
from hypersync.pipeline.unlock import Use
from hypersync.ports.store.marks import QuotaState


@dataclass(slots=True)
class Judgement:
    """What every candidate of a run becomes; each is in exactly one list."""

    reports: dict[str, RuleReport] = field(default_factory=dict)
    errors: list[RunError] = field(default_factory=list)
    throttled: list[Wish] = field(default_factory=list)
    limited: list[Wish] = field(default_factory=list)
    planned: list[Wish] = field(default_factory=list)
    queued: list[Wish] = field(default_factory=list)
    suspended: list[Wish] = field(default_factory=list)
    skipped: list[Wish] = field(default_factory=list)
    stops: dict[ActionId, Stop] = field(default_factory=dict)
    texts: dict[ActionId, str] = field(default_factory=dict)
    due: dict[ActionId, datetime] = field(default_factory=dict)
    quotas: Mapping[str, QuotaState] = field(default_factory=dict)
    unlocked: list[Use] = field(default_factory=list)
    reservations: Sequence[tuple[str, str, IdentityId, str]] = ()
    causes: Mapping[str, Common] = field(default_factory=dict)

    def held(self) -> list[Wish]:
        """Return everything that is not let through."""
        return [
            *self.suspended,
            *self.planned,
            *self.throttled,
            *self.limited,
            *self.skipped,
        ]

    def set_aside(self, wish: Wish, verdict: Verdict, text: str) -> None:
        """Hold a wish back as the reviewed plan did, without asking."""
        self.texts[wish.id] = text
        match verdict:
            case Verdict.LIMITED:
                self.limited.append(wish)
            case Verdict.SIMULATED:
                self.planned.append(wish)
            case Verdict.SKIPPED:
                self.skipped.append(wish)
            case _:
                self.throttled.append(wish)
