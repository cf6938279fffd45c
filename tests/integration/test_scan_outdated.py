"""An action ends while a scan runs that tells something else: the next scan reads everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from hypersync.model.limit import parse_limit
from hypersync.model.objects import (
    Attributes,
    Changed,
    Complete,
    Deleted,
    DeletionKind,
    Invalid,
    Seen,
    SiloObject,
)
from hypersync.model.scans import ScanKind, ScanState
from hypersync.pipeline import landing
from hypersync.pipeline.apply import write_back
from hypersync.pipeline.join import Joins
from hypersync.pipeline.source_guard import SourceGuard
from tests.databases import open_store
from tests.integration.test_scan_of_scripted_silos import (
    USER,
    Scripted,
    anchors,
    run,
    seen,
    user,
)
from tests.postgresql import both_databases
from tests.scanning import Desk, join_rule

LEFT = Changed("user", "u3", set={"title": "left"})
BEHIND = {"number": "3", "office": "B2"}
"""What a server that is behind shows of the user that an action wrote: not what others did."""

SHOWN = Seen("user", "u3", {**BEHIND, "title": "left"})
WENT = [Deleted("user", "u3", kind) for kind in DeletionKind]


@dataclass
class Meddled(Scripted):
    """A silo of which something is written while it is read."""

    meanwhile: Callable[[], None] | None = None
    cursor: str | None = "later"

    def scan(self, types, cursor):
        yield self.full if cursor is None else self.delta
        if self.meanwhile is not None:
            self.meanwhile()
        yield [Complete(self.cursor)]


@pytest.fixture
def database_url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/hypersync.db"


@pytest.fixture
def desk(database_url) -> Iterator[Desk]:
    desk = Desk(open_store(database_url), [join_rule("ad", "user", "number")])
    yield desk
    desk.store.engine.dispose()


@pytest.fixture
def ad(desk) -> Meddled:
    """A silo that was scanned."""
    ad = Meddled(full=[seen(number) for number in range(40)])
    assert run(desk, ad).state is ScanState.APPLIED
    desk.now += timedelta(minutes=10)
    return ad


def wrote(desk: Desk, *found: str, attributes: Attributes | None = None) -> None:
    """End an action on each of these users."""
    desk.now += timedelta(seconds=1)
    with desk.store.begin() as unit:
        for anchor in found or ("u3",):
            shown = {**BEHIND, "number": anchor[1:]} if attributes is None else attributes
            it = SiloObject("user", anchor, shown)
            write_back(
                unit, Joins(desk.joins), USER, it, anchor=anchor, source="action:a", now=desk.now
            )


def deleted(desk: Desk, anchor: str) -> None:
    """End an action that deletes a user."""
    desk.now += timedelta(seconds=1)
    with desk.store.begin() as unit:
        write_back(
            unit, Joins(desk.joins), USER, None, anchor=anchor, source="action:a", now=desk.now
        )


def dying(step: Callable, left: Iterator) -> Callable:
    """Let the process die before a step when as many as are left were done."""

    def done(*wanted):
        if next(left, None) is None:
            raise MemoryError
        return step(*wanted)

    return done


def outdate(desk: Desk, ad: Meddled, *told, full: bool = False):
    """Scan while an action ends whose read-back does not show what the scan tells."""
    if full:
        ad.full = [*told]
    ad.delta, ad.meanwhile = [*told], lambda: wrote(desk)
    report = run(desk, ad, full=full)
    assert report.state is ScanState.APPLIED
    ad.delta, ad.meanwhile = [], None  # what was told once is not told again
    return report


def everybody(*events, but: int = 3) -> list:
    """Say what a full scan sees: these, and all others as they were."""
    return [*(seen(number) for number in range(40) if number != but), *events]


def scanned(desk: Desk, ad: Meddled, *events) -> ScanKind:
    """Scan a silo where everybody else is as before; tell how."""
    ad.full = everybody(*events)
    report = run(desk, ad)
    assert report.state is ScanState.APPLIED
    return report.kind


@both_databases
def test_a_change_is_seen_by_the_next_scan_a_full_one(desk, ad, caplog):
    caplog.set_level("INFO")
    assert outdate(desk, ad, LEFT).kind is ScanKind.DELTA
    assert user(desk, "u3").attributes == BEHIND  # as the action left it, as far as is known
    assert "actions wrote user u3 while it ran" in caplog.text
    assert "the next scan of user is a full one" in caplog.text
    assert scanned(desk, ad, SHOWN) is ScanKind.FULL
    assert user(desk, "u3").attributes == SHOWN.attributes
    assert desk.count("scan_change") == 0


def test_one_full_scan_is_enough(desk, ad):
    outdate(desk, ad, LEFT)
    assert [scanned(desk, ad, SHOWN) for _ in range(3)] == [
        ScanKind.FULL,
        ScanKind.DELTA,
        ScanKind.DELTA,
    ]


@pytest.mark.parametrize("went", WENT)
def test_what_went_is_missing_then(desk, ad, went):
    outdate(desk, ad, went)
    assert user(desk, "u3").absence is None
    assert scanned(desk, ad) is ScanKind.FULL
    assert user(desk, "u3").absence == "absent"


def test_what_left_the_scope_did_although_it_is_found_by_its_anchor(desk, ad):
    outdate(desk, ad, Deleted("user", "u3", DeletionKind.OUT_OF_SCOPE))
    ad.there["u3"] = BEHIND
    scanned(desk, ad)
    assert user(desk, "u3").absence == "out_of_scope"


@pytest.mark.parametrize("went", WENT)
def test_what_was_made_again_or_came_back_into_the_scope_is_there(desk, ad, went):
    outdate(desk, ad, went)
    scanned(desk, ad, Seen("user", "u3", BEHIND))
    assert (user(desk, "u3").absence, user(desk, "u3").attributes) == (None, BEHIND)


def test_deletions_count_for_the_source_guard_when_they_are_believed(desk, ad):
    ad.delta = [Deleted("user", f"u{n}", DeletionKind.GONE) for n in range(10)]
    ad.meanwhile = lambda: wrote(desk, *(f"u{n}" for n in range(10)))
    assert run(desk, ad, guard=SourceGuard(drop=parse_limit("100%"))).state is ScanState.APPLIED
    ad.delta, ad.meanwhile, ad.full = [], None, [seen(number) for number in range(10, 40)]
    for _ in range(2):  # a full scan each time until it is decided
        report = run(desk, ad)
        assert (report.kind, report.state) == (ScanKind.FULL, ScanState.SUSPENDED)
    assert user(desk, "u3").absence is None


def test_what_could_not_be_shown_is_seen_when_it_can(desk, ad):
    outdate(desk, ad, Invalid("user", "u3", "line 3", "broken"))
    scanned(desk, ad, Seen("user", "u3", {**BEHIND, "title": "mended"}))
    assert user(desk, "u3").attributes["title"] == "mended"


def test_absence_that_nothing_tells_again_is_found_out(desk, ad):
    outdate(desk, ad, anchors(*(n for n in range(40) if n != 3)))
    assert scanned(desk, ad) is ScanKind.FULL
    assert user(desk, "u3").absence == "absent"


def test_deltas_go_on_when_the_scan_says_what_the_action_left(desk, ad):
    outdate(desk, ad, Changed("user", "u3", set={"office": "B2"}))
    assert scanned(desk, ad) is ScanKind.DELTA


@pytest.mark.parametrize("went", WENT)
def test_deltas_go_on_when_an_action_deleted_what_went(desk, ad, went):
    ad.delta, ad.meanwhile = [went], lambda: deleted(desk, "u3")
    run(desk, ad)
    ad.delta, ad.meanwhile = [], None
    assert user(desk, "u3").absence == "gone"
    assert scanned(desk, ad) is ScanKind.DELTA


def test_what_an_action_deleted_meanwhile_stays_deleted(desk, ad):
    ad.delta, ad.meanwhile = [LEFT], lambda: deleted(desk, "u3")
    run(desk, ad)
    assert user(desk, "u3").absence == "gone"
    ad.meanwhile = None
    assert scanned(desk, ad) is ScanKind.FULL
    assert user(desk, "u3").absence == "gone"


def test_a_full_scan_is_followed_by_one_too_as_its_cursor_stands_after_what_it_saw(desk, ad):
    outdate(desk, ad, *everybody(seen(3, title="left")), full=True)
    assert user(desk, "u3").attributes == BEHIND
    assert scanned(desk, ad, SHOWN) is ScanKind.FULL
    assert user(desk, "u3").attributes["title"] == "left"
    assert scanned(desk, ad, SHOWN) is ScanKind.DELTA


@pytest.mark.parametrize("shown", [seen(3), Seen("user", "u3", BEHIND)], ids=["before", "after"])
def test_full_scans_end_although_actions_write_during_each(desk, ad, shown):
    ad.full, ad.meanwhile = everybody(shown), lambda: wrote(desk)
    run(desk, ad, full=True)
    assert run(desk, ad).kind is ScanKind.DELTA


def test_a_silo_without_deltas_is_scanned_in_full_as_ever(desk, ad, caplog):
    caplog.set_level("INFO")
    ad.cursor = None
    outdate(desk, ad, *everybody(seen(3, title="left")), full=True)
    assert "actions wrote" not in caplog.text
    assert scanned(desk, ad, SHOWN) is ScanKind.FULL
    assert user(desk, "u3").attributes["title"] == "left"


def test_a_scan_that_fails_leaves_it_to_the_next(desk, ad):
    outdate(desk, ad, LEFT)
    ad.full = [Changed("user", "u3")]  # what no full scan may say
    with pytest.raises(TypeError):
        run(desk, ad)
    assert scanned(desk, ad, SHOWN) is ScanKind.FULL
    assert user(desk, "u3").attributes["title"] == "left"


def test_an_object_that_cannot_be_read_by_itself_stops_nothing(desk, ad):
    outdate(desk, ad, LEFT)
    ad.is_readable = False
    assert scanned(desk, ad, SHOWN) is ScanKind.FULL
    ad.delta = [seen(5, title="new")]
    assert scanned(desk, ad, SHOWN) is ScanKind.DELTA
    assert user(desk, "u5").attributes["title"] == "new"


def test_a_clock_that_was_set_back_does_not_hide_it(desk, ad):
    desk.now += timedelta(days=1)
    run(desk, ad)
    desk.now -= timedelta(days=1)
    outdate(desk, ad, LEFT)
    assert scanned(desk, ad, SHOWN) is ScanKind.FULL
    assert user(desk, "u3").attributes["title"] == "left"


def test_a_scan_that_people_approved_later_tells_it_too(desk, ad):
    careful = SourceGuard(canaries=("u9",))
    ad.delta = [LEFT, Deleted("user", "u9", DeletionKind.GONE)]
    assert run(desk, ad, guard=careful).state is ScanState.SUSPENDED
    wrote(desk)
    with desk.store.begin() as unit:
        (waiting,) = unit.scans.in_state([ScanState.SUSPENDED])
        unit.scans.decide(waiting.id, approved=True)
    assert scanned(desk, ad, SHOWN) is ScanKind.FULL  # after the other was applied
    assert user(desk, "u3").attributes == SHOWN.attributes


@pytest.mark.parametrize("first", [0, 8], ids=["first", "last"])
def test_one_batch_of_many_is_enough(desk, ad, monkeypatch, first):
    monkeypatch.setattr(landing, "BATCH", 2)
    names = [f"u{number}" for number in range(10)]
    ad.delta = [Changed("user", name, set={"title": "left"}) for name in names]
    ad.meanwhile = lambda: wrote(desk, names[first])
    run(desk, ad)
    ad.delta, ad.meanwhile = [], None
    titles = {name: user(desk, name).attributes.get("title") for name in names}
    assert titles == {**dict.fromkeys(names, "left"), names[first]: None}
    ad.full = [seen(number, **({"title": "left"} if number < 10 else {})) for number in range(40)]
    assert run(desk, ad).kind is ScanKind.FULL
    assert {user(desk, name).attributes.get("title") for name in names} == {"left"}


@both_databases
@pytest.mark.parametrize("dies", [1, 2, 6])
def test_a_scan_that_died_while_it_was_applied_does_not_forget_it(desk, ad, monkeypatch, dies):
    monkeypatch.setattr(landing, "BATCH", 2)
    steps = iter([True] * dies)
    names = [f"u{number}" for number in range(10)]
    ad.delta = [Changed("user", name, set={"title": "left"}) for name in names]
    ad.meanwhile = lambda: wrote(desk, "u3")  # of the second batch
    with monkeypatch.context() as patched:
        for name in ("_apply_batch", "_finish"):
            patched.setattr(landing.Landing, name, dying(getattr(landing.Landing, name), steps))
        with pytest.raises(MemoryError):
            run(desk, ad)
    ad.delta, ad.meanwhile = [], None
    assert scanned(desk, ad, SHOWN) is ScanKind.FULL
    assert user(desk, "u3").attributes["title"] == "left"
