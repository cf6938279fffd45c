"""The demo's directory: a file, unless another one is brought along. Rows by account name.

A row has ``employeeNumber``, ``displayName``, ``department``, ``title`` and ``active``, whatever
the directory itself calls them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hypersync.demo.company import Person, write_directory

Rows = dict[str, Mapping[str, str]]


class Directory(Protocol):
    """Where the company's accounts are."""

    project: str
    """The folder of `hypersync.demo` that has the configuration and rules for it."""

    def fill(self, folder: Path, accounts: Sequence[Person]) -> Mapping[str, str]:
        """Put the accounts there; return the variables that the configuration needs."""

    def accounts(self) -> Rows:
        """Return all accounts."""

    def state(self) -> object:
        """Return something that differs after any change."""


class FileDirectory:
    """The directory is a CSV file of the project."""

    project = "project"

    def __init__(self) -> None:
        self._path = Path()

    def fill(self, folder: Path, accounts: Sequence[Person]) -> Mapping[str, str]:
        """Write the file."""
        self._path = folder / "data" / "directory.csv"
        write_directory(self._path, accounts)
        return {}

    def accounts(self) -> Rows:
        """Return the rows of the file."""
        with self._path.open(newline="", encoding="utf-8") as file:
            return {row["uid"]: row for row in csv.DictReader(file)}

    def state(self) -> object:
        """Return the bytes of the file."""
        return self._path.read_bytes()
