"""Identities as evaluation sees them, and actions as rules would like them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypersync.model.canonical import decode
from hypersync.model.ids import ActionId, IdentityId, ObjectId
from hypersync.model.objects import Attributes, EnabledSpec, Operation, Value
from hypersync.rulebook.rules import Rule

_NAMES = (
    ("displayName",),
    ("name",),
    ("given", "surname"),
    ("givenName", "sn"),
    ("firstName", "lastName"),
    ("cn",),
    ("uid",),
    ("sAMAccountName",),
    ("mail",),
)
"""The attributes that make the name of a person, the best first."""


@dataclass(slots=True)
class Identity:
    """One identity as evaluation sees it; lists are by slot in the rulebook's order.

    ``objects`` holds the decoded live objects, ``rows`` the object id, anchor and stored JSON of
    each; ``gone``, ``outside`` and ``invalid`` are bit masks over the slots. ``rivals`` are by slot
    the objects that want it besides: then no rule runs.
    """

    id: IdentityId
    objects: list[Any]
    rows: list[tuple[int, str, str | bytes] | None]
    gone: int = 0
    outside: int = 0
    invalid: int = 0
    rivals: dict[int, list[Any]] | None = None

    def attributes(self, slot: int) -> dict[str, Value]:
        """Return all attributes of the live object in a slot; empty when there is none."""
        row = self.rows[slot]
        return {} if row is None else decode(row[2])

    def name(self) -> str:
        """Return what people would call this identity."""
        anchors = []
        for slot, row in enumerate(self.rows):
            if row is None:
                continue
            known = called(self.attributes(slot))
            if known is not None:
                return known
            anchors.append(row[1])
        return anchors[0] if anchors else f"identity {self.id}"


def called(attributes: Attributes) -> str | None:
    """Return the name of a person that attributes say, ``None`` when they say none."""
    for names in _NAMES:
        parts = [part for name in names if isinstance(part := attributes.get(name), str)]
        if len(parts) == len(names):
            return " ".join(parts)
    return None


@dataclass(slots=True, kw_only=True)
class Draft:
    """An action as a rule would like it; ids and guards come later.

    ``seen`` keeps the identity for rules whose throttle or rate is computed from it. ``is_self``
    says that the object, or the member, is the account HyperSync signs in with. ``undoes`` is the
    action that this one takes back, ``group`` what the group of a membership is called.
    """

    rule: Rule
    identity: IdentityId
    object_id: ObjectId | None
    silo: str
    type: str
    anchor: str | None
    slot: str
    operation: Operation
    before: Attributes | None
    after: Attributes | None
    target: str = ""
    once: Attributes = field(default_factory=dict)
    name: str = ""
    seen: Identity | None = None
    is_self: bool = False
    undoes: ActionId | None = None
    group: str = ""

    @property
    def key(self) -> str:
        """Return (rule, identity, object or target key) as one text."""
        where = self.target or (self.slot if self.object_id is None else str(self.object_id))
        return f"{self.rule.id}|{self.identity}|{where}"


@dataclass(slots=True)
class Group:
    """A group of a membership rule, and who is in it: the members' reference values."""

    object_id: ObjectId
    silo: str
    type: str
    anchor: str
    name: str
    has: Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Types:
    """What is known of the object types that rules write, by (silo, type).

    ``anchors`` names the attribute that holds the anchor, where the configuration says it;
    ``given`` are the types whose silo itself gives new objects theirs. ``signs_in`` gives, by silo,
    the distinguished name HyperSync signs in with, in normal form.
    """

    anchors: Mapping[tuple[str, str], str | None]
    given: Collection[tuple[str, str]] = ()
    signs_in: Mapping[str, str] = field(default_factory=dict)
    enabled: Mapping[tuple[str, str], EnabledSpec | None]

    def anchor_to_set(self, kind: tuple[str, str]) -> str | None:
        """Return the attribute by which whoever creates an object says its anchor, if any does."""
        return None if kind in self.given else self.anchors.get(kind)


@dataclass(slots=True)
class Problem:
    """Why a rule proposes nothing for an identity."""

    rule: str
    identity: IdentityId
    code: str
    message: str
