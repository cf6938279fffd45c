"""Domain controllers that are not read: not yet synchronised, or set back while nobody was seen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hypersync.connectors.ad.cursor import Mark
from hypersync.errors import CursorLost, ScanFailed
from tests.ad_silos import Corner, connect, cursor_of, scan, seen
from tests.integration.test_ad_controllers import keep_copy, restore_copy
from tests.samba import Samba, started


@pytest.fixture
def corner(tmp_path: Path, provisioned: Path) -> Iterator[Corner]:
    """A corner of a domain of the test's own."""
    with started(tmp_path / "dc1", provisioned) as server:
        found = Corner.new(server)
        found.add_people("ann", title="Clerk")
        yield found


def say_synchronized(server: Samba, said: str) -> None:
    server.local(
        f"dn: @ROOTDSE\nchangetype: modify\nreplace: isSynchronized\nisSynchronized: {said}\n"
    )


def test_a_controller_that_is_not_yet_synchronised_is_not_scanned(corner: Corner):
    silo = connect(corner.server, corner.types)
    cursor = cursor_of(scan(silo))
    corner.set("ann", "title", "Boss")
    say_synchronized(corner.server, "FALSE")
    for start in (None, cursor):
        with pytest.raises(ScanFailed, match="has not yet got everything from the other"):
            scan(silo, start)
    say_synchronized(corner.server, "TRUE")
    for start in (None, cursor):
        assert [each["title"] for each in seen(scan(silo, start)).values()] == ["Boss"]


@pytest.mark.parametrize("way", ["dirsync", "usn"])
def test_a_controller_that_was_set_back_is_noticed_where_nobody_was_seen(
    corner: Corner, tmp_path: Path, way: str
):
    silo = connect(corner.server, {"user": {"base": corner.leavers}}, delta=way)
    keep_copy(corner.server, tmp_path / "copy")
    corner.set("ann", "title", "Boss")
    cursor = cursor_of(scan(silo))
    assert Mark.read(cursor).witness is None
    restore_copy(corner.server, tmp_path / "copy")
    with pytest.raises(CursorLost, match=r"^ALARM: .* set back .*its last change is number"):
        scan(silo, cursor)
