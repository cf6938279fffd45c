"""Commands that run the pipeline: ``scan`` and ``sync``."""

from __future__ import annotations

import re
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.errors import LeaseHeld, UsageError
from hypersync.model.actions import ActionState
from hypersync.model.runs import RunKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from hypersync.app import App
    from hypersync.cli.plan_files import Written
    from hypersync.model.runs import Run
    from hypersync.model.scans import ScanReport

_FILE = click.Path(path_type=Path, dir_okay=False)
WAIT = 2.0
"""Seconds between two looks at a lease that somebody else holds."""


@command("scan")
@click.argument("silos", nargs=-1, metavar="[SILO...]")
@click.option("--full", is_flag=True, help="Read everything, even where a delta would do.")
def scan(invocation: Invocation, *, silos: tuple[str, ...], full: bool) -> Exit:
    """Read silos into the store: those that are named, or all. Delta where the connector can."""
    from hypersync.cli.documents import scan_document
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        reports = app.scan(silos, full=full)
        app.tick()
    document = {"scans": [scan_document(report) for report in reports]}
    print_answer(invocation, document, lambda: _scan_text(reports))
    states = {report.state.value for report in reports}
    if "failed" in states:
        return Exit.FAILED
    return Exit.WITH_ERRORS if "suspended" in states else Exit.DONE


@command("sync")
@click.option("--full", "kind", flag_value="full", help="Look at every identity.")
@click.option("--delta", "kind", flag_value="delta", help="Look at what changed.")
@click.option(
    "--object", "target", metavar="SILO/TYPE/ANCHOR", help="Look at one object's identity."
)
@click.option("--commit", is_flag=True, help="Do it. Without this, only say what would be done.")
@click.option("--scan", "with_scan", is_flag=True, help="First scan every silo the rules name.")
@click.option("--wait", is_flag=True, help="Wait while another committing sync runs.")
@click.option(
    "--raise", "raised", multiple=True, metavar="RULE=N", help="A rule's limit, for this run only."
)
@click.option("--reason", metavar="TEXT", help="Why a limit is raised.")
@click.option("--out", type=_FILE, help="Store the plan in a file, for `hypersync apply`.")
@click.option("--sign", "key", type=_FILE, help="Sign the stored plan with this private key.")
@click.option("--limit", default=1000, show_default=True, help="The most actions in the answer.")
@click.option("--exit-code", is_flag=True, help="Exit 4 when something is newly suspended.")
def sync(
    invocation: Invocation,
    *,
    kind: str | None,
    target: str | None,
    commit: bool,
    with_scan: bool,
    wait: bool,
    raised: tuple[str, ...],
    reason: str | None,
    out: Path | None,
    key: Path | None,
    limit: int,
    exit_code: bool,
) -> Exit:
    """Evaluate the rules and plan; with --commit carry the plan out as far as the guards let it."""
    from hypersync.cli.documents import run_document, run_text
    from hypersync.cli.started import started_app
    from hypersync.cli.unlock_text import say_unlocks

    if target is not None and kind is not None:
        raise UsageError("--object is a kind of its own; leave out --full and --delta")
    if reason is not None and not raised:
        raise UsageError("--reason says why a limit is raised; give --raise RULE=N as well")
    raises = Raises(raises_of(raised), reason)
    with _out(out, key, commit=commit) as written, started_app(invocation) as app:
        app.check_raises(raises.limits, reason, commit=commit)
        unlocks = say_unlocks(app)
        scans = app.scan_for_rules() if with_scan else []
        if commit:
            _say_releases(app, is_object=target is not None)
        run = _sync(app, kind, target, raises, commit=commit, wait=wait, scans=scans, out=written)
        if kind is None and run.kind is RunKind.FULL:
            text = "this sync was full: none committed in full under these rules yet"
            click.echo(text, err=True)
        app.tick()
        document = {**run_document(app, run, limit=limit), "unlocks": unlocks}
        document["plan"] = None if written is None else written.document()
        text = run_text(app, run, limit=limit)
    failed = [report for report in scans if report.state.value != "applied"]
    print_answer(invocation, document, lambda: "\n".join([*scan_lines(scans), text]))
    if failed or run.counts.errors:
        return Exit.WITH_ERRORS
    return Exit.SUSPENDED if exit_code and run.counts.suspended else Exit.DONE


def _sync(
    app: App,
    kind: str | None,
    target: str | None,
    raises: Raises,
    *,
    commit: bool,
    wait: bool,
    scans: Sequence[ScanReport],
    out: Written | None,
) -> Run:
    """Sync once; with ``wait`` again and again while somebody else does."""
    while True:
        try:
            return app.sync(
                kind,
                object_key=object_key(target),
                commit=commit,
                scans=scan_states(scans),
                raises=raises.limits,
                reason=raises.reason,
                out=out,
            )
        except LeaseHeld as error:
            if not wait:
                raise
            click.echo(f"waiting: {error.message}", err=True)
            time.sleep(WAIT)


def _out(
    out: Path | None, key: Path | None, *, commit: bool
) -> AbstractContextManager[Written | None]:
    """Give what stores the plan, when it is to be stored; raises `UsageError`."""
    from hypersync.cli.plan_files import plan_written
    from hypersync.cli.private_key import read_private_key

    if out is None:
        if key is not None:
            raise UsageError("--sign signs the plan that --out stores; give --out FILE as well")
        return nullcontext()
    if commit:
        raise UsageError(
            "--out stores a plan for others to review; leave out --commit, and carry it out with "
            f"hypersync apply {out}"
        )
    return plan_written(out, None if key is None else read_private_key(key))


def _say_releases(app: App, *, is_object: bool) -> None:
    """Say how much this sync does besides its own plan: what people approved since the last."""
    if is_object and app.configuration.guards.release != "any":
        return
    with app.store.snapshot() as unit:
        count = unit.actions.count(ActionState.APPROVED)
    if count:
        click.echo(f"also releases {count} approved action{'' if count == 1 else 's'}", err=True)


def object_key(target: str | None) -> tuple[str, str, str] | None:
    """Split SILO/TYPE/ANCHOR at the first two slashes; raises `UsageError`."""
    if target is None:
        return None
    parts = target.split("/", 2)
    if len(parts) != 3 or not all(parts):
        raise UsageError(f"{target!r} is no object; write SILO/TYPE/ANCHOR, such as hr/person/E1")
    return parts[0], parts[1], parts[2]


@dataclass(frozen=True, slots=True)
class Raises:
    """Limits for one run by rule, and why."""

    limits: Mapping[str, int]
    reason: str | None


def raises_of(given: Sequence[str]) -> dict[str, int]:
    """Read RULE=N, each rule once; raises `UsageError`."""
    found: dict[str, int] = {}
    for each in given:
        rule, _, number = each.rpartition("=")
        if not rule or not re.fullmatch(r"[0-9]{1,12}", number):
            raise UsageError(
                f"{each!r} is no raise; write RULE=N with a whole number, such as joiners=200"
            )
        if rule in found:
            raise UsageError(f"the limit of {rule!r} is raised twice; once is enough")
        found[rule] = int(number)
    return found


def _scan_text(reports: Sequence[ScanReport]) -> str:
    return "\n".join(scan_lines(reports)) or "There is no silo to scan."


def scan_states(reports: Sequence[ScanReport]) -> list[str]:
    """Return what a run keeps of the scans that were made for it."""
    return [f"{report.silo}: {report.state.value}" for report in reports]


def scan_lines(reports: Sequence[ScanReport]) -> list[str]:
    """Return scans for people, one a line."""
    lines = []
    for report in reports:
        counts = "; ".join(
            f"{kind}: {_counts(asdict(each))}" for kind, each in report.types.items()
        )
        reason = f" ({report.reason})" if report.reason else ""
        state = f"({report.kind.value}) {report.state.value}{reason}"
        lines.append(f"scan {report.silo} {state}  {counts}".rstrip())
    return lines


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{number} {name}" for name, number in counts.items() if number or name == "seen"]
    return ", ".join(shown)
