from __future__ import annotations

from dataclasses import replace

import pytest

from hypersync.model.objects import Operation
from hypersync.model.runs import RunError
from hypersync.pipeline.kin import active, is_kin, kin_of, renamed
from hypersync.ports.store.actions import Trace
from hypersync.rulebook.expression import parse
from hypersync.rulebook.rules import Do, RuleKind
from tests.expressions import NAMES, a_rule

TRUE = parse("hr.exists", NAMES)


def rule(kind: RuleKind, operation: Operation | None = None, **more):
    given = {"id": "new", "target": "ad", "do": None if operation is None else Do(operation)}
    return replace(a_rule(0, TRUE), kind=kind, **{**given, **more})


def trace(kind="deprovision", slot="ad", operation=Operation.DISABLE, name="old"):
    return Trace(name, kind, slot, operation)


OFF = rule(RuleKind.DEPROVISION, Operation.DISABLE)


@pytest.mark.parametrize(
    ("heir", "of", "answer"),
    [
        (OFF, trace(), True),
        (OFF, trace(operation=Operation.DELETE), False),
        (OFF, trace(kind="update"), False),
        (OFF, trace(slot="hr"), False),
        (OFF, trace(name="new"), False),
        (rule(RuleKind.PROVISION), trace("provision", operation=Operation.CREATE), True),
        (rule(RuleKind.UPDATE), trace("update", operation=Operation.UPDATE), True),
        (rule(RuleKind.UPDATE), trace("update", operation=Operation.ENABLE), False),
        (
            rule(RuleKind.UPDATE, Operation.ENABLE),
            trace("update", operation=Operation.ENABLE),
            True,
        ),
        (rule(RuleKind.MEMBERSHIP), trace("membership", operation=Operation.ADD_MEMBER), True),
        (rule(RuleKind.MEMBERSHIP), trace("membership", operation=Operation.REMOVE_MEMBER), True),
        (
            rule(RuleKind.EVENT, Operation.EVENT, target=""),
            trace("event", "", Operation.EVENT),
            True,
        ),
    ],
)
def test_kin_did_the_same_operation_to_the_same_target_by_the_same_kind_of_rule(heir, of, answer):
    assert is_kin(heir, of) is answer


def test_all_kin_are_found_and_an_undo_has_none():
    traces = [trace(name="a"), trace(name="b", slot="hr"), trace(name="c")]
    assert kin_of(OFF, traces) == ["a", "c"]
    assert kin_of(replace(OFF, id="undo:a"), traces) == ()


def test_a_rule_that_is_only_simulated_does_nothing_unless_all_are():
    rules = [rule(RuleKind.UPDATE, id="a"), rule(RuleKind.UPDATE, id="b", simulate=True)]
    assert active(rules, is_simulated=False) == {"a"}
    assert active(rules, is_simulated=True) == {"a", "b"}


def test_a_rule_that_is_new_where_one_is_just_gone_is_an_error():
    found = renamed([OFF], {"old"}, [trace(), trace(name="long-gone")])
    text = (
        "rule old is gone and new is new, with the same kind, target and operation (disable ad): "
        "for a rename, what old was let through for counts on, but its throttles and what it "
        "remembers of events start anew, and what it had open is void"
    )
    assert found == [RunError("new", None, "renamed", text)]


def test_an_event_rule_is_named_without_a_target():
    heir = rule(RuleKind.EVENT, Operation.EVENT, target="")
    (error,) = renamed([heir], {"old"}, [trace("event", "", Operation.EVENT)])
    assert "operation (event): for" in error.message


@pytest.mark.parametrize(
    ("known", "traces"),
    [({"old", "new"}, [trace()]), ({"other"}, [trace()]), ({"old"}, []), (set(), [trace()])],
)
def test_neither_an_old_rule_nor_one_without_a_predecessor_is_renamed(known, traces):
    assert renamed([OFF], known, traces) == []
