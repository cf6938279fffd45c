import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersync.model.names import is_below, naming_values, normal, split


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=Ann,ou=People,dc=x", "CN=ann , OU=people, DC=X"),
        ("cn=Ann  Lee,dc=x", "cn=ann lee,dc=x"),
        (r"cn=Doe\, John,dc=x", r"cn=doe\2C john,dc=x"),
        (r"cn=zo\C3\AB,dc=x", "cn=zoë,dc=x"),
        ("cn=ann+uid=1,dc=x", "UID=1 + cn=Ann,dc=x"),
        ("cn=ann;dc=x", "cn=ann,dc=x"),
        ("cn=e\u0301,dc=x", "cn=é,dc=x"),
        ("no dn", "no dn"),
    ],
)
def test_equal_names_are_equal(one: str, other: str):
    assert normal(one) == normal(other)


@given(
    st.lists(st.sampled_from(["cn", "OU", "1.2", "ann", "É", "e\u0301", "=", ",", " ", "\t", "_"])),
    st.sampled_from(["dc=x", " DC=x", "dc=x,", "", "no dn"]),
)
def test_a_name_without_escapes_is_what_it_is_with_them(first: list[str], rest: str):
    # what is plain is taken apart in a quicker way, unless an escape is in it
    whole = f"{''.join(first)},cn=a,{rest}"
    plain, escaped = normal(whole), normal(whole.replace("cn=a,", r"cn=\61,"))
    is_none = [parts[0][0][0] == "" for parts in (plain, escaped)]
    assert plain == escaped or is_none == [True, True]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"cn=a\,b,dc=x", "cn=a,b=,dc=x"),
        (r"cn=a\+b,dc=x", "cn=a+b=,dc=x"),
        ("cn=ann,dc=x", "uid=ann,dc=x"),
        ("cn=ann,dc=x", "cn=ann,dc=x,dc=y"),
        (r"cn=a\2b,dc=x", "cn=a,dc=x"),
        ("no dn", "No  DN"),
    ],
)
def test_other_names_are_not(one: str, other: str):
    assert normal(one) != normal(other)


def test_split_gives_the_relative_name_and_the_parent_as_written():
    assert split(r"CN=Doe\, John + uid=J, ou=a,dc=x") == (r"CN=Doe\, John + uid=J", "ou=a,dc=x")
    assert split("dc=x") == ("dc=x", "")


def test_naming_values_are_without_escapes():
    assert naming_values(r"cn=a\+b\20\ ,dc=x") == [("cn", "a+b  ")]
    assert naming_values(r"cn=zo\c3\ab+uid= 1 ,dc=x") == [("cn", "zoë"), ("uid", "1")]


@pytest.mark.parametrize("text", ["", "ann", "=x,dc=y", "c n=x", "cn=a+b,dc=x"])
def test_what_is_no_dn_is_refused(text: str):
    with pytest.raises(ValueError, match="is no"):
        naming_values(text)


def test_is_below_looks_at_whole_parts():
    assert is_below("cn=a,OU=People,dc=x", "ou=people, dc=x")
    assert is_below("ou=people,dc=x", "ou=people,dc=x")
    assert not is_below("cn=a,ou=mypeople,dc=x", "ou=people,dc=x")
    assert is_below("dc=x", "")
