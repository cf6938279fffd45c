"""Why there was no connection, or no good one, in words, with what helps.

The libraries pack the reason into errors of their own, of which some tell a text only ("All
connection attempts failed"); what the system or OpenSSL said is further inside.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final

_CA: Final = "name the file of the authority that signed it with 'ca_file: ...'"
_NAME: Final = "write the name it carries in place of this one"
_UNKNOWN_AUTHORITY: Final = (
    f"its certificate is signed by an authority that is not trusted here; {_CA}"
)
_CERTIFICATES: Final = {
    9: "its certificate is not valid yet; compare the clocks of both machines",
    10: "its certificate has expired; it has to be renewed there",
    18: "its certificate is signed by itself; name the file of it with 'ca_file: ...'",
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    62: f"its certificate is for another name; {_NAME}",
    64: f"its certificate is for another name; {_NAME}",
}
"""What the codes of OpenSSL (``X509_V_ERR_...``) mean, with the remedy."""
_LINKS: Final = ("__cause__", "__context__", "inner_exception", "reason")
"""Where an error may have the one that it came of."""


def why(error: BaseException) -> str:
    """Say why a server was not reached, nothing when no more is known than the error says."""
    found = list(_inside(error))
    for each in found:
        if isinstance(each, ssl.SSLCertVerificationError):
            known = _CERTIFICATES.get(each.verify_code, "its certificate is not accepted")
            return f"{known} [{each.verify_message}]"
    for each in found:
        if isinstance(each, socket.gaierror):
            return f"the name of the host does not resolve [{each.strerror}]"
        if isinstance(each, ConnectionRefusedError):
            return "nobody listens there [Connection refused]"
    return ""


def _inside(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it came of, each once, the outer ones first."""
    left: list[object] = [error]
    seen: set[int] = set()
    while left:
        each = left.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        left += [*(getattr(each, name, None) for name in _LINKS), *each.args]
