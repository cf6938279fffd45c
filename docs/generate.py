"""Writes the reference pages that come from the code: ``python -m docs.generate``.

The examples in them are tests; they are evaluated in the small world described here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from docs.configuration import configuration_page
from hypersync.rulebook.functions import FUNCTIONS
from hypersync.rulebook.registry import Function, Needs, Place

REFERENCE: Final = Path(__file__).parent / "reference"

NOW: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
HR: Final = {
    "employeeId": "E1007",
    "given": "Ann",
    "surname": "Ng",
    "mail": "ann.ng@example.org",
    "groups": ("mail", "wiki"),
    "managerId": "E1001",
}
TABLES: Final = {"ou": {"IT": "OU=IT,DC=example,DC=org"}}

_INTRODUCTION: Final = """\
# Functions

These are all the functions that expressions may call; [expressions](expressions.md) says how the
language works. A missing argument makes the result missing, except where a function takes missing
values. Arguments may be named: `unique(names=('ad.mail',), candidate='ann')`.

The examples are tests. They run on 2 March 2026, 09:30 UTC, for an identity whose `hr` object has
{attributes} and no other
attribute. The table `ou` has an entry for IT, the manager's account is Bob's, somebody has the name
`ann` already, and nothing was counted yet.

This page is generated from the code; `make docs` writes it again.
"""
_NEEDS: Final = {
    Needs.NOTHING: "",
    Needs.CLOCK: "It is the same for the whole run.",
    Needs.TABLES: "",
    Needs.LOOKUPS: "",
}
_PLACES: Final = {
    Place.ANYWHERE: "",
    Place.RULES: "Not in joins.",
    Place.ONCE: "Only under `once:`.",
    Place.LAST: "Only in the last `and` operand of `when:`.",
}


def functions_page() -> str:
    """Return ``functions.md``."""
    attributes = ", ".join(f"`{name}` {_shown(value)}" for name, value in HR.items())
    parts = [_INTRODUCTION.format(attributes=attributes)]
    groups = dict.fromkeys(function.group for function in FUNCTIONS.values())
    for group in sorted(groups):
        parts.append(f"## {group}\n")
        parts += [
            _section(function)
            for name, function in sorted(FUNCTIONS.items(), key=lambda each: each[0].casefold())
            if function.group == group and not _is_alias(name)
        ]
    return "\n".join(parts)


def _is_alias(name: str) -> bool:
    return any(name != other and name == other.lower() for other in FUNCTIONS)


def _section(function: Function) -> str:
    source, value = function.example
    notes = [_NEEDS[function.needs], _PLACES[function.place]]
    if function.takes_missing:
        notes.append("Takes missing values.")
    doc = " ".join(
        [
            function.doc.replace("``", "`").replace("\n", " ").replace("  ", " "),
            *(note for note in notes if note),
        ]
    )
    return (
        f"### `{function.signature}`\n\n{doc}\n\nGives {function.gives.value}. "
        f"Example: `{source}` is {_shown(value)}.\n"
    )


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"`{value!r}`"


def main() -> None:
    """Write the pages."""
    (REFERENCE / "functions.md").write_text(functions_page(), encoding="utf-8")
    (REFERENCE / "configuration.md").write_text(configuration_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
