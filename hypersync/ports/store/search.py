"""The store port for finding identities by what is indexed, and by reading a bounded piece.

Every answer is bounded, whatever there is: by the most hits that are wanted, or by the most objects
that are looked at. Beginnings are compared as they are stored, letter by letter.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hypersync.model.ids import IdentityId


class Hit(NamedTuple):
    """An identity, and the text that was found: an anchor, a join value or a name in a silo."""

    identity: IdentityId
    text: str


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found, exact ones first; ``is_cut`` says that there may be more."""

    found: Sequence[Hit] = ()
    is_cut: bool = False


class Seen(NamedTuple):
    """An object as a search reads it; ``attributes`` is the stored JSON."""

    id: int
    identity: IdentityId
    silo: str
    type: str
    anchor: str
    attributes: str


class Piece(NamedTuple):
    """Some objects in the order of their numbers: how many were read, and the number of the last.

    ``objects`` are those that may be meant; ``last`` is ``None`` when none is left.
    """

    objects: Sequence[Seen]
    read: int
    last: int | None


class Search(Protocol):
    """Finds identities."""

    def by_anchor(
        self, beginning: str, most: int, *, without: Collection[tuple[str, str]] = ()
    ) -> Hits:
        """Find by the beginning of an anchor, in any silo but in some types of theirs."""

    def by_key(self, beginning: str, most: int) -> Hits:
        """Find by the beginning of a normal join value, of the identity or of one object."""

    def by_reference(self, beginning: str, most: int) -> Hits:
        """Find by the beginning of a distinguished name in normal form."""

    def objects(self, after: int, most: int, words: Collection[str] = ()) -> Piece:
        """Read the next objects by their number, those that are away too.

        Objects that certainly have not all of ``words``, folded and as JSON has them, are left out.
        """
