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
    Name,
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


def _under(key: str, accepted: Any) -> BeforeValidator:  # noqa: ANN401 - a type or a union of types
    """Read a plain text as the one key that it usually means."""
    return BeforeValidator(
        lambda value: {key: value} if isinstance(value, str) else value,
        json_schema_input_type=accepted,
    )


class LookbackConfig(Located):
    """How far delta and object syncs look back, and what they count."""

    span: PositiveSpan = DEFAULT_LOOKBACK
    """How far back."""
    suspended: Flag = False
    """Count those suspended for volume too."""
    full: Flag = False
    """Let full syncs look back as well."""


class MembersConfig(Located):
    """The most members removed per group that has at least ``min_size``."""

    limit: LimitValue = DEFAULT_MEMBERS
    """The most members removed, of the group's."""
    min_size: WholeNumber = DEFAULT_MIN_SIZE
    """Smaller groups are not measured."""


class ThresholdConfig(Located):
    """How many are too many, and what happens then.

    None means that this level does not say it; ``RuleFile.threshold_of`` does.
    """

    limit: LimitValue | None = None
    """The number allowed in one run: a number or a percentage of the target type."""
    expires: SpanOrExpression | None = None
    """How long people have for an answer."""
    on_expiry: Literal["clear", "approve"] | None = None
    """What happens to an action that nobody decided."""
    plan: str | None = None
    """Who is asked; everybody with the role approver when not said."""
    template: str | None = None
    """The mail template."""
    lookback: Annotated[LookbackConfig, _under("span", PositiveSpan | LookbackConfig)] | None = None
    """How far delta and object syncs look back."""
    clears: LimitValue | None = None
    """The most changes to empty."""
    members: Annotated[MembersConfig, _under("limit", LimitValue | MembersConfig)] | None = None
    """The most members removed per group."""
    attribute: dict[Filled, LimitValue] | None = None
    """The most objects whose attribute changes, by attribute."""
    approve_deletes: Flag | None = None
    """Whether deletes may be approved by running out of time."""


Threshold = Annotated[ThresholdConfig, _under("limit", LimitValue | ThresholdConfig)]
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
    """The throttle of rules that give none."""
    threshold: Threshold = Field(default_factory=ThresholdConfig)
    """The threshold of rules that give none, key by key."""


class PlaceConfig(Located):
    """Where a new object is put: expressions for its parent and its own name."""

    parent: Expression
    """Expression for the container."""
    rdn: Expression
    """Expression for the object's own name in it."""


class ValueConfig(Located):
    """What an attribute is set to: an expression, or a text as it stands. One of them is set."""

    expression: Expression | None = None
    """An expression."""
    text: Text | None = None
    """A text as it stands."""

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
    """Enable the object."""
    disable: Flag = False
    """Disable the object."""
    delete: Flag = False
    """Delete the object."""
    move: Expression | None = None
    """Move it: expression for the new container."""
    rename: Expression | None = None
    """Rename it: expression for the new name."""
    webhook: Filled | None = None
    """Call this address (event rules)."""

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
    """The slot of the groups."""
    where: Expression
    """Which groups, over the group's attributes (bare names)."""


def _as_do(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value not in ("enable", "disable", "delete"):
        raise ValueError(
            f"{value!r} is not something a rule does; write enable, disable, delete, "
            "{move: ...}, {rename: ...} or {webhook: ...}"
        )
    return {value: "true"}


Value = Annotated[ValueConfig, _under("expression", Expression | ValueConfig)]
Do = Annotated[
    DoConfig,
    BeforeValidator(
        _as_do, json_schema_input_type=Literal["enable", "disable", "delete"] | DoConfig
    ),
]


class RuleConfig(Located):
    """One rule."""

    id: Name
    """Its name, once in the whole project."""
    kind: Kind
    """What it does."""
    enabled: Flag = True
    """A rule that is not enabled is read and checked, and does nothing."""
    simulate: Flag = False
    """Plan and report only."""
    target: str | None = None
    """The slot that is written."""
    scopes: tuple[str, ...] = ()
    """Named conditions that must hold besides `when`."""
    when: Expression | None = None
    """The condition; `Count` and `Quota` come last."""
    place_at: PlaceConfig | None = Field(default=None, alias="place")
    """Where a new object is put."""
    required: tuple[Filled, ...] = ()
    """Attributes without which nothing is provisioned."""
    once: dict[Filled, Value] = Field(default_factory=dict)
    """Attributes that are computed at the first proposal and kept."""
    set: dict[Filled, Value] = Field(default_factory=dict)
    """Attributes and what they are set to."""
    clear_if_missing: tuple[Filled, ...] = ()
    """Attributes that are emptied when their value is missing."""
    do: Do | None = None
    """What else is done."""
    group: GroupConfig | None = None
    """The groups of a membership rule."""
    member: str | None = None
    """The slot of the members."""
    mode: Literal["additive", "authoritative"] = "additive"
    """Whether members that do not belong are removed."""
    precedence: SignedNumber | None = None
    """Which of several rules that write one attribute wins: the higher number."""
    throttle: SpanOrExpression | None = None
    """The least time between two executions for one identity: a time span or an expression."""
    threshold: Threshold = Field(default_factory=ThresholdConfig)
    """How many are too many, and what happens then."""
    vip: tuple[str, ...] = ()
    """VIP rules that hold here besides the global ones."""
    wake: Expression | None = None
    """When to look at the identity again."""
    on_failure: str | None = None
    """The failure policy."""
    owner: str | None = None
    """Who stands for scheduled runs of it."""
    repeatable: Flag = False
    """Whether an event of unknown outcome may be repeated."""


class RuleFile(Located):
    """One file of rules."""

    ruleset: Name
    """The name of this set of rules."""
    simulate: Flag = False
    """Plan and report only, for all of them."""
    defaults: DefaultsConfig = Field(default_factory=DefaultsConfig)
    """What holds for rules that do not say otherwise."""
    scopes: dict[Filled, Expression] = Field(default_factory=dict)
    """Named conditions."""
    rules: tuple[RuleConfig, ...] = ()
    """The rules, in order."""

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
