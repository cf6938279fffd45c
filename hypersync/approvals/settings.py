"""What asking and answering need to know of the configuration, as one frozen value. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypersync.approvals.directory import Directory
from hypersync.approvals.links import Links, Signer
from hypersync.approvals.proof import Proof, Proofs
from hypersync.model.actions import Action
from hypersync.model.requests import Request
from hypersync.model.secrecy import Hidden


def _never(_: datetime) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The rules that a process read: a hash of what each says, when, and started by whom.

    ``published_by`` is the person whom the configuration names as the one who brought them.
    """

    rules: Mapping[str, str]
    at: datetime
    by: str
    published_by: str | None = None


LEAST_ASKED_AGAIN = timedelta(days=1)
"""The shortest time for which it is remembered that nobody answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """People, spans and links.

    ``owner`` is the system user who owns the configuration file: with no people configured they
    decide on the command line. ``approve_deletes`` are the rules whose deletes may be approved by
    their expiry, ``approve_vips`` the VIP rules that say so; ``simulated`` rules only plan.
    ``is_blackout`` says whether nothing may be released at a time. ``language`` is that of
    mails to whoever has none of their own, and ``rows`` is the most actions one mail lists, 0 for
    all. ``loaded`` is what tells who changed a rule; without it nothing is noted. ``proofs`` say
    what deciding by a link takes, ``hidden`` what no message shows.
    """

    directory: Directory
    links: Links
    signer: Signer
    owner: str | None = None
    approval_valid: timedelta = timedelta(days=7)
    reject_hold: timedelta = timedelta(days=30)
    approve_deletes: frozenset[str] = frozenset()
    approve_vips: frozenset[str] = frozenset()
    simulated: frozenset[str] = frozenset()
    is_blackout: Callable[[datetime], bool] = field(default=_never)
    rows: int = 100
    language: str = "en"
    loaded: Loaded | None = None
    proofs: Proofs = field(default_factory=Proofs)
    hidden: Hidden = field(default_factory=Hidden)

    @property
    def asked_again(self) -> timedelta:
        """How long what nobody answered is asked again, however little rejections hold."""
        return max(self.reject_hold, LEAST_ASKED_AGAIN)

    def proof_for(self, request: Request, actions: Sequence[Action]) -> Proof:
        """Return what deciding these actions of a request takes: code, or session only."""
        return self.proofs.of(request, actions)
