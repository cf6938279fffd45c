"""How TLS is checked: by the standard library, and in sentences when it fails."""

from __future__ import annotations

import ssl

from hypersync.connectors.directory.address import Address
from hypersync.errors import SiloRefused

_CA = "name the file of the authority that signed it with 'tls: {ca_file: ...}'"
_NAME = "use the name it carries in the url, or say it with 'tls: {name: ...}'"
_UNKNOWN_AUTHORITY = "its certificate is signed by an authority that is not trusted here; " + _CA
_WHY = {
    2: _UNKNOWN_AUTHORITY,
    9: "its certificate is not valid yet; compare the clocks of both machines",
    10: "its certificate has expired; renew it on the server",
    18: "its certificate is signed by itself; name the file of it with 'tls: {ca_file: ...}'",
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    23: "its certificate was revoked; give the server a new one",
    62: "its certificate is for another name; " + _NAME,
    64: "its certificate is for another name; " + _NAME,
}
"""What the codes of OpenSSL (``X509_V_ERR_...``) mean, with the remedy."""


def context_of(address: Address) -> ssl.SSLContext:
    """Return how TLS is to be spoken; raises `SiloRefused` when the CA file cannot be read."""
    ca_file = address.ca_file
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except ssl.SSLError as error:
        raise SiloRefused(
            f"{ca_file} of 'tls: ca_file' holds no certificate; it must be a PEM file"
        ) from error
    except OSError as error:
        raise SiloRefused(f"{ca_file} of 'tls: ca_file' cannot be read: {error.strerror}") from None
    if not address.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def why(error: BaseException) -> str:
    """Say why TLS failed and what helps."""
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _WHY.get(error.verify_code, "its certificate is not accepted")
        return f"{known} [{error.verify_message}]"
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return (
            "what answers there does not speak TLS; write the port of ldaps (636), "
            "or ldap:// with 'tls: {start: true}'"
        )
    return str(error) or type(error).__name__
