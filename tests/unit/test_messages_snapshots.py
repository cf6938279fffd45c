"""What every sample mail says, word for word, in each language.

With ``HYPERSYNC_SNAPSHOTS=write`` the files are written anew; look at what changed then.
"""

import os
from pathlib import Path

import pytest

from hypersync.messages.gallery import render_samples

FOLDER = Path(__file__).parent.parent / "snapshots" / "mails"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, str]:
    files = render_samples(None, tmp_path_factory.mktemp("samples"))
    return {file.name: file.read_text() for file in files if file.suffix == ".txt"}


def test_the_mails_say_what_they_said(written):
    if os.environ.get("HYPERSYNC_SNAPSHOTS") == "write":
        for name, text in written.items():
            (FOLDER / name).write_text(text)
    assert {file.name: file.read_text() for file in FOLDER.iterdir()} == written
