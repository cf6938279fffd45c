"""Where the chain ends now and what waits for its seal: cheap, and verifies nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hypersync.audit.chain import Head, read_seal
from hypersync.ports.store import Store


@dataclass(frozen=True, slots=True)
class ChainState:
    """The last seal, when it was made, and how many events after it have none yet."""

    head: Head
    sealed_at: datetime | None
    unsealed: int


def chain_state(store: Store) -> ChainState:
    """Return where the chain ends."""
    with store.snapshot() as unit:
        last = next(iter(unit.events.last_sealed(1)), None)
        unsealed = unit.events.count_unsealed(None if last is None else last.id)
    if last is None:
        return ChainState(Head(), None, unsealed)
    seal = read_seal(last.seal)
    number = 0 if seal is None else seal.number
    head = Head(number, last.seal or "", last.id)
    return ChainState(head, None if seal is None else seal.made_at, unsealed)
