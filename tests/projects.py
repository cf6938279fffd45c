"""Small projects in a folder, for tests that need a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hypersync.config.load import examine_configuration, load_configuration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypersync.config.models import Configuration
    from hypersync.model.mistake import Mistake

ENVIRONMENT = {"HYPERSYNC_SECRET_KEY": "a-key-for-tests-only"}

MAIN = """\
public_url: https://iam.example.org
secret_keys: ["${HYPERSYNC_SECRET_KEY}"]
silos:
  hr:
    connector: csv
    types: {person: {path: data/hr.csv, anchor: employeeId}}
  app:
    connector: csv
    write: true
    types: {user: {path: data/users.csv, anchor: uid}}
joins:
  - {slot: hr, silo: hr, type: person, value: "lower(employeeId)"}
  - {slot: app, silo: app, type: user, value: "lower(number)"}
"""

RULES = """\
ruleset: users
rules:
  - {id: flow-title, kind: update, target: app, set: {title: hr.title}}
"""


def write_project(
    folder: Path,
    main: str = MAIN,
    *,
    rules: Mapping[str, str] | str = RULES,
    environments: Mapping[str, str] | None = None,
) -> Path:
    """Write a project's files below ``folder`` and return the path of the main one.

    ``rules`` are texts by file name, or the text of ``rules/users.yaml``; ``environments`` are
    texts by environment name.
    """
    files = {"config/hypersync.yaml": main}
    by_name = {"users.yaml": rules} if isinstance(rules, str) else rules
    files |= {f"rules/{name}": text for name, text in by_name.items()}
    files |= {f"config/env/{name}.yaml": text for name, text in (environments or {}).items()}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "config" / "hypersync.yaml"


def load_project(path: Path, env: str | None = None) -> Configuration:
    """Load a project; its mistakes fail the test."""
    return load_configuration(path, env, process_environment=ENVIRONMENT)


def mistakes_of_project(
    path: Path, env: str | None = None, process: Mapping[str, str] | None = None
) -> list[Mistake]:
    """Return what is wrong with a project, in the order it was found."""
    given = ENVIRONMENT if process is None else process
    return examine_configuration(path, env, process_environment=given)[1]
