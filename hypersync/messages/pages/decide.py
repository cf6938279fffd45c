"""What the pages of the links that decide show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.messages.rows import ClusterView, RowView


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidePage:
    """What a link is about, and the form that decides it.

    ``is_session`` says that whoever looks is signed in and needs no code, ``needs_sign_in`` that
    they have to before they can answer. ``rest`` counts what is not among the rows, and ``report``
    is where it is.
    """

    title: str
    sentence: str
    cause: str
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    clusters: Sequence[ClusterView]
    rows: Sequence[RowView]
    decided: Sequence[str]
    end: str
    answers: Sequence[tuple[str, str]]
    token: str
    digest: str
    invited: str
    why_not: str
    comment: str
    rest: str = ""
    report: str = ""
    is_session: bool = False
    needs_sign_in: bool = False
    error: str = ""
    done: str = ""
    after: str = ""
