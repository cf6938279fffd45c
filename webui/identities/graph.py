"""Lays out an identity as a graph of boxes and lines. Pure.

The identity is in the middle, its objects beside it by silo, what those are tied to further out.
Everything stands in columns, so that no box covers another however many there are: the silos are
shared out to both sides so that these are about as high, and an object is as high as what it is
tied to. Texts are cut to their boxes; the list beside the graph has them whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from hypersync.messages.pages.identities import EdgeView, GraphView, GroupView, NodeView

BOX, TALL, GAP = 172.0, 42.0, 12.0
BETWEEN = 74.0
"""The room between two columns, where edges and their words are."""
HEAD = 26.0
"""The room over the objects of a silo, for its name."""
EDGE = 14.0
MOST_OUTER = 12
"""The most ties of one object that are drawn."""
MOST_LETTERS = 22


@dataclass(frozen=True, slots=True)
class Outer:
    """What an object is tied to; ``is_from`` says that the edge begins at the object."""

    name: str
    text: str
    word: str
    address: str
    is_from: bool = True


@dataclass(frozen=True, slots=True)
class Inner:
    """An object of the identity, and what it is tied to."""

    silo: str
    name: str
    text: str
    address: str
    is_there: bool = True
    outer: Sequence[Outer] = ()


@dataclass(slots=True)
class _Drawing:
    nodes: list[NodeView] = field(default_factory=list)
    edges: list[EdgeView] = field(default_factory=list)
    groups: list[GroupView] = field(default_factory=list)


def graph(name: str, text: str, objects: Sequence[Inner]) -> GraphView:
    """Return an identity with its objects and what they are tied to as boxes and lines."""
    left, right = sides(objects)
    has_outer = [any(each.outer for each in side) for side in (left, right)]
    middle = EDGE + (2 if has_outer[0] else 1) * (BOX + BETWEEN) * bool(left)
    after = (2 if has_outer[1] else 1) * (BOX + BETWEEN) * bool(right)
    height = max(_height(left), _height(right), TALL)
    drawing = _Drawing()
    center = NodeView(
        x=middle,
        y=EDGE + (height - TALL) / 2,
        width=BOX,
        height=TALL,
        kind="identity",
        name=short(name),
        text="",
        address="",
    )
    drawing.nodes.append(center)
    for side, direction in ((left, -1), (right, 1)):
        _draw_side(drawing, center, side, direction, EDGE + (height - _height(side)) / 2)
    return GraphView(
        width=round(middle + BOX + after + EDGE, 1),
        height=round(height + 2 * EDGE, 1),
        text=text,
        nodes=drawing.nodes,
        edges=drawing.edges,
        groups=drawing.groups,
        lines=[*_lines(objects)],
        note=_note(objects),
    )


def sides(objects: Sequence[Inner]) -> tuple[list[Inner], list[Inner]]:
    """Share the silos out to both sides, the next always to the lower one."""
    left: list[Inner] = []
    right: list[Inner] = []
    for _, together in groupby(sorted(objects, key=lambda each: each.silo), lambda each: each.silo):
        side = right if _height(right) < _height(left) else left
        side += together
    return left, right


def _height(side: Sequence[Inner]) -> float:
    """Return how high the objects of one side are together, with the names of their silos."""
    silos = len({each.silo for each in side})
    return sum(_tall(each) + GAP for each in side) + silos * HEAD


def _tall(inner: Inner) -> float:
    """Return how high an object is with what it is tied to beside it."""
    return max(1, min(len(inner.outer), MOST_OUTER)) * (TALL + GAP) - GAP


def _draw_side(
    drawing: _Drawing, center: NodeView, side: Sequence[Inner], direction: int, top: float
) -> None:
    x = center.x + direction * (BOX + BETWEEN)
    for silo, together in groupby(side, lambda each: each.silo):
        drawing.groups.append(GroupView(short(silo), round(x, 1), round(top + HEAD - 8, 1)))
        top += HEAD
        for each in together:
            _draw_object(drawing, center, each, direction, x, top)
            top += _tall(each) + GAP


def _draw_object(
    drawing: _Drawing, center: NodeView, inner: Inner, direction: int, x: float, top: float
) -> None:
    y = top + (_tall(inner) - TALL) / 2
    node = _box(x, y, "object" if inner.is_there else "away", inner.name, inner.text, inner.address)
    drawing.nodes.append(node)
    drawing.edges.append(_edge(center, node, direction, ""))
    for number, outer in enumerate(inner.outer[:MOST_OUTER]):
        at = top + number * (TALL + GAP)
        if len(inner.outer) == 1:
            at = y
        far = _box(
            x + direction * (BOX + BETWEEN), at, "other", outer.name, outer.text, outer.address
        )
        drawing.nodes.append(far)
        drawing.edges.append(_edge(node, far, direction, outer.word))


def _box(x: float, y: float, kind: str, name: str, text: str, address: str) -> NodeView:
    return NodeView(
        x=round(x, 1),
        y=round(y, 1),
        width=BOX,
        height=TALL,
        kind=kind,
        name=short(name),
        text=short(text, MOST_LETTERS + 4),
        address=address,
    )


def _edge(near: NodeView, far: NodeView, direction: int, word: str) -> EdgeView:
    """Return a curve from the side of one box to that of another, with a word where it ends."""
    start = near.x + (near.width if direction > 0 else 0)
    end = far.x + (0 if direction > 0 else far.width)
    high, low = near.y + near.height / 2, far.y + far.height / 2
    half = (start + end) / 2
    path = (
        f"M{start:.1f} {high:.1f} C{half:.1f} {high:.1f} {half:.1f} {low:.1f} {end:.1f} {low:.1f}"
    )
    return EdgeView(path, short(word, 11), round(half + direction * 12, 1), round(low - 5, 1))


def short(text: str, most: int = MOST_LETTERS) -> str:
    """Return a text that fits into its box."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _lines(objects: Sequence[Inner]) -> Iterator[tuple[str, str, str]]:
    """Yield the graph in words: what, how it is tied, and where it leads."""
    for each in objects:
        away = "" if each.is_there else ", not there any more"
        yield f"{each.silo}: {each.name}", f"{each.text}{away}", each.address
        for outer in each.outer:
            how = f"{outer.word} of" if outer.is_from else f"has as {outer.word}"
            yield outer.name, f"{how} {each.name} ({outer.text})", outer.address


def _note(objects: Sequence[Inner]) -> str:
    left = sum(max(len(each.outer) - MOST_OUTER, 0) for each in objects)
    return f"{left} more are in the list." if left else ""
