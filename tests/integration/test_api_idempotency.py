"""Calls that are sent again: what they do, they do once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.model.actions import ActionState
from tests.api import caller, problem
from tests.asking import NOON
from tests.databases import open_store
from tests.postgresql import both_databases

APPROVED = ActionState.APPROVED


@pytest.fixture
def ann(tmp_path):
    return caller(tmp_path, "ann")


def asked(who, **more):
    ids = who.world.suspend(2, **more)
    request = who.world.ask(ids, rule=more.get("rule", "disable-leaver"))
    digest = who.get(f"/requests/{request.id}").json["digest"]
    return ids, f"/requests/{request.id}", {"digest": digest}


def test_the_same_call_with_the_same_key_is_answered_the_same(ann):
    ids, address, body = asked(ann)
    first = ann.post(f"{address}/approve", body, key="k1")
    again = ann.post(f"{address}/approve", body, key="k1")
    assert first.status_code == again.status_code == 200
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert len(ann.world.events("approve")) == 1
    assert ann.world.states(ids) == [APPROVED] * 2


def test_an_error_is_answered_the_same_too_and_is_a_problem(ann):
    _, address, _ = asked(ann)
    body = {"digest": "0" * 32}
    problem(ann.post(f"{address}/approve", body, key="k1"), 409, "decision_lost")
    again = ann.post(f"{address}/approve", body, key="k1")
    problem(again, 409, "decision_lost")
    assert again.headers["Idempotency-Replayed"] == "true"


def test_another_call_with_the_same_key_is_a_mistake(ann):
    _, address, body = asked(ann)
    assert ann.post(f"{address}/approve", body, key="k1").status_code == 200
    other = {**body, "comment": "another body"}
    problem(ann.post(f"{address}/approve", other, key="k1"), 422, "idempotency_key")
    problem(ann.post(f"{address}/reject", body, key="k1"), 422, "idempotency_key")


def test_a_key_is_of_one_person(ann):
    _, address, body = asked(ann)
    assert ann.post(f"{address}/approve", body, key="k1").status_code == 200
    bobs = ann.as_("bob").post(f"{address}/approve", body, key="k1")
    assert "Idempotency-Replayed" not in bobs.headers


def test_a_call_that_is_under_way_is_said_to_be(ann):
    _, address, body = asked(ann)
    assert ann.post(f"{address}/approve", body, key="k1").status_code == 200
    with ann.world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE idempotency_key SET status = NULL, answer = NULL")
    waits = ann.post(f"{address}/approve", body, key="k1")
    problem(waits, 409, "under_way")
    assert waits.headers["Retry-After"] == "1"
    ann.browser.time += timedelta(minutes=6)
    assert ann.post(f"{address}/approve", body, key="k1").status_code == 200


def test_an_answer_is_kept_for_a_day(ann):
    _, address, body = asked(ann)
    assert ann.post(f"{address}/approve", body, key="k1").status_code == 200
    ann.browser.time += timedelta(hours=23)
    assert "Idempotency-Replayed" in ann.post(f"{address}/approve", body, key="k1").headers
    ann.browser.time += timedelta(hours=2)
    assert "Idempotency-Replayed" not in ann.post(f"{address}/approve", body, key="k1").headers
    assert len(ann.world.rows("idempotency_key")) == 1


def test_what_failed_here_may_be_sent_again(ann):
    _, address, body = asked(ann)
    store, execute = ann.world.store, "ALTER TABLE decision RENAME TO {}"
    with store.engine.begin() as connection:
        connection.exec_driver_sql(execute.format("away"))
    problem(ann.post(f"{address}/approve", body, key="k1"), 503, "store")
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO decision")
    assert ann.post(f"{address}/approve", body, key="k1").status_code == 200


@pytest.mark.parametrize("key", ["x" * 201, "with space", "\u00e9"])
def test_a_key_that_is_none_is_refused(ann, key):
    _, address, body = asked(ann)
    problem(ann.post(f"{address}/approve", body, key=key), 422, "invalid")
    assert ann.world.rows("decision") == []


def test_keys_are_not_stored(ann):
    _, address, body = asked(ann)
    ann.post(f"{address}/approve", body, key="a-key-that-somebody-chose")
    assert "a-key-that-somebody-chose" not in repr(ann.world.rows("idempotency_key"))


@both_databases
def test_of_many_at_once_one_is_carried_out(database_url):
    store = open_store(database_url)
    barrier = threading.Barrier(8)

    def claim(_):
        barrier.wait(30)
        with store.begin() as unit:
            return unit.calls.claim("h", "ann", call="c", request_hash="r", now=NOON)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(claim, range(8)))
    assert found.count(None) == 1
    assert {each.status for each in found if each is not None} == {None}
    with store.begin() as unit:
        unit.calls.finish("h", "ann", status=200, answer="{}")
        assert unit.calls.claim("h", "ann", call="c", request_hash="r", now=NOON).answer == "{}"
        unit.calls.drop("h", "ann")
        assert unit.calls.claim("h", "ann", call="c", request_hash="r", now=NOON) is not None
    store.close()


def test_without_a_key_each_call_is_its_own(ann):
    _, address, body = asked(ann)
    for _ in range(2):
        answer = replace(ann).post(f"{address}/approve", body)
        assert answer.status_code == 200
        assert "Idempotency-Replayed" not in answer.headers
    assert ann.world.rows("idempotency_key") == []
