"""What is in force, defaults included: what ``check --explain`` shows. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypersync.config.rule_models import LEAST_CLEARS
from hypersync.model.time_span import format_time_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hypersync.config.models import Configuration
    from hypersync.config.rule_models import RuleConfig, RuleFile
    from hypersync.config.sign_in_models import SignInConfig

_SECRET = re.compile(r"([?&][^=&]*(?:pass|pwd|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)
"""A parameter of an address that is nobody's business."""


def in_force(configuration: Configuration) -> dict[str, Any]:
    """Return the settings of every silo, VIP rule and rule as they hold; secrets are ``***``."""
    return {
        "public_url": configuration.public_url,
        "database": _without_password(configuration.database_url),
        "environment": configuration.environment_name,
        "mail": configuration.mail.model_dump(mode="json"),
        "guards": configuration.guards.model_dump(mode="json"),
        "sign_in": _dumped(configuration.sign_in),
        "links": configuration.links.model_dump(mode="json"),
        "proxies": list(configuration.proxies),
        "silos": {
            name: silo.model_dump(mode="json", exclude={"types"})
            for name, silo in configuration.silos.items()
        },
        "vip": {
            vip.name: vip.model_dump(mode="json", exclude={"name"}, by_alias=True)
            for vip in configuration.vip
        },
        "rules": {
            rule.id: _rule(configuration, rule_file, rule)
            for rule_file in configuration.rule_files
            for rule in rule_file.rules
        },
    }


def _dumped(sign_in: SignInConfig | None) -> dict[str, Any] | None:
    return None if sign_in is None else sign_in.model_dump(mode="json", by_alias=True)


def _rule(configuration: Configuration, rule_file: RuleFile, rule: RuleConfig) -> dict[str, Any]:
    throttle = rule_file.throttle_of(rule)
    threshold = rule_file.threshold_of(rule).model_dump(mode="json")
    if rule.kind == "event":
        threshold = {
            name: value
            for name, value in threshold.items()
            if name not in ("clears", "members", "attribute", "approve_deletes")
        }
    else:
        threshold["clears"] = f"{threshold['clears']} (at least {LEAST_CLEARS})"
    return {
        "file": rule.place().file or None,
        "line": rule.place().line or None,
        "kind": rule.kind,
        "simulate": configuration.guards.simulate or rule_file.is_simulated(rule),
        "throttle": format_time_span(throttle) if isinstance(throttle, timedelta) else throttle,
        "threshold": threshold,
    }


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    account, at, host = rest.rpartition("@")
    user = account.partition(":")[0]
    shown = f"{scheme}{separator}{user}:***@{host}" if at and ":" in account else url
    return _SECRET.sub(r"\1***", shown)


def describe(settings: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Write settings as indented ``name: value`` lines; what is not set is left out."""
    for name, value in settings.items():
        if value is None or value in ({}, []):
            continue
        if isinstance(value, dict):
            yield f"{indent}{name}:"
            yield from describe(value, indent + "  ")
        elif isinstance(value, bool):
            yield f"{indent}{name}: {'true' if value else 'false'}"
        elif isinstance(value, list):
            yield f"{indent}{name}: [{', '.join(str(entry) for entry in value)}]"
        else:
            yield f"{indent}{name}: {value}"
