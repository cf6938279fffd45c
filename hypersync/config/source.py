"""Read one YAML file into a plain tree that knows where everything stands.

Every scalar is text (the models convert), so that ``on``, ``10:00`` or ``1_000`` never change
their meaning. Mappings and lists remember file and line of each entry. Variables ``${NAME}`` and
``${NAME:default}`` are put in after parsing: a value can never become YAML. They must stand in
quotes; ``$${`` is a literal ``${``. Each mistake is collected, never raised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, Union

import yaml

from hypersync.model.mistake import Mistake

if TYPE_CHECKING:
    from collections.abc import Callable

Tree: TypeAlias = Union[str, "Section", "Items"]
_VARIABLE = re.compile(r"\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}|(\$\{)")
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq")}
_MOST_NODES = 200_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; ``line`` counts from 1."""

    file: str
    line: int


class Section(dict[str, "Tree"]):
    """A mapping that knows its place, the line of each key and what variables stood in a value."""

    __slots__ = ("lines", "originals", "place", "unresolved")

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.lines: dict[str | int, int] = {}
        self.originals: dict[str | int, str] = {}
        self.unresolved: set[str | int] = set()


class Items(list["Tree"]):
    """A list that knows its place, the line of each entry and what variables stood in a value."""

    __slots__ = ("lines", "originals", "place", "unresolved")

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.lines: dict[str | int, int] = {}
        self.originals: dict[str | int, str] = {}
        self.unresolved: set[str | int] = set()


def child(tree: object, step: str | int) -> Tree | None:
    """Return the entry ``step`` of a mapping or list, None when there is none."""
    if isinstance(tree, Section) and isinstance(step, str):
        return tree.get(step)
    if isinstance(tree, Items) and isinstance(step, int) and 0 <= step < len(tree):
        return tree[step]
    return None


def place_of(tree: object, *path: str | int) -> Place | None:
    """Return where ``path`` stands below ``tree``, or the nearest known place above it."""
    place: Place | None = None
    if isinstance(tree, Section | Items):
        place = tree.place
    for step in path:
        if not isinstance(tree, Section | Items) or step not in tree.lines:
            break
        place = Place(tree.place.file, tree.lines[step])
        tree = child(tree, step)
    return place


def original_of(tree: object, *path: str | int) -> str | None:
    """Return the text at ``path`` with its variables not put in, None when it has none."""
    for step in path[:-1]:
        tree = child(tree, step)
    if not path or not isinstance(tree, Section | Items):
        return None
    return tree.originals.get(path[-1])


def is_unresolved(tree: object, *path: str | int) -> bool:
    """Whether the text at ``path`` names a variable that is not set."""
    for step in path[:-1]:
        tree = child(tree, step)
    return bool(path) and isinstance(tree, Section | Items) and path[-1] in tree.unresolved


def lacks_variable(tree: object) -> bool:
    """Whether any text in ``tree`` names a variable that is not set."""
    if not isinstance(tree, Section | Items):
        return False
    entries = tree.values() if isinstance(tree, Section) else tree
    return bool(tree.unresolved) or any(map(lacks_variable, entries))


def read_yaml(
    content: bytes, file: str, find: Callable[[str], str | None], mistakes: list[Mistake]
) -> Section | None:
    """Return the mapping that ``content`` holds, or None when it is not one.

    ``file`` is the name used in messages; ``find`` gives a variable's value or None when it is
    not set. An empty file is an empty mapping.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        mistakes.append(Mistake("this is not UTF-8", "save the file as UTF-8", file, line))
        return None
    node = _compose(text, file, mistakes)
    if node is None:
        return Section(Place(file, 1)) if not mistakes_in(mistakes, file) else None
    if not isinstance(node, yaml.MappingNode):
        remedy = "write 'name: value' lines"
        mistakes.append(Mistake("this file must be a mapping", remedy, file, _line(node)))
        return None
    tree = _Builder(file, find, mistakes).build(node)
    return tree if isinstance(tree, Section) else None


def mistakes_in(mistakes: list[Mistake], file: str) -> bool:
    """Whether one of ``mistakes`` is about ``file``."""
    return any(mistake.file == file for mistake in mistakes)


def _compose(text: str, file: str, mistakes: list[Mistake]) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.BaseLoader)  # type: ignore[no-any-return, no-untyped-call, unused-ignore]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.problem, error.context) if part)
        message, remedy = _explain(problem)
        mistakes.append(Mistake(message, remedy, file, mark.line + 1 if mark else 0))
    except yaml.YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0) or 0) + 1
        remedy = "remove the control character"
        mistakes.append(Mistake("this is not YAML", remedy, file, line))
    except RecursionError:
        mistakes.append(Mistake("this is nested too deeply", "write it flatter", file, 1))
    return None


def _explain(problem: str) -> tuple[str, str]:
    if "'\\t'" in problem:
        return "a tab stands where YAML wants spaces", "indent with spaces"
    if "single document" in problem:
        return "this file has several YAML documents", "remove the '---' between them"
    if "undefined alias" in problem:
        return f"this is not YAML: {problem}", "define the anchor (&name) before its alias (*name)"
    return (
        f"this is not YAML: {problem}",
        "check the indentation, and quote text that holds ': ', ' #' or starts with a symbol",
    )


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


class _Builder:
    """Turns nodes into a tree; one per file."""

    def __init__(
        self, file: str, find: Callable[[str], str | None], mistakes: list[Mistake]
    ) -> None:
        self._file = file
        self._find = find
        self._mistakes = mistakes
        self._open: set[int] = set()
        self._count = 0

    def build(self, node: yaml.Node) -> Tree | None:
        """Return the tree of ``node``, or None when it holds nothing that can be used."""
        self._count += 1
        if self._count > _MOST_NODES or id(node) in self._open:
            if self._count <= _MOST_NODES + 1:
                self._say(node, "the aliases expand without end", "write the values out")
                self._count = _MOST_NODES + 1
            return None
        if node.tag not in _PLAIN_TAGS:
            self._say(node, f"the tag {node.tag!r} is not used here", "remove the tag")
        self._open.add(id(node))
        try:
            match node:
                case yaml.MappingNode():
                    return self._mapping(node)
                case yaml.SequenceNode():
                    return self._sequence(node)
                case _:
                    return str(node.value)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode) -> Section:
        section = Section(Place(self._file, _line(node)))
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                self._say(key_node, "a key must be text", "write 'name: value'")
            elif key == "<<":
                self._say(key_node, "merge keys ('<<') are not YAML 1.2", "repeat the entries")
            elif key in section:
                remedy = "keep one of them"
                first = section.lines[key]
                self._say(key_node, f"{key!r} is already given in line {first}", remedy)
            else:
                self._put(section, key, value_node, _line(key_node))
        return section

    def _sequence(self, node: yaml.SequenceNode) -> Items:
        items = Items(Place(self._file, _line(node)))
        for value_node in node.value:
            self._put(items, len(items), value_node, _line(value_node))
        return items

    def _put(self, owner: Section | Items, key: str | int, node: yaml.Node, line: int) -> None:
        if isinstance(node, yaml.ScalarNode) and not node.value and node.style is None:
            name = repr(key) if isinstance(key, str) else "this entry"
            self._say(node, f"{name} has no value", 'write a value, "" for an empty text', line)
            return
        value = self.build(node)
        if value is None:
            return
        if isinstance(value, str) and "${" in value:
            owner.originals[key] = value
            before = len(self._mistakes)
            value = self._substitute(value, node)
            if len(self._mistakes) > before:
                owner.unresolved.add(key)
        owner.lines[key] = line
        if isinstance(owner, Section):
            owner[str(key)] = value
        else:
            owner.append(value)

    def _substitute(self, text: str, node: yaml.Node) -> str:
        if getattr(node, "style", None) not in ("'", '"'):
            self._say(node, f"{text!r} holds a variable without quotes", f'write "{text}"')
            return text

        def value(match: re.Match[str]) -> str:
            escaped, name, default, broken = match.groups()
            if escaped:
                return "${"
            if broken:
                remedy = "write ${NAME} or ${NAME:default}; $${ is a literal ${"
                self._say(node, "'${' begins no variable", remedy)
                return "${"
            found = self._find(name)
            if found is None and default is None:
                self._say(
                    node,
                    f"the variable {name} is not set",
                    f"set {name} in the environment or in .env, name a file with its value "
                    f"in {name}_FILE, or write ${{{name}:default}}",
                )
                return str(match[0])
            return found if found is not None else default or ""

        return _VARIABLE.sub(value, text)

    def _say(self, node: yaml.Node, message: str, remedy: str, line: int = 0) -> None:
        self._mistakes.append(Mistake(message, remedy, self._file, line or _line(node)))
