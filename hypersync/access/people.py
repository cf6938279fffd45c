"""Who somebody is who comes in: a person of the configuration, or nobody. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypersync.approvals.directory import Directory, Person

if TYPE_CHECKING:
    from hypersync.config.sign_in_models import Names

_MOST_CHARACTERS = 320


def person_named(value: str, names: Names, directory: Directory) -> Person | None:
    """Return the person whose mail address, subject or own name this is; nobody for an empty one.

    Addresses are the same in upper and lower case. Names and subjects are compared as they are.
    """
    if not value or len(value) > _MOST_CHARACTERS:
        return None
    if names == "person":
        return directory.people.get(value)
    people = directory.people.values()
    if names == "subject":
        found = [each for each in people if each.subject == value]
    else:
        found = [each for each in people if each.email.casefold() == value.casefold()]
    return found[0] if len(found) == 1 else None


def person_typed(value: str, directory: Directory) -> Person | None:
    """Return the person who types this as their name: their own name here, or their address."""
    typed = value.strip()
    return person_named(typed, "person", directory) or person_named(typed, "email", directory)
