"""What an unlock key says, how it is written, and what is refused."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import orjson
import pytest

from hypersync.errors import UnlockRefused
from hypersync.model import unlock
from hypersync.model.signing import load_private, sign
from hypersync.model.unlock import Lock, UnlockKind, is_unlock_id, unverified, verified, write
from tests.unlocking import HERE, OTHER_PEM, OTHER_PUBLIC, PEM, PUBLIC, claims, signed
from tests.worlds import START

LOCK = Lock(installation=HERE, silos=frozenset({"hr", "dir"}), public_key=PUBLIC)


def refusal(text, lock=LOCK):
    with pytest.raises(UnlockRefused) as caught:
        verified(text, lock)
    return caught.value.message


def with_payload(payload: bytes, pem=PEM) -> str:
    """A key whose signature is right, whatever it says."""
    signature = sign(load_private(pem), b"HyperSync unlock key 1\n" + payload)
    parts = [urlsafe_b64encode(each).rstrip(b"=").decode() for each in (payload, signature)]
    return ".".join(["hypersync-unlock-1", *parts])


def payload_of(text: str) -> dict:
    encoded = text.split(".")[1]
    return orjson.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))


def canonical(said: dict) -> bytes:
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def test_a_key_gives_back_what_was_signed():
    said = claims(reason="Umzug nach Zürich")
    assert verified(signed(said), LOCK) == said


def test_a_key_is_one_line_that_may_stand_in_an_address():
    assert set(signed(claims())) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    )


@pytest.mark.parametrize(
    ("kind", "span"), [("day", timedelta(days=1)), ("week", timedelta(days=7)), ("permanent", None)]
)
def test_a_key_ends_its_span_after_it_was_issued(kind, span):
    assert claims(kind).ends_at == (None if span is None else START + span)


def test_a_key_with_any_byte_changed_is_refused():
    text = signed(claims("day", reason="r"))
    raw = text.encode()
    for place in range(len(raw)):
        for flip in (0x01, 0x02, 0x20, 0x80):
            edited = raw[:place] + bytes([raw[place] ^ flip]) + raw[place + 1 :]
            refusal(edited.decode("utf-8", "surrogateescape"))


def test_a_key_with_anything_cut_off_or_added_is_refused():
    text = signed(claims("day", reason="r"))
    for length in range(len(text)):
        refusal(text[:length])
    for more in ("A", "=", ".", ".A", "\n", " ", "\u00e9"):
        refusal(text + more)
        refusal(more + text)


def test_a_key_that_another_key_pair_signed_is_refused():
    assert "signature" in refusal(signed(claims(), OTHER_PEM))
    assert "signature" in refusal(signed(claims()), replace(LOCK, public_key=OTHER_PUBLIC))


def test_without_a_public_key_nothing_fits():
    assert "no public key is configured" in refusal(
        signed(claims()), replace(LOCK, public_key=None)
    )


def test_a_key_for_another_installation_is_refused():
    text = signed(claims(installation="example-prod"))
    assert "is for the installation 'example-prod', this is 'example-test'" in refusal(text)


def test_a_key_for_a_silo_that_is_not_here_is_refused():
    assert "for the silo 'ad', which is not here; there are dir, hr" in refusal(
        signed(claims(silo="ad"))
    )


def test_what_the_same_key_pair_signed_for_something_else_is_no_unlock_key():
    text = signed(claims())
    payload = canonical(payload_of(text))
    signature = sign(load_private(PEM), payload)
    parts = [urlsafe_b64encode(each).rstrip(b"=").decode() for each in (payload, signature)]
    assert "signature" in refusal(".".join(["hypersync-unlock-1", *parts]))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b'{"id": "\xff"}',
        b"[]",
        b"null",
        b'"text"',
        b"{}",
    ],
)
def test_signed_nonsense_is_refused(payload):
    assert "nothing that can be read" in refusal(with_payload(payload))
    assert unverified(with_payload(payload)) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", 2),
        ("version", "1"),
        ("version", True),
        ("id", "short"),
        ("id", 7),
        ("kind", "month"),
        ("kind", None),
        ("installation", ""),
        ("silo", ["dir"]),
        ("reason", 5),
        ("reason", "two\nlines"),
        ("reason", "hidden \u202e marks"),
        ("reason", "x" * 201),
        ("issued_at", "2026-03-02"),
        ("issued_at", "2026-03-02T08:00:00+01:00"),
        ("issued_at", "2026-3-2T8:0:0Z"),
        ("issued_at", "9999-12-31T23:59:59Z"),
        ("issued_at", 0),
        ("more", "than there is"),
    ],
)
def test_signed_claims_that_no_key_makes_are_refused(name, value):
    said = payload_of(signed(claims())) | {name: value}
    refusal(with_payload(canonical(said)))


def test_claims_in_another_writing_are_refused():
    said = payload_of(signed(claims()))
    assert "not written as" in refusal(with_payload(orjson.dumps(said, option=orjson.OPT_INDENT_2)))


def test_a_text_of_any_size_that_is_no_key_is_refused():
    for text in ("", ".", "..", "hypersync-unlock-1", "hypersync-unlock-2.a.b", "x" * 10_000):
        assert "this is no unlock key" in refusal(text)


@pytest.mark.parametrize(
    "wrong", [{"reason": " "}, {"silo": "a\x00b"}, {"installation": "x" * 201}, {"id": "x"}]
)
def test_nothing_is_signed_that_would_be_refused(wrong):
    with pytest.raises(UnlockRefused):
        write(replace(claims(), **wrong), partial(sign, load_private(PEM)))


def test_a_key_says_what_it_is_for_without_being_believed():
    said = claims()
    assert unverified(signed(said, OTHER_PEM)) == said


def test_times_are_written_in_utc():
    said = replace(claims(), issued_at=datetime(2026, 3, 2, 8, tzinfo=UTC))
    assert payload_of(signed(said))["issued_at"] == "2026-03-02T08:00:00Z"


@pytest.mark.parametrize(
    ("text", "is_id"), [("A" * 22, True), ("A" * 21, False), ("A" * 23, False), ("é" * 22, False)]
)
def test_an_id_has_22_characters(text, is_id):
    assert is_unlock_id(text) is is_id


def test_every_kind_has_a_span():
    assert set(unlock._SPANS) == set(UnlockKind)
