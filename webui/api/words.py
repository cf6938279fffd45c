"""The kinds of text and times that callers send, and how values are written. Pure."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, JsonValue, StringConstraints

from hypersync.model.objects import Attributes, Value

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
Said = Annotated[str, StringConstraints(pattern=r"^[^\x00]{0,2000}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is outside of what times there are") from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Values = dict[str, JsonValue] | None


def values(attributes: Attributes | None) -> Values:
    """Return attributes as JSON: several values as lists, bytes as ``{"base64": ...}``."""
    if attributes is None:
        return None
    return {name: value_json(value) for name, value in sorted(attributes.items())}


def value_json(value: Value) -> JsonValue:
    """Return one value as JSON."""
    if isinstance(value, tuple):
        return [value_json(each) for each in value]
    if isinstance(value, bytes):
        return {"base64": b64encode(value).decode()}
    return value


class ById(BaseModel):
    """The path of one thing."""

    id: Id = Field(description="Its id.")
