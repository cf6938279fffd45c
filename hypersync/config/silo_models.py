"""The models of silos and joins: what is read and written, and what belongs together. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from hypersync.config.located import Located
from hypersync.config.source import Section
from hypersync.config.values import (
    Expression,
    Filled,
    Flag,
    LimitValue,
    Name,
    PositiveNumber,
    PositiveSpan,
    Span,
    Text,
    WholeNumber,
)
from hypersync.model.limit import parse_limit

_RESERVED = {"and", "or", "not", "in", "is", "if", "else", "env", "None", "True", "False"}


def _check_slot(name: str) -> str:
    if not name.isidentifier() or not name.isascii() or name in _RESERVED:
        raise ValueError(f"{name!r} cannot name a slot; write letters, digits and '_'")
    return name


SlotName = Annotated[str, AfterValidator(_check_slot)]


class EnabledConfig(Located):
    """How enabled and disabled are stored: an attribute and its two values."""

    attribute: Filled
    """The attribute that says it."""
    when_on: Text
    """Its value when the object is enabled."""
    when_off: Text
    """Its value when the object is disabled."""


def _leave_open(schema: dict[str, Any]) -> None:
    """Let the JSON Schema take the keys that only the connector knows."""
    schema["properties"].pop("options")
    schema["additionalProperties"] = True


class TypeConfig(Located):
    """One object type of a silo: what every connector has; the rest is the connector's own."""

    model_config = ConfigDict(json_schema_extra=_leave_open)
    anchor: Filled | None = None
    """The attribute that never changes; connectors that know it by themselves do without."""
    members: Filled | None = None
    """The attribute that holds the members of a group."""
    attributes: tuple[Filled, ...] = ()
    """Attributes to read besides those that joins and rules name."""
    enabled: EnabledConfig | None = None
    """How `.enabled`, `enable` and `disable` are stored."""
    options: dict[str, Any] = Field(default_factory=dict, exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _set_options_apart(cls, value: object) -> object:
        return _apart(cls, value)


class SourceGuardConfig(Located):
    """What a scan may claim to be missing or re-keyed before people are asked."""

    drop: LimitValue = parse_limit("5%")
    """The most live objects that may be missing, against the last scan and the week."""
    min_population: WholeNumber = 20
    """Below this many objects `drop` does not apply; an empty scan is always held."""
    rekeyed: LimitValue = parse_limit("1%")
    """The most objects whose join value may change."""
    canaries: tuple[Filled, ...] = ()
    """Anchors of objects that every complete scan must see."""
    grace: WholeNumber | None = None
    """How many more complete scans, each `settle` later at least, must miss an object before its \
absence is believed; `1` for a silo of several servers, else `0`."""


class SiloLimitsConfig(Located):
    """The most objects per operation, over all rules together and the last ``per``."""

    create: LimitValue | None = None
    """Objects created."""
    update: LimitValue | None = None
    """Objects updated."""
    move: LimitValue | None = None
    """Objects moved."""
    rename: LimitValue | None = None
    """Objects renamed."""
    enable: LimitValue | None = None
    """Objects enabled."""
    disable: LimitValue | None = None
    """Objects disabled."""
    delete: LimitValue | None = None
    """Objects deleted."""
    add_member: LimitValue | None = None
    """Groups that get members."""
    remove_member: LimitValue | None = None
    """Groups that lose members."""
    per: PositiveSpan = timedelta(days=1)
    """The span that is looked at."""


class InitialPasswordConfig(Located):
    """Who takes the initial passwords of new accounts, before these are made."""

    command: Annotated[tuple[Filled, ...], Field(min_length=1)]
    """The program and its arguments; the password is its standard input."""
    timeout: PositiveSpan = timedelta(seconds=30)
    """The longest it may take."""
    environment: tuple[Filled, ...] = ()
    """The variables it gets besides `PATH`, `HOME`, `LANG`, `LC_*` and `TZ`, by name."""


class CircuitConfig(Located):
    """When a silo that is not reached is paused by the engine, and for how long."""

    failures: PositiveNumber = 5
    """How many failures in a row; a refused sign-in is enough at once."""
    pause: PositiveSpan = timedelta(minutes=15)
    """How long the first pause lasts; each that follows is twice as long."""
    longest: PositiveSpan = timedelta(hours=4)
    """The longest pause."""


class SiloConfig(Located):
    """One connected system; ``options`` is what its connector alone understands.

    ``connector_options()`` is what the connector's options model takes.
    """

    model_config = ConfigDict(json_schema_extra=_leave_open)
    connector: Filled
    """What reads and writes it."""
    write: Flag = False
    """Whether anything may be written to it."""
    types: dict[Name, TypeConfig] = Field(default_factory=dict)
    """Its object types, by name."""
    source_guard: SourceGuardConfig = Field(default_factory=SourceGuardConfig)
    """What a scan of it may claim."""
    limits: SiloLimitsConfig | None = None
    """The most objects per operation, over all rules together."""
    settle: Span | None = None
    """How long after a write the silo may still answer with the old state; `15m` for a silo of \
several servers, else `0s`."""
    timeout: PositiveSpan = timedelta(seconds=60)
    """The longest wait for one answer."""
    writes_per_second: PositiveNumber | None = None
    """The most writes per second."""
    parallel: PositiveNumber = 1
    """How many writes may be under way at once."""
    circuit: CircuitConfig = Field(default_factory=CircuitConfig)
    """When it is paused by the engine because it is not reached."""
    initial_password: InitialPasswordConfig | None = None
    """Who takes the passwords that `initial_password()` makes."""
    options: dict[str, Any] = Field(default_factory=dict, exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _set_options_apart(cls, value: object) -> object:
        return _apart(cls, value)

    def connector_options(self) -> dict[str, Any]:
        """Return what the connector's options model validates.

        That is every key of the silo that is not common to all, and ``types`` as it stands in the
        file (texts, mappings and lists), with anchor, attributes and enabled of each.
        """
        given = self.given()
        types = given["types"] if "types" in given else self._types_from_code()
        return {**self.options, "types": types}

    def _types_from_code(self) -> dict[str, Any]:
        return {
            name: {**kind.model_dump(exclude_none=True), **kind.options}
            for name, kind in self.types.items()
        }


class JoinConfig(Located):
    """Which objects of a type are one identity's, and under which slot rules see them."""

    slot: SlotName
    """The name under which rules see the object."""
    silo: str
    """The silo."""
    type: str
    """The object type."""
    value: Expression | None = None
    """What objects of one identity have in common, over the object's attributes (bare names)."""
    where: Expression | None = None
    """Which objects the join is for, over the object's attributes."""
    never_join: tuple[Text, ...] = ()
    """Values that join nothing."""
    exact: Flag = False
    """Compare with case, instead of without."""
    join: Literal["none"] | None = None
    """`none`: each object is an identity of its own."""

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        if (self.value is None) == (self.join is None):
            raise ValueError(
                "a join needs either a value or 'join: none'; "
                'write for instance value: "lower(employeeId)"'
            )
        return self


def _apart(model: type[Located], value: object) -> object:
    """Move the keys that ``model`` does not know into ``options``."""
    if not isinstance(value, Section):
        return value
    common, options = Section(value.place), Section(value.place)
    for key, entry in value.items():
        is_common = key in model.model_fields and key != "options"
        part = common if is_common else options
        part[key] = entry
        part.lines[key] = value.lines[key]
        if key in value.originals:
            part.originals[key] = value.originals[key]
    common["options"] = options
    return common
