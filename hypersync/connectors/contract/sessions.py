"""What one session does more than once, and what several do beside each other."""

from collections.abc import Sequence

from hypersync.connectors.contract.bench import Bench, seen, succeeded
from hypersync.model.objects import ScanEvent
from hypersync.ports.connector import Session


class SessionContract:
    def test_two_sessions_do_not_disturb_each_other(self, bench: Bench) -> None:
        with bench.connector.open() as one, bench.connector.open() as other:
            found = [each.read(bench.user, bench.hands.anchor("ann")) for each in (one, other)]
        assert found[0] is not None
        assert found[0] == found[1]
        assert bench.read("ann") == found[0].attributes

    def test_one_session_scans_twice_and_tells_the_same(self, bench: Bench) -> None:
        with bench.connector.open() as session:
            first, second = full(bench, session), full(bench, session)
        assert len(seen(first, bench.user)) == 3
        assert seen(first, bench.user) == seen(second, bench.user)

    def test_one_session_scans_and_reads_what_it_wrote(self, bench: Bench) -> None:
        ann = bench.hands.anchor("ann")
        with bench.connector.open() as session:
            full(bench, session)
            assert session.read(bench.user, ann) is not None
            (outcome,) = session.apply([bench.update("ann", {"title": "Clerk"}, {"title": "Boss"})])
            succeeded(outcome)
            found = session.read(bench.user, ann)
            assert found is not None
            assert found.attributes["title"] == "Boss"
            assert seen(full(bench, session), bench.user)[ann] == found.attributes

    def test_the_next_full_scan_tells_what_somebody_else_changed(self, bench: Bench) -> None:
        bench.scan(bench.user)
        bench.hands.set("ann", "title", "Director")
        bench.hands.delete("bob")
        now = seen(bench.scan(bench.user), bench.user)
        assert now[bench.hands.anchor("ann")]["title"] == "Director"
        assert now.keys() == {bench.hands.anchor(name) for name in ("ann", "zoë")}


def full(bench: Bench, session: Session) -> Sequence[ScanEvent]:
    """Return what a session tells of the users and what is scanned with them."""
    stream = session.scan(bench.stream_of(bench.user), None)
    return [event for batch in stream for event in batch]
