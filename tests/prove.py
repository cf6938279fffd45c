"""Prove that the guards hold: ``make prove``, or ``python -m tests.prove``.

Four proofs, and a table of what they came to; the exit code is not 0 when one of them failed.

machine   what may befall a company, at random, against the model of what must be true
cycles    every order of events in the small world, and walks of it with the real store
kills     killed at every write and call of a committing run, and run again
mutants   the guards changed in every small way there is

``--steps N`` (200 000) is how far the machine goes, ``--seed N`` where its seeds begin (else they
are drawn), ``--jobs N`` how much runs at once. Proofs that are named run alone: ``python -m
tests.prove machine --seed 7``. What fails is printed as it was found, with its seed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLES = 40
"""How many companies one process founds; each takes up to `test_guard_machine.STEPS` steps."""
LONG_STEPS = 60
WALKS = 300
AGAIN = "PYTHONHASHSEED=0 python -m tests.prove"
EVIDENCE = "HYPERSYNC-PROOF "


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What one proof came to."""

    name: str
    holds: bool
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that ended; ``evidence`` is what it said of itself."""

    code: int
    output: str
    evidence: dict[str, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove, and print the table."""
    asked = _arguments(arguments)
    if asked.part is not None:
        return _part(asked.part)
    proofs = {
        "machine": lambda: _machine(asked.steps, asked.seed, asked.jobs),
        "cycles": lambda: _cycles(asked.jobs),
        "kills": _kills,
        "mutants": lambda: _mutants(asked.jobs),
    }
    came = [_timed(name, proofs[name]) for name in asked.proofs or proofs]
    width = max(len(each.text) for each in came)
    _say("")
    for each in came:
        word = "holds" if each.holds else "FAILED"
        _say(f"{each.name:8} {word:7} {each.text:{width}} {each.seconds:7.0f} s")
    return 0 if all(each.holds for each in came) else 1


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=__doc__)
    names = ["machine", "cycles", "kills", "mutants"]
    parser.add_argument("proofs", nargs="*", choices=[*names, []], metavar="PROOF")
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _timed(name: str, prove: Callable[[], tuple[bool, str]]) -> Proof:
    began = time.monotonic()
    _say(f"{name}:")
    holds, text = prove()
    return Proof(name=name, holds=holds, text=text, seconds=time.monotonic() - began)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


# --- the proofs --------------------------------------------------------------------------------


def _machine(goal: int, seed: int, jobs: int) -> tuple[bool, str]:
    """Run seeds until there were enough steps, or one fails."""
    taken, last, holds = 0, seed, True
    with ThreadPoolExecutor(jobs) as pool:
        seeds = iter(range(seed, seed + 10**6))
        running = {_begin(pool, next(seeds)) for _ in range(jobs)}
        while running:
            over, running = wait(running, return_when=FIRST_COMPLETED)
            for ended in (each.result() for each in over):
                taken += ended.evidence.get("steps", 0)
                last = max(last, ended.evidence.get("seed", seed))
                holds = holds and ended.code == 0
                _show(ended)
                if holds and taken < goal:
                    running.add(_begin(pool, next(seeds)))
            _say(f"  {taken} steps, seeds {seed} to {last}")
    return holds and taken >= goal, f"{taken} steps, seeds {seed} to {last}"


def _begin(pool: ThreadPoolExecutor, seed: int) -> Future[Ended]:
    return pool.submit(_child, "machine", str(seed))


def _cycles(jobs: int) -> tuple[bool, str]:
    """Look at every state of the far bounds, and walk for real."""
    from tests.properties.test_life_cycles_exhaustively import FAR, NEAR

    bounds = [("near", str(each)) for each in range(len(NEAR))]
    bounds += [("far", str(each)) for each in range(len(FAR))]
    walks = {"HYPERSYNC_WALKS": str(WALKS)}
    file = "tests/properties/test_life_cycles_exhaustively.py"
    with ThreadPoolExecutor(jobs) as pool:
        walked = pool.submit(_run, [*_PYTEST, file, "-k", "real"], walks)
        found = list(pool.map(lambda each: _child(*each), reversed(bounds)))
    total = Counter[str]()
    for ended in found:
        _show(ended)
        total.update(ended.evidence)
    _show(walked.result())
    holds = all(each.code == 0 for each in (*found, walked.result()))
    return holds, f"{total['states']} states, {total['steps']} steps; {WALKS} walks for real"


def _kills() -> tuple[bool, str]:
    every = {"HYPERSYNC_KILL_POINTS": "all"}
    ended = _run([*_PYTEST, "-s", "tests/e2e/test_kill_points.py"], every)
    _show(ended)
    points = re.findall(r"(\d+) points, (\d+) struck", ended.output)
    struck = sum(int(each) for _, each in points)
    return ended.code == 0, f"{struck} kills, {len(points)} databases"


def _mutants(jobs: int) -> tuple[bool, str]:
    ended = _run([sys.executable, "-m", "tests.mutants", str(jobs)], {})
    _say(ended.output[-4_000:])
    counted = re.findall(r"\b(\d+) (killed|survived|timeout)", ended.output)
    return ended.code == 0, ", ".join(f"{count} {what}" for count, what in counted)


# --- processes ---------------------------------------------------------------------------------

_PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]


def _child(*part: str) -> Ended:
    return _run([sys.executable, "-m", "tests.prove", "--part", *part], {})


def _run(command: Sequence[str], environment: dict[str, str]) -> Ended:
    done = subprocess.run(  # noqa: S603 - our own programs
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    said = [line.removeprefix(EVIDENCE) for line in lines if line.startswith(EVIDENCE)]
    return Ended(done.returncode, done.stdout, json.loads(said[-1]) if said else {})


def _show(ended: Ended) -> None:
    """Print what a process said when it failed."""
    if ended.code != 0:
        _say(ended.output[-20_000:])


def _part(part: Sequence[str]) -> int:
    """Do one part of a proof in this process, and say what it came to."""
    what, which = part
    visits = _visit if what in ("near", "far") else _take_steps
    evidence = dict(visits(what, int(which)))
    _say(EVIDENCE + json.dumps(evidence))
    return 0


def _take_steps(how: str, seed: int) -> Iterator[tuple[str, int]]:
    """Take a seed's steps; ``shrink`` makes what fails as short as it can be, which takes long."""
    import logging

    import hypothesis
    from hypothesis import Phase
    from hypothesis.stateful import run_state_machine_as_test

    from tests.properties import test_guard_machine as machine

    logging.disable(logging.CRITICAL)
    settings = hypothesis.settings(
        machine.Guards.TestCase.settings,
        max_examples=EXAMPLES,
        stateful_step_count=LONG_STEPS,
        derandomize=False,
        phases=[Phase.generate, *([Phase.shrink] if how == "shrink" else [])],
        report_multiple_bugs=False,
        print_blob=False,
    )
    try:
        run_state_machine_as_test(hypothesis.seed(seed)(machine.Guards), settings=settings)
    except BaseException:
        _say(f"seed {seed} fails; shorter: {AGAIN} --part shrink {seed}")
        raise
    yield "seed", seed
    yield "steps", machine.steps.total()


def _visit(which: str, number: int) -> Iterator[tuple[str, int]]:
    from tests.properties import test_life_cycles_exhaustively as cycles

    bounds = (cycles.NEAR if which == "near" else cycles.FAR)[number]
    states, taken = cycles.explore(bounds)
    _say(f"{bounds}: {states} states")
    yield "states", states
    yield "steps", taken.total()


if __name__ == "__main__":
    sys.exit(main())
