"""Writes changes to an LDAP directory, passwords only where nobody on the way reads them."""

from __future__ import annotations

from collections.abc import Mapping

from hypersync.connectors.directory.schema import Representation
from hypersync.connectors.directory.tree import Directory, Place
from hypersync.connectors.directory.values import refuse_passwords_in_clear
from hypersync.connectors.directory.wire import Entry, Step
from hypersync.connectors.directory.write import Writer
from hypersync.model.objects import Attributes, Change


class LdapWriter(Writer):
    """Applies one batch of changes over one connection, on which passwords go if ``is_secret``."""

    def __init__(
        self, directory: Directory, places: Mapping[str, Place], *, is_secret: bool
    ) -> None:
        super().__init__(directory, places)
        self._is_secret = is_secret

    def _steps(
        self, after: Attributes, place: Place, shown: Representation, entry: Entry
    ) -> tuple[dict[str, list[Step]], list[str]]:
        if not self._is_secret:
            refuse_passwords_in_clear(after, shown)
        return super()._steps(after, place, shown, entry)

    def _new_entry(
        self, change: Change, place: Place, dn: str, shown: Representation
    ) -> dict[str, list[bytes]]:
        if not self._is_secret:
            refuse_passwords_in_clear(change.after or {}, shown)
        return super()._new_entry(change, place, dn, shown)
