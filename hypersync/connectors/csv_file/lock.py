"""The lock that all writers of HyperSync take before they replace a CSV file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypersync.errors import SiloUnreachable


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Take the lock beside a file without waiting; tell whether it is ours.

    Raises `SiloUnreachable` when there can be none.
    """
    try:
        lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SiloUnreachable(f"{path.parent}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)
