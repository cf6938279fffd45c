"""How the frozen plan of a request is written as JSON: time spans are seconds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

from hypersync.model.requests import OnTimeout, Plan, Step


def written(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON values."""
    stored = {each.name: getattr(plan, each.name) for each in fields(plan)}
    stored["steps"] = [_step_written(step) for step in plan.steps]
    stored["on_timeout"] = plan.on_timeout.value
    stored["approvers"] = list(plan.approvers)
    stored["acknowledge_for"] = int(plan.acknowledge_for.total_seconds())
    return stored


def _step_written(step: Step) -> dict[str, Any]:
    stored = {each.name: getattr(step, each.name) for each in fields(step)}
    for name, value in stored.items():
        if isinstance(value, timedelta):
            stored[name] = int(value.total_seconds())
    return stored


def read(stored: Mapping[str, Any]) -> Plan:
    """Read what `written` gave."""
    return Plan(
        **{
            **stored,
            "steps": tuple(_step_read(step) for step in stored["steps"]),
            "on_timeout": OnTimeout(stored["on_timeout"]),
            "approvers": tuple(stored["approvers"]),
            "acknowledge_for": timedelta(seconds=stored.get("acknowledge_for", 1800)),
        }
    )


def _step_read(stored: Mapping[str, Any]) -> Step:
    seconds = stored["until"]
    return Step(**{**stored, "until": None if seconds is None else timedelta(seconds=seconds)})
