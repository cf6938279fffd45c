"""Set up logging: one line a record to standard error, as text or as JSON.

The log is for operators; the audit trail is the event table. Ids that a record carries in
``extra`` (run, rule, identity, ...) become keys of the JSON.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OURS = ("hypersync", "webui")
"""Who speaks up at every level; what we build on does only when something is wrong."""


class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line: time, level, logger, message and what ``extra`` carried."""
        line: dict[str, object] = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _OWN}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Writes a record as one line for people; a traceback follows it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002 - the name and arguments are logging's
        """Return the time in UTC, as ISO 8601 with Z."""
        return _time_of(record)


def _time_of(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_worth_it(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in _OURS


def set_up_logging(*, as_json: bool, level: str = "WARNING", stream: TextIO | None = None) -> None:
    """Send our records from ``level`` to ``stream`` (standard error when not given).

    What we build on speaks up only when something is wrong, unless ``level`` is debug. Called
    again, it replaces what it set up before.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    if level.upper() != "DEBUG":
        handler.addFilter(_is_worth_it)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    for earlier in [one for one in root.handlers if one.get_name() == "hypersync"]:
        root.removeHandler(earlier)
    handler.set_name("hypersync")
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
