"""Says in the log where a page failed, without what it was about.

The messages of others may hold what silos, people and browsers sent: attribute values, tokens,
passwords. So only our own are told, and of others their kind and where they were raised.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from hypersync.errors import HyperSyncError

_FRAMES = 12


def told(error: BaseException) -> str:
    """Return an error and what caused it as lines: kinds and places."""
    return "\n".join(_lines(error))


def _lines(error: BaseException) -> Iterator[str]:
    seen: BaseException | None = error
    for _ in range(_FRAMES):
        if seen is None:
            return
        kind = f"{type(seen).__module__}.{type(seen).__qualname__}"
        yield f"{kind}: {seen.message}" if isinstance(seen, HyperSyncError) else kind
        for frame in traceback.extract_tb(seen.__traceback__)[-_FRAMES:]:
            yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
        seen = seen.__cause__ or seen.__context__
