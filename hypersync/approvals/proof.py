"""What shows who decides by a link: the code of its mail, or a session. Pure.

A session always does; this says whether the code is enough. Of what a decision is about the
strictest counts: deleting a VIP takes a session when either of the two does. A token of the API is
as good as a code, and as a session only where the installation says so: it lies in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hypersync.model.actions import Action
from hypersync.model.objects import Operation
from hypersync.model.requests import Request, RequestKind

if TYPE_CHECKING:
    from hypersync.config.models import Configuration

Proof = Literal["code", "session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """What each kind of decision takes; ``default`` is for what is none of the others.

    ``tokens_as_sessions`` says whether a token of the API may do what takes a session.
    """

    default: Proof = "code"
    vip: Proof = "code"
    deletes: Proof = "code"
    scans: Proof = "code"
    four_eyes: Proof = "code"
    tokens_as_sessions: bool = False

    def of(self, request: Request, actions: Sequence[Action]) -> Proof:
        """Return what deciding these actions of a request takes."""
        found: list[Proof] = []
        if request.kind is RequestKind.VIP or any(_is_vip(each) for each in actions):
            found.append(self.vip)
        if any(each.operation is Operation.DELETE for each in actions):
            found.append(self.deletes)
        if request.kind is RequestKind.SCAN:
            found.append(self.scans)
        if request.plan.need > 1:
            found.append(self.four_eyes)
        return _strictest(found or [self.default])


def _strictest(proofs: Sequence[Proof]) -> Proof:
    return "session" if "session" in proofs else "code"


def _is_vip(action: Action) -> bool:
    return action.vip is not None or any(reason.guard == "vip" for reason in action.reasons)


def proofs_of(configuration: Configuration) -> Proofs:
    """Return what the configuration says; without a sign-in the code is all there is."""
    said = configuration.links.proof
    if configuration.sign_in is None:
        return Proofs()
    return Proofs(
        default=said.default or "code",
        vip=said.vip or "session",
        deletes=said.deletes or "session",
        scans=said.scans or "session",
        four_eyes=said.four_eyes or "session",
        tokens_as_sessions=configuration.links.tokens_as_sessions,
    )
