"""A real mail server in this process, and the mailbox it fills.

Listens on the loopback only, takes mail for everybody and keeps it in memory, newest last.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

from aiosmtpd.smtp import SMTP

_LARGEST = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it arrived; ``number`` counts from 1."""

    number: int
    recipients: tuple[str, ...]
    message: EmailMessage = field(repr=False)

    @property
    def subject(self) -> str:
        """What it is about."""
        return str(self.message.get("Subject", ""))

    @property
    def sender(self) -> str:
        """Who wrote it."""
        return str(self.message.get("From", ""))

    @property
    def date(self) -> datetime | None:
        """When it was written; ``None`` when the header says nothing useful."""
        try:
            return parsedate_to_datetime(str(self.message.get("Date", "")))
        except ValueError:
            return None

    @property
    def text(self) -> str:
        """The part for programs that show text; empty when there is none."""
        return _content(self.message.get_body(("plain",)))

    @property
    def html(self) -> str:
        """The part for programs that show HTML; empty when there is none."""
        return _content(self.message.get_body(("html",)))


def _content(part: Any) -> str:  # noqa: ANN401 - email's parts have no useful type
    return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


class Mailbox:
    """Keeps mails; safe to fill and read from several threads."""

    def __init__(self) -> None:
        self._mails: tuple[Mail, ...] = ()
        self._lock = threading.Lock()

    def receive(self, recipients: list[str], content: bytes) -> None:
        """Keep one mail."""
        message = message_from_bytes(content, policy=policy.default)
        with self._lock:
            mail = Mail(len(self._mails) + 1, tuple(recipients), message)
            self._mails = (*self._mails, mail)

    @property
    def mails(self) -> tuple[Mail, ...]:
        """What arrived so far, oldest first."""
        return self._mails


class _Receiver:
    """What aiosmtpd calls for each mail."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(
        self,
        server: Any,  # noqa: ANN401, ARG002 - aiosmtpd has no types
        session: Any,  # noqa: ANN401, ARG002
        envelope: Any,  # noqa: ANN401
    ) -> str:
        self._mailbox.receive(envelope.rcpt_tos, envelope.content)
        return "250 OK"


@contextmanager
def receiving(mailbox: Mailbox) -> Iterator[int]:
    """Receive mails into the mailbox while the block runs; gives the port, which was free."""
    loop = asyncio.new_event_loop()
    receiver = _Receiver(mailbox)

    def protocol() -> asyncio.BaseProtocol:
        made: asyncio.BaseProtocol = SMTP(
            receiver, hostname="localhost", data_size_limit=_LARGEST, loop=loop
        )
        return made

    thread = threading.Thread(target=loop.run_forever, name="mailbox", daemon=True)
    thread.start()
    listening = loop.create_server(protocol, "127.0.0.1", 0)
    server = asyncio.run_coroutine_threadsafe(listening, loop).result()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncio.Server) -> None:
    """Stop listening and let the conversations that are open end."""
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
