"""The commands about tokens of the API: ``token create``, ``list`` and ``revoke``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import iso_time, print_answer
from hypersync.errors import DecisionRefused, UsageError

if TYPE_CHECKING:
    from datetime import timedelta

    from hypersync.approvals.settings import Settings
    from hypersync.ports.store.tokens import ApiToken

_SCOPES = ("read", "decide", "run", "admin")


@click.group("token")
def token() -> None:
    """Let programs call the API in the name of a person."""


@command("create")
@click.option("--person", required=True, help="Whose token it is, as under `people`.")
@click.option("--name", required=True, help="What it is for.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(_SCOPES),
    multiple=True,
    default=("read",),
    show_default=True,
    help="What it is good for; may be said several times.",
)
@click.option("--expires", default="90d", show_default=True, help="When it ends: a time span.")
def create(
    invocation: Invocation, *, person: str, name: str, scopes: tuple[str, ...], expires: str
) -> Exit:
    """Make a token and print it, this once; only its hash is stored.

    For oneself (by `os_user`), or as an administrator for others. A token that decides can only be
    made by whoever decides with it.
    """
    from hypersync.access.tokens import create_token
    from hypersync.cli.started import started_app, who

    span = _span(expires)
    with started_app(invocation) as app:
        by = _maker(who(), person, scopes, app.settings)
        now = app.clock.now()
        secret, made = create_token(
            app.store,
            person,
            name,
            scopes,
            ends=now + span,
            by=by,
            now=now,
            directory=app.settings.directory,
        )
    for line in _notes(person, scopes, app.settings):
        click.echo(line, err=True)
    print_answer(invocation, {"secret": secret, "token": token_document(made)}, lambda: secret)
    return Exit.DONE


def _notes(person: str, scopes: tuple[str, ...], settings: Settings) -> list[str]:
    """Return what whoever gets a token has to know."""
    notes = ["Keep it now: it is not shown again."]
    if "decide" in scopes:
        what = (
            "This token equals a session: whoever has it decides everything"
            if settings.proofs.tokens_as_sessions
            else "Whoever has this token decides what does not take a session"
        )
        notes.append(f"{what} that {person} may decide.")
    return notes


def _span(text: str) -> timedelta:
    from hypersync.model.time_span import parse_time_span

    try:
        return parse_time_span(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time span; write for instance 90d") from error


def _maker(by: str, person: str, scopes: tuple[str, ...], settings: Settings) -> str:
    """Return as whom a token is made; raises `DecisionRefused` when that may not be."""
    from hypersync.approvals.admin import administrator

    mine = settings.directory.of_os_user(by.removeprefix("cli:"))
    if mine is not None and mine.id == person:
        return f"person:{person}"
    if "decide" in scopes:
        raise DecisionRefused(
            f"a token that decides is made by the person themselves: as the system user that is "
            f"the `os_user` of {person}"
        )
    return administrator(by, "make tokens for others", settings)


@command("list")
@click.option("--person", help="Only theirs.")
def list_(invocation: Invocation, *, person: str | None) -> Exit:
    """Show the tokens there are, the newest first, those that ended among them."""
    from hypersync.cli.started import started_app

    with started_app(invocation) as app, app.store.snapshot() as unit:
        found = unit.tokens.all(None if person is None else [person])
        now = app.clock.now()
    document = {"tokens": [token_document(each) for each in found]}
    lines = [
        f"{each.id}  {each.person}  {','.join(sorted(each.scopes))}  "
        f"{_state(each, is_good=each.is_good(now))}  {each.name}"
        for each in found
    ]
    print_answer(invocation, document, lambda: "\n".join(lines) or "There is no token.")
    return Exit.DONE


def _state(token: ApiToken, *, is_good: bool) -> str:
    if token.revoked_at is not None:
        return f"revoked {iso_time(token.revoked_at)}"
    if token.expires_at is None:
        return "good"
    return f"{'good until' if is_good else 'over since'} {iso_time(token.expires_at)}"


@command("revoke")
@click.argument("token_id", metavar="ID")
def revoke(invocation: Invocation, *, token_id: str) -> Exit:
    """End a token at once, for good: one's own, or as an administrator anybody's."""
    from hypersync.access.tokens import revoke_token
    from hypersync.cli.started import started_app, who

    with started_app(invocation) as app:
        with app.store.snapshot() as unit:
            known = unit.tokens.get(token_id)
        owner = "" if known is None else known.person
        by = _maker(who(), owner, (), app.settings)
        found, is_new = revoke_token(app.store, token_id, by=by, now=app.clock.now())
    note = "" if is_new else " before"
    document = {"token": token_document(found), "revoked": is_new}
    print_answer(invocation, document, lambda: f"The token {found.id} was revoked{note}.")
    return Exit.DONE


def token_document(token: ApiToken) -> dict[str, object]:
    """Return a token as ``--json`` prints it, without anything that opens something."""
    return {
        "id": token.id,
        "person": token.person,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
    }


for _each in (create, list_, revoke):
    token.add_command(_each)
