"""Puts a new file in the place of another; until then it lies beside it, and never stays there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO


@contextmanager
def beside(path: Path, encoding: str) -> Iterator[IO[str]]:
    """Open a new file beside ``path``, to be written and, by its ``name``, put in that place.

    However the block ends, it is gone from there: who tries again on a full disk must not fill it.
    Raises ``OSError``.
    """
    with NamedTemporaryFile(
        "w", encoding=encoding, newline="", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


def keep_rights(file: int, path: Path) -> None:
    """Give an open file the mode of ``path``, and its owner where we may. Raises ``OSError``."""
    found = path.stat()
    os.fchmod(file, found.st_mode & 0o7777)
    with suppress(PermissionError):
        os.fchown(file, found.st_uid, found.st_gid)


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder outlive a power cut. Raises ``OSError``."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
