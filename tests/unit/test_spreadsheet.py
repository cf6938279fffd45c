"""Text as a cell of a spreadsheet."""

from __future__ import annotations

import pytest

from webui.spreadsheet import cell_of


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Ann Ng", "Ann Ng"),
        ("a; b;c", "a; b;c"),
        ("2-1=1", "2-1=1"),
        ("=1", "'=1"),
        ('"=1', "'\"=1"),
        (" =1", "' =1"),
        ("a;=1", "a;'=1"),
        ('a; "=1', "a; \"'=1"),
        ("=1;=2; -3", "'=1;'=2; '-3"),
        ("a\n=1", "a[U+000A]=1"),
    ],
)
def test_what_begins_like_a_formula_has_an_apostrophe_before_it(text, cell):
    assert cell_of(text, 100) == cell


def test_a_long_text_is_cut_with_its_length_said():
    assert cell_of("x" * 200, 100) == "x" * 100 + "… (200 characters)"
