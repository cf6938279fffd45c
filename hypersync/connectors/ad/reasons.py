"""Why a domain controller did not write something, in sentences. Pure.

What it answers begins with a Windows error code in hexadecimal (MS-ERREF, section 2.2), which says
more than the result code of LDAP. The answer itself is kept behind the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hypersync.connectors.directory.wire import Code, Result

_RIGHTS: Final = (
    "the account we sign in with has not the right; delegate it on the organizational unit "
    "(docs/how-to/active-directory.md)"
)
_TAKEN: Final = "the name is in use by another object of the domain; choose another one"
_REASONS: Final[Mapping[int, str]] = MappingProxyType(
    {
        0x0005: _RIGHTS,
        0x001F: "the domain controller takes no password over this connection; use ldaps://",
        0x0523: 'the account name is not allowed; leave out " / \\ [ ] : ; | = , + * ? < > @',
        0x0524: _TAKEN,
        0x0525: "there is no such member",
        0x052C: "the domain controller cannot read the password; only text can be one",
        0x052D: (
            "the password policy of the domain does not allow it; loosen the policy for these "
            "accounts, or give an account that is to be enabled a password"
        ),
        0x052F: "a restriction of the account does not allow it",
        0x055E: "it is the primary group; give the member another primary group first",
        0x0561: "it is no member",
        0x0562: "it is a member already",
        0x200B: "a value does not fit its attribute: it is too long, or of another kind",
        0x200D: "the attribute has a value already",
        0x2014: "its class does not have one of the attributes, or needs another; mend the rule",
        0x2015: "it has objects below it; move or delete these first, we delete no subtrees",
        0x2016: "the attribute is part of the name; rename the object instead",
        0x202F: "a value breaks a rule of the directory; it may be in use by another object",
        0x2071: _TAKEN,
        0x2077: "the domain controller does not let this attribute be changed",
        0x207B: "a new object needs a class; see 'object_class'",
        0x207C: "an attribute that its class needs is missing; set it",
        0x207D: "the object's class does not have the attribute; take it out of the rule",
        0x2081: "the attribute holds one value only",
        0x2082: "a value is too long or too short for its attribute",
        0x2089: "the place to put it in is not there; create it first",
        0x2098: _RIGHTS,
        0x20B5: "it refers to an object that is not there",
        0x20CE: "the domain controller does not let this object be deleted",
        0x216D: "the account may add no more computers; raise ms-DS-MachineAccountQuota",
        0x21C7: "the servicePrincipalName is in use by another account; choose another one",
        0x21C8: "the userPrincipalName is in use by another account; choose another one",
    }
)
_AROUND: Final = " \r\n\0"
_NUMBER = re.compile(r"\s*([0-9a-f]{8}):", re.IGNORECASE)


def number(result: Result) -> int | None:
    """Return the Windows error code of an answer, ``None`` when it has none."""
    match = _NUMBER.match(result.text)
    return int(match[1], 16) if match else None


def sentence(result: Result) -> str:
    """Return the answer for people, with what the server itself says."""
    reason = _REASONS.get(number(result) or 0)
    if reason is None and result.is_(Code.NOT_ON_NON_LEAF):
        reason = _REASONS[0x2015]
    if reason is None and result.is_(Code.INSUFFICIENT_ACCESS):
        reason = _RIGHTS
    if reason is None:
        return result.sentence
    return f"{reason} [{result.description} ({result.code}): {result.text.strip(_AROUND)}]"
