"""The template of a connector in docs/how-to: built, installed, used and held to the contract."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = ROOT / "docs" / "how-to" / "connector-template"
PROJECT = """\
public_url: http://127.0.0.1:8080
database: sqlite:///var/hypersync.db
secret_keys: ["${HYPERSYNC_SECRET_KEY}"]
silos:
  hr: {connector: csv, types: {person: {path: data/hr.csv, anchor: id}}}
  staff:
    connector: jsonlines
    write: true
    types: {person: {path: data/staff.jsonl, anchor: id}}
joins:
  - {slot: hr, silo: hr, type: person, value: id}
  - {slot: staff, silo: staff, type: person, value: id}
"""
RULES = """\
ruleset: staff
defaults: {throttle: 10m}
rules:
  - {id: add, kind: provision, target: staff, when: "hr.exists", set: {id: hr.id, name: hr.name}}
  - {id: name, kind: update, target: staff, set: {name: hr.name}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and its metadata in it, as pip leaves them."""
    source = tmp_path_factory.mktemp("source") / "template"
    shutil.copytree(TEMPLATE, source, ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path_factory.mktemp("site")
    done = run(source, folder, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:  # a pure wheel is installed by unpacking it
        packed.extractall(folder)
    return folder


def run(cwd: Path, site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    paths = os.pathsep.join((str(site), str(ROOT)))
    more = {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "HYPERSYNC_SECRET_KEY": "x" * 32}
    more["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the template asks for pytest and no more
    return subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, *arguments],
        cwd=cwd,
        env=kept | more,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


ALL_IN_ONE = """
import sys
from hypersync import cli
for line in sys.argv[1:]:
    if code := cli.invoke([*line.split(), "--json"]):
        sys.exit(f"{line}: {code}")
"""


def hypersync(folder: Path, site: Path, *lines: str) -> list[dict]:
    """Run several commands in one process, and return what each answered."""
    done = run(folder, site, "-c", ALL_IN_ONE, *lines)
    assert done.returncode == 0, done.stdout + done.stderr
    answers, at, text = [], 0, done.stdout.strip()
    while at < len(text):
        answer, at = json.JSONDecoder().raw_decode(text, at)
        answers.append(answer)
        at += len(text[at:]) - len(text[at:].lstrip())
    return answers


def test_a_package_brings_a_connector_that_all_commands_use(site: Path, tmp_path: Path):
    for name in ("config", "rules", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "config" / "hypersync.yaml").write_text(PROJECT)
    (tmp_path / "rules" / "staff.yaml").write_text(RULES)
    (tmp_path / "data" / "hr.csv").write_text("id,name\n1,Ann\n2,Zoë\n")
    staff = tmp_path / "data" / "staff.jsonl"
    staff.write_text('{"id": "1", "name": "Anne", "room": ["B", "A"]}\n')

    checked, tried, found, synced, scanned = hypersync(
        tmp_path,
        site,
        "check",
        "silo test staff",
        "silo discover staff",
        "sync --scan --commit",
        "scan staff",
    )
    assert checked["mistakes"] == []
    assert tried["reachable"]
    assert [(each["name"], each["objects"]) for each in found["types"]] == [("person", 1)]
    assert synced["counts"]["succeeded"] == 2
    assert [json.loads(line) for line in staff.read_text("utf-8").splitlines()] == [
        {"id": "1", "name": "Ann", "room": ["A", "B"]},
        {"id": "2", "name": "Zoë"},
    ]
    assert scanned["scans"][0]["types"]["person"]["seen"] == 2


def test_the_template_keeps_the_contract(site: Path, tmp_path: Path):
    shutil.copytree(TEMPLATE / "tests", tmp_path / "tests")
    done = run(tmp_path, site, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert done.returncode == 0, done.stdout
    assert " passed in " in done.stdout.splitlines()[-1]
    assert "skipped" not in done.stdout
