"""Where somebody is sent after signing in: a page of this site, never elsewhere. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode

START = "/report/pending"
_MOST_CHARACTERS = 1000
_NOT_AFTER = ("/sign-in", "/sign-out", "/static/", "/assets/")
_PLAIN = "/=&:@,+~!$'()*;-._"
_WRITTEN = re.compile(r"/[\x21-\x5b\x5d-\x7e]*")
"""Visible ASCII characters without backslashes, which browsers read as slashes."""
_NO_PATH = re.compile(r"[^/]|.*(//|\\|/\.\.?(/|$)|[\x00-\x1f\x7f-\x9f])", re.DOTALL)
"""What a browser could read as another host, or as another path than it looks like."""


def own_path(wanted: str) -> str:
    """Return the path and query that somebody wanted, or the start page for any other address.

    However often the path was encoded, it must be one of this site. A token of a link is left out:
    whoever signs in needs none, and it is to be in no history.
    """
    path, _, query = wanted.partition("#")[0].partition("?")
    if len(wanted) > _MOST_CHARACTERS or not _WRITTEN.fullmatch(wanted) or not _is_own(path):
        return START
    pairs = parse_qsl(query, keep_blank_values=True)
    kept = urlencode([pair for pair in pairs if pair[0] != "token"])
    return f"{path}?{kept}" if kept else path


def _is_own(path: str) -> bool:
    """Tell whether a path and whatever it decodes to is one of this site, after a sign-in."""
    while True:
        if not path or _NO_PATH.match(path) or path.startswith(_NOT_AFTER):
            return False
        if (decoded := unquote(path)) == path:
            return True
        path = decoded


def as_written(path: str, query: bytes) -> str:
    """Return a path that was decoded, and its query, as they stand in an address."""
    return f"{quote(path, safe=_PLAIN)}?{query.decode('ascii', 'replace')}"


def sign_in_address(wanted: str) -> str:
    """Return the address of the sign-in that goes on to a path."""
    path = own_path(wanted)
    return "/sign-in" if path == START else f"/sign-in?next={quote(path, safe='/')}"
