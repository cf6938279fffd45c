from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FILES = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"[a-z0-9._-]+==[\w.!+]+( ; .+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def logical_lines(path):
    joined = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return [
        line for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")
    ]


def names(path):
    return {re.split(r"[=<>;\[ ]", line)[0].lower() for line in logical_lines(path)}


def test_there_are_pinned_requirements():
    assert {path.name for path in FILES} >= {"base.txt", "dev.txt", "postgresql.txt", "uv.txt"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_requirements_name_no_address(path):
    assert "://" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_requirements_hold_pins_with_hashes_and_nothing_else(path):
    for line in logical_lines(path):
        pin, *hashes = re.split(r"\s+(?=--)", line.strip())
        assert PIN.fullmatch(pin), line
        assert hashes, line
        assert all(HASH.fullmatch(one) for one in hashes), line


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[=<>\[ ]", one)[0].lower() for one in project["dependencies"]}
    assert wanted <= names(ROOT / "requirements" / "base.txt")
    assert wanted == {
        re.split(r"[=<>\[ ]", line)[0].lower()
        for line in logical_lines(ROOT / "requirements/base.in")
    }


def test_every_optional_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra, wanted in project["optional-dependencies"].items():
        source = ROOT / "requirements" / f"{extra}.in"
        assert sorted(wanted) == sorted(logical_lines(source)[1:])
        assert {re.split(r"[=<>\[ ]", one)[0].lower() for one in wanted} <= names(
            source.with_suffix(".txt")
        )


def test_what_is_pinned_twice_is_pinned_alike():
    known = {}
    for path in FILES:
        pins = {}
        for line in logical_lines(path):
            name, _, version = re.split(r"[ ;]", line)[0].partition("==")
            pins.setdefault(name, set()).add(version)  # several for several versions of Python
        for name, versions in pins.items():
            assert known.setdefault(name, versions) == versions, path.name


def test_no_lock_file_that_writes_addresses():
    assert not (ROOT / "uv.lock").exists()
