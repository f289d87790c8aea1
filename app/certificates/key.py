"""The seal key of the organisation: a PKCS#12 file (RFC 7292), and the certificates of its former keys."""

import logging
import textwrap
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeGuard

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from werkzeug.local import LocalProxy

from app import clock, files
from app.config import ConfigError
from app.extensions import charter, db
from app.models import Certificate

log = logging.getLogger(__name__)

VALIDITY = timedelta(days=3652)  # ten years
CLOCK_SKEW = timedelta(days=1)  # the clock of a reader may be behind ours
EXPIRY_NOTICE = 60  # days before the certificate expires from which each start logs a warning
NAME_LENGTH = 64  # characters of an organisation and of a common name (X.520)
#: RFC 9336. Poppler (NSS) trusts a certificate for it only with emailProtection besides.
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyUnusable(ConfigError):
    """The key file is missing, or has no key that can seal. The message says why, and what to do."""


@dataclass(frozen=True, eq=False)
class SealKey:
    """The private key that seals, and every certificate that a seal of ours may bear."""

    private_key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()  # of the authority, if the certificate was bought from one
    former: tuple[x509.Certificate, ...] = ()  # of former keys, with their chains

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Every certificate that a seal of ours may bear; the present one first."""
        return (self.certificate, *self.chain, *self.former)

    @property
    def organisation(self) -> str:
        """The name that PDF readers show beside the seal."""
        subject = self.certificate.subject
        for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
            for attribute in subject.get_attributes_for_oid(kind):
                return str(attribute.value)
        return subject.rfc4514_string()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hexadecimal."""
        return self.certificate.fingerprint(SHA256()).hex()

    @property
    def not_before(self) -> datetime:
        """When the certificate becomes valid, in UTC."""
        return self.certificate.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """When the certificate expires, in UTC."""
        return self.certificate.not_valid_after_utc

    def days_left(self, now: datetime) -> int:
        """Return the whole days until the certificate expires; negative afterwards."""
        return (self.not_after - now).days

    def is_valid(self, now: datetime) -> bool:
        """Return True if the certificate may seal at that time."""
        return self.not_before <= now <= self.not_after

    def pem(self) -> bytes:
        """Return every certificate in PEM, the present one first, for publication."""
        return _pem(self.certificates)

    def to_pkcs12(self, passphrase: str) -> bytes:
        """Return the private key, its certificate and the chain as a PKCS#12 file."""
        secret = passphrase.encode()
        protection = BestAvailableEncryption(secret) if secret else NoEncryption()
        return pkcs12.serialize_key_and_certificates(
            b"seal", self.private_key, self.certificate, self.chain or None, protection
        )


def generate_key(host: str, organisation: str, now: datetime) -> SealKey:
    """Return a new P-256 key with a self-signed certificate (RFC 5280), valid for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    parts = {NameOID.ORGANIZATION_NAME: organisation, NameOID.COMMON_NAME: host}
    wrap = partial(textwrap.wrap, width=NAME_LENGTH, break_on_hyphens=False)  # too long: cut between words
    name = x509.Name([x509.NameAttribute(kind, wrap(text)[0]) for kind, text in parts.items()])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    purposes = x509.ExtendedKeyUsage([DOCUMENT_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(purposes, critical=False)
        # Without one, poppler reports an "unknown issue" even where the certificate is trusted.
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return SealKey(key, certificate)


def parse_key(content: bytes, passphrase: str) -> SealKey:
    """Return the key in a PKCS#12 file. Raises: ValueError, which says what is wrong with "it"."""
    try:
        found = pkcs12.load_pkcs12(content, passphrase.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("it is not a PKCS#12 file, or its passphrase is another") from error
    key = found.key
    if key is None:
        raise ValueError("it has no private key")
    if not _can_seal(key):
        raise ValueError("its key is not P-256, P-384, or RSA of 2048 bits at least")
    if found.cert is None or found.cert.certificate.public_key() != key.public_key():
        raise ValueError("it has no certificate of its private key")
    chain = tuple(other.certificate for other in found.additional_certs)
    return SealKey(key, found.cert.certificate, chain)


def _can_seal(key: object) -> TypeGuard[PrivateKey]:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)
    return isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048


def read_key(path: Path, passphrase: str) -> SealKey:
    """Return the key in a file, with the certificates of former keys. Raises: KeyUnusable, ConfigError."""
    try:
        key = parse_key(path.read_bytes(), passphrase)
    except (OSError, ValueError) as error:
        if isinstance(error, PermissionError):
            raise KeyUnusable(f"The key of the seal: {files.describe_refusal(path, error)}") from error
        reason = error.strerror if isinstance(error, OSError) else error
        raise KeyUnusable(
            f"The key of the seal, {path}, cannot be used ({reason}): put the right file or SEAL_PASSPHRASE "
            "back, or make a new key with `flask --app app seal create`."
        ) from error
    return replace(key, former=_read_former(path))


def read_or_create_key(
    path: Path, passphrase: str, generate: Callable[[], SealKey], now: datetime
) -> SealKey:
    """Return the key in a file, generated the first time; log what needs attention. Raises: ConfigError."""
    with suppress(OSError):  # reading the file says what is wrong
        files.read_or_create(path, lambda: generate().to_pkcs12(passphrase))
    key = read_key(path, passphrase)
    if path.stat().st_mode & 0o077:
        log.warning("%s holds the key of the seal, and others may read it: chmod 600", path)
    if not key.is_valid(now):
        log.error("the certificate of the seal is good from %s to %s", key.not_before, key.not_after)
    elif (days := key.days_left(now)) < EXPIRY_NOTICE:
        log.warning("the certificate of the seal ends in %s days, on %s", days, key.not_after)
    return key


def replace_key(path: Path, content: bytes, old: SealKey | None, now: datetime) -> Path | None:
    """Replace the key file from the next start on; return the backup of the file before, if there was one.

    The certificates of ``old`` are added to the former ones; None if it cannot be read. Raises: OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    backup = None
    if path.exists():
        backup = path.with_name(f"{path.stem}-{now:%Y%m%dT%H%M%S.%fZ}{path.suffix}")
        backup.hardlink_to(path)
        backup.chmod(0o600)
    if old:
        files.write_atomically(former_path(path), _pem((*old.former, old.certificate, *old.chain)))
    files.write_atomically(path, content)
    return backup


def restore_key(path: Path, content: bytes, former: bytes, passphrase: str, now: datetime) -> Path | None:
    """Replace the key file by ``content``; return the backup of the file before, if it was another.

    ``former`` has the certificates of former keys, in PEM: they are added to those that are here.
    Raises: OSError, ValueError.
    """
    key, old, backup = parse_key(content, passphrase), None, None
    if not path.exists() or path.read_bytes() != content:
        with suppress(KeyUnusable):
            old = read_key(path, passphrase)
        backup = replace_key(path, content, old, now)
    known = x509.load_pem_x509_certificates(former) if former else []
    certificates = dict.fromkeys((*known, *_read_former(path)))
    certificates.pop(key.certificate, None)
    if certificates:
        files.write_atomically(former_path(path), _pem(certificates))
    return backup


def former_path(path: Path) -> Path:
    """Return the PEM file with the certificates of the former keys of the key at ``path``."""
    return path.with_name(f"{path.stem}-former.pem")


def _read_former(path: Path) -> tuple[x509.Certificate, ...]:
    file = former_path(path)
    try:
        return tuple(x509.load_pem_x509_certificates(file.read_bytes()))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{file} cannot be read as certificates in PEM: repair it, since only these certificates "
            "identify the seals of former keys."
        ) from error


def _pem(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def key_path() -> Path:
    """Return the path of the key file of the current application."""
    return Path(current_app.instance_path, current_app.config["SEAL_FILE"])


def generate_site_key() -> SealKey:
    """Return a new key in the name of the organisation and of the current site."""
    host = current_app.config["SERVER_NAME"].partition(":")[0]
    return generate_key(host, charter.organisation, clock.now())


def load_key() -> SealKey:
    """Return the key of the current application, read or generated on first use. Raises: ConfigError."""
    key: SealKey | None = current_app.extensions.get("seal_key")
    if key is None:
        passphrase = current_app.config["SEAL_PASSPHRASE"]
        require_no_lost_key(key_path())
        key = read_or_create_key(key_path(), passphrase, generate_site_key, clock.now())
        current_app.extensions["seal_key"] = key
    return key


def require_no_lost_key(path: Path) -> None:
    """Refuse to replace, unasked, the key of certificates that were issued. Raises: ConfigError."""
    url = db.engine.url
    if path.exists() or (url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()):
        return  # connecting would create an empty database
    try:
        with db.engine.connect().execution_options(reads_only=True) as connection:
            issued = connection.execute(select(Certificate.id).limit(1)).first()
    except DBAPIError:  # no database yet, or none that answers
        return
    if issued:
        raise ConfigError(
            f"The key of the seal, {path}, is missing, and certificates were issued: put it back from a "
            "backup. If it is lost, make a new one with `flask --app app seal create`."
        )


#: The key of the current application. (mypy: a proxy is taken for its target.)
seal_key: SealKey = LocalProxy(load_key)  # type: ignore[assignment]
