"""Killed at any point of a committing run, the next runs end where nobody would have been killed.

A spread of the points on both databases; ``HYPERSYNC_KILL_POINTS=all`` takes every one, any number
every so manieth. What a point is says `tests.kill_points`, what may differ `tests.kill_state`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.postgresql import both_databases_empty

ROOT = Path(__file__).parent.parent.parent
SPREAD = "83"
WITNESSED = {
    "before apply app",
    "after apply app",
    "before rename",
    "before apply dir",
    "written: dir",
    "after apply dir",
    "before fire",
    "fired",
    "before send",
    "sent",
    "before commit",
    "after commit",
    "before INSERT INTO request",
    "before INSERT INTO quota",
    "before INSERT INTO verdict_row",
}


@both_databases_empty
def test_a_kill_at_any_point_ends_as_if_nobody_had_been_killed(tmp_path, database_url, capsys):
    chosen = os.environ.get("HYPERSYNC_KILL_POINTS", SPREAD)
    every = "1" if chosen == "all" else chosen
    report = struck(database_url, tmp_path, every)
    assert report["differences"] == {}
    assert set(report["kinds"]) >= WITNESSED
    assert report["struck"] == len(range(1, report["points"] + 1, int(every)))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{report['points']} points, {report['struck']} struck, "
            f"{report['states']} states recovered from "
        )


def struck(url, folder, every):
    """Strike in a process of its own, which is forked; return its report."""
    (folder / "killed").mkdir()
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "tests.kill_points", url, str(folder / "killed"), every],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
