"""What one knows who follows a silo: each time as much as a full scan would tell."""

from collections.abc import Callable

import pytest

from hypersync.connectors.contract.bench import Bench, succeeded
from hypersync.connectors.contract.follower import Follower, Known
from hypersync.errors import ScanFailed
from hypersync.model.objects import ObjectType, Operation, ScanEvent, Succeeded


class FollowingContract:
    """Where a silo has no deltas, the scans that follow are full ones and tell the same."""

    def test_who_follows_knows_what_somebody_else_changed_and_deleted(self, bench: Bench) -> None:
        def change() -> None:
            bench.hands.set("ann", "title", "Director")
            bench.hands.delete("bob")

        known = followed(bench, bench.user, change)
        assert known[key(bench, "ann")]["title"] == "Director"
        assert key(bench, "bob") not in known
        assert known[key(bench, "zoë")]["title"] == "Clerk"

    def test_who_follows_knows_what_is_new(self, bench: Bench) -> None:
        made: list[str] = []

        def change() -> None:
            outcome = bench.apply(bench.change(Operation.CREATE, None, None, bench.new_user))
            assert isinstance(outcome, Succeeded)
            assert outcome.object is not None
            made.append(outcome.object.anchor)

        known = followed(bench, bench.user, change)
        assert known[bench.user.name, made[0]]["title"] == bench.new_user["title"]

    def test_who_follows_knows_what_was_cleared(self, bench: Bench) -> None:
        change = bench.update("ann", {"title": "Clerk"}, {"title": None})
        known = followed(bench, bench.user, lambda: succeeded(bench.apply(change)))
        assert "title" not in known[key(bench, "ann")]
        assert known[key(bench, "ann")]["departmentNumber"] == "Sales"

    def test_who_follows_knows_who_came_into_a_group_and_who_left(self, bench: Bench) -> None:
        def change() -> None:
            succeeded(bench.apply(bench.member(Operation.ADD_MEMBER, "bob")))
            succeeded(bench.apply(bench.member(Operation.REMOVE_MEMBER, "ann")))

        known = followed(bench, bench.group, change)
        assert known[key(bench, "staff")]["member"] == (bench.reference("bob"),)

    def test_who_follows_knows_which_group_went(self, bench: Bench) -> None:
        gone = bench.change(Operation.DELETE, "staff", {}, None, of_group=True)

        def change() -> None:
            assert bench.apply(gone) == Succeeded(None)

        assert key(bench, "staff") not in followed(bench, bench.group, change)

    def test_where_nothing_changed_who_follows_knows_the_same(self, bench: Bench) -> None:
        for kind in (bench.user, bench.group):
            follower = Follower(bench, kind)
            assert follower.read() == follower.read() == follower.read()

    @pytest.mark.parametrize("is_deleted", [False, True])
    def test_what_changes_during_a_scan_is_told_by_the_next_at_the_latest(
        self, bench: Bench, *, is_deleted: bool
    ) -> None:
        def meddle() -> None:
            if is_deleted:
                bench.hands.delete("ann")
            else:
                bench.hands.set("ann", "title", "Director")

        follower = Follower(bench, bench.user)
        try:
            events = scan_meddled_with(bench, meddle)
        except ScanFailed:
            events = None  # nothing of it is believed, which is as good
        if events is not None:
            follower.take(events)
        assert follower.read() == Follower(bench, bench.user).read()


def key(bench: Bench, name: str) -> tuple[str, str]:
    """Return the type and the anchor of a user or of the group."""
    kind = bench.group if name == "staff" else bench.user
    return kind.name, bench.hands.anchor(name)


def followed(bench: Bench, kind: ObjectType, change: Callable[[], object]) -> Known:
    """Return what one knows who read before a change and after it; it is what holds now."""
    follower = Follower(bench, kind)
    before = follower.read()
    change()
    after = follower.read()
    assert after == Follower(bench, kind).read()
    assert after != before
    return after


def scan_meddled_with(bench: Bench, meddle: Callable[[], object]) -> list[ScanEvent]:
    """Return what a full scan tells during which somebody else changes something."""
    events: list[ScanEvent] = []
    with bench.connector.open() as session:
        for number, batch in enumerate(session.scan(bench.stream_of(bench.user), None)):
            events += batch
            if number == 0:
                meddle()
    return events
