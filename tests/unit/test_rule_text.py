"""A rule is cut out of its file as it stands there."""

from __future__ import annotations

import pytest

from webui.rules.source import rule_text

FILE = """\
ruleset: a
rules:
  # the first
  # of two
  - id: one
    when: |
      x == 1

      and y == 2
    # a word in between
    do: disable

  # the second
  - {id: two,
     kind: update}
  - {id: three}
scopes:
  x: y
""".splitlines()


def test_a_rule_has_its_comment_and_ends_before_the_next_one():
    text = rule_text(FILE, 5)
    assert text.splitlines()[0] == "# the first"
    assert text.splitlines()[-1] == "  do: disable"
    assert "and y == 2" in text
    assert "second" not in text


def test_a_rule_on_one_line_or_two_is_whole():
    assert rule_text(FILE, 14) == "# the second\n- {id: two,\n   kind: update}"


def test_the_last_rule_ends_with_its_list():
    assert rule_text(FILE, 16) == "- {id: three}"


@pytest.mark.parametrize("line", [0, -1, 99])
def test_a_line_that_is_not_there_is_no_text(line):
    assert rule_text(FILE, line) == ""
    assert rule_text([], line) == ""


def test_a_rule_of_endless_length_is_cut():
    text = rule_text(["- id: x", *["  a: b"] * 5000], 1)
    assert len(text.splitlines()) == 200
