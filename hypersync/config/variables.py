"""Find the value of ``${NAME}``: the process environment, then a secret's file, then ``.env``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypersync.model.mistake import Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_QUOTED = re.compile(r"""(?:"([^"]*)"|'([^']*)')\s*(?:#.*)?""")


class Variables:
    """The variables a configuration may use.

    ``NAME_FILE`` names a file whose stripped content is the value, relative to ``root``; NAME
    itself wins over it, and the process environment over ``.env``.
    """

    def __init__(self, process: Mapping[str, str], dotenv: Mapping[str, str], root: Path) -> None:
        self._sources = (process, dotenv)
        self._root = root
        self.mistakes: list[Mistake] = []

    def find(self, name: str) -> str | None:
        """Return the value of ``name``, None when it is set nowhere."""
        for source in self._sources:
            if name in source:
                return source[name]
            if f"{name}_FILE" in source:
                return self._read(f"{name}_FILE", source[f"{name}_FILE"])
        return None

    def _read(self, name: str, file: str) -> str:
        try:
            return (self._root / file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            mistake = Mistake(
                f"{name} names {file}, which cannot be read: {reason}",
                "name a readable file",
            )
            if mistake not in self.mistakes:
                self.mistakes.append(mistake)
            return ""


def read_dotenv(text: str, file: str, mistakes: list[Mistake]) -> dict[str, str]:
    """Return the ``NAME=value`` lines of a ``.env`` file; ``#`` begins a comment."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            mistakes.append(
                Mistake("this is not a NAME=value line", "write NAME=value", file, number)
            )
            continue
        name, value = match.groups()
        quoted = _QUOTED.fullmatch(value)
        if quoted:
            values[name] = quoted[1] if quoted[1] is not None else quoted[2]
        else:
            values[name] = re.split(r"\s#", value, maxsplit=1)[0].strip()
    return values
