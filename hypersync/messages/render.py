"""The only Jinja environment. Escaping is always on and templates cannot switch it off.

A project's templates come before the shipped ones of the same name. Templates see one view and
nothing else; they run in Jinja's sandbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateError, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hypersync.errors import DeliveryFailed
from hypersync.messages import views
from hypersync.ports.channel import Letter, Message
from hypersync.shipped import shipped

QUESTION = "request"

FAILURES = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError)
"""What a template can fail with; all of it is the template's fault."""


class Environment(ImmutableSandboxedEnvironment):
    """Jinja with escaping nailed on: no ``safe`` filter, no ``autoescape`` block."""

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
            autoescape=_is_markup,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        del self.filters["safe"]

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
    """Renders views with the project's and the shipped templates; also the writer of mails."""

    def __init__(self, project_templates: Path | None = None) -> None:
        folders = [shipped("templates")]
        if project_templates is not None:
            folders.insert(0, project_templates)
        self._environment = Environment(folders)

    def render(self, template: str, view: object, **more: Any) -> str:  # noqa: ANN401 - what a page adds
        """Return a template filled with a view; raises ``jinja2.TemplateError``."""
        return self._environment.get_template(template).render(view=view, **more)

    def read(self, template: str) -> None:
        """Read a template without filling it; raises ``jinja2.TemplateError``."""
        self._environment.get_template(template)

    def has(self, template: str) -> bool:
        """Tell whether there is such a template."""
        return template in self._environment.list_templates()

    def write(self, letter: Letter, others: Sequence[Letter] = ()) -> Message:
        """Return the mail that a letter becomes; with ``others`` one digest of all of them.

        Raises `DeliveryFailed` when a template fails.
        """
        view: views.DigestView | views.OutcomeView | views.QuestionView
        if others:
            name, view = "digest", views.digest_view([letter, *others])
        elif letter.kind == QUESTION:
            name, view = self._named(letter.request.template), views.question_view(letter)
        else:
            name, view = "decided", views.outcome_view(letter)
        try:
            text = self.render(f"email/{name}.txt", view)
            html = self.render(f"email/{name}.html", view)
        except FAILURES as error:
            raise DeliveryFailed(f"the template email/{name} failed: {error}") from error
        return Message(
            address=letter.address,
            recipient=letter.recipient,
            subject=view.subject,
            text=text,
            html=html,
            message_id=letter.message_id,
            at=letter.at,
            headers=_headers(letter),
        )

    def _named(self, template: str | None) -> str:
        """Return the template a rule asks for; the usual one when it does not exist."""
        if template and self.has(f"email/{template}.html") and self.has(f"email/{template}.txt"):
            return template
        return QUESTION


def _headers(letter: Letter) -> dict[str, str]:
    return {
        "In-Reply-To": letter.thread_id,
        "References": letter.thread_id,
        "List-Id": f"HyperSync {letter.environment} <approvals.{letter.host}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
