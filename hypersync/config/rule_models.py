"""The models of ``rules/*.yaml``. Pure.

Expressions stay text here; the rulebook compiles them and asks ``place()`` for file and line.
What a rule does not say comes from the file's ``defaults`` and then from the constants below:
``RuleFile.throttle_of``, ``threshold_of`` and ``is_simulated`` give what is in force.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from hypersync.config.located import Located
from hypersync.config.source import Place
from hypersync.config.values import (
    Expression,
    Filled,
    Flag,
    LimitValue,
    PositiveSpan,
    SignedNumber,
    SpanOrExpression,
    Text,
    WholeNumber,
)
from hypersync.model.limit import Limit, parse_limit

DEFAULT_LIMIT = parse_limit("5%")
DEFAULT_EVENT_LIMIT = parse_limit("100")
DEFAULT_EXPIRES = timedelta(hours=24)
DEFAULT_LOOKBACK = timedelta(hours=1)
DEFAULT_CLEARS = parse_limit("1%")
LEAST_CLEARS = 5
DEFAULT_MEMBERS = parse_limit("20%")
DEFAULT_MIN_SIZE = 10

Kind = Literal["provision", "update", "deprovision", "membership", "event"]


def _under(key: str) -> BeforeValidator:
    """Read a plain text as the one key that it usually means."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


class LookbackConfig(Located):
    """How far delta and object syncs look back, and what they count."""

    span: PositiveSpan = DEFAULT_LOOKBACK
    suspended: Flag = False
    full: Flag = False


class MembersConfig(Located):
    """The most members removed per group that has at least ``min_size``."""

    limit: LimitValue = DEFAULT_MEMBERS
    min_size: WholeNumber = DEFAULT_MIN_SIZE


class ThresholdConfig(Located):
    """How many are too many, and what happens then; None is not set."""

    limit: LimitValue | None = None
    expires: SpanOrExpression | None = None
    on_expiry: Literal["clear", "approve"] | None = None
    plan: str | None = None
    template: str | None = None
    lookback: Annotated[LookbackConfig, _under("span")] | None = None
    clears: LimitValue | None = None
    members: Annotated[MembersConfig, _under("limit")] | None = None
    attribute: dict[Filled, LimitValue] | None = None
    approve_deletes: Flag | None = None


BUILT_IN_THRESHOLD = ThresholdConfig(
    limit=DEFAULT_LIMIT,
    expires=DEFAULT_EXPIRES,
    on_expiry="clear",
    lookback=LookbackConfig(),
    clears=DEFAULT_CLEARS,
    members=MembersConfig(),
    attribute={},
    approve_deletes=False,
)


class DefaultsConfig(Located):
    """What holds for the rules of a file that do not say otherwise."""

    throttle: SpanOrExpression | None = None
    threshold: Annotated[ThresholdConfig, _under("limit")] = Field(default_factory=ThresholdConfig)


class PlaceConfig(Located):
    """Where a new object is put: expressions for its parent and its own name."""

    parent: Expression
    rdn: Expression


class ValueConfig(Located):
    """What an attribute is set to: an expression, or a text as it stands. One of them is set."""

    expression: Expression | None = None
    text: Text | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.expression is None) == (self.text is None):
            raise ValueError("a value is an expression or {text: ...}; write one of them")
        return self


class DoConfig(Located):
    """What a rule does besides setting attributes; exactly one is set.

    ``move`` and ``rename`` are expressions, ``webhook`` is an address.
    """

    enable: Flag = False
    disable: Flag = False
    delete: Flag = False
    move: Expression | None = None
    rename: Expression | None = None
    webhook: Filled | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if len(self.model_fields_set) != 1 or not all(
            getattr(self, name) for name in self.model_fields_set
        ):
            raise ValueError(
                "a rule does one thing; write enable, disable, delete, {move: ...}, "
                "{rename: ...} or {webhook: ...}"
            )
        return self

    @property
    def operation(self) -> Literal["enable", "disable", "delete", "move", "rename", "webhook"]:
        """The name of the one thing that is done."""
        (name,) = self.model_fields_set
        return name  # type: ignore[return-value]

    @property
    def argument(self) -> str | None:
        """The expression or address, None where there is none."""
        value = getattr(self, self.operation)
        return value if isinstance(value, str) else None


class GroupConfig(Located):
    """The groups of a membership rule: a slot, and a condition over the group's attributes."""

    slot: str
    where: Expression


def _as_do(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value not in ("enable", "disable", "delete"):
        raise ValueError(
            f"{value!r} is not something a rule does; write enable, disable, delete, "
            "{move: ...}, {rename: ...} or {webhook: ...}"
        )
    return {value: "true"}


class RuleConfig(Located):
    """One rule as it is written."""

    id: Filled
    kind: Kind
    enabled: Flag = True
    simulate: Flag = False
    target: str | None = None
    scopes: tuple[str, ...] = ()
    when: Expression | None = None
    place_at: PlaceConfig | None = Field(default=None, alias="place")
    required: tuple[Filled, ...] = ()
    once: dict[Filled, Annotated[ValueConfig, _under("expression")]] = Field(default_factory=dict)
    set: dict[Filled, Annotated[ValueConfig, _under("expression")]] = Field(default_factory=dict)
    clear_if_missing: tuple[Filled, ...] = ()
    do: Annotated[DoConfig, BeforeValidator(_as_do)] | None = None
    group: GroupConfig | None = None
    member: str | None = None
    mode: Literal["additive", "authoritative"] = "additive"
    precedence: SignedNumber | None = None
    throttle: SpanOrExpression | None = None
    threshold: Annotated[ThresholdConfig, _under("limit")] = Field(default_factory=ThresholdConfig)
    vip: tuple[str, ...] = ()
    wake: Expression | None = None
    on_failure: str | None = None
    owner: str | None = None
    repeatable: Flag = False


class RuleFile(Located):
    """One file of rules."""

    ruleset: Filled
    simulate: Flag = False
    defaults: DefaultsConfig = Field(default_factory=DefaultsConfig)
    scopes: dict[Filled, Expression] = Field(default_factory=dict)
    rules: tuple[RuleConfig, ...] = ()

    def throttle_of(self, rule: RuleConfig) -> timedelta | str | None:
        """Return the throttle in force: a time span, an expression, or None for none."""
        return rule.throttle if rule.throttle is not None else self.defaults.throttle

    def throttle_place(self, rule: RuleConfig) -> Place:
        """Return where the throttle in force stands."""
        return (rule if rule.throttle is not None else self.defaults).place("throttle")

    def threshold_of(self, rule: RuleConfig) -> ThresholdConfig:
        """Return the threshold in force, field by field: the rule's, the file's, the built-in.

        Only ``plan`` and ``template`` may still be None. Event rules take numbers only, so a
        percentage from ``defaults`` does not apply to them.
        """
        values: dict[str, Any] = {}
        for name in ThresholdConfig.model_fields:
            values[name] = getattr(self._threshold_giving(rule, name), name)
        if rule.kind == "event" and self._threshold_giving(rule, "limit") is BUILT_IN_THRESHOLD:
            values["limit"] = DEFAULT_EVENT_LIMIT
        return ThresholdConfig.model_construct(**values)

    def threshold_place(self, rule: RuleConfig, name: str) -> Place:
        """Return where ``name`` of the threshold in force stands (the rule, when built in)."""
        giving = self._threshold_giving(rule, name)
        if giving is rule.threshold:
            return rule.place("threshold", name)
        return (
            self.defaults.place("threshold", name)
            if giving is self.defaults.threshold
            else rule.place()
        )

    def is_simulated(self, rule: RuleConfig) -> bool:
        """Whether the rule or its whole file only plans and reports."""
        return self.simulate or rule.simulate

    def _threshold_giving(self, rule: RuleConfig, name: str) -> ThresholdConfig:
        if getattr(rule.threshold, name) is not None:
            return rule.threshold
        default = getattr(self.defaults.threshold, name)
        is_event_percent = (
            rule.kind == "event" and isinstance(default, Limit) and default.is_percent
        )
        if default is not None and not (name == "limit" and is_event_percent):
            return self.defaults.threshold
        return BUILT_IN_THRESHOLD
