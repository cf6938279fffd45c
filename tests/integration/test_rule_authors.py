"""Whoever changed a rule does not approve what it wants: whole runs, on both databases."""

import threading
from datetime import timedelta

import pytest

from hypersync.approvals.authors import note_rules
from hypersync.approvals.decide import Ballot, Decided, OfActions, decide
from hypersync.approvals.settings import Loaded
from hypersync.errors import DecisionRefused
from hypersync.model.actions import ActionState
from hypersync.model.ids import RunId
from hypersync.model.requests import Answer
from tests.asking import NOON, settings
from tests.postgresql import both_databases
from tests.worlds import DISABLE

PEOPLE = """\
people:
  ann: {email: ann@example.org, roles: [approver], os_user: ann, delegate: dee}
  bob: {email: bob@example.org, roles: [approver], os_user: bob}
  cy: {email: cy@example.org, roles: [approver]}
  dee: {email: dee@example.org, roles: [approver]}
  ops: {email: ops@example.org, roles: [viewer], os_user: ops}
plans:
  own: {steps: [{to: "person:ann"}], allow_self: true}
"""
RAISED = DISABLE.replace("limit: 2", "limit: 3")
WIDER = DISABLE.replace("hr.status == 'left'", "hr.status != 'active'")
SUSPENDED, APPROVED = ActionState.SUSPENDED, ActionState.APPROVED


@pytest.fixture
def office(world):
    """A world with people, where the operator ran the first rules."""
    world.people(range(30))
    start(world, "ops", DISABLE)
    world.run()
    return world


def start(world, user, rules, more=""):
    """Somebody starts the program with these rules."""
    world.started_by = f"cli:{user}"
    world.rules(rules, more=PEOPLE + more)


def stop(world, *numbers, started_by=None):
    """Let so many leave that their rule is stopped; return what waits."""
    known = {action.id for action in world.suspended()}
    world.leave(*(numbers or range(4)))
    world.later(minutes=1)
    world.scan()
    world.sync("full", started_by=started_by)
    return [action for action in world.suspended() if action.id not in known]


def answer(world, who, *actions, reply=Answer.APPROVE) -> Decided:
    ids = tuple(action.id for action in actions)
    ballot = Ballot(answer=reply, by=f"person:{who}", proof="code", comment="a test")
    now = world.clock.now()
    return decide(world.app.store, OfActions(ids), ballot, now=now, settings=world.app.settings)


def refused(world, who, *actions) -> str:
    with pytest.raises(DecisionRefused) as caught:
        answer(world, who, *actions)
    assert set(world.states(actions)) == {SUSPENDED}
    return caught.value.message


def request_of(world, action):
    with world.app.store.snapshot() as unit:
        return unit.requests.get(action.request)


@both_databases
@pytest.mark.parametrize("rules", [RAISED, WIDER])
def test_S05_the_author_of_a_rule_and_their_delegate_do_not_approve_what_it_wants(office, rules):
    start(office, "ann", rules)
    office.sync(commit=False)
    start(office, "ops", rules)
    actions = stop(office)
    assert len(actions) == 4
    said = "changed this rule at 2026-03-02 08:01 UTC (or stands in for who did); another person"
    assert f"ann {said}" in refused(office, "ann", *actions)
    assert f"dee {said}" in refused(office, "dee", *actions)
    answer(office, "bob", *actions)
    assert set(office.states(actions)) == {APPROVED}


@both_databases
def test_what_a_new_database_sees_first_is_nobodys_change(office):
    actions = stop(office)
    answer(office, "ann", *actions)
    assert set(office.states(actions)) == {APPROVED}
    assert {row[-1] for row in office.rows("rule_publication")} <= {1}
    assert request_of(office, actions[0]).detail.get("rule_change") is None


def test_renaming_a_rule_or_writing_a_new_one_is_a_change_too(office):
    start(office, "ann", DISABLE.replace("disable-leaver", "disable-left"))
    office.sync(commit=False)
    start(office, "ops", DISABLE.replace("disable-leaver", "disable-left"))
    actions = stop(office)
    assert "changed this rule" in refused(office, "ann", *actions)


def test_taking_a_rule_out_and_putting_it_back_is_a_change(office):
    start(office, "ops", "ruleset: none\nrules: []\n")
    office.sync()
    office.later(minutes=1)
    start(office, "ann", DISABLE)
    office.sync(commit=False)
    start(office, "ops", DISABLE)
    assert "changed this rule" in refused(office, "ann", *stop(office))


def test_going_back_to_what_a_rule_said_before_is_a_change(office):
    office.later(minutes=1)
    start(office, "bob", DISABLE.replace("limit: 2", "limit: 1"))
    office.sync()
    office.later(minutes=1)
    start(office, "ann", DISABLE)
    office.sync(commit=False)
    start(office, "ops", DISABLE)
    actions = stop(office)
    assert "changed this rule" in refused(office, "ann", *actions)
    answer(office, "bob", *actions)


def test_a_process_that_runs_on_with_the_rules_of_before_changes_nothing(office):
    old = office.app
    office.later(minutes=1)
    start(office, "ann", RAISED)
    office.sync(commit=False)
    new, office.app = office.app, old
    rows = office.rows("rule_publication")
    actions = stop(office, 0, 1, 2)
    assert office.rows("rule_publication") == rows
    answer(office, "ann", *actions)
    office.app = new
    office.sync(commit=False)
    assert office.rows("rule_publication") == rows


def test_only_what_is_asked_under_the_change_is_barred_to_its_author(office):
    before = stop(office, 0, 1, 2)
    start(office, "ann", RAISED)
    office.sync(commit=False)
    start(office, "ops", RAISED)
    after = stop(office, *range(10, 15))
    assert "changed this rule" in refused(office, "ann", *after)
    answer(office, "ann", *before)
    assert set(office.states(before)) == {APPROVED}


def test_reading_commands_make_nobody_an_author(office):
    start(office, "bob", RAISED)
    office.app.why(office.identity(1))
    office.scan()
    office.tick()
    start(office, "ann", RAISED)
    office.sync(commit=False)
    start(office, "ops", RAISED)
    actions = stop(office)
    refused(office, "ann", *actions)
    answer(office, "bob", *actions)


def test_the_audit_trail_names_who_changed_which_rule(office):
    start(office, "ann", RAISED)
    tried = office.sync(commit=False)
    office.sync(commit=False)
    start(office, "ops", RAISED)
    changed = office.sync()
    with office.app.store.snapshot() as unit:
        events = [each for each in unit.events.recent(50) if each.kind.startswith("rule_")]
    assert [(each.kind, each.rule, each.run, each.by) for each in reversed(events)] == [
        ("rule_previewed", "disable-leaver", tried.id, "cli:ann"),
        ("rule_changed", "disable-leaver", changed.id, "cli:ops"),
    ]
    assert [each.data for each in events] == [{"people": ["ann"]}] * 2


@both_databases
@pytest.mark.parametrize("rules", [RAISED, "ruleset: none\nrules: []\n"])
def test_a_preview_of_other_rules_puts_nothing_in_force(office, rules):
    office.later(minutes=1)
    start(office, "daemon", rules)
    office.sync(commit=False)
    office.later(minutes=1)
    start(office, "daemon", DISABLE)
    actions = stop(office)
    request = request_of(office, actions[0])
    assert (request.plan.need, request.detail.get("rule_change")) == (1, None)
    answer(office, "ann", *actions)
    assert len(office.rows("rule_publication")) == 1


def test_nobody_gets_rid_of_a_change_by_previewing_its_end(office):
    start(office, "ann", RAISED)
    office.sync()
    for who, rules in (("ann", "ruleset: none\nrules: []\n"), ("bob", RAISED)):
        office.later(minutes=1)
        start(office, who, rules)
        office.sync(commit=False)
    start(office, "ops", RAISED)
    actions = stop(office)
    refused(office, "ann", *actions)
    answer(office, "bob", *actions)


@both_databases
def test_the_author_is_who_was_first_with_a_text_since_it_was_last_in_force(office):
    """Bob tried it and had it in force; ann is the first who wants it back."""
    start(office, "bob", RAISED)
    office.sync(commit=False)
    for rules in (RAISED, DISABLE):
        office.later(minutes=1)
        start(office, "ops", rules)
        office.sync()
    office.later(minutes=1)
    for who in ("ann", "bob"):
        start(office, who, RAISED)
        office.sync(commit=False)
    start(office, "ops", RAISED)
    actions = stop(office)
    refused(office, "ann", *actions)
    answer(office, "bob", *actions)


def test_who_tried_a_text_stays_its_author_when_another_comes_in_between(office):
    """What was never in force was brought by who had it first, whatever was in force then."""
    start(office, "ann", RAISED)
    office.sync(commit=False)
    office.later(minutes=1)
    start(office, "ops", WIDER)
    office.sync()
    office.later(minutes=1)
    start(office, "bob", RAISED)
    office.sync(commit=False)
    start(office, "ops", RAISED)
    actions = stop(office)
    refused(office, "ann", *actions)
    answer(office, "bob", *actions)


def test_a_process_from_before_the_commit_takes_back_nothing_that_was_previewed_earlier(office):
    start(office, "ann", RAISED)
    office.sync(commit=False)
    office.later(minutes=1)
    start(office, "daemon", DISABLE)
    old = office.app
    office.later(minutes=1)
    start(office, "ops", RAISED)
    office.sync()
    new, office.app = office.app, old
    office.sync()
    office.app = new
    assert len(office.rows("rule_publication")) == 2


def test_previews_before_the_first_committing_run_change_nothing(world):
    world.people(range(30))
    for who, rules in (("ann", RAISED), ("ops", DISABLE)):
        start(world, who, rules)
        world.scan()
        world.sync(commit=False)
    world.sync()
    actions = stop(world)
    answer(world, "ann", *actions)


def test_who_publishes_by_a_pipeline_is_the_author_whoever_loads_it(office):
    start(office, "daemon", RAISED, "published_by: ann\n")
    actions = stop(office, started_by="schedule:1 sync full")
    assert request_of(office, actions[0]).plan.need == 1
    refused(office, "ann", *actions)
    refused(office, "dee", *actions)
    answer(office, "bob", *actions)


def test_naming_another_publisher_does_not_clear_who_loads_the_change(office):
    start(office, "ann", RAISED, "published_by: bob\n")
    office.sync(commit=False)
    start(office, "ops", RAISED)
    actions = stop(office)
    refused(office, "ann", *actions)
    refused(office, "bob", *actions)
    answer(office, "cy", *actions)


@both_databases
@pytest.mark.parametrize("more", ["", "published_by: eve\n"])
def test_an_author_who_is_not_known_takes_one_more_approval(office, more):
    start(office, "daemon", RAISED, more)
    actions = stop(office, started_by="schedule:1 sync full")
    request = request_of(office, actions[0])
    assert request.plan.need == 2
    assert request.detail["problem"] == (
        "who changed the rule is not known, so one person more has to approve"
    )
    assert len(answer(office, "ann", *actions).waiting) == 4
    assert len(answer(office, "ann", *actions).waiting) == 4
    assert set(office.states(actions)) == {SUSPENDED}
    assert len(answer(office, "bob", *actions).decided) == 4
    assert set(office.states(actions)) == {APPROVED}


def test_an_author_who_is_not_known_needs_no_company_to_reject(office):
    start(office, "daemon", RAISED)
    actions = stop(office)
    assert len(answer(office, "cy", *actions, reply=Answer.REJECT).decided) == 4


def test_leaving_the_configuration_or_coming_back_as_another_does_not_help(office):
    start(office, "ann", RAISED)
    office.sync(commit=False)
    more = PEOPLE.replace("  ann:", "  anna:").replace("person:ann", "person:anna")
    office.rules(RAISED, more=more)
    actions = stop(office)
    assert request_of(office, actions[0]).plan.need == 2
    assert len(answer(office, "cy", *actions).waiting) == 4


def test_a_plan_may_allow_authors_to_decide(office):
    rules = DISABLE.replace("limit: 2", "limit: 3, plan: own")
    start(office, "ann", rules)
    actions = stop(office)
    request = request_of(office, actions[0])
    assert (request.plan.need, request.detail.get("problem")) == (1, None)
    answer(office, "ann", *actions)
    assert set(office.states(actions)) == {APPROVED}


def test_with_nobody_to_ask_the_owner_decides_what_they_changed(world):
    world.people(range(10))
    world.run()
    world.rules(RAISED)
    actions = stop(world)
    assert request_of(world, actions[0]).plan.need == 1
    world.approve(*actions)


def test_an_undo_is_decided_by_others_than_the_author_of_its_rule(office):
    start(office, "ann", DISABLE.replace("limit: 2", "limit: 0"))
    office.sync(commit=False)
    start(office, "ops", DISABLE.replace("limit: 2", "limit: 0"))
    actions = stop(office, 1)
    answer(office, "bob", *actions)
    office.later(minutes=1)
    run = office.sync("full")
    assert office.disabled() == {"u1"}
    office.later(minutes=1)
    office.app.undo(run.id, commit=True)
    (undoing,) = office.suspended()
    assert undoing.rule == "undo:disable-leaver"
    assert "changed this rule" in refused(office, "ann", undoing)
    answer(office, "bob", undoing)


def test_an_expiry_does_not_approve_for_an_author_who_alone_was_told(office):
    only = 'plans:\n  two: {steps: [{to: "person:%s"}], approvers: ["person:ann", "person:bob"]}\n'
    rules = DISABLE.replace("limit: 2", "limit: 3, on_expiry: approve, plan: two")
    states = []
    for who in ("ann", "bob"):
        people = PEOPLE[: PEOPLE.index("plans:")] + only % who
        for user in ("ann", "ops"):
            office.started_by = f"cli:{user}"
            office.rules(rules, more=people)
            office.sync(commit=False)
        first = 0 if who == "ann" else 10
        actions = stop(office, *range(first, first + 4))
        office.execute(
            "UPDATE delivery SET state = 'sent', sent_at = created_at WHERE kind = 'request'"
        )
        office.later(hours=25)
        office.tick()
        states.append(set(office.states(actions)))
    assert states == [{ActionState.CLEARED}, {APPROVED}]


@both_databases
def test_of_two_that_come_with_a_change_at_once_the_first_is_kept(world):
    """Both saw the same before; what the second writes down does not replace the first."""
    begun = threading.Barrier(2)
    known = settings(loaded=Loaded(rules={"disable-leaver": "1"}, at=NOON, by="cli:old"))
    store = world.app.store
    note_rules(store, RunId("first"), NOON, is_preview=False, settings=known)

    def come(who: str) -> None:
        loaded = Loaded(
            rules={"disable-leaver": "2"}, at=NOON + timedelta(hours=1), by=f"cli:{who}"
        )
        begun.wait(10)
        new = settings(loaded=loaded)
        note_rules(store, RunId(who), NOON, is_preview=False, settings=new)

    people = [threading.Thread(target=come, args=(who,)) for who in ("ann", "bob")]
    for each in people:
        each.start()
    for each in people:
        each.join(30)
    with store.snapshot() as unit:
        found = unit.publications.in_force()["disable-leaver"]
    assert found.content == "2"
    assert found.by in {"cli:ann", "cli:bob"}
    assert len(world.rows("rule_publication")) == 2
