"""Objects of silos, the facts a scan reports about them, and the changes written to them. Pure.

An attribute value is text, a number, a truth value, bytes, or a sorted tuple of those when the
attribute is multi-valued; a missing attribute is absent from the mapping (or ``None``), never the
empty text. Hierarchical silos report the distinguished name as the attribute ``dn``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int | float | bool | bytes
Value: TypeAlias = Scalar | tuple[Scalar, ...] | None
Attributes: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class EnabledSpec:
    """How a silo stores that an account is enabled: one attribute with two known values.

    Any other value, and none, leaves the state unknown.
    """

    attribute: str
    when_on: Scalar
    when_off: Scalar

    def state(self, attributes: Attributes) -> bool | None:
        """Tell whether the object is enabled; ``None`` when it cannot be told."""
        value = attributes.get(self.attribute)
        if value == self.when_on:
            return True
        if value == self.when_off:
            return False
        return None


KNOWN_SWITCHES: Final[Mapping[str, EnabledSpec]] = MappingProxyType(
    {
        "ad": EnabledSpec("accountEnabled", when_on=True, when_off=False),
        "msgraph": EnabledSpec("accountEnabled", when_on=True, when_off=False),
        "scim": EnabledSpec("active", when_on=True, when_off=False),
    }
)
"""How connectors that know it by themselves store the enabled state, by the connector's name.

In Active Directory it is one bit of ``userAccountControl``, which its connector reports and writes
as an attribute of its own, so that the other bits are neither compared nor written.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    """A kind of object in a silo, as a connector needs to know it.

    ``attributes`` are those to read (what joins, rules and the configuration name; empty means all
    the silo has). ``members`` names the attribute that holds the members of a group.
    ``options`` are the connector's own, validated settings of this type.
    """

    silo: str
    name: str
    attributes: frozenset[str] = frozenset()
    enabled: EnabledSpec | None = None
    members: str | None = None
    options: object = None


@dataclass(frozen=True, slots=True)
class SiloObject:
    """One object as it is in its silo now."""

    type: str
    anchor: str
    attributes: Attributes


# --- what a scan reports -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """The object is there, with all its attributes."""

    type: str
    anchor: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Changed:
    """Part of the object changed (delta scans): set, cleared, values added or removed."""

    type: str
    anchor: str
    set: Attributes = field(default_factory=dict)
    cleared: tuple[str, ...] = ()
    added: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    removed: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)


class DeletionKind(Enum):
    """How an object went: for good, restorable, or only out of the scope of the scan."""

    GONE = "gone"
    SOFT = "soft"
    OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True, slots=True)
class Deleted:
    """The silo says that the object was deleted, which is stronger than absence."""

    type: str
    anchor: str
    kind: DeletionKind = DeletionKind.GONE


@dataclass(frozen=True, slots=True)
class Invalid:
    """Something is there that cannot be read; ``anchor`` is ``None`` when not even that can."""

    type: str
    anchor: str | None
    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A delta scan may resume here."""

    cursor: str


@dataclass(frozen=True, slots=True)
class Anchors:
    """All anchors of a type that are there now: how a delta scan without tombstones finds deletes.

    What is in the store and not in here is absent, exactly as after a full scan.
    """

    type: str
    anchors: frozenset[str]


@dataclass(frozen=True, slots=True)
class Complete:
    """The scan ended completely; ``cursor`` is where the next delta starts, if there are deltas."""

    cursor: str | None = None


ScanEvent: TypeAlias = Seen | Changed | Deleted | Invalid | Anchors | Checkpoint | Complete
Batch: TypeAlias = list[ScanEvent]


# --- what is written ---------------------------------------------------------------------------


class Operation(Enum):
    """What an action does to its object."""

    CREATE = "create"
    UPDATE = "update"
    MOVE = "move"
    RENAME = "rename"
    ENABLE = "enable"
    DISABLE = "disable"
    DELETE = "delete"
    ADD_MEMBER = "add_member"
    REMOVE_MEMBER = "remove_member"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Member:
    """Who a membership change is about, by what stays when the object is renamed or moved."""

    type: ObjectType
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change to one object, for a connector to apply.

    ``before`` and ``after`` hold the written attributes (``None`` for a missing one); create has no
    ``before``, delete no ``after``. Enable and disable are written as the attribute of the type's
    ``enabled``. Move and rename carry ``dn``. A membership change names the group as object and has
    ``{"member": REFERENCE}`` in ``after`` (add) or ``before`` (remove), where REFERENCE is what the
    silo stores: a DN for LDAP, the anchor elsewhere. ``member`` tells the member by its anchor too:
    a DN may be another object's since it was read, so a silo that stores one has to find out whose
    it is; without a ``member`` the reference is all that is known. ``key`` is the idempotency key.
    For ``fresh_for`` from now a server that lags may still know the object as it was before its
    last change: till then that a change is done already is not believed (`not_yet`).
    """

    key: str
    operation: Operation
    type: ObjectType
    anchor: str | None
    before: Attributes | None
    after: Attributes | None
    member: Member | None = None
    fresh_for: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Done; ``object`` is the object as the silo has it now, ``None`` after a delete.

    ``made`` is false where a create found its object there already: then nothing was written, and
    what cannot be read back, such as its password, may be another one.
    """

    object: SiloObject | None
    made: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class Conflict:
    """The object no longer has the ``before`` values; nothing was written."""

    why: str
    object: SiloObject | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The silo refused for good; trying again does not help."""

    reason: str


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Nothing was written; try again after ``span``.

    ``is_lost`` says that the silo did not ask to wait, but was not reached: that is no attempt.
    It is one if ``is_suspect`` too: the silo had answered, and the connection broke on this change.
    """

    span: timedelta
    reason: str = ""
    is_lost: bool = field(default=False, compare=False)
    is_suspect: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The silo may or may not have done it; it has to be read back.

    ``is_lost`` is false where the silo did answer, and its answer does not tell.
    """

    reason: str
    is_lost: bool = field(default=True, compare=False)


Outcome: TypeAlias = Succeeded | Conflict | Refused | RetryAfter | Unknown


def not_yet(change: Change) -> RetryAfter | None:
    """Return when to try again what is said to be done already; ``None`` when that is believed.

    A server that lags says of what was just made that it is not there, and of a member that was
    just added that it is none.
    """
    if not change.fresh_for:
        return None
    why = "done already, it seems, but the object changed just now and the server may lag behind"
    return RetryAfter(change.fresh_for, why)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeSchema:
    """What a silo says about one attribute."""

    name: str
    multi_valued: bool = False
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """Attributes by type; a type that maps to ``None`` accepts any attribute."""

    types: Mapping[str, Mapping[str, AttributeSchema] | None]
