"""The names of a type's attributes, and what they mean in the service. Pure.

A name is looked for in ``map``, then read as a SCIM path. A plain name that the core schema does
not have and exactly one extension has is that extension's: ``department`` is the department of the
enterprise user.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from hypersync.connectors.scim.paths import Path, parse_path
from hypersync.connectors.scim.schema import Definition, Definitions, Shape
from hypersync.model.objects import AttributeSchema

_NOT_REPORTED = frozenset({"schemas", "meta", "id"})


class Names:
    """What the attributes of one type are called."""

    def __init__(self, shape: Shape, mapped: Mapping[str, str]) -> None:
        self.shape = shape
        self.mapped = {name: self._of_core(parse_path(path)) for name, path in mapped.items()}
        self._owners = _owners(shape)

    def path(self, name: str) -> Path:
        """Return what a name means; raises ``ValueError`` with a sentence."""
        if name in self.mapped:
            return self.mapped[name]
        path = self._of_core(parse_path(name))
        if path.schema is None and path.name not in self.shape.core:
            owner = self._owners.get(path.name)
            if owner is not None:
                return Path(owner, path.name, path.where, path.sub)
        return path

    def _of_core(self, path: Path) -> Path:
        """Take the URN of the core schema away, and name the value of a chosen entry."""
        schema = None if path.schema == self.shape.schema else path.schema
        sub = path.sub or ("value" if path.where is not None else None)
        return Path(schema, path.name, path.where, sub)

    def short(self, schema: str, name: str) -> str:
        """Return how an attribute of an extension is called when nobody named it."""
        return name if self._owners.get(name) == schema else f"{schema}:{name}"

    def definition(self, path: Path) -> Definition | None:
        """Return how the attribute of a path is described, whole; ``None`` when it is not."""
        known: Definitions = self.shape.core
        if path.schema is not None:
            known = self.shape.extensions.get(path.schema, {})
        return known.get(path.name)

    def part(self, path: Path) -> Definition | None:
        """Return how that is described what a path reaches: the attribute or a part of it."""
        whole = self.definition(path)
        if whole is None or not whole.subs:
            return whole
        return whole.subs.get(path.sub or "value", None if path.sub else whole)

    def is_known(self, path: Path) -> bool:
        """Tell whether the service has the attribute; true when it does not describe any."""
        return not self.shape.is_known or self.part(path) is not None

    def is_multi(self, path: Path) -> bool:
        """Tell whether a path reaches several values."""
        whole, part = self.definition(path), self.part(path)
        if whole is not None and whole.is_multi:
            return path.where is None
        return part is not None and part.is_multi

    def on_request(self, names: Collection[str]) -> set[str]:
        """Return the attributes behind names that the service shows on request only."""
        paths = [self.path(name) for name in names]
        return {path.attribute for path in paths if self._is_on_request(self.definition(path))}

    def hidden(self) -> list[str]:
        """Return the attributes that can be written and are not seen unless asked for."""
        known = [*self.shape.core.values()]
        known += [each for part in self.shape.extensions.values() for each in part.values()]
        return sorted(
            each.name for each in known if self._is_on_request(each) and not each.is_read_only
        )

    @staticmethod
    def _is_on_request(definition: Definition | None) -> bool:
        return definition is not None and definition.returned == "request"

    def described(self, named: Iterator[str] | frozenset[str]) -> dict[str, AttributeSchema] | None:
        """Return the attributes of the type by name, or ``None`` when nobody described them."""
        if not self.shape.is_known:
            return None
        found = {}
        for name in sorted({*self._names(), *self.mapped, *named}):
            try:
                path = self.path(name)
            except ValueError:
                continue
            whole, part = self.definition(path), self.part(path)
            if whole is None or part is None:
                continue
            found[name] = AttributeSchema(
                name=name,
                multi_valued=self.is_multi(path),
                read_only=whole.is_read_only or part.is_read_only,
            )
        return found

    def _names(self) -> Iterator[str]:
        yield from _flat("", self.shape.core)
        for schema, attributes in self.shape.extensions.items():
            yield from _flat(f"{schema}:", attributes)
            yield from (n for n in _flat("", attributes) if self._owners.get(_root(n)) == schema)

    def is_reported(self, name: str) -> bool:
        """Tell whether an attribute is reported when nobody named any."""
        return name not in _NOT_REPORTED


def _root(name: str) -> str:
    return name.partition(".")[0]


def _flat(prefix: str, attributes: Definitions) -> Iterator[str]:
    for each in attributes.values():
        if not each.subs or each.is_multi or "value" in each.subs:
            yield f"{prefix}{each.name}"
        if not each.is_multi:
            yield from (f"{prefix}{each.name}.{sub}" for sub in each.subs)


def _owners(shape: Shape) -> dict[str, str]:
    """Return the extension of each attribute that stands in one, and not in the core schema."""
    owners: dict[str, list[str]] = {}
    for schema, attributes in shape.extensions.items():
        for name in attributes:
            owners.setdefault(name, []).append(schema)
    return {
        name: schemas[0]
        for name, schemas in owners.items()
        if len(schemas) == 1 and name not in shape.core
    }
