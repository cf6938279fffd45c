"""References of silos are equal however they are written, and only then."""

from __future__ import annotations

from unicodedata import category, normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersync.model.joins import normal_reference
from hypersync.model.names import naming_values, normal

VALUES = st.text(
    st.characters(exclude_categories=["Cs", "Cn", "Lu", "Lt", "Zl", "Zp"]), min_size=1, max_size=12
)
MUST = ',+"\\<>;'


def hexed(sign: str) -> str:
    return "".join(f"\\{each:02X}" for each in sign.encode())


def escaped(value: str, *, by_hex: bool) -> str:
    """Write a value as servers do: by a backslash, or by the bytes."""
    signs = []
    for at, sign in enumerate(value):
        is_edge = at in (0, len(value) - 1) and sign in " #"
        if sign in MUST or is_edge:
            signs.append(hexed(sign) if by_hex else f"\\{sign}")
        else:
            signs.append(hexed(sign) if by_hex or not sign.isprintable() else sign)
    return "".join(signs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"CN=Doe\, John,OU=People", r"cn=doe\2C John , ou=people"),
        (r"cn=Doe\2c\20John,ou=x", r"cn=doe\,\ john,ou=x"),
        (r"cn=a\3Db,dc=x", "cn=a=b,dc=x"),
        (r"cn=Lu\C4\8Di\C4\87,dc=x", "cn=Lučić,dc=x"),
        (r"cn=\41nn,dc=x", "cn=ann,dc=x"),
        (r"cn=tail\20,dc=x", r"cn=tail\ ,dc=x"),
        (r"cn=a\2Bb+sn=c,dc=x", r"CN=A\+B + SN=C,DC=X"),
        (r"cn=a\3Cb,dc=x", "cn=a<b,dc=x"),
        ("cn=e\u0301,dc=x", "cn=\u00e9,dc=x"),
        ("cn=Ann  Lee,dc=x", "cn=ann lee,dc=x"),
        ("uid=1+cn=ann,dc=x", "cn=Ann + uid=1,dc=x"),
        ("2.5.4.3=Ann,dc=x", "2.5.4.3=ann, dc=x"),
        ("cn=JÜRGEN ŁÓŹ,dc=x", "cn=jürgen łóź,dc=x"),
        ("cn=\u0391\u03a3,dc=x", "cn=\u03b1\u03c3,dc=x"),
        ("cn=ИВАН,dc=x", "cn=иван,dc=x"),
        ("cn=H\u0331,dc=x", "cn=\u1e96,dc=x"),
    ],
)
def test_equal_names_are_equal_however_they_are_escaped(one: str, other: str):
    assert normal_reference(one) == normal_reference(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"cn=a\,b,dc=x", "cn=a,b=b,dc=x"),
        (r"cn=a\+b=c,dc=x", "cn=a+b=c,dc=x"),
        (r"cn=tail\ ,dc=x", "cn=tail,dc=x"),
        (r"cn=a\\,dc=x", r"cn=a\,dc=x"),
        (r"cn=\FF,dc=x", r"cn=\FE,dc=x"),
        ("cn=a\\", "cn=b\\"),
        ("cn=a = b,dc=x", "cn=a=b,dc=x"),
        (r"cn=a\2C = b,dc=x", r"cn=a\2C=b,dc=x"),
        (r"cn=a\0Ab,dc=x", "cn=a b,dc=x"),
        ("cn=a\xa0,dc=x", "cn=a,dc=x"),
        ("cn=a\xa0,dc=\\78", "cn=a,dc=x"),
        ("cn=Strauß,dc=x", "cn=Strauss,dc=x"),
        ("cn=ann,ou=Groß,dc=x", "cn=ann,ou=Gross,dc=x"),
        (r"cn=Strau\C3\9F,dc=x", "cn=Strauss,dc=x"),
        ("cn=Stra\u1e9ee,dc=x", "cn=Straße,dc=x"),
        ("cn=\ufb01x,dc=x", "cn=fix,dc=x"),
        ("cn=\u03b1\u03c2,dc=x", "cn=\u03b1\u03c3,dc=x"),
        ("cn=\u0130da,dc=x", "cn=i\u0307da,dc=x"),
    ],
)
def test_different_names_stay_different(one: str, other: str):
    assert normal_reference(one) != normal_reference(other)


@pytest.mark.parametrize(
    "stored", [r"cn=doe\, john,ou=x", r"cn=x\0acnf:1,dc=x", r"cn=a\\,dc=x", r"cn=\#a,dc=x"]
)
def test_what_active_directory_writes_is_stored_as_before(stored: str):
    assert normal_reference(stored) == stored


@pytest.mark.parametrize(
    "anchor",
    [r"S-1-5\2C", "QUJD", "QUI=", "QQ==", "Zm9vL2Jhcg==", "A_b-9w==", "Key= ", "a_B=C", "A=B+c"],
)
def test_an_anchor_is_no_name(anchor: str):
    assert normal_reference(anchor) == anchor


@given(value=VALUES)
def test_a_value_has_one_form_which_is_its_own_and_tells_the_value(value: str):
    forms = {
        normal_reference(f"cn={escaped(value, by_hex=each)},dc=x\\2d") for each in (True, False)
    }
    (form,) = forms
    assert normal_reference(form) == form
    (read,) = [text for name, text in naming_values(form) if name == "cn"]
    assert read.replace(" ", "") == normalize("NFC", value).replace(" ", "")


def test_a_letter_becomes_its_small_one_or_stays_and_is_never_several():
    signs = [chr(each) for each in range(1 << 17) if category(chr(each)) not in ("Cs", "Cn", "Co")]
    for sign in (normalize("NFC", each) for each in signs):
        small = normal(f"cn={hexed(sign)},dc=x")[0][0][1]
        assert small in (sign, sign.lower())
        assert len(small) == len(sign)


PARTS = ["a", "B", r"\,", r"\2C", r"\+", r"\ ", " ", ",", "+", "=", r"\\", "\u00e9", "e\u0301", "<"]
PARTS += [r"\3C", ";", r"\;", "#", r"\#", "\t", "\xa0", "ou="]


@given(
    one=st.lists(st.sampled_from(PARTS), min_size=1, max_size=4),
    other=st.lists(st.sampled_from(PARTS), min_size=1, max_size=4),
)
def test_names_are_one_reference_where_they_are_one_name_to_who_writes(
    one: list[str], other: list[str]
):
    first, second = (f"cn={''.join(each)},dc=x" for each in (one, other))
    for left, right in ((first, second), (first, normal_reference(first))):
        is_reference = normal_reference(left) == normal_reference(right)
        assert is_reference == (normal(left) == normal(right))
