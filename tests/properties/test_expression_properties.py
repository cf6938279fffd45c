"""Expressions against a plain interpreter, fused against one by one, and text that is none.

The interpreter below is the definition of three-valued logic written the slow way; the compiler,
which reads unknown as false or true in negation normal form, has to agree with it.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from hypersync.errors import EvaluationError, ExpressionSyntaxError
from hypersync.rulebook import operators
from hypersync.rulebook.expression import parse, parse_all
from hypersync.rulebook.nodes import (
    Absence,
    Attribute,
    Call,
    Comparison,
    Conditional,
    Constant,
    Listing,
    Logic,
    Membership,
    Not,
)
from tests.expressions import NAMES, an_evaluator, objects_of

ATTRIBUTES = [f"{slot}.{name}" for slot in ("hr", "ad") for name in ("a", "b", "c")]
LITERALS = ["'x'", "'y'", "1", "2", "True"]
VALUES = st.sampled_from([None, None, "x", "y", 1, 2, True, False, ("x", "y"), ("x",), 1.0])

leaves = st.one_of(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(ATTRIBUTES),
        st.sampled_from(["==", "!=", "<", ">="]),
        st.sampled_from([*LITERALS, *ATTRIBUTES]),
    ),
    st.builds("{} {} 'y'".format, st.sampled_from(["'x'"]), st.sampled_from(["==", "!="])),
    st.builds("'x' == {}".format, st.sampled_from(ATTRIBUTES)),
    st.builds("{} in ('x', 'y')".format, st.sampled_from(ATTRIBUTES)),
    st.builds("{} not in (1, 2)".format, st.sampled_from(ATTRIBUTES)),
    st.builds("'x' in {}".format, st.sampled_from(ATTRIBUTES)),
    st.builds("missing({})".format, st.sampled_from(ATTRIBUTES)),
    st.builds("{} == None".format, st.sampled_from(ATTRIBUTES)),
    st.builds("startswith({}, 'x')".format, st.sampled_from(ATTRIBUTES)),
    st.builds("lower({}) == 'x'".format, st.sampled_from(ATTRIBUTES)),
    st.sampled_from(ATTRIBUTES),
    st.just("True"),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("(({}) == ({}))".format, inner, inner),
    ),
    max_leaves=8,
)
objects = st.one_of(st.none(), st.fixed_dictionaries(dict.fromkeys("abc", VALUES)))
with_states = st.one_of(
    conditions,
    st.builds(
        "{} and {}".format,
        st.sampled_from(["ad.exists", "not ad.was_present", "ad.in_scope", "not ad.enabled"]),
        conditions,
    ),
)
masks = st.tuples(*[st.integers(min_value=0, max_value=3)] * 3)


def interpret(node, slots):  # noqa: C901 - a case per kind of node
    """Give the value of a node, ``None`` for missing and unknown."""
    match node:
        case Constant(value=value):
            return value
        case Attribute(slot=slot, name=name):
            return None if slots[slot] is None else slots[slot][name]
        case Listing(elements=elements):
            return tuple(interpret(each, slots) for each in elements)
        case Logic(is_and=is_and, operands=operands):
            found = set()
            for operand in operands:
                value = operators.truth(interpret(operand, slots))
                if value is (not is_and):
                    return value
                found.add(value)
            return None if None in found else is_and
        case Not(operand=operand):
            value = operators.truth(interpret(operand, slots))
            return None if value is None else not value
        case Absence(operand=operand, present=present):
            return (interpret(operand, slots) is not None) is present
        case Comparison(operator=operator, left=left, right=right):
            return operators.COMPARISONS[operator](interpret(left, slots), interpret(right, slots))
        case Membership(element=element, container=container):
            return operators.contains(interpret(element, slots), interpret(container, slots))
        case Conditional(test=test, then=then, otherwise=otherwise):
            value = operators.truth(interpret(test, slots))
            return None if value is None else interpret(then if value else otherwise, slots)
        case Call():
            return _call(node, slots)


def _call(node, slots):
    values = [interpret(each, slots) for each in node.arguments]
    if node.function.takes_missing:
        return node.function.implementation(*values)
    if None in values:
        return None
    if not isinstance(values[0], str):
        raise EvaluationError
    return node.function.implementation(*values)


@settings(max_examples=150, deadline=None)
@given(conditions, objects, objects)
def test_compiled_condition_means_what_the_interpreter_says(source, hr, ad):
    evaluator = an_evaluator([source])
    held = objects_of(evaluator, hr=hr, ad=ad)
    node = parse(source, NAMES).node
    try:
        expected = operators.truth(interpret(node, {"hr": hr, "ad": ad}))
    except EvaluationError:
        return  # what is left out when an operand decides differs, and may hide an error
    compiled = evaluator.rulebook.rules[0].pure

    assert evaluator.value(compiled, held, 0, 0, 0) is expected
    assert evaluator.rule(0, held, 0, 0, 0) is (expected is True)
    assert evaluator.is_cleanly_false(0, held, 0, 0, 0) is (expected is False)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(with_states, min_size=1, max_size=5),
    st.lists(with_states, max_size=2),
    objects,
    objects,
    masks,
)
def test_fused_equals_one_by_one_errors_included(rules, vips, hr, ad, states):
    evaluator = an_evaluator(rules, vips)
    held = objects_of(evaluator, hr=hr, ad=ad)
    answers = [_outcome(evaluator.rule, index, held, states) for index in range(len(rules))]
    answers += [_outcome(evaluator.vip, index, held, states) for index in range(len(vips))]
    try:
        fused = list(evaluator.fused(held, *states))
    except EvaluationError:
        return  # then the rules are asked one by one, and those answers count
    assert fused == answers


@settings(max_examples=80, deadline=None)
@given(st.lists(conditions, min_size=1, max_size=4, unique=True), objects, objects)
def test_fused_raises_wherever_one_of_the_rules_does(rules, hr, ad):
    evaluator = an_evaluator(rules)
    held = objects_of(evaluator, hr=hr, ad=ad)
    answers = [_outcome(evaluator.rule, index, held, (0, 0, 0)) for index in range(len(rules))]

    assert _fused_raises(evaluator, held) or "error" not in answers


@settings(max_examples=80, deadline=None)
@given(with_states, objects, objects, masks)
def test_nothing_is_both_true_and_cleanly_false(source, hr, ad, states):
    evaluator = an_evaluator([source])
    held = objects_of(evaluator, hr=hr, ad=ad)
    answer = _outcome(evaluator.rule, 0, held, states)

    if evaluator.is_cleanly_false(0, held, *states):
        assert answer is False


@settings(max_examples=120, deadline=None)
@given(
    st.one_of(st.text(max_size=60), st.text("hrad.ab'xy01()[]+-*/%<>=! notifelse,", max_size=60))
)
def test_text_is_an_expression_or_a_mistake_but_never_a_crash(source):
    compiled, problems = parse_all(source, NAMES)

    assert all(isinstance(each, ExpressionSyntaxError) for each in problems)
    assert problems or compiled.normal


def _outcome(ask, index, held, states):
    try:
        return ask(index, held, *states)
    except EvaluationError:
        return "error"


def _fused_raises(evaluator, held):
    try:
        evaluator.fused(held, 0, 0, 0)
    except EvaluationError:
        return True
    return False
