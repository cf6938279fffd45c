"""The addresses at which tokens are had: Entra's token endpoint and both managed identities."""

from __future__ import annotations

import re
import uuid
from urllib.parse import parse_qsl

from tests.services.graph.sign_in import Refusal
from tests.services.graph.tenant import Tenant
from tests.services.graph.wire import Reply, Request

_TOKEN = re.compile(r"/([^/]+)/oauth2/v2\.0/token")
_CONFIGURATION = re.compile(r"/([^/]+)/v2\.0/\.well-known/openid-configuration")
METADATA = "/metadata/identity/oauth2/token"
APP_SERVICE = "/msi/token"


def answer(tenant: Tenant, request: Request) -> Reply | None:
    """Return the answer to somebody who wants a token; ``None`` for all other addresses."""
    if request.path in (METADATA, APP_SERVICE):
        return _managed(tenant, request)
    if request.path == "/common/discovery/instance":
        return _instances(tenant, request)
    if found := _CONFIGURATION.fullmatch(request.path):
        return _configuration(request, found[1])
    found = _TOKEN.fullmatch(request.path)
    if found is None:
        return None
    if fault := tenant.faults.taken("fail", request):
        return Reply.of(
            {"error": fault.code, "error_description": fault.message}, status=fault.status
        )
    form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    try:
        return Reply.of(tenant.sign_in.client_credentials(found[1], form))
    except Refusal as refusal:
        return _refused(tenant, refusal)


def _refused(tenant: Tenant, refusal: Refusal) -> Reply:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    moment = tenant.clock.true().strftime("%Y-%m-%d %H:%M:%SZ")
    return Reply.of(
        {
            "error": refusal.error,
            "error_description": f"AADSTS{refusal.number}: {refusal.sentence} Trace ID: {trace} "
            f"Correlation ID: {correlation} Timestamp: {moment}",
            "error_codes": [refusal.number],
            "timestamp": moment,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={refusal.number}",
        },
        status=refusal.status,
    )


def _configuration(request: Request, tenant: str) -> Reply:
    here = f"{request.base}/{tenant}"
    return Reply.of(
        {
            "issuer": f"{here}/v2.0",
            "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
            "token_endpoint": f"{here}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{here}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{here}/discovery/v2.0/keys",
        }
    )


def _instances(tenant: Tenant, request: Request) -> Reply:
    host = request.headers.get("host", "")
    return Reply.of(
        {
            "tenant_discovery_endpoint": f"{request.base}/{tenant.sign_in.tenant}/v2.0/"
            ".well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }
    )


def _managed(tenant: Tenant, request: Request) -> Reply:
    """Answer the machine's own identity, if the request comes from the machine itself."""
    headers, sign_in = request.headers, tenant.sign_in
    if request.path == METADATA and headers.get("metadata", "").lower() != "true":
        return _bad(400, "invalid_request", "Required metadata header not specified")
    if request.path == APP_SERVICE and headers.get("x-identity-header") != sign_in.identity_header:
        return _bad(401, "unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")
    identity = sign_in.managed_identity
    wanted = request.query.get("client_id", "")
    if identity is None or wanted not in ("", identity.id):
        return _bad(400, "invalid_request", "Identity not found")
    resource = request.query.get("resource", "")
    expires = int(tenant.clock.true().timestamp()) + 3599
    return Reply.of(
        {
            "access_token": sign_in.token(identity, audience=resource),
            "client_id": identity.id,
            "expires_in": "3599",
            "expires_on": str(expires),
            "not_before": str(expires - 3599),
            "resource": resource,
            "token_type": "Bearer",
        }
    )


def _bad(status: int, error: str, description: str) -> Reply:
    return Reply.of({"error": error, "error_description": description}, status=status)
