"""An action ends while a scan runs: what the scan told of its object is looked at again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from unittest.mock import Mock

import pytest

from hypersync.model.limit import parse_limit
from hypersync.model.objects import (
    Attributes,
    Changed,
    Complete,
    Deleted,
    DeletionKind,
    Invalid,
    SiloObject,
)
from hypersync.model.scans import ScanKind, ScanState, TypeCounts
from hypersync.pipeline import delta, landing
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

LAGS = SourceGuard(settle=timedelta(minutes=1))
LEFT = Changed("user", "u3", set={"title": "left"})
BEHIND = {"number": "3", "office": "B2"}
"""What a server that is behind shows of the user that an action wrote: not what others did."""


@dataclass
class Meddled(Scripted):
    """A silo of which something is written while it is read; ``asked`` are the anchors read."""

    meanwhile: Callable[[], None] | None = None
    asked: list[str] = field(default_factory=list)

    def scan(self, types, cursor):
        yield self.full if cursor is None else self.delta
        if self.meanwhile is not None:
            self.meanwhile()
        yield [Complete("later")]

    def read(self, kind, anchor):
        self.asked.append(anchor)
        return super().read(kind, anchor)


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


def outdate(desk: Desk, ad: Meddled, *told, full: bool = False, guard: SourceGuard | None = None):
    """Scan while an action ends whose read-back does not show what the scan tells."""
    if full:
        ad.full = [*told]
    ad.delta, ad.meanwhile = [*told], lambda: wrote(desk)
    report = run(desk, ad, full=full, guard=guard)
    assert report.state is ScanState.APPLIED
    ad.delta, ad.meanwhile = [], None  # what was told once is not told again
    ad.asked.clear()
    return report


def kept(desk: Desk) -> int:
    return desk.count("scan_change")


@both_databases
def test_a_change_is_read_by_the_next_delta(desk, ad):
    outdate(desk, ad, LEFT)
    assert user(desk, "u3").attributes == BEHIND  # as the action left it, as far as is known
    ad.there["u3"] = {**BEHIND, "title": "left"}
    report = run(desk, ad)
    assert (report.kind, report.types["user"]) == (ScanKind.DELTA, TypeCounts(seen=1, updated=1))
    assert user(desk, "u3").attributes == {**BEHIND, "title": "left"}
    assert kept(desk) == 0


@pytest.mark.parametrize("kind", DeletionKind)
def test_that_it_went_is_believed_by_the_next_delta_when_it_is_not_there(desk, ad, kind):
    outdate(desk, ad, Deleted("user", "u3", kind))
    assert user(desk, "u3").absence is None
    assert run(desk, ad).state is ScanState.APPLIED
    assert user(desk, "u3").absence == kind.value
    assert kept(desk) == 0


def test_what_left_the_scope_did_although_it_is_found_by_its_anchor(desk, ad):
    outdate(desk, ad, Deleted("user", "u3", DeletionKind.OUT_OF_SCOPE))
    ad.there["u3"] = BEHIND
    run(desk, ad)
    assert user(desk, "u3").absence == "out_of_scope"


def test_what_was_made_again_is_not_deleted(desk, ad):
    outdate(desk, ad, Deleted("user", "u3", DeletionKind.GONE))
    ad.there["u3"] = BEHIND
    assert run(desk, ad).types["user"] == TypeCounts(seen=1)
    assert user(desk, "u3").absence is None
    assert kept(desk) == 0


def test_deletions_count_for_the_source_guard_when_they_are_believed(desk, ad):
    ad.delta = [Deleted("user", f"u{n}", DeletionKind.GONE) for n in range(10)]
    ad.meanwhile = lambda: wrote(desk, *(f"u{n}" for n in range(10)))
    assert run(desk, ad, guard=SourceGuard(drop=parse_limit("100%"))).state is ScanState.APPLIED
    ad.delta, ad.meanwhile = [], None
    assert run(desk, ad).state is ScanState.SUSPENDED
    assert run(desk, ad).state is ScanState.SUSPENDED  # and is looked at again until it is decided
    assert user(desk, "u3").absence is None


def test_what_cannot_be_shown_any_more_is_invalid_again(desk, ad):
    outdate(desk, ad, Invalid("user", "u3", "line 3", "broken"))
    ad.there["u3"] = {**BEHIND, "title": "mended"}
    run(desk, ad)
    assert user(desk, "u3").attributes["title"] == "mended"


def test_what_is_absent_is_found_out_again(desk, ad):
    everybody = range(40)
    outdate(desk, ad, anchors(*(n for n in everybody if n != 3)))
    ad.delta = [anchors(*(n for n in everybody if n != 3))]
    assert run(desk, ad).types["user"].deleted == 1
    assert user(desk, "u3").absence == "absent"


def test_absence_that_nothing_tells_again_is_believed_when_it_is_not_there(desk, ad):
    outdate(desk, ad, anchors(*(n for n in range(40) if n != 3)))
    assert run(desk, ad).types["user"].deleted == 1
    assert user(desk, "u3").absence == "absent"


def test_what_a_newer_delta_tells_counts_and_nothing_is_asked(desk, ad):
    outdate(desk, ad, LEFT)
    ad.delta = [Deleted("user", "u3", DeletionKind.OUT_OF_SCOPE)]
    ad.there["u3"] = BEHIND
    run(desk, ad)
    assert user(desk, "u3").absence == "out_of_scope"
    assert (ad.asked, kept(desk)) == ([], 0)


def test_nothing_is_asked_when_the_scan_says_what_the_action_left(desk, ad):
    outdate(desk, ad, Changed("user", "u3", set={"office": "B2"}))
    run(desk, ad)
    assert ad.asked == []


def test_nobody_is_asked_before_every_server_knows_what_was_written(desk, ad):
    outdate(desk, ad, LEFT, guard=LAGS)
    ad.there["u3"] = BEHIND  # of the server that is behind
    for _ in range(2):
        run(desk, ad, guard=LAGS)
    assert ad.asked == []
    desk.now += timedelta(minutes=2)
    ad.there["u3"] = {**BEHIND, "title": "left"}
    run(desk, ad, guard=LAGS)
    assert user(desk, "u3").attributes["title"] == "left"
    assert kept(desk) == 0


def test_a_few_are_asked_at_once_and_the_rest_later(desk, ad, monkeypatch):
    monkeypatch.setattr(delta, "READ_BACK", 4)
    names = [f"u{number}" for number in range(10)]
    ad.delta = [Changed("user", name, set={"title": "left"}) for name in names]
    ad.meanwhile = lambda: wrote(desk, *names)
    run(desk, ad)
    ad.delta, ad.meanwhile = [], None
    ad.there = {name: {**BEHIND, "number": name[1:], "title": "left"} for name in names}
    assert [run(desk, ad).types["user"].updated for _ in range(4)] == [4, 4, 2, 0]


def test_what_a_full_scan_saw_is_read_by_the_next_delta_too(desk, ad):
    others = [seen(number) for number in range(40) if number != 3]
    outdate(desk, ad, *others, seen(3, title="left"), full=True)
    ad.there["u3"] = {**BEHIND, "title": "left"}
    run(desk, ad)
    assert user(desk, "u3").attributes["title"] == "left"


def test_a_full_scan_looks_at_everything_itself(desk, ad):
    outdate(desk, ad, LEFT)
    ad.full = [seen(number) for number in range(40) if number != 3]
    ad.full.append(seen(3, title="left"))
    run(desk, ad, full=True)
    assert user(desk, "u3").attributes["title"] == "left"
    assert (ad.asked, kept(desk)) == ([], 0)


def test_a_delta_that_fails_leaves_it_to_the_next(desk, ad):
    outdate(desk, ad, LEFT)
    ad.is_readable = False
    assert run(desk, ad).state is ScanState.FAILED
    ad.is_readable = True
    ad.there["u3"] = {**BEHIND, "title": "left"}
    run(desk, ad)
    assert user(desk, "u3").attributes["title"] == "left"


def test_what_is_applied_in_many_batches_keeps_it_too(desk, ad, monkeypatch):
    monkeypatch.setattr(landing, "BATCH", 2)
    names = [f"u{number}" for number in range(10)]
    ad.delta = [Changed("user", name, set={"title": "left"}) for name in names]
    ad.meanwhile = lambda: wrote(desk, *names[::2])
    run(desk, ad)
    assert [user(desk, name).attributes.get("title") for name in names] == [None, "left"] * 5
    ad.delta, ad.meanwhile = [], None
    ad.there = {name: {"number": name[1:], "title": "left"} for name in names}
    run(desk, ad)
    assert sorted(ad.asked) == names[::2]
    assert {user(desk, name).attributes.get("title") for name in names} == {"left"}


def test_a_scan_that_died_while_it_was_applied_keeps_it_too(desk, ad, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(landing.Landing, "_finish", Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            outdate(desk, ad, LEFT)
    ad.delta, ad.meanwhile = [], None
    ad.there["u3"] = {**BEHIND, "title": "left"}
    run(desk, ad)
    assert user(desk, "u3").attributes["title"] == "left"
    assert kept(desk) == 0
