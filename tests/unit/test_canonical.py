from __future__ import annotations

from datetime import timedelta

import pytest

from hypersync.model.canonical import decode, decode_mapping, digest, encode, encode_value

EVERYTHING = {
    "text": "Zoë",
    "number": 7,
    "part": 0.5,
    "on": True,
    "bytes": b"\x00\xff",
    "many": ("a", "b"),
    "keys": (b"1", b"2"),
}


def test_what_is_written_is_read_again():
    assert decode(encode(EVERYTHING)) == EVERYTHING
    assert decode(encode(EVERYTHING).decode()) == EVERYTHING


def test_equal_attributes_are_one_text_whatever_their_order():
    turned = dict(reversed(EVERYTHING.items()))
    assert encode(turned) == encode(EVERYTHING)


def test_text_is_compact_with_sorted_keys_and_readable():
    assert encode({"b": ("x", "y"), "a": b"hi"}) == b'{"a":{"base64":"aGk="},"b":["x","y"]}'


def test_missing_attributes_are_left_out_of_objects_and_kept_in_values():
    assert encode({"a": None, "b": ""}) == b'{"b":""}'
    assert encode_value({"a": None, "b": [b"hi", None]}) == (
        b'{"a":null,"b":[{"base64":"aGk="},null]}'
    )


@pytest.mark.parametrize("value", [timedelta(1), {1, 2}, object()])
def test_what_is_no_attribute_value_is_refused(value):
    with pytest.raises(TypeError):
        encode({"a": value})


def test_digest_is_sixteen_bytes_and_tells_texts_apart():
    assert len(digest(b"a")) == 16
    assert digest(encode({"a": 1})) != digest(encode({"a": "1"}))
    assert digest(b"a") == digest(b"a")


def test_mapping_keeps_missing_values_and_no_mapping_stays_none():
    assert decode_mapping(None) is None
    assert decode_mapping({"a": None, "b": ["x"], "c": {"base64": "aGk="}}) == {
        "a": None,
        "b": ("x",),
        "c": b"hi",
    }
