import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hypersync.errors import UsageError
from hypersync.model.signing import (
    is_public_key,
    load_private,
    new_key,
    public_text,
    sign,
    verify,
)

MESSAGE = b"let 400 leavers go"


def test_what_the_private_key_signed_its_public_key_verifies():
    pem, public = new_key()
    assert verify(public, MESSAGE, sign(load_private(pem), MESSAGE))


def test_both_halves_read_again_are_the_same_key():
    pem, public = new_key()
    assert public_text(load_private(pem)) == public
    assert public.startswith("ed25519:")
    assert "\n" not in public


def test_another_key_verifies_nothing():
    pem, _ = new_key()
    _, stranger = new_key()
    assert not verify(stranger, MESSAGE, sign(load_private(pem), MESSAGE))


def test_every_flipped_bit_of_the_signature_is_seen():
    pem, public = new_key()
    signature = sign(load_private(pem), MESSAGE)
    for bit in range(len(signature) * 8):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not verify(public, MESSAGE, bytes(flipped))


def test_every_flipped_bit_of_the_message_is_seen():
    pem, public = new_key()
    signature = sign(load_private(pem), MESSAGE)
    for bit in range(len(MESSAGE) * 8):
        flipped = bytearray(MESSAGE)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not verify(public, bytes(flipped), signature)


def test_every_changed_character_of_the_public_key_is_seen():
    pem, public = new_key()
    signature = sign(load_private(pem), MESSAGE)
    for at in range(len(public)):
        for other in "A_-=+/ é\n":
            changed = public[:at] + other + public[at + 1 :]
            assert changed == public or not verify(changed, MESSAGE, signature)


@pytest.mark.parametrize("signature", [b"", b"x", b"x" * 63, b"x" * 65])
def test_a_signature_of_another_length_verifies_nothing(signature):
    _, public = new_key()
    assert not verify(public, MESSAGE, signature)


def test_a_public_key_has_one_text_only():
    _, public = new_key()
    assert is_public_key(public)
    for text in (
        "",
        "ed25519:",
        public.removeprefix("ed25519:"),
        public.upper(),
        public + "=",
        public + "\n",
        " " + public,
        public[:-1],
        public + "A",
        "ed25519:" + public,
        "ed25519:" + "é" * 43,
    ):
        assert not is_public_key(text), text


def test_a_private_key_under_a_passphrase_opens_with_it_only():
    pem, public = new_key(b"long and dull")
    assert public_text(load_private(pem, b"long and dull")) == public
    with pytest.raises(UsageError, match="its passphrase is wrong"):
        load_private(pem, b"another")
    with pytest.raises(UsageError, match="none was given"):
        load_private(pem)


def test_a_passphrase_for_a_key_without_one_is_said():
    pem, _ = new_key()
    with pytest.raises(UsageError, match="has no passphrase"):
        load_private(pem, b"long and dull")


def test_an_empty_passphrase_protects_nothing_and_is_refused():
    with pytest.raises(UsageError, match="at least one character"):
        new_key(b"")


@pytest.mark.parametrize("pem", [b"", b"\xff\x00", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_private_key_is_one_clear_error(pem):
    with pytest.raises(UsageError, match="not an Ed25519 private key"):
        load_private(pem)


def test_a_private_key_of_another_kind_is_refused():
    pem = X25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with pytest.raises(UsageError, match="of another kind"):
        load_private(pem)
