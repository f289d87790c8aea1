"""The seal: PAdES B-B or B-T on a finished PDF (ETSI EN 319 142-1), and the check of uploaded files."""

import asyncio
import hashlib
import re
import threading
from collections.abc import Iterable
from io import BytesIO
from itertools import islice
from time import monotonic

import asn1crypto.x509
from asn1crypto import cms
from asn1crypto.keys import PrivateKeyInfo
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.generic import NameObject, TextStringObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.general import extract_certificate_info, extract_signer_info
from pyhanko.sign.signers import ExternalSigner, PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.timestamps import HTTPTimeStamper
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter, validate_sig_integrity
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from app.certificates.exceptions import SealCheck, SealDelayed, SealError, Verdict
from app.certificates.key import SealKey
from app.certificates.numbers import parse_number
from app.clock import now

FIELD = "Sceau"
#: Seconds: the timeout of a timestamp request, and the pause after one that failed.
AUTHORITY_TIMEOUT, AUTHORITY_PAUSE = 10, 60
#: Hexadecimal digits reserved for a signature with its certificate, and for a timestamp with its own.
SIGNATURE_ROOM, TIMESTAMP_ROOM = 8192, 24576
#: Hexadecimal digits beyond which an uploaded file has no signature of ours.
LARGEST_ROOM = 65536

#: The searches in uploaded files. Every repetition is bounded, so that the time is linear.
_LETTERS = rb"[2-9A-HJ-NP-Y]{4}"
_NUMBER = re.compile(rb"(?<![0-9A-Z])%b-%b-%b(?![0-9A-Z])" % (_LETTERS, _LETTERS, _LETTERS))
_REASON = re.compile(rb"/Reason \(Certificat %b" % _NUMBER.pattern)
_BYTE_RANGE = re.compile(rb"/ByteRange \[0 (\d{1,9}) (\d{1,9}) (\d{1,9})\]")
#: In capitals, as pyHanko writes: each byte is spelt in one way only.
_HEXADECIMAL = re.compile(rb"<((?:[0-9A-F]{2})*)>")
_NUMBERS_TRIED, _NUMBERS_RETURNED = 1000, 5


def seal_pdf(pdf: bytes, key: SealKey, *, number: str, timestamp_url: str = "") -> bytes:
    """Return a PDF with a certifying signature that allows no changes, verified.

    ``number`` is the certificate's: the reason of the signature names it in plain text. ``timestamp_url`` is
    a timestamp authority (RFC 3161). Raises: SealDelayed (the authority failed), SealError.
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
    except Exception as error:  # any error of pyHanko: nothing leaves unsealed
        raise SealError(f"{type(error).__name__}: {error}") from error
    if not sealed.startswith(pdf) or f"/Reason ({reason})".encode() not in sealed[len(pdf) :]:
        raise SealError("the sealed file lacks the document or its number")
    if check_seal(sealed, key.certificates).verdict is not Verdict.INTACT:
        raise SealError("check_seal does not recognise this seal")
    return sealed


async def _seal(pdf: bytes, key: SealKey, reason: str, authority: HTTPTimeStamper | None) -> bytes:
    private_key = key.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = SimpleSigner(
        _asn1(key.certificate), PrivateKeyInfo.load(private_key), _store(map(_asn1, key.chain))
    )
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
    """A text of ASCII letters, digits, spaces and hyphens, unescaped: pyHanko would escape the hyphens."""

    def write_to_stream(self, stream: BytesIO, *_: object, **__: object) -> None:
        stream.write(b"(%b)" % self.encode("ascii"))


async def _verify(sealed: bytes, certificate: asn1crypto.x509.Certificate, *, timestamped: bool) -> None:
    """Verify as a PDF reader does, without the network. Raises: SealError, errors of pyHanko."""
    # pyHanko requires this usage of every signer's certificate but a trusted root, which ours is here.
    KeyUsageConstraints(key_usage={"non_repudiation"}).validate(certificate)
    (embedded,) = PdfFileReader(BytesIO(sealed)).embedded_signatures
    tokens = extract_tst_data_iter(embedded.signer_info, signed=False)
    # The URL of the authority is configured: its certificate is trusted.
    authorities = [extract_certificate_info(token).signer_cert for token in tokens]
    trust, time_trust = (
        ValidationContext(trust_roots=roots, allow_fetching=False) for roots in ([certificate], authorities)
    )
    status = await async_validate_pdf_signature(embedded, trust, time_trust)
    if not status.bottom_line or (timestamped and not authorities):
        raise SealError("the signature or its timestamp does not verify")
    if status.coverage != SignatureCoverageLevel.ENTIRE_FILE or embedded.docmdp_level != MDPPerm.NO_CHANGES:
        raise SealError("the signature allows changes")


#: Held while one thread waits for an authority; and the end of the pause of each authority that failed.
_request_lock = threading.Lock()
_paused_until: dict[str, float] = {}


class _Authority(HTTPTimeStamper):
    """A timestamp authority that raises SealDelayed on any failure, and is not asked again for a minute.

    An authority that hangs must not block every thread of the server, nor the letters that come later.
    """

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        if not _request_lock.acquire(blocking=False):
            raise SealDelayed("timestamp authority: another thread waits for it")
        try:
            if monotonic() < _paused_until.get(self.url, 0):
                raise SealDelayed("timestamp authority: it has just failed")
            token = await super().async_timestamp(message_digest, md_algorithm)
            if not _is_stamp(token["content"], message_digest):
                raise ValueError("its timestamp does not verify")
        except SealDelayed:
            raise
        except Exception as error:
            _paused_until[self.url] = monotonic() + AUTHORITY_PAUSE
            raise SealDelayed(f"timestamp authority: {type(error).__name__}: {error}") from error
        finally:
            _request_lock.release()
        return token


def check_seal(file: bytes, certificates: Iterable[x509.Certificate]) -> SealCheck:
    """Return whether a file is one that we sealed, to the byte, and the numbers in it. Never raises.

    ``certificates`` are all that our seals bear (``SealKey.certificates``). The file is not parsed as a PDF:
    PDF parsers are slow and fragile on hostile files. Our files have one signature, of all their bytes but
    its own hexadecimal digits, and these are compared with the only way in which `seal_pdf` writes them.
    """
    ours = [_asn1(certificate) for certificate in certificates]
    matches = (parse_number(m[0].decode()) for m in islice(_NUMBER.finditer(file), _NUMBERS_TRIED))
    numbers = tuple(islice(dict.fromkeys(filter(None, matches)), _NUMBERS_RETURNED))
    try:
        intact = _is_intact(file, ours)
    except Exception:  # any error of asn1crypto or pyHanko: it is no seal of ours
        intact = False
    if intact:
        return SealCheck(Verdict.INTACT, numbers)
    return SealCheck(Verdict.BROKEN if _claims_our_seal(file, ours) else Verdict.NONE, numbers)


def _is_intact(file: bytes, ours: list[asn1crypto.x509.Certificate]) -> bool:
    """Return True if the file is whole and has a signature of one of these certificates. Raises any error."""
    ranges = (tuple(map(int, match.groups())) for match in _BYTE_RANGE.finditer(file))
    whole = (r for r in ranges if r[0] < r[1] <= r[0] + 2 + LARGEST_ROOM and r[1] + r[2] == len(file))
    start, end, _ = next(whole)
    digits = _HEXADECIMAL.fullmatch(file, start, end)
    if digits is None:
        return False
    contents = bytes.fromhex(digits[1].decode())
    length = 4 + int.from_bytes(contents[2:4])  # DER of 256 bytes to 64 kB: 30 82, then two bytes of length
    der = contents[:length]
    if not der.startswith(b"\x30\x82") or any(contents[length:]):
        return False

    signers = [certificate for certificate in ours if certificate.dump() in der and not certificate.ca]
    if not signers:
        return False  # before anything is parsed
    signed = cms.ContentInfo.load(der, strict=True)["content"]
    known = {certificate.dump() for certificate in ours}
    if any(certificate.chosen.dump() not in known for certificate in signed["certificates"]):
        return False
    digest = hashlib.sha256(file[:start] + file[end:]).digest()
    return any(asyncio.run(_is_signed_by(signer, signed, digest, der)) for signer in signers)


async def _is_signed_by(
    certificate: asn1crypto.x509.Certificate, signed: cms.SignedData, digest: bytes, der: bytes
) -> bool:
    """Return True if this certificate signed the digest, and ``der`` is what pyHanko writes around it.

    The same signature, written again, detects any change in the parts that no signature covers.
    """
    (signer_info,) = signed["signer_infos"]
    signature = signer_info["signature"].native
    others = [c.chosen for c in signed["certificates"] if c.chosen.dump() != certificate.dump()]
    again = await ExternalSigner(certificate, _store(others), signature).async_sign_prescribed_attributes(
        "sha256", signer_info["signed_attrs"].untag()
    )
    unsigned = signer_info["unsigned_attrs"]
    if unsigned:
        again["content"]["signer_infos"][0]["unsigned_attrs"] = unsigned.untag()
    if [attribute["type"].native for attribute in unsigned] not in ([], ["signature_time_stamp_token"]):
        return False
    if again.dump() != der or not all(validate_sig_integrity(signer_info, certificate, "data", digest)):
        return False
    imprint = hashlib.sha256(signature).digest()
    return all(_is_stamp(token, imprint) for token in extract_tst_data_iter(signer_info, signed=False))


def _is_stamp(token: cms.SignedData, imprint: bytes) -> bool:
    """Return True if a timestamp (RFC 3161) is whole, and about this SHA-256 digest.

    Its authority is not checked: an uploaded file may have a timestamp with any certificates, whose chains
    could take forever to search. The seal does not depend on it.
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


def _claims_our_seal(file: bytes, ours: list[asn1crypto.x509.Certificate]) -> bool:
    """Return True if a file has the reason of our seals, or one of our certificates.

    Certificates of the authority that sold us ours do not count: all its customers have them.
    """
    digits = file.lower()
    return bool(_REASON.search(file)) or any(c.dump().hex().encode() in digits for c in ours if not c.ca)


def _asn1(certificate: x509.Certificate) -> asn1crypto.x509.Certificate:
    return asn1crypto.x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _store(certificates: Iterable[asn1crypto.x509.Certificate]) -> SimpleCertificateStore:
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # missing in pyHanko
    store.register_multiple(certificates)
    return store
