"""Hands initial passwords to a command, such as that of a vault.

The password alone is the command's standard input, so that it stands in no list of processes and in
no environment; whose it is, is JSON in ``HYPERSYNC_ACCOUNT``. What the command prints is thrown
away, since it may hold the password. Of our own environment, which holds the secrets of all silos,
it gets the few names that programs need, and those that the configuration lists.

Failure direction: only a command that ended with 0 in time has kept the password. That it reads its
standard input is its own duty.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from hypersync.errors import VaultFailed, VaultGone
from hypersync.ports.vault import InitialPassword

_ABOUT = "HYPERSYNC_ACCOUNT"
_USUAL = frozenset({"PATH", "HOME", "LANG", "TZ"})
_USUAL_START = "LC_"


class CommandVault:
    """Runs ``command``, a program and its arguments, in ``folder``; no shell is involved.

    ``environment`` names the variables of our own that it gets besides the usual ones.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        timeout: timedelta,
        environment: Sequence[str] = (),
    ) -> None:
        self._command = list(command)
        self._folder = folder
        self._timeout = timeout.total_seconds()
        self._names = _USUAL | {*environment}

    def keep(self, given: InitialPassword) -> None:
        """Run the command; raises `VaultFailed` unless it ends with 0 in time.

        `VaultGone` when it does not end or cannot be run, as others then would not either.
        """
        try:
            code = self._run(given)
        except subprocess.TimeoutExpired:
            raise VaultGone(f"{self._name} took longer than {self._timeout:g} s") from None
        except OSError as error:
            raise VaultGone(f"{self._name} cannot be run: {error.strerror}") from None
        except ValueError:
            raise VaultGone(
                f"{self._name} cannot be run: a NUL character is in it; remove that"
            ) from None
        if code:
            raise VaultFailed(f"{self._name} ended with {code}; run it by hand to see why")

    def _run(self, given: InitialPassword) -> int:
        """Return what the command ended with; nothing that it began is left when it does not."""
        with subprocess.Popen(  # noqa: S603 - what the configuration says, without a shell
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            env={**self._environment(), _ABOUT: _about(given)},
            start_new_session=True,
        ) as process:
            try:
                process.communicate(given.password.encode(), timeout=self._timeout)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return process.returncode

    def _environment(self) -> dict[str, str]:
        return {
            name: value
            for name, value in os.environ.items()
            if name in self._names or name.startswith(_USUAL_START)
        }

    @property
    def _name(self) -> str:
        return f"the command {self._command[0]!r} of 'initial_password'"


def _about(given: InitialPassword) -> str:
    names = ("key", "silo", "type", "identity", "account")
    return json.dumps({name: getattr(given, name) for name in names})
