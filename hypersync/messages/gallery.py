"""Writes every mail and page as files to look at, with sample data, and a page that lists them.

Mails are written in each language, as people get them; pages find their style sheets and scripts in
the folders beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hypersync.config.models import Configuration
from hypersync.messages import samples
from hypersync.messages.catalogue import languages
from hypersync.messages.examine import FOLDER
from hypersync.messages.render import Renderer
from hypersync.messages.samples import mails
from hypersync.messages.samples.frame import FRAME

_SERVED = re.compile(r'(href|src)="/(assets|static)/')


@dataclass(frozen=True, slots=True)
class SampleView:
    """One sample: its name, and its files by what they are called."""

    name: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GalleryView:
    """All samples, by what they are samples of."""

    groups: Mapping[str, list[SampleView]]


def render_samples(configuration: Configuration | None, directory: Path) -> list[Path]:
    """Write sample mails and pages as files; return them.

    Raises `DeliveryFailed` or ``jinja2.TemplateError`` when a template fails, which `check` says.
    """
    renderer = Renderer()
    if configuration is not None:
        renderer = Renderer(configuration.path(FOLDER), configuration.environment_name)
    texts = {**_mails(renderer), **_pages(renderer)}
    texts["index.html"] = renderer.render("samples.html", GalleryView(_groups(texts)))
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in sorted(texts.items()):
        path = directory / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _mails(renderer: Renderer) -> dict[str, str]:
    """Return each mail in each language; English needs no mark in its name."""
    texts = {}
    for language in languages():
        letters = {
            name: replace(letter, language=language) for name, letter in mails.letters().items()
        }
        mark = "" if language == languages()[0] else f".{language}"
        messages = {name: renderer.write(letter) for name, letter in letters.items()}
        messages["digest"] = renderer.write(letters["request"], [letters["request-vip"]])
        for name, message in messages.items():
            texts[f"mail-{name}{mark}.html"] = message.html
            texts[f"mail-{name}{mark}.txt"] = f"Subject: {message.subject}\n\n{message.text}"
    return texts


def _pages(renderer: Renderer) -> dict[str, str]:
    return {
        f"page-{name}.html": _SERVED.sub(
            r'\1="\2/', renderer.render(f"web/{name}.html", view, frame=FRAME)
        )
        for name, view in samples.web_pages().items()
    }


def _groups(texts: Mapping[str, str]) -> dict[str, list[SampleView]]:
    """Return the samples of mails and of pages; one line holds all forms of a mail."""
    found: dict[str, dict[str, dict[str, str]]] = {"mail": {}, "page": {}}
    for file in sorted(texts):
        kind, _, rest = file.partition("-")
        name, *form = rest.split(".")
        found[kind].setdefault(name, {})[" ".join(form)] = file
    return {
        kind: [SampleView(name, files) for name, files in samples.items()]
        for kind, samples in found.items()
    }
