"""The models of ``config/hypersync.yaml``. Pure.

``ProjectFile`` is that file; ``Configuration`` is it together with the environment and the rule
files, as every other part of the program takes it. What is not set is None or the default that is
written here; nothing else in the program has defaults for these.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from hypersync.config.located import Located
from hypersync.config.people_models import Language, PersonConfig, PlanConfig, Role
from hypersync.config.rule_models import RuleFile
from hypersync.config.sign_in_models import LinksConfig, Network, SignInConfig
from hypersync.config.silo_models import EnabledConfig, JoinConfig, SiloConfig, TypeConfig
from hypersync.config.values import (
    CronLine,
    Expression,
    Filled,
    Flag,
    Line,
    Name,
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
from hypersync.model.signing import is_public_key
from hypersync.model.unlock import Lock

__all__ = [
    "BlackoutConfig",
    "Configuration",
    "DeltaConfig",
    "EnabledConfig",
    "GuardsConfig",
    "JoinConfig",
    "MailConfig",
    "PersonConfig",
    "PlanConfig",
    "PlanFilesConfig",
    "ProjectFile",
    "RoleConfig",
    "RuleFile",
    "ScheduleConfig",
    "SiloConfig",
    "TypeConfig",
    "UnlockConfig",
    "VipConfig",
    "WebhooksConfig",
]
_LEAST_KEY = 16


def _check_public_url(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", url):
        raise ValueError(f"{url!r} is no address; write for instance https://iam.example.org")
    return url.rstrip("/")


def _check_key(key: Secret) -> Secret:
    if len(key) < _LEAST_KEY:
        raise ValueError(f"a secret key is too short; give at least {_LEAST_KEY} characters")
    return key


def _check_database(url: Secret) -> Secret:
    if not re.match(r"(sqlite|postgresql)(\+\w+)?://", url.reveal()):
        raise ValueError(
            "this is no database; write for instance sqlite:///var/hypersync.db "
            "or postgresql+psycopg://user@host/name"
        )
    return url


def _check_public_key(text: str) -> str:
    if not is_public_key(text):
        raise ValueError(
            f"{text!r} is no public key; write the line that `hypersync unlock keygen` printed, "
            "ed25519: and 43 characters"
        )
    return text


DatabaseUrl = Annotated[SecretText, AfterValidator(_check_database)]
SecretKey = Annotated[SecretText, AfterValidator(_check_key)]
PublicKey = Annotated[str, AfterValidator(_check_public_key)]


class MailConfig(Located):
    """The SMTP server; ``rows`` is the most rows of one mail, 0 for all."""

    host: Line = "localhost"
    """The SMTP server."""
    port: PositiveNumber = 25
    """Its port."""
    sender: Line = "HyperSync <hypersync@localhost>"
    """The From: of every mail."""
    rows: WholeNumber = 100
    """The most actions that one mail lists, the rest are behind its report link; 0 lists all."""
    security: Literal["none", "starttls", "tls"] = "none"
    """How the connection is protected."""
    user: str | None = None
    """The name to sign in with, when the server wants one."""
    password: SecretText | None = None
    """The password to sign in with."""
    timeout: PositiveSpan = timedelta(seconds=30)
    """The longest wait for an answer of the server."""


class VipConfig(Located):
    """Who is asked about one by one; ``attributes`` limits the rule for updates."""

    name: Name
    """How rules, reasons and requests call it."""
    when: Expression
    """True, unknown or in error makes an identity a VIP."""
    expires: SpanOrExpression = timedelta(hours=72)
    """How long people have for an answer."""
    on_expiry: Literal["clear", "approve"] = "clear"
    """What happens to an action that nobody decided."""
    plan: str | None = None
    """Who is asked; everybody with the role approver when not said."""
    attributes: tuple[Filled, ...] = ()
    """Updates count only when they change one of these; everything else always counts."""
    is_global: Flag = Field(default=True, alias="global")
    """Whether it holds for every rule, or only for rules that list it under `vip`."""


class DeltaConfig(Located):
    """How far a delta lets objects that change meanwhile join it."""

    max_duration: PositiveSpan = timedelta(seconds=60)
    """After this time nothing more joins the delta."""
    max_identities: PositiveNumber = 100_000
    """With so many identities nothing more joins the delta."""


class CauseConfig(Located):
    """What may be said of the common cause of what was stopped."""

    never: tuple[Filled, ...] = ()
    """Attributes of which nothing is said, besides names of people and secrets."""


class GuardsConfig(Located):
    """What holds for every rule."""

    simulate: Flag = False
    """Plan and report only: nothing is asked, released or executed."""
    release: Literal["any", "own"] = "any"
    """Whether a sync of one object releases every approved action, or only its own identity's."""
    approval_valid: PositiveSpan = timedelta(days=7)
    """How long an approval may wait for a committing sync."""
    reject_hold: PositiveSpan = timedelta(days=30)
    """How long a rejected action is not proposed again."""
    vip_memory: Span = timedelta(days=30)
    """How long somebody stays a VIP after the VIP rules stopped saying so."""
    delta: DeltaConfig = Field(default_factory=DeltaConfig)
    """How a delta takes in what changes meanwhile."""
    cause: CauseConfig = Field(default_factory=CauseConfig)
    """What may be said of common causes."""


class BlackoutConfig(Located):
    """When nothing is released or executed, on the clocks of ``timezone``."""

    timezone: Zone = "UTC"
    """On whose clocks the windows are."""
    windows: tuple[Window, ...]
    """Parts of the week, such as `fri 18:00 - mon 06:00`."""

    def contains(self, moment: datetime) -> bool:
        """Whether ``moment`` (aware) falls into a window, by the wall clocks of the time zone."""
        local = moment.astimezone(ZoneInfo(self.timezone))
        minute = (local.weekday() * 24 + local.hour) * 60 + local.minute
        return any(window.contains(minute) for window in self.windows)


class ScheduleConfig(Located):
    """What the daemon runs by itself.

    A scan gives ``full``, ``delta`` or both, each cron or ``every SPAN``. A sync gives ``at``
    (cron) or ``every`` (a time span) and commits, unless ``preview``.
    """

    scan: str | None = None
    """The silo to scan."""
    full: Timing | None = None
    """When a full scan runs: cron, or `every` and a time span."""
    delta: Timing | None = None
    """When a delta scan runs: cron, or `every` and a time span."""
    sync: Literal["full", "delta"] | None = None
    """The kind of sync to run."""
    at: CronLine | None = None
    """When the sync runs, as cron: minute, hour, day of month, month, day of week."""
    every: PositiveSpan | None = None
    """The time between two starts of the sync."""
    preview: Flag = False
    """A rehearsal: the sync does not commit."""
    timezone: Zone = "UTC"
    """On whose clocks cron lines are."""

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
    """The groups whose members have the role, as SILO/TYPE/ANCHOR."""

    def named(self) -> list[tuple[str, str, str]]:
        """Return silo, type and anchor of each group."""
        parts = [group.split("/", 2) for group in self.groups]
        return [(part[0], part[1], part[2]) for part in parts if len(part) == 3]


class WebhooksConfig(Located):
    """The hosts that webhooks may go to; ``private`` ones may have private addresses."""

    allow: tuple[Filled, ...] = ()
    """The hosts that webhooks may go to."""
    private: tuple[Filled, ...] = ()
    """Those that may have a private address."""


class UnlockConfig(Located):
    """Who may let limits above the ceiling stand: the holder of this key pair's private half."""

    public_key: PublicKey
    """The public half, as `hypersync unlock keygen` prints it."""


class PlanFilesConfig(Located):
    """Who signs plan files, and whether `apply` takes unsigned ones."""

    public_keys: tuple[PublicKey, ...] = ()
    """Whose signatures are trusted, as `hypersync unlock keygen` prints them."""
    require_signature: Flag = False
    """Whether `hypersync apply` refuses what none of them signed."""

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if self.require_signature and not self.public_keys:
            raise ValueError("nobody can sign; write public_keys: [...] beside require_signature")
        return self


class ProjectFile(Located):
    """The file ``config/hypersync.yaml``.

    That keys, silos and joins are there is checked with the references, so that without one of
    them everything else is still checked.
    """

    model_config = ConfigDict(json_schema_extra={"required": ["secret_keys", "silos", "joins"]})
    public_url: Annotated[str, AfterValidator(_check_public_url)] = "http://127.0.0.1:8080"
    """Where people reach the web pages; links are built from it, never from a request."""
    database: DatabaseUrl = Secret("sqlite:///var/hypersync.db")
    """Where all is stored: an SQLite file, from the parent of `config/`, or `postgresql://...`."""
    audit_head: Filled | None = None
    """The file that remembers where the audit trail ended; else beside SQLite's, or in `var/`."""
    secret_keys: tuple[SecretKey, ...] = ()
    """What links and codes are signed with: newest first, older ones still verify."""
    mail: MailConfig = Field(default_factory=MailConfig)
    """How mail is sent."""
    language: Language = "en"
    """The language of mails to whoever has none of their own: `en` or `de`."""
    silos: dict[Name, SiloConfig] = Field(default_factory=dict)
    """The connected systems, by name."""
    joins: tuple[JoinConfig, ...] = ()
    """Which objects are one identity's; a slot is declared here before rules use it."""
    tables: dict[Name, dict[str, Text]] = Field(default_factory=dict)
    """Look-up tables for the function `table`, by name."""
    vip: tuple[VipConfig, ...] = ()
    """Who is asked about one by one."""
    guards: GuardsConfig = Field(default_factory=GuardsConfig)
    """What holds for every rule."""
    blackout: BlackoutConfig | None = None
    """When nothing is released or executed."""
    installation: Name = "hypersync"
    """The name of this installation, which unlock keys and links carry."""
    schedules: tuple[ScheduleConfig, ...] = ()
    """What the daemon runs by itself."""
    people: dict[Name, PersonConfig] = Field(default_factory=dict)
    """Who is told and asked, by name."""
    published_by: Name | None = None
    """Who brings changes of rules, besides whose command loads them first."""
    plans: dict[Name, PlanConfig] = Field(default_factory=dict)
    """Who is asked in which order, by name."""
    roles: dict[Role, RoleConfig] = Field(default_factory=dict)
    """The groups that grant a role, by role."""
    webhooks: WebhooksConfig = Field(default_factory=WebhooksConfig)
    """Where webhooks may go."""
    plan_files: PlanFilesConfig = Field(default_factory=PlanFilesConfig)
    """Who signs plan files."""
    unlock: UnlockConfig | None = None
    """Who may let limits above the ceiling stand; nobody when not said."""
    sign_in: SignInConfig | None = None
    """How people sign in; without it the pages are for this machine only."""
    links: LinksConfig = Field(default_factory=LinksConfig)
    """What the links of mails take."""
    proxies: tuple[Network, ...] = ()
    """Addresses or networks of the proxies whose `X-Forwarded-*` headers are believed."""


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
        file = self.database_file
        url = self.database.reveal()
        return url if file is None else f"{url.partition(':///')[0]}:///{file}"

    @property
    def database_file(self) -> Path | None:
        """The file of an SQLite database, None for one in memory or on a server."""
        prefix, _, path = self.database.reveal().partition(":///")
        is_file = prefix.startswith("sqlite") and path and not path.startswith((":", "file:"))
        return self.root / path if is_file else None

    @property
    def audit_file(self) -> Path | None:
        """The file that remembers where the audit trail ended; None for a database in memory."""
        if self.audit_head is not None:
            return self.root / self.audit_head
        name = f"audit-head.{self.environment_name}.json"
        if self.database_file is not None:
            return self.database_file.with_name(f"{self.database_file.name}.{name}")
        is_in_memory = self.database.reveal().startswith("sqlite")
        return None if is_in_memory else self.root / "var" / name

    @property
    def lock(self) -> Lock:
        """What unlock keys must fit."""
        return Lock(
            installation=self.installation,
            silos=frozenset(self.silos),
            public_key=None if self.unlock is None else self.unlock.public_key,
        )

    def path(self, relative: str) -> Path:
        """Return a path of the configuration; a relative one starts at ``root``."""
        return self.root / relative
