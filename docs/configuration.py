"""The page about the configuration: its keys come from the models, its words from here."""

from __future__ import annotations

import types
from datetime import timedelta
from enum import Enum
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hypersync.config import values
from hypersync.config.json_schema import descriptions, models_below
from hypersync.config.models import ProjectFile
from hypersync.config.rule_models import BUILT_IN_THRESHOLD, RuleFile, ThresholdConfig
from hypersync.model.limit import Limit
from hypersync.model.time_span import format_time_span

_INTRODUCTION: Final = """\
# Configuration

A project is a folder: `config/hypersync.yaml`, the variables of each environment in
`config/env/NAME.yaml`, rules in `rules/*.yaml`, and, where they differ from the shipped ones,
templates in `templates/`. `hypersync init DIR` writes a small one, `hypersync check` says every
mistake in it, `hypersync check --explain` what is in force, `hypersync check --schema` prints the
JSON Schema for editors. Relative paths start at the folder that holds `config/`.

## How values are written

* The files are YAML 1.2 in UTF-8. Every value is read as text and converted by the key it belongs
  to: `on` is a text, `true` and `false` are flags, numbers have digits only. Unknown keys are
  mistakes, and so are keys without a value, keys given twice, tags and merge keys.
* `${NAME}` and `${NAME:default}` come from the process environment, then from `.env` beside
  `config/`; they stand in quotes. `NAME_FILE` may name a file that holds the value, which is how
  secrets of containers arrive. `$${` is a literal `${`. What a variable holds never becomes YAML
  and is never shown in a message.
* A *time span* is `90s`, `10m`, `1h30m`, `1d`, `1.02:03:04` (days, hours, minutes, seconds) or
  `PT10M`. Bare numbers, months and years have no one meaning and are refused.
* A *limit* is the number allowed: `200`, or a percentage such as `5%` or `0.5%`. `0` means that
  people are always asked.
* Where a mapping usually has one key, that key's value may stand for it: `threshold: 5%` is
  `threshold: {limit: 5%}`, `lookback: 1h` is `lookback: {span: 1h}`, `members: 20%` is
  `members: {limit: 20%}`, `do: disable` is `do: {disable: true}`, `until: 10m` is
  `until: {span: 10m}`, and `department: hr.department` under `set` is
  `department: {expression: hr.department}`.
* An *expression* is explained in [expressions](expressions.md). `env.NAME` is a variable of the
  environment file: `--env NAME` or `HYPERSYNC_ENV` choose it, `dev` is taken when nothing is said,
  and only the file of `dev` may be absent.

This page is generated from the code; `make docs` writes it again.
"""
_KINDS: Final[dict[Any, str]] = {
    values.Flag: "`true` or `false`",
    values.WholeNumber: "whole number",
    values.PositiveNumber: "whole number from 1",
    values.SignedNumber: "whole number, may be negative",
    values.Span: "time span",
    values.PositiveSpan: "time span above zero",
    values.SpanOrExpression: "time span or expression",
    values.LimitValue: "limit",
    values.Timing: "`every SPAN` or cron",
    values.CronLine: "cron",
    values.Window: "window of the week",
    values.SecretText: "secret",
    values.Expression: "expression",
    values.Zone: "time zone",
    values.Name: "name",
}
_PLAIN: Final[dict[Any, str]] = {
    str: "text",
    int: "whole number",
    bool: "`true` or `false`",
    timedelta: "time span",
    Limit: "limit",
    values.Secret: "secret",
    values.Every: "`every SPAN`",
    values.Cron: "cron",
    values.WeeklyWindow: "window of the week",
}


def configuration_page() -> str:
    """Return ``configuration.md``."""
    parts = [_INTRODUCTION]
    for root, title in ((ProjectFile, "config/hypersync.yaml"), (RuleFile, "rules/*.yaml")):
        parts.append(f"## {title}\n")
        parts += [_section(model, root) for model in models_below(root)]
    return "\n".join(parts)


def _section(model: type[BaseModel], root: type[BaseModel]) -> str:
    lines = []
    if model is not root:
        first = (model.__doc__ or "").split("\n")[0].replace("``", "`")
        lines += [f"### {_title(model)}", "", first, ""]
    lines += ["| key | value | when not said | what it is |", "| --- | --- | --- | --- |"]
    texts = descriptions(model)
    for name, field in model.model_fields.items():
        if not field.exclude:
            default = _default(model, name, field)
            kind = _kind(model, name, field)
            key = field.alias or name
            lines.append(f"| `{key}` | {kind} | {default} | {texts[name]} |")
    return "\n".join([*lines, ""])


def _title(model: type[BaseModel]) -> str:
    name = model.__name__.removesuffix("Config")
    return "".join(f" {each.lower()}" if each.isupper() else each for each in name).strip()


def _kind(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    written = model.__annotations__[name]
    known = {key: kind for key, kind in vars(values).items() if key in str(written)}
    for kind in sorted(known, key=len, reverse=True):
        shown = _KINDS.get(known[kind]) if str(written).split(" | ")[0] == kind else None
        if shown:
            return shown
    return _words(field.annotation)


def _words(annotation: Any) -> str:  # noqa: ANN401 - any type may stand there
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        title = _title(annotation)
        return f"[{title}](#{title.replace(' ', '-')})"
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(part) for part in arguments if part is not type(None))
    if origin is tuple:
        return f"list of {_words(arguments[0])}"
    if origin is dict:
        return f"by name: {_words(arguments[1])}"
    return _words(arguments[0])


def _default(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    if model is ProjectFile and name in ("secret_keys", "silos", "joins"):
        return "must be said"
    value: Any = field.default
    if model is ThresholdConfig:
        value = getattr(BUILT_IN_THRESHOLD, name)
    if field.default_factory is not None or isinstance(value, BaseModel):
        return "as below" if _models(field) else ""
    if value is PydanticUndefined:
        return "must be said"
    return _shown(value)


def _models(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _shown(value: object) -> str:
    match value:
        case None | () | {}:
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case timedelta():
            return f"`{format_time_span(value)}`"
        case tuple():
            return ", ".join(f"`{each}`" for each in value)
        case values.Secret():
            return f"`{value.reveal()}`"
        case Enum():
            return f"`{value.value}`"
        case _:
            return f"`{value}`"
