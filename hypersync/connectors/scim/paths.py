"""How an attribute of a SCIM resource is named (RFC 7644, section 3.10). Pure.

``userName``, ``name.givenName``, ``emails[type eq "work"].value`` and, for an attribute of an
extension, the same behind the extension's URN and a colon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(
    r"""(?:(?P<schema>urn:[^\s"\[\]]+):)?
    (?P<name>[A-Za-z][\w$-]*)
    (?:\[\s*(?P<by>[A-Za-z][\w$-]*)\s+eq\s+
        (?:"(?P<text>(?:[^"\\]|\\["\\])*)"|(?P<truth>true|false))\s*\])?
    (?:\.(?P<sub>[A-Za-z$][\w$-]*))?""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Where:
    """Which entries of a multi-valued attribute are meant: those whose ``by`` is ``value``."""

    by: str
    value: str | bool

    def __str__(self) -> str:
        return f"[{self.by} eq {literal(self.value)}]"


@dataclass(frozen=True, slots=True)
class Path:
    """One attribute; ``schema`` is ``None`` for the core schema of the resource."""

    schema: str | None
    name: str
    where: Where | None = None
    sub: str | None = None

    @property
    def attribute(self) -> str:
        """The attribute itself, without what is chosen in it."""
        return self.name if self.schema is None else f"{self.schema}:{self.name}"

    @property
    def entry(self) -> str:
        """The entry that is chosen in the attribute, without its part."""
        return self.attribute + ("" if self.where is None else str(self.where))

    def __str__(self) -> str:
        return self.entry + ("" if self.sub is None else f".{self.sub}")


def parse_path(text: str) -> Path:
    """Read a path; raises ``ValueError`` with a sentence."""
    match = _NAME.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text!r} is no SCIM attribute; write for instance userName, name.givenName or "
            'emails[type eq "work"].value'
        )
    where = None
    if match["truth"] is not None:
        where = Where(match["by"], match["truth"] == "true")
    elif match["by"] is not None:
        where = Where(match["by"], re.sub(r"\\(.)", r"\1", match["text"]))
    return Path(match["schema"], match["name"], where, match["sub"])


def literal(value: str | bool) -> str:
    """Return a value as it stands in a filter."""
    if isinstance(value, bool):
        return "true" if value else "false"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def equals(name: str, value: str) -> str:
    """Return the filter for resources whose attribute is this text."""
    return f"{name} eq {literal(value)}"


def both(one: str, other: str) -> str:
    """Return the filter for what both filters find; an empty one finds everything."""
    return f"({one}) and {other}" if one else other
