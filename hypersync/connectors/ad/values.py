"""Values as Active Directory stores them, and as rules see them. Pure.

GUIDs and SIDs are binary there (MS-DTYP, sections 2.3.4 and 2.4.2) and text here, so that they can
be anchors and join values. Times come in two forms: a FILETIME counts tenths of a microsecond since
1601 in UTC, generalized time is text with a fraction; both are ISO 8601 here, such as
``2026-03-02T09:30:00Z``. For a FILETIME the numbers 0 and 0x7FFFFFFFFFFFFFFF both mean *never*,
which is a missing value here. A ``pwdLastSet`` that is missing is a password that must be changed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID

Coding: TypeAlias = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]
"""How a raw value becomes text, and text a raw value; the latter raises ``ValueError``."""

ACCOUNT_ENABLED: Final = "accountEnabled"
"""The attribute that stands for one bit of ``userAccountControl``."""
CONTROL: Final = "userAccountControl"
ACCOUNT_DISABLED: Final = 0x2

_NEVER = (0, 0x7FFFFFFFFFFFFFFF)
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_GENERALIZED = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:[.,](\d{1,6})\d*)?Z")
_GUIDS = frozenset({"objectguid", "parentguid"})
_SIDS = frozenset({"objectsid", "sidhistory", "securityidentifier", "tokengroups"})
FILETIMES = frozenset(
    {
        "accountexpires",
        "badpasswordtime",
        "lastlogoff",
        "lastlogon",
        "lastlogontimestamp",
        "lockouttime",
        "ms-mcs-admpwdexpirationtime",
        "msds-lastfailedinteractivelogontime",
        "msds-lastsuccessfulinteractivelogontime",
        "msds-userpasswordexpirytimecomputed",
        "mslaps-passwordexpirationtime",
        "pwdlastset",
    }
)
TIME_SYNTAXES: Final = frozenset({"1.3.6.1.4.1.1466.115.121.1.24", "1.3.6.1.4.1.1466.115.121.1.53"})
DN_SYNTAX: Final = "1.3.6.1.4.1.1466.115.121.1.12"
DESCRIPTOR_SYNTAX: Final = "1.2.840.113556.1.4.907"


def guid_text(raw: bytes) -> str:
    """Return a GUID as text; raises ``ValueError``. The first three parts are little-endian."""
    return str(UUID(bytes_le=raw))


def guid_bytes(text: str) -> bytes:
    """Return a GUID as it is stored; raises ``ValueError``."""
    return UUID(text).bytes_le


def sid_text(raw: bytes) -> str:
    """Return a security identifier as ``S-1-5-21-...``; raises ``ValueError``."""
    if len(raw) < 8 or len(raw) != 8 + 4 * raw[1]:
        raise ValueError("this is no security identifier")
    authority = int.from_bytes(raw[2:8], "big")
    parts = struct.unpack(f"<{raw[1]}I", raw[8:])
    return "-".join(["S", str(raw[0]), str(authority), *map(str, parts)])


def sid_bytes(text: str) -> bytes:
    """Return a security identifier as it is stored; raises ``ValueError``."""
    if not re.fullmatch(r"S-\d+-\d+(-\d+)+", text):
        raise ValueError(f"{text!r} is no security identifier; write for instance S-1-5-32-544")
    revision, authority, *parts = map(int, text[2:].split("-"))
    try:
        head = bytes((revision, len(parts))) + authority.to_bytes(6, "big")
        return head + struct.pack(f"<{len(parts)}I", *parts)
    except (struct.error, OverflowError, ValueError) as error:
        raise ValueError(f"{text!r} is no security identifier") from error


def filetime_text(raw: bytes) -> str:
    """Return a FILETIME in ISO 8601, nothing for never; raises ``ValueError``."""
    number = int(raw)
    if number in _NEVER:
        return ""
    try:
        return _iso(_EPOCH + timedelta(microseconds=number // 10))
    except OverflowError as error:
        raise ValueError(f"{number} is no time") from error


def filetime_bytes(text: str) -> bytes:
    """Return an ISO 8601 time as a FILETIME; raises ``ValueError``. Without a zone it is UTC."""
    since = _moment(text) - _EPOCH
    return str((since // timedelta(microseconds=1)) * 10).encode()


def generalized_text(raw: bytes) -> str:
    """Return a generalized time in ISO 8601; raises ``ValueError``."""
    return _iso(moment_of(raw.decode("ascii", "replace")))


def moment_of(text: str) -> datetime:
    """Return when a generalized time is; raises ``ValueError``."""
    match = _GENERALIZED.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time")
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction = int((match[7] or "0").ljust(6, "0"))
    return datetime(year, month, day, hour, minute, second, fraction, UTC)


def generalized_bytes(text: str) -> bytes:
    """Return an ISO 8601 time as a generalized time; raises ``ValueError``."""
    return f"{_moment(text):%Y%m%d%H%M%S}.0Z".encode()


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time; write for instance 2026-03-02T09:30:00Z") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _texts(decode: Callable[[bytes], str]) -> Callable[[bytes], bytes]:
    return lambda raw: decode(raw).encode()


def _raws(encode: Callable[[str], bytes]) -> Callable[[bytes], bytes]:
    return lambda text: encode(text.decode())


_GUID: Coding = (_texts(guid_text), _raws(guid_bytes))
_SID: Coding = (_texts(sid_text), _raws(sid_bytes))
_FILETIME: Coding = (_texts(filetime_text), _raws(filetime_bytes))
_TIME: Coding = (_texts(generalized_text), _raws(generalized_bytes))
CODINGS: Final[Mapping[str, Coding]] = MappingProxyType(
    {
        **dict.fromkeys(_GUIDS, _GUID),
        **dict.fromkeys(_SIDS, _SID),
        **dict.fromkeys(FILETIMES, _FILETIME),
    }
)
"""How attributes are stored that are something else than text, by name in lower case."""


def coding(name: str, syntax: str) -> Coding | None:
    """Return how an attribute is stored that is not text; the name is in lower case."""
    return _TIME if syntax in TIME_SYNTAXES else CODINGS.get(name)


def is_enabled(control: bytes) -> bool:
    """Tell from ``userAccountControl`` whether an account is enabled; raises ``ValueError``."""
    return not int(control) & ACCOUNT_DISABLED


def with_enabled(control: int, *, enabled: bool) -> int:
    """Return ``userAccountControl`` with our bit changed and every other bit kept."""
    return control & ~ACCOUNT_DISABLED if enabled else control | ACCOUNT_DISABLED
