"""Sentences that can be said again in another language. Pure.

A `Said` is its English text and remembers what it was made of: the message, which is what gets
translated, and the values in it. It is stored as text wherever text is stored; a `phrasebook` keeps
beside it what is needed to word it anew. Failure direction: whatever is not in the book, or cannot
be read from it, stays the English text.

``say`` and ``say_many`` are what the catalogues of translations are collected from: their messages
have to be written out where they are called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias, Union

from hypersync.model.time_span import format_time_span

MOST_PHRASES = 200
"""How many sentences of one request are kept so that they can be said in other languages."""

_FIELD = re.compile(r"\{(\w+)\}")

Part: TypeAlias = Union[str, int, datetime, timedelta, "Said"]
"""What may stand in a sentence: text as it is, a number, a time, a time span, another sentence."""


class Said(str):
    """An English sentence that knows its message and the values in it.

    ``many`` is the message for several where ``values["count"]`` says how many.
    """

    __slots__ = ("many", "message", "values")
    message: str
    many: str
    values: Mapping[str, Part]


def say(message: str, /, **values: Part) -> Said:
    """Return a sentence; ``{name}`` in the message stands for a value."""
    return _made(message, "", values)


def say_many(one: str, many: str, /, count: int, **values: Part) -> Said:
    """Return a sentence about one or several; ``{count}`` stands for how many."""
    return _made(one, many, {"count": count, **values})


def joined(separator: str, parts: Sequence[str]) -> str:
    """Return sentences one after the other, as one that can be said in another language."""
    if len(parts) < 2:
        return parts[0] if parts else ""
    names = [f"part{number}" for number in range(len(parts))]
    fields = separator.join(f"{{{name}}}" for name in names)
    return say(fields, **dict(zip(names, parts, strict=True)))


def _made(message: str, many: str, values: Mapping[str, Part]) -> Said:
    pattern = message if not many or values["count"] == 1 else many
    said = Said(filled(pattern, values, in_english))
    said.message, said.many, said.values = message, many, values
    return said


def filled(pattern: str, values: Mapping[str, Part], word: Callable[[Part], str]) -> str:
    """Return a message with its values in it; what has no value stays as it is."""
    return _FIELD.sub(
        lambda field: word(values[field[1]]) if field[1] in values else field[0], pattern
    )


def in_english(part: Part) -> str:
    """Return a value the way stored sentences have it: times in UTC, thousands apart by spaces."""
    match part:
        case str():
            return str(part)
        case datetime():
            return f"{part:%Y-%m-%d %H:%M} UTC"
        case timedelta():
            return format_time_span(part)
        case int():
            return f"{part:,}".replace(",", " ")


# --- kept beside the text ----------------------------------------------------------------------


def phrasebook(texts: Iterable[str]) -> dict[str, object]:
    """Return how the sentences among some texts are made, by their English text, for JSON."""
    book: dict[str, object] = {}
    for text in texts:
        if isinstance(text, Said) and len(book) < MOST_PHRASES:
            book.setdefault(str(text), _encoded(text))
    return book


def found_in(book: object, text: str) -> Said | None:
    """Return a sentence by its English text; nothing when the book does not have it."""
    known = book.get(text) if isinstance(book, Mapping) else None
    try:
        said = _decoded(known)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return said if isinstance(said, Said) else None


def _encoded(part: Part) -> object:
    match part:
        case Said():
            values = {name: _encoded(each) for name, each in part.values.items()}
            return {"say": part.message, "many": part.many, "with": values}
        case datetime():
            return {"at": part.isoformat()}
        case timedelta():
            return {"seconds": part.total_seconds()}
        case str() | int():
            return part


def _decoded(known: object) -> Part:
    match known:
        case {"say": str(message), "many": str(many), "with": dict(values)}:
            return _made(message, many, {name: _decoded(each) for name, each in values.items()})
        case {"at": str(at)}:
            return datetime.fromisoformat(at)
        case {"seconds": float(seconds) | int(seconds)}:
            return timedelta(seconds=seconds)
        case str() | int():
            return known
        case _:
            raise ValueError("this is no part of a sentence")
