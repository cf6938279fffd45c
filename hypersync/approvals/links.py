"""Links, their tokens and the codes that go with them. Pure.

A link is built from the configured public address, never from a request. What it carries is derived
again whenever it is needed, from (key, purpose, installation and environment, request, recipient,
nonce); only a hash is stored, so that a copy of the database opens nothing. A token says who was
invited; deciding takes the code as well, which stands in the mail and on no page.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import quote, urlencode, urlsplit

from hypersync.model.ids import ActionId, RequestId, RunId
from hypersync.model.requests import Answer

CODE_DIGITS = 6
MOST_WRONG_CODES = 5


class Purpose(Enum):
    """What something derived from a key is for; one never works as the other."""

    DECIDE = "decide"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Whom a token invites to what: one recipient of one message about one request."""

    request: RequestId
    address: str
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Derives tokens and codes; ``keys`` newest first, older ones still verify.

    ``environment`` names the installation and its environment.
    """

    keys: Sequence[bytes] = field(repr=False)
    environment: str

    def token(self, invitation: Invitation) -> str:
        """Return the token of a new link: 256 bits as text."""
        return self._token(self.keys[0], invitation)

    def code(self, invitation: Invitation) -> str:
        """Return the six digits of a new mail."""
        return self._code(self.keys[0], invitation)

    def code_of(self, token: str, invitation: Invitation) -> str | None:
        """Return the code that belongs to a token; ``None`` when no key in force made it."""
        for key in self.keys:
            if hmac.compare_digest(self._token(key, invitation).encode(), token.encode()):
                return self._code(key, invitation)
        return None

    def _token(self, key: bytes, invitation: Invitation) -> str:
        derived = self._derive(key, Purpose.DECIDE, invitation)
        return urlsafe_b64encode(derived).rstrip(b"=").decode()

    def _code(self, key: bytes, invitation: Invitation) -> str:
        number = int.from_bytes(self._derive(key, Purpose.CODE, invitation)) % 10**CODE_DIGITS
        return f"{number:0{CODE_DIGITS}d}"

    def _derive(self, key: bytes, purpose: Purpose, invitation: Invitation) -> bytes:
        parts = (
            purpose.value,
            self.environment,
            invitation.request,
            invitation.address,
            invitation.nonce,
        )
        signed = b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in parts)
        return hmac.digest(key, signed, hashlib.sha256)


def token_hash(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_same_code(given: str, right: str) -> bool:
    """Compare a code as somebody typed it, in a time that tells nothing."""
    typed = "".join(given.split())
    return hmac.compare_digest(typed.encode(), right.encode())


def list_digest(rows: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> str:
    """Return what stands for a list of (action id, fingerprint), whatever its order."""
    joined = "\n".join(sorted(f"{action} {fingerprint}" for action, fingerprint in rows))
    return hashlib.sha256(joined.encode()).hexdigest()[:32]


def mark_of(action: ActionId, fingerprint: str) -> str:
    """Return what stands for one action as it is shown on a page."""
    return list_digest([(action, fingerprint)])[:16]


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses of the pages, below the configured public address."""

    public_url: str

    @property
    def host(self) -> str:
        """The host name that addresses of messages end with."""
        return urlsplit(self.public_url).hostname or "localhost"

    def action(self, answer: Answer, action: ActionId, token: str | None = None) -> str:
        """Return the link that decides one action."""
        return self._page(answer, token, action=action)

    def request(
        self,
        answer: Answer,
        request: RequestId,
        token: str | None = None,
        cluster: str | None = None,
    ) -> str:
        """Return the link that decides every undecided action of a request, or its scan.

        With ``cluster`` those of one of its clusters only.
        """
        part = {} if cluster is None else {"cluster": cluster}
        return self._page(answer, token, request=request, **part)

    def rule(self, answer: Answer, run: RunId, rule: str, token: str | None = None) -> str:
        """Return the link that decides the volume request of a rule in a run."""
        return self._page(answer, token, run=run, rule=rule)

    def older(self, run: RunId, rule: str, token: str | None = None) -> str:
        """Return the older form of that link: one page for both answers."""
        tail = f"?{urlencode({'token': token})}" if token else ""
        return f"{self.public_url}/hypersync/run={quote(run)}&rule={quote(rule, safe='')}{tail}"

    def report(
        self,
        request: RequestId | None = None,
        token: str | None = None,
        cluster: str | None = None,
    ) -> str:
        """Return the link to the report of everything that waits, or of one request.

        With ``cluster`` of one of its clusters only.
        """
        given = {"request": request, "cluster": cluster, "token": token}
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{self.public_url}/report/pending{'?' if query else ''}{query}"

    def run(self, run: RunId) -> str:
        """Return the link to the report of a run."""
        return f"{self.public_url}/report/runs/{quote(run)}"

    def _page(self, answer: Answer, token: str | None, **what: str) -> str:
        query = urlencode({**what, **({"token": token} if token else {})})
        return f"{self.public_url}/hypersync/{answer.value}?{query}"
