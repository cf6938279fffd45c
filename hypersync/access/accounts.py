"""Accounts with passwords, for sites without a provider: made, changed, and used to sign in.

An account is a person's of the configuration; what they may do stands there. Whoever changes a
password, disables or removes an account ends the sessions of its person. Who signs in wrongly
learns nothing: an unknown name, a disabled account and a wrong password are the same answer after
the same work.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from hypersync.access.passwords import Passwords, check_new
from hypersync.access.people import person_typed
from hypersync.approvals.admin import administrator
from hypersync.approvals.directory import Directory, Person
from hypersync.approvals.settings import Settings
from hypersync.errors import NotFound, SignInRefused, UsageError
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.accounts import Account
from hypersync.ports.store.events import Event

_logger = logging.getLogger(__name__)


def check_password(
    store: Store,
    name: str,
    password: str,
    *,
    directory: Directory,
    passwords: Passwords,
) -> str:
    """Return the id of the person whose name and password these are; raises `SignInRefused`."""
    person = person_typed(name, directory)
    account = None
    if person is not None:
        with store.snapshot() as unit:
            account = unit.accounts.get(person.id)
    if account is not None and account.disabled_at is not None:
        account = None
    is_right = passwords.is_right(None if account is None else account.password, password)
    if account is None or not is_right:
        # what was typed as a name may be a password
        _logger.warning("refused to sign in %s", "somebody" if person is None else person.id)
        raise SignInRefused
    if passwords.is_old(account.password):
        again = passwords.hashed(password)
        with store.begin() as unit:
            unit.accounts.hash_again(account.person, account.password, again)
    return account.person


def accounts(store: Store) -> Sequence[Account]:
    """Return every account, also those of people who left the configuration."""
    with store.snapshot() as unit:
        return unit.accounts.all()


def has_account(store: Store, person: str) -> bool:
    """Tell whether a person has an account."""
    with store.snapshot() as unit:
        return unit.accounts.get(person) is not None


def may_manage(by: str, settings: Settings) -> str:
    """Return as whom ``cli:USER`` manages accounts; raises `DecisionRefused`."""
    return administrator(by, "manage accounts", settings)


def check_person(person: str, directory: Directory) -> Person:
    """Return the person of that name; raises `NotFound` for nobody."""
    found = directory.people.get(person)
    if found is None:
        some = ", ".join(directory.people) or "nobody yet"
        raise NotFound(f"there is nobody called {person!r} under people; there is {some}")
    return found


def add_account(
    store: Store,
    person: str,
    password: str,
    *,
    by: str,
    now: datetime,
    directory: Directory,
    passwords: Passwords,
) -> None:
    """Give a person of the configuration an account; raises `NotFound` and `UsageError`."""
    check_new(password, never=_names(check_person(person, directory)))
    hashed = passwords.hashed(password)
    account = Account(person=person, password=hashed, created_at=now, changed_at=now)
    with store.begin() as unit:
        if not unit.accounts.add(account):
            raise UsageError(
                f"{person} has an account already; `hypersync account password {person}` changes "
                "its password"
            )
        _record(unit, "account_add", person, by, now)


def change_password(
    store: Store,
    person: str,
    password: str,
    *,
    by: str,
    now: datetime,
    directory: Directory,
    passwords: Passwords,
) -> None:
    """Give an account another password and end its sessions; raises as `add_account`."""
    check_new(password, never=_names(check_person(person, directory)))
    hashed = passwords.hashed(password)
    with store.begin() as unit:
        if not unit.accounts.set_password(person, hashed, now):
            raise _no_account(person)
        unit.sessions.end_all(person)
        _record(unit, "account_password", person, by, now)


def disable_account(
    store: Store, person: str, *, by: str, now: datetime, is_disabled: bool = True
) -> bool:
    """Disable an account and end its sessions, or enable it; false when it was so already."""
    with store.begin() as unit:
        if unit.accounts.get(person) is None:
            raise _no_account(person)
        changed = unit.accounts.disable(person, now if is_disabled else None)
        if is_disabled:
            unit.sessions.end_all(person)
        if changed:
            _record(unit, "account_disable" if is_disabled else "account_enable", person, by, now)
    return changed


def remove_account(store: Store, person: str, *, by: str, now: datetime) -> None:
    """Remove an account and end its sessions; raises `NotFound`."""
    with store.begin() as unit:
        if not unit.accounts.remove(person):
            raise _no_account(person)
        unit.sessions.end_all(person)
        _record(unit, "account_remove", person, by, now)


def _names(person: Person) -> frozenset[str]:
    return frozenset(each.casefold() for each in (person.id, person.name, person.email))


def _no_account(person: str) -> NotFound:
    return NotFound(f"{person!r} has no account; `hypersync account list` shows who has one")


def _record(unit: UnitOfWork, kind: str, person: str, by: str, now: datetime) -> None:
    unit.events.record(Event(kind=kind, at=now, by=by, data={"person": person}))
    _logger.info("%s of %s by %s", kind, person, by)
