"""Calls webhooks: the effects of event rules.

Only to hosts that the configuration allows, only to public addresses unless the host is listed as
private, over the address that was checked (so that a second look-up cannot lead elsewhere), and
never along a redirect. The action's id goes along as ``Idempotency-Key``.

Failure direction: refused by us or by the other side is final; not reached is tried again; sent
without an answer is unknown, and an event of unknown outcome is never repeated by itself.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Collection
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

from hypersync.model.actions import Action
from hypersync.model.objects import Outcome, Refused, RetryAfter, Succeeded, Unknown

_RETRY = timedelta(minutes=1)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LONGEST_ANSWER = 65_536
_BUSY = (429, 502, 503, 504)


class Webhooks:
    """Calls the webhooks of event rules; ``private`` hosts may have private addresses."""

    def __init__(
        self, allow: Collection[str], private: Collection[str], *, timeout: float = 10.0
    ) -> None:
        self._allow = frozenset(host.casefold() for host in allow)
        self._private = frozenset(host.casefold() for host in private)
        self._timeout = timeout

    def fire(self, action: Action) -> Outcome:
        """Call the webhook of an event; never raises for what the other side does."""
        address = (action.after or {}).get("webhook")
        url = urlsplit(str(address))
        host = (url.hostname or "").casefold()
        if url.scheme not in ("http", "https") or not host:
            return Refused(f"{address!r} is no web address")
        if host not in self._allow | self._private:
            return Refused(f"{host} is not among the allowed webhooks; add it to webhooks: allow")
        try:
            pinned = self._pin(url, host)
        except OSError as error:
            return RetryAfter(_RETRY, f"{host} cannot be found: {error}")
        if pinned is None:
            return Refused(f"{host} has an address that is not public")
        return self._post(url, host, pinned, action)

    def _pin(self, url: SplitResult, host: str) -> str | None:
        """Return the address to connect to; ``None`` when one of them must not be reached."""
        port = url.port or (443 if url.scheme == "https" else 80)
        found = {
            str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        }
        if host not in self._private and not all(is_public(each) for each in found):
            return None
        return min(found)

    def _post(self, url: SplitResult, host: str, pinned: str, action: Action) -> Outcome:
        body = json.dumps(
            {
                "action": action.id,
                "rule": action.rule,
                "identity": str(action.identity),
                "name": action.title,
            }
        ).encode()
        headers = {
            "Host": url.netloc.rpartition("@")[2],
            "Content-Type": "application/json",
            "Idempotency-Key": action.id,
        }
        connection = self._connection(url, host, pinned)
        try:
            connection.connect()
        except OSError as error:
            return RetryAfter(_RETRY, f"{host} does not answer: {error}")
        try:
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read(_LONGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            return Unknown(f"{host} was called and did not answer: {error}")
        finally:
            connection.close()
        return _judge(host, answer.status)

    def _connection(self, url: SplitResult, host: str, pinned: str) -> http.client.HTTPConnection:
        if url.scheme == "https":
            return _PinnedTls(host, pinned, url.port or 443, self._timeout)
        return http.client.HTTPConnection(pinned, url.port or 80, timeout=self._timeout)


class _PinnedTls(http.client.HTTPSConnection):
    """A TLS connection to a checked address, whose certificate must be the host's."""

    def __init__(self, host: str, pinned: str, port: int, timeout: float) -> None:
        context = ssl.create_default_context()
        super().__init__(host, port, timeout=timeout, context=context)
        self._pinned = pinned
        self._tls = context

    def connect(self) -> None:
        """Connect to the address that was checked."""
        plain = socket.create_connection((self._pinned, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def is_public(address: str) -> bool:
    """Tell whether an address is reachable by everybody, seen through its mapped forms."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed in _NAT64 or parsed.sixtofour is not None or parsed.teredo is not None:
            return False
        if parsed.ipv4_mapped is not None:
            return parsed.ipv4_mapped.is_global
    return parsed.is_global and not parsed.is_multicast


def _judge(host: str, status: int) -> Outcome:
    if 200 <= status < 300:
        return Succeeded(None)
    if status in _BUSY:
        return RetryAfter(_RETRY, f"{host} answered {status}")
    return Refused(f"{host} answered {status}")
