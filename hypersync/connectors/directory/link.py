"""What one library for LDAP has to do for `wire`: nothing but single requests and their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hypersync.connectors.directory.answers import Answer, Control, Raw, Result, Search, Step


class Link(Protocol):
    """One connection to one server, signed in.

    Every request raises `Lost` when the connection breaks and ``SiloRefused`` when it could not
    even be sent because it is no LDAP. Every wait is bounded.
    """

    def search(self, search: Search) -> Answer:
        """Search once, as far as the server's first answer goes; follows no references."""

    def add(self, dn: str, attributes: Raw, controls: Sequence[Control]) -> Result:
        """Add an entry."""

    def modify(
        self, dn: str, changes: Mapping[str, Sequence[Step]], controls: Sequence[Control]
    ) -> Result:
        """Modify an entry; a ``delete`` or ``replace`` without values takes all away."""

    def move(self, dn: str, rdn: str, parent: str | None, controls: Sequence[Control]) -> Result:
        """Rename an entry and drop the old name, below another parent unless ``None``."""

    def delete(self, dn: str, controls: Sequence[Control]) -> Result:
        """Delete an entry."""

    def close(self) -> None:
        """Say goodbye; never raises."""
