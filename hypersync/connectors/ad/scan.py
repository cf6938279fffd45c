"""One pass over the types of one naming context: everything, or what changed since a cursor.

Where the next delta starts is asked before anything is read, so what changes meanwhile comes again
and nothing is lost. A whole scan is read from one domain controller, and a cursor is good at that
one only: a delta goes back to it, and when it cannot be reached another one is read in full.

A controller that does not know the last change any more was set back to an earlier state. Its
numbers are given again then, so a delta would miss changes and never say so: the cursor is lost,
everything is read, and the sentence for people begins with ALARM.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Literal, TypeVar

from hypersync.connectors.ad.cursor import Mark, Way
from hypersync.connectors.ad.delta import Changes
from hypersync.connectors.ad.directory import AdDirectory, Controller
from hypersync.connectors.ad.dirsync import RIGHT, DirSync, NoRight
from hypersync.connectors.ad.lifetime import UNASKED, oldest_cursor
from hypersync.connectors.ad.place import ANCHOR, AdPlace, first
from hypersync.connectors.ad.reading import Reader
from hypersync.connectors.ad.usn import SHOW_DELETED, Numbers
from hypersync.connectors.ad.values import guid_bytes, moment_of
from hypersync.connectors.directory.tree import ANY
from hypersync.connectors.directory.wire import Among, Lost
from hypersync.errors import CursorLost, ScanFailed, SiloRefused
from hypersync.model.objects import Anchors, Batch, Checkpoint, Complete

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Scan:
    """One pass over one stream at one domain controller; ``scope`` is a fingerprint of its types.

    ``way`` is how the configuration wants changes to be found.
    """

    def __init__(
        self,
        directory: AdDirectory,
        places: Sequence[AdPlace],
        *,
        scope: str,
        way: Literal["auto", "dirsync", "usn"],
        page_size: int,
    ) -> None:
        self._directory = directory
        self._wire = directory.wire
        self._places = places
        self._context = places[0].context
        self._scope = scope
        self._way = way
        self._page_size = page_size
        self._reader = Reader(directory, page_size)
        self._dirsync = DirSync(self._wire, self._context, mattering(directory, places))
        self._numbers = Numbers(self._wire, self._context, page_size)

    def full(self) -> Iterator[Batch]:
        """Report every object of the types; raises `ScanFailed`."""
        mark = self._start(self._controller())
        for place in self._places:
            yield from self._reader.objects(place, place.filter)
        yield [Complete(self._seen(mark).text)]

    def delta(self, mark: Mark) -> Iterator[Batch]:
        """Report what changed; raises `ScanFailed` and `CursorLost`."""
        controller = self._controller()
        if controller.usn < mark.usn:  # that may be how far it was before the mark was made
            controller = self._controller()
        self._verify(mark, controller)
        self._check_bases()
        following = replace(mark, usn=controller.usn, time=controller.time, url=controller.url)
        if mark.way is Way.DIRSYNC:
            yield from self._by_dirsync(mark, following)
        else:
            yield from self._by_number(mark, following)

    # --- before anything is read ---------------------------------------------------------------

    def _controller(self) -> Controller:
        controller = _asked(self._directory.controller)
        if not controller.is_synchronized:
            raise ScanFailed(
                f"{controller.url} has not yet got everything from the other domain controllers; "
                "try again when its first replication has ended"
            )
        return controller

    def _start(self, controller: Controller) -> Mark:
        """Return where the next delta starts: at this moment."""
        mark = Mark(
            way=Way.USN,
            url=controller.url,
            invocation=controller.invocation,
            usn=controller.usn,
            time=controller.time,
            scope=self._scope,
        )
        if self._way == "usn":
            return mark
        try:
            return replace(mark, way=Way.DIRSYNC, cookie=self._dirsync.start())
        except NoRight as error:
            if self._way == "auto":
                _log.info("no DirSync at %s, so uSNChanged is used: %s", controller.url, error)
                return mark
            raise ScanFailed(
                f"the account has not the right {RIGHT!r} on {self._context}; grant it, or write "
                f"'delta: auto': {error}"
            ) from error

    def _verify(self, mark: Mark, controller: Controller) -> None:
        """Raise `CursorLost` unless the controller is the one the cursor is of, and went on."""
        if mark.scope != self._scope:
            raise CursorLost("the scope is another one; scanned in full")
        if self._way not in ("auto", mark.way.value):
            raise CursorLost("changes are to be found in another way; scanned in full")
        if mark.invocation != controller.invocation:
            raise _other(mark, controller)
        if controller.usn < mark.usn:
            raise _set_back(
                controller, f"its last change is number {controller.usn}, and was {mark.usn}"
            )
        self._verify_witness(mark, controller)
        self._verify_age(moment_of(controller.time) - moment_of(mark.time))

    def _verify_age(self, age: timedelta) -> None:
        """Raise `CursorLost` when the domain may have forgotten what was deleted since."""
        if age <= UNASKED:
            return
        oldest = _asked(partial(oldest_cursor, self._wire))
        if age > oldest:
            raise CursorLost(
                f"the last scan is more than {oldest.days} days ago; what was deleted since may be "
                "forgotten, so everything is read"
            )

    def _verify_witness(self, mark: Mark, controller: Controller) -> None:
        """Ask for the object that changed last: it cannot have changed earlier than it did."""
        if mark.witness is None:
            return
        anchor, number = mark.witness
        among = Among(ANCHOR, [guid_bytes(anchor)])
        found = _asked(
            lambda: self._wire.find(
                self._context, ANY, ["uSNChanged"], controls=[SHOW_DELETED], among=among
            )
        )
        known = first(found[0].raw, "uSNChanged") if found else None
        if known is None:
            if self._numbers.sees_deleted():
                raise _set_back(controller, f"the object that changed last is not known ({anchor})")
            return
        if int(known) < number:
            raise _set_back(controller, f"change {number} of {found[0].dn} is not known")

    def _check_bases(self) -> None:
        for place in {place.base.lower(): place for place in self._places}.values():
            if not _asked(partial(self._wire.find, place.base, ANY, ["1.1"], base_only=True)):
                raise ScanFailed(
                    f"there is no entry {place.base!r}; mend the base of {place.name!r}"
                )

    # --- what changed --------------------------------------------------------------------------

    def _by_dirsync(self, mark: Mark, following: Mark) -> Iterator[Batch]:
        changes = self._changes(mark)
        try:
            for touched, cookie, has_more in self._dirsync.changes(mark.cookie):
                yield from changes.events(touched)
                following = replace(following, cookie=cookie, owes_groups=changes.owes_groups)
                if has_more:
                    # the numbers stay: what a resumed delta is compared with is where it began
                    at = replace(following, usn=mark.usn, time=mark.time)
                    yield [Checkpoint(self._seen(at).text)]
        except NoRight as error:
            raise CursorLost(f"the account may not use DirSync any more: {error}") from error
        yield from self._end(changes, following)

    def _by_number(self, mark: Mark, following: Mark) -> Iterator[Batch]:
        changes = self._changes(mark)
        for touched in self._numbers.changes(mark.usn):
            yield from changes.events(touched)
        if not self._numbers.sees_deleted():
            changes.owes_groups = True  # whether anything was deleted only the store can tell
            yield [Anchors(each.name, changes.anchors(each)) for each in self._places]
        yield from self._end(changes, following)

    def _changes(self, mark: Mark) -> Changes:
        self._reader.witness = mark.witness
        changes = Changes(self._directory, self._places, self._reader)
        changes.owes_groups = mark.owes_groups
        return changes

    def _end(self, changes: Changes, following: Mark) -> Iterator[Batch]:
        if changes.owes_groups:
            yield from changes.groups()
            yield from changes.without_reference()
        yield [Complete(self._seen(replace(following, owes_groups=False)).text)]

    def _seen(self, mark: Mark) -> Mark:
        return replace(mark, witness=self._reader.witness)


def mattering(directory: AdDirectory, places: Sequence[AdPlace]) -> set[str]:
    """Return the attributes whose changes matter: what is read, and what filters look at.

    A filter may name an attribute by its number.
    """
    named = {name for place in places for name in (*place.requested, *place.filtered)}
    kinds = {name: directory.types.get(name.lower()) for name in named - {"uSNChanged"}}
    return {
        name if kind is None else kind.name
        for name, kind in kinds.items()
        if not directory.is_computed(name)
    }


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except Lost as error:
        raise ScanFailed(f"the server went away: {error}") from None
    except SiloRefused as error:
        raise ScanFailed(error.message) from error


def _other(mark: Mark, controller: Controller) -> CursorLost:
    if mark.url == controller.url:
        return _alarm(
            f"{controller.url} was restored from a backup, or is another domain controller "
            f"(its invocationId was {mark.invocation} and is {controller.invocation})"
        )
    return CursorLost(
        f"the changes since the last scan are known at {mark.url} only, which is not there; "
        f"everything is read from {controller.url}"
    )


def _set_back(controller: Controller, how: str) -> CursorLost:
    return _alarm(
        f"{controller.url} was set back to an earlier state ({how}); other domain controllers "
        "refuse its changes (USN rollback), so have it looked at"
    )


def _alarm(what: str) -> CursorLost:
    sentence = f"ALARM: {what}; everything is read again"
    _log.warning("%s", sentence)
    return CursorLost(sentence)
