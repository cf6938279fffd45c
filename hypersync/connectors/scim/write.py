"""Writes changes to a SCIM service, each only if the object is still as it was.

An object is read before it is written: what already is as wanted has succeeded, what is no longer
as it was is a conflict. Where the service has versions, the request carries the one that was read
(If-Match), so that a change in between is a conflict too; where it has none, a change in that
moment is overwritten. Memberships add or remove one value and read nothing first, unless the
service can only replace. When no answer comes, the outcome is unknown and nothing more is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from hypersync.connectors.changes import (
    MEMBER,
    differing,
    member_values,
    reference,
    settled,
    sorted_values,
)
from hypersync.connectors.scim.answers import (
    MEANWHILE,
    created_id,
    gone,
    in_its_form,
    is_taken,
    meaning,
    members_named,
    members_path,
    unshown,
)
from hypersync.connectors.scim.bodies import new_resource, replacement
from hypersync.connectors.scim.create import Finder
from hypersync.connectors.scim.patches import Dialect, patch_body
from hypersync.connectors.scim.service import UNAVAILABLE, Place, Service
from hypersync.connectors.scim.unavailable import serves_others
from hypersync.connectors.scim.values import Reader, checked, secrets_of
from hypersync.connectors.scim.wire import Answer, Elsewhere, Lost, NotSent, Unsure, Wire, writing
from hypersync.errors import (
    ScanFailed,
    SiloBusy,
    SiloError,
    SiloRefused,
    SiloUnavailable,
    SiloUnreachable,
)
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    ObjectType,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    SiloObject,
    Succeeded,
    Unknown,
    not_yet,
)

_LATER: Final = timedelta(seconds=30)
_WRITES_ATTRIBUTES: Final = (Operation.UPDATE, Operation.ENABLE, Operation.DISABLE)


@dataclass(frozen=True, slots=True)
class _Written:
    """Done; the object is read once the whole batch is written."""

    place: Place
    anchor: str
    change: Change


class Writer:
    """Applies one batch of changes over one connection."""

    def __init__(self, service: Service, kinds: Mapping[str, ObjectType]) -> None:
        self._service = service
        self._wire: Wire = service.wire
        self._kinds = kinds
        self._finder = Finder(service)
        self._stop: RetryAfter | None = None
        self._is_alone = False
        self._has_answered = False
        self._objects: dict[tuple[str, str], SiloObject | None] = {}

    def __call__(self, changes: Sequence[Change]) -> list[Outcome]:
        """Return one outcome for each change."""
        self._is_alone = len(changes) == 1
        done = [self._apply(change) for change in changes]
        return [self._read_back(each) if isinstance(each, _Written) else each for each in done]

    @cached_property
    def _dialect(self) -> Dialect:
        return Dialect(self._service.dialect)

    @property
    def _is_replacing(self) -> bool:
        return self._service.dialect == "put"

    def _apply(self, change: Change) -> Outcome | _Written:
        if self._stop is not None:
            return self._stop
        place: Place | None = None
        try:
            place = self._service.place(self._kinds[change.type.name])
            return self._noted(self._operation(change)(in_its_form(change, place), place))
        except SiloUnavailable as error:
            later = RetryAfter(_LATER, f"this was not tried: {error}")
            return self._not_available(later, change, place, is_read=True)
        except (Lost, NotSent, Elsewhere, SiloUnreachable, ScanFailed) as error:
            text = f"the service went away before this was tried: {error}"
            is_lost = not isinstance(error, SiloBusy | Elsewhere | ScanFailed)
            later = RetryAfter(_LATER, text, is_lost=is_lost)
            self._stop = replace(later, is_lost=True)
            return replace(later, is_suspect=isinstance(error, Lost))
        except (ValueError, SiloRefused) as error:
            return Refused(str(error))
        except Unsure as error:
            text = "the service went away before this was tried"
            self._stop = RetryAfter(_LATER, text, is_lost=True)
            return Unknown(f"the service went away while this was written: {error}")

    def _noted(self, outcome: Outcome | _Written) -> Outcome | _Written:
        """Note that the service answered, if that is how it came out."""
        self._has_answered |= isinstance(outcome, _Written | Succeeded | Conflict)
        return outcome

    def _operation(self, change: Change) -> Callable[[Change, Place], Outcome | _Written]:
        match change.operation:
            case Operation.CREATE:
                return self._create
            case Operation.DELETE:
                return self._delete
            case Operation.ADD_MEMBER | Operation.REMOVE_MEMBER:
                return self._member
            case Operation.UPDATE | Operation.ENABLE | Operation.DISABLE:
                return self._update
            case Operation.MOVE | Operation.RENAME:
                raise ValueError("a SCIM service has no tree; write the attributes instead")
            case Operation.EVENT:
                raise ValueError("an event is not written to a silo")

    def _read_back(self, written: _Written) -> Outcome:
        key = written.place.kind.name, written.anchor
        if key not in self._objects:
            try:
                self._objects[key] = self._service.object(written.place, written.anchor)
            except (Lost, NotSent, SiloError) as error:
                return Unknown(f"written, and could not be read back: {error}")
        found = self._objects[key]
        if found is None:
            return Unknown("written, and gone when it was read back", is_lost=False)
        left = unshown(written.change, written.place, found)
        if left:
            text = f"the service accepted it and does not show it: {', '.join(left)}"
            return Unknown(text, is_lost=False)
        return Succeeded(found)

    # --- one operation each --------------------------------------------------------------------

    def _update(self, change: Change, place: Place) -> Outcome | _Written:
        resource = self._resource(change, place)
        outcome = self._settled(change, place, resource)
        if outcome is not None or resource is None:
            return outcome or gone(change)
        return self._write(change, place, resource, change.after or {})

    def _delete(self, change: Change, place: Place) -> Outcome | _Written:
        resource = self._resource(change, place)
        outcome = self._settled(change, place, resource)
        if outcome is not None or resource is None:
            return outcome or Succeeded(None)
        with writing():
            answer = self._wire.send(
                "DELETE", place.url(resource["id"]), version=self._service.version(resource)
            )
        if answer.is_good:
            return Succeeded(None)
        if answer.status == 404:
            return not_yet(change) or Succeeded(None)
        return self._refused(answer, change, place)

    def _create(self, change: Change, place: Place) -> Outcome | _Written:
        checked(change, place.names, current=None)
        wanted = change.after or {}
        found = self._finder.find(place, wanted)
        if found:
            return self._existing(change, place, found)
        with writing():
            body = new_resource(wanted, place.names)
            answer = self._wire.send("POST", place.endpoint, body)
        if answer.is_good:
            return self._created(answer, change, place)
        if is_taken(answer):
            found = self._finder.find(place, wanted, by_all=True)
            return self._existing(change, place, found) if found else Conflict(answer.sentence)
        return self._refused(answer, change, place)

    def _created(self, answer: Answer, change: Change, place: Place) -> Outcome | _Written:
        anchor = created_id(answer)
        if anchor is None:
            anchor = self._id_of_created(change, place)
        if anchor is None:
            text = "it was created, and the service does not say under which id"
            return Unknown(text, is_lost=False)
        self._keep(answer, change, place, anchor)
        return _Written(place, anchor, change)

    def _id_of_created(self, change: Change, place: Place) -> str | None:
        try:
            found = self._finder.find(place, change.after or {})
        except (Lost, NotSent, SiloError):
            return None
        return str(found[0]["id"]) if len(found) == 1 else None

    def _existing(
        self, change: Change, place: Place, found: Sequence[dict[str, Any]]
    ) -> Outcome | _Written:
        """Tell one's own earlier create from somebody else's object."""
        if len(found) > 1:
            return Conflict(f"{len(found)} objects are recognised as this {place.kind.name}")
        secret = secrets_of(change, place.names)
        after = {name: value for name, value in (change.after or {}).items() if name not in secret}
        return self._settled(replace(change, after=after), place, found[0]) or gone(change)

    def _member(self, change: Change, place: Place) -> Outcome | _Written:
        path, member = members_path(place), reference(change)
        if change.anchor is None:
            raise ValueError("the change names no object")
        is_added = change.operation is Operation.ADD_MEMBER
        if self._is_replacing:
            return self._member_by_replacing(change, place)
        ops = [self._dialect.add(path, [member])]
        ops = ops if is_added else self._dialect.remove(path, [member])
        with writing():
            answer = self._wire.send("PATCH", place.url(change.anchor), patch_body(ops))
        is_missing = answer.scim_type == "noTarget" and not is_added
        if is_missing and (later := not_yet(change)):
            return later
        if answer.is_good or is_missing:
            self._objects.pop((place.kind.name, change.anchor), None)
            return _Written(place, change.anchor, change)
        if answer.status == 404 and self._service.resource(place, change.anchor) is not None:
            return Refused(answer.sentence)
        return self._refused(answer, change, place)

    def _member_by_replacing(self, change: Change, place: Place) -> Outcome | _Written:
        resource = self._resource(change, place)
        outcome = self._settled(change, place, resource)
        if outcome is not None or resource is None:
            return outcome or gone(change)
        name = place.kind.members or ""
        held = set(member_values(change, self._seen(resource, place, {name}).attributes))
        is_added = change.operation is Operation.ADD_MEMBER
        wanted = held | {reference(change)} if is_added else held - {reference(change)}
        return self._write(change, place, resource, {name: sorted_values(wanted)})

    # --- what they share -----------------------------------------------------------------------

    def _resource(self, change: Change, place: Place) -> dict[str, Any] | None:
        if change.anchor is None:
            raise ValueError("the change names no object")
        names = {*(change.before or {}), *(change.after or {})} - {MEMBER}
        return self._service.resource(place, change.anchor, names)

    @staticmethod
    def _seen(resource: dict[str, Any], place: Place, names: Collection[str]) -> SiloObject:
        """Return a resource as an object with the attributes that a change speaks of."""
        reader = Reader(place.names, frozenset(names))
        return SiloObject(place.kind.name, resource["id"], reader.attributes(resource))

    def _settled(
        self, change: Change, place: Place, resource: dict[str, Any] | None
    ) -> Outcome | None:
        """Decide before writing, with the whole object in the answer."""
        if resource is None:
            return settled(change, None)
        names = {*(change.before or {}), *(change.after or {}), *members_named(place)}
        current = self._seen(resource, place, names)
        if change.operation in _WRITES_ATTRIBUTES:
            checked(change, place.names, current=current.attributes)
        outcome = settled(change, current)
        if isinstance(outcome, Succeeded | Conflict):
            return replace(outcome, object=place.object(resource))
        return outcome

    def _write(
        self, change: Change, place: Place, resource: dict[str, Any], values: Attributes
    ) -> Outcome | _Written:
        if self._is_replacing:
            if hidden := place.names.hidden():
                raise ValueError(f"'put' would lose what the service hides: {', '.join(hidden)}")
            method, body = "PUT", replacement(resource, values, place.names)
        else:
            method = "PATCH"
            body = patch_body(self._dialect.update(resource, values, place.names))
        anchor = resource["id"]
        with writing():
            answer = self._wire.send(
                method, place.url(anchor), body, version=self._service.version(resource)
            )
        if not answer.is_good:
            return self._refused(answer, change, place)
        self._keep(answer, change, place, anchor)
        return _Written(place, anchor, change)

    def _keep(self, answer: Answer, change: Change, place: Place, anchor: str) -> None:
        """Take the object from the answer if it shows what was written, else read it later."""
        key = place.kind.name, anchor
        self._objects.pop(key, None)
        body = answer.body
        if isinstance(body, dict) and body.get("id") == anchor:
            shown = self._seen(body, place, change.after or {}).attributes
            secret = secrets_of(change, place.names)
            if set(differing(change.after or {}, shown)) <= secret:
                self._objects[key] = place.object(body)

    def _refused(self, answer: Answer, change: Change, place: Place) -> Outcome:
        """Say what it means that the service did not do it."""
        outcome = meaning(answer, change)
        if answer.status == UNAVAILABLE and isinstance(outcome, RetryAfter):
            return self._not_available(outcome, change, place, is_read=False)
        if isinstance(outcome, RetryAfter):  # what was not tried is no attempt
            self._stop = replace(outcome, is_lost=True)
        if outcome == Conflict(MEANWHILE) and change.anchor is not None:
            return Conflict(MEANWHILE, self._service.object(place, change.anchor))
        return outcome

    def _not_available(
        self, later: RetryAfter, change: Change, place: Place | None, *, is_read: bool
    ) -> RetryAfter:
        """Leave the rest for later: the service was not reached, unless it serves all but this.

        Of a write that comes first of several nobody knows, until it is tried alone.
        """
        self._stop = replace(later, is_lost=True)
        is_suspect = self._has_answered or (
            place is not None
            and (is_read or self._is_alone)
            and serves_others(self._service, place, change.anchor)
        )
        return replace(self._stop, is_suspect=is_suspect)
