"""The stage: a project in a temporary folder, with the company's files and the application.

The folder is a project like any other: its ``.env`` holds all it needs, so that every command of
HyperSync works there from another terminal while the demo runs.
"""

from __future__ import annotations

import csv
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
from hypersync.demo.company import Company, make_company, write_directory, write_hr
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
    mailbox: Mailbox
    app: App

    @property
    def hr(self) -> Path:
        """HR's file."""
        return self.folder / "data" / "hr.csv"

    @property
    def directory(self) -> Path:
        """The directory, which is a file here."""
        return self.folder / "data" / "directory.csv"

    def accounts(self) -> dict[str, Mapping[str, str]]:
        """Return the rows of the directory by account name."""
        with self.directory.open(newline="", encoding="utf-8") as file:
            return {row["uid"]: row for row in csv.DictReader(file)}


@contextmanager
def open_stage(
    *, url: str, mailbox: Mailbox, smtp_port: int, progress: Progress | None = None
) -> Iterator[Stage]:
    """Make the project in a folder that is gone when the block ends, and start the application."""
    with tempfile.TemporaryDirectory(prefix="hypersync-demo-") as name:
        folder = Path(name)
        company = make_company()
        _write_project(folder, company, url=url, smtp_port=smtp_port)
        file = folder / "config" / "hypersync.yaml"
        configuration = load_configuration(file, None, process_environment={})
        app = build(configuration, started_by=STARTED_BY, progress=progress)
        try:
            yield Stage(folder=folder, url=url, company=company, mailbox=mailbox, app=app)
        finally:
            app.close()


def _write_project(folder: Path, company: Company, *, url: str, smtp_port: int) -> None:
    with as_file(files("hypersync.demo") / "project") as project:
        shutil.copytree(project, folder, dirs_exist_ok=True)
    write_hr(folder / "data" / "hr.csv", company.people)
    write_directory(folder / "data" / "directory.csv", company.accounts)
    variables = {
        "DEMO_URL": url,
        "DEMO_SMTP_PORT": str(smtp_port),
        "DEMO_SECRET_KEY": secrets.token_urlsafe(32),
        "DEMO_USER": system_user(),
    }
    file = folder / ".env"
    file.touch(mode=0o600)
    lines = [f"{name}={value}\n" for name, value in variables.items()]
    file.write_text("".join(lines), encoding="utf-8")
