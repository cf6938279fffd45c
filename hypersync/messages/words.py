"""The words of one reader: their language and the clocks they live on.

Sentences come as `say` and `say_many`, which are also what the catalogues are collected from.
Numbers, times and plurals are those of the language; English keeps the thousands apart by spaces,
as everywhere else in the program.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal
from babel.support import NullTranslations

from hypersync.messages.catalogue import ENGLISH, translations
from hypersync.model.said import Part, Said, filled, found_in, in_english


@dataclass(frozen=True, slots=True)
class Words:
    """How things are said to somebody who reads ``language`` and lives in ``timezone``."""

    language: str = ENGLISH
    timezone: str = "UTC"

    @property
    def translations(self) -> NullTranslations:
        """The catalogue of this language."""
        return translations(self.language)

    def say(self, message: str, /, **values: Part) -> str:
        """Return a sentence in this language; ``{name}`` in the message stands for a value."""
        return filled(self.translations.gettext(message), values, self.word)

    def say_many(self, one: str, many: str, /, count: int, **values: Part) -> str:
        """Return a sentence about one or several; ``{count}`` stands for how many."""
        pattern = self.translations.ngettext(one, many, count)
        return filled(pattern, {"count": count, **values}, self.word)

    def said(self, text: str, book: object = None) -> str:
        """Return a sentence in this language that knows, or of which a book tells, its parts."""
        known = text if isinstance(text, Said) else found_in(book, text)
        if known is None:
            return text
        if not known.many:
            return self.say(known.message, **known.values)
        values = dict(known.values)
        count = values.pop("count")
        return self.say_many(
            known.message, known.many, count if isinstance(count, int) else 0, **values
        )

    def word(self, part: Part) -> str:
        """Return what stands in a sentence the way this language writes it."""
        match part:
            case Said():
                return self.said(part)
            case str():
                return part
            case datetime():
                return self.moment(part)
            case int():
                return self.number(part)
            case _:
                return in_english(part)

    def number(self, count: int) -> str:
        """Return a whole number with its thousands apart; in English by spaces."""
        if self.language == ENGLISH:
            return f"{count:,}".replace(",", "\N{NO-BREAK SPACE}")
        return format_decimal(count, locale=self._locale)

    def ordinal(self, nth: int) -> str:
        """Return ``2nd``, ``3rd``, ``11th``, or ``2.`` where ordinals end with a point."""
        if self.language != ENGLISH:
            return f"{self.number(nth)}."
        last = {1: "st", 2: "nd", 3: "rd"}.get(nth % 10, "th")
        return f"{nth}{'th' if nth % 100 in (11, 12, 13) else last}"

    def moment(self, at: datetime) -> str:
        """Return a time on the reader's clocks, for instance ``Mon 2 Mar 2026, 13:00 CET``."""
        zone = ZoneInfo(self.timezone)
        # in the letters of CLDR; a language may want other marks, or another order
        pattern = self.translations.gettext("EEE d MMM y, HH:mm")
        local = format_datetime(at, pattern, tzinfo=zone, locale=self._locale)
        name = format_datetime(at, "zzz", tzinfo=zone, locale=self._locale)
        # CLDR knows few abbreviations in each language; where it says +0100, tzdata knows CET
        return f"{local} {at.astimezone(zone):%Z}" if name[0] in "+-" else f"{local} {name}"

    @property
    def _locale(self) -> Locale:
        return Locale.parse(self.language)


IN_ENGLISH = Words()
"""What is said where nobody in particular reads it."""
