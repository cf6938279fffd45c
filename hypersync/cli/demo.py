"""``hypersync demo``: the story in three acts, with a mailbox and the web pages."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hypersync.cli.frame import Exit, Invocation, command
from hypersync.cli.output import print_document
from hypersync.errors import UsageError

if TYPE_CHECKING:
    import socket
    import threading
    from collections.abc import Callable, Iterator
    from wsgiref.types import WSGIApplication

    from hypersync.demo.acts import Act
    from hypersync.demo.directory import Directory
    from hypersync.demo.mailbox import Mailbox
    from hypersync.demo.stage import Stage

TITLES = {
    1: "Act one: a normal day",
    2: "Act two: a bad file",
    3: "Act three: the answer",
}
LOOK_EVERY = 0.5
"""Seconds between two looks whether somebody decided."""
TICK_EVERY = 2.0


@command("demo")
@click.option("--check", is_flag=True, help="Play and verify all three acts, then end.")
@click.option("--graph", is_flag=True, help="The directory is a local Microsoft Graph.")
@click.option("--port", type=click.IntRange(0, 65535), help="Where the pages are, 8080 if free.")
def demo(invocation: Invocation, *, check: bool, graph: bool, port: int | None) -> Exit:
    """Show a made-up company: a normal day, a bad file that is stopped, and the answer to it."""
    from hypersync.cli.serving import until_stopped

    started = time.monotonic()
    with until_stopped() as stop, _open(port, graph=graph) as stage:
        show = _Show(stage, as_json=invocation.as_json)
        acts = [show.play(1), show.play(2)]
        if not check:
            return _with_a_person(show, stop)
        problems = show.answer_mails()
        acts.append(show.play(3))
        return show.verdict(acts, problems, seconds=time.monotonic() - started)


def _with_a_person(show: _Show, stop: threading.Event) -> Exit:
    """Wait for the person's answers, play act three, and serve until told to stop."""
    show.invite()
    if _wait_for_answers(show.stage, stop, show.answer_mails):
        show.play(3)
        show.say_what_else()
        while not stop.wait(TICK_EVERY):
            show.stage.app.tick()
    click.echo("The demo is over; its folder is removed.", err=True)
    return Exit.DONE


def _wait_for_answers(stage: Stage, stop: threading.Event, answer: Callable[[], list[str]]) -> bool:
    """Wait until everything is decided; false when told to stop. Enter has it decided."""
    from hypersync.demo.acts import is_decided

    while not is_decided(stage):
        if _enter_was_pressed():
            answer()
        elif stop.wait(LOOK_EVERY):
            return False
    return True


def _enter_was_pressed() -> bool:
    import select

    if not _has_keyboard():
        return False
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready) and sys.stdin.readline() != ""


def _has_keyboard() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


# --- the show ----------------------------------------------------------------------------------


class _Show:
    """Plays the acts and tells them: as text at once, or as one document at the end."""

    def __init__(self, stage: Stage, *, as_json: bool) -> None:
        self.stage = stage
        self._as_json = as_json
        self._say(click.style("HyperSync demo", bold=True) + f"  {stage.url}\n")

    def _say(self, text: str = "") -> None:
        click.echo(text, err=self._as_json)

    def play(self, number: int) -> Act:
        """Play one act and tell it."""
        from hypersync.demo import acts

        played = {1: acts.a_normal_day, 2: acts.a_bad_file, 3: acts.the_answer}
        self._say(click.style(TITLES[number], bold=True))
        act = played[number](self.stage)
        for step in act.steps:
            self._say(f"  {step.text}")
            if step.link:
                self._say(f"    {_link(step.link)}")
        self._say()
        return act

    def answer_mails(self) -> list[str]:
        """Answer the mails by their links: the wrong leavers no, the real ones and the VIP yes."""
        from hypersync.demo.acts import replies, short
        from hypersync.demo.answering import give_answer

        problems = []
        for reply in replies(self.stage):
            page = give_answer(
                reply.mail, reply.answer, comment=reply.comment, cluster=reply.cluster
            )
            said = f"{reply.answer.value} {reply.about}, by the mail {short(reply.mail)!r}"
            self._say(f"  {said}: {page.status}")
            if page.status != 200:
                problems.append(f"{said} was answered {page.status}")
        self._say()
        return problems

    def invite(self) -> None:
        """Say what the person can do now."""
        from hypersync.demo.acts import mail_link, replies

        self._say(click.style("Act three is yours", bold=True))
        for reply in replies(self.stage):
            self._say(f"  {reply.answer.value.capitalize()} {reply.about}:")
            self._say(f"    {_link(mail_link(self.stage, reply.mail))}")
        self._say("  A mail has links, and a code that the page of a link asks for.")
        self._say("  When both are answered, the next sync runs and shows what it did.")
        if _has_keyboard():
            self._say("  Or press Enter, and the mails are answered for you.")
        self._say("  Ctrl-C ends the demo.\n")
        if self._as_json:
            print_document(self._links())

    def _links(self) -> dict[str, object]:
        url = self.stage.url
        return {
            "url": url,
            "mailbox": f"{url}/mailbox/",
            "pending": f"{url}/report/pending",
            "runs": f"{url}/report/runs",
            "folder": str(self.stage.folder),
        }

    def say_what_else(self) -> None:
        """Say how to go on playing."""
        program, folder = _program(), shlex.quote(str(self.stage.folder))
        self._say(click.style("Play on", bold=True))
        self._say("  The project is a folder like any other; change data/hr.csv there, then:")
        self._say(f"    cd {folder}")
        self._say(f"    {program} sync --scan           # what would happen")
        self._say(f"    {program} sync --scan --commit  # do it")
        self._say(f"    {program} pending               # what waits; approve and reject decide")
        self._say(f"    {program} history               # every run; explain and why tell more")
        self._say(f"    {program} undo RUN --commit     # take a run back, through the same guards")
        self._say("  Mails go on arriving in the mailbox:")
        self._say(f"    {_link(self.stage.url + '/mailbox/')}")
        self._say("  Ctrl-C ends the demo.\n")

    def verdict(self, acts: list[Act], problems: list[str], *, seconds: float) -> Exit:
        """Say whether everything went as it must."""
        wrong = problems + [
            f"act {act.number}: {fact.what}: {fact.found!r} instead of {fact.wanted!r}"
            for act in acts
            for fact in act.facts
            if not fact.holds
        ]
        count = sum(len(act.facts) for act in acts)
        if self._as_json:
            print_document(_document(acts, wrong, seconds))
        elif wrong:
            click.echo("\n".join(["The demo did not go as it must:", *wrong]), err=True)
        else:
            click.echo(f"All three acts went as they must: {count} facts, {seconds:.1f} s.")
        return Exit.FAILED if wrong else Exit.DONE


def _program() -> str:
    """Return how this program is called from another folder."""
    called = Path(sys.argv[0]).absolute()
    if shutil.which("hypersync") == str(called):
        return "hypersync"
    if called.name == "hypersync":
        return shlex.quote(str(called))
    return f"{shlex.quote(sys.executable)} -m hypersync"


def _link(address: str) -> str:
    return click.style(address, fg="cyan")


def _document(acts: list[Act], wrong: list[str], seconds: float) -> dict[str, object]:
    return {
        "ok": not wrong,
        "wrong": wrong,
        "seconds": round(seconds, 1),
        "acts": [
            {
                "act": act.number,
                "title": TITLES[act.number],
                "run": act.run,
                "steps": [asdict(step) for step in act.steps],
                "facts": [
                    {
                        "what": fact.what,
                        "wanted": str(fact.wanted),
                        "found": str(fact.found),
                        "holds": fact.holds,
                    }
                    for fact in act.facts
                ],
            }
            for act in acts
        ],
    }


# --- what it runs on ---------------------------------------------------------------------------


@contextmanager
def _open(port: int | None, *, graph: bool) -> Iterator[Stage]:
    """Start the directory, the mail server, the application and the web pages."""
    from hypersync.cli.serving import address_of, serving
    from hypersync.cli.started import shown_progress
    from hypersync.demo.mailbox import Mailbox, receiving
    from hypersync.demo.stage import open_stage

    mailbox = Mailbox()
    listening = _listen(port)
    with (
        _directory(graph=graph) as directory,
        shown_progress() as progress,
        receiving(mailbox) as smtp_port,
        open_stage(
            url=address_of(listening),
            mailbox=mailbox,
            smtp_port=smtp_port,
            progress=progress,
            directory=directory,
        ) as stage,
        serving(_pages(stage, mailbox), listening),
    ):
        yield stage


@contextmanager
def _directory(*, graph: bool) -> Iterator[Directory | None]:
    """Give the directory that was asked for; nothing for the usual file."""
    if not graph:
        yield None
        return
    from hypersync.demo.local_graph import local_graph

    with local_graph() as directory:
        click.echo(f"The directory is a Microsoft Graph on this machine: {directory.url}", err=True)
        yield directory


def _listen(port: int | None) -> socket.socket:
    """Take the port; when none was said and the usual one is taken, a free one."""
    from hypersync.cli.serving import USUAL_HOST, USUAL_PORT, listen

    if port is not None:
        return listen(USUAL_HOST, port)
    try:
        return listen(USUAL_HOST, USUAL_PORT)
    except UsageError:
        return listen(USUAL_HOST, 0)


def _pages(stage: Stage, mailbox: Mailbox) -> WSGIApplication:
    """Return the pages of HyperSync with those of the mailbox beside them."""
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    from hypersync.cli.serving import web_pages
    from hypersync.demo.mailbox_pages import PATH, mailbox_pages

    mails = mailbox_pages(mailbox, folder=str(stage.folder))
    return DispatcherMiddleware(web_pages(stage.app), {PATH: mails})
