"""The commands about unlock keys: ``unlock keygen``, ``issue``, ``apply``, ``list``, ``revoke``.

Two people: one keeps the private key and issues, with neither project nor database; an
administrator applies and revokes. What a key is good for, `hypersync.model.unlock` says.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.cli.private_key import PASSPHRASE, read_private_key
from hypersync.errors import UnlockRefused, UsageError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("unlock")
def unlock() -> None:
    """Let limits above the ceiling stand for a while, by a key that somebody else signs."""


# --- with the private key, by who keeps it -----------------------------------------------------


@command("keygen")
@click.argument("file", type=_FILE)
@click.option("--passphrase", "is_protected", is_flag=True, help="Protect it with a passphrase.")
def keygen(invocation: Invocation, *, file: Path, is_protected: bool) -> Exit:
    """Make a key pair: write the private key to FILE, print the public one for the configuration.

    The private key is to be kept by somebody who does not operate this installation.
    """
    from hypersync.model.signing import new_key

    if file.exists():
        raise UsageError(f"{file} exists already and is not overwritten; name another file")
    private, public = new_key(_new_passphrase() if is_protected else None)
    _write_private(file, private)
    click.echo(f"Wrote the private key to {file}; give it to who is to issue keys.", err=True)
    document = {"file": file, "public_key": public}
    print_answer(invocation, document, lambda: f'unlock: {{public_key: "{public}"}}')
    return Exit.DONE


def _write_private(file: Path, pem: bytes) -> None:
    """Write a file that only its owner can read, and that was not there before."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as opened:
                opened.write(pem)
        except OSError:
            with suppress(OSError):
                file.unlink()
            raise
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}") from error


@command("issue")
@click.option("--key", "file", type=_FILE, required=True, help="The private key.")
@click.option("--silo", required=True, help="The silo whose limits may go above the ceiling.")
@click.option("--installation", required=True, help="As `installation:` of the configuration.")
@click.option(
    "--kind",
    type=click.Choice(["permanent", "week", "day"]),
    required=True,
    help="How long it is good, from now on.",
)
@click.option("--reason", metavar="TEXT", required=True, help="Why; everybody reads it.")
def issue(
    invocation: Invocation, *, file: Path, silo: str, installation: str, kind: str, reason: str
) -> Exit:
    """Sign an unlock key and print it: one line, for an administrator to apply.

    Needs the private key, and neither a project nor a database.
    """
    from hypersync.cli.unlock_text import claims_document
    from hypersync.clock import SystemClock
    from hypersync.model.ids import new_public_id
    from hypersync.model.signing import sign
    from hypersync.model.unlock import Claims, UnlockKind, write

    claims = Claims(
        id=new_public_id(),
        kind=UnlockKind(kind),
        installation=installation,
        silo=silo,
        reason=reason,
        issued_at=SystemClock().now().replace(microsecond=0),
    )
    private = read_private_key(file)
    try:
        text = write(claims, partial(sign, private))
    except UnlockRefused as error:
        raise UsageError(error.message) from error
    ends_at = claims.ends_at
    until = "for ever" if ends_at is None else f"until {ends_at:%Y-%m-%d %H:%M:%S} UTC"
    click.echo(f"The unlock key {claims.id} is good {until}, unless it is revoked.", err=True)
    document = {"key": text, "id": claims.id, **claims_document(claims)}
    print_answer(invocation, document, lambda: text)
    return Exit.DONE


def _new_passphrase() -> bytes:
    given = os.environ.get(PASSPHRASE)
    if given is None:
        given = click.prompt(
            "Passphrase for the private key", hide_input=True, confirmation_prompt=True, err=True
        )
    return os.fsencode(given)


# --- with the database, by an administrator ----------------------------------------------------


@command("apply")
@click.argument("key")
def apply(invocation: Invocation, *, key: str) -> Exit:
    """Put an unlock KEY in force; `-` reads it from standard input. Takes the role admin."""
    from hypersync.approvals.admin import administrator
    from hypersync.cli.started import started_app, who
    from hypersync.cli.unlock_text import unlock_document, unlock_text
    from hypersync.pipeline.unlock import apply_key

    text = _from_standard_input() if key == "-" else key.strip()
    with started_app(invocation) as app:
        by = administrator(who(), "apply unlock keys", app.settings)
        now = app.clock.now()
        found, is_new = apply_key(app.store, text, app.engine.lock, by=by, now=now)
    document = {"unlock": unlock_document(found), "applied": is_new}
    note = "" if is_new else "\n  it was in force already"
    print_answer(invocation, document, lambda: unlock_text(found) + note)
    return Exit.DONE


def _from_standard_input() -> str:
    """Read a key; what is no text stays something that is no key."""
    return sys.stdin.buffer.read(64 * 1024).decode("utf-8", "replace").strip()


@command("list")
def list_(invocation: Invocation) -> Exit:
    """Show every unlock key that was applied or revoked here, and what it is worth now."""
    from hypersync.cli.started import started_app
    from hypersync.cli.unlock_text import unlock_document, unlock_text
    from hypersync.pipeline.unlock import unlocks

    with started_app(invocation) as app, app.store.snapshot() as unit:
        found = unlocks(unit, app.engine.lock, app.clock.now()).keys
    document = {"unlocks": [unlock_document(each) for each in found]}
    lines = [unlock_text(each) for each in found]
    print_answer(invocation, document, lambda: "\n".join(lines) or "No unlock key was applied.")
    return Exit.DONE


@command("revoke")
@click.argument("unlock_id", metavar="ID")
@click.option("--reason", metavar="TEXT", required=True, help="Why; everybody reads it.")
def revoke(invocation: Invocation, *, unlock_id: str, reason: str) -> Exit:
    """Take an unlock key out of force, for ever; one that was never applied here as well."""
    from hypersync.approvals.admin import administrator
    from hypersync.cli.started import started_app, who
    from hypersync.cli.unlock_text import unlock_document, unlock_text
    from hypersync.pipeline.unlock import revoke_key

    with started_app(invocation) as app:
        by = administrator(who(), "revoke unlock keys", app.settings)
        lock, now = app.engine.lock, app.clock.now()
        found, is_new = revoke_key(app.store, unlock_id, reason, lock, by=by, now=now)
    document = {"unlock": unlock_document(found), "revoked": is_new}
    note = "" if is_new else "\n  it was revoked already"
    print_answer(invocation, document, lambda: unlock_text(found) + note)
    return Exit.DONE


for _each in (keygen, issue, apply, list_, revoke):
    unlock.add_command(_each)
