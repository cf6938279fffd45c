"""Commands that say what other limits would have done: ``thresholds advise``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.errors import UsageError
from hypersync.pipeline.advise import times
from hypersync.pipeline.limits import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, timedelta

    from hypersync.model.limit import Limit
    from hypersync.pipeline.advise import Advice, Tried


@click.group("thresholds")
def thresholds() -> None:
    """Say which limits fit what the rules usually do."""


@command("advise")
@click.option("--rule", metavar="RULE", help="One rule instead of all.")
@click.option("--since", default="90d", show_default=True, metavar="SPAN", help="How far back.")
@click.option(
    "--limit", "limits", multiple=True, metavar="N|P%", help="A limit to try; may be repeated."
)
def advise(
    invocation: Invocation, *, rule: str | None, since: str, limits: tuple[str, ...]
) -> Exit:
    """Try other limits on the stored runs, and say how often each would have tripped."""
    from hypersync.cli.started import started_app
    from hypersync.pipeline.hindsight import advise as look_back

    span = time_span(since, "--since")
    more = [_limit(each) for each in limits]
    with started_app(invocation) as app:
        now = app.clock.now()
        found = look_back(app.engine, since=now - span, rule=rule, more=more, progress=app.progress)
    document = {
        "since": now - span,
        "until": now,
        "rules": [_document(name, advice) for name, advice in found.items()],
    }
    print_answer(invocation, document, lambda: _text(found, now - span))
    return Exit.DONE


thresholds.add_command(advise)


def time_span(text: str, option: str) -> timedelta:
    """Read an option that says how far back; raises `UsageError`."""
    from datetime import timedelta

    from hypersync.model.time_span import parse_time_span

    try:
        span = parse_time_span(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
    if span <= timedelta(0):
        raise UsageError(f"{option}: {text!r} is no time at all; write for instance 30d")
    return span


def _limit(text: str) -> Limit:
    from hypersync.model.limit import parse_limit

    try:
        return parse_limit(text)
    except ValueError as error:
        raise UsageError(f"--limit: {error}") from error


def _document(rule: str, advice: Advice) -> dict[str, object]:
    return {
        "rule": rule,
        "limit": str(advice.limit),
        "runs": advice.runs,
        "asking": advice.asking,
        "largest": advice.largest,
        "median": advice.median,
        "percentile_95": advice.most,
        "largest_with_lookback": advice.largest_measured,
        "tripped": advice.tripped,
        "tried": [_tried(each) for each in advice.tried],
        "advice": {
            "percentage": None if advice.percentage is None else str(advice.percentage),
            "number": None if advice.number is None else advice.number.allowed(0),
            "text": advice.text,
        },
    }


def _tried(tried: Tried) -> dict[str, object]:
    return {
        "limit": str(tried.limit),
        "allowed": tried.allowed,
        "limit_text": tried.text,
        "tripped": tried.tripped,
    }


# --- for people --------------------------------------------------------------------------------


def _text(found: Mapping[str, Advice], since: datetime) -> str:
    lines = [f"committing runs since {since:%Y-%m-%d %H:%M} UTC"]
    for rule, advice in found.items():
        lines += ["", *_rule_lines(rule, advice)]
    return "\n".join(lines)


def _rule_lines(rule: str, advice: Advice) -> Iterator[str]:
    asked = f"asked for something in {number(advice.asking)} of {number(advice.runs)} runs"
    yield f"{rule} (limit {advice.limit}): {asked}"
    if advice.asking:
        yield (
            f"  {number(advice.median)} in the median, up to {number(advice.most)} in 95% of them, "
            f"{number(advice.largest)} at most ({number(advice.largest_measured)} with the "
            f"lookback); the limit in force tripped {times(advice.tripped)}"
        )
        yield "  limit      would have tripped  allows now"
        yield from (_tried_line(each) for each in advice.tried)
    yield f"  advised: {advice.text}" if _is_advised(advice) else f"  {advice.text}"


def _tried_line(tried: Tried) -> str:
    allowed = "unknown" if tried.allowed is None else number(tried.allowed)
    how = f" ({tried.text})" if "%" in tried.text else ""
    return f"  {tried.limit!s:9}  {times(tried.tripped):18}  {allowed}{how}"


def _is_advised(advice: Advice) -> bool:
    return advice.percentage is not None or advice.number is not None
