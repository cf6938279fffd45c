"""Turn what pydantic found into mistakes with file, line, cause and remedy. Pure.

Our own validators write ``what is wrong; what would be right``; pydantic's errors are translated
here. The value of a variable is never shown: the text it stood in is.
"""

from __future__ import annotations

import difflib
import typing
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from hypersync.config.source import Place, child, is_unresolved, original_of, place_of
from hypersync.model.mistake import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]

_SHAPES = {
    "string_type": ("must be one value", "write it as text"),
    "dict_type": ("must be a mapping", "write 'name: value' entries"),
    "mapping_type": ("must be a mapping", "write 'name: value' entries"),
    "model_type": ("must be a mapping", "write 'name: value' entries"),
    "model_attributes_type": ("must be a mapping", "write 'name: value' entries"),
    "tuple_type": ("must be a list", "write [a, b] or '- a' lines"),
    "list_type": ("must be a list", "write [a, b] or '- a' lines"),
    "frozen_set_type": ("must be a list", "write [a, b] or '- a' lines"),
    "set_type": ("must be a list", "write [a, b] or '- a' lines"),
    "too_short": ("is empty", "give at least one entry"),
}


def close_to(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Say which of ``known`` was probably meant, else list them all."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    if not names:
        return otherwise or "there is none"
    return f"known: {', '.join(names)}"


def mistakes_of(
    error: ValidationError,
    model: type[BaseModel],
    tree: object,
    path: Path = (),
    also: Iterable[str] = (),
) -> list[Mistake]:
    """Return a mistake for each error; ``tree`` was validated by ``model`` and stands at ``path``.

    ``path`` is put before what messages say, for a tree that is a part of a file; ``also`` are
    keys that ``tree`` takes besides those of ``model``. A value whose
    variable is not set is left out: that mistake has been made already.
    """
    found = [
        _mistake(details, model, tree, path, tuple(also))
        for details in error.errors(include_url=False)
        if not _is_said_elsewhere(details, tree)
    ]
    return sorted(set(found), key=lambda mistake: (mistake.file, mistake.line, mistake.message))


def _is_said_elsewhere(details: ErrorDetails, tree: object) -> bool:
    """Whether this is about a variable that is not set, or follows from wrong entries of a list."""
    is_consequence = details["type"] == "too_short" and bool(details["input"])
    return is_consequence or is_unresolved(tree, *steps_in(tree, details))


def _mistake(
    details: ErrorDetails, model: type[BaseModel], tree: object, path: Path, also: tuple[str, ...]
) -> Mistake:
    steps = steps_in(tree, details)
    place = place_of(tree, *steps) or Place("", 0)
    name = ".".join(str(step) for step in (*path, *steps)) or "the file"
    message, remedy = _sentence(details, model, name, also if len(details["loc"]) == 1 else ())
    original = original_of(tree, *steps)
    if original is not None and isinstance(details["input"], str):
        message = _hidden(message, details["input"], original)
        remedy = _hidden(remedy, details["input"], original)
    return Mistake(message, remedy, place.file, place.line)


def _hidden(text: str, value: str, original: str) -> str:
    if not value:
        return text
    return text.replace(repr(value), repr(original)).replace(value, original)


def steps_in(tree: object, details: ErrorDetails) -> Path:
    """Return where an error is as a path in ``tree``; a missing key is the path's last step.

    Steps that pydantic or a short form adds (``[key]``, a field that a plain text stands for) are
    dropped.
    """
    steps: list[str | int] = []
    *above, last = details["loc"] or ("",)
    for step in (*above, last):
        below = child(tree, step)
        if below is not None:
            tree = below
            steps.append(step)
    if details["type"] == "missing":
        steps.append(last)
    return tuple(steps)


def _sentence(
    details: ErrorDetails, model: type[BaseModel], name: str, also: tuple[str, ...]
) -> tuple[str, str]:
    kind = details["type"]
    if kind == "missing":
        return f"{name} is missing", "add it"
    if kind == "extra_forbidden":
        key = str(details["loc"][-1])
        return f"{name} is not known here", close_to(
            key, {*known_keys(model, details["loc"][:-1]), *also}
        )
    if kind == "literal_error":
        return f"{name} cannot be {details['input']!r}", f"write {details['ctx']['expected']}"
    if kind in _SHAPES:
        problem, remedy = _SHAPES[kind]
        return f"{name} {problem}", remedy
    text = str(details.get("ctx", {}).get("error", details["msg"]))
    problem, _, remedy = text.partition("; ")
    return f"{name}: {problem}", remedy


def known_keys(model: type[BaseModel], location: Sequence[str | int]) -> tuple[str, ...]:
    """Return the keys that the model at ``location`` below ``model`` takes."""
    kind: Any = model
    for step in location:
        kind = _below(kind, step)
    found = _model_in(kind)
    if found is None:
        return ()
    return tuple(
        field.alias or name for name, field in found.model_fields.items() if not field.exclude
    )


def _below(kind: object, step: str | int) -> object:
    model = _model_in(kind)
    if model is not None:
        for name, field in model.model_fields.items():
            if (field.alias or name) == step:
                return field.annotation
        return kind
    inner = [part for part in _parts(kind) if typing.get_origin(part) in (dict, tuple, list)]
    return (
        typing.get_args(inner[0])[-1 if typing.get_origin(inner[0]) is dict else 0]
        if inner
        else kind
    )


def _model_in(kind: object) -> type[BaseModel] | None:
    for part in _parts(kind):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _parts(kind: object) -> tuple[object, ...]:
    """Return the alternatives of a type, without None and annotations."""
    if typing.get_origin(kind) is typing.Annotated:
        return _parts(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (dict, tuple, list) or isinstance(kind, type):
        return (kind,)
    return tuple(part for arg in typing.get_args(kind) for part in _parts(arg)) or (kind,)
