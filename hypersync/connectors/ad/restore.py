"""Brings a deleted object of Active Directory back as itself (MS-ADTS, section 3.1.1.5.3.7).

A deleted object is kept for months, in ``CN=Deleted Objects``, and can become itself again: with
its objectGUID and its SID, hence its rights. With the recycle bin of the domain everything comes
back; without it little is left, and one request brings the object back and writes the rest of what
it had from the values that were stored. What a name refers to and is gone itself is left out, and
so are memberships, which belong to the groups. A password comes back with the recycle bin only:
without one the account stays disabled.

What was restored and not finished is finished by the next try.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hypersync.connectors.ad.account import SWITCH, control_step, has_password, part, truth
from hypersync.connectors.ad.directory import AdDirectory
from hypersync.connectors.ad.place import AdPlace, first
from hypersync.connectors.ad.reasons import sentence
from hypersync.connectors.ad.usn import SHOW_DELETED
from hypersync.connectors.ad.values import CONTROL, guid_bytes
from hypersync.connectors.changes import differing, is_missing
from hypersync.connectors.directory.tree import ANY
from hypersync.connectors.directory.values import as_reported, steps_of, without_passwords
from hypersync.connectors.directory.wire import Code, Entry, Result, Step
from hypersync.connectors.directory.writing import Written, refused_or_later, writing
from hypersync.errors import SiloRefused
from hypersync.model.names import naming_values, normal, split
from hypersync.model.objects import (
    Change,
    Conflict,
    Outcome,
    Refused,
    RetryAfter,
    Unknown,
    Value,
)

_OF_THE_SERVER: Final = frozenset(
    """
    admincount badpasswordtime badpwdcount cn distinguishedname dn grouptype instancetype
    lastknownparent lastlogoff lastlogon lastlogontimestamp lockouttime logoncount memberof name
    objectcategory objectclass objectguid objectsid ou primarygroupid pwdlastset samaccounttype
    useraccountcontrol usnchanged usncreated whenchanged whencreated
    """.split()  # noqa: SIM905 - one name a line would fill a page
)
"""What comes back by itself, follows from something else or cannot be set; in lower case."""


class Restorer:
    """Restores one object: what a create wants whose object is known by its anchor."""

    def __init__(self, directory: AdDirectory, place: AdPlace, change: Change, anchor: str) -> None:
        guid_bytes(anchor)
        dn = (change.after or {}).get("dn")
        if not isinstance(dn, str) or not dn:
            raise ValueError(f"a {place.name} that comes back needs its place: its 'dn'")
        self._directory = directory
        self._wire = directory.wire
        self._place = place
        self._change = change
        self._anchor = anchor
        switch = part(change.after or {}, SWITCH)[0]
        self._switch = None if switch is None else truth(switch)
        self._dn = dn
        known = directory.representation_of(place, ["objectClass"])
        named = {name.lower() for name, _ in naming_values(dn)}
        self._wanted = {
            name: value
            for name, value in (without_passwords(change.after) or {}).items()
            if not is_missing(value)
            and name.lower() not in _OF_THE_SERVER | named | {SWITCH}
            and known.is_known(name)
            and not known.reported(name).is_read_only
        }
        self._shown = directory.representation_of(place, [*self._wanted, "objectClass"])

    def __call__(self) -> Outcome | Written:
        """Restore the object; raises `Lost`, `Unsure`, `SiloRefused` and ``ValueError``."""
        live = self._live()
        if live is not None:
            return self._as_it_is(live) or self._finished(live)
        return self._reanimated() or self._finished_anew()

    def _finished_anew(self) -> Outcome | Written:
        """Finish what was just restored: whatever goes wrong now, something was written."""
        try:
            with writing():
                live = self._live()
            if live is None:
                return Unknown("restored, and gone when it was read back", is_lost=False)
            outcome = self._finished(live)
        except (ValueError, SiloRefused) as error:
            return Unknown(f"restored, and could not be finished: {error}")
        if isinstance(outcome, Refused | RetryAfter):
            return Unknown(outcome.reason)
        return outcome

    def _live(self) -> Entry | None:
        names = {*self._wanted, CONTROL, "pwdLastSet"}
        return self._directory.entry(self._place, self._anchor, names)

    def _as_it_is(self, live: Entry) -> Conflict | None:
        """Say what is in the way when the object is there again."""
        reported = as_reported(self._changed(), self._shown, live)
        current = self._shown.attributes(live.dn, live.raw)
        names = differing(reported.after or {}, current)
        if normal(live.dn) != normal(self._dn):
            names.append("dn")
        if not names:
            return None
        found = self._directory.object(self._place, self._anchor)
        return Conflict(f"it is there again, with other values: {', '.join(names)}", found)

    def _changed(self) -> Change:
        return Change(
            key=self._change.key,
            operation=self._change.operation,
            type=self._change.type,
            anchor=self._anchor,
            before=None,
            after=self._wanted,
        )

    def _reanimated(self) -> Outcome | None:
        """Take the object out of the deleted ones; ``None`` when it worked."""
        found = self._directory.deleted(self._anchor, {*self._wanted, "isDeleted"})
        if found is None:
            return Refused(
                f"{self._dn} is not among the deleted objects: it was deleted too long ago, or the "
                "account may not see them (docs/how-to/active-directory.md)"
            )
        steps: dict[str, list[Step]] = {
            "isDeleted": [("delete", [])],
            "distinguishedName": [("replace", [self._dn.encode()])],
        }
        more, _ = steps_of(self._without_the_gone(), self._shown, found)
        with writing():
            result = self._wire.modify(found.dn, {**steps, **more}, controls=[SHOW_DELETED])
        return None if result.code == 0 else self._not_restored(result)

    def _without_the_gone(self) -> Mapping[str, Value]:
        """Return what is to be written, without references to what is not there any more."""
        out: dict[str, Value] = {}
        for name, value in self._wanted.items():
            if not self._shown.reported(name).is_name:
                out[name] = value
                continue
            names = value if isinstance(value, tuple) else (value,)
            there = tuple(each for each in names if each is not None and self._is_there(str(each)))
            if there:
                out[name] = there if isinstance(value, tuple) else there[0]
        return out

    def _is_there(self, dn: str) -> bool:
        return bool(self._wire.find(dn, ANY, ["1.1"], base_only=True))

    def _not_restored(self, result: Result) -> Outcome:
        parent = split(self._dn)[1]
        if not self._is_there(parent):
            return Refused(f"there is no entry {parent} to restore it to; restore that first")
        if result.is_(Code.ENTRY_EXISTS):
            return Conflict(f"{self._dn} is there already, or its name is in use: {result.text}")
        return refused_or_later(result, f"it could not be restored: {sentence(result)}")

    def _finished(self, live: Entry) -> Outcome | Written:
        """Make an account enabled as it was, but never without a password."""
        raw = first(live.raw, CONTROL)
        done = Written(self._place, self._anchor)
        if raw is None or not self._place.has_account:
            return done
        was_enabled = not int(raw) & 2 if self._switch is None else self._switch
        steps = control_step(int(raw), enabled=was_enabled and has_password(live.raw))
        if not steps:
            return done
        with writing():
            result = self._wire.modify(f"<GUID={self._anchor}>", steps)
        if result.code == 0:
            return done
        text = f"restored, but whether it is enabled could not be set: {sentence(result)}"
        return refused_or_later(result, text)
