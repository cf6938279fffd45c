"""What an expression may name, and what was probably meant when it names something else. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hypersync.rulebook.registry import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What an expression may name.

    ``slots`` maps each slot to its attributes, or to ``None`` when any may be there. With ``bare``
    (joins, group predicates) the expression sees one object whose attributes are bare names;
    ``slots`` then maps `BARE`. ``places`` says which functions may stand here.
    """

    slots: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    bare: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    places: frozenset[Place] = frozenset({Place.ANYWHERE, Place.RULES})


def close_to(wrong: str, known: Iterable[str], what: str) -> str:
    """Say what was probably meant, or what there is to choose from."""
    names = sorted(known)
    near = difflib.get_close_matches(wrong, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    if not names:
        return f"there are no {what}"
    return f"{what}: {', '.join(names[:20])}" + (", ..." if len(names) > 20 else "")
