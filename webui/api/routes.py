"""Declares the calls of the API: where, what they take, what they answer, what can go wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from flask import Response
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field

from hypersync.access.visitor import Scope
from hypersync.app import App
from hypersync.config.people_models import Role
from webui.api.door import Door, Takes
from webui.api.problems import MEDIA_TYPE
from webui.api.repeated import once

View = Callable[..., Response]
Decorator = Callable[[View], View]

_WRONG = {
    400: "The call is malformed.",
    401: "Nobody known: send a token.",
    403: "Not with this token, or not by this person.",
    404: "There is no such thing.",
    409: "Somebody was faster, or it is under way.",
    410: "Its time is over.",
    413: "Too much was sent.",
    415: "Something else than JSON was sent.",
    422: "What was sent is not in the right form.",
    429: "Too many calls.",
}
_ALWAYS = (400, 401, 403, 422, 429)
_OF_POSTS = (404, 409, 410, 413, 415)


class Repeatable(BaseModel):
    """The headers of a call that changes something."""

    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="With the same key the same call is carried out once, and answered the same "
        "for 24 hours.",
    )


class Routes:
    """Adds calls to the API; ``app`` answers them, ``door`` learns what they take."""

    def __init__(self, site: OpenAPI, door: Door, app: App) -> None:
        self._site = site
        self._door = door
        self.app = app

    def get(
        self,
        rule: str,
        gives: type[BaseModel],
        *,
        tag: str,
        scope: Scope = "read",
        role: Role = "viewer",
    ) -> Decorator:
        """Add a call that only looks."""
        statuses = (*_ALWAYS, 404) if "<" in rule else _ALWAYS
        responses = {
            200: gives,
            304: {"description": "As it was: the tag in If-None-Match still holds."},
            **_problems(statuses),
        }
        takes = Takes(scope, role)
        return self._added(self._site.get, rule, takes, tag, responses, lambda view: view)

    def post(
        self,
        rule: str,
        gives: type[BaseModel],
        *,
        tag: str,
        scope: Scope,
        role: Role = "viewer",
        status: int = 200,
    ) -> Decorator:
        """Add a call that changes something; sent again with its key it does so once."""
        responses = {status: gives, **_problems((*_ALWAYS, *_OF_POSTS))}
        takes = Takes(scope, role)
        return self._added(self._site.post, rule, takes, tag, responses, self._once)

    def open(self, rule: str, view: View) -> None:
        """Add an address that is open to everybody, and stands in no document."""
        self._door.takes[view.__name__] = None
        self._site.add_url_rule(rule, view.__name__, view)

    def _added(
        self,
        method: Callable[..., Decorator],
        rule: str,
        takes: Takes,
        tag: str,
        responses: dict[int, Any],
        around: Decorator,
    ) -> Decorator:
        added = method(
            f"/api/v1{rule}",
            tags=[Tag(name=tag)],
            security=[{"token": [takes.scope]}, {"session": []}],
            responses=responses,
            openapi_extensions={"x-scope": takes.scope, "x-role": takes.role},
        )

        def decorate(view: View) -> View:
            self._door.takes[view.__name__] = takes
            return added(around(view))

        return decorate

    def _once(self, view: View) -> View:
        @functools.wraps(view)
        def repeatable(*, header: Repeatable, **given: Any) -> Response:  # noqa: ANN401 - as parsed
            return once(self.app, header.idempotency_key, lambda: view(**given))

        repeatable.__annotations__ = {**view.__annotations__, "header": Repeatable}
        return repeatable


def _problems(statuses: tuple[int, ...]) -> dict[int, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {each: {"description": _WRONG[each], "content": content} for each in statuses}
