"""What a service says about itself: its features, its resource types, its attributes. Pure.

Services write these documents more freely than RFC 7643 wants (letters of another case, parts left
out), so they are read for what they say. What a service does not say has the default of the RFC;
an attribute that nobody describes is taken as it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

CORE: Final = "urn:ietf:params:scim:schemas:core:2.0:"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One attribute as the service describes it, with its parts if it is complex."""

    name: str
    kind: str = "string"
    is_multi: bool = False
    mutability: str = "readwrite"
    returned: str = "default"
    subs: Mapping[str, Definition] = field(default_factory=dict)

    @property
    def is_read_only(self) -> bool:
        """Whether nobody may write it."""
        return self.mutability == "readonly"

    @property
    def is_immutable(self) -> bool:
        """Whether it is written once, when the object is made."""
        return self.mutability == "immutable"

    @property
    def is_secret(self) -> bool:
        """Whether it can be written and is never shown, such as a password."""
        return self.mutability == "writeonly" or self.returned == "never"


Definitions = Mapping[str, Definition]


@dataclass(frozen=True, slots=True)
class Shape:
    """The attributes of one resource type; ``is_known`` says whether anybody described them."""

    schema: str
    core: Definitions
    extensions: Mapping[str, Definitions]
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the service can do; ``None`` when it does not say."""

    patch: bool | None = None
    filter: bool | None = None
    etag: bool | None = None
    cursor: bool | None = None
    most: int | None = None


def definitions(attributes: object) -> dict[str, Definition]:
    """Read a list of attributes of a Schema resource; what is no attribute is left out."""
    found: dict[str, Definition] = {}
    for each in attributes if isinstance(attributes, list) else ():
        if isinstance(each, Mapping) and isinstance(each.get("name"), str):
            found[each["name"]] = _definition(each)
    return found


def _definition(raw: Json) -> Definition:
    return Definition(
        name=raw["name"],
        kind=_word(raw, "type", "string"),
        is_multi=raw.get("multiValued") is True,
        mutability=_word(raw, "mutability", "readWrite"),
        returned=_word(raw, "returned", "default"),
        subs=definitions(raw.get("subAttributes")),
    )


def _word(raw: Json, key: str, default: str) -> str:
    value = raw.get(key)
    return (value if isinstance(value, str) else default).casefold()


def _fixed(name: str, kind: str = "string", **more: Any) -> Definition:  # noqa: ANN401 - passed on
    return Definition(name=name, kind=kind, mutability="readonly", **more)


COMMON: Final[Definitions] = {
    "id": _fixed("id"),
    "externalId": Definition(name="externalId"),
    "schemas": _fixed("schemas", is_multi=True),
    "meta": _fixed(
        "meta",
        "complex",
        subs={
            name: _fixed(name)
            for name in ("resourceType", "created", "lastModified", "location", "version")
        },
    ),
}
"""What every resource has, and no service lists (RFC 7643, section 3.1)."""


def shape_of(resource: str, schemas: Iterable[Json], types: Iterable[Json]) -> Shape:
    """Return the attributes of a resource type from what the service serves."""
    by_id = {each["id"]: each for each in schemas if isinstance(each.get("id"), str)}
    described = next((each for each in types if each.get("name") == resource), None)
    core = _text(described or {}, "schema") or f"{CORE}{resource}"
    served = by_id.get(core)
    extensions = {
        urn: definitions(by_id[urn].get("attributes"))
        for urn in _extensions(resource, described)
        if urn in by_id
    }
    own = definitions(served.get("attributes")) if served is not None else {}
    return Shape(core, {**COMMON, **own}, extensions, is_known=served is not None)


def _text(raw: Json, key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _extensions(resource: str, described: Json | None) -> list[str]:
    if described is None:
        return [ENTERPRISE] if resource == "User" else []
    listed = described.get("schemaExtensions")
    return [
        each["schema"]
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, Mapping) and isinstance(each.get("schema"), str)
    ]


def features(config: Json | None) -> Features:
    """Read a ServiceProviderConfig; ``None`` when there is none."""
    if config is None:
        return Features()
    most = config.get("filter", {}).get("maxResults") if _is_object(config, "filter") else None
    return Features(
        patch=_supported(config, "patch"),
        filter=_supported(config, "filter"),
        etag=_supported(config, "etag"),
        cursor=config["pagination"].get("cursor") is True
        if _is_object(config, "pagination")
        else None,
        most=most if isinstance(most, int) and most > 0 else None,
    )


def _is_object(config: Json, key: str) -> bool:
    return isinstance(config.get(key), Mapping)


def _supported(config: Json, key: str) -> bool | None:
    value = config[key].get("supported") if _is_object(config, key) else None
    return value if isinstance(value, bool) else None
