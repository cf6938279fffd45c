from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersync.connectors.directory.alike import Alike
from hypersync.connectors.directory.ber import (
    SearchEntry,
    filter_for,
    integer,
    message_end,
    octets,
    parts_of,
    search_entry,
    sequence,
)
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


SAME = st.fixed_dictionaries(
    {"id": st.lists(st.binary(min_size=36, max_size=36), min_size=1, max_size=1)},
    optional={"x": st.lists(st.binary(min_size=2, max_size=3), min_size=1, max_size=2)},
)


@given(
    sent=st.lists(
        st.tuples(st.integers(0, 2**31 - 1), st.binary(min_size=3, max_size=5), SAME), min_size=2
    ),
    spare=st.integers(0, 1),
    place=st.integers(0, 80),
    byte=st.integers(0, 255),
)
def test_entries_that_are_alike_are_read_as_any_other(
    sent: list[tuple[int, bytes, dict]], spare: int, place: int, byte: int
):
    alike = Alike()
    for number, name, raw in sent:
        whole = message(number, name, raw, spare)
        broken = bytearray(b"before" + whole + b"after")
        broken[6 + place % len(whole)] = byte
        for data in (b"before" + whole + b"after", bytes(broken)):
            read = [
                _read(each, data, 6, 6 + len(whole)) for each in (alike.search_entry, search_entry)
            ]
            assert read[0] == read[1]


def _read(how: Callable[..., SearchEntry | None], data: bytes, at: int, end: int) -> object:
    try:
        return how(data, at, end)
    except (ValueError, IndexError) as error:
        return type(error)


def test_entries_that_are_alike_are_not_decoded_one_by_one(monkeypatch: pytest.MonkeyPatch):
    decoded = []

    def counted(*place: Any) -> SearchEntry | None:
        decoded.append(place)
        return search_entry(*place)

    monkeypatch.setattr("hypersync.connectors.directory.alike.search_entry", counted)
    alike = Alike()
    for number in range(50):
        sent = message(number, b"cn=%02d" % number, {"id": [b"%036d" % number]})
        found = alike.search_entry(sent, 0, len(sent))
        assert found == SearchEntry(number, b"cn=%02d" % number, {"id": [b"%036d" % number]})
    assert len(decoded) == 1


def test_an_attribute_that_stands_there_twice_is_refused_however_often_it_comes():
    once = message(1, b"cn=a", {"a": [b"x"], "b": [b"y"]})
    twice = once.replace(b"b", b"a")
    alike = Alike()
    for _ in range(2):
        assert alike.search_entry(once, 0, len(once)) == search_entry(once)
        with pytest.raises(ValueError, match="stands twice"):
            alike.search_entry(twice, 0, len(twice))


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


@given(raws=st.lists(RAW, min_size=1, max_size=4), spare=st.integers(0, 1), cut=st.integers(1, 40))
def test_messages_are_found_one_after_the_other(raws: list[dict], spare: int, cut: int):
    sent = [message(number, b"cn=a", raw, spare) for number, raw in enumerate(raws)]
    data, at = b"".join(sent), 0
    for number, raw in enumerate(raws):
        end = message_end(data, at)
        assert end == at + len(sent[number])
        found = search_entry(data, at, end)
        assert found is not None
        assert (found.message_id, found.raw) == (number, raw)
        at = end
    assert message_end(data, at) is None
    begun = message_end(data[:-cut], at - len(sent[-1])) if cut < len(sent[-1]) else None
    assert begun is None or begun > len(data) - cut


@given(raw=RAW.filter(bool), lie=st.integers(1, 60))
def test_an_entry_that_reaches_into_the_next_message_is_refused(raw: dict, lie: int):
    sent = message(7, b"cn=a", raw)
    with pytest.raises((ValueError, IndexError)):
        search_entry(sent + sent, 0, len(sent) - lie if lie < len(sent) else 0)


@pytest.mark.parametrize("data", [b"\x31\x00", b"\x30\x80\x00\x00", b"HTTP"])
def test_what_is_no_message_is_refused(data: bytes):
    with pytest.raises(ValueError, match="starts no message"):
        message_end(data)


@given(number=st.integers(-(2**40), 2**40), content=st.binary(max_size=300))
def test_what_is_written_is_read(number: int, content: bytes):
    first, second = parts_of(sequence(integer(number), octets(content)))
    assert int.from_bytes(first, "big", signed=True) == number
    assert (
        first == b"\0"
        or first[:1] not in (b"\0", b"\xff")
        or len(first) == 1
        or ((first[0] ^ first[1]) & 0x80)
    )
    assert second == content


@pytest.mark.parametrize("cut", [1, 3])
def test_a_sequence_that_is_cut_off_is_refused(cut: int):
    with pytest.raises((ValueError, IndexError)):
        parts_of(sequence(integer(1), octets(b"ab"))[:-cut])


def test_absence_is_asked_for_as_the_standard_says():
    assert filter_for(["a", "b"], ()) == bytes.fromhex("a00aa203870161a203870162")


def test_other_messages_are_left_to_the_library():
    done = element(0x30, element(2, b"\x01") + element(0x65, b"\n\x01\x00\x04\x00\x04\x00"))
    assert search_entry(done) is None


def test_lengths_that_contradict_each_other_are_refused():
    sent = bytearray(message(7, b"cn=a", {"a": [b"x"], "b": [b"y"]}))
    at = sent.index(b"\x31")
    sent[at + 1] += 1
    with pytest.raises((ValueError, IndexError)):
        search_entry(bytes(sent))
