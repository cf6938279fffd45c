"""Calls that may be sent again: with the same ``Idempotency-Key`` they do what they do once.

Who sends the same key with the same call gets the answer that was given before, for a day; with
another call it is a mistake. While the first is under way the others are told so. A call that ended
in an error of ours is forgotten, and so is, after some minutes, one whose process died: what it
did may then be done again, which for an answer to a request means that it is noted once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

from flask import Response, request

from hypersync.app import App
from webui.api.problems import MEDIA_TYPE, ProblemError, answer_to
from webui.visitors import visitor

KEPT = timedelta(hours=24)
UNDER_WAY = timedelta(minutes=5)


def once(app: App, key: str | None, call: Callable[[], Response]) -> Response:
    """Make a call, or return what was answered to it before."""
    known = visitor(app)
    if key is None or known is None or known.person is None:
        return call()
    person, hashed, now = known.person, _hash(key.encode()), app.clock.now()
    what = f"{request.method} {request.path}"
    body = _hash(request.get_data())
    with app.store.begin() as unit:
        unit.calls.forget(answered=now - KEPT, under_way=now - UNDER_WAY)
        before = unit.calls.claim(hashed, person, call=what, request_hash=body, now=now)
    if before is None:
        return _first(app, hashed, person, call)
    if (before.call, before.request_hash) != (what, body):
        text = "This Idempotency-Key was sent with another call; make a new one for each call."
        raise ProblemError(422, "idempotency_key", text)
    if before.status is None:
        text = "The same call is still under way; wait for its answer."
        raise ProblemError(409, "under_way", text, headers={"Retry-After": "1"})
    kind = "application/json" if before.status < 400 else MEDIA_TYPE
    found = Response(before.answer or "", before.status, content_type=kind)
    found.headers["Idempotency-Replayed"] = "true"
    return found


def _first(app: App, key: str, person: str, call: Callable[[], Response]) -> Response:
    try:
        found = call()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is answered and the key settled
        found = answer_to(error)
    with app.store.begin() as unit:
        if found.status_code < 500:
            answer = found.get_data(as_text=True)
            unit.calls.finish(key, person, status=found.status_code, answer=answer)
        else:
            unit.calls.drop(key, person)
    return found


def _hash(given: bytes) -> str:
    return hashlib.sha256(given).hexdigest()
