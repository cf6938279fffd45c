"""Where the shipped files are: templates, rules, config and migrations.

Installed from a wheel they lie in the package, in a checkout at its top level; this is the only
place that knows both homes.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def shipped(name: str) -> Path:
    """Return the folder or file of that name, for instance ``templates``."""
    package = Path(str(files("hypersync")))
    installed = package / "shipped_files" / name
    return installed if installed.exists() else package.parent / name
