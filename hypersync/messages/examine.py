"""Looks at a project's templates: every mistake at once, and samples as files to look at.

Each template is read and filled with sample data. One that asks must show the links that decide and
the code, the page that decides must send what it was given; otherwise people could be asked without
being able to answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path

from jinja2.exceptions import TemplateSyntaxError, UndefinedError

from hypersync.config.models import Configuration
from hypersync.messages import samples, views
from hypersync.messages.render import FAILURES, Renderer
from hypersync.messages.samples import mails
from hypersync.messages.samples.frame import FRAME
from hypersync.model.mistake import Level, Mistake

FOLDER = "templates"


def template_mistakes(configuration: Configuration) -> list[Mistake]:
    """Return what is wrong with the templates of a project and with their names in rules."""
    folder = configuration.path(FOLDER)
    renderer = Renderer(folder)
    found = [
        mistake
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".html", ".txt")
        for mistake in _examined(renderer, path.relative_to(folder).as_posix())
    ]
    return [*found, *_unknown(configuration, renderer)]


def _examined(renderer: Renderer, name: str) -> Iterator[Mistake]:
    file = f"{FOLDER}/{name}"
    try:
        rendered = _rendered(renderer, name)
    except TemplateSyntaxError as error:
        yield Mistake(
            f"the template cannot be read: {error.message}",
            "mend it, or remove it to use the shipped one",
            f"{FOLDER}/{error.name}" if error.name else file,
            error.lineno,
        )
        return
    except FAILURES as error:
        hint = "use what the shipped template of that name uses"
        what = "names something that is not there" if isinstance(error, UndefinedError) else "fails"
        yield Mistake(f"the template {what}: {error}", hint, file, _line_of(error, name))
        return
    for text, what in _wanted(name).items():
        if rendered is not None and text not in unescape(rendered):
            yield Mistake(f"the template leaves out {what}", "put it back", file, 1)


def _rendered(renderer: Renderer, name: str) -> str | None:
    """Return a template filled with sample data; nothing for parts of other templates."""
    kind, _, rest = name.partition("/")
    stem = rest.rpartition(".")[0]
    if stem.startswith("_") or not rest:
        renderer.read(name)
        return None
    if kind == "email":
        return renderer.render(name, _mail_view(stem))
    known = samples.web_pages()
    if kind != "web" or stem not in known:
        renderer.read(name)
        return None
    return renderer.render(name, known[stem], frame=FRAME)


def _mail_view(stem: str) -> object:
    letters = mails.letters()
    if stem == "decided":
        return views.outcome_view(letters["decided"])
    if stem == "digest":
        return views.digest_view([letters["request"], letters["request-vip"]])
    return views.question_view(letters["request"])


def _wanted(name: str) -> dict[str, str]:
    """Return what a template must show, and what that is."""
    kind, _, rest = name.partition("/")
    stem = rest.rpartition(".")[0]
    if kind == "web" and stem == "decide":
        return {
            f'name="token" value="{mails.TOKEN}"': "the field of the token",
            'name="digest" value="sample-digest"': "the field of the digest",
            'name="code"': "the field of the confirmation code",
        }
    if kind != "email" or stem.startswith("_") or stem == "decided":
        return {}
    letter = mails.letters()["request"]
    return {
        letter.approve_all: "the link that approves all",
        letter.reject_all: "the link that rejects all",
        mails.CODE: "the confirmation code",
    }


def _line_of(error: BaseException, name: str) -> int:
    """Return the line of a template in which an error came up."""
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(name):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _unknown(configuration: Configuration, renderer: Renderer) -> Iterator[Mistake]:
    """Find templates that rules name and that do not exist."""
    for rule_file in configuration.rule_files:
        defaults = rule_file.defaults
        named = [(defaults.threshold.template, defaults.place("threshold", "template"))]
        named += [
            (rule.threshold.template, rule.place("threshold", "template"))
            for rule in rule_file.rules
        ]
        for name, place in named:
            if name is None:
                continue
            for ending in ("html", "txt"):
                if not renderer.has(f"email/{name}.{ending}"):
                    yield Mistake(
                        f"there is no template email/{name}.{ending}",
                        "add it under templates/; until then the usual mail is sent",
                        place.file,
                        place.line,
                        Level.WARNING,
                    )


def render_samples(configuration: Configuration | None, directory: Path) -> list[Path]:
    """Write sample mails and pages as files; return them.

    Raises `DeliveryFailed` or ``jinja2.TemplateError`` when a template fails, which `check` says.
    """
    renderer = Renderer(None if configuration is None else configuration.path(FOLDER))
    directory.mkdir(parents=True, exist_ok=True)
    letters = mails.letters()
    texts: dict[str, str] = {}
    for name, letter in letters.items():
        message = renderer.write(letter)
        texts |= {f"mail-{name}.html": message.html, f"mail-{name}.txt": message.text}
    digest = renderer.write(letters["request"], [letters["request-vip"]])
    texts |= {"mail-digest.html": digest.html, "mail-digest.txt": digest.text}
    for name, view in samples.web_pages().items():
        texts[f"page-{name}.html"] = renderer.render(f"web/{name}.html", view, frame=FRAME)
    written = []
    for name, text in sorted(texts.items()):
        path = directory / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
