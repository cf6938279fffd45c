"""``/$batch``: up to twenty requests in one, some of which wait for others.

https://learn.microsoft.com/graph/json-batching
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from tests.services.graph.wire import Problem, Reply, Request

MOST = 20
_METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})


def answer(request: Request, answer_one: Callable[[Request], Reply]) -> Reply:
    """Answer a batch; a request whose dependencies failed is 424, the others are independent.

    The answers come in the opposite order: it is documented that they may.
    """
    items = request.json().get("requests")
    if not isinstance(items, list) or not items:
        raise _bad("Invalid batch payload format.")
    if len(items) > MOST:
        raise _bad(f"Number of batch request steps exceeds the maximum value of {MOST}.")
    _check(items)
    status: dict[str, int] = {}
    responses = []
    for item in items:
        key = item["id"].lower()
        if any(status[each.lower()] >= 400 for each in item.get("dependsOn") or ()):
            reply = Reply.of(
                {
                    "error": {
                        "code": "FailedDependency",
                        "message": "This request depends on another request that failed.",
                    }
                },
                status=424,
            )
        else:
            reply = answer_one(_request(item, request))
        status[key] = reply.status
        responses.append(_response(item["id"], reply))
    return Reply.of({"responses": responses[::-1]})


def _check(items: list[Any]) -> None:
    """Refuse a batch that is malformed as a whole."""
    seen: set[str] = set()
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str):
            raise _bad("Invalid batch payload format.")
        if item["id"].lower() in seen:
            raise _bad(f"Request Id {item['id']} has to be unique in a batch.")
        if str(item.get("method", "")).upper() not in _METHODS or not item.get("url"):
            raise _bad(f"Invalid method or url in request '{item['id']}'.")
        if "body" in item and "content-type" not in {
            name.lower() for name in item.get("headers") or {}
        }:
            raise _bad(
                f"Write request id : {item['id']} does not contain Content-Type header or body."
            )
        unknown = {str(each).lower() for each in item.get("dependsOn") or ()} - seen
        if unknown:
            raise _bad(f"Request '{item['id']}' depends on one that does not come before it.")
        seen.add(item["id"].lower())


def _request(item: dict[str, Any], batch: Request) -> Request:
    """Return an item as a request; it is signed in as the batch is."""
    address = urlsplit(str(item["url"]))
    headers = {str(name).lower(): str(value) for name, value in (item.get("headers") or {}).items()}
    headers.setdefault("authorization", batch.headers.get("authorization", ""))
    body = item.get("body")
    raw = base64.urlsafe_b64decode(body) if isinstance(body, str) else orjson.dumps(body)
    return Request(
        method=str(item["method"]).upper(),
        path="/v1.0/" + unquote(address.path).lstrip("/"),
        query=dict(parse_qsl(address.query, keep_blank_values=True)),
        headers=headers,
        body=b"" if body is None else raw,
        base=batch.base,
        in_batch=True,
    )


def _response(id_: str, reply: Reply) -> dict[str, Any]:
    response: dict[str, Any] = {"id": id_, "status": reply.status, "headers": reply.headers}
    if reply.body:
        is_json = reply.headers.get("Content-Type", "").startswith("application/json")
        response["body"] = orjson.loads(reply.body) if is_json else reply.body.decode()
    return response


def _bad(message: str) -> Problem:
    return Problem(400, "BadRequest", message)
