"""What Graph refuses to write, and with which words. Pure.

https://learn.microsoft.com/graph/api/user-post-users, .../user-update, .../group-post-groups; the
words of single messages are as people have reported them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.services.graph.directory import Directory, Entry, claims
from tests.services.graph.properties import PROPERTIES, Kind
from tests.services.graph.wire import Problem

LONGEST = {
    "displayName": 256,
    "givenName": 64,
    "surname": 64,
    "jobTitle": 128,
    "department": 64,
    "mailNickname": 64,
    "companyName": 64,
    "city": 128,
    "employeeId": 16,
    "description": 1024,
}
_NAME = re.compile(r"[A-Za-z0-9'.\-_!#^~]+@[A-Za-z0-9.\-]+")
_NICKNAME = re.compile(r"[\x21-\x7e]+")
_NOT_IN_NICKNAMES = set('@()\\[]";:.<>, ')
_ANNOTATION = "@odata."


def refused(message: str, *, target: str = "", code: str = "") -> Problem:
    """Return the error of a request that is understood and not carried out."""
    details = [{"code": code, "message": message, "target": target}] if code else []
    return Problem(400, "Request_BadRequest", message, details=details)


def check_new(
    directory: Directory, kind: Kind, body: Mapping[str, Any], domains: Sequence[str]
) -> dict[str, Any]:
    """Return the properties of a new object; raises `Problem`."""
    values = _properties(kind, body, is_new=True)
    for name in PROPERTIES[kind].required:
        if values.get(name) is None:
            raise refused(
                f"A value is required for property '{name}' of resource '{kind.label}'.",
                target=name,
                code="PropertyRequired",
            )
    if kind is Kind.USER and not isinstance(values.get("passwordProfile"), dict):
        raise refused(
            "A password must be specified to create a new user.",
            target="passwordProfile",
            code="PropertyRequired",
        )
    return _checked(directory, kind, values, domains, None)


def check_change(
    directory: Directory, entry: Entry, body: Mapping[str, Any], domains: Sequence[str]
) -> dict[str, Any]:
    """Return the properties that change; raises `Problem`."""
    values = _properties(entry.kind, body, is_new=False)
    for name in PROPERTIES[entry.kind].required:
        if name in values and values[name] is None:
            raise _invalid(entry.kind, name)
    if entry.values.get("onPremisesSyncEnabled") and values.keys() - {"passwordProfile"}:
        raise refused(
            "Unable to update the specified properties for on-premises mastered Directory Sync "
            "objects or objects currently undergoing migration."
        )
    return _checked(directory, entry.kind, values, domains, entry)


def _properties(kind: Kind, body: Mapping[str, Any], *, is_new: bool) -> dict[str, Any]:
    """Return what the body sets, each of its type."""
    known = PROPERTIES[kind]
    values = {name: value for name, value in body.items() if _ANNOTATION not in name}
    for name, value in values.items():
        if name in known.given or (name in known.fixed and not is_new):
            raise refused(
                f"Property '{name}' is read-only and cannot be set.",
                target=name,
                code="PropertyReadOnly",
            )
        if name not in known.writable:
            raise refused(f"Invalid property '{name}'.")
        if value is not None and not _fits(kind, name, value):
            raise _invalid(kind, name)
    return {n: [] if v is None and n in known.lists else v for n, v in values.items()}


def _fits(kind: Kind, name: str, value: object) -> bool:
    """Tell whether a value is of the property's type; empty text is none that Graph stores."""
    known = PROPERTIES[kind]
    if name in known.flags:
        return isinstance(value, bool)
    if name in known.lists:
        one = name == "businessPhones"  # a list that takes one number
        texts = isinstance(value, list) and all(isinstance(each, str) and each for each in value)
        return texts and not (one and len(value) > 1)
    if name in known.objects:
        return isinstance(value, dict | list)
    return isinstance(value, str) and 0 < len(value) <= LONGEST.get(name, 2048)


def _invalid(kind: Kind, name: str) -> Problem:
    return refused(
        f"Invalid value specified for property '{name}' of resource '{kind.label}'.",
        target=name,
        code="InvalidValue",
    )


def _checked(
    directory: Directory,
    kind: Kind,
    values: dict[str, Any],
    domains: Sequence[str],
    entry: Entry | None,
) -> dict[str, Any]:
    """Return the values with the addresses that come of them, if nobody else has any of it."""
    if kind is Kind.USER:
        _check_name(values, domains)
        _check_password(values)
    else:
        _check_group(values, entry)
    nickname = values.get("mailNickname")
    if nickname and (not _NICKNAME.fullmatch(nickname) or _has_forbidden(kind, nickname)):
        raise _invalid(kind, "mailNickname")
    values = values | _addresses(values, domains, is_new=entry is None)
    for claim in claims(values):
        holder = directory.holder_of(claim)
        if holder is not None and holder is not entry:
            raise conflict(claim.partition(":")[0])
    return values


def conflict(name: str) -> Problem:
    """Return the error of a value that somebody else has."""
    return refused(
        f"Another object with the same value for property {name} already exists.",
        target=name,
        code="ObjectConflict",
    )


def _addresses(
    values: Mapping[str, Any], domains: Sequence[str], *, is_new: bool
) -> dict[str, Any]:
    """Return the mail of a new Microsoft 365 group, and the addresses that follow a mail."""
    mail = values.get("mail")
    if is_new and "Unified" in (values.get("groupTypes") or ()):
        mail = f"{values['mailNickname']}@{domains[0]}"
        return {"mail": mail, "proxyAddresses": [f"SMTP:{mail}"]}
    if "mail" in values:
        return {"proxyAddresses": [f"SMTP:{mail}"] if mail else []}
    return {}


def _has_forbidden(kind: Kind, nickname: str) -> bool:
    """Tell whether a nickname has what it may not; a user's may have a dot, a group's may not."""
    forbidden = _NOT_IN_NICKNAMES - ({"."} if kind is Kind.USER else set())
    return bool(forbidden & set(nickname))


def _check_name(values: Mapping[str, Any], domains: Sequence[str]) -> None:
    name = values.get("userPrincipalName")
    if name is None:
        return
    if not _NAME.fullmatch(name):
        raise _invalid(Kind.USER, "userPrincipalName")
    if name.rpartition("@")[2].lower() not in {domain.lower() for domain in domains}:
        raise refused(
            "The domain portion of the userPrincipalName property is invalid. You must use one of "
            "the verified domain names in your organization.",
            target="userPrincipalName",
            code="InvalidValue",
        )


def _check_password(values: Mapping[str, Any]) -> None:
    """Eight characters at least, three of four sorts, and not the name itself."""
    profile = values.get("passwordProfile")
    if not isinstance(profile, dict) or "password" not in profile:
        return
    password = profile["password"]
    sorts = ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]")
    strong = (
        isinstance(password, str)
        and 8 <= len(password) <= 256
        and sum(bool(re.search(each, password)) for each in sorts) >= 3
    )
    if not strong:
        raise refused(
            "The specified password does not comply with password complexity requirements. Please "
            "provide a different password.",
            target="passwordProfile.password",
            code="PasswordTooWeak",
        )


def _check_group(values: Mapping[str, Any], entry: Entry | None) -> None:
    """A group is a security group or a Microsoft 365 group; others are made elsewhere."""
    held = entry.values if entry is not None else {}
    kinds = values.get("groupTypes", held.get("groupTypes")) or []
    mail = values.get("mailEnabled", held.get("mailEnabled"))
    if mail and "Unified" not in kinds:
        raise refused("Mail-enabled security groups and distribution lists cannot be managed here.")
    if not mail and "Unified" in kinds:
        raise refused("The value of 'mailEnabled' must be true for a Microsoft 365 group.")
