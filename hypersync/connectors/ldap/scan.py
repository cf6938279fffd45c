"""One pass over one type of an LDAP silo: everything, or what changed since a cursor.

The cursor holds the newest change of each writing server as it was when the scan began, at which
server, and the scope; at another server, which may lag behind, or with another scope it is lost.
Where the account may not read ``entryCSN``, there are no deltas, unless ``overlap`` is said: then
changes are told by ``modifyTimestamp``, which does not tell who wrote, so what arrives later than
that from another writer would be lost. Where an object hides that too, there are none. Deletes
leave no trace, so a delta ends with all anchors. Beside them come their stamps, which show what
arrived late from another writer and sorts below what was seen already (`survey`). What changes
while a scan runs comes with the next one; a delta begins an overlap earlier, because servers commit
changes out of order. What stands below a renamed entry is read again (`renamed`). Who shares an
anchor with another is known once all are listed; until then a delta holds back what it read, where
the server does not keep anchors unique.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Final

from hypersync.connectors.directory.tree import Directory
from hypersync.connectors.directory.wire import Entry, Wire
from hypersync.connectors.ldap.cursor import Cursor, earlier, newest, writer_of
from hypersync.connectors.ldap.options import (
    LdapOptions,
    filter_of,
    place_of,
    scope_of,
    type_options,
)
from hypersync.connectors.ldap.renamed import Holders, bases, holders_now, moved_above, stamp_of
from hypersync.connectors.ldap.server import contexts, verify
from hypersync.connectors.ldap.survey import Survey
from hypersync.connectors.settings import fingerprint
from hypersync.errors import CursorLost, ScanFailed, SiloRefused
from hypersync.model.objects import Anchors, Batch, Complete, Invalid, ObjectType, ScanEvent, Seen

MOST_LATE: Final = 2_000
"""So many late changes are asked for one by one; with more everything is read."""
MOST_HELD: Final = 10_000
"""So many changes are held back until it is known who shares an anchor."""
_AT_ONCE = 100
EXACT, _COARSE = "entryCSN", "modifyTimestamp"


class _HidesChanges(Exception):
    """The account may not read the attribute that tells changes."""


class Scan:
    """One pass over one type; remembers the newest changes it met for the cursor."""

    def __init__(
        self, kind: ObjectType, options: LdapOptions, wire: Wire, directory: Directory
    ) -> None:
        self._kind = kind
        self._options = options
        self._wire = wire
        self._directory = directory
        self._place = place_of(kind)
        self._shown = directory.representation(self._place)
        self._clock = directory.change_attribute
        self._contexts: dict[str, str] = {}
        self._started: dict[str, str] = {}
        self._newest: dict[str, str] = {}
        self._witness: tuple[str, str] | None = None
        self._given: dict[str, tuple[str, str]] = {}
        self._shared: dict[str, str] = {}
        self._holders = Holders()
        self._is_delta = False
        self._is_blind = False
        self._began = monotonic()

    def full(self) -> Iterator[Batch]:
        """Report every entry of the type."""
        wanted = filter_of(self._kind)
        self._look_at_contexts()
        self._holders = holders_now(self._place.base, wanted, self._pages)
        try:
            yield from self._entries(self._place.base, wanted)
        except _HidesChanges:  # noticed before anything was reported
            self._clock, self._contexts = _COARSE, {}
            yield from self._entries(self._place.base, wanted)
        yield [Complete(self._cursor({}))]

    def delta(self, text: str) -> Iterator[Batch]:
        """Report entries changed since the cursor, then all anchors."""
        self._is_delta = True
        cursor, since = self._since(text)
        self._clock = cursor.by
        self._look_at_contexts()
        verify(self._directory, self._place, cursor, self._contexts)
        self._witness = cursor.witness
        wanted = filter_of(self._kind)
        changes = self._entries(self._place.base, f"(&{wanted}({self._clock}>={since}))")
        held = [] if self._is_unique else _held(changes)
        yield from changes
        survey = self._survey(cursor, since)
        yield [self._nameless(dn) for dn in survey.nameless]
        if not self._is_unique:
            self._shared |= survey.shared
        for batch in held:
            yield [event for event in batch if event.anchor not in self._shared]
        late = [anchor for anchor, state in survey.changed if self._given.get(anchor) != state]
        late += (survey.anchors - self._shared.keys()).intersection(cursor.shared)
        yield from self._late(late)
        changed = list(moved_above(self._directory, self._place, cursor, since, self._pages))
        self._holders = survey.holders
        moved = self._holders.among(changed) | self._holders.unlike(cursor.holders)
        for base in bases(self._directory, self._place, moved):
            yield from self._entries(base, wanted)
        for entry in changed:
            self._note(self._changed(entry))
        yield [self._ambiguous(anchor, dn) for anchor, dn in self._shared.items()]
        everybody = Anchors(self._kind.name, frozenset(survey.anchors))
        yield [everybody, Complete(self._cursor(cursor.marks))]

    def _look_at_contexts(self) -> None:
        if self._clock == EXACT:
            self._contexts = contexts(self._directory, self._place)

    def _survey(self, cursor: Cursor, since: str) -> Survey:
        """List all entries of the type."""
        survey = Survey(self._place, cursor, since)
        wanted = [self._place.anchor, self._clock]
        base, filter_ = self._place.base, filter_of(self._kind)
        for page in self._pages(base, filter_, wanted, is_list=True):
            self._start(page)
            survey.take(page)
        return survey

    def _late(self, anchors: Sequence[str]) -> Iterator[Batch]:
        """Report entries by their anchors."""
        if len(anchors) > MOST_LATE:
            raise CursorLost(
                f"{len(anchors)} changes of other servers arrived late; everything is read"
            )
        for start in range(0, len(anchors), _AT_ONCE):
            some = map(self._place.anchor_filter, anchors[start : start + _AT_ONCE])
            filter_ = f"(&{filter_of(self._kind)}(|{''.join(some)}))"
            yield from self._entries(self._place.base, filter_)

    def _entries(self, base: str, filter_: str) -> Iterator[Batch]:
        for page in self._pages(base, filter_, self._requested()):
            self._start(page)
            events = map(self._event, page)
            yield [event for event in events if event is not None]

    def _event(self, entry: Entry) -> ScanEvent | None:
        """Return what an entry is to be reported as; nothing when it was, just so."""
        kind = self._kind.name
        anchor = self._place.anchor_of(entry)
        stamp = self._changed(entry)
        self._note(stamp)
        if anchor is None:
            return None if self._is_delta else self._nameless(entry.dn)
        known = self._remember(anchor, (entry.dn, stamp))
        if self._is_delta and anchor in self._shared:
            return None
        if known == (entry.dn, stamp):
            return None
        if known is not None and known[0] != entry.dn and not self._is_unique:
            self._shared[anchor] = entry.dn
            return None if self._is_delta else self._ambiguous(anchor, entry.dn)
        if self._witness is None or stamp > self._witness[1]:
            self._witness = (anchor, stamp)
        attributes = self._shown.attributes(entry.dn, entry.raw)
        self._place.hide_placeholder(attributes)
        return Seen(kind, anchor, attributes)

    def _nameless(self, dn: str) -> Invalid:
        return Invalid(self._kind.name, None, dn, f"it has no {self._place.anchor!r}")

    def _ambiguous(self, anchor: str, dn: str) -> Invalid:
        why = f"another object has the {self._place.anchor!r} too"
        return Invalid(self._kind.name, anchor, dn, why)

    def _note(self, stamp: str) -> None:
        """Remember the newest change of each writer."""
        self._is_blind = self._is_blind or not stamp
        writer = writer_of(stamp)
        if stamp > self._newest.get(writer, ""):
            self._newest[writer] = stamp

    @property
    def _is_unique(self) -> bool:
        """Whether the server itself keeps anchors unique."""
        return self._place.anchor.lower() == "entryuuid"

    def _remember(self, anchor: str, state: tuple[str, str]) -> tuple[str, str] | None:
        """Remember what was reported, and return what was before, where it may come again."""
        if self._is_unique and not self._is_delta:
            return None
        known = self._given.get(anchor)
        self._given[anchor] = state
        return known

    def _pages(
        self,
        base: str,
        filter_: str,
        attributes: Sequence[str],
        *,
        deep: bool = False,
        is_list: bool = False,
    ) -> Iterator[list[Entry]]:
        try:
            yield from self._wire.pages(
                base,
                filter_,
                attributes,
                one_level=type_options(self._kind).scope == "one" and not deep,
                page_size=self._options.page_size,
                ignore_references=self._options.references == "ignore",
                is_list=is_list,
            )
        except SiloRefused as error:
            raise ScanFailed(error.message) from error

    def _start(self, page: Sequence[Entry]) -> None:
        """Take the first page for where the next delta starts: what comes later may be newer."""
        if self._started or not page:
            return
        self._started = newest(filter(None, map(self._changed, page)))
        may_be_coarse = self._options.says_overlap and not self._is_delta
        if not self._started and self._clock == EXACT and may_be_coarse:
            raise _HidesChanges

    def _requested(self) -> list[str]:
        chosen = sorted(self._kind.attributes - {"dn"}) or ["*"]
        return [*chosen, self._place.anchor, self._clock]

    def _changed(self, entry: Entry) -> str:
        return stamp_of(entry, self._clock)

    def _scope(self) -> str:
        return fingerprint(self._wire.url, self._options.reader, scope_of(self._kind))

    def _cursor(self, known: Mapping[str, str]) -> str | None:
        """Return where the next delta starts.

        There is none for a type without entries, for one that hides when they changed, and while
        very many share their anchors.
        """
        if self._is_blind or len(self._shared) > MOST_LATE:
            return None
        marks = dict(known)
        limit = max(self._started.values(), default="")
        for writer, stamp in self._newest.items():
            otherwise = limit if self._is_delta else self._before(stamp)
            mark = min(stamp, self._started.get(writer, otherwise))
            marks[writer] = max(mark, marks.get(writer, ""))
        if not marks:
            return None
        marks |= self._contexts
        is_clear = self._witness is not None and self._witness[0] not in self._shared
        return Cursor(
            marks=marks,
            witness=self._witness if is_clear else None,
            by=self._clock,
            scope=self._scope(),
            shared=tuple(self._shared),
            holders=self._holders.text,
        ).text

    def _before(self, stamp: str) -> str:
        """Return a stamp of before a full scan of a writer that was not on its first page.

        What it wrote meanwhile is no older than its newest change less the time the scan took.
        """
        took = timedelta(seconds=monotonic() - self._began)
        return earlier(stamp, took + self._options.overlap)

    def _since(self, text: str) -> tuple[Cursor, str]:
        try:
            cursor = Cursor.parse(text)
            since = earlier(max(cursor.marks.values()), self._options.overlap)
        except ValueError as error:
            raise CursorLost from error
        is_kept = cursor.by == self._directory.change_attribute
        is_kept = is_kept or (cursor.by == _COARSE and self._options.says_overlap)
        if not is_kept or cursor.scope != self._scope():
            raise CursorLost("the server or the scope is another one; scan it in full")
        return cursor, since


def _held(changes: Iterator[Batch]) -> list[list[Seen]]:
    """Gather what changed; raises `CursorLost` when it is too much to be held back."""
    held: list[list[Seen]] = []
    count = 0
    for batch in changes:
        held.append([event for event in batch if isinstance(event, Seen)])
        count += len(batch)
        if count > MOST_HELD:
            raise CursorLost(f"more than {MOST_HELD} objects changed; everything is read")
    return held
