"""Signing in with azure-identity: a client secret, a certificate, or a managed identity.

The library's credential lives for one request and is closed again; the token is kept here until
shortly before it ends, for all sessions of a connector. A refusal (wrong secret, unknown
application) is never tried again.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    ManagedIdentityCredential,
)

from hypersync.connectors.msgraph.options import MsgraphOptions, SignInOptions
from hypersync.connectors.msgraph.properties import CLOUDS
from hypersync.connectors.msgraph.unreached import why
from hypersync.errors import SiloError, SiloRefused, SiloUnreachable

_BEFORE_THE_END = 300
_LIBRARY = "azure.identity"
_SENTENCES = {
    "AADSTS7000215": "the client secret is wrong (the secret's value is meant, not its id)",
    "AADSTS7000222": "the client secret has expired; make another one",
    "AADSTS700016": "the tenant knows no application with this client id",
    "AADSTS90002": "there is no such tenant",
    "AADSTS700027": "the certificate is not one of the application's; upload it there",
    "AADSTS50034": "there is no such account",
    "AADSTS53003": "a conditional access policy keeps the application out",
}


class _Credential(Protocol):
    def get_token(self, *scopes: str, **options: Any) -> AccessToken: ...  # noqa: ANN401 - theirs
    def close(self) -> None: ...


class SignIn:
    """Gives out tokens; a credential in the sense of the Azure libraries. Thread-safe."""

    def __init__(
        self,
        options: MsgraphOptions,
        sign_in: SignInOptions,
        *,
        root: Path,
        timeout_seconds: int,
        now: Callable[[], datetime],
    ) -> None:
        self._options = options
        self._sign_in = sign_in
        self._root = root
        self._timeout = timeout_seconds
        self._now = now
        self._lock = Lock()
        self._token: AccessToken | None = None
        _hush()

    @property
    def scope(self) -> str:
        """What is asked for: everything that the application was granted."""
        parts = urlsplit(self._options.base)
        return f"{parts.scheme}://{parts.hostname}/.default"

    def get_token(self, *_scopes: str, claims: str | None = None, **_options: Any) -> AccessToken:  # noqa: ANN401 - theirs
        """Return a token that is good for a while; raises `SiloRefused` or `SiloUnreachable`.

        With ``claims`` (Graph wants to know more) a new one is fetched.
        """
        kept = self._kept() if claims is None else None
        if kept is not None:
            return kept
        with self._lock:
            token = self._kept() if claims is None else None
            if token is None:
                token = self._token = self._fetch(claims)
            return token

    @property
    def is_ready(self) -> bool:
        """Whether there is a token, so that nobody has to wait for one."""
        return self._kept() is not None

    def _kept(self) -> AccessToken | None:
        token = self._token
        fresh_until = self._now().timestamp() + _BEFORE_THE_END
        return None if token is None or token.expires_on < fresh_until else token

    def forget(self) -> None:
        """Fetch another token next time; Graph did not accept this one."""
        self._token = None

    def roles(self) -> frozenset[str] | None:
        """Return the permissions that the token names, ``None`` when it names none.

        Nothing is decided by this but what to tell people, so the signature is not looked at.
        """
        try:
            part = self.get_token().token.split(".")[1]
            padded = part + "=" * (-len(part) % 4)
            found = orjson.loads(base64.urlsafe_b64decode(padded)).get("roles")
        except (IndexError, ValueError, AttributeError):
            return None
        return frozenset(map(str, found)) if isinstance(found, list) else frozenset()

    def _fetch(self, claims: str | None) -> AccessToken:
        where = "the managed identity's endpoint"
        if self._sign_in.managed_identity is None:
            where = self._options.authority
        try:
            credential = self._credential()
            try:
                return credential.get_token(self.scope, claims=claims)
            finally:
                credential.close()
        except (AzureError, OSError) as error:
            raise _wrapped(error, where) from error
        except ValueError as error:
            raise SiloRefused(f"signing in is not possible like this: {_said(error)}") from error

    def _credential(self) -> _Credential:
        given = self._sign_in
        common: dict[str, Any] = {
            "retry_total": 1,
            "connection_timeout": self._timeout,
            "read_timeout": self._timeout,
        }
        if given.managed_identity is not None:
            name = given.managed_identity
            return ManagedIdentityCredential(client_id=None if name == "system" else name, **common)
        tenant, client = given.tenant or "", given.client or ""
        common["authority"] = self._options.authority
        if self._options.ca_file is not None:
            common["connection_verify"] = str(self._root / self._options.ca_file)
        if self._options.authority not in {cloud.authority for cloud in CLOUDS.values()}:
            common["disable_instance_discovery"] = True
        if given.secret is not None:
            return ClientSecretCredential(tenant, client, given.secret.reveal(), **common)
        password = given.certificate_password
        return CertificateCredential(
            tenant,
            client,
            certificate_data=self._certificate(),
            password=None if password is None else password.reveal(),
            **common,
        )

    def _certificate(self) -> bytes:
        path = self._root / (self._sign_in.certificate or "")
        try:
            return path.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise SiloRefused(f"the certificate {path} cannot be read: {reason}") from error


def _hush() -> None:
    """Keep the library from warning of each failed try what our own sentence says once.

    Who asked for everything (debug) gets that, too.
    """
    log = logging.getLogger(_LIBRARY)
    if not log.isEnabledFor(logging.DEBUG):
        log.setLevel(logging.ERROR)


def _wrapped(error: Exception, where: str) -> SiloError:
    """Tell refusals, which the library calls every error, from an authority out of reach."""
    if _is_of_the_network(error) or not isinstance(error, ClientAuthenticationError):
        return SiloUnreachable(f"{where} cannot be reached: {why(error) or _said(error)}")
    if isinstance(error, CredentialUnavailableError):
        return SiloRefused(f"there is no managed identity here: {_said(error)}")
    return SiloRefused(f"{where} does not let us sign in: {_sentence(error)}")


def _is_of_the_network(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ServiceRequestError | ServiceResponseError):
            return True
        error = error.__cause__
    return False


def _sentence(error: Exception) -> str:
    said = _said(error)
    known = next((text for code, text in _SENTENCES.items() if code in said), "")
    return f"{known} [{said}]" if known else said


def _said(error: Exception) -> str:
    """Return the first line of a message; the others are trace ids and advice to programmers."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return first.partition(" Trace ID:")[0].strip()
