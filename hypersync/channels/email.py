"""Delivers messages by SMTP.

One connection a message: the outbox sends few and may be far apart. An answer in the 500s is for
good, everything else is worth another try (RFC 5321, 4.2.1). Header values hold no line breaks, so
that nothing in them becomes a header of its own (RFC 5322, 2.2).
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from hypersync.errors import DeliveryFailed
from hypersync.ports.channel import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChannel:
    """An SMTP server; ``security`` is none, starttls or tls. Certificates are verified."""

    host: str
    port: int
    sender: str
    security: str = "none"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: timedelta = timedelta(seconds=30)

    def send(self, message: Message) -> None:
        """Deliver a message; raises `DeliveryFailed`, saying whether trying again is useless."""
        mail = build_mail(message, self.sender)
        try:
            with self._connect() as server:
                if self.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self.user is not None:
                    server.login(self.user, self.password or "")
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code, answer = next(iter(error.recipients.values()))
            raise DeliveryFailed(_said(code, answer), permanent=_is_final(code)) from error
        except smtplib.SMTPAuthenticationError as error:
            raise DeliveryFailed(f"signing in failed: {_said(*error.args)}") from error
        except smtplib.SMTPResponseException as error:
            said = _said(error.smtp_code, error.smtp_error)
            raise DeliveryFailed(said, permanent=_is_final(error.smtp_code)) from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(f"{self.host}:{self.port} cannot be used: {error}") from error

    def _connect(self) -> smtplib.SMTP:
        seconds = self.timeout.total_seconds()
        if self.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=seconds, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=seconds)


def build_mail(message: Message, sender: str) -> EmailMessage:
    """Return a message as a mail, text and HTML; raises `DeliveryFailed` for a bad address."""
    mail = EmailMessage(policy=SMTP)
    try:
        mail["From"] = _address(*parseaddr(sender))
        mail["To"] = _address(message.recipient, message.address)
    except (ValueError, IndexError) as error:
        raise DeliveryFailed(f"{message.address!r} is no mail address", permanent=True) from error
    mail["Subject"] = _one_line(message.subject)
    mail["Message-ID"] = _one_line(message.message_id)
    mail["Date"] = format_datetime(message.at)
    for name, value in message.headers.items():
        mail[name] = _one_line(value)
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail


def _address(name: str, address: str) -> Address:
    if _one_line(address) != address:
        raise ValueError(address)
    return Address(display_name=_one_line(name), addr_spec=address)


def _one_line(text: str) -> str:
    """Return text without any character that could begin another line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _is_final(code: int) -> bool:
    return 500 <= code < 600


def _said(code: object, answer: object) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return f"the mail server said {code} {_one_line(text)}"
