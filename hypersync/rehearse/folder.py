"""The folder that a rehearsal writes to: only this user may read it, and it does not outlive it.

It holds a copy of everybody the silos know. It is removed when the rehearsal ends, by an error or
Ctrl-C too; what a kill left behind is removed by the next rehearsal of the same user. A folder is
in use while its file ``lock`` is locked, which ends with the process, however that ends. The file
is locked before it has that name, so whoever finds it and gets the lock knows that nobody has it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_logger = logging.getLogger(__name__)

_PREFIX = "hypersync-rehearsal-"
_LOCK = "lock"


@contextmanager
def rehearsal_folder() -> Iterator[Path]:
    """Give an empty folder of this user alone, without those that killed rehearsals left."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        folder = Path(name)
        number = os.open(folder / "new", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (folder / "new").rename(folder / _LOCK)
            yield folder
        finally:
            os.close(number)


def _sweep(parent: Path) -> None:
    """Remove the folders of rehearsals whose process is gone."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            if folder.lstat().st_uid == os.getuid() and not folder.is_symlink():
                _remove_unused(folder)
        except OSError as error:
            _logger.info("what a rehearsal left in %s is not removed: %s", folder, error)


def _remove_unused(folder: Path) -> None:
    try:
        number = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return  # it is just being made
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    except BlockingIOError:
        return  # in use
    finally:
        os.close(number)
