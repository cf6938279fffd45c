"""An OpenID Connect provider: where it sends people, and who it says they are.

OpenID Connect Core 1.0, the authorization code flow with PKCE (RFC 7636). Everything the provider
says is checked: its discovery document is the issuer's own, its addresses are https (or this
machine), the ID token is signed with one of its keys by a public-key algorithm, is for us, for this
try and in time. Failure direction: whatever is not as it should be signs nobody in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from hypersync.config.sign_in_models import OpenIdConfig, is_this_machine
from hypersync.errors import SignInRefused
from webui.sign_in.attempt import Attempt

_logger = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_KNOWN_FOR = timedelta(hours=1)
_LEFT_ALONE = timedelta(seconds=5)
_LEEWAY = 60
_ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderDown(SignInRefused):
    """The sign-in of your organisation does not answer. Try again in a moment."""

    code = "provider_down"


class ProviderRefused(SignInRefused):
    """The sign-in of your organisation gave no answer that can be trusted. Begin again."""

    code = "provider_refused"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the provider said about itself, and when."""

    metadata: Mapping[str, Any]
    keys: KeySet
    at: datetime


class Provider:
    """One provider; what it says about itself is asked again every hour."""

    def __init__(
        self, config: OpenIdConfig, redirect_uri: str, now: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._redirect_uri = redirect_uri
        self._now = now
        self._lock = Lock()
        self._known: _Known | None = None
        self._failed: tuple[SignInRefused, datetime] | None = None

    def address(self, attempt: Attempt) -> str:
        """Return where to send somebody for a try; raises `ProviderDown`."""
        metadata = self._about().metadata
        with self._session(metadata) as session:
            address, _ = session.create_authorization_url(
                metadata["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(address)

    def claims(self, code: str, attempt: Attempt) -> Mapping[str, Any]:
        """Return what the provider says about whoever came back with a code.

        Raises `ProviderDown` and `ProviderRefused`.
        """
        known = self._about()
        try:
            with self._session(known.metadata) as session:
                token = session.fetch_token(
                    known.metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=attempt.verifier,
                    redirect_uri=self._redirect_uri,
                    timeout=self._seconds,
                    allow_redirects=False,
                )
                said = self._id_token(token, attempt, known)
                return said if self._config.claim in said else self._more(session, said, known)
        except requests.RequestException as error:
            raise _down("the token endpoint", error) from error
        except AuthlibBaseError as error:
            raise _refused(f"it refused the code: {error.error!r:.80}") from error
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise _refused(f"its answer is not as it should be: {type(error).__name__}") from error

    # --- what it says about itself -------------------------------------------------------------

    def _about(self, *, is_again: bool = False) -> _Known:
        """Return what it says about itself; one that failed is left alone for a moment.

        Otherwise whoever asks again and again would keep every thread waiting for it.
        """
        with self._lock:
            known, now = self._known, self._now()
            if known is not None and not is_again and timedelta() <= now - known.at < _KNOWN_FOR:
                return known
            if self._failed is not None and timedelta() <= now - self._failed[1] < _LEFT_ALONE:
                raise type(self._failed[0])
            try:
                self._known = self._ask(now)
            except SignInRefused as refused:
                self._failed = (refused, self._now())
                raise
            return self._known

    def _ask(self, now: datetime) -> _Known:
        issuer = self._config.issuer.rstrip("/")
        try:
            metadata = self._fetch(f"{issuer}/.well-known/openid-configuration")
            if str(metadata.get("issuer", "")).rstrip("/") != issuer:
                raise _refused("its discovery document names another issuer")
            for name in _ADDRESSES:
                if not _is_safe(metadata.get(name)):
                    raise _refused(f"its {name} is no https address")
            keys = KeySet.import_key_set(self._fetch(metadata["jwks_uri"]))  # type: ignore[arg-type]
        except requests.RequestException as error:
            raise _down("the discovery", error) from error
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise _refused(f"its discovery is not as it should be: {error!r:.200}") from error
        return _Known(metadata, keys, now)

    def _fetch(self, address: str) -> dict[str, Any]:
        answer = requests.get(address, timeout=self._seconds, allow_redirects=False)
        answer.raise_for_status()
        found = answer.json()
        if not isinstance(found, dict):
            raise TypeError("no object")
        return found

    @property
    def _seconds(self) -> float:
        return self._config.timeout.total_seconds()

    def _session(self, metadata: Mapping[str, Any]) -> OAuth2Session:
        secret = self._config.client_secret
        offered = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        basic = "client_secret_basic" in offered
        method = "client_secret_basic" if basic else "client_secret_post"
        return OAuth2Session(
            client_id=self._config.client_id,
            client_secret=None if secret is None else secret.reveal(),
            token_endpoint_auth_method="none" if secret is None else method,
            scope=" ".join(dict.fromkeys(("openid", *self._config.scopes))),
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
        )

    # --- what it says about somebody -----------------------------------------------------------

    def _id_token(
        self, token: Mapping[str, Any], attempt: Attempt, known: _Known
    ) -> Mapping[str, Any]:
        """Return the claims of an ID token; the keys are asked for again when it names another."""
        text = token["id_token"]
        try:
            decoded = jwt.decode(text, known.keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            decoded = jwt.decode(text, self._about(is_again=True).keys, algorithms=list(ALGORITHMS))
        client_id = self._config.client_id
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": known.metadata["issuer"]},
                "aud": {"essential": True, "value": client_id},
            },
            params={
                "nonce": attempt.nonce,
                "client_id": client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(now=int(self._now().timestamp()), leeway=_LEEWAY)
        return dict(claims)

    def _more(
        self, session: OAuth2Session, said: Mapping[str, Any], known: _Known
    ) -> Mapping[str, Any]:
        """Return the claims together with those that only the userinfo endpoint tells."""
        address = known.metadata.get("userinfo_endpoint")
        if not _is_safe(address):
            return said
        answer = session.get(str(address), timeout=self._seconds, allow_redirects=False)
        answer.raise_for_status()
        more = answer.json()
        if more["sub"] != said["sub"]:
            raise ValueError("the user info is about somebody else")
        return {**more, **said}


def _is_safe(address: object) -> bool:
    parts = urlsplit(address if isinstance(address, str) else "")
    if parts.scheme == "http":
        return is_this_machine(parts.hostname or "")
    return parts.scheme == "https" and bool(parts.hostname)


def _down(what: str, error: Exception) -> ProviderDown:
    _logger.warning("the provider does not answer, %s: %s", what, type(error).__name__)
    return ProviderDown()


def _refused(why: str) -> ProviderRefused:
    _logger.warning("the provider is not believed: %s", why)
    return ProviderRefused()
