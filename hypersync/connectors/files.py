"""Files that are read as a whole, and believed only if they stayed the same meanwhile.

A silo of files is a file for each type, each a stream of its own, with nothing to connect to.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from hypersync.connectors.settings import SiloSettings
from hypersync.errors import ScanFailed, SiloUnreachable
from hypersync.model.objects import ObjectType

Content = TypeVar("Content")
FileSession = TypeVar("FileSession")


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


class FilesConnector(ABC, Generic[FileSession]):
    """What connectors of files have in common. Thread-safe, for it keeps nothing."""

    def __init__(self, settings: SiloSettings) -> None:
        self._settings = settings

    @abstractmethod
    def session(self) -> FileSession:
        """Return a session of its own."""

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return one stream for each type."""
        return tuple((each,) for each in self._settings.types)

    @contextmanager
    def open(self) -> Iterator[FileSession]:
        """Open a session; files are opened when they are used."""
        yield self.session()


class Kept(Generic[Content]):
    """What was read of files, by type; each is good as long as its file stays as it is."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Stamp, Content]] = {}

    def of(
        self, kind: ObjectType, path: Path, load: Callable[[], tuple[Stamp, Content]]
    ) -> Content:
        """Return what the file of a type holds; ``load`` reads it, if it is another one by now.

        Raises what ``load`` raises.
        """
        stamp = Stamp.of(path) if path.exists() else None
        known = self._known.get(kind.name)
        if known is None or known[0] != stamp:
            known = self._known[kind.name] = load()
        return known[1]


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
