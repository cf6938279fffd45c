"""Load a project's configuration: every mistake of it at once, each with file and line.

The order: ``.env``, the main file, the environment's file, the rule files; then what one part says
about another (:mod:`hypersync.config.references`). A stage that failed does not stop the next.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from hypersync.config.mistakes import mistakes_of
from hypersync.config.models import Configuration, ProjectFile
from hypersync.config.references import reference_mistakes
from hypersync.config.rule_models import RuleFile
from hypersync.config.salvage import salvage
from hypersync.config.source import Section, read_yaml
from hypersync.config.variables import Variables, read_dotenv
from hypersync.errors import ConfigurationError
from hypersync.model.mistake import Level, Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_FILE = Path("config/hypersync.yaml")
DEFAULT_ENVIRONMENT = "dev"
M = TypeVar("M", bound=BaseModel)


def load_configuration(
    path: Path | None,
    env: str | None,
    *,
    process_environment: Mapping[str, str],
    rules: Path | None = None,
) -> Configuration:
    """Return the configuration in ``path`` for the environment ``env``.

    Without ``path`` it is ``config/hypersync.yaml``; without ``env`` it is what
    ``HYPERSYNC_ENV`` says, else ``dev``, whose file may be absent. ``rules`` is a folder of rule
    files that take the place of the project's own. Raises ConfigurationError with every mistake.
    """
    configuration, mistakes = examine_configuration(
        path, env, process_environment=process_environment, rules=rules
    )
    errors = [mistake for mistake in mistakes if mistake.level is Level.ERROR]
    if configuration is None or errors:
        raise ConfigurationError(errors)
    return configuration


def examine_configuration(
    path: Path | None,
    env: str | None,
    *,
    process_environment: Mapping[str, str],
    rules: Path | None = None,
) -> tuple[Configuration | None, list[Mistake]]:
    """Return the configuration, as far as it can be used, and everything wrong with it.

    With mistakes the configuration is for finding more of them only, without the entries that
    have some; it is None when too little of the main file is left.
    """
    file = (path if path is not None else DEFAULT_FILE).absolute()
    if not file.is_file():
        shown = path if path is not None else DEFAULT_FILE
        remedy = "run 'hypersync init DIR' for a new project, or name the file with --config"
        return None, [Mistake("there is no such file", remedy, str(shown))]
    name = env or process_environment.get("HYPERSYNC_ENV") or DEFAULT_ENVIRONMENT
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        remedy = "write letters, digits, '-' and '_'"
        return None, [Mistake(f"{name!r} is no environment", remedy)]
    return _Loader(file, name, process_environment, rules).load()


class _Loader:
    """Reads the files of one project and collects mistakes."""

    def __init__(
        self, file: Path, environment_name: str, process: Mapping[str, str], rules: Path | None
    ) -> None:
        self._file = file
        self._root = file.parent.parent
        self._rules = self._root / "rules" if rules is None else rules.absolute()
        self._environment_name = environment_name
        self._mistakes: list[Mistake] = []
        self._variables = Variables(process, self._read_dotenv(), self._root)

    def load(self) -> tuple[Configuration | None, list[Mistake]]:
        main = self._read(self._file)
        project = self._model(ProjectFile, main)
        environment = self._read_environment()
        rule_files = [
            self._model(RuleFile, self._read(file)) for file in sorted(self._rules.glob("*.yaml"))
        ]
        self._mistakes += self._variables.mistakes
        self._mistakes += [
            Mistake(
                "this file is not read",
                "rename it to .yaml",
                self._name(file),
                level=Level.WARNING,
            )
            for file in sorted(self._rules.glob("*.yml"))
        ]
        if project is None:
            return None, self._mistakes
        configuration = Configuration.model_construct(
            project.model_fields_set,
            **{name: getattr(project, name) for name in ProjectFile.model_fields},
            root=self._root,
            file=self._file,
            environment_name=self._environment_name,
            environment=environment,
            rule_files=tuple(file for file in rule_files if file is not None),
        )
        configuration._section = main
        self._mistakes += reference_mistakes(configuration)
        return configuration, self._mistakes

    def _read_dotenv(self) -> dict[str, str]:
        file = self._root / ".env"
        if not file.is_file():
            return {}
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            self._mistakes.append(Mistake("this cannot be read", "make it UTF-8 text", ".env"))
            return {}
        return read_dotenv(text, ".env", self._mistakes)

    def _name(self, file: Path) -> str:
        """Return how mistakes call a file: from the project's folder on, when it is in there."""
        return str(file.relative_to(self._root) if file.is_relative_to(self._root) else file)

    def _read(self, file: Path) -> Section | None:
        name = self._name(file)
        try:
            content = file.read_bytes()
        except OSError as error:
            reason = error.strerror or "unreadable"
            self._mistakes.append(
                Mistake(f"this cannot be read: {reason}", "give the right to read it", name)
            )
            return None
        return read_yaml(content, name, self._variables.find, self._mistakes)

    def _read_environment(self) -> dict[str, str]:
        folder = self._file.parent / "env"
        file = folder / f"{self._environment_name}.yaml"
        if not file.is_file():
            if self._environment_name != DEFAULT_ENVIRONMENT:
                known = sorted(path.stem for path in folder.glob("*.yaml"))
                self._mistakes.append(
                    Mistake(
                        f"the environment {self._environment_name!r} has no file",
                        f"known: {', '.join(known)}" if known else "write it",
                        str(file.relative_to(self._root)),
                    )
                )
            return {}
        section = self._read(file)
        return self._texts(section) if section is not None else {}

    def _texts(self, section: Section) -> dict[str, str]:
        values: dict[str, str] = {}
        for name, value in section.items():
            if isinstance(value, str) and name.isidentifier():
                values[name] = value
                continue
            remedy = "write NAME: value with letters, digits and '_'"
            file, line = section.place.file, section.lines[name]
            self._mistakes.append(Mistake(f"{name!r} is no variable", remedy, file, line))
        return values

    def _model(self, model: type[M], section: Section | None) -> M | None:
        if section is None:
            return None
        try:
            return model.model_validate(section)
        except ValidationError as error:
            self._mistakes += mistakes_of(error, model, section)
            return salvage(model, section, error)
