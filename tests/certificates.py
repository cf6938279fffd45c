"""Certificates for tests: an authority of one's own, and what goes wrong with those it signs."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hypersync.clock import SystemClock

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as PEM files."""

    file: Path
    key: Path


class Authority:
    """Signs certificates; ``file`` is what those who trust it need."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._name = _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / "ca.pem"
        self.file.write_bytes(_pem(self._sign(self._name, self._key, days=(-9, 9), is_ca=True)))

    def issue(
        self, common_name: str, *, names: Sequence[str] = (), days: tuple[int, int] = (-1, 1)
    ) -> Certificate:
        """Sign a certificate that is good from and until so many days from now.

        ``names`` are hosts and addresses; without any the certificate carries its common name only.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        signed = self._sign(_named(common_name), key, days=days, names=names)
        stem = f"{common_name}-{days[0]}-{days[1]}-{len(names)}"
        found = Certificate(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        found.file.write_bytes(_pem(signed))
        found.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return found

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        days: tuple[int, int],
        names: Sequence[str] = (),
        is_ca: bool = False,
    ) -> x509.Certificate:
        now = SystemClock().now()
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY)
            .not_valid_after(now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if names:
            found = x509.SubjectAlternativeName([_general(each) for each in names])
            builder = builder.add_extension(found, critical=False)
        return builder.sign(self._key, SHA256())


def self_signed(folder: Path, *names: str) -> Certificate:
    """Return a certificate that signs itself."""
    folder.mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    now = SystemClock().now()
    builder = x509.CertificateBuilder(
        subject_name=_named(names[0]),
        issuer_name=_named(names[0]),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - DAY,
        not_valid_after=now + DAY,
    )
    found = x509.SubjectAlternativeName([_general(each) for each in names])
    signed = builder.add_extension(found, critical=False).sign(key, SHA256())
    certificate = Certificate(folder / "self.pem", folder / "self.key")
    certificate.file.write_bytes(_pem(signed))
    certificate.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return certificate


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
