"""Write the shipped example project: what ``hypersync init`` does."""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING

from hypersync.errors import UsageError
from hypersync.shipped import shipped

if TYPE_CHECKING:
    from pathlib import Path

_PARTS = ("config", "rules")
_IGNORED = shutil.ignore_patterns(".keep", "__pycache__", "*.pyc")


def write_example(directory: Path) -> list[Path]:
    """Copy the example into ``directory`` and make a secret key; return the files, relative.

    Raises UsageError when the directory is not empty, or cannot be written.
    """
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise UsageError(f"{directory} is not empty; name a new or empty directory")
        directory.mkdir(parents=True, exist_ok=True)
        for part in _PARTS:
            shutil.copytree(shipped(part), directory / part, ignore=_IGNORED)
        _write_secrets(directory / ".env")
        (directory / ".gitignore").write_text(".env\nvar/\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{directory} cannot be written: {error.strerror or error}") from error
    return sorted(file.relative_to(directory) for file in directory.rglob("*") if file.is_file())


def _write_secrets(file: Path) -> None:
    file.touch(mode=0o600)
    file.write_text(
        "# Secrets of this project. Keep this file to yourself.\n"
        f"HYPERSYNC_SECRET_KEY={secrets.token_urlsafe(32)}\n",
        encoding="utf-8",
    )
