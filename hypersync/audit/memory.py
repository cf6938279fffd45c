"""Remembers where the chain ended, in a file outside the database.

Whoever can write the database can take seals off while nobody seals; whoever seals next would then
seal what was changed with the right key. The end that was sealed last is therefore kept where the
database's writers cannot reach, and compared before anything is sealed. The file is replaced whole
after each batch. One that is missing is taken for the first start, and that is said; one that is
older than the chain is right as long as its event still has its seal.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime
from pathlib import Path

import orjson

from hypersync.audit.chain import ChainKeys, Head
from hypersync.audit.checkpoint import read_checkpoint, write_checkpoint
from hypersync.audit.sealing import Sealed, seal
from hypersync.errors import UsageError
from hypersync.ports.store import Store

_logger = logging.getLogger(__name__)

_MOST = 64 * 1024


class Memory:
    """The end of the chain as this process and those before it sealed it; reads its file once.

    Without a file it remembers as long as it lives.
    """

    def __init__(self, file: Path | None, installation: str) -> None:
        self._file = file
        self._installation = installation
        self._head: Head | None = None
        self._kept: Head | None = None
        self._is_read = file is None
        self._cannot_write = False

    def seal(self, store: Store, keys: ChainKeys, now: datetime) -> Sealed:
        """Seal what waits for it where the chain goes on from what is remembered.

        A chain that does not is told in the log and as an event, and goes on with the number that
        is remembered, so that what is missing stays missing.
        """
        problem = None if self._is_read else self._read()
        done = seal(store, keys, now, self._head, problem)
        self._is_read, self._head = True, done.head
        if done.head is not None and done.head != self._kept:
            self._write(done.head, now)
        return done

    def _read(self) -> str | None:
        """Read the file; return what is wrong with one that is there."""
        assert self._file is not None  # noqa: S101 - asked before
        try:
            with self._file.open("rb") as file:
                self._head = read_checkpoint(file.read(_MOST).decode(), self._installation)
        except FileNotFoundError:
            _logger.warning(
                "where the audit trail ended is not remembered: there is no %s; it is kept from "
                "now on, and what was done to the trail before cannot be told",
                self._file,
            )
            return None
        except (OSError, UnicodeDecodeError, UsageError) as error:
            return f"the file that remembers its end cannot be read: {_reason(error)}"
        self._kept = self._head
        return None

    def _write(self, head: Head, now: datetime) -> None:
        """Replace the file; one that cannot be written is said once."""
        if self._file is None:
            return
        line = orjson.dumps(write_checkpoint(head, now, self._installation)) + b"\n"
        new = self._file.with_name(f"{self._file.name}.{os.getpid()}.new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._file)
        except OSError as error:
            if not self._cannot_write:
                _logger.error(  # noqa: TRY400 - the reason is enough
                    "where the audit trail ends cannot be kept in %s: %s",
                    self._file,
                    _reason(error),
                )
            self._cannot_write = True
        else:
            self._kept, self._cannot_write = head, False


def _reason(error: Exception) -> str:
    if isinstance(error, UsageError):
        return error.message
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "it is no text"
