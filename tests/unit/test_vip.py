from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from hypersync.model.objects import Operation
from hypersync.pipeline.settle import vip_memory
from hypersync.pipeline.vip import PEOPLE, TAKEN, Vips
from tests.candidates import NOW

SPAN = timedelta(days=30)


@dataclass
class Named:
    name: str = "chiefs"
    attributes: frozenset[str] = frozenset()
    is_global: bool = True


@dataclass
class ARule:
    vips: tuple[str, ...] = ()


@dataclass
class Draft:
    rule: ARule = field(default_factory=ARule)
    operation: Operation = Operation.UPDATE
    after: dict[str, object] | None = field(default_factory=lambda: {"title": "x"})
    identity: int = 1
    is_self: bool = False
    silo: str = "ad"
    type: str = "group"
    anchor: str | None = "g1"
    slot: str = "account"


def ago(**span):
    return (NOW - timedelta(**span)).isoformat()


def of(draft=None, now_true=None, memory=None, *rules, people=()):
    vips = Vips(rules or (Named(),), people, SPAN)
    return vips.of(draft or Draft(), now_true or {}, memory or {}, NOW)


def test_nobody_is_a_vip_for_nothing():
    assert of() is None


@pytest.mark.parametrize(("anchor", "is_held"), [("g1", True), ("g2", False), (None, False)])
def test_a_group_that_grants_a_role_is_always_a_vip(anchor, is_held):
    vips = Vips((), (), SPAN, {("ad", "group", "g1"): "admin"})
    found = vips.of(Draft(anchor=anchor), {}, {}, NOW)
    assert (found is not None) is is_held
    if found is not None:
        assert (found.name, found.text) == ("roles", "this group grants the role admin")


def test_the_account_hypersync_signs_in_with_is_always_a_vip():
    found = of(Draft(is_self=True))
    assert (found.name, found.text) == ("self", "this is the account that HyperSync signs in with")


@pytest.mark.parametrize(
    ("certain", "words"), [(True, "is true"), (False, "cannot be told, which counts as true")]
)
def test_true_and_unknown_make_a_vip(certain, words):
    found = of(None, {"chiefs": certain})
    assert (found.name, found.text) == ("chiefs", f"the VIP rule chiefs {words}")


@pytest.mark.parametrize(
    ("since", "is_vip"),
    [(None, True), (ago(days=29, hours=23), True), (ago(days=30), False), (ago(days=400), False)],
)
def test_a_vip_is_remembered_for_its_span(since, is_vip):
    assert bool(of(None, {}, {"chiefs": since})) is is_vip


def test_a_rule_that_is_gone_makes_no_vip():
    assert of(None, {}, {"gone": None}) is None


def test_a_rule_that_is_not_global_concerns_those_that_list_it():
    local = Named(is_global=False)
    assert of(Draft(), {"chiefs": True}, {}, local) is None
    assert of(Draft(rule=ARule(("chiefs",))), {"chiefs": True}, {}, local).name == "chiefs"


@pytest.mark.parametrize("operation", [o for o in Operation if o is not Operation.UPDATE])
def test_attributes_narrow_updates_only(operation):
    narrow = Named(attributes=frozenset({"mail"}))
    assert of(Draft(operation=operation), {"chiefs": True}, {}, narrow) is not None
    assert of(Draft(), {"chiefs": True}, {}, narrow) is None
    assert of(Draft(after={"mail": "x"}), {"chiefs": True}, {}, narrow) is not None


def test_a_clear_always_counts():
    narrow = Named(attributes=frozenset({"mail"}))
    assert of(Draft(after={"title": None}), {"chiefs": True}, {}, narrow) is not None


def test_who_answers_requests_is_always_a_vip():
    assert of(people={1}).name == PEOPLE
    assert of(people={2}) is None


def test_the_first_rule_in_order_is_named():
    found = of(None, {"two": True, "one": True}, {}, Named("one"), Named("two"))
    assert found.name == "one"


# --- what is remembered ----------------------------------------------------------------------


def memory(before, vips):
    return vip_memory(before, vips, NOW, SPAN)


def test_a_rule_that_holds_is_remembered_without_a_time():
    assert memory({}, {1: ("chiefs",)}) == {1: {"chiefs": None}}


def test_a_rule_that_goes_on_holding_changes_nothing():
    assert memory({1: {"chiefs": None}}, {1: ("chiefs",)}) == {}


def test_a_rule_that_stopped_is_remembered_with_the_time():
    assert memory({1: {"chiefs": None}}, {}) == {1: {"chiefs": NOW.isoformat()}}


def test_the_time_it_stopped_stays():
    assert memory({1: {"chiefs": ago(days=29)}}, {}) == {}


def test_it_is_forgotten_after_the_span():
    assert memory({1: {"chiefs": ago(days=30)}}, {}) == {1: {}}


def test_a_rule_that_holds_again_has_no_time_any_more():
    assert memory({1: {"chiefs": ago(days=3)}}, {1: ("chiefs",)}) == {1: {"chiefs": None}}


def test_each_rule_and_identity_is_remembered_for_itself():
    before = {1: {"a": None, "b": ago(days=1)}, 2: {"a": None}}
    after = memory(before, {1: ("a",), 3: ("b",)})
    assert after == {2: {"a": NOW.isoformat()}, 3: {"b": None}}


@pytest.mark.parametrize(
    ("slot", "since", "expected"),
    [
        ("account", ago(days=29), True),
        ("account", ago(days=30), False),
        ("group", ago(days=1), False),
    ],
)
def test_a_slot_whose_object_was_replaced_is_a_vips_for_a_while(slot, since, expected):
    memory = {f"replaced:{slot}": since}
    found = Vips([], [], timedelta(days=30)).of(Draft(), {}, memory, NOW)
    assert (found is not None and found.name == TAKEN) is expected
