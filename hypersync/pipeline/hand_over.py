"""Hands initial passwords over before the accounts they are for are made.

Before, so that no account has a password that nobody keeps: when it cannot be handed over, the
account is not made and tried again later. An account that is tried again, which happens only when
it is known not to be there, gets another password, handed over under the same key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from hypersync.errors import VaultFailed, VaultGone
from hypersync.model.actions import Action
from hypersync.model.objects import (
    Change,
    Conflict,
    Operation,
    Outcome,
    RetryAfter,
    Succeeded,
    Value,
)
from hypersync.model.secrecy import MARK
from hypersync.ports.vault import InitialPassword, Vault

LATER = timedelta(minutes=1)
THERE = (
    "it is there already; the password that was handed over is not its own: set another one, and "
    "give that to its owner"
)


def hand_over(
    vault: Vault | None, actions: Sequence[Action], changes: Sequence[Change]
) -> Mapping[str, Outcome]:
    """Hand over the passwords of new accounts; return why some must not be made, by action id.

    A silo without a vault hands over nothing. A vault that is gone is not asked again.
    """
    held: dict[str, Outcome] = {}
    gone: VaultGone | None = None
    if vault is None:
        return held
    for action, change in zip(actions, changes, strict=True):
        try:
            for password in _passwords(action, change):
                if gone is not None:
                    raise gone
                vault.keep(_given(action, change, password))
        except VaultFailed as error:
            gone = error if isinstance(error, VaultGone) else None
            held[action.id] = RetryAfter(LATER, f"not created, because {error.message}")
    return held


def with_their_passwords(
    actions: Sequence[Action], outcomes: Mapping[str, Outcome]
) -> dict[str, Outcome]:
    """Return the outcomes, by action id, with a conflict for what was handed over to no avail.

    An account that its create found there has another password than the vault.
    """
    judged = dict(outcomes)
    for action in actions:
        outcome = judged[action.id]
        if isinstance(outcome, Succeeded) and not outcome.made and _marked(action):
            judged[action.id] = Conflict(THERE, outcome.object)
    return judged


def _passwords(action: Action, change: Change) -> list[str]:
    """Return what the marks of a create were filled with."""
    if change.operation is not Operation.CREATE:
        return []
    return [str((change.after or {})[name]) for name in _marked(action)]


def _marked(action: Action) -> list[str]:
    """Return the attributes of an action that are to hold an initial password."""
    planned = {**(action.after or {}), **action.once}
    return [name for name, value in planned.items() if _is_marked(value)]


def _is_marked(value: Value) -> bool:
    return isinstance(value, str) and MARK in value


def _given(action: Action, change: Change, password: str) -> InitialPassword:
    dn = (change.after or {}).get("dn")
    return InitialPassword(
        key=action.id,
        silo=action.silo,
        type=action.type,
        identity=str(action.identity),
        account=str(dn or action.title or ""),
        password=password,
    )
