"""Hands on what is known of an identity to another one: throttle marks, holds and VIP memory.

Nothing is taken away from the first: a split leaves both protected, a merge leaves the younger
identity behind anyway. Where both know something, the later mark, the rejection, the longer
time of a hold and every VIP rule stay.

What is being done for an identity that ends, or may have been done, becomes its heir's, so that the
heir does not do it a second time.
"""

from __future__ import annotations

import orjson
from sqlalchemy.engine import Connection

from hypersync.store.bulk import read, run, run_many

_MARKS = """
INSERT INTO execution_mark (rule, identity, target, last_start, held)
SELECT rule, ?, target, last_start, held FROM execution_mark WHERE identity = ?
ON CONFLICT (rule, identity, target) DO UPDATE SET
    held = execution_mark.held OR excluded.held,
    last_start = CASE
        WHEN execution_mark.last_start IS NULL THEN excluded.last_start
        WHEN excluded.last_start > execution_mark.last_start THEN excluded.last_start
        ELSE execution_mark.last_start END
"""
_IS_STRONGER = """hold.by IN ('expiry', 'void')
    AND (excluded.by IS NULL OR excluded.by NOT IN ('expiry', 'void'))"""
# a rejection says more than that nobody answered, whichever of the two lasts longer
_HOLD = f"""
INSERT INTO hold (key, rule, identity, fingerprint, until, at, by, times)
SELECT ?, rule, ?, fingerprint, until, at, by, times FROM hold WHERE key = ?
ON CONFLICT (key) DO UPDATE SET
    until = CASE WHEN excluded.until > hold.until THEN excluded.until ELSE hold.until END,
    fingerprint = CASE WHEN {_IS_STRONGER} THEN excluded.fingerprint ELSE hold.fingerprint END,
    at = CASE WHEN {_IS_STRONGER} THEN excluded.at ELSE hold.at END,
    by = CASE WHEN {_IS_STRONGER} THEN excluded.by ELSE hold.by END,
    times = CASE WHEN {_IS_STRONGER} THEN excluded.times ELSE hold.times END
"""  # noqa: S608 - only constants are put in
_UNDO_HOLD = """
INSERT INTO undo_hold (undo, identity, run, rule, object, slot, target, operation, before, after,
                       until, at)
SELECT undo, ?, run, rule, object, slot, target, operation, before, after, until, at
FROM undo_hold WHERE identity = ?
ON CONFLICT (undo, identity) DO NOTHING
"""
_RUNNING = """
SELECT id, key, rule FROM action WHERE identity = ? AND state IN ('executing', 'unknown')
"""
_HAND_OVER = """
UPDATE action SET identity = ?, key = CASE
    WHEN EXISTS (SELECT 1 FROM action AS other WHERE other.key = ? AND other.state
                 IN ('suspended', 'approved', 'queued', 'executing', 'unknown')) THEN key
    ELSE ? END
WHERE id = ?
"""


def hand_on(connection: Connection, origin: int, heir: int) -> None:
    """Give the heir everything that is known of the origin."""
    run(connection, _MARKS, (heir, origin))
    holds = read(connection, "SELECT key, rule FROM hold WHERE identity = ?", (origin,))
    run_many(connection, _HOLD, [(_key(key, rule, origin, heir), heir, key) for key, rule in holds])
    run(connection, _UNDO_HOLD, (heir, origin))
    _hand_on_vip(connection, origin, heir)


def hand_over_names(connection: Connection, origin: int, heir: int) -> None:
    """Let the heir of a merge keep the names that were reserved for the identity that ends."""
    statement = "UPDATE reservation SET identity = ? WHERE identity = ?"
    run(connection, statement, (heir, origin))


def hand_over_actions(connection: Connection, origin: int, heir: int) -> None:
    """Let the heir of a merge have what is executing, or of unknown outcome.

    It takes the heir's key, under which nothing new is proposed then. If the heir has one there of
    its own, that holds the key; the other is read back all the same, and never repeated.
    """
    rows = []
    for action, key, rule in read(connection, _RUNNING, (origin,)):
        ours = _key(key, rule, origin, heir)
        rows.append((heir, ours, ours, action))
    run_many(connection, _HAND_OVER, rows)


def _key(key: str, rule: str, origin: int, heir: int) -> str:
    """Return the action key, which is rule, identity and target, with the other identity."""
    before = f"{rule}|{origin}|"
    return f"{rule}|{heir}|{key.removeprefix(before)}" if key.startswith(before) else key


def _hand_on_vip(connection: Connection, origin: int, heir: int) -> None:
    rows = dict(read(connection, "SELECT id, vip FROM identity WHERE id IN (?, ?)", (origin, heir)))
    theirs = orjson.loads(rows.get(origin) or "{}")
    ours = orjson.loads(rows.get(heir) or "{}")
    both = {**theirs, **ours}
    for name in theirs.keys() & ours.keys():
        # None says that the rule holds now, which is later than any time it held
        times = [each for each in (theirs[name], ours[name]) if each is not None]
        both[name] = max(times) if len(times) > 1 else None
    if both != ours:
        run(
            connection,
            "UPDATE identity SET vip = ? WHERE id = ?",
            (orjson.dumps(both).decode(), heir),
        )
