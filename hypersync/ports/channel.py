"""Channels: what a letter says, what a message is, and who delivers it.

A letter holds facts and no wording; a writer turns it into a message, a channel delivers that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from hypersync.model.actions import Action
from hypersync.model.causes import Cluster
from hypersync.model.requests import Answer, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLinks:
    """The links that decide one action."""

    approve: str
    reject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer that somebody gave to so many actions, the last of them ``at`` that time.

    ``proof`` is how they proved who they are: code, session, shell, or expiry for nobody.
    """

    name: str
    answer: Answer
    count: int
    at: datetime
    proof: str
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What one message to one recipient says about one request.

    ``kind`` is request (the question) or decided (how it ended). ``actions`` are the first that
    wait, ``total`` how many do; ``links`` are by action id. ``clusters`` say how many of each
    cluster wait, the smallest first as in ``actions``; ``cluster_links`` decide one of them each.
    A question has a ``code``, the six digits; to somebody who may not answer it is empty and
    nothing decides. ``answers`` are who gave which answer to how many. ``language`` is what the
    recipient reads, ``timezone`` on whose clocks. ``needs_sign_in`` says that deciding all of it
    takes signing in; there is a code only where it is enough for some of it.
    """

    kind: str
    request: Request
    address: str
    recipient: str
    message_id: str
    thread_id: str
    at: datetime
    environment: str
    host: str
    timezone: str = "UTC"
    language: str = "en"
    is_forwarded: bool = False
    needs_sign_in: bool = False
    actions: Sequence[Action] = ()
    total: int = 0
    code: str = ""
    approve_all: str = ""
    reject_all: str = ""
    report: str = ""
    links: Mapping[str, RowLinks] = field(default_factory=dict)
    clusters: Sequence[Cluster] = ()
    cluster_links: Mapping[str, RowLinks] = field(default_factory=dict)
    answers: Sequence[Given] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, ready to be delivered; ``headers`` are further header lines by name.

    ``faults`` are what is wrong with a template of the project, which was not used because of it.
    """

    address: str
    recipient: str
    subject: str
    text: str
    html: str
    message_id: str
    at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[str] = ()


class Writer(Protocol):
    """Turns facts into wording."""

    def write(self, letter: Letter, others: Sequence[Letter] = ()) -> Message:
        """Return the message that a letter becomes; with ``others`` one digest of all of them."""


class Channel(Protocol):
    """Delivers messages one at a time."""

    def send(self, message: Message) -> None:
        """Deliver a message; raises `DeliveryFailed`, saying whether trying again is useless."""
