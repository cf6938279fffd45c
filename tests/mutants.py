"""Change the guards in every small way there is, and see whether a test notices.

``python -m tests.mutants [CHILDREN]``: mutates a copy of the project with mutmut, as
``[tool.mutmut]`` in ``pyproject.toml`` says, prints what was killed, what survived and what ran out
of time, and fails when a mutant survives that ``mutants_explained.toml`` does not explain: either a
test is missing, or the change makes no difference, and then somebody has to say why. An explanation
that fits no survivor fails too, so that none outlives its reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parent.parent
EXPLAINED = Path(__file__).parent / "mutants_explained.toml"
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "mutants", "var")
_RESULT = re.compile(r"\s*(?P<name>\S+__mutmut_\d+): (?P<status>.+)")
_FUNCTION = re.compile(r"(?P<module>.+)\.x(?:_|ǁ(?P<owner>\w+)ǁ)(?P<name>\w+)__mutmut_\d+")
NOT_NOTICED = ("survived", "no tests", "suspicious", "skipped", "not checked")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the function, and what became of which lines in it."""

    function: str
    before: str
    after: str


def main() -> int:
    """Mutate, and say what came out."""
    children = sys.argv[1] if len(sys.argv) > 1 else str(os.cpu_count() or 1)
    with tempfile.TemporaryDirectory(prefix="hypersync-mutants-") as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
        shown = subprocess.run(  # noqa: S603 - our own tool
            [sys.executable, "-m", "mutmut", "run", "--max-children", children],
            cwd=copy,
            env={**os.environ, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        results = _results(copy)
        if shown.returncode != 0 or not results:
            _say(shown.stdout[-4000:], "mutmut did not run to its end")
            return 1
        survivors = [_shown(copy, name) for name, what in results if what in NOT_NOTICED]
    counts = Counter(status for _, status in results)
    _say(f"{len(results)} mutants: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    return _judge(survivors, explanations())


def explanations() -> list[Mutant]:
    """Return the mutants that are explained; each must say why."""
    tables = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["mutant"]
    assert all(table["why"].strip().endswith(".") for table in tables)
    return [Mutant(table["function"], table["before"], table["after"]) for table in tables]


def _judge(survivors: Sequence[Mutant], explained: Sequence[Mutant]) -> int:
    missing = [each for each in survivors if each not in explained]
    obsolete = [each for each in explained if each not in survivors]
    _tell("survived and is not explained", missing)
    _tell("is explained and does not survive", obsolete)
    _say(f"{len(survivors) - len(missing)} survivors are explained, {len(missing)} are not")
    return 1 if missing or obsolete else 0


def _results(copy: Path) -> list[tuple[str, str]]:
    """Return the name and the fate of every mutant."""
    matches = map(_RESULT.fullmatch, _mutmut(copy, "results", "--all", "true"))
    return [(match["name"], match["status"]) for match in matches if match]


def _shown(copy: Path, name: str) -> Mutant:
    """Read what a mutant changes."""
    match = _FUNCTION.fullmatch(name)
    assert match is not None, name
    owner = f"{match['owner']}." if match["owner"] else ""
    lines = [line for line in _mutmut(copy, "show", name) if not line.startswith(("---", "+++"))]
    return Mutant(
        f"{match['module']}.{owner}{match['name']}",
        "\n".join(line[1:].strip() for line in lines if line.startswith("-")),
        "\n".join(line[1:].strip() for line in lines if line.startswith("+")),
    )


def _mutmut(copy: Path, *arguments: str) -> list[str]:
    done = subprocess.run(  # noqa: S603 - our own tool
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=copy,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def _tell(what: str, mutants: Iterable[Mutant]) -> None:
    for each in mutants:
        _say(f"{each.function} {what}:", f"  - {each.before}", f"  + {each.after}")


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
