"""Where the file of an SQLite database is to be: makes its folder, and looks whether it can."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from hypersync.errors import StoreError


def make_folder(folder: Path) -> None:
    """Make the folder of a database unless it is there; raises `StoreError` when it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(_no_place(folder, error.strerror or str(error))) from error


def is_closed(file: Path) -> str | None:
    """Say why this user can neither make nor write a database file, ``None`` when it can.

    Looks at rights only, and makes nothing.
    """
    folder = file.parent
    if os.path.lexists(file):
        for each, mode in ((file, os.R_OK | os.W_OK), (folder, os.W_OK | os.X_OK)):
            if not _may(each, mode):
                return (
                    f"the database cannot be written: {_why(each)}; "
                    f"this user has to be able to read and write {file} and its folder"
                )
        return None
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        return _no_place(folder, os.strerror(errno.ENOTDIR))
    return None if _may(nearest, os.W_OK | os.X_OK) else _no_place(folder, _why(nearest))


def _no_place(folder: Path, reason: str) -> str:
    return (
        f"the database has no place in {folder}: {reason}; let this user make the folder and "
        "write in it, or give `database` another place"
    )


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _why(path: Path) -> str:
    is_read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    return os.strerror(errno.EROFS if is_read_only else errno.EACCES)
