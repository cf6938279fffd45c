"""The Microsoft Graph SDK, set up the way `wire` needs it; nobody else imports it.

One event loop in one thread serves all sessions of a connector. From the SDK come signing in, its
middleware (retries of reads, telemetry headers) and claims challenges; bodies are raw JSON, because
its models read a thirtieth as fast and cannot tell null from absent. What is changed: redirects are
not followed, writes are not tried again by it (a create whose answer was lost may have been done),
every wait and the size of every answer are bounded, and certificates are checked with the file that
the configuration names.
"""

from __future__ import annotations

import asyncio
import ssl
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Final

import httpx
from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from kiota_http.kiota_client_factory import KiotaClientFactory
from kiota_http.middleware.body_inspection_handler import BodyInspectionHandler
from kiota_http.middleware.headers_inspection_handler import HeadersInspectionHandler
from kiota_http.middleware.middleware import BaseMiddleware
from kiota_http.middleware.options import RedirectHandlerOption, RetryHandlerOption
from kiota_http.middleware.url_replace_handler import UrlReplaceHandler
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph_core import GraphClientFactory
from msgraph_core.middleware import GraphTelemetryHandler
from opentelemetry.trace import INVALID_SPAN

from hypersync.connectors.msgraph.answers import Answer
from hypersync.connectors.msgraph.requests import Lost, NotSent, Request
from hypersync.connectors.msgraph.sign_in import SignIn
from hypersync.connectors.msgraph.unreached import why

RETRIES: Final = 3
MOST_MEGABYTES: Final = 64
"""The most that one answer may have as it is unpacked."""
_MEGABYTE = 1_000_000
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NOT_SIGNED_IN = 401
_NO_REDIRECT = RedirectHandlerOption(should_redirect=False)
_OF_NO_USE = (UrlReplaceHandler, HeadersInspectionHandler, BodyInspectionHandler)
_AGAIN = RetryHandlerOption(delay=0, max_retries=RETRIES)
_ONCE = RetryHandlerOption(delay=0, max_retries=0, should_retry=False)


class TooLarge(httpx.StreamError):
    """An answer has more than `MOST_MEGABYTES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where Graph is; ``root`` ends with the version."""

    root: str
    host: str
    sign_in: SignIn | None
    ca_file: str | None = None
    timeout_seconds: int = 60


class Client:
    """Sends requests from any thread; answers come as futures.

    Raises ``OSError`` when the certificates cannot be read.
    """

    def __init__(self, target: Target) -> None:
        certificates = _certificates(target)
        self._timeout = target.timeout_seconds
        self._sign_in = target.sign_in
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="msgraph", daemon=True)
        self._http = httpx.AsyncClient(
            base_url=target.root,
            timeout=httpx.Timeout(target.timeout_seconds),
            verify=certificates,
            event_hooks={"response": [_read_bounded]},
        )
        # the SDK puts its own transport around these and never closes them
        self._transports = [self._http._transport, *self._http._mounts.values()]
        client = GraphClientFactory.create_with_custom_middleware(_middleware(), client=self._http)
        self._adapter = GraphRequestAdapter(_provider(target), client)
        self._adapter.base_url = target.root
        self._thread.start()

    def send(self, request: Request) -> Future[Answer]:
        """Send one request; the future raises `Lost` or `NotSent`, or what signing in raises."""
        return asyncio.run_coroutine_threadsafe(self._send(request), self._loop)

    def close(self) -> None:
        """Close connections and end the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        """Let go of what is still under way, then of the connections."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._http.aclose()
        for transport in self._transports:
            if transport is not None:
                await transport.aclose()

    async def _send(self, request: Request) -> Answer:
        # fetching a token blocks; the answers to other requests must not wait for it, nor time out
        if self._sign_in is not None and not self._sign_in.is_ready:
            await asyncio.to_thread(self._sign_in.get_token)
        information = RequestInformation()
        information.http_method = Method(request.method)
        information.url = request.url
        for name, value in request.headers.items():
            information.headers.add(name, value)
        if request.content is not None:
            information.content = request.content
            information.headers.add("Content-Type", "application/json")
        is_read = request.method == "GET" or request.is_repeatable
        information.add_request_options([_NO_REDIRECT, _AGAIN if is_read else _ONCE])
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._adapter.get_http_response_message(information, INVALID_SPAN)
        except _NEVER_SENT as error:
            raise NotSent(why(error) or _said(error)) from error
        except TimeoutError as error:
            raise Lost(f"no answer within {self._timeout} seconds") from error
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise Lost(_said(error)) from error
        if response.status_code == _NOT_SIGNED_IN and self._sign_in is not None:
            self._sign_in.forget()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, response.content)


async def _read_bounded(response: httpx.Response) -> None:
    """Read the body of an answer before the library does, which would not stop; `TooLarge`."""
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > MOST_MEGABYTES * _MEGABYTE:
            raise TooLarge(f"the answer has more than {MOST_MEGABYTES} MB")
    response._content = b"".join(parts)


def _middleware() -> list[BaseMiddleware]:
    """Return what the SDK does with each request, but for what is of no use here.

    Left out is what writes addresses anew, and what keeps headers and bodies for somebody who asks
    for them: nobody does, and it costs a tenth of what a request costs us.
    """
    usual = KiotaClientFactory.get_default_middleware(None)
    return [*(each for each in usual if not isinstance(each, _OF_NO_USE)), GraphTelemetryHandler()]


def _certificates(target: Target) -> ssl.SSLContext | bool:
    """Return what certificates are checked with; reading the system's takes a while."""
    if not target.root.startswith("https:"):
        return False
    return ssl.create_default_context(cafile=target.ca_file)


def _provider(
    target: Target,
) -> AzureIdentityAuthenticationProvider | AnonymousAuthenticationProvider:
    if target.sign_in is None:
        return AnonymousAuthenticationProvider()
    return AzureIdentityAuthenticationProvider(
        target.sign_in, scopes=[target.sign_in.scope], allowed_hosts=[target.host]
    )


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
