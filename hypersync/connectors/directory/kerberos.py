"""Signs in with a Kerberos ticket (SASL GSSAPI, RFC 4752), by the package ``gssapi``.

The ticket comes from where the environment says: a credential cache (``KRB5CCNAME``, ``kinit``) or
a keytab (``KRB5_CLIENT_KTNAME``). Kerberos only signs in here; what follows is kept secret by TLS,
to which the ticket is bound (RFC 5929) so that it cannot be used in another connection.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256, Hash

from hypersync.connectors.directory.client import send_sasl_negotiation
from hypersync.errors import SiloRefused

if TYPE_CHECKING:
    import gssapi

_SUCCESS, _MORE = 0, 14
_NO_LAYER = 1


def sign_in(connection: Any, host: str) -> None:  # noqa: ANN401 - see client
    """Sign in to the service ``ldap`` of a host; the connection keeps how the server answered.

    Raises `SiloRefused` when there is no ticket to be had.
    """
    try:
        import gssapi  # only who uses Kerberos has it
    except ImportError as error:
        raise SiloRefused(
            "signing in by Kerberos needs another package; install 'hypersync[kerberos]'"
        ) from error
    try:
        _negotiate(connection, _context(host, connection.socket))
    except gssapi.exceptions.GSSError as error:
        raise SiloRefused(
            f"there is no Kerberos ticket for ldap/{host}: {error}; run kinit, name a keytab with "
            "the environment variable KRB5_CLIENT_KTNAME, or say how the server is called with "
            "'tls: {name: ...}'"
        ) from error


def _context(host: str, socket: object) -> gssapi.SecurityContext:
    import gssapi

    return gssapi.SecurityContext(
        name=gssapi.Name(f"ldap@{host}", gssapi.NameType.hostbased_service),
        mech=gssapi.MechType.kerberos,
        usage="initiate",
        channel_bindings=_bindings(socket),
    )


def _negotiate(connection: Any, context: gssapi.SecurityContext) -> None:  # noqa: ANN401 - see client
    token: bytes | None = None
    while not context.complete:
        answer = send_sasl_negotiation(connection, None, context.step(token) or b"")
        if answer["result"] not in (_SUCCESS, _MORE):
            return
        token = answer["saslCreds"]
    offered = context.unwrap(token or b"").message
    if not offered[:1] or not offered[0] & _NO_LAYER:
        raise SiloRefused(
            "the server wants what follows to be signed; use ldaps:// or 'tls: {start: true}'"
        )
    chosen = context.wrap(bytes((_NO_LAYER, 0, 0, 0)), False).message
    send_sasl_negotiation(connection, None, chosen)


def _bindings(socket: object) -> gssapi.raw.ChannelBindings | None:
    """Bind the ticket to the server's certificate (``tls-server-end-point``)."""
    import gssapi

    found = socket.getpeercert(True) if isinstance(socket, ssl.SSLSocket) else None
    algorithm = x509.load_der_x509_certificate(found).signature_hash_algorithm if found else None
    if found is None or algorithm is None:
        return None
    hashed = Hash(SHA256() if isinstance(algorithm, MD5 | SHA1) else algorithm)
    hashed.update(found)
    return gssapi.raw.ChannelBindings(application_data=b"tls-server-end-point:" + hashed.finalize())
