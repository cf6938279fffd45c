"""How values, numbers and times are worded for people. Pure.

Values come from directories and may hold anything: characters that change the reading direction or
cannot be seen are shown by their code, and long values are cut with their length said. Everything
is in English unless the reader's `Words` are given.
"""

from __future__ import annotations

from datetime import datetime

from hypersync.messages.words import IN_ENGLISH, Words
from hypersync.model.actions import Action
from hypersync.model.objects import Operation, Scalar, Value
from hypersync.model.said import say
from hypersync.model.visible import unhidden

MOST_CHARACTERS = 200
MOST_VALUES = 10

_VERBS = {
    Operation.CREATE: say("create"),
    Operation.UPDATE: say("change"),
    Operation.MOVE: say("move"),
    Operation.RENAME: say("rename"),
    Operation.ENABLE: say("enable"),
    Operation.DISABLE: say("disable"),
    Operation.DELETE: say("delete"),
    Operation.ADD_MEMBER: say("add to group"),
    Operation.REMOVE_MEMBER: say("remove from group"),
    Operation.EVENT: say("send event"),
}


def visible(text: str, most: int = MOST_CHARACTERS, words: Words = IN_ENGLISH) -> str:
    """Return text in which nothing is hidden, cut after ``most`` characters."""
    shown = unhidden(text[:most])
    if len(text) <= most:
        return shown
    return words.say("{text}… ({count} characters)", text=shown, count=len(text))


def value(
    given: Value,
    most: int = MOST_CHARACTERS,
    words: Words = IN_ENGLISH,
    *,
    values: int = MOST_VALUES,
) -> str:
    """Return an attribute value; none is a dash, several are separated by commas."""
    if given is None:
        return "\N{EN DASH}"
    if not isinstance(given, tuple):
        return _scalar(given, most, words)
    shown = ", ".join(_scalar(each, most, words) for each in given[:values])
    rest = len(given) - values
    return shown if rest <= 0 else words.say("{list} and {count} more", list=shown, count=rest)


def _scalar(given: Scalar, most: int, words: Words) -> str:
    if isinstance(given, bytes):
        return words.say("({count} bytes)", count=len(given))
    if isinstance(given, bool):
        return words.say("true") if given else words.say("false")
    text = str(given)
    return visible(text, most, words) if text.strip() else f"“{visible(text, most, words)}”"


def number(count: int) -> str:
    """Return a number with its thousands apart, by spaces that do not break."""
    return IN_ENGLISH.number(count)


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 action`` or ``300 actions``."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def moment(at: datetime, timezone: str) -> str:
    """Return a time on somebody's clocks, for instance ``Mon 2 Mar 2026, 13:00 CET``."""
    return Words(timezone=timezone).moment(at)


def ordinal(nth: int) -> str:
    """Return ``2nd``, ``3rd``, ``11th``."""
    return IN_ENGLISH.ordinal(nth)


def verb(operation: Operation, words: Words = IN_ENGLISH) -> str:
    """Return what an operation does to an object."""
    return words.said(_VERBS[operation])


def who(action: Action, words: Words = IN_ENGLISH) -> str:
    """Return what people would call the object of an action."""
    name = action.title or action.anchor
    return visible(name or words.say("identity {number}", number=str(action.identity)), 120, words)


def where(action: Action) -> str:
    """Return where the object of an action is, as SILO/TYPE/ANCHOR."""
    parts = (action.silo, action.type, action.anchor)
    return visible("/".join(part for part in parts if part))
