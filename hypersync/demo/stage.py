"""The stage: a project in a temporary folder, with the company's files and the application.

The folder is a project like any other: its ``.env`` holds all it needs, so that every command of
HyperSync works there from another terminal while the demo runs.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from hypersync.app import App, build
from hypersync.config.load import load_configuration
from hypersync.demo.company import Company, make_company, write_hr
from hypersync.demo.directory import Directory, FileDirectory
from hypersync.demo.mailbox import Mailbox
from hypersync.ports.progress import Progress
from hypersync.system_user import system_user

STARTED_BY = "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything the acts need; ``url`` is where the pages are served, without a final slash."""

    folder: Path
    url: str
    company: Company
    directory: Directory
    mailbox: Mailbox
    app: App

    @property
    def hr(self) -> Path:
        """HR's file."""
        return self.folder / "data" / "hr.csv"

    def accounts(self) -> dict[str, Mapping[str, str]]:
        """Return what the directory has, by account name."""
        return self.directory.accounts()


@contextmanager
def open_stage(
    *,
    url: str,
    mailbox: Mailbox,
    smtp_port: int,
    progress: Progress | None = None,
    directory: Directory | None = None,
) -> Iterator[Stage]:
    """Make the project in a folder that is gone when the block ends, and start the application.

    The directory is a file unless another one is given.
    """
    held = FileDirectory() if directory is None else directory
    with tempfile.TemporaryDirectory(prefix="hypersync-demo-") as name:
        folder = Path(name)
        company = make_company()
        variables = {"DEMO_URL": url, "DEMO_SMTP_PORT": str(smtp_port)}
        _write_project(folder, company, held, variables)
        file = folder / "config" / "hypersync.yaml"
        configuration = load_configuration(file, None, process_environment={})
        app = build(configuration, started_by=STARTED_BY, progress=progress)
        try:
            yield Stage(
                folder=folder, url=url, company=company, directory=held, mailbox=mailbox, app=app
            )
        finally:
            app.close()


def _write_project(
    folder: Path, company: Company, directory: Directory, given: Mapping[str, str]
) -> None:
    with as_file(files("hypersync.demo") / directory.project) as project:
        shutil.copytree(project, folder, dirs_exist_ok=True)
    write_hr(folder / "data" / "hr.csv", company.people)
    variables = {
        **given,
        **directory.fill(folder, company.accounts),
        "DEMO_SECRET_KEY": secrets.token_urlsafe(32),
        "DEMO_USER": system_user(),
    }
    file = folder / ".env"
    file.touch(mode=0o600)
    lines = [f"{name}={value}\n" for name, value in variables.items()]
    file.write_text("".join(lines), encoding="utf-8")
