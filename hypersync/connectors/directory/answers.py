"""What goes over the wire and what comes back, as values of ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, TypeAlias

from hypersync.errors import ConnectionLost

Raw: TypeAlias = Mapping[str, Sequence[bytes]]
Step: TypeAlias = tuple[str, Sequence[bytes]]


class Code(Enum):
    """The result codes (RFC 4511, appendix A) that mean something of their own to us."""

    SUCCESS = 0
    TIME_LIMIT = 3
    SIZE_LIMIT = 4
    STRONGER_AUTH = 8
    REFERRAL = 10
    ADMIN_LIMIT = 11
    CONFIDENTIALITY = 13
    NO_SUCH_ATTRIBUTE = 16
    CONSTRAINT = 19
    VALUE_EXISTS = 20
    NO_SUCH_OBJECT = 32
    INVALID_CREDENTIALS = 49
    INSUFFICIENT_ACCESS = 50
    BUSY = 51
    UNAVAILABLE = 52
    NAMING = 64
    OBJECT_CLASS = 65
    NOT_ON_NON_LEAF = 66
    NOT_ON_RDN = 67
    ENTRY_EXISTS = 68
    OTHER = 80
    ASSERTION_FAILED = 122


NOT_NOW = (Code.TIME_LIMIT, Code.ADMIN_LIMIT, Code.BUSY, Code.UNAVAILABLE)
"""What the server may do when it is asked again."""

_SENTENCES = {
    Code.TIME_LIMIT: "the server's time limit was reached",
    Code.SIZE_LIMIT: "the server's size limit was reached",
    Code.STRONGER_AUTH: (
        "the server wants what is sent to be signed; use ldaps:// or 'tls: {start: true}'"
    ),
    Code.REFERRAL: "the server refers to another one",
    Code.ADMIN_LIMIT: "an administrative limit of the server was reached",
    Code.CONFIDENTIALITY: "the server wants TLS; use ldaps:// or 'tls: {start: true}'",
    Code.NO_SUCH_OBJECT: "there is no such entry",
    Code.INVALID_CREDENTIALS: "wrong user or password",
    Code.INSUFFICIENT_ACCESS: "the account we sign in with has not the right",
    Code.OBJECT_CLASS: "the schema does not allow it",
    Code.NOT_ON_NON_LEAF: "the entry has others below it",
    Code.NOT_ON_RDN: "the attribute is part of the name; rename the object instead",
    Code.NAMING: "the attribute is part of the name; rename the object instead",
}
_NAMES = {
    0: "success",
    1: "operationsError",
    2: "protocolError",
    3: "timeLimitExceeded",
    4: "sizeLimitExceeded",
    7: "authMethodNotSupported",
    8: "strongerAuthRequired",
    10: "referral",
    11: "adminLimitExceeded",
    12: "unavailableCriticalExtension",
    13: "confidentialityRequired",
    14: "saslBindInProgress",
    16: "noSuchAttribute",
    17: "undefinedAttributeType",
    18: "inappropriateMatching",
    19: "constraintViolation",
    20: "attributeOrValueExists",
    21: "invalidAttributeSyntax",
    32: "noSuchObject",
    33: "aliasProblem",
    34: "invalidDNSyntax",
    36: "aliasDereferencingProblem",
    48: "inappropriateAuthentication",
    49: "invalidCredentials",
    50: "insufficientAccessRights",
    51: "busy",
    52: "unavailable",
    53: "unwillingToPerform",
    54: "loopDetect",
    64: "namingViolation",
    65: "objectClassViolation",
    66: "notAllowedOnNonLeaf",
    67: "notAllowedOnRDN",
    68: "entryAlreadyExists",
    69: "objectClassModsProhibited",
    71: "affectsMultipleDSAs",
    80: "other",
    122: "assertionFailed",
}


@dataclass(frozen=True, slots=True)
class Result:
    """How the server answered; ``code`` is a number of RFC 4511, ``text`` what it says itself.

    ``referrals`` are the addresses of the servers that it refers to. Nobody follows them: our
    password is for the servers that the configuration names.
    """

    code: int
    text: str = ""
    referrals: tuple[str, ...] = ()

    def is_(self, *codes: Code) -> bool:
        """Tell whether the answer was one of these."""
        return any(self.code == code.value for code in codes)

    @property
    def description(self) -> str:
        """The name of the code."""
        return _NAMES.get(self.code, "unknown")

    @property
    def sentence(self) -> str:
        """The answer for people, with what the server itself says."""
        known = next((_SENTENCES[code] for code in _SENTENCES if self.is_(code)), "")
        if self.referrals:
            known = (
                f"the server refers to another one; it names {', '.join(self.referrals)}, where "
                "nobody follows with our password: write it in 'url' if it is one of the silo's"
            )
        said = f"{self.description} ({self.code})" + (f": {self.text}" if self.text else "")
        return f"{known} [{said}]" if known else said


class Entry(NamedTuple):
    """One entry as it came: its DN and its raw values by the server's attribute names."""

    dn: str
    raw: Raw


class Control(NamedTuple):
    """What is said besides a request (RFC 4511, section 4.1.11); ``value`` is in BER."""

    oid: str
    critical: bool = True
    value: bytes | None = None


class Among(NamedTuple):
    """Values as they are stored, one at least, of which an entry has to have one."""

    name: str
    values: Sequence[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is searched for; ``scope`` is what RFC 4511 numbers 0 to 2.

    Where ``among`` is said, entries have to fit that and the filter. ``are_alike`` says that the
    entries will differ in few values, which may be read sooner.
    """

    base: str
    filter: str
    attributes: Sequence[str]
    scope: int
    controls: Sequence[Control] = ()
    among: Among | None = None
    are_alike: bool = False

    @property
    def whole_filter(self) -> str:
        """The filter as text, with ``among`` in it."""
        if self.among is None:
            return self.filter
        terms = (f"({self.among.name}={escaped_bytes(each)})" for each in self.among.values)
        return f"(&{self.filter}(|{''.join(terms)}))"


def escaped_bytes(raw: bytes) -> str:
    """Return raw bytes as they stand in a filter."""
    return "".join(f"\\{each:02x}" for each in raw)


BASE, ONE_LEVEL, SUBTREE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found.

    ``controls`` are the values in BER by their OIDs, ``references`` the addresses where the server
    says more is to be found.
    """

    entries: list[Entry]
    result: Result
    controls: Mapping[str, bytes] = field(default_factory=dict)
    references: tuple[str, ...] = ()


class Lost(ConnectionLost):
    """The connection broke; whether the last request was carried out is unknown."""
