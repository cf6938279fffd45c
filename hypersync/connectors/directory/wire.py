"""The LDAP protocol for directories: a thin adapter over any `link`, so over any library.

What libraries do not do for us (each is a test): they swallow errors after the first page of a
paged search, and answer False for a search without entries. So there is an own loop over pages
that believes a search only when the result code is 0, the cookie is empty and the server sends
nobody elsewhere, and results are values of ours with a sentence for people.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Protocol, cast

from hypersync.connectors.directory import ber
from hypersync.connectors.directory.address import Address, WireKind
from hypersync.connectors.directory.answers import (
    BASE,
    NOT_NOW,
    ONE_LEVEL,
    SUBTREE,
    Among,
    Answer,
    Code,
    Control,
    Entry,
    Lost,
    Raw,
    Result,
    Search,
    Step,
)
from hypersync.connectors.directory.link import Link
from hypersync.connectors.directory.paging import answers, in_advance, page_after
from hypersync.errors import ScanFailed, SiloBusy, SiloRefused, SiloUnreachable

__all__ = [
    "ASSERTION",
    "Among",
    "Answer",
    "Busy",
    "Code",
    "Control",
    "Entry",
    "Lost",
    "Raw",
    "Result",
    "Step",
    "Wire",
    "assertion",
    "escaped",
]
ASSERTION = "1.3.6.1.1.12"
_LINKS: Mapping[WireKind, str] = {
    "ldap3": "hypersync.connectors.directory.ldap3_link",
    "c": "hypersync.connectors.directory.c_link",
}
_LISTED = 5
"""So many times as large as others are the pages of lists, whose entries are small."""
_ESCAPED = {ord(sign): f"\\{ord(sign):02x}" for sign in "*()\\\0"}
_log = logging.getLogger(__name__)


class Busy(SiloRefused):
    """The server cannot answer now."""


class _LinkModule(Protocol):
    def open_link(self, url: str, address: Address) -> Link:
        """Connect to one server and sign in; raises ``SiloUnreachable`` or ``SiloRefused``."""


class Wire:
    """One connection to the server at ``url``, from first to last. Not thread-safe.

    ``is_lost`` tells that it broke, after which it stays broken.
    """

    def __init__(self, link: Link, url: str = "") -> None:
        self._link = link
        self.url = url
        self.is_lost = False

    @classmethod
    def connect(cls, address: Address) -> Wire:
        """Connect to the first server that answers, and sign in.

        Raises `SiloUnreachable` when none does (`SiloBusy` when all ask to wait), and `SiloRefused`
        as soon as one refuses us: a wrong password that is tried everywhere locks the account.
        """
        module = _link_module(address.wire)
        failed: list[SiloUnreachable] = []
        for url in address.urls:
            try:
                link = module.open_link(url, address)
            except SiloUnreachable as error:
                failed.append(error)
                continue
            if failed:
                _log.warning("using %s, because %s", url, _said(failed))
            return cls(link, url)
        is_busy = all(isinstance(each, SiloBusy) for each in failed)
        raise (SiloBusy if is_busy else SiloUnreachable)(_said(failed))

    def close(self) -> None:
        """Say goodbye; never raises."""
        self._link.close()

    def pages(
        self,
        base: str,
        filter_: str,
        attributes: Sequence[str],
        *,
        one_level: bool = False,
        page_size: int = 1_000,
        controls: Sequence[Control] = (),
        ignore_references: bool = False,
        is_list: bool = False,
    ) -> Iterator[list[Entry]]:
        """Search page by page.

        A list is of entries that differ in few values; each page is fetched while the one before
        is worked on, so nothing else may be asked meanwhile. Raises `ScanFailed` unless every page
        was answered with result code 0 and the last one with an empty cookie, and when part of it
        is on another server, unless that is to be ignored; `SiloRefused` for a filter that is none.
        """
        search = Search(
            base=base,
            filter=filter_,
            attributes=attributes,
            scope=ONE_LEVEL if one_level else SUBTREE,
            are_alike=is_list,
        )

        size = page_size * _LISTED if is_list else page_size

        def page(cookie: bytes) -> Answer:
            nonlocal size
            try:
                paged = page_after(cookie, size)
                return self._page(replace(search, controls=(*controls, paged)))
            except ScanFailed:
                if cookie or size == page_size:
                    raise
                size = page_size  # servers may limit what is asked for at once
                return page(cookie)

        for answer in in_advance(answers(page)) if is_list else answers(page):
            if answer.references and not ignore_references:
                raise ScanFailed(
                    f"part of {base} is on other servers: {', '.join(answer.references[:3])}; scan "
                    "them as silos of their own and say 'references: ignore' here"
                )
            yield answer.entries

    def _page(self, search: Search) -> Answer:
        try:
            answer = self._search(search)
        except Lost as error:
            raise ScanFailed(
                f"the server went away in the middle of {search.base}: {error}"
            ) from None
        if answer.result.code:
            raise ScanFailed(
                f"the search below {search.base} did not end well: {answer.result.sentence}"
            )
        return answer

    def find(
        self,
        base: str,
        filter_: str,
        attributes: Sequence[str],
        *,
        base_only: bool = False,
        controls: Sequence[Control] = (),
        among: Among | None = None,
    ) -> list[Entry]:
        """Search for a few entries; none when ``base`` is not there.

        Raises `Lost`, `Busy`, and `SiloRefused` for every other answer but success and no such
        object.
        """
        answer = self.search(
            base, filter_, attributes, base_only=base_only, controls=controls, among=among
        )
        if answer.result.is_(Code.NO_SUCH_OBJECT):
            return []
        if answer.result.code:
            raised = Busy if answer.result.is_(*NOT_NOW) else SiloRefused
            raise raised(f"the search in {base or 'the root'} failed: {answer.result.sentence}")
        return answer.entries

    def search(
        self,
        base: str,
        filter_: str,
        attributes: Sequence[str],
        *,
        base_only: bool = False,
        controls: Sequence[Control] = (),
        among: Among | None = None,
    ) -> Answer:
        """Search once and return whatever comes, the controls of the answer too; raises `Lost`."""
        scope = BASE if base_only else SUBTREE
        return self._search(
            Search(
                base=base,
                filter=filter_,
                attributes=attributes,
                scope=scope,
                controls=controls,
                among=among,
            )
        )

    def _search(self, search: Search) -> Answer:
        with self._noticing():
            return self._link.search(search)

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Remember when the connection breaks."""
        try:
            yield
        except Lost:
            self.is_lost = True
            raise

    def add(self, dn: str, attributes: Raw, *, controls: Sequence[Control] = ()) -> Result:
        """Add an entry; raises `Lost`."""
        with self._noticing():
            return self._link.add(dn, attributes, controls)

    def modify(
        self,
        dn: str,
        changes: Mapping[str, Sequence[Step]],
        *,
        absent: Sequence[str] = (),
        controls: Sequence[Control] = (),
    ) -> Result:
        """Modify an entry in one request; raises `Lost`.

        ``changes`` maps attributes to steps: ``delete``, ``add`` or ``replace`` with values.
        ``absent`` are attributes that must have no value, else nothing is done (RFC 4528).
        """
        asserted = [assertion(absent)] if absent else []
        with self._noticing():
            return self._link.modify(dn, changes, [*controls, *asserted])

    def move(
        self, dn: str, rdn: str, parent: str | None, *, controls: Sequence[Control] = ()
    ) -> Result:
        """Rename an entry, and give it another parent unless ``None``; raises `Lost`."""
        with self._noticing():
            return self._link.move(dn, rdn, parent, controls)

    def delete(self, dn: str, *, controls: Sequence[Control] = ()) -> Result:
        """Delete an entry; raises `Lost`."""
        with self._noticing():
            return self._link.delete(dn, controls)


def assertion(absent: Sequence[str], held: Sequence[tuple[str, bytes]] = ()) -> Control:
    """Return what makes a request fail unless the entry lacks some attributes and holds others."""
    return Control(ASSERTION, value=ber.filter_for(absent, held))


def _link_module(kind: WireKind) -> _LinkModule:
    try:
        return cast("_LinkModule", import_module(_LINKS[kind]))
    except ModuleNotFoundError as error:
        if error.name != "ldap":
            raise
        raise SiloRefused("'wire: c' needs another package; install 'hypersync[ldap-c]'") from error


def escaped(value: str) -> str:
    """Return a value as it may stand in a filter (RFC 4515)."""
    return value.translate(_ESCAPED)


def _said(errors: Sequence[SiloUnreachable]) -> str:
    return "; ".join(each.message for each in errors)
