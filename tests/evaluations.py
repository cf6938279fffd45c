"""Rulebooks from text and identities from a few words, for tests of evaluating without a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hypersync.config.load import load_configuration
from hypersync.model.canonical import encode
from hypersync.model.objects import EnabledSpec
from hypersync.pipeline.drafts import Group, Types
from hypersync.pipeline.evaluate import Look, Row, Scope, evaluate
from hypersync.pipeline.propose import Proposer
from hypersync.rulebook.load import load_rulebook
from hypersync.rulebook.rules import Rulebook
from tests.expressions import NOW, World
from tests.projects import write_project
from tests.worlds import CONFIGURATION

TYPES = Types(
    anchors={("dir", "account"): "uid", ("dir", "group"): "cn"},
    enabled={("dir", "account"): EnabledSpec("active", "true", "false")},
)


def rulebook(folder: Path, *rules: str, more: str = "") -> Rulebook:
    """Load rules, each one line; throttle and threshold are given."""
    head = "ruleset: tests\ndefaults: {throttle: 1s, threshold: {limit: 50}}\nrules:\n"
    text = head + "\n".join(f"  - {rule}" for rule in rules)
    main = CONFIGURATION.format(more=more, limits="", database="sqlite:///hypersync.db")
    path = write_project(folder, main, rules=text)
    return load_rulebook(load_configuration(path, None, process_environment={}))


def row(
    identity: int, slot: str | None, anchor: str, absence: str | None = None, **attributes: Any
) -> Row:
    """One object; its id is a hundred times the identity and a bit."""
    number = identity * 100 + {"hr": 1, "account": 2, "team": 3, None: 9}[slot]
    return (identity, slot, number, anchor, encode(attributes), absence)


def hr(identity: int, *, absence: str | None = None, **attributes: Any) -> Row:
    known = {"id": f"e{identity}", "name": f"Person {identity}", "status": "active"}
    return row(identity, "hr", f"e{identity}", absence, **{**known, **attributes})


def account(identity: int, *, absence: str | None = None, **attributes: Any) -> Row:
    known = {"uid": f"u{identity}", "number": f"e{identity}", "active": "true"}
    return row(identity, "account", f"u{identity}", absence, **{**known, **attributes})


def looks(
    book: Rulebook,
    rows: Iterable[Row],
    *,
    scope: Scope | None = None,
    groups: Mapping[str, Sequence[Group]] | None = None,
    world: World | None = None,
    enter: Callable[[Any], None] | None = None,
) -> list[Look | None]:
    """Evaluate these rows."""
    evaluator = book.bind(NOW, world or World())
    proposer = Proposer(book, evaluator, TYPES, groups or {})
    given = scope or Scope()
    return list(
        evaluate(rows, book, evaluator, proposer, given, now=NOW, enter=enter or (lambda _: None))
    )
