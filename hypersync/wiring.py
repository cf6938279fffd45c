"""What an application is made of, each from the configuration and what was made before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from hypersync.approvals.authors import note_rules
from hypersync.approvals.directory import directory_of
from hypersync.approvals.links import Links, Signer
from hypersync.approvals.open import open_request
from hypersync.approvals.outbox import tell_outcome
from hypersync.approvals.proof import proofs_of
from hypersync.approvals.settings import Loaded, Settings
from hypersync.channels.email import EmailChannel
from hypersync.channels.vault import CommandVault
from hypersync.channels.webhook import Webhooks
from hypersync.config.models import BlackoutConfig, Configuration, SiloConfig
from hypersync.connectors.settings import TypeOptions
from hypersync.model.circuit import CircuitTerms
from hypersync.model.joins import normal_reference
from hypersync.model.objects import EnabledSpec, ObjectType, Operation
from hypersync.pipeline.drafts import Types
from hypersync.pipeline.engine import Engine, GuardSettings, SiloLimits
from hypersync.pipeline.join import Joins
from hypersync.pipeline.silos import Silos
from hypersync.ports.clock import Clock
from hypersync.ports.connector import Connector, lag
from hypersync.rulebook.explain import makes_password
from hypersync.rulebook.rules import Rulebook
from hypersync.rulebook.secrecy import hidden_in
from hypersync.store.unit import Store

_FILES = frozenset({"csv", "ldif"})
"""The connectors whose silos are files, and are called so when one is shorter than before."""


def mail_channel(configuration: Configuration) -> EmailChannel:
    """Return what sends mails."""
    mail = configuration.mail
    return EmailChannel(
        host=mail.host,
        port=mail.port,
        sender=mail.sender,
        security=mail.security,
        user=mail.user,
        password=None if mail.password is None else mail.password.reveal(),
        timeout=mail.timeout,
    )


def settings_of(configuration: Configuration, rulebook: Rulebook, loaded: Loaded) -> Settings:
    """Return what asking and answering need."""
    guards = configuration.guards
    return Settings(
        directory=directory_of(configuration),
        links=Links(configuration.public_url),
        signer=Signer(
            keys=[key.reveal().encode() for key in configuration.secret_keys],
            environment=f"{configuration.installation}/{configuration.environment_name}",
        ),
        owner=_owner(configuration.file),
        approval_valid=guards.approval_valid,
        reject_hold=guards.reject_hold,
        approve_deletes=frozenset(
            rule.id for rule in rulebook.rules if rule.threshold.approve_deletes
        ),
        approve_vips=frozenset(vip.name for vip in rulebook.vips if vip.on_expiry == "approve"),
        simulated=frozenset(rule.id for rule in rulebook.rules if guards.simulate or rule.simulate),
        is_blackout=_Blackout(configuration.blackout),
        rows=configuration.mail.rows,
        language=configuration.language,
        loaded=loaded,
        proofs=proofs_of(configuration),
        hidden=hidden_in(rulebook, _unsaid(configuration)),
    )


def _unsaid(configuration: Configuration) -> frozenset[str]:
    """Return the attributes of which nothing is to be said, in lower case."""
    return frozenset(name.casefold() for name in configuration.guards.cause.never)


def _owner(file: Path) -> str | None:
    """Return the system user who owns the configuration, where there are such users."""
    try:
        return file.owner()
    except (OSError, KeyError, NotImplementedError):
        return None


def needed_attributes(rulebook: Rulebook, silo: str) -> dict[str, Collection[str]]:
    """Return the attributes that joins and rules name, by type of a silo; never passwords."""
    secret = {
        (rule.target, name)
        for rule in rulebook.rules
        for name, made in rule.once.items()
        if makes_password(made)
    }
    kinds = {(rulebook.slot(slot).silo, rulebook.slot(slot).type, name) for slot, name in secret}
    return {
        kind: frozenset(name for name in names if (owner, kind, name) not in kinds)
        for (owner, kind), names in rulebook.attributes.items()
        if owner == silo
    }


def engine_of(
    configuration: Configuration,
    rulebook: Rulebook,
    store: Store,
    connectors: Mapping[str, Connector],
    settings: Settings,
    clock: Clock,
) -> Engine:
    """Return what a run needs."""
    types = {
        (kind.silo, kind.name): kind
        for connector in connectors.values()
        for stream in connector.streams()
        for kind in stream
    }
    return Engine(
        store=store,
        rulebook=rulebook,
        silos=_silos(configuration, rulebook, connectors, types),
        types=_types(configuration, types),
        guards=_guards(configuration),
        limits={
            name: limits
            for name, silo in configuration.silos.items()
            if (limits := _silo_limits(silo)) is not None
        },
        circuits={name: _circuit(silo) for name, silo in configuration.silos.items()},
        clock=clock.now,
        open_request=partial(open_request, settings=settings),
        tell_end=lambda unit, request, now: tell_outcome(unit, request, settings, now),
        note_rules=partial(note_rules, settings=settings),
        is_blackout=settings.is_blackout,
        lock=configuration.lock,
        files=frozenset(
            name for name, silo in configuration.silos.items() if silo.connector in _FILES
        ),
        vip_keys=[
            (slot.name, person.identity)
            for person in settings.directory.people.values()
            if person.identity is not None
            for slot in rulebook.slots
        ],
        role_groups={
            group: role for role, config in configuration.roles.items() for group in config.named()
        },
    )


def _silos(
    configuration: Configuration,
    rulebook: Rulebook,
    connectors: Mapping[str, Connector],
    types: Mapping[tuple[str, str], ObjectType],
) -> Silos:
    silos = configuration.silos
    return Silos(
        connectors=connectors,
        types=types,
        joins=Joins(rulebook.joins),
        slots=MappingProxyType({s.name: (s.silo, s.type) for s in rulebook.slots}),
        events=Webhooks(configuration.webhooks.allow, configuration.webhooks.private),
        settle={
            name: silo.settle if silo.settle is not None else lag(connectors[name])
            for name, silo in silos.items()
        },
        read_only=frozenset(name for name, silo in silos.items() if not silo.write),
        parallel={name: silo.parallel for name, silo in silos.items()},
        vaults={
            name: CommandVault(given.command, configuration.root, given.timeout, given.environment)
            for name, silo in silos.items()
            if (given := silo.initial_password) is not None
        },
    )


def _types(configuration: Configuration, types: Mapping[tuple[str, str], ObjectType]) -> Types:
    anchors = {
        (silo, kind): type_config.anchor
        for silo, silo_config in configuration.silos.items()
        for kind, type_config in silo_config.types.items()
    }
    given = frozenset(
        key
        for key, kind in types.items()
        if isinstance(kind.options, TypeOptions) and kind.options.gives_anchor
    )
    enabled: dict[tuple[str, str], EnabledSpec | None] = {
        key: kind.enabled for key, kind in types.items()
    }
    signs_in = {
        name: normal_reference(user)
        for name, silo in configuration.silos.items()
        if (user := _bind_user(silo)) is not None
    }
    return Types(anchors=anchors, given=given, enabled=enabled, signs_in=signs_in)


def _bind_user(silo: SiloConfig) -> str | None:
    """Return the name under which a silo's connector signs in, where its options say so."""
    bind = silo.options.get("bind")
    user = bind.get("user") if isinstance(bind, Mapping) else None
    return user if isinstance(user, str) else None


def _guards(configuration: Configuration) -> GuardSettings:
    guards = configuration.guards
    return GuardSettings(
        simulate=guards.simulate,
        release_any=guards.release == "any",
        vip_memory=guards.vip_memory,
        reject_hold=guards.reject_hold,
        delta_duration=guards.delta.max_duration,
        delta_identities=guards.delta.max_identities,
        unsaid=_unsaid(configuration),
    )


def _silo_limits(silo: SiloConfig) -> SiloLimits | None:
    if silo.limits is None:
        return None
    found = {each: getattr(silo.limits, each.value, None) for each in Operation}
    limits = {operation: limit for operation, limit in found.items() if limit is not None}
    return SiloLimits(limits=limits, per=silo.limits.per)


def _circuit(silo: SiloConfig) -> CircuitTerms:
    given = silo.circuit
    return CircuitTerms(failures=given.failures, pause=given.pause, longest=given.longest)


class _Blackout:
    """Tells whether a time is in one of the weekly windows, on the clocks of their zone."""

    def __init__(self, config: BlackoutConfig | None) -> None:
        self._windows = () if config is None else config.windows
        self._zone = ZoneInfo("UTC" if config is None else config.timezone)

    def __call__(self, now: datetime) -> bool:
        local = now.astimezone(self._zone)
        minute = local.weekday() * 1440 + local.hour * 60 + local.minute
        return any(window.contains(minute) for window in self._windows)
