"""How values, numbers and times are worded for people. Pure.

Values come from directories and may hold anything: characters that change the reading direction or
cannot be seen are shown by their code, and long values are cut with their length said.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from hypersync.model.actions import Action
from hypersync.model.objects import Operation, Scalar, Value
from hypersync.model.visible import unhidden

MOST_CHARACTERS = 200
MOST_VALUES = 10

_VERBS = {
    Operation.CREATE: "create",
    Operation.UPDATE: "change",
    Operation.MOVE: "move",
    Operation.RENAME: "rename",
    Operation.ENABLE: "enable",
    Operation.DISABLE: "disable",
    Operation.DELETE: "delete",
    Operation.ADD_MEMBER: "add to group",
    Operation.REMOVE_MEMBER: "remove from group",
    Operation.EVENT: "send event",
}


def visible(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return text in which nothing is hidden, cut after ``most`` characters."""
    shown = unhidden(text[:most])
    return shown if len(text) <= most else f"{shown}… ({number(len(text))} characters)"


def value(given: Value) -> str:
    """Return an attribute value; none is a dash, several are separated by commas."""
    if given is None:
        return "\N{EN DASH}"
    if not isinstance(given, tuple):
        return _scalar(given)
    shown = ", ".join(_scalar(each) for each in given[:MOST_VALUES])
    rest = len(given) - MOST_VALUES
    return shown if rest <= 0 else f"{shown} and {number(rest)} more"


def _scalar(given: Scalar) -> str:
    if isinstance(given, bytes):
        return f"({number(len(given))} bytes)"
    if isinstance(given, bool):
        return "true" if given else "false"
    text = str(given)
    return visible(text) if text.strip() else f"“{visible(text)}”"


def number(count: int) -> str:
    """Return a number with its thousands apart, by spaces that do not break."""
    return f"{count:,}".replace(",", "\N{NO-BREAK SPACE}")


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 action`` or ``300 actions``."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def moment(at: datetime, timezone: str) -> str:
    """Return a time on somebody's clocks, for instance ``Mon 2 Mar 2026, 13:00 CET``."""
    local = at.astimezone(ZoneInfo(timezone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M %Z}"


def ordinal(nth: int) -> str:
    """Return ``2nd``, ``3rd``, ``11th``."""
    ending = "th" if nth % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(nth % 10, "th")
    return f"{nth}{ending}"


def verb(operation: Operation) -> str:
    """Return what an operation does to an object."""
    return _VERBS[operation]


def who(action: Action) -> str:
    """Return what people would call the object of an action."""
    return visible(action.title or action.anchor or f"identity {action.identity}", 120)


def where(action: Action) -> str:
    """Return where the object of an action is, as SILO/TYPE/ANCHOR."""
    parts = (action.silo, action.type, action.anchor)
    return visible("/".join(part for part in parts if part))
