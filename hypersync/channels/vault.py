"""Hands initial passwords to a command, such as that of a vault.

The password alone is the command's standard input, so that it stands in no list of processes and in
no environment; whose it is, is JSON in ``HYPERSYNC_ACCOUNT``. What the command prints is thrown
away, since it may hold the password.

Failure direction: only a command that ended with 0 in time has kept the password.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from hypersync.errors import VaultFailed
from hypersync.ports.vault import InitialPassword

_ABOUT = "HYPERSYNC_ACCOUNT"


class CommandVault:
    """Runs ``command``, a program and its arguments, in ``folder``; no shell is involved."""

    def __init__(self, command: Sequence[str], folder: Path, timeout: timedelta) -> None:
        self._command = list(command)
        self._folder = folder
        self._timeout = timeout.total_seconds()

    def keep(self, given: InitialPassword) -> None:
        """Run the command; raises `VaultFailed` unless it ends with 0 in time."""
        try:
            done = subprocess.run(  # noqa: S603 - what the configuration says, without a shell
                self._command,
                input=given.password.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self._folder,
                env={**os.environ, _ABOUT: _about(given)},
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise VaultFailed(f"{self._name} took longer than {self._timeout:g} s") from None
        except OSError as error:
            raise VaultFailed(f"{self._name} cannot be run: {error.strerror}") from None
        if done.returncode:
            raise VaultFailed(
                f"{self._name} ended with {done.returncode}; run it by hand to see why"
            )

    @property
    def _name(self) -> str:
        return f"the command {self._command[0]!r} of 'initial_password'"


def _about(given: InitialPassword) -> str:
    names = ("key", "silo", "type", "identity", "account")
    return json.dumps({name: getattr(given, name) for name in names})
