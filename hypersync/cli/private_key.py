"""Reads a private key from its file, and asks for its passphrase where it has one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from hypersync.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PASSPHRASE = "HYPERSYNC_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable


def read_private_key(file: Path) -> Ed25519PrivateKey:
    """Return the private key in a file; raises `UsageError`."""
    from hypersync.model.signing import load_private

    try:
        pem = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from error
    if b"ENCRYPTED" not in pem:
        return load_private(pem)
    given = os.environ.get(PASSPHRASE)
    if given is None:
        given = click.prompt("Passphrase of the private key", hide_input=True, err=True)
    return load_private(pem, os.fsencode(given))
