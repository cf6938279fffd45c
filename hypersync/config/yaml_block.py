"""Writes entries of the configuration as YAML that reads back the same. Pure.

Variables stay variables, as they stood in the file. A secret is never written, not even one that
stood in the file itself or as the default of a variable: a variable takes its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from hypersync.config.source import Items, Section, original_of
from hypersync.config.values import Secret

_SECRET_KEY = re.compile(r"pass(word|wd|phrase)?|secret|token|credential|(api|private)_?key", re.I)
_DEFAULT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):[^}]*\}")
_ONLY_VARIABLES = re.compile(r"(\$\{\w+\})+")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_URL = re.compile(r"[A-Za-z][\w+.-]*://")
_PASSWORD = re.compile(r"(\w[\w+.-]*://[^:/@?#]*:)(.*)(@[^@]*)", re.S)
_ONE_LINE = 1_000_000


class Quoted(str):
    """A text that YAML shows in double quotes."""

    __slots__ = ()


class _Writer(yaml.SafeDumper):
    """Writes texts that hold variables in double quotes."""


_Writer.add_representer(
    Quoted,
    lambda writer, text: writer.represent_scalar("tag:yaml.org,2002:str", str(text), style='"'),
)


def entry_lines(key: str, value: object) -> list[str]:
    """Return the lines of one entry; what holds mappings that hold more takes several."""
    if isinstance(value, Mapping) and any(isinstance(each, Mapping) for each in value.values()):
        below = [line for name, each in value.items() for line in entry_lines(str(name), each)]
        return [f"{_flow({key: None})[:-6]}:", *(f"  {line}" for line in below)]
    return [_flow({key: value})]


def _flow(entry: Mapping[str, object]) -> str:
    written: str = yaml.dump(
        entry,
        Dumper=_Writer,
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=_ONE_LINE,
    )
    return written.strip().removeprefix("{").removesuffix("}")


def secret_paths(model: object, path: tuple[str, ...] = ()) -> frozenset[tuple[str, ...]]:
    """Return where in a validated model secrets are, as the file calls its keys."""
    match model:
        case Secret():
            return frozenset({path})
        case BaseModel():
            fields = type(model).model_fields
            entries = [(each.alias or name, getattr(model, name)) for name, each in fields.items()]
        case Mapping():
            entries = [(str(name), each) for name, each in model.items()]
        case list() | tuple():
            entries = [(str(number), each) for number, each in enumerate(model)]
        case _:
            return frozenset()
    return frozenset(found for name, each in entries for found in secret_paths(each, (*path, name)))


class AsWritten:
    """Turns a tree of the configuration back into what may be shown of it.

    ``secrets`` are paths in it that hold one; what is called a password or the like does too. Of a
    secret that is a URL only the password is one.
    ``prefix`` begins the names of ``invented``, the variables that take the place of secrets.
    """

    def __init__(self, prefix: str, secrets: frozenset[tuple[str, ...]] = frozenset()) -> None:
        self._prefix = prefix
        self._secrets = secrets
        self.invented: list[str] = []

    def __call__(self, tree: object, path: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 - a tree
        """Return mappings, lists and scalars to write."""
        match tree:
            case Mapping():
                return {
                    str(key): self._entry(tree, key, (*path, str(key)), entry)
                    for key, entry in tree.items()
                }
            case list() | tuple():
                return [
                    self._entry(tree, number, (*path, str(number)), entry)
                    for number, entry in enumerate(tree)
                ]
            case "true" | "false" if path[:1] != ("types",):
                return tree == "true"
            case str() if _NUMBER.fullmatch(tree) and path[:1] != ("types",):
                return int(tree)
            case str():
                return Quoted(tree.replace("${", "$${")) if "${" in tree else tree
            case _:
                return tree

    def _entry(self, owner: object, step: str | int, path: tuple[str, ...], entry: object) -> Any:  # noqa: ANN401
        if isinstance(entry, Mapping | list | tuple):
            return self(entry, path)
        original = original_of(owner, step) if isinstance(owner, Section | Items) else None
        if isinstance(entry, str) and self._is_secret(path):
            return self._instead_of_secret(original or entry.replace("${", "$${"), path)
        return self(entry, path) if original is None else Quoted(original)

    def _is_secret(self, path: tuple[str, ...]) -> bool:
        return path in self._secrets or (
            path[0] != "types" and _SECRET_KEY.search(path[-1]) is not None
        )

    def _instead_of_secret(self, text: str, path: tuple[str, ...]) -> Quoted:
        shown = _DEFAULT.sub(r"${\1}", text)
        if _ONLY_VARIABLES.fullmatch(shown):
            return Quoted(shown)
        if not _URL.match(shown) or _SECRET_KEY.search(shown.partition("?")[2]):
            return self._invented(path)
        found = _PASSWORD.fullmatch(shown)
        if found is None or _ONLY_VARIABLES.fullmatch(found[2]):
            return Quoted(shown)
        return Quoted(f"{found[1]}{self._invented((*path, 'password'))}{found[3]}")

    def _invented(self, path: tuple[str, ...]) -> Quoted:
        name = re.sub(r"\W", "_", "_".join((self._prefix, *path))).upper()
        self.invented.append(name)
        return Quoted(f"${{{name}}}")
