"""What makes an account of Active Directory: its password, and whether it is enabled. Pure.

An account is made in one request, with its password, so that none is ever enabled without one: the
domain controller does all of it or nothing. Of ``userAccountControl`` only our own bit is changed,
by taking away exactly the value that was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hypersync.connectors.ad.options import ACCOUNTS
from hypersync.connectors.ad.place import AdPlace, first
from hypersync.connectors.ad.values import ACCOUNT_DISABLED, ACCOUNT_ENABLED, CONTROL, with_enabled
from hypersync.connectors.directory.values import PASSWORDS
from hypersync.connectors.directory.wire import Entry, Step
from hypersync.model.objects import Attributes, Value

PASSWORD: Final = "unicodePwd"  # noqa: S105 - the name of the attribute
PASSWORD_SET: Final = "pwdLastSet"  # noqa: S105 - the name of the attribute
_OTHER_NAME: Final = "password"
SWITCH: Final = ACCOUNT_ENABLED.lower()
_NORMAL_ACCOUNT, _COMPUTER, _NO_PASSWORD_NEEDED = 0x200, 0x1000, 0x20
_WITHOUT: Final = (
    "an account that is enabled needs a password: set 'unicodePwd' by initial_password(), or "
    "'accountEnabled' to false"
)


def part(attributes: Attributes, name: str) -> tuple[Value, dict[str, Value]]:
    """Return the value of an attribute, whatever the case of its name, and all the others."""
    found = [value for each, value in attributes.items() if each.lower() == name.lower()]
    rest = {each: value for each, value in attributes.items() if each.lower() != name.lower()}
    return (found[0] if found else None), rest


def with_password(after: Attributes) -> dict[str, Value]:
    """Return a new object's attributes with ``unicodePwd`` for ``password``, its other name here.

    Raises ``ValueError`` when both are set.
    """
    secret, rest = part(after, _OTHER_NAME)
    if len(rest) == len(after):
        return rest
    if PASSWORD.lower() in {name.lower() for name in rest}:
        raise ValueError("set 'unicodePwd' or 'password', which means the same, not both")
    return {**rest, PASSWORD: secret}


def is_account(place: AdPlace) -> bool:
    """Tell whether objects of the type have a ``userAccountControl``."""
    return place.has_account or place.kind in ACCOUNTS


def refuse_passwords(after: Attributes) -> None:
    """Refuse what is no way to set a password, by ``ValueError``."""
    names = {name.lower() for name in after}
    if "userpassword" in names:
        raise ValueError(
            "'userPassword' is no password here, everybody could read it; set 'unicodePwd'"
        )
    if PASSWORD.lower() in names:
        raise ValueError("a password is written only with its new account; remove 'unicodePwd'")


def new_account(after: Attributes, place: AdPlace, *, is_tls: bool) -> dict[str, list[bytes]]:
    """Return the raw attributes that a new object has because it is an account.

    Raises ``ValueError`` with a sentence when it must not be made so.
    """
    secret, rest = part(after, PASSWORD)
    refuse_passwords(rest)
    switch, rest = part(rest, SWITCH)
    control, _ = part(rest, CONTROL)
    if not is_account(place):
        if secret is not None or switch is not None:
            raise ValueError(f"a {place.name} has neither a password nor an enabled state")
        return {}
    password = None if secret is None else _password(secret, is_tls=is_tls)
    number = _new_control(switch, control, place, has_password=password is not None)
    if password is None and not number & ACCOUNT_DISABLED:
        raise ValueError(_WITHOUT)
    secrets = {} if password is None else {PASSWORD: [password]}
    return {CONTROL: [str(number).encode()], **secrets}


def _new_control(switch: Value, control: Value, place: AdPlace, *, has_password: bool) -> int:
    """Return the ``userAccountControl`` of a new account; disabled when nobody says otherwise."""
    if control is not None:
        if switch is not None:
            raise ValueError("set 'accountEnabled' or 'userAccountControl', not both")
        return _number(control)
    enabled = has_password if switch is None else truth(switch)
    usual = _COMPUTER if place.kind == "computer" else _NORMAL_ACCOUNT
    return with_enabled(usual, enabled=enabled)


def _password(secret: Value, *, is_tls: bool) -> bytes:
    if not isinstance(secret, str) or not secret:
        raise ValueError("a password is text; set 'unicodePwd' by initial_password()")
    if not is_tls:
        raise ValueError(
            "Active Directory takes passwords over TLS only; use ldaps:// or 'tls: {start: true}'"
        )
    return f'"{secret}"'.encode("utf-16-le")


def switched(after: Attributes, entry: Entry, place: AdPlace) -> dict[str, list[Step]]:
    """Return the step that changes the enabled state, none when ``after`` does not.

    Raises ``ValueError`` with a sentence when it must not be changed.
    """
    names = {name.lower() for name in after}
    if CONTROL.lower() in names:
        raise ValueError(
            "'userAccountControl' is set of new accounts only, since it could enable one without "
            "a password; set 'accountEnabled'"
        )
    if SWITCH not in names:
        return {}
    switch, _ = part(after, SWITCH)
    raw = first(entry.raw, CONTROL)
    if not is_account(place) or raw is None:
        raise ValueError(f"{entry.dn} has no enabled state: it is no account, or hidden from us")
    control = int(raw)
    if truth(switch) and control & _NO_PASSWORD_NEEDED and not has_password(entry.raw):
        raise ValueError(
            "the account has no password and needs none (PASSWD_NOTREQD), so anybody could sign "
            "in; set a password first"
        )
    return control_step(control, enabled=truth(switch))


def control_step(control: int, *, enabled: bool) -> dict[str, list[Step]]:
    """Return the step that changes our bit only if the others are as they were."""
    wanted = with_enabled(control, enabled=enabled)
    if wanted == control:
        return {}
    old, new = str(control).encode(), str(wanted).encode()
    return {CONTROL: [("delete", [old]), ("add", [new])]}


def has_password(raw: Mapping[str, object]) -> bool:
    """Tell whether a password was set; one that must be changed first counts as none."""
    found = first(raw, PASSWORD_SET)  # type: ignore[arg-type] # raw values
    return found is not None and int(found) != 0


def truth(value: Value) -> bool:
    """Return a truth value, also when it is written as text; raises ``ValueError``."""
    if isinstance(value, bool):
        return value
    known = {"true": True, "false": False}
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    raise ValueError("'accountEnabled' is true or false")


def _number(value: Value) -> int:
    try:
        return int(str(value))
    except ValueError as error:
        raise ValueError("'userAccountControl' is a number") from error


def is_secret(name: str) -> bool:
    """Tell whether an attribute holds a password."""
    return name.lower() in PASSWORDS
