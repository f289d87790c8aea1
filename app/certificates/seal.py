"""The seal: PAdES B-B or B-T on the finished bytes (ETSI EN 319 142-1), and the check of what comes back."""

import asyncio
import hashlib
import re
import threading
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from itertools import islice
from time import monotonic

import asn1crypto.x509
from asn1crypto import cms, core
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.generic import NameObject, TextStringObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.general import extract_certificate_info, extract_signer_info
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.timestamps import HTTPTimeStamper
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.generic_cms import (
    extract_tst_data_iter,
    validate_sig_integrity,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from app.certificates.exceptions import Finding, SealDelayed, SealError, Verdict
from app.certificates.key import SealKey
from app.certificates.numbers import parse_number
from app.clock import now

FIELD = "Sceau"
#: Seconds given to the timestamp authority, for the whole of its answer.
AUTHORITY_TIMEOUT = 10
#: Seconds for which an authority that failed is not asked again.
AUTHORITY_PAUSE = 60
#: Hexadecimal digits kept for a signature and its certificate, and for a timestamp with its own.
SIGNATURE_ROOM, TIMESTAMP_ROOM = 8192, 24576
#: Hexadecimal digits beyond which a file that comes back holds no signature of ours.
LARGEST_ROOM = 65536

#: What a file is searched for. Every repetition is bounded, so that the time is linear.
_LETTERS = rb"[2-9A-HJ-NP-Y]{4}"
_NUMBER = re.compile(rb"(?<![0-9A-Z])%b-%b-%b(?![0-9A-Z])" % (_LETTERS, _LETTERS, _LETTERS))
_BYTE_RANGE = re.compile(rb"/ByteRange \[0 (\d{1,9}) (\d{1,9}) (\d{1,9})\]")
#: In capitals, as pyHanko writes: each byte is spelt in one way only.
_HEXADECIMAL = re.compile(rb"<((?:[0-9A-F]{2})*)>")
_NUMBERS_TRIED, _NUMBERS_TOLD = 1000, 5


def seal(pdf: bytes, key: SealKey, *, number: str, timestamp_url: str = "") -> bytes:
    """Seal a document, certified with no changes allowed, and verify the result before it leaves.

    ``number`` is the certificate's, told in plain in the signature; ``timestamp_url`` is an authority of
    RFC 3161. Raises: SealDelayed (the authority), SealError.
    """
    if not _NUMBER.fullmatch(number.encode()):
        raise SealError(f"{number!r} is not the number of a certificate")
    if not key.is_valid(now()):
        raise SealError(f"the certificate of the seal is good from {key.not_before} to {key.not_after}")
    authority = _Authority(timestamp_url, timeout=AUTHORITY_TIMEOUT) if timestamp_url else None
    reason = f"Certificat {number}"
    try:
        sealed = asyncio.run(_seal(pdf, key, reason, authority))
    except SealError:
        raise
    except Exception as error:  # whatever pyHanko met: nothing leaves that is not sealed
        raise SealError(f"{type(error).__name__}: {error}") from error
    if not sealed.startswith(pdf) or f"/Reason ({reason})".encode() not in sealed[len(pdf) :]:
        raise SealError("the sealed file does not hold the document and its number")
    if examine(sealed, key.certificates).verdict is not Verdict.INTACT:
        raise SealError("we would not recognise this seal")
    return sealed


async def _seal(pdf: bytes, key: SealKey, reason: str, authority: HTTPTimeStamper | None) -> bytes:
    signer = _Signer(key)
    metadata = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        reason=reason,
        name=key.organisation,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
        subfilter=SigSeedSubFilter.PADES,
    )
    room = SIGNATURE_ROOM + 2 * sum(len(cert.public_bytes(Encoding.DER)) for cert in key.chain)
    session = PdfSigner(metadata, signer, timestamper=authority).init_signing_session(
        IncrementalPdfFileWriter(BytesIO(pdf))
    )
    document = session.prepare_tbs_document(None, room + TIMESTAMP_ROOM if authority else room)
    session.sig_field["/V"][NameObject("/Reason")] = _Plain(reason)
    output = BytesIO()
    prepared, _ = document.digest_tbs_document(output=output)
    await document.perform_signature(prepared.document_digest, PdfCMSSignedAttributes())
    sealed = output.getvalue()
    await _verify(sealed, signer.signing_cert, timestamped=authority is not None)
    return sealed


class _Plain(TextStringObject):
    """A text of ASCII letters, digits, spaces and hyphens, as it reads: pyHanko would escape the hyphens."""

    def write_to_stream(self, stream: BytesIO, *_: object, **__: object) -> None:
        stream.write(b"(%b)" % self.encode("ascii"))


async def _verify(sealed: bytes, certificate: asn1crypto.x509.Certificate, *, timestamped: bool) -> None:
    """Check as a reader does, without the network. Raises: SealDelayed, SealError, what pyHanko raises."""
    # What pyHanko asks of a certificate by default, but not of a root, which ours is here.
    KeyUsageConstraints(key_usage={"non_repudiation"}).validate(certificate)
    (embedded,) = PdfFileReader(BytesIO(sealed)).embedded_signatures
    tokens = list(extract_tst_data_iter(embedded.signer_info, signed=False))
    # We asked this authority and no other: whoever it says it is, is trusted.
    authorities = [extract_certificate_info(token).signer_cert for token in tokens]
    status = await async_validate_pdf_signature(embedded, _offline(certificate), _offline(*authorities))
    if not (status.intact and status.valid and status.trusted):
        raise SealError("the signature does not verify")
    if status.coverage != SignatureCoverageLevel.ENTIRE_FILE or not status.docmdp_ok:
        raise SealError("the signature does not cover the entire file")
    if embedded.docmdp_level != MDPPerm.NO_CHANGES:
        raise SealError("the signature allows changes")
    stamp = status.timestamp_validity
    if timestamped and not (stamp and stamp.intact and stamp.valid and stamp.trusted):
        raise SealError("the timestamp does not verify")


def _offline(*roots: asn1crypto.x509.Certificate) -> ValidationContext:
    return ValidationContext(trust_roots=roots, allow_fetching=False)


class _Signer(Signer):
    """Signs with the key as it was loaded; pyHanko's own reads it anew each time, 250 ms with RSA."""

    def __init__(self, key: SealKey) -> None:
        self.key = key.private_key
        super().__init__(signing_cert=_asn1(key.certificate), cert_registry=_store(map(_asn1, key.chain)))

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), SHA256())
        return self.key.sign(data, ec.ECDSA(SHA256()))


#: Held by the one thread that waits for an authority; and until when each that failed is left alone.
_asking = threading.Lock()
_left_alone: dict[str, float] = {}


class _Authority(HTTPTimeStamper):
    """A timestamp authority, all of whose failures are one: another time, perhaps.

    One that hangs must not hold every thread of the server, nor the letters that come after this one.
    """

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        if not _asking.acquire(blocking=False):
            raise SealDelayed("timestamp authority: another thread waits for it")
        try:
            if monotonic() < _left_alone.get(self.url, 0):
                raise SealDelayed("timestamp authority: it has just failed")
            return await self._ask(message_digest, md_algorithm)
        finally:
            _asking.release()

    async def _ask(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        try:
            token = await super().async_timestamp(message_digest, md_algorithm)
            if not _stamps(token["content"], message_digest):
                raise ValueError("its timestamp does not verify")
        except Exception as error:
            _left_alone[self.url] = monotonic() + AUTHORITY_PAUSE
            raise SealDelayed(f"timestamp authority: {type(error).__name__}: {error}") from error
        return token


def examine(file: bytes, certificates: Iterable[x509.Certificate]) -> Finding:
    """Say whether a file is one that we sealed, to the byte. Never raises, whatever the file.

    ``certificates`` are all that our seals bear (``SealKey.certificates``). The file is not read as a PDF:
    a reader of PDF is slow and fragile where somebody wishes it. Our files hold one signature of all their
    bytes but its own hexadecimal digits, and these are compared with the only way we write them.
    """
    ours = tuple(certificates)
    matches = (parse_number(m[0].decode()) for m in islice(_NUMBER.finditer(file), _NUMBERS_TRIED))
    numbers = tuple(islice(dict.fromkeys(number for number in matches if number), _NUMBERS_TOLD))
    try:
        intact = _is_ours(file, ours)
    except Exception:  # whatever asn1crypto or pyHanko met: it is no seal of ours
        intact = False
    if intact:
        return Finding(Verdict.INTACT, numbers)
    return Finding(Verdict.BROKEN if _claims_our_seal(file, ours) else Verdict.NONE, numbers)


def _is_ours(file: bytes, ours: Iterable[x509.Certificate]) -> bool:
    """Whether the file is whole and bears the signature of one of these certificates. Raises anything."""
    ranges = (tuple(map(int, match.groups())) for match in _BYTE_RANGE.finditer(file))
    whole = (r for r in ranges if r[0] < r[1] <= r[0] + 2 + LARGEST_ROOM and r[1] + r[2] == len(file))
    start, end, _ = next(whole)
    gap = _HEXADECIMAL.fullmatch(file, start, end)
    if gap is None:
        return False
    contents = bytes.fromhex(gap[1].decode())
    length = 4 + int.from_bytes(contents[2:4])  # DER of 256 bytes to 64 kB: 30 82, then two bytes of length
    der = contents[:length]
    if not der.startswith(b"\x30\x82") or any(contents[length:]):
        return False

    known = {cert.dump(): cert for cert in map(_asn1, ours)}
    signers = [cert for encoded, cert in known.items() if encoded in der and not cert.ca]
    if not signers:
        return False  # before anything of it is parsed
    signed = cms.ContentInfo.load(der, strict=True)["content"]
    if any(cert.chosen.dump() not in known for cert in signed["certificates"]):
        return False
    digest = hashlib.sha256(file[:start] + file[end:]).digest()
    return any(asyncio.run(_is_signed_by(signer, signed, digest, der)) for signer in signers)


async def _is_signed_by(
    certificate: asn1crypto.x509.Certificate, signed: cms.SignedData, digest: bytes, der: bytes
) -> bool:
    """Whether this certificate signed the digest, in the very bytes that pyHanko writes around it.

    Packing the same signature again leaves nothing to be changed in the parts that no signature covers.
    """
    (signer_info,) = signed["signer_infos"]
    again = await _Packer(certificate, signed).async_sign_prescribed_attributes(
        "sha256", signer_info["signed_attrs"].untag()
    )
    added = [attribute["type"].native for attribute in signer_info["unsigned_attrs"]]
    if again.dump() != der or added not in ([], ["signature_time_stamp_token"]):
        return False
    if not all(validate_sig_integrity(signer_info, certificate, "data", digest)):
        return False
    imprint = hashlib.sha256(signer_info["signature"].native).digest()
    return all(_stamps(token, imprint) for token in extract_tst_data_iter(signer_info, signed=False))


def _stamps(token: cms.SignedData, imprint: bytes) -> bool:
    """Whether a timestamp (RFC 3161) is whole, and about this SHA-256 digest.

    Who stamped is not asked: anybody may put another timestamp in a file, with certificates whose chains
    would be searched for ever. The seal itself does not depend on it.
    """
    content, signer_info = token["encap_content_info"]["content"], extract_signer_info(token)
    about = content.parsed["message_imprint"]
    digest = hashlib.new(signer_info["digest_algorithm"]["algorithm"].native, bytes(content)).digest()
    authority = extract_certificate_info(token).signer_cert
    return (
        about["hash_algorithm"]["algorithm"].native == "sha256"
        and about["hashed_message"].native == imprint
        and all(validate_sig_integrity(signer_info, authority, "tst_info", digest))
    )


class _Packer(Signer):
    """Writes a signature that was already made."""

    def __init__(self, certificate: asn1crypto.x509.Certificate, signed: cms.SignedData) -> None:
        (self.made,) = signed["signer_infos"]
        others = [c.chosen for c in signed["certificates"] if c.chosen.dump() != certificate.dump()]
        super().__init__(signing_cert=certificate, cert_registry=_store(others))

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        signature: bytes = self.made["signature"].native
        return signature

    async def unsigned_attrs(self, *_: object, **__: object) -> cms.CMSAttributes | None:
        attributes = self.made["unsigned_attrs"]
        return attributes.untag() if attributes is not core.VOID else None


def _claims_our_seal(file: bytes, ours: Iterable[x509.Certificate]) -> bool:
    """Whether a file bears one of our certificates, or the words that our seals are made with.

    Those of the authority that sold us ours are in the documents of all its customers.
    """
    if re.search(rb"/Reason \(Certificat %b" % _NUMBER.pattern, file):
        return True
    lower = file.lower()
    return any(cert.dump().hex().encode() in lower for cert in map(_asn1, ours) if not cert.ca)


@lru_cache(maxsize=64)
def _asn1(certificate: x509.Certificate) -> asn1crypto.x509.Certificate:
    return asn1crypto.x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _store(certificates: Iterable[asn1crypto.x509.Certificate]) -> SimpleCertificateStore:
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # pyHanko left it out
    store.register_multiple(certificates)
    return store
