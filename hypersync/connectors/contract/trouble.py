"""What goes wrong: passwords, servers that go away, streams that break, repeated anchors."""

import typing
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain, islice

import pytest
from pydantic import BaseModel

from hypersync.config.values import Secret
from hypersync.connectors.contract.bench import Bench, seen
from hypersync.errors import ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.objects import (
    Complete,
    Invalid,
    ObjectType,
    RetryAfter,
    ScanEvent,
    Unknown,
)
from hypersync.ports.connector import Connector

LACKS = ("wrong_password", "truncated_stream", "server_gone", "duplicate_anchors")


class TroubleContract:
    def test_what_the_silo_lacks_is_said(self, bench: Bench) -> None:
        takes_passwords = holds_secrets(bench.connector.options)
        given = {
            "wrong_password": bench.wrong_password is not None or not takes_passwords,
            "truncated_stream": bench.fragile is not None,
            "server_gone": bench.fragile is not None,
            "duplicate_anchors": bench.duplicate is not None,
        }
        said = {name for name, why in bench.lacks.items() if why.strip()}
        unsaid = sorted(name for name in LACKS if not given[name] and name not in said)
        assert not unsaid, f"give the bench what these need, or say why not in its lacks: {unsaid}"
        assert said <= set(LACKS)
        assert not (bench.wrong_password and "wrong_password" in said)
        assert not (bench.duplicate and "duplicate_anchors" in said)

    def test_wrong_password_is_refused(self, bench: Bench) -> None:
        if bench.wrong_password is None:  # said or shown above
            return
        with pytest.raises(SiloRefused) as caught, bench.wrong_password.open() as session:
            session.read(bench.user, bench.hands.anchor("ann"))
        assert caught.value.message

    def test_a_stream_that_breaks_never_completes(self, bench: Bench) -> None:
        if bench.fragile is None or "truncated_stream" in bench.lacks:  # said above
            return
        events: list[ScanEvent] = []
        with bench.fragile() as fragile, fragile.connector.open() as session:
            batches = iter(session.scan(users_of(bench, fragile.connector), None))
            events += next(batches)
            fragile.cut()
            with pytest.raises((ScanFailed, SiloUnreachable)):
                events.extend(event for batch in batches for event in batch)
        assert not any(isinstance(each, Complete) for each in events)

    def test_a_stream_that_breaks_later_completes_only_if_it_told_all(self, bench: Bench) -> None:
        if bench.fragile is None or "truncated_stream" in bench.lacks:  # said above
            return
        with bench.fragile() as fragile, fragile.connector.open() as session:
            types = users_of(bench, fragile.connector)
            all_of_it = seen(list(chain.from_iterable(session.scan(types, None))), bench.user)
            assert all_of_it == seen(bench.scan(bench.user), bench.user)
            batches = session.scan(types, None)
            events = list(chain.from_iterable(islice(batches, 2)))
            assert not any(isinstance(each, Complete) for each in events), "give it more pages"
            fragile.cut()
            with suppress(ScanFailed, SiloUnreachable):
                events += chain.from_iterable(batches)
        if any(isinstance(each, Complete) for each in events):
            assert seen(events, bench.user) == all_of_it

    def test_a_silo_that_went_away_is_unreachable(self, bench: Bench) -> None:
        if bench.fragile is None or "server_gone" in bench.lacks:  # said above
            return
        ann = bench.hands.anchor("ann")
        with bench.fragile() as fragile:
            with fragile.connector.open() as session:
                fragile.cut()
                with pytest.raises(SiloUnreachable):
                    session.read(bench.user, ann)
            with pytest.raises(SiloUnreachable), fragile.connector.open() as session:
                session.read(bench.user, ann)

    def test_a_write_to_a_silo_that_went_away_never_claims_to_be_done(self, bench: Bench) -> None:
        if bench.fragile is None or "server_gone" in bench.lacks:  # said above
            return
        change = bench.update("ann", {"title": "Clerk"}, {"title": "Boss"})
        with bench.fragile() as fragile, fragile.connector.open() as session:
            fragile.cut()
            with suppress(SiloUnreachable):
                (outcome,) = session.apply([change])
                assert isinstance(outcome, RetryAfter | Unknown)
        assert bench.read("ann")["title"] == "Clerk"

    def test_anchors_that_stand_twice_are_invalid(self, bench: Bench) -> None:
        if bench.duplicate is None:  # said above
            return
        anchor = bench.duplicate()
        events = bench.scan(bench.user)
        assert anchor in [each.anchor for each in events if isinstance(each, Invalid)]


def users_of(bench: Bench, connector: Connector) -> Sequence[ObjectType]:
    """Return what another connector to the same silo scans together with the users."""
    names = ((each, [kind.name for kind in each]) for each in connector.streams())
    return next(stream for stream, named in names if bench.user.name in named)


def holds_secrets(kind: object) -> bool:
    """Tell whether a model of options has a secret anywhere."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return any(holds_secrets(each.annotation) for each in kind.model_fields.values())
    return kind is Secret or any(map(holds_secrets, typing.get_args(kind)))
