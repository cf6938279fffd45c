"""A real SMTP server that keeps what it gets; it can refuse, hang up and be taken down."""

from __future__ import annotations

import asyncio
import re
import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.smtp import SMTP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage


@dataclass
class SmtpSink:
    """Mails in the order they came; ``refused`` maps addresses to the answer they get.

    ``options`` are those of aiosmtpd's server, ``answer`` is what it says to each message; without
    one it hangs up in the middle of it. ``raw`` are the mails as they came over the wire.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    refused_senders: dict[str, str] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)
    answer: str = "250 OK"
    connections: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _server: asyncio.Server | None = None
    _thread: threading.Thread | None = None

    async def handle_EHLO(self, server, session, envelope, hostname, responses) -> list[str]:
        """Count who comes."""
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options) -> str:
        """Refuse a sender, or take it."""
        if address in self.refused_senders:
            return self.refused_senders[address]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:
        """Refuse an address, or take it."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:
        """Keep a mail, refuse it, or hang up."""
        if not self.answer:
            server.transport.abort()
        if not self.answer.startswith("250"):
            return self.answer
        self.raw.append(envelope.content)
        self.mails.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        return self.answer

    def start(self) -> None:
        """Listen on a free port, or again on the one it had."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def _serve(self, ready: threading.Event) -> None:
        loop = self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        made = loop.create_server(
            lambda: SMTP(self, loop=loop, **self.options), "127.0.0.1", self.port
        )
        self._server = loop.run_until_complete(made)
        self.port = self._server.sockets[0].getsockname()[1]
        ready.set()
        loop.run_forever()
        self._server.close()
        loop.run_until_complete(loop.shutdown_asyncgens())
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.close()

    def stop(self) -> None:
        """Stop listening; nobody answers on the port any more."""
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def text(self, number: int = -1) -> str:
        """The text part of a mail."""
        return _part(self.mails[number], "plain")

    def html(self, number: int = -1) -> str:
        """The HTML part of a mail."""
        return _part(self.mails[number], "html")

    def code(self, number: int = -1) -> str:
        """The confirmation code of a mail."""
        found = re.search(r"CONFIRMATION CODE  (\d{6})", self.text(number))
        assert found is not None
        return found[1]

    def link(self, what: str, number: int = -1) -> str:
        """The link of a mail whose address contains this."""
        return next(url for url in re.findall(r"https?://\S+", self.text(number)) if what in url)

    def token(self, number: int = -1) -> str:
        """The token that the links of a mail carry."""
        return parse_qs(urlsplit(self.link("token=", number)).query)["token"][0]


def _part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return body.get_content()


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    """A running SMTP server."""
    server = SmtpSink()
    server.start()
    yield server
    server.stop()
