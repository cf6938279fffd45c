"""One JSON text and one digest for equal values. Pure.

Attributes are stored as compact JSON with sorted keys; missing attributes are left out, bytes are
``{"base64": TEXT}``, multi-valued attributes are lists. The digest is xxh3 of 128 bits: it detects
change, it does not protect against an attacker.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import orjson
import xxhash

from hypersync.model.objects import Attributes, Value

_SORTED = orjson.OPT_SORT_KEYS
_MADE_ANEW = (list, dict)


def _encode_bytes(value: object) -> object:
    if isinstance(value, bytes):
        return {"base64": b64encode(value).decode("ascii")}
    raise TypeError(f"{type(value).__name__} is not an attribute value")


def encode(attributes: Attributes) -> bytes:
    """Return the canonical JSON of the attributes that are not missing."""
    present = {name: value for name, value in attributes.items() if value is not None}
    return orjson.dumps(present, default=_encode_bytes, option=_SORTED)


def encode_value(value: object) -> bytes:
    """Return the canonical JSON of any JSON-like value, missing ones included as ``null``."""
    return orjson.dumps(value, default=_encode_bytes, option=_SORTED)


def digest(canonical: bytes) -> bytes:
    """Return the 16 bytes that stand for this canonical JSON."""
    return xxhash.xxh3_128_digest(canonical)


def decode(text: str | bytes) -> dict[str, Value]:
    """Read what `encode` wrote."""
    loaded: dict[str, Any] = orjson.loads(text)
    for name, value in loaded.items():
        if value.__class__ in _MADE_ANEW:  # nearly no value
            loaded[name] = _decode_value(value)
    return loaded


def decode_mapping(loaded: Mapping[str, Any] | None) -> dict[str, Value] | None:
    """Read attributes out of loaded JSON; missing values stay ``None``, no mapping stays none."""
    if loaded is None:
        return None
    return {name: _decode_value(value) for name, value in loaded.items()}


def _decode_value(value: Any) -> Value:  # noqa: ANN401 - JSON as it comes
    if isinstance(value, list):
        return tuple(_decode_value(part) for part in value)  # type: ignore[misc] # parts are scalars
    if isinstance(value, dict):
        return b64decode(value["base64"])
    return value  # type: ignore[no-any-return] # a JSON scalar
