"""What the commands about a silo share: whether there is one, and whether it is paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypersync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypersync.app import App
    from hypersync.model.circuit import CircuitState


def check_known(app: App, name: str) -> None:
    """Raise `UsageError` for a silo that is not configured."""
    if name not in app.connectors:
        known = ", ".join(app.connectors)
        raise UsageError(f"there is no silo {name!r}; there are {known}")


def pause_state(app: App, name: str) -> dict[str, object]:
    """Return whether a silo is paused and why, as ``--json`` prints it."""
    with app.store.snapshot() as unit:
        reasons, by_people = unit.silos.reasons(), unit.silos.by_people()
        circuit = unit.silos.circuit(name)
    is_open = circuit.is_open
    return {
        "silo": name,
        "paused": name in reasons,
        "paused_by": ["people"] * (name in by_people) + ["engine"] * is_open,
        "reason": reasons.get(name) or None,
        "circuit": _circuit(circuit) if is_open else None,
    }


def _circuit(state: CircuitState) -> dict[str, object]:
    """Return since when and why the engine paused a silo; all null when that cannot be read."""
    return {
        "since": state.opened_at,
        "until": state.until,
        "because": state.because or None,
        "failures": state.failures or None,
    }


def pause_text(state: Mapping[str, object]) -> str:
    """Say whether a silo is paused."""
    if not state["paused"]:
        return f"{state['silo']} is not paused"
    reason = str(state["reason"] or "")
    if state["paused_by"] == ["engine"]:  # which says the whole of it
        return f"{state['silo']} is {reason}"
    return f"{state['silo']} is paused{f': {reason}' if reason else ''}"
