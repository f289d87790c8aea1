"""The key of the organisation's seal: a PKCS#12 file (RFC 7292), and the certificates of former keys."""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TypeGuard

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from flask import Flask, current_app
from werkzeug.local import LocalProxy

from app import clock, files
from app.config import ConfigError

log = logging.getLogger(__name__)

VALIDITY = timedelta(days=3652)  # ten years
#: The clock of a reader may be behind ours.
SKEW = timedelta(days=1)
#: Days before the end of the certificate at which each start says so.
NOTICE = 60

#: RFC 9336. Poppler (NSS) trusts a certificate for it only with emailProtection besides.
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
#: Characters that X.520 gives to an organisation and to a common name.
NAME_LENGTH = 64

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyUnusable(ConfigError):
    """The file is not there, or holds no key to seal with. The message says why, and what to do."""


@dataclass(frozen=True, eq=False)
class SealKey:
    """The key that seals today, with all the certificates that our seals bear."""

    private_key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()  # of the authority, when it was bought from one
    former: tuple[x509.Certificate, ...] = ()  # of the keys before, with their chains

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Every certificate that a seal of ours may bear; the one of today comes first."""
        return (self.certificate, *self.chain, *self.former)

    @property
    def subject(self) -> str:
        """Whose seal it is (RFC 4514)."""
        return self.certificate.subject.rfc4514_string()

    @property
    def issuer(self) -> str:
        """Who vouches for it (RFC 4514)."""
        return self.certificate.issuer.rfc4514_string()

    @property
    def organisation(self) -> str:
        """The name that readers show beside the seal."""
        for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
            for attribute in self.certificate.subject.get_attributes_for_oid(kind):
                return str(attribute.value)
        return self.subject

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hexadecimal."""
        return self.certificate.fingerprint(SHA256()).hex()

    @property
    def not_before(self) -> datetime:
        """When the certificate begins, in UTC."""
        return self.certificate.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """When the certificate ends, in UTC."""
        return self.certificate.not_valid_after_utc

    def days_left(self, now: datetime) -> int:
        """Return the whole days before the end; below 0, it is past."""
        return (self.not_after - now).days

    def is_valid(self, now: datetime) -> bool:
        """Whether the certificate may seal at that time."""
        return self.not_before <= now <= self.not_after

    def pem(self) -> bytes:
        """Return every certificate, the one of today first, to be published."""
        return _pem(self.certificates)


def new_key(host: str, organisation: str, now: datetime) -> SealKey:
    """Make a key and the certificate that it signs for itself (RFC 5280)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _shorten(organisation)),
            x509.NameAttribute(NameOID.COMMON_NAME, _shorten(host)),
        ]
    )
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
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([DOCUMENT_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
        # Without one, poppler knows of an "unknown issue" even where the certificate is trusted.
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return SealKey(key, certificate)


def open_key(content: bytes, passphrase: str) -> SealKey:
    """Open a PKCS#12 file. Raises: ValueError, which says what is wrong with "it"."""
    try:
        found = pkcs12.load_pkcs12(content, passphrase.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("it is not a PKCS#12 file, or its passphrase is another") from error
    key = found.key
    if key is None:
        raise ValueError("it holds no private key")
    if not _seals(key):
        raise ValueError("it holds a key that is not P-256, P-384, or RSA of 2048 bits at least")
    if found.cert is None or found.cert.certificate.public_key() != key.public_key():
        raise ValueError("it holds no certificate of its private key")
    chain = tuple(other.certificate for other in found.additional_certs)
    return SealKey(key, found.cert.certificate, chain)


def read_key(path: Path, passphrase: str) -> SealKey:
    """Read the key, with the certificates of the keys before it. Raises: KeyUnusable, ConfigError."""
    try:
        key = open_key(path.read_bytes(), passphrase)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise KeyUnusable(
            f"The key of the seal, {path}, cannot be used ({reason}): put the right file or SEAL_PASSPHRASE "
            "back, or make a new key with `flask --app app seal create`."
        ) from error
    return replace(key, former=_former_certificates(path))


def load_key(path: Path, passphrase: str, make: Callable[[], SealKey], now: datetime) -> SealKey:
    """Read the key, made the first time, and log what somebody should look at. Raises: ConfigError."""
    with suppress(OSError):  # reading it says what is wrong
        files.keep(path, lambda: _pkcs12(make(), passphrase))
    key = read_key(path, passphrase)
    if path.stat().st_mode & 0o077:
        log.warning("%s holds the key of the seal, and others may read it: chmod 600", path)
    if not key.is_valid(now):
        log.error("the certificate of the seal is good from %s to %s", key.not_before, key.not_after)
    elif (days := key.days_left(now)) < NOTICE:
        log.warning("the certificate of the seal ends in %s days, on %s", days, key.not_after)
    return key


def replace_key(path: Path, new: SealKey, passphrase: str, old: SealKey | None, now: datetime) -> Path | None:
    """Seal with another key from the next start on; return where the file before is kept, if there was one.

    The certificates of ``old`` join the former ones; it is None where it cannot be read. Raises: OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = None
    if path.exists():
        kept = path.with_name(f"{path.stem}-{now:%Y%m%dT%H%M%S.%fZ}{path.suffix}")
        kept.hardlink_to(path)
        kept.chmod(0o600)
    if old:
        files.replace(former_file(path), _pem((*old.former, old.certificate, *old.chain)))
    files.replace(path, _pkcs12(new, passphrase))
    return kept


def put_back(path: Path, content: bytes, former: bytes, passphrase: str, now: datetime) -> Path | None:
    """Seal with the key of a backup; return where the present one is kept, if it is another.

    ``content`` is a file that `open_key` opens, ``former`` the certificates of the keys before it, in PEM:
    they join those that are here. Raises: OSError, ValueError.
    """
    key, kept = open_key(content, passphrase), None
    known = list(x509.load_pem_x509_certificates(former)) if former else []
    if path.exists() and path.read_bytes() != content:
        try:
            old = read_key(path, passphrase)
        except KeyUnusable:
            old = None
        kept = replace_key(path, key, passphrase, old, now)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, content)
    known += [one for one in _former_certificates(path) if one not in known]
    if known := [one for one in known if one != key.certificate]:
        files.replace(former_file(path), _pem(known))
    return kept


def former_file(path: Path) -> Path:
    """Return the PEM file with the certificates of the keys before the key at ``path``."""
    return path.with_name(f"{path.stem}-former.pem")


def _former_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    file = former_file(path)
    try:
        return tuple(x509.load_pem_x509_certificates(file.read_bytes()))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{file} cannot be read as certificates in PEM: mend it, since the seals of the keys before are "
            "known by them."
        ) from error


def _seals(key: object) -> TypeGuard[PrivateKey]:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)
    return isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048


def _pem(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def _pkcs12(key: SealKey, passphrase: str) -> bytes:
    protection: KeySerializationEncryption = NoEncryption()
    if passphrase:
        protection = BestAvailableEncryption(passphrase.encode())
    return pkcs12.serialize_key_and_certificates(
        b"seal", key.private_key, key.certificate, key.chain or None, protection
    )


def _shorten(name: str) -> str:
    """Cut a name between words where X.520 has no room for all of it."""
    if len(name) <= NAME_LENGTH:
        return name
    return name[: NAME_LENGTH + 1].rpartition(" ")[0] or name[:NAME_LENGTH]


#: The seal key of the current application. (mypy: a proxy is taken for its target.)
seal_key: SealKey = LocalProxy(lambda: current_app.extensions["seal"]())  # type: ignore[assignment]


def init_app(app: Flask) -> None:
    """Load the seal key on first use; ``wsgi.py`` uses it at startup, ``flask seal`` may run without one."""

    @cache
    def load() -> SealKey:
        path, passphrase = seal_file(app), app.config["SEAL_PASSPHRASE"]
        return load_key(path, passphrase, lambda: new_seal_key(app), clock.now())

    app.extensions["seal"] = load


def seal_file(app: Flask) -> Path:
    """Return the path of the PKCS#12 file."""
    return Path(app.instance_path, app.config["SEAL_FILE"])


def new_seal_key(app: Flask) -> SealKey:
    """Make a key in the name of the organisation and of the site."""
    host = app.config["SERVER_NAME"].partition(":")[0]
    return new_key(host, app.extensions["charter"].organisation, clock.now())
