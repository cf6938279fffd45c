"""The models of ``config/hypersync.yaml``. Pure.

``ProjectFile`` is that file; ``Configuration`` is it together with the environment and the rule
files, as every other part of the program takes it. What is not set is None or the default that is
written here; nothing else in the program has defaults for these.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from hypersync.config.located import Located
from hypersync.config.people_models import PersonConfig, PlanConfig
from hypersync.config.rule_models import RuleFile
from hypersync.config.source import Section
from hypersync.config.values import (
    CronLine,
    Expression,
    Filled,
    Flag,
    LimitValue,
    PositiveNumber,
    PositiveSpan,
    Secret,
    SecretText,
    Span,
    SpanOrExpression,
    Text,
    Timing,
    WholeNumber,
    Window,
    Zone,
)
from hypersync.model.limit import parse_limit

_SILO_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_LEAST_KEY = 16


def _check_name(name: str) -> str:
    if not _SILO_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name; write letters, digits, '-' and '_'")
    return name


def _check_slot(name: str) -> str:
    if not name.isidentifier() or not name.isascii() or name in _RESERVED:
        raise ValueError(f"{name!r} cannot name a slot; write letters, digits and '_'")
    return name


def _check_public_url(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", url):
        raise ValueError(f"{url!r} is no address; write for instance https://iam.example.org")
    return url.rstrip("/")


def _check_key(key: Secret) -> Secret:
    if len(key) < _LEAST_KEY:
        raise ValueError(f"a secret key is too short; give at least {_LEAST_KEY} characters")
    return key


_RESERVED = {"and", "or", "not", "in", "is", "if", "else", "env", "None", "True", "False"}
Name = Annotated[str, AfterValidator(_check_name)]
SlotName = Annotated[str, AfterValidator(_check_slot)]
SecretKey = Annotated[SecretText, AfterValidator(_check_key)]


class MailConfig(Located):
    """The SMTP server; ``rows`` is the most rows of one mail, 0 for all."""

    host: Filled = "localhost"
    port: PositiveNumber = 25
    sender: Filled = "HyperSync <hypersync@localhost>"
    rows: WholeNumber = 100
    security: Literal["none", "starttls", "tls"] = "none"
    user: str | None = None
    password: SecretText | None = None
    timeout: PositiveSpan = timedelta(seconds=30)


class EnabledConfig(Located):
    """How enabled and disabled are stored: an attribute and its two values."""

    attribute: Filled
    when_on: Text
    when_off: Text


def _leave_open(schema: dict[str, Any]) -> None:
    """Let the JSON Schema take the keys that only the connector knows."""
    schema["properties"].pop("options")
    schema["additionalProperties"] = True


class TypeConfig(Located):
    """One object type of a silo: what every connector has; the rest is the connector's own."""

    model_config = ConfigDict(json_schema_extra=_leave_open)
    anchor: Filled | None = None
    members: Filled | None = None
    attributes: tuple[Filled, ...] = ()
    enabled: EnabledConfig | None = None
    options: dict[str, Any] = Field(default_factory=dict, exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _set_options_apart(cls, value: object) -> object:
        return _apart(cls, value)


class SourceGuardConfig(Located):
    """What a scan may claim to be missing or re-keyed before people are asked."""

    drop: LimitValue = parse_limit("5%")
    min_population: WholeNumber = 20
    rekeyed: LimitValue = parse_limit("1%")
    canaries: tuple[Filled, ...] = ()
    grace: WholeNumber = 0


class SiloLimitsConfig(Located):
    """The most objects per operation, over all rules together and the last ``per``."""

    create: LimitValue | None = None
    update: LimitValue | None = None
    move: LimitValue | None = None
    rename: LimitValue | None = None
    enable: LimitValue | None = None
    disable: LimitValue | None = None
    delete: LimitValue | None = None
    add_member: LimitValue | None = None
    remove_member: LimitValue | None = None
    per: PositiveSpan = timedelta(days=1)


class SiloConfig(Located):
    """One connected system; ``options`` is what its connector alone understands.

    ``connector_options()`` is what the connector's options model takes.
    """

    model_config = ConfigDict(json_schema_extra=_leave_open)
    connector: Filled
    write: Flag = False
    types: dict[Name, TypeConfig] = Field(default_factory=dict)
    source_guard: SourceGuardConfig = Field(default_factory=SourceGuardConfig)
    limits: SiloLimitsConfig | None = None
    settle: Span = timedelta(0)
    timeout: PositiveSpan = timedelta(seconds=60)
    writes_per_second: PositiveNumber | None = None
    parallel: PositiveNumber = 1
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
    silo: str
    type: str
    value: Expression | None = None
    where: Expression | None = None
    never_join: tuple[Text, ...] = ()
    exact: Flag = False
    join: Literal["none"] | None = None

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        if (self.value is None) == (self.join is None):
            raise ValueError(
                "a join needs either a value or 'join: none'; "
                'write for instance value: "lower(employeeId)"'
            )
        return self


class VipConfig(Located):
    """Who is asked about one by one; ``attributes`` limits the rule for updates."""

    name: Name
    when: Expression
    expires: SpanOrExpression = timedelta(hours=72)
    on_expiry: Literal["clear", "approve"] = "clear"
    plan: str | None = None
    attributes: tuple[Filled, ...] = ()
    is_global: Flag = Field(default=True, alias="global")


class DeltaConfig(Located):
    """How far a delta lets objects that change meanwhile join it."""

    max_duration: PositiveSpan = timedelta(seconds=60)
    max_identities: PositiveNumber = 100_000


class GuardsConfig(Located):
    """What holds for every rule."""

    simulate: Flag = False
    release: Literal["any", "own"] = "any"
    approval_valid: PositiveSpan = timedelta(days=7)
    reject_hold: PositiveSpan = timedelta(days=30)
    vip_memory: Span = timedelta(days=30)
    delta: DeltaConfig = Field(default_factory=DeltaConfig)


class BlackoutConfig(Located):
    """When nothing is released or executed, on the clocks of ``timezone``."""

    timezone: Zone = "UTC"
    windows: tuple[Window, ...]


class ScheduleConfig(Located):
    """What the daemon runs by itself.

    A scan gives ``full``, ``delta`` or both, each cron or ``every SPAN``. A sync gives ``at``
    (cron) or ``every`` (a time span) and commits, unless ``preview``.
    """

    scan: str | None = None
    full: Timing | None = None
    delta: Timing | None = None
    sync: Literal["full", "delta"] | None = None
    at: CronLine | None = None
    every: PositiveSpan | None = None
    preview: Flag = False
    timezone: Zone = "UTC"

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if (self.scan is None) == (self.sync is None):
            raise ValueError(
                "a schedule is for a scan or a sync; write one of 'scan: SILO', 'sync: full'"
            )
        if self.scan is not None:
            if self.full is None and self.delta is None:
                raise ValueError("this scan never runs; write full: or delta:, such as 'every 5m'")
            self._refuse("a scan", ("at", "every", "preview"), "full: or delta:")
        else:
            if (self.at is None) == (self.every is None):
                raise ValueError("a sync needs at: (cron) or every: (a time span); write one")
            self._refuse("a sync", ("full", "delta"), "at: or every:")
        return self

    def _refuse(self, what: str, keys: tuple[str, ...], instead: str) -> None:
        for key in keys:
            if key in self.model_fields_set:
                raise ValueError(f"{what} has no {key!r}; write {instead}")


class RoleConfig(Located):
    """The groups whose members have a role; they are VIPs of their own."""

    groups: tuple[Filled, ...] = ()


class WebhooksConfig(Located):
    """The hosts that webhooks may go to; ``private`` ones may have private addresses."""

    allow: tuple[Filled, ...] = ()
    private: tuple[Filled, ...] = ()


class ProjectFile(Located):
    """The file ``config/hypersync.yaml``.

    That keys, silos and joins are there is checked with the references, so that without one of
    them everything else is still checked.
    """

    model_config = ConfigDict(json_schema_extra={"required": ["secret_keys", "silos", "joins"]})
    public_url: Annotated[str, AfterValidator(_check_public_url)] = "http://127.0.0.1:8080"
    database: SecretText = Secret("sqlite:///var/hypersync.db")
    secret_keys: tuple[SecretKey, ...] = ()
    mail: MailConfig = Field(default_factory=MailConfig)
    silos: dict[Name, SiloConfig] = Field(default_factory=dict)
    joins: tuple[JoinConfig, ...] = ()
    tables: dict[Name, dict[str, Text]] = Field(default_factory=dict)
    vip: tuple[VipConfig, ...] = ()
    guards: GuardsConfig = Field(default_factory=GuardsConfig)
    blackout: BlackoutConfig | None = None
    installation: Name = "hypersync"
    schedules: tuple[ScheduleConfig, ...] = ()
    people: dict[Name, PersonConfig] = Field(default_factory=dict)
    plans: dict[Name, PlanConfig] = Field(default_factory=dict)
    roles: dict[Name, RoleConfig] = Field(default_factory=dict)
    webhooks: WebhooksConfig = Field(default_factory=WebhooksConfig)


class Configuration(ProjectFile):
    """Everything a project says: its file, its environment's values and its rules.

    ``root`` is the parent of ``config/``, where relative paths start; ``environment`` holds what
    expressions read as ``env.NAME``; ``rule_files`` are in order of their names.
    """

    root: Path
    file: Path
    environment_name: str
    environment: dict[str, str]
    rule_files: tuple[RuleFile, ...]

    @property
    def database_url(self) -> str:
        """The database's address, with its password; a relative SQLite path starts at ``root``."""
        url = self.database.reveal()
        prefix, separator, path = url.partition(":///")
        is_sqlite = prefix.split("+")[0] == "sqlite" and separator
        if not is_sqlite or path in ("", ":memory:") or path.startswith(("/", "file:")):
            return url
        return f"{prefix}:///{self.root / path}"

    def path(self, relative: str) -> Path:
        """Return a path of the configuration; a relative one starts at ``root``."""
        return self.root / relative


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
