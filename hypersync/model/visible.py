"""Text in which nothing is hidden. Pure.

Values come from directories and may hold anything: characters that change the reading direction or
cannot be seen are shown by their code.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


def unhidden(text: str) -> str:
    """Return text with ``[U+202E]`` in place of each character that cannot be seen."""
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if unicodedata.category(character) in _HIDDEN:
        return f"[U+{ord(character):04X}]"
    return character
