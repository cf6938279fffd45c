"""The commands about accounts with passwords: ``account add``, ``password``, ``list``, ...

Passwords come from a prompt or from standard input, never from an argument, which everybody on the
machine could read.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer
from hypersync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypersync.app import App
    from hypersync.ports.store.accounts import Account

_MOST_READ = 8 * 1024


@click.group("account")
def account() -> None:
    """Let people sign in to the web pages with a password. Takes the role admin."""


@contextmanager
def _managed(invocation: Invocation) -> Iterator[tuple[App, str]]:
    """Give the application, and as whom accounts are managed."""
    from hypersync.access.accounts import may_manage
    from hypersync.cli.started import started_app, who

    with started_app(invocation) as app:
        yield app, may_manage(who(), app.settings)


@command("add")
@click.argument("person")
def add(invocation: Invocation, *, person: str) -> Exit:
    """Give PERSON, who stands under `people`, an account; asks for its password."""
    from hypersync.access.accounts import add_account, check_person
    from hypersync.access.passwords import Passwords

    with _managed(invocation) as (app, by):
        check_person(person, app.settings.directory)
        add_account(
            app.store,
            person,
            _password(),
            by=by,
            now=app.clock.now(),
            directory=app.settings.directory,
            passwords=Passwords(),
        )
        _say_whether_offered(app)
    print_answer(invocation, {"person": person}, lambda: f"{person} has an account.")
    return Exit.DONE


@command("password")
@click.argument("person")
def password(invocation: Invocation, *, person: str) -> Exit:
    """Give PERSON's account another password and end its sessions; asks for the password."""
    from hypersync.access.accounts import change_password, check_person
    from hypersync.access.passwords import Passwords

    with _managed(invocation) as (app, by):
        check_person(person, app.settings.directory)
        change_password(
            app.store,
            person,
            _password(),
            by=by,
            now=app.clock.now(),
            directory=app.settings.directory,
            passwords=Passwords(),
        )
    said = f"{person} has another password, and is signed out."
    print_answer(invocation, {"person": person}, lambda: said)
    return Exit.DONE


@command("list")
def list_(invocation: Invocation) -> Exit:
    """Show who has an account, and who of them may sign in."""
    from hypersync.access.accounts import accounts

    with _managed(invocation) as (app, _):
        found = [_document(each, app) for each in accounts(app.store)]
    lines = [
        f"{each['person']:20} {each['state']:10} last signed in: {each['signed_in_at'] or 'never'}"
        for each in found
    ]
    document = {"accounts": found}
    print_answer(invocation, document, lambda: "\n".join(lines) or "Nobody has an account.")
    return Exit.DONE


def _document(account: Account, app: App) -> dict[str, object]:
    state = "enabled" if account.disabled_at is None else "disabled"
    if account.person not in app.settings.directory.people:
        state = "unknown"
    return {
        "person": account.person,
        "state": state,
        "created_at": account.created_at,
        "password_changed_at": account.changed_at,
        "signed_in_at": account.signed_in_at,
    }


@command("disable")
@click.argument("person")
def disable(invocation: Invocation, *, person: str) -> Exit:
    """Let PERSON sign in no more, and end their sessions."""
    return _switch(invocation, person, is_disabled=True)


@command("enable")
@click.argument("person")
def enable(invocation: Invocation, *, person: str) -> Exit:
    """Let PERSON sign in again, with the password they had."""
    return _switch(invocation, person, is_disabled=False)


def _switch(invocation: Invocation, person: str, *, is_disabled: bool) -> Exit:
    from hypersync.access.accounts import disable_account

    with _managed(invocation) as (app, by):
        now = app.clock.now()
        changed = disable_account(app.store, person, by=by, now=now, is_disabled=is_disabled)
    state = "disabled" if is_disabled else "enabled"
    note = "" if changed else " already"
    document = {"person": person, "state": state, "changed": changed}
    print_answer(invocation, document, lambda: f"The account of {person} is {state}{note}.")
    return Exit.DONE


@command("remove")
@click.argument("person")
def remove(invocation: Invocation, *, person: str) -> Exit:
    """Remove PERSON's account and end their sessions."""
    from hypersync.access.accounts import remove_account

    with _managed(invocation) as (app, by):
        remove_account(app.store, person, by=by, now=app.clock.now())
    print_answer(invocation, {"person": person}, lambda: f"{person} has no account any more.")
    return Exit.DONE


def _password() -> str:
    """Ask for a password twice, or read the first line of standard input where nobody watches."""
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    given = sys.stdin.buffer.read(_MOST_READ).decode("utf-8", "replace")
    first, _, rest = given.partition("\n")
    if not first.strip("\r") or rest.strip():
        raise UsageError("there is no password; write it as the one line of standard input")
    return first.removesuffix("\r")


def _say_whether_offered(app: App) -> None:
    sign_in = app.configuration.sign_in
    if sign_in is None or not sign_in.accounts:
        click.echo("Accounts are not offered yet; write sign_in: {accounts: true}.", err=True)


for _each in (add, password, list_, disable, enable, remove):
    account.add_command(_each)
