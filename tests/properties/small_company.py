"""The steps of the small world, done with the real pipeline and the real store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypersync.approvals.ballot import Ballot, OfActions, OfRequest
from hypersync.approvals.decide import decide
from hypersync.approvals.deliver import deliver
from hypersync.approvals.tick import tick
from hypersync.model.requests import Answer
from tests.properties.machine_world import Company, Died, Terms
from tests.properties.small_world import RULES, Key, State, Step

NAMES = ("title", "room")
"""What each rule is called, and what it writes."""

_RULE = (
    "  - {{id: {name}, kind: update, target: account, set: {{{name}: hr.title}}, "
    "when: \"hr.status == 'on'\", threshold: {{limit: 1, on_expiry: {on_expiry}}}}}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallTerms(Terms):
    """Two rules, of which the second's expiry approves, and a VIP rule."""

    def rules(self) -> str:
        lines = [
            _RULE.format(name=name, on_expiry=on_expiry)
            for name, on_expiry in zip(NAMES, ("clear", "approve"), strict=True)
        ]
        return "\n".join(["ruleset: small", "rules:", *lines, ""])

    def more(self) -> str:
        return (
            "people: {ann: {email: ann@example.org, roles: [approver]}}\n"
            "vip: [{name: chiefs, when: \"hr.level == 'C'\", expires: 24h}]\n"
        )

    def limits(self) -> str:
        return ""


class SmallCompany:
    """A company that takes the steps of the small world; who is who stays as in its first state."""

    def __init__(self, company: Company, first: State) -> None:
        self.company = company
        self._number = 0
        self._runs: dict[int, str] = {}
        for who, person in enumerate(first.people):
            company.hr.put("person", f"e{who}", {"id": f"e{who}", "name": f"u{who}", "level": "E"})
            self._want(who, person.wants)
            account = {"uid": f"u{who}", "number": f"e{who}", "title": "-", "room": "-"}
            company.dir.put("account", f"u{who}", account)
        company.scan()

    def take(self, step: Step) -> None:
        """Take a step."""
        self.company.later(seconds=1)
        getattr(self, "_" + step.what.replace(" ", "_"))(*step.how)

    def seen(self) -> list[tuple[bool, list[tuple[Any, ...]]]]:
        """Return what the small world says of everybody: pending, and each rule's key."""
        # what a dead run claimed is freed by the next
        due = {row[0] for row in self.company.select("SELECT identity FROM pending_identity")}
        actions = self.company.select(
            "SELECT key, state, before, after, replacements, vip, request FROM action "
            "WHERE state IN ('suspended', 'approved', 'queued', 'executing', 'unknown')"
        )
        opened = {row[0]: row for row in actions}
        prints = {
            row[0]: _change(row[1], row[2])
            for row in self.company.select("SELECT fingerprint, before, after FROM action")
        }
        holds = {
            row[0]: (prints[row[1]], row[2] == "expiry")
            for row in self.company.select("SELECT key, fingerprint, by FROM hold")
        }
        return [
            (
                self.company.identity(who) in due,
                [self._key(who, rule, opened, holds) for rule in RULES],
            )
            for who in range(self._people())
        ]

    def _people(self) -> int:
        return len(self.company.select("SELECT id FROM object WHERE anchor LIKE 'u%'"))

    def _key(
        self, who: int, rule: int, opened: dict[str, Any], holds: dict[str, Any]
    ) -> tuple[Any, ...]:
        name, (object_id,) = NAMES[rule], self._object(who)
        key = f"{name}|{self.company.identity(who)}|{object_id}"
        silo = (self.company.get(who) or {}).get(name)
        row = opened.get(key)
        action = None
        if row is not None:
            _, state, before, after, replacements, vip, request = row
            action = (state, _change(before, after), replacements, vip, request is not None)
        return (silo, action, *holds.get(key, ("", False)))

    def _object(self, who: int) -> Any:
        (row,) = self.company.select(f"SELECT id FROM object WHERE anchor = 'u{who}'")  # noqa: S608
        return row

    # --- steps ---------------------------------------------------------------------------------

    def _run(self, kind: str, who: int, dies: str) -> None:
        company = self.company
        self._number += 1
        company.doom = dies
        known = {row[0] for row in company.select("SELECT id FROM run")}
        key = ("dir", "account", f"u{who}") if kind == "object" else None
        try:
            company.sync(None if key else kind, object_key=key)
        except Died:
            company.restart()
            company.later(seconds=31)
        company.doom = ""
        made = [row[0] for row in company.select("SELECT id FROM run") if row[0] not in known]
        self._runs[self._number] = made[0]

    def _want(self, who: int, value: str) -> None:
        invalid = self.company.hr.faults.invalid
        (invalid.add if value == "?" else invalid.discard)(f"e{who}")
        if value == "?":
            self.company.change(who)
        elif value == "-":
            self.company.change(who, status="off")
        else:
            self.company.change(who, status="on", title=value)

    def _change(self, who: int, value: str) -> None:
        self._want(who, value)
        self.company.scan("hr")

    def _rise(self, who: int) -> None:
        self.company.change(who, level="C")
        self.company.scan("hr")

    def _wait(self, span: str) -> None:
        self.company.later(hours=25 if span == "day" else 8 * 24)

    def _decide(self, rule: int, who: int, approves: bool) -> None:
        key = f"{NAMES[rule]}|{self.company.identity(who)}|{self._object(who)[0]}"
        (row,) = self.company.select(
            f"SELECT id FROM action WHERE key = '{key}' AND state = 'suspended'"  # noqa: S608
        )
        self._cast(OfActions((row[0],)), approves=approves)

    def _decide_all(self, rule: int, request: tuple[int, str | None], approves: bool) -> None:
        asked, vip = request
        vips = "vip IS NULL" if vip is None else "vip IS NOT NULL"
        (row,) = self.company.select(
            f"SELECT id FROM request WHERE run = '{self._runs[asked]}' "  # noqa: S608
            f"AND rule = '{NAMES[rule]}' AND {vips}"
        )
        self._cast(OfRequest(row[0]), approves=approves)

    def _cast(self, target: Any, *, approves: bool) -> None:
        answer = Answer.APPROVE if approves else Answer.REJECT
        ballot = Ballot(answer=answer, by="person:ann", proof="session", comment="a test")
        app = self.company.app
        decided = decide(
            app.store, target, ballot, now=self.company.clock.time, settings=app.settings
        )
        assert decided.decided

    def _tell(self) -> None:
        app = self.company.app
        self.company.later(minutes=2)
        deliver(
            app.store,
            channels=app.channels,
            writer=app.renderer,
            worker="w",
            clock=self.company.clock.now,
            settings=app.settings,
        )

    def _tick(self) -> None:
        app = self.company.app
        tick(app.store, now=self.company.clock.time, settings=app.settings)


def _change(before: str | None, after: str | None) -> str:
    """Write a change as the small world does."""
    (was,), (becomes,) = (json.loads(each or "{}").values() for each in (before, after))
    return f"{was}>{becomes}"


def expected(state: State) -> list[tuple[bool, list[tuple[Any, ...]]]]:
    """Return of a state what `SmallCompany.seen` returns of a company."""
    return [(person.is_pending, [_shown(key) for key in person.keys]) for person in state.people]


def _shown(key: Key) -> tuple[Any, ...]:
    action = None
    if (found := key.open) is not None:
        is_asked = found.asked > 0
        action = (found.state, found.fingerprint, found.replacements, found.vip, is_asked)
    return (key.silo, action, key.hold, key.is_unanswered)
