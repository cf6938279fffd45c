"""Writes to one silo over several sessions at once, as many as the silo's ``parallel`` allows.

What belongs together stays in one lane and in its order: changes of one object, and creates of
which one stands below the other. Each further lane is a thread with a session of its own, opened,
used and closed in it. A lane that cannot be opened leaves its share to the first one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from hypersync.errors import SiloError
from hypersync.model.joins import normal_reference
from hypersync.model.objects import Change, Operation, Outcome, Unknown
from hypersync.pipeline.silos import Reach, Silos


class Lanes:
    """The sessions over which one silo is written.

    ``reach`` is the first lane's, which is this thread's.
    """

    def __init__(self, silos: Silos, silo: str, stack: ExitStack) -> None:
        self.reach = Reach(silos, silo, stack)
        more = silos.parallel.get(silo, 1) - 1
        self._more = [stack.enter_context(_lane(silos, silo)) for _ in range(more)]

    def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        """Return one outcome for each change, in their order.

        Raises `SiloError` when the silo cannot be opened; nothing was written then. What a session
        did before it broke off has to be read back.
        """
        self.reach.opened()
        shares = _shares(changes, 1 + len(self._more))
        under_way = [
            (lane.begin([changes[each] for each in share]), share)
            for lane, share in zip(self._more, shares[1:], strict=False)
        ]
        outcomes = dict(self._first(changes, shares[0]))
        left: list[int] = []
        for future, share in under_way:
            answers = future.result()
            if answers is None:
                left += share
            else:
                outcomes |= zip(share, answers, strict=True)
        outcomes |= self._first(changes, left)
        return [outcomes[each] for each in range(len(changes))]

    def _first(
        self, changes: Sequence[Change], share: Sequence[int]
    ) -> Iterable[tuple[int, Outcome]]:
        """Apply what is the first lane's, a second time only what another lane left."""
        if not share:
            return ()
        return zip(share, _applied(self.reach, [changes[each] for each in share]), strict=True)


class _Lane:
    """A thread with a session of its own, opened when it is needed first."""

    def __init__(self, reach: Reach, thread: ThreadPoolExecutor) -> None:
        self._reach = reach
        self._thread = thread

    def begin(self, changes: Sequence[Change]) -> Future[list[Outcome] | None]:
        """Apply the changes in the thread; ``None`` comes when the silo cannot be opened."""
        return self._thread.submit(self._apply, changes)

    def _apply(self, changes: Sequence[Change]) -> list[Outcome] | None:
        try:
            self._reach.opened()
        except SiloError:
            return None
        return _applied(self._reach, changes)


@contextmanager
def _lane(silos: Silos, silo: str) -> Iterator[_Lane]:
    with ThreadPoolExecutor(1, thread_name_prefix=f"writes-{silo}") as thread:
        stack = ExitStack()
        try:
            yield _Lane(Reach(silos, silo, stack), thread)
        finally:
            thread.submit(stack.close).result()


def _applied(reach: Reach, changes: Sequence[Change]) -> list[Outcome]:
    try:
        return list(reach.opened().apply(changes))
    except SiloError as error:
        # the call broke off: what it did before that has to be read back
        reach.broke_off()
        return [Unknown(error.message)] * len(changes)


def _shares(changes: Sequence[Change], width: int) -> list[list[int]]:
    """Deal the changes out to the lanes, by their places in the sequence; some may be empty."""
    shares: list[list[int]] = [[] for _ in range(width)]
    created = {_created(each) for each in changes} - {None}
    lanes: dict[object, int] = {}
    for place, change in enumerate(changes):
        key = _topmost(change, created) or (change.type.name, change.anchor or change.key)
        shares[lanes.setdefault(key, len(lanes) % width)].append(place)
    return shares


def _created(change: Change) -> str | None:
    dn = (change.after or {}).get("dn")
    is_named = change.operation is Operation.CREATE and isinstance(dn, str)
    return normal_reference(str(dn)) if is_named else None


def _topmost(change: Change, created: Iterable[str | None]) -> str | None:
    """Return the highest of the created names that a new object stands below, itself included."""
    name = _created(change)
    if name is None:
        return None
    above = [each for each in created if each is not None and name.endswith(f",{each}")]
    return min(above, key=len, default=name)
