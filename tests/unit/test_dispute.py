"""What becomes of a scan that told something else than actions that ended meanwhile."""

from datetime import UTC, datetime

import pytest

from hypersync.model import scopes
from hypersync.model.objects import ObjectType
from hypersync.model.scans import Scan, ScanId, ScanKind, ScanState, SiloType
from hypersync.pipeline import parting
from hypersync.pipeline.dispute import in_dispute

KINDS = {
    name: ObjectType(silo="dir", name=name, members=members)
    for name, members in (("group", "member"), ("team", "member"), ("user", None))
}
BEFORE = parting.with_members(
    "all", (ObjectType(silo="dir", name=each, members="other") for each in ("group", "team"))
)
NOW = parting.with_members("all", KINDS.values())


def types(scope: str) -> dict[str, SiloType]:
    return {
        name: SiloType(id=number, silo="dir", name=name, scope=scope)
        for number, name in enumerate(KINDS)
    }


def disputed(scan: Scan | None, *names: str, stored: str = BEFORE) -> Scan:
    scan = scan or Scan(
        id=ScanId("one"),
        silo="dir",
        stream="group,team,user",
        kind=ScanKind.FULL,
        state=ScanState.APPLYING,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        cursor="later",
        scope=NOW,
    )
    return in_dispute(scan, types(stored), KINDS, {name: ["it"] for name in names})


def in_doubt(scan: Scan) -> set[str]:
    found = types(scan.scope or "")
    return {name for name, kind in KINDS.items() if not parting.is_kept(found[name], kind)}


def test_only_types_in_dispute_are_in_doubt_and_stay_so() -> None:
    first = disputed(None, "group")
    assert (first.cursor, in_doubt(first)) == (None, {"group"})
    assert in_doubt(disputed(first, "user")) == {"group"}
    assert in_doubt(disputed(first, "team")) == {"group", "team"}
    assert scopes.told(first.scope) == "all"


@pytest.mark.parametrize("stored", [NOW, "all"], ids=["as-before", "not-said"])
def test_nothing_is_in_doubt_where_members_are_not_parted_anew(stored: str) -> None:
    found = disputed(None, "group", "user", stored=stored)
    assert (found.cursor, found.scope) == (None, NOW)
