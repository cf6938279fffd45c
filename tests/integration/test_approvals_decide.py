"""Opening requests and deciding them, on a real database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from hypersync.approvals.decide import Ballot, Decided, OfActions, OfRequest, OfRule, decide
from hypersync.errors import DecisionLost, DecisionRefused, NotFound
from hypersync.model.actions import ActionState
from hypersync.model.ids import ActionId, RequestId, RunId
from hypersync.model.requests import Answer, Plan, RequestKind, RequestState, Step
from hypersync.model.scans import (
    Scan,
    ScanId,
    ScanKind,
    ScanState,
    TypeCounts,
    TypeVerdict,
)
from tests.asking import DAY, HOUR, NOON, Stopped, person, stopped

ASK_BOTH = Plan(name="both", steps=(Step(to="person:ann"), Step(to="person:bob")), need=2)


def approve(by: str = "person:ann", **values: str) -> Ballot:
    return Ballot(answer=Answer.APPROVE, by=by, proof="shell", **values)


def reject(by: str = "person:ann", **values: str) -> Ballot:
    return Ballot(answer=Answer.REJECT, by=by, proof="shell", **values)


def answer(world: Stopped, target: object, ballot: Ballot, now=NOON + HOUR) -> Decided:
    return decide(world.store, target, ballot, now=now, settings=world.settings)  # type: ignore[arg-type]


def test_a_request_is_stored_with_its_actions_plan_and_approvers(tmp_path):
    world = stopped(tmp_path, person("ann"), person("eve", roles=frozenset()))
    ids = world.suspend(3)
    request = world.ask(ids)
    assert request.state is RequestState.OPEN
    assert request.approvers == {"ann"}
    assert {action.request for action in world.actions(ids)} == {request.id}
    assert [row["address"] for row in world.rows("delivery")] == ["ann@example.org"]
    assert world.events("request")[0]["told"] == ["ann@example.org"]
    assert world.events("threshold_tripped") == [{"count": 3}]


def test_the_same_rule_asks_for_the_second_time(tmp_path):
    world = stopped(tmp_path)
    world.ask(world.suspend())
    assert world.ask(world.suspend(first=5)).nth == 2
    assert world.ask(world.suspend(first=9, rule="other"), rule="other").nth == 1


def test_a_request_that_reaches_nobody_opens_and_says_so(tmp_path):
    world = stopped(tmp_path, person("ann", roles=frozenset()))
    request = world.ask(world.suspend())
    assert request.state is RequestState.OPEN
    assert not request.notifying
    assert request.detail["problem"] == "nobody is configured who may answer"
    assert world.events("request")[0]["problem"]


def test_an_approval_binds_until_it_runs_out_and_closes_the_request(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend(3)
    request = world.ask(ids)
    decided = answer(world, OfRequest(request.id), approve())
    assert [action.state for action in decided.decided] == [ActionState.APPROVED] * 3
    assert decided.decided[0].decided_by == "person:ann"
    assert decided.decided[0].approved_until == NOON + HOUR + timedelta(days=7)
    closed = world.request(request.id)
    assert closed.state is RequestState.CLOSED
    assert closed.counts["approved"] == 3
    assert closed.closed_at == NOON + HOUR
    assert len(world.rows("decision")) == 3


def test_a_rejection_holds_and_starts_the_throttle(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend(2)
    world.ask(ids)
    answer(world, OfActions((ids[0],)), reject(comment="no"))
    assert world.states(ids) == [ActionState.REJECTED, ActionState.SUSPENDED]
    hold = world.rows("hold")
    assert [(row["identity"], row["by"]) for row in hold] == [(1, "person:ann")]
    assert hold[0]["until"] == NOON + HOUR + timedelta(days=30)
    marks = world.rows("execution_mark")
    assert [(row["identity"], row["last_start"]) for row in marks] == [(1, NOON + HOUR)]


def test_several_ids_are_decided_all_or_none(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend(3)
    world.ask(ids)
    answer(world, OfActions((ids[0],)), reject())
    late = answer(world, OfActions(tuple(ids)), approve())
    assert [action.id for action in late.lost] == [ids[0]]
    assert world.states(ids)[1:] == [ActionState.SUSPENDED] * 2


def test_the_same_answer_again_is_fine_and_writes_nothing(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend(2)
    request = world.ask(ids)
    answer(world, OfRequest(request.id), approve())
    again = answer(world, OfRequest(request.id), approve())
    assert len(again.decided) == 2
    assert not again.lost
    assert len(world.rows("decision")) == 2


def test_the_other_answer_is_lost_and_says_who_decided(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"))
    ids = world.suspend()
    world.ask(ids)
    answer(world, OfActions(tuple(ids)), approve())
    late = answer(world, OfActions(tuple(ids)), reject("person:bob"))
    assert not late.decided
    assert late.lost[0].decided_by == "person:ann"


def test_the_link_of_a_run_and_rule_leaves_vip_requests_alone(tmp_path):
    world = stopped(tmp_path)
    many, chief = world.suspend(3), world.suspend(1, first=50, vip="executives")
    world.ask(many)
    world.ask(chief, kind=RequestKind.VIP, vip="executives")
    answer(world, OfRule(world.run, "disable-leaver"), approve())
    assert world.states(many) == [ActionState.APPROVED] * 3
    assert world.states(chief) == [ActionState.SUSPENDED]


def test_two_different_people_must_approve_where_the_plan_says_so(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[ASK_BOTH])
    ids = world.suspend(2)
    request = world.ask(ids, plan="both")
    first = answer(world, OfRequest(request.id), approve())
    assert [action.id for action in first.waiting] == ids
    assert not first.decided
    assert world.states(ids) == [ActionState.SUSPENDED] * 2
    second = answer(world, OfRequest(request.id), approve("person:bob"))
    assert [action.state for action in second.decided] == [ActionState.APPROVED] * 2


def test_S06_one_person_twice_is_one_vote(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[ASK_BOTH])
    ids = world.suspend()
    request = world.ask(ids, plan="both")
    answer(world, OfRequest(request.id), approve())
    answer(world, OfRequest(request.id), approve())
    assert world.states(ids) == [ActionState.SUSPENDED]
    assert len(world.rows("decision")) == 1


def test_S06_a_delegate_does_not_vote_besides_the_one_they_stand_in_for(tmp_path):
    world = stopped(
        tmp_path,
        person("ann", delegate="dee"),
        person("bob"),
        person("dee", roles=frozenset()),
        plans=[ASK_BOTH],
    )
    ids = world.suspend()
    request = world.ask(ids, plan="both")
    answer(world, OfRequest(request.id), approve())
    answer(world, OfRequest(request.id), approve("person:dee"))
    assert world.states(ids) == [ActionState.SUSPENDED]
    answer(world, OfRequest(request.id), approve("person:bob"))
    assert world.states(ids) == [ActionState.APPROVED]


def test_one_rejection_decides_whatever_was_approved(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[ASK_BOTH])
    ids = world.suspend()
    request = world.ask(ids, plan="both")
    answer(world, OfRequest(request.id), approve())
    answer(world, OfRequest(request.id), reject("person:bob", comment="too many"))
    assert world.states(ids) == [ActionState.REJECTED]


def test_a_rejection_needs_a_reason_where_the_plan_says_so(tmp_path):
    plan = Plan(name="p", steps=(Step(to="person:ann"),))
    world = stopped(tmp_path, plans=[plan])
    ids = world.suspend()
    request = world.ask(ids, plan="p")
    with pytest.raises(DecisionRefused, match="a reason is needed"):
        answer(world, OfRequest(request.id), reject(comment="  "))
    assert world.states(ids) == [ActionState.SUSPENDED]


@pytest.mark.parametrize(
    "who", ["person:eve", "person:nobody", "cli:root", "expiry", "", "person:"]
)
def test_only_people_who_were_asked_may_answer(tmp_path, who):
    world = stopped(tmp_path, person("ann"), person("eve", roles=frozenset({"viewer"})))
    ids = world.suspend()
    world.ask(ids)
    with pytest.raises(DecisionRefused):
        answer(world, OfActions(tuple(ids)), approve(who))
    assert world.states(ids) == [ActionState.SUSPENDED]


@pytest.mark.parametrize(
    ("who", "started_by"),
    [
        ("ann", "person:ann"),
        ("ann", "cli:ann-laptop"),
        ("dee", "person:ann"),
        ("dee", "cli:ann-laptop"),
    ],
)
def test_S05_nobody_approves_a_run_they_started_not_by_alias_nor_delegate(
    tmp_path, who, started_by
):
    world = stopped(
        tmp_path,
        person("ann", os_user="ann-laptop", delegate="dee"),
        person("dee"),
        started_by=started_by,
    )
    ids = world.suspend()
    world.ask(ids)
    with pytest.raises(DecisionRefused, match="started the run"):
        answer(world, OfActions(tuple(ids)), approve(f"person:{who}"))


def test_S05_nobody_decides_about_themselves(tmp_path):
    world = stopped(tmp_path, person("ann", identity="e1007"), person("bob"))
    ids = world.suspend(2, first=7)
    world.ask(ids)
    world.write("identity", id=7, key="value:e1007")
    with pytest.raises(DecisionRefused, match="about themselves"):
        answer(world, OfActions((ids[0],)), approve())
    answer(world, OfActions((ids[1],)), approve())
    answer(world, OfActions((ids[0],)), approve("person:bob"))
    assert world.states(ids) == [ActionState.APPROVED] * 2


def test_a_plan_may_allow_people_to_decide_about_their_own_runs(tmp_path):
    plan = Plan(name="own", steps=(Step(to="person:ann"),), allow_self=True)
    world = stopped(tmp_path, plans=[plan], started_by="person:ann")
    ids = world.suspend()
    world.ask(ids, plan="own")
    answer(world, OfActions(tuple(ids)), approve())
    assert world.states(ids) == [ActionState.APPROVED]


def test_S08_somebody_who_lost_the_role_since_may_not_answer(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"))
    ids = world.suspend()
    world.ask(ids)
    left = stopped(tmp_path / "other", person("bob"))
    with pytest.raises(DecisionRefused):
        decide(
            world.store, OfActions(tuple(ids)), approve(), now=NOON + HOUR, settings=left.settings
        )


def test_somebody_who_became_an_approver_later_may_not_answer(tmp_path):
    world = stopped(tmp_path, person("ann"))
    ids = world.suspend()
    world.ask(ids)
    grown = stopped(tmp_path / "other", person("ann"), person("new"))
    with pytest.raises(DecisionRefused):
        decide(
            world.store,
            OfActions(tuple(ids)),
            approve("person:new"),
            now=NOON + HOUR,
            settings=grown.settings,
        )


def test_S08_what_expired_cannot_be_decided(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend()
    request = world.ask(ids)
    late = answer(world, OfRequest(request.id), approve(), now=NOON + DAY)
    assert [action.id for action in late.lost] == ids
    assert world.states(ids) == [ActionState.SUSPENDED]


def test_S10_what_was_shown_is_what_is_decided(tmp_path):
    from hypersync.approvals.links import list_digest

    world = stopped(tmp_path, person("ann"), person("bob"))
    ids = world.suspend(3)
    request = world.ask(ids)
    shown = list_digest([(action.id, action.fingerprint) for action in world.actions(ids)])
    assert shown == request.digest
    answer(world, OfActions((ids[0],)), reject("person:bob"))
    with pytest.raises(DecisionLost, match="changed since it was shown"):
        answer(world, OfRequest(request.id, shown), approve())
    assert world.states(ids)[1:] == [ActionState.SUSPENDED] * 2


def test_S07_fifty_at_once_make_one_transition(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"))
    ids = world.suspend(3)
    request = world.ask(ids)
    ballots = [approve("person:ann"), reject("person:bob")] * 25
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda each: answer(world, OfRequest(request.id), each), ballots))
    states = set(world.states(ids))
    assert len(states) == 1
    assert len(world.rows("decision")) == 3
    winners = [result for result in results if result.decided]
    assert len(winners) == 25
    assert all(result.lost for result in results if not result.decided)


def test_unknown_ids_are_not_found(tmp_path):
    world = stopped(tmp_path)
    for target in (
        OfActions((ActionId("nothing"),)),
        OfRequest(RequestId("nothing")),
        OfRule(RunId("nothing"), "none"),
    ):
        with pytest.raises(NotFound):
            answer(world, target, approve())


def test_without_people_the_owner_of_the_configuration_decides(tmp_path):
    world = stopped(tmp_path, started_by="cli:root", owner="root")
    world.settings.directory.people.clear()  # type: ignore[attr-defined]
    ids = world.suspend(2)
    request = world.ask(ids)
    with pytest.raises(DecisionRefused):
        answer(world, OfRequest(request.id), approve("cli:somebody"))
    decided = answer(world, OfRequest(request.id), approve("cli:root"))
    assert {action.decided_by for action in decided.decided} == {"cli:root"}


def test_thousands_are_decided_in_a_moment(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend(3000)
    request = world.ask(ids)
    answer(world, OfRequest(request.id), reject())
    assert world.request(request.id).counts["rejected"] == 3000
    assert len(world.rows("hold")) == 3000


SCAN = {"kind": RequestKind.SCAN, "rule": None, "run": None, "expires_at": None, "count": 40}


def suspended_scan(world: Stopped, name: str = "scan-1") -> str:
    verdict = TypeVerdict(counts=TypeCounts(seen=60), reasons=("40 of 100 are missing",))
    scan = Scan(
        id=ScanId(name),
        silo="directory",
        stream="user",
        kind=ScanKind.FULL,
        state=ScanState.SUSPENDED,
        started_at=NOON,
        types={"user": verdict},
    )
    with world.store.begin() as unit:
        unit.scans.start(scan)
    return name


def test_a_scan_takes_as_many_people_as_its_plan_needs(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[ASK_BOTH])
    request = world.ask([], scan=suspended_scan(world), plan="both", **SCAN)
    assert answer(world, OfRequest(request.id), approve()).needs_another
    assert world.request(request.id).state is RequestState.OPEN
    assert not answer(world, OfRequest(request.id), approve("person:bob")).needs_another
    assert world.request(request.id).state is RequestState.CLOSED
    assert world.rows("scan")[0]["state"] == "approved"
    assert answer(world, OfRequest(request.id), approve()).scan == "scan-1"
    with pytest.raises(DecisionLost, match="ended already"):
        answer(world, OfRequest(request.id), reject(comment="no"))


def test_a_scan_that_is_not_the_one_shown_is_not_decided(tmp_path):
    world = stopped(tmp_path)
    request = world.ask([], scan=suspended_scan(world), **SCAN)
    with pytest.raises(DecisionLost, match="newer scan"):
        answer(world, OfRequest(request.id, "another list"), approve())
    assert world.rows("decision") == []


def test_a_scan_that_is_gone_is_not_decided(tmp_path):
    world = stopped(tmp_path)
    request = world.ask([], scan="gone", **SCAN)
    with pytest.raises(DecisionLost, match="not waiting any more"):
        answer(world, OfRequest(request.id), approve())
    assert world.request(request.id).state is RequestState.OPEN


def test_an_action_nobody_was_asked_about_is_not_decided(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend()
    with pytest.raises(NotFound, match="nobody was asked"):
        answer(world, OfActions(tuple(ids)), approve())
