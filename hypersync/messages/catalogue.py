"""Reads the catalogues of translations: one .po file a language, below ``locale``.

They are compiled in memory when a language is first used, so that there is nothing to build and
nothing that can be out of date, be it in a checkout, an editable install or a wheel. Failure
direction: what has no translation stays English.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

ENGLISH = "en"
DOMAIN = "hypersync"
FOLDER = files("hypersync.messages") / "locale"


@cache
def languages() -> tuple[str, ...]:
    """Return the languages there are, English first."""
    found = sorted(each.name for each in FOLDER.iterdir() if each.is_dir())
    return (ENGLISH, *found)


@cache
def translations(language: str) -> NullTranslations:
    """Return the translations into a language; none into English or one that is not there."""
    if language == ENGLISH or language not in languages():
        return NullTranslations()
    source = FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    catalog = read_po(BytesIO(source.read_bytes()), locale=language, domain=DOMAIN)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)
