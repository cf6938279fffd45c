"""What was found in a silo, as a block of the configuration, as lines and as a document.

Names come from the silo: what could end a comment or a line is spelt out. Values never appear.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, cast, get_args

from hypersync.config.yaml_block import AsWritten, entry_lines, secret_paths
from hypersync.model.discovery import SAMPLE
from hypersync.model.visible import unhidden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import BaseModel

    from hypersync.config.models import SiloConfig
    from hypersync.connectors.settings import SiloOptions
    from hypersync.model.discovery import FoundAttribute, FoundType

_WIDTH = 96
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def named(found: Sequence[FoundType]) -> dict[str, FoundType]:
    """Return the found types by names that the configuration takes, each once."""
    names: dict[str, FoundType] = {}
    for each in found:
        plain = re.sub(r"[^A-Za-z0-9_.-]", "_", each.name).lstrip("_.-")[:60] or "type"
        name, number = plain, 2
        while name in names:
            name, number = f"{plain}_{number}", number + 1
        names[name] = each
    return names


def block(
    silo: str, config: SiloConfig, options: SiloOptions, found: Mapping[str, FoundType]
) -> str:
    """Return the silo as it is configured, with all types that were found, commented.

    A type that is configured already stays as it is.
    """
    shown = AsWritten(silo, secret_paths(options))
    own = shown(config.given())
    configured = own.pop("types", {})
    needs_anchor = _type_options(options).model_fields["anchor"].is_required()
    lines = [f"    {line}" for key, value in own.items() for line in entry_lines(key, value)]
    types: list[str] = []
    for name, each in found.items():
        types += [f"      # {line}".rstrip() for line in type_lines(name, each)]
        entry = configured[name] if name in configured else _entry(each, shown)
        if needs_anchor and "anchor" not in entry:
            types.append(
                "      # It needs an anchor, and nothing is sure to be one: choose it yourself."
            )
            entry["anchor"] = next((known.name for known in each.attributes), "unknown")
        types += [f"      {line}" for line in entry_lines(name, entry)]
    for name in configured.keys() - found.keys():
        types.append("      # It is configured, and nothing was found out about it.")
        types += [f"      {line}" for line in entry_lines(name, configured[name])]
    if not types:
        types = ["      # Nothing was found."]
    head = _head(silo, shown.invented)
    parts = [*head, "silos:", f"  {silo}:", *lines, "    types:", *types, *_joins(silo, found)]
    return "\n".join([*parts, ""])


def _type_options(options: SiloOptions) -> type[BaseModel]:
    """Return the model of the types of a silo."""
    _, model = get_args(type(options).model_fields["types"].annotation)
    return cast("type[BaseModel]", model)


def _entry(found: FoundType, shown: AsWritten) -> dict[str, object]:
    options = shown(found.options, ("types", found.name))
    if "anchor" not in options and found.anchors:
        options["anchor"] = found.anchors[0]
    return dict(options)


def _head(silo: str, invented: Sequence[str]) -> Iterator[str]:
    yield f"# What `hypersync silo discover {silo}` found: put it in the place of the silo in"
    yield "# config/hypersync.yaml, keep the types that you need, and run `hypersync check`."
    yield f"# Counts are of the objects that were looked at, {SAMPLE} of a type at most."
    for name in invented:
        yield f"# Set the variable {name}: the value that stood in the file is not repeated here."


def _joins(silo: str, found: Mapping[str, FoundType]) -> Iterator[str]:
    joined = {
        name: next((each for each in found[name].joins if _PLAIN_NAME.fullmatch(each)), None)
        for name in found
    }
    if not any(joined.values()):
        return
    yield "# What belongs to one person has one value; choose what your other silos have too."
    yield "# joins:"
    for name, attribute in joined.items():
        if attribute is not None:
            slot = re.sub(r"\W", "_", silo if len(found) == 1 else f"{silo}_{name}", flags=re.A)
            value = f'"lower(strip(text({attribute})))"'
            yield f"#   - {{slot: {slot}, silo: {silo}, type: {name}, value: {value}}}"


def type_lines(name: str, found: FoundType) -> Iterator[str]:
    """Say what a type has, a line each."""
    called = "" if name == found.name else f", which is called {unhidden(found.name)} there"
    yield f"{name}: {_count(found)}{called}"
    yield from (unhidden(note) for note in found.notes)
    for what, names in (("anchor", found.anchors), ("join by", found.joins)):
        listed = ", ".join(map(unhidden, names)) or "no attribute fits"
        yield from textwrap.wrap(f"{what}: {listed}", _WIDTH, subsequent_indent="  ")
    filled = [each for each in found.attributes if each.filled or not found.sampled]
    width = max((len(unhidden(each.name)) for each in filled), default=0)
    yield from (f"  {_attribute(each, found.sampled, min(width, 40))}" for each in filled)
    if more := len(found.attributes) - len(filled):
        yield f"  and {more} more that none of them has (--json lists them)"


def _count(found: FoundType) -> str:
    if found.objects is None:
        least = "at least " if found.sampled else ""
        return f"{least}{_objects(found.sampled)}" if found.sampled else "its objects were not read"
    return _objects(found.objects)


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"


def _attribute(found: FoundAttribute, sampled: int, width: int) -> str:
    said = [f"{found.filled} of {sampled}"] if sampled else []
    said += ["all different"] if found.is_distinct else []
    said += ["several values"] if found.multi_valued else []
    said += ["read-only"] if found.read_only else []
    said += [unhidden(found.note)] if found.note else []
    return f"{unhidden(found.name):<{width}}  {', '.join(said)}".rstrip()


def document(silo: str, found: Mapping[str, FoundType], written: str) -> dict[str, object]:
    """Return what ``--json`` prints; ``configuration`` is the block."""
    types = [
        {
            "name": name,
            "called": each.name,
            "objects": each.objects,
            "sampled": each.sampled,
            "anchors": list(each.anchors),
            "joins": list(each.joins),
            "notes": list(each.notes),
            "attributes": [asdict(attribute) for attribute in each.attributes],
        }
        for name, each in found.items()
    ]
    return {"silo": silo, "types": types, "configuration": written}
