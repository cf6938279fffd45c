"""Files that are read as a whole, and believed only if they stayed the same meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hypersync.errors import ScanFailed, SiloUnreachable


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when a file does."""

    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, file: int | Path) -> Stamp:
        """Return the stamp of an open file or a path."""
        found = os.stat(file)
        return cls(found.st_ino, found.st_size, found.st_mtime_ns)


@contextmanager
def unchanging(path: Path) -> Iterator[tuple[BinaryIO, Stamp]]:
    """Open a file to read all of it.

    Raises `SiloUnreachable` when it cannot be opened, and `ScanFailed` when it cannot be read to
    its end, is empty, does not end with a line end, or is another one when it was read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise SiloUnreachable(f"{path}: {error.strerror or error}") from error
    with file:
        stamp = Stamp.of(file.fileno())
        _check_end(path.name, file)
        try:
            yield file, stamp
        except OSError as error:
            raise ScanFailed(f"{path.name}: {error.strerror or error}") from error
        if Stamp.of(file.fileno()) != stamp:
            raise ScanFailed(f"{path.name} changed while it was read; it is still being written")


def _check_end(name: str, file: BinaryIO) -> None:
    try:
        if file.seek(0, os.SEEK_END) == 0:
            raise ScanFailed(f"{name} is empty")
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(0)
    except OSError as error:
        raise ScanFailed(f"{name}: {error.strerror or error}") from error
    if last != b"\n":
        raise ScanFailed(f"{name} ends in the middle of a line; it is not complete")
