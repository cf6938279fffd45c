"""Commands that keep it running: ``tick``, ``daemon``, ``serve`` and ``up``."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypersync.app import App, Ticked

_log = logging.getLogger(__name__)


def _listening(function: Callable[..., Exit]) -> Callable[..., Exit]:
    """Add the options of commands that serve the web pages."""
    port = click.option(
        "--port",
        type=click.IntRange(0, 65535),
        help="The port; that of public_url when it is on this machine, else 8080. 0 takes any.",
    )
    host = click.option(
        "--host",
        default="127.0.0.1",
        show_default=True,
        help="The address; only 127.0.0.1 or ::1 without a sign-in.",
    )
    return host(port(function))


@command("tick")
def tick(invocation: Invocation) -> Exit:
    """Do once what is due: requests move on, what expired ends, messages go out."""
    from hypersync.cli.started import started_app

    with started_app(invocation) as app:
        ticked = app.tick()
    print_answer(invocation, tick_document(ticked), lambda: _tick_text(ticked))
    return Exit.WITH_ERRORS if ticked.delivered.failed else Exit.DONE


def tick_document(ticked: Ticked) -> dict[str, object]:
    """Return what a tick did as ``--json`` prints it."""
    moved, expired = ticked.moved, ticked.moved.expired
    return {
        "expired": asdict(expired),
        "run_out": moved.run_out,
        "forwarded": moved.forwarded,
        "closed": moved.closed,
        "exhausted": list(moved.exhausted),
        "unlocks_expired": ticked.unlocks_expired,
        "delivered": asdict(ticked.delivered),
    }


def _tick_text(ticked: Ticked) -> str:
    moved, delivered = ticked.moved, ticked.delivered
    counts = {
        "requests went to the next step": moved.forwarded,
        "requests closed": moved.closed,
        "approvals ran out": moved.run_out,
        "unlock keys expired": ticked.unlocks_expired,
        "messages sent": delivered.sent,
        "messages wait": delivered.waiting,
        "messages could not be delivered": delivered.failed,
    }
    counts |= {f"actions {name}": count for name, count in asdict(moved.expired).items() if count}
    lines = [f"{count} {what}" for what, count in counts.items() if count]
    return "\n".join(lines) or "Nothing was due."


@command("daemon")
def daemon(invocation: Invocation) -> Exit:
    """Run the schedules, the outbox and what is queued, until stopped."""
    return _run(invocation, is_daemon=True, address=None)


@command("serve")
@_listening
def serve(invocation: Invocation, *, host: str, port: int | None) -> Exit:
    """Serve the web pages, until stopped."""
    return _run(invocation, is_daemon=False, address=(host, port))


@command("up")
@_listening
def up(invocation: Invocation, *, host: str, port: int | None) -> Exit:
    """Run everything in one process: the daemon and the web pages."""
    return _run(invocation, is_daemon=True, address=(host, port))


def _run(
    invocation: Invocation, *, is_daemon: bool, address: tuple[str, int | None] | None
) -> Exit:
    """Run what was asked for until SIGTERM or Ctrl-C; what is being done then is finished."""
    from hypersync.cli.serving import until_stopped
    from hypersync.cli.started import started_app
    from hypersync.daemon import Daemon

    with until_stopped() as stop, started_app(invocation) as app, _served(app, address) as url:
        worker = Daemon(app, stop) if is_daemon else None
        names = [] if worker is None else [job.name for job in worker.jobs()]
        document = {
            "address": url,
            "public_url": app.configuration.public_url,
            "sign_in": _ways(app),
            "schedules": names,
        }
        print_answer(
            invocation, document, lambda: _started_text(app, url, names if is_daemon else None)
        )
        if worker is not None:
            worker.run()
        stop.wait()
        _log.info("stopping")
    return Exit.DONE


@contextmanager
def _served(app: App, address: tuple[str, int | None] | None) -> Iterator[str | None]:
    """Serve the pages, if that was asked for; gives where they are."""
    from hypersync.cli.serving import (
        address_of,
        is_readable_on_the_way,
        listen,
        port_of,
        serving,
        web_pages,
    )

    if address is None:
        yield None
        return
    host, port = address
    public_url, has_sign_in = app.configuration.public_url, app.configuration.sign_in is not None
    if has_sign_in and is_readable_on_the_way(public_url):
        _log.warning(
            "people reach the pages by %s: passwords and sessions can be read on the way; put a "
            "proxy with https in front and say so in public_url",
            public_url,
        )
    taken = port_of(public_url) if port is None else port
    listening = listen(host, taken, has_sign_in=has_sign_in)
    url = address_of(listening)
    with serving(web_pages(app), listening):
        yield url


def _ways(app: App) -> list[str]:
    """Return how people sign in; nothing when they do not."""
    sign_in = app.configuration.sign_in
    if sign_in is None:
        return []
    offered = {"accounts": sign_in.accounts, "openid": sign_in.openid, "proxy": sign_in.proxy}
    return [name for name, is_offered in offered.items() if is_offered]


def _started_text(app: App, url: str | None, schedules: list[str] | None) -> str:
    lines = [] if url is None else [f"The pages are at {url}/report/pending"]
    if url is not None and app.configuration.sign_in is None:
        lines.append(
            "No sign-in is configured: they are for this machine only, and show everything to "
            "everybody on it."
        )
    if schedules is not None:
        lines.append(f"The daemon runs {len(schedules)} schedules.")
    return "\n".join([*lines, "Ctrl-C stops it."])
