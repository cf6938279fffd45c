"""A checkpoint: the end of the chain, written down where whoever writes the database cannot. Pure.

It is one line of JSON. Nothing in it is secret, and a wrong one only makes a verification fail.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from hypersync.audit.chain import Head, read_seal
from hypersync.errors import UsageError

_FORM = "hypersync-audit-1"
_MOST = 4096


def write_checkpoint(head: Head, now: datetime, installation: str) -> dict[str, object]:
    """Return a checkpoint as a document."""
    return {
        "checkpoint": _FORM,
        "installation": installation,
        "number": head.number,
        "event": head.event,
        "seal": head.seal,
        "made_at": now,
    }


def read_checkpoint(text: str, installation: str) -> Head:
    """Read a checkpoint of this installation; raises `UsageError` that says what is wrong."""
    try:
        found = orjson.loads(text[:_MOST])
    except orjson.JSONDecodeError as error:
        raise UsageError(
            "this is no checkpoint; `hypersync audit checkpoint` writes one line of JSON"
        ) from error
    if not isinstance(found, dict) or found.get("checkpoint") != _FORM:
        raise UsageError("this is no checkpoint of an audit trail")
    if found.get("installation") != installation:
        raise UsageError(f"the checkpoint is of another installation than {installation}")
    return _head(found)


def _head(found: dict[str, Any]) -> Head:
    number, event, text = found.get("number"), found.get("event"), found.get("seal")
    if number == 0 and event is None and text == "":
        return Head()
    seal = read_seal(text)
    if seal is None or not isinstance(event, int) or number != seal.number:
        raise UsageError("the checkpoint is not whole; copy all of the line")
    return Head(seal.number, str(seal), event)
