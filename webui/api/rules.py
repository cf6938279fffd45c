"""The rules: what each says, the limit in force, and what it did in a week and a month."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime

from flask import Response
from pydantic import BaseModel, Field

from hypersync.insight.hidden import hidden_of
from hypersync.insight.rules import LimitInForce, all_rules, one_rule
from hypersync.model.runs import Counts
from hypersync.rulebook.rules import Rule, RuleKind
from webui.api.answers import answer
from webui.api.routes import Routes
from webui.api.runs import CountsOut
from webui.api.words import Word
from webui.visitors import zone_of


class ByName(BaseModel):
    """The path of one rule."""

    rule: Word


class LimitOut(BaseModel):
    """How many actions a rule may do in a run, and how that came about."""

    allowed: int | None = Field(description="null: it cannot be told now.")
    text: str
    error: str
    unlocked_by: str
    note: str


class RuleOut(BaseModel):
    """One rule."""

    id: str
    ruleset: str
    kind: RuleKind
    target: str
    file: str
    line: int
    simulate: bool
    when: str = Field(description="Its condition as it was written.")
    sets: dict[str, str] = Field(description="The attributes that it writes, and from what.")
    vips: list[str]
    limit: LimitOut
    changed_at: datetime | None
    changed_by: str | None
    week: CountsOut


class RuleList(BaseModel):
    """Every rule, in the order of the files."""

    revision: str
    items: list[RuleOut]


class RuleRunOut(BaseModel):
    """What a rule asked for in one committing run."""

    run: str
    at: datetime
    counts: CountsOut
    limit: int | None
    limit_text: str | None
    reason: str | None


class DayOut(BaseModel):
    """What a rule did on one day."""

    day: date
    counts: CountsOut


class RuleDetail(BaseModel):
    """One rule, its last runs and its last 30 days."""

    id: str
    limit: LimitOut
    is_new: bool = Field(description="No committing run worked with its text of now.")
    vips: list[str]
    runs: list[RuleRunOut]
    days: list[DayOut]


def add_to(routes: Routes) -> None:
    """Add the calls about rules."""
    app = routes.app
    hidden = hidden_of(app.engine)

    @routes.get("/rules", RuleList, tag="rules")
    def list_rules() -> Response:
        """List every rule with its limit in force."""
        items = []
        for line in all_rules(app.engine):
            changed = line.changed
            said = _said(line.rule)
            items.append(
                RuleOut(
                    **said,  # type: ignore[arg-type] # each as it is named
                    limit=_limit(line.limit),
                    changed_at=None if changed is None else changed.brought_at,
                    changed_by=None if changed is None else changed.by,
                    week=_counts(line.week),
                )
            )
        return answer(RuleList(revision=app.rulebook.revision, items=items))

    @routes.get("/rules/<rule>", RuleDetail, tag="rules")
    def get_rule(path: ByName) -> Response:
        """Return one rule: its limit, its last runs, and its last 30 days."""
        found = one_rule(app.engine, hidden, path.rule, zone_of(app))
        runs = [
            RuleRunOut(
                run=each.run,
                at=each.at,
                counts=_counts(each.report.counts),
                limit=each.report.limit,
                limit_text=each.report.limit_text,
                reason=each.report.reason,
            )
            for each in found.runs
        ]
        days = [DayOut(day=each.day, counts=_counts(each.counts)) for each in found.days]
        return answer(
            RuleDetail(
                id=found.rule.id,
                limit=_limit(found.limit),
                is_new=found.is_new,
                vips=[vip.name for vip in found.vips],
                runs=runs,
                days=days,
            )
        )


def _said(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "ruleset": rule.ruleset,
        "kind": rule.kind,
        "target": rule.target,
        "file": rule.file,
        "line": rule.line,
        "simulate": rule.simulate,
        "when": rule.pure.source,
        "sets": {name: made.source for name, made in rule.set.items()},
        "vips": list(rule.vips),
    }


def _limit(found: LimitInForce) -> LimitOut:
    force = found.force
    return LimitOut(
        allowed=force.allowed,
        text=force.text,
        error=force.error,
        unlocked_by=found.how,
        note=found.note,
    )


def _counts(counts: Counts) -> CountsOut:
    return CountsOut(**asdict(counts))
