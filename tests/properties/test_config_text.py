from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hypersync.config.source import read_yaml
from hypersync.config.variables import read_dotenv
from hypersync.model.mistake import Mistake

MARKS = ["a", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ",", '"', "'", "#", "|", ">", "?", "\t"]
WORDS = ["&x", "*x", "!t ", "${A}", "${B:c}", "${", "<<: ", "---\n", "\ufeff", "é", "%"]
FRAGMENTS = st.sampled_from([*MARKS, *WORDS])


@given(st.lists(FRAGMENTS, max_size=30).map("".join) | st.text(max_size=60))
def test_whatever_a_file_holds_is_a_mapping_or_a_mistake(text):
    mistakes: list[Mistake] = []
    tree = read_yaml(text.encode("utf-8", "surrogatepass"), "a.yaml", {"A": "1"}.get, mistakes)
    assert (tree is not None) or mistakes
    assert all(mistake.file == "a.yaml" and mistake.message for mistake in mistakes)


@given(st.binary(max_size=60))
def test_whatever_bytes_a_file_holds_nothing_is_raised(content):
    mistakes: list[Mistake] = []
    assert read_yaml(content, "a.yaml", {}.get, mistakes) is not None or mistakes


@given(st.text(max_size=40))
def test_the_value_of_a_variable_arrives_as_it_is(value):
    mistakes: list[Mistake] = []
    tree = read_yaml(b'a: "${A}"\nb: ["x${A}y"]', "a.yaml", {"A": value}.get, mistakes)
    assert mistakes == []
    assert tree == {"a": value, "b": [f"x{value}y"]}


@given(st.text(max_size=80))
def test_a_dotenv_file_gives_values_or_mistakes_for_every_line(text):
    mistakes: list[Mistake] = []
    values = read_dotenv(text, ".env", mistakes)
    filled = [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    assert len(values) + len(mistakes) <= len(filled)
    assert bool(values or mistakes) == bool(filled)
