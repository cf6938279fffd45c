"""What an account may do in a silo, as far as the silo tells without being written to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verb(Enum):
    """What may be allowed or not."""

    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Whether the account may do one thing to the objects of one type.

    ``granted`` is ``None`` where the silo does not tell. ``lacking`` names what is missing exactly
    and in the silo's own words: ``UPDATE on public.users``, ``User.ReadWrite.All``, or the
    attributes that may not be written. ``except_for`` are attributes to which a right that is
    granted does not extend. ``remedy`` is what somebody who administers the silo does about it.
    """

    type: str
    verb: Verb
    granted: bool | None
    lacking: tuple[str, ...] = ()
    except_for: tuple[str, ...] = ()
    remedy: str = ""
