"""Delivers messages by SMTP.

One connection a message: the outbox sends few and may be far apart. A refusal in the 500s of the
recipient or of the message itself is for good, everything else is worth another try (RFC 5321,
4.2.1): a server that refuses the sender, the connection or the sign-in is set up wrongly, and no
recipient is to blame. Header values hold no line breaks, so that nothing in them becomes a header
of its own (RFC 5322, 2.2). Messages are encoded in seven bits, which every server takes; an address
whose name is not ASCII needs one with SMTPUTF8 (RFC 6531), its domain does not (RFC 5890).
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from hypersync.errors import DeliveryFailed
from hypersync.ports.channel import Message

_SEVEN_BITS = SMTP.clone(cte_type="7bit")
_MOST_NAME = 200
"""Python's parser of headers needs minutes for very long ones."""

_ONE_LINE = 60
_SPECIALS = re.compile(r"[^\w\s'-]")

_NO_SMTPUTF8 = "the mail server takes no address that is not ASCII (it has no SMTPUTF8)"


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
        with self._answers(), self._connect() as server:
            self._sign_in(server)
            try:
                server.send_message(mail)
            except smtplib.SMTPRecipientsRefused as error:
                code, answer = next(iter(error.recipients.values()))
                raise DeliveryFailed(_said(code, answer), permanent=_is_final(code)) from error
            except smtplib.SMTPDataError as error:
                said = _said(error.smtp_code, error.smtp_error)
                raise DeliveryFailed(said, permanent=_is_final(error.smtp_code)) from error
            except smtplib.SMTPNotSupportedError as error:
                raise DeliveryFailed(_NO_SMTPUTF8, permanent=True) from error

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Say what is wrong with the server; one that hung up may do better with the next."""
        try:
            yield
        except smtplib.SMTPAuthenticationError as error:
            said = f"signing in failed: {_said(*error.args)}"
            raise DeliveryFailed(said, is_down=True) from error
        except smtplib.SMTPSenderRefused as error:
            said = f"the sender was refused: {_said(error.smtp_code, error.smtp_error)}"
            raise DeliveryFailed(said, is_down=True) from error
        except smtplib.SMTPResponseException as error:
            said = _said(error.smtp_code, error.smtp_error)
            raise DeliveryFailed(said, is_down=True) from error
        except smtplib.SMTPServerDisconnected as error:
            was_slow = isinstance(error.__context__, TimeoutError)
            raise DeliveryFailed(self._unusable(error), is_down=was_slow) from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(self._unusable(error), is_down=True) from error

    def _unusable(self, error: Exception) -> str:
        return f"{self.host}:{self.port} cannot be used: {_one_line(str(error))}"

    def _connect(self) -> smtplib.SMTP:
        seconds = self.timeout.total_seconds()
        if self.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=seconds, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=seconds)

    def _sign_in(self, server: smtplib.SMTP) -> None:
        if self.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if self.user is not None:
            server.login(self.user, self.password or "")


def build_mail(message: Message, sender: str) -> EmailMessage:
    """Return a message as a mail, text and HTML; raises `DeliveryFailed` for a bad address."""
    mail = EmailMessage(policy=_SEVEN_BITS)
    try:
        mail["From"] = _address(*parseaddr(sender))
    except (ValueError, IndexError) as error:
        raise DeliveryFailed(f"the sender {sender!r} is no mail address", is_down=True) from error
    try:
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
    user, at, domain = address.rpartition("@")
    domain = domain if domain.isascii() else domain.encode("idna").decode()
    plain = "".join(letter if letter.isascii() else "x" for letter in user)
    checked = Address(addr_spec=f"{plain}{at}{domain}")
    user = checked.username if user.isascii() else user
    return Address(display_name=_name(name, len(user + domain)), username=user, domain=domain)


def _name(text: str, beside: int) -> str:
    """Return a name for a header; one that needs a line of its own has nothing to be quoted.

    Python's email package leaves out the quotation marks where it breaks the line, and what they
    protected would be read as further addresses.
    """
    name = _one_line(text[:_MOST_NAME])
    return name if len(name) + beside < _ONE_LINE else _one_line(_SPECIALS.sub(" ", name))


def _one_line(text: str) -> str:
    """Return text without any character that could begin another line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _is_final(code: int) -> bool:
    return 500 <= code < 600


def _said(code: object, answer: object) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return f"the mail server said {code} {_one_line(text)}"
