"""What deltas report, and that a cursor loses nothing."""

from collections.abc import Sequence

import pytest

from hypersync.connectors.contract.bench import Bench, is_reported_gone, told
from hypersync.errors import CursorLost
from hypersync.model.objects import Complete, ScanEvent


class DeltaContract:
    def test_delta_reports_what_changed_and_what_went(self, bench: Bench) -> None:
        end = bench.scan(bench.user)[-1]
        assert isinstance(end, Complete)
        assert (end.cursor is not None) is bench.has_deltas
        if end.cursor is None:
            return
        ann, bob = bench.hands.anchor("ann"), bench.hands.anchor("bob")
        bench.hands.set("ann", "title", "Director")
        bench.hands.delete("bob")
        events = bench.scan(bench.user, end.cursor)
        assert told(events, ann)["title"] == "Director"
        assert is_reported_gone(events, bob)
        assert not is_reported_gone(events, ann)
        assert isinstance(events[-1], Complete)

    def test_delta_takes_up_where_the_last_one_ended(self, bench: Bench) -> None:
        first = cursor_of(bench.scan(bench.user))
        assert (first is not None) is bench.has_deltas
        if first is None:
            return
        bench.hands.set("ann", "title", "Director")
        second = cursor_of(bench.scan(bench.user, first))
        bench.hands.set("bob", "title", "Director")
        events = bench.scan(bench.user, second)
        assert told(events, bench.hands.anchor("bob"))["title"] == "Director"
        assert not any(
            is_reported_gone(events, bench.hands.anchor(name)) for name in ("ann", "bob")
        )

    def test_a_cursor_may_be_used_again(self, bench: Bench) -> None:
        cursor = cursor_of(bench.scan(bench.user))
        assert (cursor is not None) is bench.has_deltas
        if cursor is None:
            return
        bench.hands.set("ann", "title", "Director")
        for _ in range(2):
            events = bench.scan(bench.user, cursor)
            assert told(events, bench.hands.anchor("ann"))["title"] == "Director"

    def test_a_cursor_that_nobody_gave_out_is_lost(self, bench: Bench) -> None:
        with pytest.raises(CursorLost):
            bench.scan(bench.user, "nobody gave this out")


def cursor_of(events: Sequence[ScanEvent]) -> str | None:
    end = events[-1]
    assert isinstance(end, Complete)
    return end.cursor
