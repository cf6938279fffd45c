"""A search that is answered page by page (RFC 2696), and lists that are fetched ahead."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Lock
from typing import Final

from hypersync.connectors.directory import ber
from hypersync.connectors.directory.answers import Answer, Control
from hypersync.errors import ScanFailed

MOST_EMPTY: Final = 1_000
"""So many pages without entries may follow each other."""
_SLOW_SECONDS = 0.5
_PAGED_RESULTS = "1.2.840.113556.1.4.319"


def page_after(cookie: bytes, size: int) -> Control:
    """Return what asks for the page after another one; the first comes after nothing."""
    return Control(_PAGED_RESULTS, value=ber.sequence(ber.integer(size), ber.octets(cookie)))


def answers(page: Callable[[bytes], Answer]) -> Iterator[Answer]:
    """Yield every page, each asked for with the cookie of the one before.

    Raises `ScanFailed` when nobody knows where it goes on, and when it goes round in circles. The
    same cookie may come with each page: some servers keep the place to themselves.
    """
    cookie = b""
    met: set[tuple[bytes, str, str, int]] = set()
    empty = 0
    while True:
        answer = page(cookie)
        cookie = _cookie_of(answer, is_first=not cookie)
        if found := answer.entries:
            looks = (cookie, found[0].dn, found[-1].dn, len(found))
            is_again, empty = looks in met, 0
            met.add(looks)
        else:
            empty += 1
            is_again = empty > MOST_EMPTY
        if cookie and is_again:
            raise ScanFailed(
                "the server answers with the same page again and again; look for what is wrong "
                "with it, or for what changes answers on the way, such as a proxy"
            )
        yield answer
        if not cookie:
            return


class _Cycles:
    """Whether Python looks for reference cycles: not while lists make many objects that go alone.

    It is the whole process that does not, so of several lists the last one lets it look again, and
    so does one that waits for a slow server. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._lists = 0
        self._was_looking = False

    @contextmanager
    def left_alone(self) -> Iterator[None]:
        """Look for none meanwhile."""
        self._begin()
        try:
            yield
        finally:
            self._end()

    @contextmanager
    def looked_for(self) -> Iterator[None]:
        """Look for them again meanwhile, within `left_alone`."""
        self._end()
        try:
            yield
        finally:
            self._begin()

    def _begin(self) -> None:
        with self._lock:
            if not self._lists:
                self._was_looking = gc.isenabled()
                gc.disable()
            self._lists += 1

    def _end(self) -> None:
        with self._lock:
            self._lists -= 1
            if not self._lists and self._was_looking:
                gc.enable()


_CYCLES: Final = _Cycles()


def in_advance(found: Iterator[Answer]) -> Iterator[Answer]:
    """Fetch each answer, in another thread, while the one before is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="pages") as thread, _CYCLES.left_alone():
        coming = thread.submit(next, found, None)
        while (answer := _awaited(coming)) is not None:
            coming = thread.submit(next, found, None)
            yield answer


def _awaited(coming: Future[Answer | None]) -> Answer | None:
    if not wait([coming], _SLOW_SECONDS).done:
        with _CYCLES.looked_for():
            wait([coming])
    return coming.result()


def _cookie_of(answer: Answer, *, is_first: bool) -> bytes:
    """Return where the next page starts, nothing after the last one (RFC 2696)."""
    value = answer.controls.get(_PAGED_RESULTS)
    if value is None and is_first:  # the server does not page, and has said all
        return b""
    if value is None:
        raise ScanFailed(
            "the server answered a later page without a cookie, so nobody knows whether it was the "
            "last one; look for what cuts answers on the way, such as a proxy"
        )
    try:
        _, cookie = ber.parts_of(value)
    except (ValueError, IndexError) as error:
        raise ScanFailed("the server answered a page with a cookie that is none") from error
    return cookie
