"""The style sheet and the scripts of other people's packages, served from where they lie.

Nothing is loaded from elsewhere and nothing of theirs is copied here.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, send_from_directory
from werkzeug.exceptions import NotFound

from hypersync.app import App

_FOUND_IN = {
    "bootstrap.min.css": ("flask_bootstrap", "static/bootstrap5/css"),
    "htmx.min.js": ("js_lib_htmx", "static/htmx"),
}
_DAY = 24 * 60 * 60


def blueprint(_app: App) -> Blueprint:
    """Return the addresses of the assets."""
    pages = Blueprint("assets", __name__, url_prefix="/assets")

    @pages.get("/<name>")
    def asset(name: str) -> Response:
        if name not in _FOUND_IN:
            raise NotFound
        package, folder = _FOUND_IN[name]
        return send_from_directory(_home(package) / folder, name, max_age=_DAY)

    return pages


def copy_to(directory: Path) -> list[Path]:
    """Put what pages need into folders beside pages that are looked at as files; return it."""
    wanted = {
        directory / "assets" / name: _home(package) / folder / name
        for name, (package, folder) in _FOUND_IN.items()
    }
    own = Path(__file__).parent / "static"
    wanted |= {directory / "static" / file.name: file for file in own.iterdir() if file.is_file()}
    for target, source in wanted.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return sorted(wanted)


def _home(package: str) -> Path:
    """Return the folder of an installed package without importing it."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise NotFound
    return Path(found.origin).parent
