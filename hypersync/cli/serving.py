"""Serves the web pages from a thread of this process, and stops them cleanly.

Until a sign-in is configured the pages show everything to whoever reaches them, so that they listen
on the loopback only. With one they listen wherever they are told to.
"""

from __future__ import annotations

import ipaddress
import signal
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import waitress
from waitress import wasyncore

from hypersync.cli.one_at_a_time import OneAtATime
from hypersync.config.sign_in_models import is_this_machine
from hypersync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from wsgiref.types import WSGIApplication

    from hypersync.app import App

USUAL_HOST = "127.0.0.1"
USUAL_PORT = 8080
THREADS = 8
BACKLOG = 64
PATIENCE = 5.0
"""Seconds that what is being answered has to end."""


def listen(host: str, port: int, *, has_sign_in: bool = False) -> socket.socket:
    """Take the port, 0 for a free one; raises `UsageError` where that is not possible.

    Without a sign-in only addresses of this machine are taken.
    """
    address = _address(host) if has_sign_in else _loopback(host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((address, port))
        taken.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        taken.close()
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"cannot listen on {address}, port {port}: {reason}; name another with --port"
        ) from error
    return taken


def _address(host: str) -> str:
    """Return the address of a host, one of its own where it is a name."""
    try:
        return str(socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError) as error:
        raise UsageError(f"there is no address {host!r}; write one of this machine") from error


def _loopback(host: str) -> str:
    """Return the address of a host that only this machine reaches; others are refused."""
    address = USUAL_HOST if host == "localhost" else host.strip("[]")
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise UsageError(
            f"not listening on {host}: without a sign-in the pages show everything to whoever "
            f"reaches them; say under sign_in: how people sign in, or listen on {USUAL_HOST} and "
            f"reach it through a tunnel such as ssh -L {USUAL_PORT}:localhost:{USUAL_PORT}"
        )
    return address


def port_of(public_url: str) -> int:
    """Return the port that a public address on this machine names, else the usual one."""
    address = urlsplit(public_url)
    is_here = address.hostname in ("localhost", USUAL_HOST, "::1")
    return address.port if is_here and address.port is not None else USUAL_PORT


def address_of(listening: socket.socket) -> str:
    """Return the address that a browser on this machine opens, without a final slash."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": USUAL_HOST, "::": "::1"}.get(host, host)  # noqa: S104 - what others chose
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_readable_on_the_way(public_url: str) -> bool:
    """Tell whether sessions and codes go over a network unencrypted."""
    address = urlsplit(public_url)
    return address.scheme == "http" and not is_this_machine(address.hostname or "")


def web_pages(app: App) -> WSGIApplication:
    """Make the pages of an application."""
    from webui import create_app

    return create_app(app)


@contextmanager
def serving(application: WSGIApplication, listening: socket.socket) -> Iterator[None]:
    """Serve on a port that was taken while the block runs; what is being answered is finished."""
    with listening:
        server: Any = waitress.create_server(
            application,
            sockets=[listening],
            threads=THREADS,
            ident="HyperSync",
            # the pages do that: they have to see that a request came through a proxy
            clear_untrusted_proxy_headers=False,
        )
        server.channel_class = OneAtATime
        thread = threading.Thread(target=server.run, name="web", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.accepting = False
            server.task_dispatcher.shutdown(timeout=PATIENCE)
            server.trigger.pull_trigger(lambda: _close(server))
            thread.join(PATIENCE)
            if not thread.is_alive() and not server.task_dispatcher.threads:
                server.trigger.close()


def _close(server: Any) -> None:  # noqa: ANN401 - waitress has no types
    """Close in the server's own thread; its loop ends when the last answer has gone out.

    The pipe that wakes the loop leaves it and stays open: whoever called this may still be about
    to write to it, and its number must not belong to another file by then.
    """
    for channel in list(server.active_channels.values()):
        channel.close_when_flushed = True
    server.trigger.del_channel()
    wasyncore.dispatcher.close(server)


@contextmanager
def until_stopped() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and Ctrl-C set; a second Ctrl-C interrupts at once."""
    stop = threading.Event()

    def note(number: int, _frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        # not here: the thread that is interrupted may be holding the event's own lock
        threading.Thread(target=stop.set, daemon=True).start()

    before = {each: signal.signal(each, note) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
