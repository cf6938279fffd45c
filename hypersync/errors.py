"""The errors of HyperSync: one small tree.

The class docstring is the default message, data are attributes, and text for people is made at
the edge. Third-party exceptions are wrapped once, in the adapter that meets them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypersync.model.mistake import Mistake


class HyperSyncError(Exception):
    """Something went wrong in HyperSync."""

    code = "error"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())

    @property
    def message(self) -> str:
        """The sentence for people."""
        return str(self)


class ConfigurationError(HyperSyncError):
    """The configuration has mistakes."""

    code = "configuration"

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class UsageError(HyperSyncError):
    """The command cannot be carried out as given."""

    code = "usage"


class ExpressionSyntaxError(HyperSyncError):
    """The expression is not part of the expression language."""

    code = "expression"

    def __init__(self, message: str, remedy: str = "", offset: int = 0) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.offset = offset


class EvaluationError(HyperSyncError):
    """An expression could not be evaluated for one identity."""

    code = "evaluation"


class StoreError(HyperSyncError):
    """The database refused."""

    code = "store"


class StoreNewer(StoreError):
    """The database was written by a newer HyperSync; install that version or restore a backup."""

    code = "store_newer"


class StoreOlder(StoreError):
    """The database needs an upgrade; run `hypersync db upgrade`."""

    code = "store_older"


class LeaseHeld(HyperSyncError):
    """Somebody else holds the lease."""

    code = "lease_held"


class FenceLost(HyperSyncError):
    """The lease was lost to somebody else; this holder must stop writing."""

    code = "fence_lost"


class NotFound(HyperSyncError):
    """There is nothing by that name."""

    code = "not_found"


class DecisionLost(HyperSyncError):
    """Somebody else decided first."""

    code = "decision_lost"


class DecisionRefused(HyperSyncError):
    """Deciding this, or in this way, is not open to this person."""

    code = "decision_refused"


class WrongCode(DecisionRefused):
    """The confirmation code is wrong; it stands in the mail, beside the link."""

    code = "wrong_code"


class InvitationEnded(DecisionRefused):
    """The link is no longer good: its time is over, or what it asked about changed."""

    code = "gone"


class SignInRefused(HyperSyncError):
    """The name or the password is wrong."""

    code = "sign_in_refused"


class UnlockRefused(HyperSyncError):
    """The unlock key unlocks nothing here."""

    code = "unlock_refused"


class PlanFileRefused(UsageError):
    """The plan file cannot be used.

    ``line`` counts from 1, ``None`` when no single line is wrong; ``file`` is its path, where that
    is known.
    """

    code = "plan_file"

    def __init__(self, message: str, line: int | None = None, file: str | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.file = file


class PlanMoved(HyperSyncError):
    """The world is no longer the one that the plan was made for.

    ``differences`` says in words what moved.
    """

    code = "plan_moved"

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__("\n".join(differences))
        self.differences = tuple(differences)


class SiloError(HyperSyncError):
    """A silo could not be read or written."""

    code = "silo"


class SiloUnreachable(SiloError):
    """The silo does not answer."""

    code = "silo_unreachable"


class SiloBusy(SiloUnreachable):
    """The silo is there and asks to wait, for so long if it says so."""

    def __init__(self, message: str = "", wait: timedelta = timedelta(0)) -> None:
        super().__init__(message)
        self.wait = wait


class SiloUnavailable(SiloBusy):
    """The silo says that it is not available now.

    For a moment that is no more than a request to wait; one that says so again and again is down.
    """


class SiloRefused(SiloError):
    """The silo refused, for instance a wrong password or a missing right."""

    code = "silo_refused"


class NotShown(SiloRefused):
    """The object is there, and what it holds is not shown to us."""


class SiloPaused(SiloError):
    """The silo is paused by the engine, because it was not reached again and again."""

    code = "silo_paused"


class NothingWritten(SiloError):
    """The silo went away, or did not let us in, before anything was written."""

    code = "nothing_written"


class ConnectionLost(Exception):
    """The connection to a silo broke; adapters derive theirs from it and wrap them."""


class ScanFailed(SiloError):
    """The scan did not end completely; nothing of it is believed."""

    code = "scan_failed"


class CursorLost(SiloError):
    """The silo no longer knows the cursor; a full scan is needed.

    A sentence that begins with ALARM says that the silo was set back, which people have to know.
    """

    code = "cursor_lost"

    @property
    def is_alarm(self) -> bool:
        """Tell whether people have to know."""
        return self.message.startswith("ALARM")


class DeliveryFailed(HyperSyncError):
    """A message could not be delivered.

    ``permanent`` says whether trying again is useless, ``is_down`` whether trying other messages
    is, because the way there is shut.
    """

    code = "delivery"

    def __init__(
        self, message: str = "", *, permanent: bool = False, is_down: bool = False
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.is_down = is_down


class VaultFailed(HyperSyncError):
    """The initial password could not be handed over."""

    code = "vault_failed"


class VaultGone(VaultFailed):
    """It could not, and no other one could either: what takes them hangs or cannot be run."""
