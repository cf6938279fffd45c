"""Collects what is said to people, for translators: ``make messages``.

Every catalogue below ``hypersync/messages/locale`` gets what is new, keeps what is translated and
loses what is not said any more. There is nothing to compile: catalogues are read as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).parent.parent
LOCALES: Final = ROOT / "hypersync" / "messages" / "locale"
PATTERN: Final = "*/LC_MESSAGES/hypersync.po"
_METHODS: Final = [("hypersync/**.py", "python"), ("templates/email/**", "jinja2")]
_KEYWORDS: Final = {"say": None, "say_many": (1, 2), "gettext": None, "ngettext": (1, 2), "_": None}
_OPTIONS: Final = {"templates/email/**": {"trim_blocks": "true", "lstrip_blocks": "true"}}


def extracted() -> Catalog:
    """Return everything that is said, with where it is said."""
    catalog = Catalog(project="HyperSync", charset="utf-8")
    for folder in ("hypersync", "templates"):
        methods = [(path, how) for path, how in _METHODS if path.startswith(folder)]
        found = extract_from_dir(
            ROOT / folder,
            [(path.removeprefix(f"{folder}/"), how) for path, how in methods],
            {path.removeprefix(f"{folder}/"): options for path, options in _OPTIONS.items()},
            _KEYWORDS,
        )
        for file, _, message, _, _ in found:
            if isinstance(message, str) and not message.strip():
                continue
            catalog.add(message, locations=[(f"{folder}/{file}", None)])
    return catalog


def main() -> None:
    """Bring every catalogue up to date; say how much of each is translated."""
    template = extracted()
    for path in sorted(LOCALES.glob(PATTERN)):
        language = path.parent.parent.name
        with path.open("rb") as source:
            catalog = read_po(source, locale=language, domain="hypersync")
        template.creation_date = catalog.creation_date
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.fuzzy = False
        with path.open("wb") as target:
            write_po(target, catalog, width=100, omit_header=False, sort_output=True)
        missing = sum(1 for each in catalog if each.id and not _is_translated(each.string))
        print(f"{path.relative_to(ROOT)}: {len(catalog)} messages, {missing} to translate")  # noqa: T201


def _is_translated(string: object) -> bool:
    return all(string) if isinstance(string, (list, tuple)) else bool(string)


if __name__ == "__main__":
    main()
