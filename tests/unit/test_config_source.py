from __future__ import annotations

import pytest

from hypersync.config.source import Items, Place, Section, original_of, place_of, read_yaml
from hypersync.model.mistake import Mistake


def read(text: str | bytes, **variables: str) -> tuple[Section | None, list[Mistake]]:
    mistakes: list[Mistake] = []
    content = text.encode() if isinstance(text, str) else text
    return read_yaml(content, "a.yaml", variables.get, mistakes), mistakes


def only_mistake(text: str | bytes, **variables: str) -> str:
    _, mistakes = read(text, **variables)
    (mistake,) = mistakes
    return str(mistake)


def test_every_scalar_is_text():
    tree, mistakes = read("a: on\nb: 10:00\nc: 1_000\nd: 0x1F\ne: null\nf: 2026-01-01\ng: 1e3\n")
    assert mistakes == []
    assert tree == {
        "a": "on",
        "b": "10:00",
        "c": "1_000",
        "d": "0x1F",
        "e": "null",
        "f": "2026-01-01",
        "g": "1e3",
    }


def test_everything_knows_its_line():
    tree, _ = read("a:\n  b:\n    - x\n    - {c: 1}\n")
    assert place_of(tree, "a") == Place("a.yaml", 1)
    assert place_of(tree, "a", "b", 0) == Place("a.yaml", 3)
    assert place_of(tree, "a", "b", 1, "c") == Place("a.yaml", 4)
    assert place_of(tree, "a", "nothing", "below") == Place("a.yaml", 1)
    assert place_of("text", "a") is None


def test_a_key_given_twice_is_a_mistake_that_names_the_first_line():
    assert only_mistake("a: 1\nb: 2\na: 3\n") == (
        "a.yaml:3: 'a' is already given in line 1; keep one of them"
    )


def test_a_tab_is_a_mistake_that_says_so():
    assert only_mistake("a:\n\tb: 1\n") == (
        "a.yaml:2: a tab stands where YAML wants spaces; indent with spaces"
    )


@pytest.mark.parametrize(
    "text", ["a: [1, 2", "a: b: c", "'a", "{a: 1}}", "a: *nowhere", "a\n---\nb"]
)
def test_what_is_not_yaml_is_one_mistake_with_its_line(text):
    tree, (mistake,) = read(text)
    assert tree is None
    assert mistake.line >= 1
    assert mistake.remedy


def test_what_is_not_utf8_is_a_mistake_with_its_line():
    assert only_mistake(b"a: 1\nb: \xff\n") == "a.yaml:2: this is not UTF-8; save the file as UTF-8"


def test_a_control_character_is_a_mistake_with_its_line():
    assert "a.yaml:2: this is not YAML" in only_mistake("a: 1\nb: \x00\n")


def test_a_byte_order_mark_is_accepted():
    assert read(b"\xef\xbb\xbfa: 1\n")[0] == {"a": "1"}


def test_an_empty_file_is_an_empty_mapping():
    assert read("# nothing\n") == ({}, [])


@pytest.mark.parametrize("text", ["just text", "- a\n- b"])
def test_a_file_that_is_no_mapping_is_a_mistake(text):
    assert "this file must be a mapping" in only_mistake(text)


def test_anchors_and_aliases_work():
    tree, mistakes = read("a: &x {b: 1}\nc: *x\n")
    assert mistakes == []
    assert tree is not None
    assert tree["a"] == tree["c"] == {"b": "1"}


def test_aliases_that_expand_without_end_are_one_mistake():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    assert "expand without end" in only_mistake(bomb)


def test_an_alias_to_its_own_parent_is_a_mistake():
    assert "expand without end" in only_mistake("a: &x {b: *x}\n")


def test_deep_nesting_is_a_mistake_and_no_crash():
    assert "nested too deeply" in only_mistake("a: " + "[" * 20_000)


@pytest.mark.parametrize("text", ["a: !!python/object:os.system {}", "a: !!int '3'"])
def test_tags_are_refused(text):
    assert "is not used here" in only_mistake(text)


def test_merge_keys_are_refused():
    assert "merge keys" in only_mistake("a: &x {b: 1}\nc: {<<: *x}\n")


def test_a_key_must_be_text():
    assert "a key must be text" in only_mistake("{[a]: 1}")


def test_a_key_without_a_value_is_a_mistake():
    assert only_mistake("a:\nb: 1\n") == (
        "a.yaml:1: 'a' has no value; write a value, \"\" for an empty text"
    )
    assert read('a: ""')[0] == {"a": ""}


def test_variables_are_put_into_quoted_text():
    tree, mistakes = read(
        'a: "${X}"\nb: \'in ${X} and ${Y:some: default}\'\nc: "${Y:}"\n', X="1: ["
    )
    assert mistakes == []
    assert tree == {"a": "1: [", "b": "in 1: [ and some: default", "c": ""}


def test_a_value_never_becomes_yaml_and_is_not_substituted_again():
    tree, _ = read('a: "${X}"\nb: ["${X}"]', X="{c: 1}\n${X}")
    assert tree == {"a": "{c: 1}\n${X}", "b": ["{c: 1}\n${X}"]}


def test_a_variable_that_is_set_but_empty_is_set():
    assert read('a: "${X:default}"', X="")[0] == {"a": ""}


def test_a_variable_that_is_not_set_is_a_mistake_with_a_remedy():
    assert only_mistake('b: 1\na: "${SECRET}"') == (
        "a.yaml:2: the variable SECRET is not set; set SECRET in the environment or in .env, name "
        "a file with its value in SECRET_FILE, or write ${SECRET:default}"
    )


def test_a_variable_without_quotes_is_a_mistake():
    assert only_mistake("a: ${X}", X="1") == (
        "a.yaml:1: '${X}' holds a variable without quotes; write \"${X}\""
    )


def test_a_broken_variable_is_a_mistake_and_two_dollars_are_one():
    assert "begins no variable" in only_mistake('a: "${1X}"')
    assert read('a: "$${X} costs $5"')[0] == {"a": "${X} costs $5"}


def test_the_text_before_substitution_is_remembered():
    tree, _ = read('a: {b: ["x", "${X}"]}', X="geheim")
    assert original_of(tree, "a", "b", 1) == "${X}"
    assert original_of(tree, "a", "b", 0) is None
    assert original_of(tree) is None


def test_lists_know_their_place():
    tree, _ = read("a:\n  - 1\n")
    assert isinstance(tree, Section)
    assert isinstance(tree["a"], Items)
    assert tree["a"].place == Place("a.yaml", 2)
