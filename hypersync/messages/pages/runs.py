"""What the pages of runs show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.messages.rows import RowView


@dataclass(frozen=True, slots=True)
class ChoiceView:
    """One of several values of a field."""

    value: str
    label: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field of a form that filters; without ``choices`` it takes text."""

    name: str
    label: str
    value: str = ""
    choices: Sequence[ChoiceView] = ()


@dataclass(frozen=True, slots=True)
class LinkView:
    """A place to go to, and how much there is."""

    label: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run of the history; ``plan`` is the hash of the reviewed plan that it carried out.

    ``counts`` are its own, as they were when it ended; ``carried`` is what it carried on of earlier
    runs; ``now`` what became of its actions since.
    """

    id: str
    kind: str
    mode: str
    state: str
    started: str
    by: str
    counts: str
    took: str = ""
    errors: str = ""
    reason: str = ""
    plan: str = ""
    undoes: str = ""
    carried: Sequence[LinkView] = ()
    now: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsPage:
    """Runs, the newest first; ``more`` is the address of older ones.

    ``may_run`` shows the form that starts one, ``job`` is one that is under way here.
    """

    title: str
    runs: Sequence[RunLine]
    fields: Sequence[FieldView] = ()
    is_filtered: bool = False
    is_first: bool = True
    more: str = ""
    may_run: bool = False
    job: str = ""


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule of a run."""

    rule: str
    counts: str
    limit: str
    reason: str
    cause: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunActionView:
    """One action of a run: what it is, how far it is, who decided."""

    row: RowView
    state: str
    decided: str
    error: str
    rule: str = ""
    identity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """One run with a page of its actions and its first errors.

    ``others`` are runs to compare it with. ``may_undo`` shows the form that looks what an undo
    would do.
    """

    title: str
    run: RunLine
    facts: Sequence[tuple[str, str]]
    rules: Sequence[RuleLine]
    errors: Sequence[str]
    more_errors: str
    put_off: Sequence[LinkView]
    fields: Sequence[FieldView]
    is_filtered: bool
    is_first: bool
    actions: Sequence[RunActionView]
    more: str
    others: Sequence[ChoiceView]
    may_undo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """Rows of a table about one run, such as what it put off, or its errors.

    ``identity_at`` is the column of the identity, counted from 0.
    """

    title: str
    run: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    fields: Sequence[FieldView] = ()
    more: str = ""
    nothing: str = ""
    identity_at: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedLine:
    """One rule in two runs; the links lead to the changes themselves."""

    rule: str
    both: LinkView
    changed: LinkView
    only_a: LinkView
    only_b: LinkView
    counts_a: str
    counts_b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRow:
    """One change as both runs wanted it; a side that did not is ``None``."""

    identity: str
    a: RunActionView | None
    b: RunActionView | None
    note_a: str = ""
    note_b: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePage:
    """Two runs beside each other; without them a form that asks which."""

    title: str
    choices_a: Sequence[ChoiceView]
    choices_b: Sequence[ChoiceView]
    a: RunLine | None = None
    b: RunLine | None = None
    rules: Sequence[ComparedLine] = ()
    note: str = ""
    heading: str = ""
    rows: Sequence[ComparedRow] = ()
    more: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmView:
    """What a commit would do, and what has to be said to order it.

    ``stays`` counts the changes that an undo leaves as they are: it has to be typed.
    """

    button: str
    lines: Sequence[str]
    stays: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """A run that was started from the page: how far it is, and what may be done then.

    ``done`` of ``total`` steps are over; ``total`` 0 is not known. ``notes`` say what the undo
    leaves as it is, and ``leaves`` that there is such; ``scans`` what was scanned first.
    """

    title: str
    id: str
    sentence: str
    is_running: bool
    stage: str
    done: int
    total: int
    error: str
    run: str
    counts: str
    notes: Sequence[str] = ()
    leaves: bool = False
    scans: str = ""
    confirm: ConfirmView | None = None
