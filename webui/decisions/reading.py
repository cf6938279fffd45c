"""Reads what the forms that decide send. Pure."""

from __future__ import annotations

from werkzeug.exceptions import BadRequest

from hypersync.model.requests import Answer

MOST_COMMENT = 2_000


def answer_of(text: str) -> Answer:
    """Return one of the two answers; raises `BadRequest` for anything else."""
    try:
        return Answer(text)
    except ValueError:
        raise BadRequest("Choose one of the two answers.") from None


def comment_of(text: str) -> str | None:
    """Return the reason somebody gave; raises `BadRequest` for one that is too long."""
    given = text.strip()
    if len(given) > MOST_COMMENT:
        raise BadRequest(f"The reason is too long; {MOST_COMMENT} characters are enough.")
    if "\0" in given:
        raise BadRequest("The reason holds something that is no text.")
    return given or None
