"""The wheel carries all of it and works alone in a new virtual environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def run(*command, cwd, **more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(  # noqa: S603 - our own commands
        [str(part) for part in command],
        cwd=cwd,
        env=kept | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A virtual environment with the wheel and this one's dependencies, but not the checkout."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    uv = Path(sys.executable).parent / "uv"
    done = run(
        uv, "pip", "install", "--offline", "--no-deps", "--python", folder, wheel, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    (site / "dependencies.pth").write_text(_dependencies(folder / "dependencies"))
    return folder / "bin" / "hypersync"


def _dependencies(folder):
    """Link every installed package but ours into ``folder`` and return it."""
    folder.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "hypersync" not in entry.name.lower() and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    return str(folder)


def test_the_wheel_carries_everything_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for part in (
        "hypersync/shipped_files/config/hypersync.yaml",
        "hypersync/shipped_files/config/sample/hr.csv",
        "hypersync/shipped_files/rules/accounts.yaml",
        "hypersync/shipped_files/migrations/env.py",
        "hypersync/shipped_files/templates/",
        "hypersync/demo/project/config/hypersync.yaml",
        "hypersync/demo/pages/static/mailbox.css",
        "webui/__init__.py",
        "webui/static/style.css",
        "hypersync/cli/__init__.py",
        "hypersync/messages/locale/de/LC_MESSAGES/hypersync.po",
    ):
        assert any(name.startswith(part) for name in names), part
    homes = {name.split("/")[0] for name in names}
    assert {home for home in homes if not home.endswith(".dist-info")} == {"hypersync", "webui"}
    assert not [name for name in names if ".env" in name or "__pycache__" in name]


def test_an_installed_wheel_makes_checks_and_syncs_a_project(installed, tmp_path):
    made = run(installed, "init", "project", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    project = tmp_path / "project"
    checked = run(installed, "check", "--json", cwd=project)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert json.loads(checked.stdout) == {"mistakes": []}
    upgraded = run(installed, "db", "upgrade", "--json", cwd=project)
    assert upgraded.returncode == 0, upgraded.stderr
    assert json.loads(upgraded.stdout)["revision"]
    synced = run(installed, "sync", "--scan", "--commit", "--json", cwd=project)
    assert synced.returncode == 0, synced.stderr
    assert json.loads(synced.stdout)["counts"]["succeeded"] == 4


def test_an_installed_wheel_plays_the_demo(installed, tmp_path):
    played = run(installed, "demo", "--check", "--port", "0", "--json", cwd=tmp_path)
    assert played.returncode == 0, played.stderr
    document = json.loads(played.stdout)
    assert document["ok"], document["wrong"]
    assert document["seconds"] < 30


def test_an_installed_wheel_does_not_see_the_checkout(installed, tmp_path):
    python = installed.parent / "python"
    script = "import hypersync, webui; print(hypersync.__file__); print(webui.__file__)"
    shown = run(python, "-c", script, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert str(ROOT) not in shown.stdout
