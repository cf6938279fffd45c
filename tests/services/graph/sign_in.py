"""Who may ask: applications with secrets or certificates, managed identities, access tokens.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
https://learn.microsoft.com/entra/identity-platform/certificate-credentials,
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token,
https://learn.microsoft.com/azure/app-service/overview-managed-identity
"""

from __future__ import annotations

import base64
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, RSAKey

from tests.services.graph.clock import Clock
from tests.services.graph.permissions import EVERYTHING
from tests.services.graph.wire import Problem

LIFE = timedelta(hours=1)
GRAPH = "https://graph.microsoft.com"
AUDIENCES = frozenset(
    {
        GRAPH,
        "https://graph.microsoft.us",
        "https://dod-graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
        "00000003-0000-0000-c000-000000000000",
    }
)
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Refusal(Exception):
    """A sign-in that failed: the error of OAuth, the number of Entra, and its sentence."""

    def __init__(self, status: int, error: str, number: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.error, self.number, self.sentence = status, error, number, sentence


@dataclass(slots=True, kw_only=True)
class Application:
    """An application that is registered in the tenant."""

    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    certificates: list[bytes] = field(default_factory=list)
    """PEM, without keys."""
    roles: frozenset[str] = EVERYTHING
    secret_has_expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks."""

    application: str
    roles: frozenset[str]


class SignIn:
    """Issues access tokens and recognises them."""

    def __init__(self, tenant: str, clock: Clock) -> None:
        self.tenant = tenant
        self.required = True
        """Without it everybody may do everything."""
        self.application = Application()
        self.applications = {self.application.id: self.application}
        self.managed_identity: Application | None = self.application
        self.identity_header = secrets.token_urlsafe(16)
        self.audiences = set(AUDIENCES)
        self._clock = clock
        self._key = OctKey.import_key(secrets.token_bytes(32))

    def register(self, **options: Any) -> Application:
        """Register another application."""
        application = Application(**options)
        self.applications[application.id] = application
        return application

    # --- access tokens -----------------------------------------------------------------------

    def token(
        self,
        application: Application | None = None,
        *,
        audience: str = GRAPH,
        life: timedelta = LIFE,
    ) -> str:
        """Return an access token, as the token endpoint issues it."""
        whose = application or self.application
        now = int(self._clock.true().timestamp())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + int(life.total_seconds()),
            "appid": whose.id,
            "idtyp": "app",
            "roles": sorted(whose.roles),
            "tid": self.tenant,
            "uti": secrets.token_urlsafe(12),
            "ver": "1.0",
        }
        return jwt.encode({"alg": "HS256"}, claims, self._key)

    def end_sessions(self) -> None:
        """Let no access token be valid that was issued until now."""
        self._key = OctKey.import_key(secrets.token_bytes(32))

    def caller(self, authorization: str | None, base: str) -> Caller:
        """Return who asks; raises `Problem` for somebody who is not known."""
        if not self.required:
            return Caller(application=self.application.id, roles=EVERYTHING)
        scheme, _, token = (authorization or "").partition(" ")
        if not token.strip():
            raise _unauthorized("Access token is empty.")
        if scheme.lower() != "bearer" or token.count(".") != 2:
            raise _unauthorized("IDX14100: JWT is not well formed, there are no dots (.).")
        try:
            claims = jwt.decode(token.strip(), self._key, algorithms=["HS256"]).claims
        except (JoseError, ValueError) as error:
            raise _unauthorized("Access token validation failure. Invalid signature.") from error
        if claims["exp"] <= self._clock.true().timestamp():
            raise _unauthorized("Lifetime validation failed, the token is expired.")
        if claims["aud"].rstrip("/") not in self.audiences | {base, base.rpartition(":")[0]}:
            raise _unauthorized("Access token validation failure. Invalid audience.")
        return Caller(application=claims["appid"], roles=frozenset(claims["roles"]))

    # --- the token endpoint ------------------------------------------------------------------

    def client_credentials(self, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        """Answer a request for a token; raises `Refusal`."""
        if tenant.lower() != self.tenant:
            raise Refusal(
                400,
                "invalid_request",
                90002,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.",
            )
        if form.get("grant_type") != "client_credentials":
            raise Refusal(
                400,
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{form.get('grant_type', '')}'.",
            )
        application = self._application(form)
        life = int(LIFE.total_seconds()) - 1
        return {
            "token_type": "Bearer",
            "expires_in": life,
            "ext_expires_in": life,
            "access_token": self.token(application, audience=_audience(form.get("scope", ""))),
        }

    def _application(self, form: dict[str, str]) -> Application:
        """Return the application that proves itself."""
        client = form.get("client_id", "")
        application = self.applications.get(client)
        if application is None:
            raise Refusal(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{client}' was not found in the directory "
                f"'{self.tenant}'.",
            )
        if "client_secret" in form:
            self._check_secret(application, form["client_secret"])
        elif form.get("client_assertion_type") == ASSERTION and "client_assertion" in form:
            self._check_assertion(application, form["client_assertion"])
        else:
            raise Refusal(
                401,
                "invalid_client",
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or "
                "'client_secret'.",
            )
        return application

    def _check_secret(self, application: Application, secret: str) -> None:
        if not secrets.compare_digest(secret.encode(), application.secret.encode()):
            raise Refusal(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is "
                "the client secret value, not the client secret ID, for a secret added to app "
                f"'{application.id}'.",
            )
        if application.secret_has_expired:
            raise Refusal(
                401,
                "invalid_client",
                7000222,
                f"The provided client secret keys for app '{application.id}' are expired.",
            )

    def _check_assertion(self, application: Application, assertion: str) -> None:
        """Check the signature by a certificate that is registered, and what is claimed."""
        for certificate in application.certificates:
            key = _public_key(certificate)
            try:
                token = jwt.decode(assertion, key, algorithms=["PS256", "RS256"])
            except (JoseError, ValueError):
                continue
            names = (token.header.get("x5t#S256"), token.header.get("x5t"))
            named = {str(name).rstrip("=") for name in names}
            if named & thumbprints(certificate):
                self._check_claims(application, token.claims)
                return
        raise Refusal(
            401,
            "invalid_client",
            700027,
            "The certificate with identifier used to sign the client assertion is not registered "
            "on application.",
        )

    def _check_claims(self, application: Application, claims: dict[str, Any]) -> None:
        now = self._clock.true().timestamp()
        if not claims.get("nbf", now) - 300 <= now < claims.get("exp", 0) + 300:
            raise Refusal(
                401,
                "invalid_client",
                700024,
                "Client assertion is not within its valid time range.",
            )
        meant = str(claims.get("aud", "")).endswith(f"/{self.tenant}/oauth2/v2.0/token")
        if not meant or {claims.get("iss"), claims.get("sub")} != {application.id}:
            raise Refusal(
                401,
                "invalid_client",
                700023,
                "Client assertion audience claim does not match Realm issuer.",
            )


def _audience(scope: str) -> str:
    """Return the resource of a scope that asks for everything; raises `Refusal` for another."""
    if not scope.endswith("/.default"):
        raise Refusal(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {scope} is not valid. Client credential flows must have "
            "a scope value with /.default suffixed to the resource identifier (application ID "
            "URI).",
        )
    return scope.removesuffix("/.default")


def thumbprints(certificate: bytes) -> set[str]:
    """Return the names that an assertion gives a certificate."""
    found = x509.load_pem_x509_certificate(certificate)
    prints = (found.fingerprint(hashes.SHA256()), found.fingerprint(hashes.SHA1()))  # noqa: S303 - x5t
    return {base64.urlsafe_b64encode(each).decode().rstrip("=") for each in prints}


def _public_key(certificate: bytes) -> RSAKey:
    public = x509.load_pem_x509_certificate(certificate).public_key()
    return RSAKey.import_key(
        public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def _unauthorized(message: str) -> Problem:
    return Problem(
        401,
        "InvalidAuthenticationToken",
        message,
        headers={
            "WWW-Authenticate": 'Bearer realm="", '
            'authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
            'client_id="00000003-0000-0000-c000-000000000000"'
        },
    )
