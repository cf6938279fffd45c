"""How a change is worded: nobody may take it for none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersync.cli.documents import change_text
from hypersync.messages.difference import difference
from hypersync.messages.words import Words

DASH = "\N{EN DASH}"
GROUPS = tuple(f"cn=g{number}" for number in range(10))


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("clerk", "boss", ("clerk", "boss")),
        (None, "boss", (DASH, "boss")),
        (None, ("a", "b"), (DASH, "a, b")),
        (("a",), None, ("a", DASH)),
        ("same", "same", ("same", "same")),
        (
            (*GROUPS, "cn=sales"),
            (*GROUPS, "cn=domain admins"),
            ("removed: cn=sales", "added: cn=domain admins; 10 unchanged"),
        ),
        (("a", "b"), ("a", "b", "c"), ("nothing removed", "added: c; 2 unchanged")),
        (("a", "a"), ("a",), ("removed: a", "nothing added; 1 unchanged")),
        ("a", ("a", "b"), ("nothing removed", "added: b; 1 unchanged")),
        (("a", "b"), ("b", "a"), ("a, b", "b, a (the same in another order)")),
    ],
)
def test_of_lists_it_is_said_what_is_added_and_removed(before, after, shown):
    assert difference(before, after) == shown


def test_of_many_values_it_is_said_how_many_are_not_named():
    after = (*GROUPS, *(f"cn=new{number}" for number in range(12)))
    assert difference(GROUPS, after)[1].endswith("cn=new9 and 2 more; 10 unchanged")
    assert "cn=new11; 10 unchanged" in difference(GROUPS, after, values=100)[1]


def test_a_long_text_is_cut_around_the_first_difference():
    start, end = "x" * 250, "y" * 500
    then, now = difference(f"{start}A{end}", f"{start}B{end}")
    assert f"xA{'y' * 149}… (751 characters)" in then
    assert f"xB{'y' * 149}… (751 characters)" in now
    assert then.startswith("…x")
    assert difference("short", "s" * 300)[1] == "s" * 200 + "… (300 characters)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"abc", b"xyz"),
        ("Ann Ng", "Ann  Ng"),
        ("Ann", "Ann "),
        ("Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}", "Zoe\N{COMBINING DIAERESIS}"),
        ("admin", "\N{CYRILLIC SMALL LETTER A}dmin"),
        (True, "true"),
        (1, "1"),
        (None, DASH),
        ("(3 bytes)", b"abc"),
        ("a", ("a",)),
        ((b"abc", "x"), (b"xyz", "x")),
        (("x" * 210 + "A", "x" * 210 + "B"), ("x" * 210 + "C", "x" * 210 + "D")),
    ],
)
def test_what_looks_alike_and_is_not_is_said_to_differ(before, after):
    then, now = difference(before, after)
    assert " ".join(then.split()) != " ".join(now.split())
    assert "#" in now or "differs" in now


def test_size_and_hash_are_said_of_what_looks_alike():
    assert difference(b"abc", b"xyz") == (
        "(3 bytes) [#ba7816bf]",
        "(3 bytes) [#3608bca1] (differs, even if it looks the same)",
    )
    assert difference("a b", "a  b", words=Words("de"))[1] == (
        "a  b [4 Zeichen, #6e12db73] (ist etwas anderes, auch wenn es gleich aussieht)"
    )


_SCALARS = st.one_of(st.text("aA \xa0\u0430", max_size=5), st.binary(max_size=2), st.booleans())
_VALUES = st.one_of(st.none(), _SCALARS, st.lists(_SCALARS, min_size=1).map(tuple))


@given(_VALUES, _VALUES, st.integers(1, 6))
def test_a_change_is_never_shown_as_none(before, after, most):
    then, now = difference(before, after, most)
    if type(before) is type(after) and before == after:
        return
    assert " ".join(then.split()) != " ".join(now.split())


def test_the_command_line_says_how_many_attributes_it_leaves_out():
    before = {f"a{number}": "x" for number in range(9)}
    after = dict.fromkeys(before, "y")
    assert change_text(before, after).endswith("a5: x → y and 3 more attributes")
    assert change_text(before, after, is_whole=True).endswith("a8: x → y")
    assert change_text({"a": b"abc"}, {"a": b"xyz"}) != "a: (3 bytes) → (3 bytes)"
    assert "added: b" in change_text({"a": GROUPS}, {"a": (*GROUPS, "b")})
