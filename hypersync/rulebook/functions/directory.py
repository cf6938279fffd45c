"""Functions over distinguished names (RFC 4514). Pure."""

from __future__ import annotations

import re
from typing import Final

from hypersync.errors import EvaluationError
from hypersync.rulebook.registry import function

_GROUP: Final = "Directory"
_FIRST: Final = re.compile(r'(?:[^,;\\"]|\\.|"(?:[^"\\]|\\.)*")*', re.DOTALL)
_SPECIAL: Final = re.compile(r'[,+"\\<>;=\x00-\x1f]')


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    return f"\\{ord(character):02X}" if character < " " else f"\\{character}"


@function("dn_escape", group=_GROUP, example=("dn_escape('Ng, Ann')", "Ng\\, Ann"))
def dn_escape(text: str) -> str:
    """Escape text for use as a value in a distinguished name."""
    escaped = _SPECIAL.sub(_escaped, text)
    if escaped.startswith(("#", " ")):
        escaped = "\\" + escaped
    if text.endswith(" ") and len(text) > 1:
        escaped = escaped[:-1] + "\\ "
    return escaped


def _split(dn: str, name: str) -> tuple[str, str | None]:
    match = _FIRST.match(dn)
    end = match.end() if match else 0
    if "=" not in dn[:end] or (end < len(dn) and dn[end] not in ",;"):
        raise EvaluationError(f"{name}() wants a distinguished name, {dn[:60]!r} is none")
    return dn[:end].strip(), dn[end + 1 :].strip() if end < len(dn) else None


@function("parent", group=_GROUP, example=("parent('CN=Ng\\\\, Ann,OU=IT,DC=x')", "OU=IT,DC=x"))
def parent(dn: str) -> str | None:
    """Give the distinguished name of the entry above; missing for the topmost."""
    return _split(dn, "parent")[1]


@function("rdn", group=_GROUP, example=("rdn('CN=Ng\\\\, Ann,OU=IT,DC=x')", "CN=Ng\\, Ann"))
def rdn(dn: str) -> str:
    """Give the first component of a distinguished name."""
    return _split(dn, "rdn")[0]
