"""A disk that is full while a CSV file is written."""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from hypersync.connectors.csv_file.connector import CsvConnector
from hypersync.model.objects import Change, Operation, Outcome, RetryAfter, Succeeded
from tests.place import settings_of
from tests.processes import program

CONTENT = "uid,title\nann,Clerk\n" + "".join(f"p{number:05},Clerk\n" for number in range(10_000))
ROOM = 192 * 1024
MakeRoom = Callable[[], object]


@contextmanager
def limited(folder: Path) -> Iterator[MakeRoom]:
    """Let no file grow beyond half of ``CONTENT``; anybody may do that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    (folder / "users.csv").write_text(CONTENT)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, before[1]))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def small_disk(folder: Path) -> Iterator[MakeRoom]:
    """Make the folder a disk that holds ``CONTENT`` once; where we may not mount, be `limited`."""
    if not mount("-t", "tmpfs", "-o", f"size={ROOM}", "none", str(folder)):
        with limited(folder) as make_room:
            yield make_room
        return
    try:
        (folder / "users.csv").write_text(CONTENT)
        yield lambda: mount("-o", f"remount,size={3 * ROOM}", str(folder))
    finally:
        subprocess.run([program("umount"), str(folder)], check=True)  # noqa: S603 - our own


def mount(*arguments: str) -> bool:
    command = [program("mount"), *arguments]
    return subprocess.run(command, capture_output=True).returncode == 0  # noqa: S603 - our own


@pytest.mark.parametrize("full", [limited, small_disk])
def test_a_full_disk_means_later_and_nothing_stays_beside_the_file(
    tmp_path: Path, full: Callable[[Path], AbstractContextManager[MakeRoom]]
):
    types = {"user": {"path": "users.csv", "anchor": "uid"}}
    connector = CsvConnector(settings_of(CsvConnector, tmp_path, {"types": types}))
    change = Change(
        key="key",
        operation=Operation.UPDATE,
        type=connector.streams()[0][0],
        anchor="ann",
        before={"title": "Clerk"},
        after={"title": "Boss"},
    )

    def write() -> Outcome:
        with connector.open() as session:
            (outcome,) = session.apply([change])
        assert sorted(os.listdir(tmp_path)) == [".users.csv.lock", "users.csv"]
        return outcome

    with full(tmp_path) as make_room:
        for _ in range(3):
            assert isinstance(write(), RetryAfter)
            assert (tmp_path / "users.csv").read_text() == CONTENT
        make_room()
        assert isinstance(write(), Succeeded)
        assert (tmp_path / "users.csv").read_text() == CONTENT.replace("Clerk", "Boss", 1)
