"""What is never shown of objects, whoever looks, and never found by searching. Pure.

That is what is named like a secret, what a rule fills with an initial password, and what the
configuration says nothing is to be said of (``guards.cause.never``); besides, what went wrong with
rules that read any of it, since errors quote values. Silos name passwords, keys and the like in
many ways: failing is towards hiding what is no secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from hypersync.model.actions import Action, undone_rule
from hypersync.model.objects import Attributes, Value
from hypersync.model.runs import RuleReport, Run, RunError

NOT_SHOWN = "(not shown)"
"""Stands for a value that is hidden."""

MARK = "\ue000initial password\ue001"
"""Stands for a password that is not made yet; private-use characters, so that no name has them."""

_AMBIGUOUS = "ambiguous"
_VALUELESS = frozenset({"default_approve_refused", "renamed", "unstable"})
"""The codes of errors that quote no value."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET = re.compile(
    r"pass.?(?:w|phrase|code)|pwd|secret|credential|token|private|pkcs|recovery"
    r"|(?:api.?key|keys?|pin|puk|otp)[\W\d_]*$",
    re.IGNORECASE,
)
_WORDS = frozenset({"hash", "key", "keys", "otp", "pin", "pins", "puk", "salt", "seed", "totp"})


@cache
def is_secret(name: str) -> bool:
    """Tell whether an attribute is named like a secret."""
    words = {word.casefold() for word in _WORD.findall(name)}
    return bool(_SECRET.search(name)) or bool(words & _WORDS)


@dataclass(frozen=True, slots=True)
class Hidden:
    """Tells what is hidden.

    ``unsaid`` are names of attributes in lower case; ``passwords`` are attributes that get an
    initial password, by silo, type and name. ``open_rules`` are the rules that read and write
    nothing hidden, VIP rules as ``vip:NAME``: of others, and of those that are gone, errors are not
    shown. ``keys`` says whether join values are hidden, since one is made of hidden attributes.
    ``anchors`` are the silos and types whose objects are not to be found by their anchor.
    """

    unsaid: frozenset[str] = frozenset()
    passwords: frozenset[tuple[str, str, str]] = frozenset()
    open_rules: frozenset[str] = frozenset()
    keys: bool = False
    anchors: frozenset[tuple[str, str]] = frozenset()

    def hides(self, silo: str, kind: str, name: str) -> bool:
        """Tell whether an attribute is hidden; ``+`` and ``-`` stand before lists in a history."""
        plain = name.lstrip("+-")
        return self._is_unsaid(plain) or (silo, kind, plain) in self.passwords

    def hides_anywhere(self, name: str) -> bool:
        """Tell whether an attribute of this name is hidden in whatever slot."""
        return self._is_unsaid(name) or any(name == each for _, _, each in self.passwords)

    def shown(self, silo: str, kind: str, attributes: Attributes) -> dict[str, Value]:
        """Return the attributes that are not hidden."""
        return {
            name: value
            for name, value in attributes.items()
            if not self.hides(silo, kind, name) and not _is_mark(value)
        }

    def of_action(self, action: Action) -> Action:
        """Return an action with a mark in place of each hidden value, and of what quotes them."""

        def covered(values: Attributes | None) -> Mapping[str, Value] | None:
            if values is None:
                return None
            shown = self.shown(action.silo, action.type, values)
            return {name: shown.get(name, NOT_SHOWN) for name in values}

        once = self.shown(action.silo, action.type, action.once)
        is_told = self.is_open(action.rule)
        return replace(
            action,
            before=covered(action.before),
            after=covered(action.after),
            once=once,
            error=action.error if is_told or not action.error else NOT_SHOWN,
            waits=self._waits(action.waits, is_told=is_told),
        )

    def _waits(self, text: str | None, *, is_told: bool) -> str | None:
        if not text:
            return text
        return self.of_ambiguity(text) if is_told else NOT_SHOWN

    def is_open(self, rule: str) -> bool:
        """Tell whether what is said of a rule may quote the values it read."""
        return undone_rule(rule) in self.open_rules

    def of_error(self, error: RunError) -> RunError:
        """Return an error with a mark in place of a message that may quote hidden values."""
        if error.code == _AMBIGUOUS:
            return replace(error, message=self.of_ambiguity(error.message))
        is_told = error.rule is None or self.is_open(error.rule)
        if is_told or error.code in _VALUELESS:
            return error
        return replace(error, message=NOT_SHOWN)

    def of_ambiguity(self, text: str) -> str:
        """Return why something waits, which may be that objects share a join value."""
        return NOT_SHOWN if text and self.keys else text

    def of_run(self, run: Run) -> Run:
        """Return a run in whose reports no error of such a rule stands."""
        return replace(
            run, rules={rule: self.of_report(rule, report) for rule, report in run.rules.items()}
        )

    def of_report(self, rule: str, report: RuleReport) -> RuleReport:
        """Return a report without the error because of which its limit could not be measured."""
        is_error = report.limit is None and report.limit_text is None and bool(report.reason)
        if not is_error or self.is_open(rule):
            return report
        return replace(report, reason=NOT_SHOWN)

    def _is_unsaid(self, name: str) -> bool:
        return name.casefold() in self.unsaid or is_secret(name)


def _is_mark(value: Value) -> bool:
    return isinstance(value, str) and MARK in value
