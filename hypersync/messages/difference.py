"""How a value before and after is worded, so that nobody takes a change for none. Pure.

Of lists it is said what is added and what is removed; a long text is cut around the first place
where it differs. Failure direction: where both would still look alike, it is said that they differ,
with the size and the beginning of a SHA-256 of each.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence

from hypersync.messages import wording
from hypersync.messages.words import IN_ENGLISH, Words
from hypersync.model.objects import Scalar, Value
from hypersync.model.visible import unhidden

_PAIRS = ({"LATIN", "CYRILLIC"}, {"LATIN", "GREEK"}, {"CYRILLIC", "GREEK"})
"""Scripts that have letters of the same shape."""


def difference(
    before: Value,
    after: Value,
    most: int = wording.MOST_CHARACTERS,
    words: Words = IN_ENGLISH,
    *,
    values: int = wording.MOST_VALUES,
) -> tuple[str, str]:
    """Return how a value is shown before and after a change; ``values`` of a list are named."""
    is_list = isinstance(before, tuple), isinstance(after, tuple)
    if before is None or after is None or not any(is_list):
        return _each(before, after, most, words, values)
    then, now = _lists(_listed(before), _listed(after), most, words, values)
    return then, _noted(now, words) if is_list[0] != is_list[1] and then == now else now


def _each(before: Value, after: Value, most: int, words: Words, values: int) -> tuple[str, str]:
    """Return each value as it is, marked where they look the same and are not."""
    if isinstance(before, str) and isinstance(after, str):
        then, now = _texts(before, after, most, words)
    else:
        then = wording.value(before, most, words, values=values)
        now = wording.value(after, most, words, values=values)
    if _is_same(before, after) or not _look_alike(then, now):
        return then, now
    return f"{then} {_mark(before, words)}", _noted(f"{now} {_mark(after, words)}", words)


def _noted(shown: str, words: Words) -> str:
    return words.say("{value} (differs, even if it looks the same)", value=shown)


# --- long texts --------------------------------------------------------------------------------


def _texts(before: str, after: str, most: int, words: Words) -> tuple[str, str]:
    """Cut two texts at the same place, so that the first difference is shown."""
    first = _first_difference(before, after)
    start = 0 if max(len(before), len(after)) <= most else max(0, first - most // 4)
    if start == 0 or not (before.strip() and after.strip()):
        return wording.value(before, most, words), wording.value(after, most, words)
    return _cut(before, start, most, words), _cut(after, start, most, words)


def _cut(text: str, start: int, most: int, words: Words) -> str:
    shown = f"…{unhidden(text[start : start + most])}"
    return words.say("{text}… ({count} characters)", text=shown, count=len(text))


def _first_difference(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    shorter = min(len(one), len(other))
    return next((place for place, (a, b) in enumerate(pairs) if a != b), shorter)


# --- lists -------------------------------------------------------------------------------------


def _lists(
    before: Sequence[Scalar], after: Sequence[Scalar], most: int, words: Words, values: int
) -> tuple[str, str]:
    then, now = Counter(map(_keyed, before)), Counter(map(_keyed, after))
    gone = [each for _, each in (then - now).elements()]
    come = [each for _, each in (now - then).elements()]
    if not gone and not come:
        return _reordered(before, after, most, words, values)
    texts = _told_apart(gone[:values], come[:values], most, words)
    removed = _named(texts[0], len(gone), words)
    added = _named(texts[1], len(come), words)
    left = words.say("removed: {values}", values=removed) if gone else words.say("nothing removed")
    right = words.say("added: {values}", values=added) if come else words.say("nothing added")
    kept = (then & now).total()
    same = words.say("{count} unchanged", count=kept) if kept else ""
    return left, "; ".join(each for each in (right, same) if each)


def _reordered(
    before: Sequence[Scalar], after: Sequence[Scalar], most: int, words: Words, values: int
) -> tuple[str, str]:
    then, now = (wording.value(tuple(each), most, words, values=values) for each in (before, after))
    if [*map(_keyed, before)] == [*map(_keyed, after)]:
        return then, now
    return then, words.say("{values} (the same in another order)", values=now)


def _told_apart(
    gone: Sequence[Scalar], come: Sequence[Scalar], most: int, words: Words
) -> tuple[list[str], list[str]]:
    """Return what is removed and added, marked where some of it would look alike."""
    if len(gone) == len(come) == 1:
        removed, added = _each(gone[0], come[0], most, words, 1)
        return [removed], [added]
    shown = [(each, wording.value(each, most, words)) for each in (*gone, *come)]
    looks = [_look(text) for _, text in shown]

    def told(value: Scalar, text: str, look: str) -> str:
        is_alone = sum(look == each or _are_confusable(look, each) for each in looks) == 1
        return text if is_alone else f"{text} {_mark(value, words)}"

    texts = [told(*each, look) for each, look in zip(shown, looks, strict=True)]
    return texts[: len(gone)], texts[len(gone) :]


def _named(texts: Sequence[str], count: int, words: Words) -> str:
    shown, rest = ", ".join(texts), count - len(texts)
    return shown if rest <= 0 else words.say("{list} and {count} more", list=shown, count=rest)


def _listed(value: Scalar | tuple[Scalar, ...]) -> Sequence[Scalar]:
    return value if isinstance(value, tuple) else (value,)


def _keyed(value: Scalar) -> tuple[type, Scalar]:
    return type(value), value


# --- looking alike -----------------------------------------------------------------------------


def _is_same(one: Value, other: Value) -> bool:
    return type(one) is type(other) and one == other


def _look_alike(one: str, other: str) -> bool:
    ours, theirs = _look(one), _look(other)
    return ours == theirs or _are_confusable(ours, theirs)


def _look(text: str) -> str:
    """Return what is seen of a text: spaces run together, and letters may be made in many ways."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _are_confusable(one: str, other: str) -> bool:
    """Tell whether texts differ in nothing but letters of different scripts, as Latin and Greek."""
    if len(one) != len(other):
        return False
    pairs = zip(one, other, strict=True)
    return all(a == b or {_script(a), _script(b)} in _PAIRS for a, b in pairs)


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


def _mark(value: Value, words: Words) -> str:
    """Return size and beginning of the hash of a value, which no two different ones share."""
    if isinstance(value, bytes):
        data, size = value, ""
    elif isinstance(value, str):
        data = value.encode(errors="surrogatepass")
        size = words.say("{count} characters", count=len(value))
    else:
        data, size = repr(value).encode(), words.say("no text")
    mark = f"#{hashlib.sha256(data).hexdigest()[:8]}"
    return f"[{size}, {mark}]" if size else f"[{mark}]"
