"""Scans that people are asked about, with the requests and decisions of the product."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from hypersync.approvals.decide import Ballot, OfRequest, decide
from hypersync.approvals.open import open_request
from hypersync.approvals.settings import Settings
from hypersync.errors import DecisionLost
from hypersync.model.actions import ActionState
from hypersync.model.ids import ActionId, RequestId
from hypersync.model.requests import Answer, Request, RequestState
from hypersync.model.scans import ScanState
from tests.asking import Stopped, settings
from tests.databases import open_store
from tests.scanning import Desk, Silo, join_rule, people, put, remove, silo


@dataclass
class AskingDesk(Desk):
    settings: Settings | None = None

    def _ask(self, unit, draft, now) -> RequestId:
        self.asked.append(draft)
        return open_request(unit, draft, now, settings=self.settings)

    def request(self, silo: Silo) -> Request | None:
        with self.store.snapshot() as unit:
            return unit.requests.of_silo(silo.name, silo.types[0].name)

    def answer(self, request: Request, answer: Answer) -> None:
        ballot = Ballot(
            answer=answer, by="person:ann", proof="code", comment="I looked at the list"
        )
        decide(self.store, OfRequest(request.id), ballot, now=self.now, settings=self.settings)


@pytest.fixture
def hr() -> Silo:
    return silo("hr", "person")


@pytest.fixture
def desk(tmp_path) -> Iterator[AskingDesk]:
    joins = [join_rule("hr", "person", "id"), join_rule("ad", "user", "number", index=1)]
    desk = AskingDesk(open_store(tmp_path), joins, settings=settings())
    yield desk
    desk.store.engine.dispose()


def suspended(desk: AskingDesk, hr: Silo, missing: int = 10) -> Request:
    people(hr, range(100))
    desk.applied(hr)
    remove(hr, *(f"p{number}" for number in range(missing)))
    assert desk.scan(hr, full=True).state is ScanState.SUSPENDED
    found = desk.request(hr)
    assert found is not None
    return found


def test_a_suspended_scan_asks_and_its_question_does_not_expire(desk, hr):
    request = suspended(desk, hr)
    assert request.count == 10
    assert request.expires_at is None
    assert request.sentence == (
        "The scan of hr/person was stopped: 10 of 100 objects are missing, 5 allowed (5%)."
    )


def test_an_approved_scan_is_applied_by_the_next_sync(desk, hr):
    desk.answer(suspended(desk, hr), Answer.APPROVE)
    assert desk.live(hr) == 100
    desk.apply_approved(hr)
    assert desk.live(hr) == 90


def test_a_rejected_scan_changes_nothing(desk, hr):
    desk.answer(suspended(desk, hr), Answer.REJECT)
    assert desk.apply_approved(hr) == []
    assert desk.live(hr) == 100


def test_a_newer_scan_updates_the_open_request(desk, hr):
    request = suspended(desk, hr)
    people(hr, range(2))
    desk.scan(hr, full=True)
    newer = desk.request(hr)
    assert newer.id == request.id
    assert (newer.count, newer.scan) == (8, desk.asked[-1].scan)
    desk.answer(newer, Answer.APPROVE)
    desk.apply_approved(hr)
    assert desk.live(hr) == 92


def test_a_newer_scan_that_misses_others_asks_anew(desk, hr):
    request = suspended(desk, hr)
    people(hr, range(10))
    remove(hr, *(f"p{number}" for number in range(50, 60)))
    desk.scan(hr, full=True)
    newer = desk.request(hr)
    assert newer.id != request.id
    assert newer.count == request.count
    with desk.store.snapshot() as unit:
        assert unit.requests.get(request.id).state is RequestState.VOID
    with pytest.raises(DecisionLost):
        desk.answer(request, Answer.APPROVE)
    desk.answer(newer, Answer.APPROVE)
    desk.apply_approved(hr)
    assert desk.live(hr) == 90
    assert desk.get(hr, "p1") is not None


def many_missing(desk: AskingDesk, hr: Silo) -> Request:
    people(hr, range(1200))
    desk.applied(hr)
    remove(hr, *(f"p{number}" for number in range(600)))
    desk.scan(hr, full=True)
    return desk.request(hr)


def test_the_same_again_keeps_a_request_that_cannot_list_everything(desk, hr):
    request = many_missing(desk, hr)
    desk.scan(hr, full=True)
    newer = desk.request(hr)
    assert (newer.id, newer.scan) == (request.id, desk.asked[-1].scan)


def test_a_request_that_cannot_list_everything_is_asked_anew_when_others_are_missing(desk, hr):
    request = many_missing(desk, hr)
    people(hr, range(599, 600))
    remove(hr, "p1199")
    desk.scan(hr, full=True)
    newer = desk.request(hr)
    assert newer.id != request.id
    assert newer.count == request.count


def rekey(hr: Silo, numbers: range) -> None:
    for number in range(100):
        shift = 1000 if number in numbers else 0
        put(hr, f"p{number}", {"id": str(number + shift), "name": f"Person {number}"})


def test_other_changed_join_values_are_asked_about_anew(desk, hr):
    rekey(hr, range(0))
    desk.applied(hr)
    rekey(hr, range(5))
    assert desk.scan(hr, full=True).state is ScanState.SUSPENDED
    request = desk.request(hr)
    desk.scan(hr, full=True)
    assert desk.request(hr).id == request.id
    rekey(hr, range(50, 55))
    desk.scan(hr, full=True)
    assert desk.request(hr).id != request.id


def test_a_silo_that_is_whole_again_withdraws_the_question(desk, hr):
    request = suspended(desk, hr)
    people(hr, range(10))
    desk.applied(hr, full=True)
    assert desk.request(hr) is None
    with desk.store.snapshot() as unit:
        assert unit.requests.get(request.id).state is RequestState.VOID
    with pytest.raises(DecisionLost):
        desk.answer(request, Answer.APPROVE)


def test_regrouping_voids_the_open_actions_of_both(desk, hr):
    ad = silo("ad", "user")
    people(hr, range(3))
    put(ad, "u1", {"number": None})
    desk.applied(hr)
    desk.applied(ad)
    kept, apart = desk.get(hr, "p1").identity, desk.get(ad, "u1").identity
    other = desk.get(hr, "p2").identity
    run = Stopped(desk.store, desk.settings).start()
    ids = [
        action
        for number, identity in enumerate((kept, apart, other))
        for action in run.suspend(rule=f"rule-{number}", first=identity, now=desk.now)
    ]
    put(ad, "u1", {"number": "1"})
    desk.applied(ad)
    assert states(desk, ids) == [ActionState.VOID, ActionState.VOID, ActionState.SUSPENDED]


def test_a_hold_is_handed_on_to_who_is_split_off(desk, hr):
    ad = silo("ad", "user")
    people(hr, range(3))
    put(ad, "u1", {"number": "1"})
    desk.applied(hr)
    desk.applied(ad)
    origin = desk.get(hr, "p1").identity
    with desk.store.begin() as unit:
        unit._connection.exec_driver_sql(
            "INSERT INTO hold (key, rule, identity, fingerprint, until, at, times) "
            "VALUES (?, 'leaver', ?, 'print', '2027-01-01 00:00:00', '2026-01-01 00:00:00', 1)",
            (f"leaver|{origin}|7", origin),
        )
        unit.identities.remember_vips({origin: {"boss": "2026-03-01T00:00:00+00:00"}})
    put(ad, "u1", {"number": "new"})
    desk.now += timedelta(minutes=1)
    desk.applied(ad)
    heir = desk.get(ad, "u1").identity
    with desk.store.snapshot() as unit:
        assert unit.marks.holds([heir]).keys() == {f"leaver|{heir}|7"}
        assert unit.identities.vips([heir])[heir] == {"boss": "2026-03-01T00:00:00+00:00"}


def states(desk: AskingDesk, ids: list[ActionId]) -> list[ActionState]:
    with desk.store.snapshot() as unit:
        found = {action.id: action.state for action in unit.actions.get(ids)}
    return [found[each] for each in ids]
