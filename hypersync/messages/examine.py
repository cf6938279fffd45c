"""Looks at a project's templates: every mistake at once.

Each template is read and filled with sample data, one of an environment the way it would be there.
One that asks must show the links that decide and the code, the mail about the end how it ended, the
page that decides must send what it was given; otherwise people could be asked without being able to
answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import PurePosixPath

from jinja2.exceptions import TemplateSyntaxError, UndefinedError

from hypersync.config.models import Configuration
from hypersync.messages import samples
from hypersync.messages.outcome import outcome_view
from hypersync.messages.promises import MailView, left_out
from hypersync.messages.render import FAILURES, Renderer, line_of
from hypersync.messages.samples import mails
from hypersync.messages.samples.frame import FRAME
from hypersync.messages.views import digest_view, question_view
from hypersync.model.mistake import Level, Mistake

FOLDER = "templates"
ENVIRONMENTS = "env"
_ENDINGS = (".html", ".txt")


def template_mistakes(configuration: Configuration) -> list[Mistake]:
    """Return what is wrong with the templates of a project and with their names in rules."""
    folder = configuration.path(FOLDER)
    renderers: dict[str | None, Renderer] = {}
    found: list[Mistake] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _ENDINGS or path.is_dir():
            continue
        file = path.relative_to(folder).as_posix()
        environment, name = _split(file)
        if environment not in renderers:
            renderers[environment] = Renderer(folder, environment)
        found += _examined(renderers[environment], name, f"{FOLDER}/{file}")
    return [*found, *_unknown(configuration, Renderer(folder, configuration.environment_name))]


def _split(file: str) -> tuple[str | None, str]:
    """Return the environment whose template a file is, if it is one's, and the template's name."""
    parts = PurePosixPath(file).parts
    if parts[0] == ENVIRONMENTS and len(parts) > 2:
        return parts[1], "/".join(parts[2:])
    return None, file


def _examined(renderer: Renderer, name: str, file: str) -> Iterator[Mistake]:
    try:
        found = _left_out(renderer, name)
    except TemplateSyntaxError as error:
        is_other = error.name not in (None, name)
        yield Mistake(
            f"the template cannot be read: {error.message}",
            "mend it, or remove it to use the shipped one",
            f"{FOLDER}/{error.name}" if is_other else file,
            error.lineno,
        )
        return
    except FAILURES as error:
        hint = "use what the shipped template of that name uses"
        what = "names something that is not there" if isinstance(error, UndefinedError) else "fails"
        yield Mistake(f"the template {what}: {error}", hint, file, line_of(error, name))
        return
    for what in found:
        yield Mistake(f"the template leaves out {what}", "put it back", file, 1)


def _left_out(renderer: Renderer, name: str) -> list[str]:
    """Fill a template with sample data; return what it must show and does not."""
    kind, _, rest = name.partition("/")
    stem = rest.rpartition(".")[0]
    if kind == "email" and stem and not stem.startswith("_"):
        view = _mail_view(stem)
        return left_out(view, renderer.render(name, view))
    known = samples.web_pages() if kind == "web" else {}
    if stem not in known:
        renderer.read(name)
        return []
    rendered = unescape(renderer.render(name, known[stem], frame=FRAME))
    wanted = _FIELDS if stem == "decide" else {}
    return [what for text, what in wanted.items() if text not in rendered]


_FIELDS = {
    f'name="token" value="{mails.TOKEN}"': "the field of the token",
    'name="digest" value="sample-digest"': "the field of the digest",
    'name="code"': "the field of the confirmation code",
}
"""What the page that decides has to send."""


def _mail_view(stem: str) -> MailView:
    letters = mails.letters()
    if stem == "decided":
        return outcome_view(letters["decided"])
    if stem == "digest":
        return digest_view([letters["request"], letters["request-vip"]])
    return question_view(letters["request"])


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
