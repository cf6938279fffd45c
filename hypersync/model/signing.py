"""Ed25519 signatures, and how the two halves of a key pair are written down. Pure.

A private key is PKCS #8 PEM, with a passphrase or without. A public key is one line of text,
``ed25519:`` and 43 characters of base64url without padding, so that it stands in a configuration
file and each key has exactly one text. Fails closed: whatever is malformed, by one bit even,
verifies nothing. A signature is RFC 8032; what is signed should say what it is for, because one
key pair may sign several kinds of things.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from hypersync.errors import UsageError

_PREFIX = "ed25519:"
_KEY_BYTES = 32


def new_key(passphrase: bytes | None = None) -> tuple[bytes, str]:
    """Make a key pair; return the private half as PEM and the public half as text."""
    if passphrase == b"":
        raise UsageError("a passphrase has at least one character")
    private = Ed25519PrivateKey.generate()
    protection: KeySerializationEncryption = (
        NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    return pem, public_text(private)


def load_private(pem: bytes, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """Read a private key; raises `UsageError` that says what is wrong with it or its passphrase."""
    try:
        private = load_pem_private_key(pem, passphrase)
    except TypeError as error:
        raise UsageError(
            "the private key is protected by a passphrase, and none was given"
            if passphrase is None
            else "the private key has no passphrase, and one was given"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            "this is not an Ed25519 private key in PEM, or its passphrase is wrong"
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise UsageError("this private key is of another kind; an Ed25519 key is needed")
    return private


def public_text(private: Ed25519PrivateKey) -> str:
    """Return the text of the public half of this private key."""
    return _PREFIX + _to_text(private.public_key().public_bytes_raw())


def is_public_key(text: str) -> bool:
    """Say whether this is the text of a public key, to the last bit."""
    return _public_bytes(text) is not None


def sign(private: Ed25519PrivateKey, message: bytes) -> bytes:
    """Return the 64 bytes that sign this message."""
    return private.sign(message)


def verify(public: str, message: bytes, signature: bytes) -> bool:
    """Say whether the owner of this public key signed exactly this message."""
    raw = _public_bytes(public)
    if raw is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _public_bytes(text: str) -> bytes | None:
    """Return the key behind its text; only the one text that `public_text` writes has one."""
    encoded = text.removeprefix(_PREFIX)
    try:
        raw = urlsafe_b64decode(encoded + "=")
    except ValueError:
        return None
    is_exact = len(raw) == _KEY_BYTES and _PREFIX + _to_text(raw) == text
    return raw if is_exact else None


def _to_text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
