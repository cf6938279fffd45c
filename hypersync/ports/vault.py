"""The vault port: where an initial password goes, once, before its account is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialPassword:
    """A password and whose it is to be.

    ``key`` is the same in every try to make the account, so that the last password given for it is
    the one that counts. ``account`` is the account's name: its DN where it has one.
    """

    key: str
    silo: str
    type: str
    identity: str
    account: str
    password: str = field(repr=False)


class Vault(Protocol):
    """Takes initial passwords."""

    def keep(self, given: InitialPassword) -> None:
        """Keep a password; raises `VaultFailed` unless it is kept for sure."""
