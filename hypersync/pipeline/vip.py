"""Who is a VIP, for which actions, and why. Pure.

An identity is a VIP for a rule when a VIP rule that concerns the rule is true, unknown or in error
now, or held at the end of the last committing run, or within the memory: the bad run that blanks
the level of the chief executive must not unmake the VIP. ``people`` are always VIPs, and so are
the accounts HyperSync signs in with, the groups that grant roles, and for as long as the memory
lasts a slot whose object was replaced by another one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from hypersync.model.ids import IdentityId
from hypersync.model.joins import REPLACED
from hypersync.model.objects import Operation
from hypersync.model.said import say
from hypersync.pipeline.drafts import Draft
from hypersync.rulebook.rules import Rule, VipRule

PEOPLE = "protected"
"""The built-in VIP rule: everybody who may answer requests; who that is, nobody else is to know."""


ROLES = "roles"
"""The built-in VIP rule: the groups that grant roles, and who goes in or out of them."""

TAKEN = "replaced"
"""The built-in VIP rule: whose object was deleted, and another one came in its place."""

SELF = "self"
"""The built-in VIP rule that nothing switches off: the accounts HyperSync signs in with."""


@dataclass(frozen=True, slots=True)
class Vip:
    """The VIP rule that stops an action, and the sentence that says why."""

    name: str
    text: str


class Vips:
    """The VIP rules of a rulebook, and what is remembered of who was one."""

    def __init__(
        self,
        rules: Sequence[VipRule],
        people: Collection[IdentityId],
        span: timedelta,
        role_groups: Mapping[tuple[str, str, str], str] = MappingProxyType({}),
    ) -> None:
        """``role_groups`` are the roles that groups grant, by silo, type and anchor."""
        self._role_groups = role_groups
        self._rules = {rule.name: rule for rule in rules}
        self._people = frozenset(people)
        self._span = span

    def of(
        self,
        draft: Draft,
        now_true: Mapping[str, bool],
        memory: Mapping[str, str | None],
        now: datetime,
    ) -> Vip | None:
        """Return the first VIP rule that stops this action, or nothing."""
        if draft.is_self:
            return Vip(SELF, say("this is the account that HyperSync signs in with"))
        role = self._role_groups.get((draft.silo, draft.type, draft.anchor or ""))
        if role is not None:
            return Vip(ROLES, say("this group grants the role {role}", role=role))
        since = memory.get(REPLACED + draft.slot)
        if since is not None and self._remembered(since, now):
            at = datetime.fromisoformat(since)
            return Vip(TAKEN, say("another object is in the place of one that went at {at}", at=at))
        return self.concerning(
            draft.rule,
            draft.operation,
            written=frozenset(draft.after or ()),
            clears=_clears(draft),
            identity=draft.identity,
            now_true=now_true,
            memory=memory,
            now=now,
        )

    def concerning(
        self,
        rule: Rule,
        operation: Operation,
        *,
        written: Collection[str],
        clears: bool,
        identity: IdentityId,
        now_true: Mapping[str, bool],
        memory: Mapping[str, str | None],
        now: datetime,
    ) -> Vip | None:
        """Return the first VIP rule that stops such an action on this identity, or nothing."""
        if identity in self._people:
            return Vip(PEOPLE, say("this is a protected identity"))
        for name, vip in self._rules.items():
            if not (vip.is_global or name in rule.vips):
                continue
            narrow = bool(vip.attributes) and operation is Operation.UPDATE and not clears
            if narrow and not vip.attributes & frozenset(written):
                continue
            if name in now_true:
                if now_true[name]:
                    return Vip(name, say("the VIP rule {name} is true", name=name))
                text = say("the VIP rule {name} cannot be told, which counts as true", name=name)
                return Vip(name, text)
            if name in memory and self._remembered(memory[name], now):
                return Vip(name, _was_true(name, memory[name]))
        return None

    def _remembered(self, stopped: str | None, now: datetime) -> bool:
        return stopped is None or now - datetime.fromisoformat(stopped) < self._span


def _was_true(name: str, stopped: str | None) -> str:
    if stopped is None:
        return say("the VIP rule {name} was true at the last run", name=name)
    until = datetime.fromisoformat(stopped)
    return say("the VIP rule {name} was true until {at}", name=name, at=until)


def _clears(draft: Draft) -> bool:
    return any(value is None for value in (draft.after or {}).values())
