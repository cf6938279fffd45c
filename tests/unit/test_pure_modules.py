"""A module that calls itself pure imports nothing that reaches outside."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
OUTSIDE = {"os", "time", "logging", "socket", "subprocess", "random", "secrets"}
FRAMEWORKS = {"sqlalchemy", "flask", "jinja2", "click", "ldap3", "apscheduler"}


def pure_modules():
    for path in sorted((ROOT / "hypersync").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "Pure." in text and "Pure." in (ast.get_docstring(ast.parse(text)) or ""):
            yield pytest.param(path, id=str(path.relative_to(ROOT)))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("path", list(pure_modules()))
def test_a_pure_module_reaches_nothing_outside(path):
    assert not set(imported(path)) & (OUTSIDE | FRAMEWORKS)


@pytest.mark.parametrize("path", list(pure_modules()))
def test_a_pure_module_reads_no_clock(path):
    text = path.read_text(encoding="utf-8")
    assert not any(call in text for call in ("datetime.now(", "utcnow(", "date.today("))
