"""What cannot be meant together: guards that are right one by one and fight each other. Pure.

None of it lets more through than the guards do; what is found here never asks, always asks, or
does not do what it says. So these are warnings, except for a time to answer of zero and a blackout
without an end, with which nothing could ever be answered or done.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from hypersync.approvals.settings import LEAST_ASKED_AGAIN
from hypersync.model.limit import Limit
from hypersync.model.mistake import Level, Mistake
from hypersync.model.objects import Operation
from hypersync.model.time_span import format_time_span, parse_time_span
from hypersync.rulebook.calls import constant_value
from hypersync.rulebook.nodes import Call, Comparison
from hypersync.rulebook.rules import RuleKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypersync.config.models import Configuration
    from hypersync.config.rule_models import RuleConfig, RuleFile
    from hypersync.config.source import Place
    from hypersync.rulebook.nodes import Node
    from hypersync.rulebook.rules import Rule, Rulebook

_MINUTES_PER_WEEK = 7 * 24 * 60
_NO_TIME = timedelta(0)
_TURNED = {"<=": ">=", "<": ">", ">=": "<=", ">": "<"}


def contradictions(configuration: Configuration, rulebook: Rulebook) -> Iterator[Mistake]:
    """Yield what fights each other in the guards of the project and of each rule."""
    yield from _blackout(configuration)
    yield from _silos(configuration)
    yield from _vips(configuration, rulebook)
    yield from _holds(configuration)
    windows: dict[str, _Window] = {}
    for rule_file in configuration.rule_files:
        for config in rule_file.rules:
            rule = rulebook.rule(config.id)
            if rule is not None:
                yield from _rule(rule_file, config, rule, windows)


def _mistake(place: Place, message: str, remedy: str, level: Level = Level.WARNING) -> Mistake:
    return Mistake(message, remedy, place.file, place.line, level)


# --- the project ---------------------------------------------------------------------------------


def _blackout(configuration: Configuration) -> Iterator[Mistake]:
    blackout = configuration.blackout
    if blackout is None:
        return
    if all(
        any(window.contains(minute) for window in blackout.windows)
        for minute in range(_MINUTES_PER_WEEK)
    ):
        message = "the blackout never ends: its windows cover the whole week"
        place = blackout.place("windows")
        yield _mistake(place, message, "leave some time for actions to run", Level.ERROR)


def _silos(configuration: Configuration) -> Iterator[Mistake]:
    for name, silo in configuration.silos.items():
        if silo.limits is not None and not silo.write:
            message = f"the limits of the silo {name!r} have no effect: it is not written to"
            place = configuration.place("silos", name, "limits")
            yield _mistake(place, message, "write 'write: true', or leave them out")


def _vips(configuration: Configuration, rulebook: Rulebook) -> Iterator[Mistake]:
    if not configuration.guards.vip_memory and configuration.vip:
        message = "VIPs are not remembered: a scan that blanks what makes one unmakes the VIP"
        place = configuration.guards.place("vip_memory")
        yield _mistake(place, message, "write for instance 'vip_memory: 30d'")
    for config, vip in zip(configuration.vip, rulebook.vips, strict=True):
        if vip.expires == _NO_TIME:
            yield _no_time(config.place("expires"), f"the VIP rule {vip.name!r}")


def _holds(configuration: Configuration) -> Iterator[Mistake]:
    hold = configuration.guards.reject_hold
    if hold < LEAST_ASKED_AGAIN:
        message = (
            f"a rejection holds for {format_time_span(hold)} only, then the same is asked again; "
            f"what nobody answered is remembered for {format_time_span(LEAST_ASKED_AGAIN)} still"
        )
        place = configuration.guards.place("reject_hold")
        yield _mistake(place, message, "write for instance 'reject_hold: 30d'")


def _no_time(place: Place, whose: str) -> Mistake:
    message = f"{whose} gives people no time to answer: expires is 0s"
    return _mistake(place, message, "write for instance 'expires: 24h'", Level.ERROR)


# --- one rule ------------------------------------------------------------------------------------


class _Window(NamedTuple):
    """The span with which a rule uses a quota."""

    span: timedelta
    rule: str


def _rule(
    rule_file: RuleFile, config: RuleConfig, rule: Rule, windows: dict[str, _Window]
) -> Iterator[Mistake]:
    yield from _expiry(rule_file, config, rule)
    yield from _deletes(rule_file, config, rule)
    if config.threshold.members is not None and rule.kind is not RuleKind.MEMBERSHIP:
        message = f"members: has no effect: {rule.id!r} changes no memberships"
        place = config.place("threshold", "members")
        yield _mistake(place, message, "leave it out, or write 'kind: membership'")
    if rule.counting is not None:
        yield from _rate(rule_file, config, rule, rule.counting.node)
        yield from _shared(config, rule, rule.counting.node, windows)


def _expiry(rule_file: RuleFile, config: RuleConfig, rule: Rule) -> Iterator[Mistake]:
    expires, throttle = rule.threshold.expires, rule.throttle
    place = rule_file.threshold_place(config, "expires")
    if expires == _NO_TIME:
        yield _no_time(place, f"the rule {rule.id!r}")
        return
    if not isinstance(expires, timedelta) or not isinstance(throttle, timedelta):
        return
    if rule.threshold.on_expiry == "approve" and throttle > expires:
        message = (
            f"{rule.id!r} may start every {format_time_span(throttle)} at most, but what nobody "
            f"answers is approved after {format_time_span(expires)}"
        )
        remedy = "lengthen expires, shorten the throttle, or write 'on_expiry: clear'"
        yield _mistake(rule_file.threshold_place(config, "on_expiry"), message, remedy)


def _deletes(rule_file: RuleFile, config: RuleConfig, rule: Rule) -> Iterator[Mistake]:
    is_delete = rule.do is not None and rule.do.operation is Operation.DELETE
    approves = rule.threshold.on_expiry == "approve"
    if is_delete and approves and not rule.threshold.approve_deletes:
        message = f"{rule.id!r} deletes, and no delete is approved by running out of time"
        remedy = "write 'on_expiry: clear', or 'approve_deletes: true' beside it"
        yield _mistake(rule_file.threshold_place(config, "on_expiry"), message, remedy)
    if config.threshold.approve_deletes and not (is_delete and approves):
        why = "nothing is approved by running out of time" if is_delete else "it deletes nothing"
        message = f"approve_deletes: has no effect on {rule.id!r}: {why}"
        remedy = "write 'on_expiry: approve', or leave it out" if is_delete else "leave it out"
        yield _mistake(config.place("threshold", "approve_deletes"), message, remedy)


# --- Count and Quota -----------------------------------------------------------------------------


def _rate(rule_file: RuleFile, config: RuleConfig, rule: Rule, counting: Node) -> Iterator[Mistake]:
    bound = most_let_through(counting)
    if bound is None:
        return
    if bound < 1:
        message = f"the rate limit of {rule.id!r} lets nothing through, ever"
        yield _mistake(config.place("when"), message, "write for instance '<= 100'")
        return
    limit: Limit = rule.threshold.limit
    if limit.number is not None and limit.number < bound:
        message = (
            f"the rate limit of {rule.id!r} lets {bound} through, its threshold {limit.number}: a "
            "run that uses up the one always trips the other"
        )
        remedy = f"raise the threshold to {bound}, or lower the rate limit"
        yield _mistake(rule_file.threshold_place(config, "limit"), message, remedy)


def _shared(
    config: RuleConfig, rule: Rule, counting: Node, windows: dict[str, _Window]
) -> Iterator[Mistake]:
    """Compare the span of a quota with that of the rules before, which share it by its name."""
    call = _call(counting)
    if call is None or call.function.name.casefold() != "quota":
        return
    _, context, text = (constant_value(each) for each in call.arguments)
    if not isinstance(context, str) or not isinstance(text, str):
        return
    span = parse_time_span(text)
    first = windows.setdefault(context, _Window(span, rule.id))
    if first.span != span:
        message = (
            f"the quota {context!r} lasts {format_time_span(span)} here and "
            f"{format_time_span(first.span)} in {first.rule!r}; the first call of a run decides"
        )
        yield _mistake(config.place("when"), message, "write the same span, or another name")


def most_let_through(counting: Node) -> int | None:
    """Return how many a rate limit lets through in its window; ``None`` when that is not plain."""
    if not isinstance(counting, Comparison):
        return None
    operator, bound = counting.operator, constant_value(counting.right)
    if isinstance(counting.right, Call):
        operator, bound = _TURNED.get(operator, ""), constant_value(counting.left)
    if not isinstance(bound, int) or operator not in ("<=", "<"):
        return None
    return bound if operator == "<=" else bound - 1


def _call(counting: Node) -> Call | None:
    sides = (counting.left, counting.right) if isinstance(counting, Comparison) else ()
    return next((side for side in sides if isinstance(side, Call)), None)
