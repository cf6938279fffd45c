"""Several domain controllers, and one that was set back: where a cursor is good and where not."""

import logging
import shutil
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.connectors.ad.cursor import Mark
from hypersync.connectors.ad.values import guid_text, moment_of
from hypersync.errors import CursorLost, ScanFailed
from hypersync.model.objects import Complete
from tests.ad_silos import Corner, connect, cursor_of, scan, seen
from tests.samba import Samba, started, twin


@pytest.fixture
def server(tmp_path: Path, provisioned: Path) -> Iterator[Samba]:
    with started(tmp_path / "dc1", provisioned) as first:
        yield first


@pytest.fixture
def corner(server: Samba) -> Corner:
    return _with_people(server)


@pytest.fixture(scope="module")
def shared_corner(domain_controller: Samba) -> Corner:
    """One for tests that neither stop the server nor change anything."""
    return _with_people(domain_controller)


def _with_people(server: Samba) -> Corner:
    corner = Corner.new(server)
    corner.add_people("ann", "bob", title="Clerk")
    return corner


def restore_copy(server: Samba, copy: Path) -> None:
    """Put an old copy of the directory in the place of the one that is there."""
    server.stop()
    shutil.rmtree(server.folder / "private")
    shutil.copytree(copy, server.folder / "private")
    server.start()


def keep_copy(server: Samba, copy: Path) -> None:
    server.stop()
    shutil.copytree(server.folder / "private", copy, ignore=shutil.ignore_patterns("ldapi"))
    server.start()


@pytest.mark.parametrize("way", ["dirsync", "usn"])
def test_an_old_copy_of_the_directory_is_noticed_however_many_changes_came_since(
    corner: Corner, tmp_path: Path, way: str, caplog: pytest.LogCaptureFixture
):
    server = corner.server
    silo = connect(server, corner.types, delta=way)
    before = cursor_of(scan(silo))
    keep_copy(server, tmp_path / "copy")
    corner.set("ann", "title", "Boss")
    cursor = cursor_of(scan(silo, before))
    restore_copy(server, tmp_path / "copy")
    with caplog.at_level(logging.WARNING), pytest.raises(CursorLost, match=r"^ALARM: .* set back"):
        scan(silo, cursor)
    assert "ALARM" in caplog.text
    for title in ("Head", "Chief", "Chair"):  # now it has had more changes than it had lost
        corner.set("bob", "title", title)
    assert Mark.read(cursor_of(scan(silo))).usn > Mark.read(cursor).usn
    with pytest.raises(CursorLost, match=r"ALARM: .*change .* is not known"):
        scan(silo, cursor)
    assert seen(scan(silo))[corner.guid("ann")]["title"] == "Clerk"


@pytest.mark.parametrize("way", ["dirsync", "usn"])
def test_a_cursor_that_was_made_after_a_session_began_is_no_sign_of_a_controller_set_back(
    domain_controller: Samba, way: str
):
    corner = _with_people(domain_controller)
    silo = connect(domain_controller, corner.types, delta=way)
    (types,) = silo.streams()
    with silo.open() as session:
        assert session.schema()  # it looks at the controller
        corner.set("bob", "title", "Head")
        cursor = cursor_of(scan(silo))
        corner.set("ann", "title", "Boss")
        found = seen([event for batch in session.scan(types, cursor) for event in batch])
        assert found[corner.guid("ann")]["title"] == "Boss"


def test_a_restored_backup_is_noticed_by_its_new_invocation(corner: Corner):
    server = corner.server
    silo = connect(server, corner.types)
    cursor = cursor_of(scan(silo))
    server.stop()
    server.new_invocation()
    server.start()
    with pytest.raises(CursorLost, match=r"ALARM: .*restored from a backup"):
        scan(silo, cursor)


def test_a_delta_goes_back_to_the_controller_of_its_cursor_and_else_all_is_read(
    corner: Corner, tmp_path: Path
):
    first = corner.server
    with twin(first, tmp_path / "dc2") as second:
        silo = connect([first, second], corner.types)
        cursor = cursor_of(scan(silo))
        assert Mark.read(cursor).url == first.url
        first.stop()
        with pytest.raises(CursorLost, match="which is not there") as caught:
            scan(silo, cursor)
        assert "ALARM" not in caught.value.message
        events = scan(silo)
        assert len(seen(events)) == 2
        assert Mark.read(cursor_of(events)).url == second.url
        first.start()
        Corner(second, corner.name).set("ann", "title", "Boss")
        with silo.open() as session:
            assert session.server == first.url
            stream = session.scan(silo.streams()[0], cursor_of(events))
            found = [event for batch in stream for event in batch]
            (kind,) = [each for each in silo.streams()[0] if each.name == "user"]
            ann = session.read(kind, corner.guid("ann"))
            assert ann is not None
            assert ann.attributes["title"] == "Boss"
        assert [o["title"] for o in seen(found).values()] == ["Boss"]
        assert Mark.read(cursor_of(found)).url == second.url


def test_a_whole_scan_is_read_from_one_controller(corner: Corner, tmp_path: Path):
    first = corner.server
    with twin(first, tmp_path / "dc2") as second:
        silo = connect([first, second], corner.types, page_size=1)
        with silo.open() as session:
            stream = session.scan(silo.streams()[0], None)
            next(stream)
            first.kill()
            with pytest.raises(ScanFailed, match="went away"):
                list(stream)
        with silo.open() as session:
            assert session.server == second.url
        first.start()


def test_a_cursor_that_is_too_old_is_lost(shared_corner: Corner):
    silo = connect(shared_corner.server, shared_corner.types)
    mark = Mark.read(cursor_of(scan(silo)))
    assert [type(e) for e in scan(silo, mark.text)] == [Complete]
    with pytest.raises(CursorLost, match="more than 150 days ago"):
        scan(silo, aged(mark, timedelta(days=151)))
    assert scan(silo, aged(mark, timedelta(days=149)))


def test_a_controller_is_known_by_attributes_of_its_root_that_no_schema_has(shared_corner: Corner):
    server = shared_corner.server
    before = root_of(server)
    with connect(server, shared_corner.types).open() as session:
        types = session.directory.types
        found = session.directory.controller()
    assert types.keys().isdisjoint({"highestcommittedusn", "dsservicename", "issynchronized"})
    # signing in is a change too
    numbers = [int(each["highestCommittedUSN"]) for each in (before, root_of(server))]
    assert numbers[0] <= found.usn <= numbers[1]
    (invocation,) = server.values(before["dsServiceName"], "invocationId")
    assert found.invocation == guid_text(b64decode(invocation))
    assert (found.name, found.is_synchronized) == ("dc1.hs.test", True)


def root_of(server: Samba) -> dict[str, str]:
    said = server.search(
        "", "(objectClass=*)", "dsServiceName", "highestCommittedUSN", scope="base"
    )
    return dict(line.split(": ") for line in said.splitlines() if ": " in line)


def aged(mark: Mark, span: timedelta) -> str:
    return replace(mark, time=f"{moment_of(mark.time) - span:%Y%m%d%H%M%S}.0Z").text


def test_a_cursor_of_another_scope_or_another_way_is_lost(shared_corner: Corner):
    silo = connect(shared_corner.server, shared_corner.types)
    cursor = cursor_of(scan(silo))
    wider = {
        **shared_corner.types,
        "user": {**shared_corner.types["user"], "base": shared_corner.base},
    }
    for other in (
        connect(shared_corner.server, wider),
        connect(shared_corner.server, shared_corner.types, delta="usn"),
    ):
        with pytest.raises(CursorLost):
            scan(other, cursor)


def test_a_cookie_that_the_controller_does_not_take_is_lost(shared_corner: Corner):
    silo: AdConnector = connect(shared_corner.server, shared_corner.types)
    mark = Mark.read(cursor_of(scan(silo)))
    with pytest.raises(CursorLost, match="does not take the DirSync cookie"):
        scan(silo, replace(mark, cookie=b"nonsense").text)
