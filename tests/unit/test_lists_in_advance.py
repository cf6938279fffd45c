"""Lists that are fetched ahead, and reference cycles, which nobody looks for meanwhile."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest

from hypersync.connectors.directory import paging
from hypersync.connectors.directory.answers import Answer, Result
from hypersync.connectors.directory.paging import in_advance

PAGE = Answer([], Result(0), {})
SECONDS = 20


def test_of_two_lists_the_last_one_lets_python_look_for_cycles_again():
    for ends_first in (0, 1):
        lists = [in_advance(iter([PAGE, PAGE])) for _ in range(2)]
        for each in lists:
            next(each)
        list(lists.pop(ends_first))
        assert not gc.isenabled()
        list(lists.pop())
        assert gc.isenabled()


def test_a_list_that_waits_for_a_slow_server_lets_python_look_for_cycles(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(paging, "_SLOW_SECONDS", 0)
    looks: list[bool] = []

    def slow() -> Iterator[Answer]:
        end = time.monotonic() + SECONDS
        while not gc.isenabled() and time.monotonic() < end:
            time.sleep(0.01)
        looks.append(gc.isenabled())
        yield PAGE

    found = in_advance(slow())
    assert next(found) is PAGE
    assert not gc.isenabled()
    assert list(found) == []
    assert looks == [True]
    assert gc.isenabled()
