import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersync.connectors.directory.ber import search_entry
from hypersync.connectors.directory.client import decode_message_fast

VALUE = st.one_of(st.binary(max_size=20), st.binary(min_size=120, max_size=300))
RAW = st.dictionaries(
    st.text("abcdefgh;-", min_size=1, max_size=12), st.lists(VALUE, max_size=4), max_size=5
)


def element(tag: int, content: bytes, spare: int = 0) -> bytes:
    """Return an element; ``spare`` is how many more bytes its length takes than it needs."""
    size = len(content)
    if size < 0x80 and not spare:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8 + spare, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def message(number: int, name: bytes, raw: dict[str, list[bytes]], spare: int = 0) -> bytes:
    attributes = b"".join(
        element(
            0x30,
            element(4, key.encode())
            + element(0x31, b"".join(element(4, v) for v in values), spare),
        )
        for key, values in raw.items()
    )
    entry = element(0x64, element(4, name) + element(0x30, attributes, spare), spare)
    integer = number.to_bytes(4, "big")
    return element(0x30, element(2, integer) + entry, spare)


@given(number=st.integers(0, 2**31 - 1), name=VALUE, raw=RAW, spare=st.integers(0, 2))
def test_entries_are_read_as_they_were_sent(number: int, name: bytes, raw: dict, spare: int):
    found = search_entry(message(number, name, raw, spare))
    assert found is not None
    assert (found.message_id, found.name, found.raw) == (number, name, raw)


@given(name=VALUE, raw=RAW.filter(bool))
def test_entries_are_read_as_the_library_reads_them(name: bytes, raw: dict):
    sent = message(7, name, raw)
    found, library = search_entry(sent), decode_message_fast(sent)
    assert found is not None
    assert found.message_id == library["messageID"]
    assert found.name == library["payload"][0][3]
    assert found.raw == {
        each[3][0][3].decode(): [value[3] for value in each[3][1][3]]
        for each in library["payload"][1][3]
    }


@given(raw=RAW.filter(bool), cut=st.integers(1, 40))
def test_entries_that_are_cut_off_are_not_read(raw: dict, cut: int):
    sent = message(7, b"cn=a", raw)
    with pytest.raises((ValueError, IndexError)):
        search_entry(sent[: max(0, len(sent) - cut)])


def test_other_messages_are_left_to_the_library():
    done = element(0x30, element(2, b"\x01") + element(0x65, b"\n\x01\x00\x04\x00\x04\x00"))
    assert search_entry(done) is None


def test_lengths_that_contradict_each_other_are_refused():
    sent = bytearray(message(7, b"cn=a", {"a": [b"x"], "b": [b"y"]}))
    at = sent.index(b"\x31")
    sent[at + 1] += 1
    with pytest.raises((ValueError, IndexError)):
        search_entry(bytes(sent))
