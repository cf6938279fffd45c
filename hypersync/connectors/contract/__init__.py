"""The contract that every connector keeps, as tests to inherit.

A connector's test class inherits `ConnectorContract` and gives the fixture ``bench``: a silo with
the users ann, bob and zoë and the group staff (whose member is ann), and hands to play somebody
else in it. The attributes are those of inetOrgPerson and groupOfNames everywhere. It needs pytest,
which nothing else of HyperSync does.

What a silo cannot do, its bench says; see `Bench.lacks`. Nothing is passed over in silence.
"""

import pytest

from hypersync.connectors.contract.bench import (
    Bench,
    Fragile,
    Hands,
    is_reported_gone,
    seen,
    succeeded,
)
from hypersync.connectors.contract.comparing import ComparingContract
from hypersync.connectors.contract.deltas import DeltaContract
from hypersync.connectors.contract.effects import EffectsContract
from hypersync.connectors.contract.following import FollowingContract
from hypersync.connectors.contract.reading import ReadingContract
from hypersync.connectors.contract.sessions import SessionContract
from hypersync.connectors.contract.trouble import TroubleContract
from hypersync.connectors.contract.writing import WritingContract

__all__ = [
    "Bench",
    "ConnectorContract",
    "Fragile",
    "Hands",
    "is_reported_gone",
    "seen",
    "succeeded",
]


class ConnectorContract(
    ReadingContract,
    SessionContract,
    DeltaContract,
    FollowingContract,
    WritingContract,
    ComparingContract,
    EffectsContract,
    TroubleContract,
):
    @pytest.fixture
    def bench(self) -> Bench:
        raise AssertionError("a connector's test class gives its own bench")
