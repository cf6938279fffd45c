"""Keep what can be kept of a file with mistakes, so that later stages find theirs at once. Pure.

Only entries with a default are left out, and whole rules: leaving out a join or a silo would make
mistakes of what refers to it, so then nothing is kept. What comes out is
only ever examined, never run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from hypersync.config.mistakes import steps_in
from hypersync.config.source import Items, Section, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hypersync.config.mistakes import Path

_NAMED = frozenset({"silos", "joins", "tables", "people", "plans"})
M = TypeVar("M", bound=BaseModel)


def salvage(model: type[M], tree: Section, error: ValidationError) -> M | None:
    """Return the model of ``tree`` without what ``error`` complains about, None if it needs it."""
    wrong = {steps_in(tree, details) for details in error.errors(include_url=False)}
    if any(path[:1] and path[0] in _NAMED and len(path) <= len(("silos", "hr")) for path in wrong):
        return None
    for paths in (wrong, {_rule_of(path) for path in wrong}):
        kept = _without(tree, paths)
        if isinstance(kept, Section):
            try:
                return model.model_validate(kept)
            except ValidationError:
                continue
    return None


def _rule_of(path: Path) -> Path:
    return path[:2] if path[:1] == ("rules",) else path


def _without(tree: Tree, paths: Iterable[Path]) -> Tree | None:
    """Return a copy of ``tree`` without the entries at ``paths``; None when it is one of them."""
    below = [path for path in paths if path]
    if len(below) < len(list(paths)):
        return None
    match tree:
        case Section():
            section = Section(tree.place)
            section.originals = tree.originals
            section.unresolved = tree.unresolved
            for key, entry in tree.items():
                kept = _without(entry, [path[1:] for path in below if path[0] == key])
                if kept is not None:
                    section[key] = kept
                    section.lines[key] = tree.lines[key]
            return section
        case Items():
            items = Items(tree.place)
            for number, entry in enumerate(tree):
                kept = _without(entry, [path[1:] for path in below if path[0] == number])
                if kept is not None:
                    items.lines[len(items)] = tree.lines[number]
                    items.unresolved.update([len(items)] * (number in tree.unresolved))
                    items.append(kept)
            return items
        case _:
            return tree
