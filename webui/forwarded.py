"""Believes what a proxy says about a request when the proxy is named in the configuration.

Before anything else sees a request: from a named proxy come the address of whoever asks, whether
they use https, and the host they asked for. Of anybody else these headers are taken away. Of
several named proxies in a row the last address that is none of them counts; what stands before it
was said by whoever asks.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hypersync.config.sign_in_models import is_among

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PEER = "hypersync.peer"
"""Where the environment keeps the address that a request came from, be it a proxy's."""
WAS_FORWARDED = "hypersync.forwarded"
"""Where it keeps whether the request showed that it came through a proxy."""

_SIGNS = ("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP")
_SAID = ("HTTP_FORWARDED", "HTTP_X_REAL_IP")
_PREFIX = "HTTP_X_FORWARDED"
_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?")
_WITH_PORT = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[\d.]+))(?::\d{1,5})?")


class Forwarded:
    """A WSGI application in front of the pages."""

    def __init__(self, pages: WSGIApplication, proxies: Sequence[str]) -> None:
        self._pages = pages
        self._proxies = proxies

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Hand a request on, with what is believed of it."""
        peer = str(environ.get("REMOTE_ADDR") or "")
        environ[PEER] = peer
        environ[WAS_FORWARDED] = _is_forwarded(environ)
        said = {name: environ.pop(name) for name in list(environ) if _is_said(name)}
        if is_among(peer, self._proxies):
            self._believe(environ, said, peer)
        return self._pages(environ, start_response)

    def _believe(self, environ: WSGIEnvironment, said: Mapping[str, Any], peer: str) -> None:
        environ["REMOTE_ADDR"] = self._origin(str(said.get("HTTP_X_FORWARDED_FOR", "")), peer)
        scheme = _last(said.get("HTTP_X_FORWARDED_PROTO", "")).lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        host = _last(said.get("HTTP_X_FORWARDED_HOST", ""))
        if _HOST.fullmatch(host):
            environ["HTTP_HOST"] = host

    def _origin(self, chain: str, peer: str) -> str:
        """Return the last address that is no named proxy, as far as the chain can be read."""
        origin = peer
        for each in reversed(chain.split(",")):
            address = _address(each.strip())
            if not address:
                break
            origin = address
            if not is_among(address, self._proxies):
                break
        return origin


def _is_forwarded(environ: WSGIEnvironment) -> bool:
    if any(name in _SIGNS or name.startswith(_PREFIX) for name in environ):
        return True
    return environ.get("SERVER_PROTOCOL") == "HTTP/1.0"


def _is_said(name: str) -> bool:
    return name in _SAID or name.startswith(_PREFIX)


def _last(values: object) -> str:
    return str(values).rpartition(",")[2].strip()


def _address(text: str) -> str:
    """Return an address without the port that some proxies add; nothing for what is none."""
    match = _WITH_PORT.fullmatch(text)
    bare = text if match is None else match["six"] or match["four"]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return ""
