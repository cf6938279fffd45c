"""Who somebody is who comes in: a person of the configuration, or nobody. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypersync.approvals.directory import Directory, Person

if TYPE_CHECKING:
    from hypersync.config.sign_in_models import Names

_MOST_CHARACTERS = 320


def person_named(value: str, names: Names, directory: Directory) -> Person | None:
    """Return the person whose mail address, subject or own name this is; nobody for an empty one.

    ASCII addresses are the same in upper and lower case; others, names and subjects are compared
    as they are, because folding makes different letters one: the Kelvin sign a k, and ß an ss.
    """
    if not value or len(value) > _MOST_CHARACTERS:
        return None
    if names == "person":
        return directory.people.get(value)
    people = directory.people.values()
    if names == "subject":
        found = [each for each in people if each.subject == value]
    else:
        found = [each for each in people if _are_one_address(each.email, value)]
    return found[0] if len(found) == 1 else None


def _are_one_address(one: str, other: str) -> bool:
    if one.isascii() and other.isascii():
        return one.lower() == other.lower()
    return one == other


def person_typed(value: str, directory: Directory) -> Person | None:
    """Return the person who types this as their name: their own name here, or their address."""
    typed = value.strip()
    return person_named(typed, "person", directory) or person_named(typed, "email", directory)
