"""Fifty who answer at the same moment: one wins, the others are told, nothing is decided twice.

In threads, through the pages, on both databases: all at the same request, by the codes of their
mails, in their sessions, and on the report with choices that overlap.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hypersync.approvals.ballot import OfRequest, OfSeveral
from hypersync.approvals.invite import answer_by_code, answer_in_session, show
from hypersync.approvals.links import mark_of
from hypersync.config.sign_in_models import SignInConfig
from hypersync.errors import DecisionLost
from hypersync.model.actions import ActionState
from hypersync.model.requests import Answer, Plan, RequestState, Step
from tests.asking import HOUR, NOON, Stopped, person, stopped
from tests.pages import Browser
from tests.postgresql import both_databases
from tests.signing_in import account, enter

MANY = 50
APPROVED, REJECTED, SUSPENDED = (
    ActionState.APPROVED,
    ActionState.REJECTED,
    ActionState.SUSPENDED,
)


def at_once(act: Callable[[int], object], count: int = MANY) -> list:
    """Let so many threads begin at the same moment; return what each got."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> object:
        barrier.wait(timeout=60)
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def crowd(url: str, **values) -> Stopped:
    """A world with fifty people who may answer."""
    return stopped(url, *(person(f"p{number}") for number in range(MANY)), **values)


@both_databases
def test_fifty_answers_in_sessions_make_one_transition(database_url):
    world = crowd(database_url)
    ids = world.suspend(20)
    request = world.ask(ids)

    def answer(number: int):
        given = (Answer.APPROVE, Answer.REJECT)[number % 2]
        return answer_in_session(
            world.store,
            OfRequest(request.id, digest=request.digest),
            given,
            person=f"p{number}",
            comment="so it is",
            now=NOON + HOUR,
            settings=world.settings,
        )

    results = at_once(answer)
    (state,) = set(world.states(ids))
    winners = 25 if state in (APPROVED, REJECTED) else 0
    assert len([each for each in results if each.decided]) == winners
    assert all(each.lost for each in results if not each.decided)
    assert len(world.rows("decision")) == 20
    assert len({row["by"] for row in world.rows("decision")}) == 1
    assert len(world.events("approve")) + len(world.events("deny")) == 1
    assert world.request(request.id).state is RequestState.CLOSED
    world.store.close()


@both_databases
def test_fifty_answers_by_code_make_one_transition(database_url):
    world = crowd(database_url)
    ids = world.suspend(20)
    request = world.ask(ids)
    browser = Browser(world)
    browser.post_office()
    keys = [(browser.token(number), browser.code(number)) for number in range(MANY)]

    def answer(number: int):
        token, code = keys[number]
        return answer_by_code(
            world.store,
            OfRequest(request.id, digest=request.digest),
            (Answer.APPROVE, Answer.REJECT)[number % 2],
            token=token,
            code=code,
            comment="so it is",
            now=NOON + HOUR,
            settings=world.settings,
        )

    results = at_once(answer)
    assert len(set(world.states(ids))) == 1
    assert len([each for each in results if each.decided]) == 25
    assert len(world.rows("decision")) == 20
    assert len(world.events("approve")) + len(world.events("deny")) == 1
    world.store.close()


@both_databases
def test_fifty_posts_of_sessions_and_codes_through_the_pages(database_url):
    world = crowd(database_url)
    ids = world.suspend(5)
    request = world.ask(ids)
    people = Browser(
        world,
        remote="192.0.2.7",
        headers={"Host": "iam.example.org"},
        configured={"sign_in": SignInConfig.model_validate({"accounts": "true"})},
    )
    people.post_office()
    link = f"/hypersync/approve?request={request.id}"
    posts = []
    for number in range(8):
        one = replace(people, _client=None)
        account(world, f"p{number}")
        assert enter(one, f"p{number}").status_code == 303
        posts.append((one, link, one.form(link)))
    for number in range(8, 16):
        one = replace(people, _client=None)
        token = people.token(number)
        own = f"{link}&token={token}"
        posts.append((one, own, {**one.form(own), "code": people.code(number)}))

    def send(number: int) -> int:
        one, address, fields = posts[number % 16]
        word = ("approve", "reject")[number % 2]
        path = address.replace("approve", word)
        fresh = one.client().application.test_client()
        for cookie in one.client()._cookies.values():  # type: ignore[union-attr]
            fresh.set_cookie(
                cookie.key, cookie.value, domain="iam.example.org", secure=cookie.secure
            )
        sent = fresh.post(
            path,
            data=fields,
            headers=one.headers,
            environ_base={"REMOTE_ADDR": "192.0.2.7"},
            base_url="https://iam.example.org",
        )
        return sent.status_code

    codes = at_once(send)
    assert sorted(codes) == [200] * 25 + [409] * 25
    assert len(set(world.states(ids))) == 1
    assert len(world.rows("decision")) == 5
    assert len({row["by"] for row in world.rows("decision")}) == 1
    world.store.close()


@both_databases
def test_choices_that_overlap_over_several_requests_are_all_or_nothing(database_url):
    world = crowd(database_url)
    ids = []
    for number in range(4):
        some = world.suspend(5, rule=f"rule-{number}", first=10 * number)
        world.ask(some, rule=f"rule-{number}")
        ids += some
    marks = {each.id: mark_of(each.id, each.fingerprint) for each in world.actions(ids)}
    chance = random.Random(7)  # noqa: S311 - any choices will do
    choices = [chance.sample(ids, 6) for _ in range(MANY)]

    def answer(number: int):
        chosen = choices[number]
        return answer_in_session(
            world.store,
            OfSeveral(actions=tuple(chosen), marks=tuple(marks[each] for each in chosen)),
            (Answer.APPROVE, Answer.REJECT)[number % 2],
            person=f"p{number}",
            comment="so it is",
            now=NOON + HOUR,
            settings=world.settings,
        )

    results = at_once(answer)
    votes: dict[str, set] = {}
    for row in world.rows("decision"):
        votes.setdefault(str(row["action"]), set()).add((row["by"], row["answer"]))
    assert all(len(given) == 1 for given in votes.values())
    for number, result in enumerate(results):
        given = (Answer.APPROVE, Answer.REJECT)[number % 2]
        states = {APPROVED if given is Answer.APPROVE else REJECTED}
        if not result.lost:
            assert {each.id for each in result.decided} == set(choices[number])
            assert set(world.states(choices[number])) == states
    by_person = {by for given in votes.values() for by, _ in given}
    losers = {f"person:p{number}" for number, each in enumerate(results) if each.lost}
    assert not by_person & losers
    world.store.close()


@both_databases
def test_four_eyes_of_fifty_take_exactly_two(database_url):
    plan = Plan(name="four", steps=(Step(to="role:approver"),), need=2, comment="never")
    world = crowd(database_url, plans=[plan])
    ids = world.suspend(3)
    request = world.ask(ids, plan="four")

    def answer(number: int):
        return answer_in_session(
            world.store,
            OfRequest(request.id, digest=request.digest),
            Answer.APPROVE,
            person=f"p{number}",
            comment=None,
            now=NOON + HOUR,
            settings=world.settings,
        )

    results = at_once(answer)
    assert world.states(ids) == [APPROVED] * 3
    assert len([each for each in results if each.waiting]) == 1
    assert len({row["by"] for row in world.rows("decision")}) == 2
    world.store.close()


@both_databases
def test_a_replacement_in_the_middle_is_never_approved_with_the_rest(database_url):
    world = crowd(database_url)
    ids = world.suspend(10)
    request = world.ask(ids)
    digest = show(
        world.store, OfRequest(request.id), None, now=NOON, settings=world.settings
    ).digest

    def act(number: int):
        if number == 0:
            with world.store.begin() as unit:
                return unit.actions.replace(ids[4], NOON, "changed since people were asked")
        try:
            return answer_in_session(
                world.store,
                OfRequest(request.id, digest=digest),
                Answer.APPROVE,
                person=f"p{number}",
                comment=None,
                now=NOON + HOUR,
                settings=world.settings,
            )
        except DecisionLost:
            return None

    results = at_once(act, 10)
    states = world.states(ids)
    others = {state for place, state in enumerate(states) if place != 4}
    assert len(others) == 1
    assert states[4] is ActionState.VOID
    # whoever came after the replacement was told that the list is another one
    assert others == {APPROVED} or results.count(None) == 9
    world.store.close()
