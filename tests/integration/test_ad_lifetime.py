"""How old a cursor may be: no older than what a domain remembers of deleted objects."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.connectors.ad.cursor import Mark
from hypersync.connectors.ad.lifetime import oldest_cursor
from hypersync.connectors.ad.values import moment_of
from hypersync.connectors.directory.wire import Busy, Entry
from hypersync.errors import CursorLost
from hypersync.model.objects import ScanEvent
from tests.ad_scripted import Scripted, answer
from tests.ad_silos import Corner, connect, cursor_of, scan
from tests.samba import CONFIGURATION, Samba

SERVICE = f"CN=Directory Service,CN=Windows NT,CN=Services,{CONFIGURATION}"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def corner(domain_controller: Samba) -> Corner:
    corner = Corner.new(domain_controller)
    corner.add_people("ann")
    return corner


@pytest.fixture(params=["dirsync", "usn"])
def silo(corner: Corner, request: pytest.FixtureRequest) -> AdConnector:
    return connect(corner.server, corner.types, delta=request.param)


@pytest.mark.parametrize(
    ("tombstones", "deleted", "hours"),
    [
        ("180", "", 150 * 24),
        ("", "", 50 * 24),
        ("12", "", 10 * 24),
        ("180", "30", 25 * 24),
        ("12", "30", 10 * 24),
        ("", "90", 50 * 24),
        ("2", "", 40),
    ],
)
def test_a_cursor_is_lost_before_the_domain_forgets_what_was_deleted(
    corner: Corner, silo: AdConnector, tombstones: str, deleted: str, hours: int
):
    remember(corner.server, tombstones, deleted)
    span = timedelta(hours=hours)
    assert scan_from(silo, span - HOUR)
    with pytest.raises(CursorLost, match=f"more than {span.days} days ago"):
        scan_from(silo, span + HOUR)


def test_where_the_lifetime_may_not_be_read_fifty_days_are_old_enough(
    corner: Corner, silo: AdConnector
):
    remember(corner.server, "180", "")
    corner.server.tool("dsacl", "set", f"--objectdn={SERVICE}", "--sddl=(D;;RPLCLO;;;AU)")
    assert scan_from(silo, timedelta(days=50) - HOUR)
    with pytest.raises(CursorLost, match="more than 50 days ago"):
        scan_from(silo, timedelta(days=50) + HOUR)


def remember(server: Samba, tombstones: str, deleted: str) -> None:
    """Write how many days deleted objects are kept; nothing takes the attribute away."""
    steps = {"tombstoneLifetime": tombstones, "msDS-deletedObjectLifetime": deleted}
    lines = "-\n".join(
        f"replace: {name}\n" + (f"{name}: {days}\n" if days else "") for name, days in steps.items()
    )
    server.modify(f"dn: {SERVICE}\nchangetype: modify\n{lines}")


def scan_from(silo: AdConnector, age: timedelta) -> list[ScanEvent]:
    """Scan from a cursor that is so old."""
    mark = Mark.read(cursor_of(scan(silo)))
    then = f"{moment_of(mark.time) - age:%Y%m%d%H%M%S}.0Z"
    return scan(silo, replace(mark, time=then).text)


# --- what Samba does not answer ----------------------------------------------------------------


def test_a_refusal_to_tell_the_lifetime_is_no_lifetime_either():
    root = Entry("", {"configurationNamingContext": [CONFIGURATION.encode()]})
    refused = Scripted(answer(root), answer(code=50))
    assert oldest_cursor(refused.wire) == timedelta(days=50)


def test_a_controller_that_is_too_busy_to_tell_the_lifetime_is_asked_later():
    with pytest.raises(Busy):
        oldest_cursor(Scripted(answer(code=51)).wire)
