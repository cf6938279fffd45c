"""What the configuration says about a silo of CSV files."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from hypersync.config.values import Filled
from hypersync.connectors.settings import SiloOptions, TypeOptions


def _check_mark(text: str) -> str:
    mark = "\t" if text in ("tab", "\\t") else text
    if len(mark) != 1 or mark in '"\r\n':
        raise ValueError(f"{text!r} separates nothing; write one character such as ';', or tab")
    return mark


def _check_encoding(name: str) -> str:
    try:
        found = codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"{name!r} is no encoding; write for instance utf-8") from None
    return "utf-8-sig" if found in ("utf-8", "utf-8-sig") else found


Mark = Annotated[str, AfterValidator(_check_mark)]
Encoding = Annotated[str, AfterValidator(_check_encoding)]


class CsvTypeOptions(TypeOptions):
    """One file: ``multi`` maps columns that hold several values to what separates these.

    ``columns`` are further columns that must be there, besides those that are used.
    """

    path: Filled
    anchor: Filled
    delimiter: Mark = ","
    quote: Annotated[str, Field(min_length=1, max_length=1), BeforeValidator(str)] = '"'
    encoding: Encoding = "utf-8-sig"
    multi: Mapping[str, Mark] = Field(default_factory=dict)
    columns: tuple[Filled, ...] = ()

    @model_validator(mode="after")
    def _check_marks(self) -> Self:
        if self.quote == self.delimiter:
            raise ValueError("the quote is the delimiter; write another one")
        return self


class CsvOptions(SiloOptions):
    """A silo of CSV files; everything is said per type.

    ``folder`` is where `silo discover` looks for files; else it is the folders of the types.
    """

    folder: str | None = None
    types: Mapping[str, CsvTypeOptions] = Field(min_length=1)
