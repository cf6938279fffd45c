"""Errors of the API: problem details (RFC 9457) for whatever goes wrong, and never a traceback.

``type`` is ``urn:hypersync:problem:CODE``, for programs; ``title`` and ``detail`` are for people.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flask import Response
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

from hypersync.errors import (
    DecisionLost,
    DecisionRefused,
    HyperSyncError,
    InvitationEnded,
    LeaseHeld,
    NotFound,
    StoreError,
    UsageError,
)
from webui.failed import told
from webui.jobs import Busy

_logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_STATUS = (
    (NotFound, 404),
    (DecisionLost, 409),
    (LeaseHeld, 409),
    (Busy, 409),
    (InvitationEnded, 410),
    (DecisionRefused, 403),
    (UsageError, 422),
)
_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}


class Fault(BaseModel):
    """One thing that is wrong with what was sent."""

    at: str = Field(description="Where it stands: body.digest, query.limit.")
    text: str = Field(description="What is wrong there.")


class LostAction(BaseModel):
    """An action that was not decided, because somebody else was faster or its time is over."""

    id: str
    state: str
    decided_by: str | None = None


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="urn:hypersync:problem:CODE; codes are never renamed.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What is wrong, and what to do about it.")
    errors: list[Fault] | None = Field(None, description="What is wrong with what was sent.")
    lost: list[LostAction] | None = Field(None, description="What was decided otherwise.")


class ProblemError(Exception):
    """The call cannot be answered; `problem` says why."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Fault] | None = None,
        lost: Sequence[LostAction] | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers = dict(headers or {})
        self.problem = Problem(
            type=f"urn:hypersync:problem:{code}",
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            errors=None if errors is None else list(errors),
            lost=None if lost is None else list(lost),
        )


def answer_to(error: Exception) -> Response:
    """Return the answer that stands for an error."""
    found = _problem_of(error)
    body = found.problem.model_dump_json(exclude_none=True)
    return Response(body, found.problem.status, found.headers, content_type=MEDIA_TYPE)


def _problem_of(error: Exception) -> ProblemError:
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, HTTPException):
        return _of_http(error)
    for kind, status in _STATUS:
        if isinstance(error, kind) and isinstance(error, HyperSyncError):
            return ProblemError(status, error.code, error.message)
    _logger.error("a call of the API failed: %s", told(error))
    if isinstance(error, StoreError):
        text = "The database refused; it was written to the log. Try again in a while."
        return ProblemError(503, "store", text)
    return ProblemError(500, "internal", "Something went wrong; it was written to the log.")


def _of_http(error: HTTPException) -> ProblemError:
    status = error.code or 500
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    detail = "There is nothing at this address." if status == 404 else error.description or ""
    return ProblemError(status, _CODES.get(status, "http"), detail, headers=kept)


def refuse_invalid(error: ValidationError) -> Response:
    """Return the answer to something that is not in the form it has to be in; values stay out."""
    faults = [
        Fault(at=".".join(str(part) for part in each["loc"]) or "body", text=each["msg"])
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    detail = "What was sent is not in the right form; `errors` says where."
    return answer_to(ProblemError(422, "invalid", detail, errors=faults[:20]))
