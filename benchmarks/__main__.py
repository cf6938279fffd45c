"""Runs every benchmark, prints a table and writes it as JSON.

Machines differ and are noisy: only the ratios within one run count. Give names of benchmarks to run
only those (``make bench ARGS=rules``); ``--json FILE`` says where the JSON goes.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("names", nargs="*", help="bench_NAME.py to run, all when not said")
    parser.add_argument("--json", type=Path, default=HERE / "results" / "latest.json")
    chosen = parser.parse_args()
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    wrong = sorted(set(chosen.names) - set(known))
    if wrong:
        parser.error(f"there is no benchmark {wrong[0]!r}; there are {', '.join(known)}")
    rows = []
    for name in chosen.names or known:
        print(f"running {name} ...", file=sys.stderr)
        rows += import_module(f"benchmarks.bench_{name}").run()
    print(_table(rows))
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    chosen.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")
    print(f"\nwritten to {chosen.json}", file=sys.stderr)
    return 0 if all(_is_met(row) for row in rows) else 1


def _is_met(row: dict) -> bool:
    target, ratio = row.get("target"), row.get("ratio")
    if target is None or ratio is None:
        return True
    return ratio >= target if row.get("at_least") else ratio <= target


def _table(rows: list[dict]) -> str:
    head = ("case", "figure", "floor", "unit", "ratio", "target", "")
    lines = [head]
    for row in rows:
        target = row.get("target")
        bound = "" if target is None else f"{'>=' if row.get('at_least') else '<='} {target:g}"
        lines.append(
            (
                row["case"],
                _number(row.get("figure")),
                _number(row.get("floor")),
                row.get("unit", ""),
                _number(row.get("ratio")),
                bound,
                "ok" if _is_met(row) else "MISSED",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
