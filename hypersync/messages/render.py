"""The only Jinja environment. Escaping is always on and templates cannot switch it off.

A project's templates come before the shipped ones of the same name, those of its environment
(``env/NAME/email/...``) first. Templates see one view and nothing else; they run in Jinja's
sandbox.

Failure direction: a mail whose template fails, or leaves out what people need to answer, is sent in
the shipped form and says so in ``faults``: nobody misses a question because of a template.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateError, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hypersync.errors import DeliveryFailed
from hypersync.messages import views
from hypersync.messages.catalogue import ENGLISH, translations
from hypersync.messages.outcome import outcome_view
from hypersync.messages.promises import MailView, left_out
from hypersync.messages.words import Words
from hypersync.ports.channel import Letter, Message
from hypersync.shipped import shipped

QUESTION = "request"

MOST_BYTES = 100_000
"""From 102 kB on Gmail shows only the beginning of a mail."""

FAILURES = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
    OSError,
)
"""What a template can fail with; all of it is the template's fault."""


class Environment(ImmutableSandboxedEnvironment):
    """Jinja with escaping nailed on: no ``safe`` filter, no ``autoescape`` block."""

    def __init__(self, folders: Sequence[Path], language: str = ENGLISH) -> None:
        super().__init__(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
            autoescape=_is_markup,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            extensions=["jinja2.ext.i18n"],
        )
        del self.filters["safe"]
        # the newer style would take what gettext returns for markup, whatever it was given
        install: Callable[..., None] = getattr(self, "install_gettext_translations")  # noqa: B009 - added by the extension
        install(translations(language), newstyle=False)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        switched = tree.find(nodes.EvalContextModifier)
        if switched is not None:
            raise TemplateSyntaxError(
                "escaping cannot be switched off", switched.lineno, name, filename
            )
        return tree


def _is_markup(name: str | None) -> bool:
    """Tell whether a template is escaped: everything but plain text is."""
    return name is None or not name.endswith(".txt")


class Renderer:
    """Renders views with the project's and the shipped templates; also the writer of mails.

    ``environment`` is the one whose own templates come first.
    """

    def __init__(
        self, project_templates: Path | None = None, environment: str | None = None
    ) -> None:
        folders = [shipped("templates")]
        if project_templates is not None:
            folders.insert(0, project_templates)
            if environment is not None:
                folders.insert(0, project_templates / "env" / environment)
        self._is_shipped = project_templates is None
        self._in_language = cache(lambda language: Environment(folders, language))
        self._environment = self._in_language(ENGLISH)

    def render(
        self,
        template: str,
        view: object,
        *,
        language: str = ENGLISH,
        **more: Any,  # noqa: ANN401 - what a page adds
    ) -> str:
        """Return a template filled with a view; raises ``jinja2.TemplateError``."""
        return self._in_language(language).get_template(template).render(view=view, **more)

    def read(self, template: str) -> None:
        """Read a template without filling it; raises ``jinja2.TemplateError``."""
        self._environment.get_template(template)

    def has(self, template: str) -> bool:
        """Tell whether there is such a template."""
        return template in self._environment.list_templates()

    def write(self, letter: Letter, others: Sequence[Letter] = ()) -> Message:
        """Return the mail that a letter becomes; with ``others`` one digest of all of them.

        Raises `DeliveryFailed` when not even the shipped template can be filled.
        """
        name, view = self._of(letter, others)
        try:
            text, html = self._filled(name, view)
        except _Unusable as unusable:
            if self._is_shipped:
                raise DeliveryFailed(str(unusable)) from unusable
            sent = Renderer().write(letter, others)
            return replace(sent, faults=[str(unusable)])
        return Message(
            address=letter.address,
            recipient=view.recipient,
            subject=view.subject,
            text=text,
            html=html,
            message_id=letter.message_id,
            at=letter.at,
            headers=_headers([letter, *others]),
        )

    def _of(self, letter: Letter, others: Sequence[Letter]) -> tuple[str, MailView]:
        """Return the template of a letter and what it shows."""
        if others:
            return "digest", views.digest_view([letter, *others])
        if letter.kind == QUESTION:
            return self._named(letter.request.template), views.question_view(letter)
        return "decided", outcome_view(letter)

    def _filled(self, name: str, view: MailView) -> tuple[str, str]:
        """Return both forms of a mail; one that may be cut says so."""
        text, html = self._form(f"{name}.txt", view), self._form(f"{name}.html", view)
        if len(html.encode()) <= MOST_BYTES:
            return text, html
        hint = Words(view.language).say(
            "This mail is long, and some mail programs show only its beginning."
        )
        view = replace(view, hint=hint)
        return self._form(f"{name}.txt", view), self._form(f"{name}.html", view)

    def _form(self, name: str, view: MailView) -> str:
        try:
            rendered = self.render(f"email/{name}", view, language=view.language)
        except FAILURES as error:
            raise _Unusable(f"the template email/{name} failed{_said(error, name)}") from error
        missing = left_out(view, rendered)
        if missing:
            raise _Unusable(f"the template email/{name} leaves out {', '.join(missing)}")
        return rendered

    def _named(self, template: str | None) -> str:
        """Return the template a rule asks for; the usual one when it does not exist."""
        if template and self.has(f"email/{template}.html") and self.has(f"email/{template}.txt"):
            return template
        return QUESTION


class _Unusable(Exception):
    """A template cannot be used for a mail."""


def _said(error: BaseException, name: str) -> str:
    """Say where and with what a template failed; the error's own text may quote values."""
    if isinstance(error, TemplateSyntaxError):
        return f" on line {error.lineno}: {error.message}"
    line = line_of(error, name)
    return f"{f' on line {line}' if line else ''}: {type(error).__name__}"


def line_of(error: BaseException, name: str) -> int:
    """Return the line of a template in which an error came up; 0 when it is not known."""
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(name):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _headers(letters: Sequence[Letter]) -> dict[str, str]:
    """Return the headers besides those of every mail; a mail belongs to its request's thread."""
    first = letters[0]
    threads = " ".join(dict.fromkeys(each.thread_id for each in letters))
    return {
        **({"In-Reply-To": first.thread_id} if len(letters) == 1 else {}),
        "References": threads,
        "List-Id": f"HyperSync {first.environment} <approvals.{first.host}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Content-Language": first.language,
    }
