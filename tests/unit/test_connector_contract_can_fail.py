"""The contract finds connectors that break it; a test that cannot fail proves nothing."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from hypersync.connectors.contract import Bench, ConnectorContract, Fragile
from hypersync.connectors.contract.trouble import LACKS, holds_secrets
from hypersync.connectors.csv_file.options import CsvOptions
from hypersync.connectors.ldap.options import LdapOptions
from hypersync.connectors.memory import MemoryConnector, MemorySession, MemorySilo
from hypersync.errors import ScanFailed
from hypersync.model.objects import (
    Batch,
    Change,
    Complete,
    ObjectType,
    Outcome,
    Schema,
    SiloObject,
    Succeeded,
)
from tests.memory_bench import bench_of, make_connector, make_silo

Contract = Callable[[ConnectorContract, Bench], None]


class CarelessSession(MemorySession):
    """Claims that all is well, whatever happens."""

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        given = None if cursor is not None and ":" not in cursor else cursor
        try:
            yield from super().scan(types, given)
        except ScanFailed:
            yield [Complete("1:1")]

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return [Succeeded(None) for _ in changes]

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        return None

    def schema(self) -> Schema:
        return Schema({"user": {}, "group": {}})


class CarelessConnector(MemoryConnector):
    @contextmanager
    def open(self) -> Iterator[MemorySession]:
        yield CarelessSession(self.silo, self._settings, 2)


@pytest.fixture
def silo() -> MemorySilo:
    return make_silo()


@pytest.fixture
def bench(silo: MemorySilo) -> Bench:
    """A bench that claims what a careless connector does not keep."""
    careless = make_connector(silo, kind=CarelessConnector)

    @contextmanager
    def fragile() -> Iterator[Fragile]:
        yield Fragile(connector=careless, cut=lambda: setattr(silo.faults, "break_after", 0))

    return replace(
        bench_of(silo, careless),
        wrong_password=careless,
        fragile=fragile,
        duplicate=lambda: "ann",
        lacks={},
    )


@pytest.mark.parametrize(
    "test",
    [
        ConnectorContract.test_a_cursor_that_nobody_gave_out_is_lost,
        ConnectorContract.test_a_silo_that_went_away_is_unreachable,
        ConnectorContract.test_a_stream_that_breaks_never_completes,
        ConnectorContract.test_a_write_to_a_silo_that_went_away_never_claims_to_be_done,
        ConnectorContract.test_anchors_that_stand_twice_are_invalid,
        ConnectorContract.test_read_only_attributes_are_refused,
        ConnectorContract.test_two_sessions_do_not_disturb_each_other,
        ConnectorContract.test_wrong_password_is_refused,
    ],
)
def test_a_careless_connector_breaks_the_contract(test: Contract, bench: Bench):
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test(ConnectorContract(), bench)


@pytest.mark.parametrize("lack", [name for name in LACKS if name != "wrong_password"])
def test_what_a_bench_does_not_say_fails(lack: str, silo: MemorySilo):
    said = {name: "it is so" for name in LACKS if name not in (lack, "wrong_password")}
    silent = replace(bench_of(silo), fragile=None, duplicate=None, lacks=said)
    with pytest.raises(AssertionError, match=lack):
        ConnectorContract().test_what_the_silo_lacks_is_said(silent)


def test_a_reason_must_be_given(silo: MemorySilo):
    silent = replace(bench_of(silo), lacks=dict.fromkeys(LACKS, " "))
    with pytest.raises(AssertionError, match="duplicate_anchors"):
        ConnectorContract().test_what_the_silo_lacks_is_said(silent)


def test_read_only_attributes_are_not_hidden_from_the_contract(silo: MemorySilo):
    kind = make_connector(silo)
    hiding = replace(bench_of(silo, kind), read_only_attribute=None)
    with pytest.raises(AssertionError, match="name one of them"):
        ConnectorContract().test_read_only_attributes_are_refused(hiding)


def test_secrets_are_found_wherever_the_options_have_them():
    assert holds_secrets(LdapOptions)
    assert not holds_secrets(CsvOptions)
