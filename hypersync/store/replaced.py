"""Finds out whose object was replaced: one is gone, and another came into its slot.

Somebody deleted an account and made another one of the same name, or gave another account the join
value of the deleted one. It belongs to the identity by that value, and may be somebody else's. So
what a VIP rule is remembered by is remembered of the slot, and every action there waits for people.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import orjson
from sqlalchemy import Connection

from hypersync.model.joins import REPLACED
from hypersync.store.bulk import read_in, run_many

_PAIRS = """
SELECT live.identity, live.slot, live.id, gone.id FROM object AS live
JOIN object AS gone ON gone.identity = live.identity AND gone.slot = live.slot
WHERE live.identity IN ({}) AND live.absence IS NULL AND gone.absence NOT IN ('invalid')
"""


def note_replaced(
    connection: Connection,
    identities: Collection[int],
    came: Collection[int],
    went: Collection[int],
    now: datetime,
) -> None:
    """Remember the slots in which ``came`` or ``went``, objects, leave one in the place of another.

    Of two that were there at once nobody can tell who took whose place: whoever stays is asked
    about.
    """
    slots: dict[int, set[str]] = {}
    for identity, slot, live, gone in read_in(connection, _PAIRS, sorted(identities)):
        if live in came or gone in went:
            slots.setdefault(identity, set()).add(slot)
    known = read_in(connection, "SELECT id, vip FROM identity WHERE id IN ({})", sorted(slots))
    rows = []
    for identity, vip in known:
        since = dict.fromkeys((REPLACED + slot for slot in slots[identity]), now.isoformat())
        rows.append((orjson.dumps({**orjson.loads(vip or "{}"), **since}).decode(), identity))
    run_many(connection, "UPDATE identity SET vip = ? WHERE id = ?", rows)
