"""What a decision by a link takes: the code of its mail, or a session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypersync.approvals.decide import Ballot, OfRequest, decide
from hypersync.approvals.proof import Proofs, proofs_of
from hypersync.errors import DecisionRefused
from hypersync.model.actions import ActionState
from hypersync.model.objects import Operation
from hypersync.model.requests import Answer, Plan, RequestKind, Step
from tests.asking import NOON, stopped
from tests.projects import MAIN, load_project, mistakes_of_project, write_project

STRICT = Proofs(vip="session", deletes="session", scans="session", four_eyes="session")
SIGN_IN = "sign_in: {accounts: true}\npeople: {ann: {email: ann@example.org, roles: [approver]}}\n"


@pytest.fixture
def asked(tmp_path):
    world = stopped(tmp_path)

    def ask(proofs=STRICT, *, operation=Operation.DISABLE, vip=None, need=1, kind=None):
        ids = world.suspend(operation=operation, vip=vip)
        request = world.ask(ids, kind=kind or RequestKind.VOLUME)
        request = replace(request, plan=Plan(name="p", steps=(Step(to="person:ann"),), need=need))
        settings = replace(world.settings, proofs=proofs)
        return settings.proof_for(request, world.actions(ids))

    return ask


def test_an_ordinary_change_takes_the_code(asked):
    assert asked() == "code"


@pytest.mark.parametrize(
    "about",
    [
        {"operation": Operation.DELETE},
        {"vip": "executives"},
        {"kind": RequestKind.VIP},
        {"kind": RequestKind.SCAN},
        {"need": 2},
    ],
)
def test_what_is_hard_to_take_back_takes_a_session(asked, about):
    assert asked(**about) == "session"
    assert asked(Proofs(), **about) == "code"


def test_the_default_is_for_what_nothing_else_is_said_about(asked):
    proofs = Proofs(default="session", deletes="code", vip="code")
    assert asked(proofs) == "session"
    assert asked(proofs, operation=Operation.DELETE) == "code"


def test_the_strictest_of_several_counts(asked):
    proofs = Proofs(deletes="code", vip="session")
    assert asked(proofs, operation=Operation.DELETE, vip="executives") == "session"


def test_without_a_sign_in_the_code_is_all_there_is(tmp_path):
    assert proofs_of(load_project(write_project(tmp_path))) == Proofs()


def test_once_there_is_a_sign_in_the_usual_things_take_a_session(tmp_path):
    assert proofs_of(load_project(write_project(tmp_path, MAIN + SIGN_IN))) == STRICT


def test_what_each_kind_takes_can_be_said(tmp_path):
    said = "links: {proof: {default: session, deletes: code}}\n"
    proofs = proofs_of(load_project(write_project(tmp_path, MAIN + SIGN_IN + said)))
    assert (proofs.default, proofs.deletes, proofs.vip) == ("session", "code", "session")


@pytest.mark.parametrize(("said", "are"), [("", False), ("false", False), ("true", True)])
def test_a_token_equals_a_session_only_where_that_is_said(tmp_path, said, are):
    text = f"links: {{tokens_as_sessions: {said}}}\n" if said else ""
    proofs = proofs_of(load_project(write_project(tmp_path, MAIN + SIGN_IN + text)))
    assert proofs.tokens_as_sessions is are


def test_a_session_that_nobody_can_have_is_a_mistake(tmp_path):
    said = "links: {proof: {vip: session}}\n"
    (mistake,) = mistakes_of_project(write_project(tmp_path, MAIN + said))
    assert mistake.message == "there is no sign-in, so nobody has a session"
    assert mistake.line == MAIN.count("\n") + 1


@pytest.mark.parametrize(
    ("proof", "is_enough"), [("code", False), ("token", False), ("session", True)]
)
def test_less_than_a_session_is_refused_where_the_answer_is_written(tmp_path, proof, is_enough):
    world = stopped(tmp_path, proofs=STRICT)
    ids = world.suspend(operation=Operation.DELETE)
    request = world.ask(ids)
    ballot = Ballot(answer=Answer.APPROVE, by="person:ann", proof=proof, comment="checked")

    def answer():
        decide(world.store, OfRequest(request.id), ballot, now=NOON, settings=world.settings)

    if is_enough:
        answer()
    else:
        with pytest.raises(DecisionRefused, match="sign in"):
            answer()
    assert world.states(ids) == [ActionState.APPROVED if is_enough else ActionState.SUSPENDED]
