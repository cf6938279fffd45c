"""The command ``apply``: carries out exactly a reviewed plan, checks one, or signs one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.errors import PlanFileRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypersync.config.models import PlanFilesConfig
    from hypersync.model.plan_file import PlanFile, ReviewedPlan

CONFIGURED = "config"
_FILE = click.Path(path_type=Path, dir_okay=False)


@command("apply")
@click.argument("file", metavar="PLAN", type=_FILE)
@click.option("--check", is_flag=True, help="Only say whether it still applies; change nothing.")
@click.option("--scan", "with_scan", is_flag=True, help="First scan every silo the rules name.")
@click.option(
    "--verify",
    metavar="KEY",
    is_flag=False,
    flag_value=CONFIGURED,
    help="Insist on a signature: by this public key (text or file), or by one of the "
    "configuration's when nothing is said.",
)
@click.option("--sign", "key_file", type=_FILE, help="Only sign it, with this private key.")
@click.option("--limit", default=1000, show_default=True, help="The most actions in the answer.")
@click.option("--exit-code", is_flag=True, help="Exit 4 when something is newly suspended.")
def apply(
    invocation: Invocation,
    *,
    file: Path,
    check: bool,
    with_scan: bool,
    verify: str | None,
    key_file: Path | None,
    limit: int,
    exit_code: bool,
) -> Exit:
    """Carry out exactly the PLAN that `sync --out` stored, or refuse and say what moved.

    All guards run again and can only hold back more. Approvals of earlier runs are not released.
    """
    if key_file is not None:
        if check or with_scan or verify is not None:
            raise UsageError("--sign signs the plan and does nothing else; leave out the rest")
        return _sign(invocation, file, key_file)
    how = _How(check=check, with_scan=with_scan, limit=limit, exit_code=exit_code)
    return _apply(invocation, file, verify, how)


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """How a plan is to be applied."""

    check: bool
    with_scan: bool
    limit: int
    exit_code: bool


def _apply(invocation: Invocation, file: Path, verify: str | None, how: _How) -> Exit:
    from hypersync.cli.documents import run_document, run_text
    from hypersync.cli.plan_files import plan_document, plan_text, read_plan_file
    from hypersync.cli.run import scan_lines, scan_states
    from hypersync.cli.started import started_app
    from hypersync.cli.unlock_text import say_unlocks

    with started_app(invocation) as app:
        plan = _trusted(file, read_plan_file(file), app.configuration.plan_files, verify)
        unlocks = say_unlocks(app)
        scans = app.scan_for_rules() if how.with_scan else []
        run = app.apply(plan, commit=not how.check, scans=scan_states(scans))
        app.tick()
        document = {
            **run_document(app, run, limit=how.limit),
            "unlocks": unlocks,
            "plan": plan_document(file, plan.header, plan.hash, plan.signed_by),
        }
        text = run_text(app, run, limit=how.limit)
    shown = plan_text(plan.header, plan.hash, plan.signed_by)
    print_answer(invocation, document, lambda: "\n".join([*scan_lines(scans), shown, text]))
    if run.counts.errors or any(report.state.value != "applied" for report in scans):
        return Exit.WITH_ERRORS
    return Exit.SUSPENDED if how.exit_code and run.counts.suspended else Exit.DONE


def _trusted(
    file: Path, plan: PlanFile, config: PlanFilesConfig, verify: str | None
) -> ReviewedPlan:
    """Return the plan when it may be applied, as far as signatures go."""
    from hypersync.model.plan_file import trusted

    keys: Sequence[str] = config.public_keys
    if verify not in (None, CONFIGURED):
        named = _public_key(verify)
        keys = [each for each in keys if each == named] if config.require_signature else [named]
    elif verify == CONFIGURED and not keys:
        raise UsageError("no key is trusted yet; write plan_files: {public_keys: [...]}")
    is_required = verify is not None or config.require_signature
    try:
        return trusted(plan, keys, is_required=is_required)
    except PlanFileRefused as error:
        raise PlanFileRefused(f"{file}: {error.message}", error.line, str(file)) from error


def _public_key(text: str) -> str:
    """Return the public key that was given, as text or as a file that holds it."""
    from hypersync.model.signing import is_public_key

    if is_public_key(text):
        return text
    try:
        found = Path(text).read_bytes().decode("ascii", "replace").strip()
    except (OSError, ValueError) as error:
        raise UsageError(f"{text!r} is neither a public key nor a file with one") from error
    if not is_public_key(found):
        raise UsageError(f"{text} holds no public key; it is one line such as ed25519:...")
    return found


def _sign(invocation: Invocation, file: Path, key_file: Path) -> Exit:
    """Sign a plan file in its place, besides who signed it already; nothing is carried out."""
    from hypersync.cli.plan_files import plan_text, plan_written, read_plan_file
    from hypersync.cli.private_key import read_private_key
    from hypersync.model.signing import public_text

    plan = read_plan_file(file)
    key = read_private_key(key_file)
    others = tuple(each for each in plan.signatures if each.key != public_text(key))
    with plan_written(file, key) as written:
        written.write(plan.header, plan.actions, others)
    text = plan_text(plan.header, written.hash, written.signed_by)
    print_answer(invocation, {"plan": written.document()}, lambda: text)
    return Exit.DONE
