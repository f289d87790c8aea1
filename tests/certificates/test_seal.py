"""The seal: PDF readers validate it, the check detects every change, and errors seal nothing."""

import asyncio
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.generic import NameObject, NumberObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pypdf import PdfReader, PdfWriter

from app.certificates import seal as sealing
from app.certificates.exceptions import SealDelayed, SealError, Verdict
from app.certificates.fast_pdf import draw_certificate
from app.certificates.key import SealKey, generate_key, parse_key
from app.certificates.numbers import generate_number
from app.certificates.seal import check_seal, seal_pdf
from tests.support import hostile
from tests.support.authority import TimestampAuthority, bought, issue
from tests.support.documents import ROOT, SNAPSHOT, poppler, small_pdf, template_app
from tests.support.hostile import file_around, signature_in, with_signature
from tests.support.statements import watched

NUMBER = "7K4M-92XQ-PTB8"
ORGANISATION = "Adhérents de l’organisation"


def fresh_key():
    return generate_key("charte.example", ORGANISATION, datetime.now(UTC))


KEY = fresh_key()
PDF = small_pdf()
SEALED = seal_pdf(PDF, KEY, number=NUMBER)


@pytest.fixture(scope="module")
def certificate():
    """A real certificate."""
    with template_app().app_context():
        return draw_certificate(replace(SNAPSHOT, number=NUMBER))


@pytest.fixture(scope="module")
def sealed_certificate(certificate):
    return seal_pdf(certificate, KEY, number=NUMBER)


@pytest.fixture
def authority():
    """A timestamp authority, over HTTP; its port may have been that of one which failed."""
    sealing._paused_until.clear()
    with TimestampAuthority() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.stopped.set()
        server.shutdown()
        thread.join()


def read(file):
    (embedded,) = PdfFileReader(BytesIO(file)).embedded_signatures
    return embedded


def offline(*certificates):
    return ValidationContext(trust_roots=[sealing._asn1(c) for c in certificates], allow_fetching=False)


def verdict(file, key=KEY):
    return check_seal(file, key.certificates).verdict


# What PDF readers say


def test_pyhanko_validates_the_seal(certificate, sealed_certificate):
    embedded = read(sealed_certificate)
    status = validate_pdf_signature(embedded, offline(KEY.certificate))
    assert status.bottom_line
    assert status.trusted
    assert status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    assert status.md_algorithm == "sha256"
    assert embedded.docmdp_level == MDPPerm.NO_CHANGES
    assert embedded.reader.root["/Perms"]["/DocMDP"]["/Contents"] == embedded.sig_object["/Contents"]
    assert embedded.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert embedded.field_name == "Sceau"
    assert embedded.sig_field["/Rect"] == [0, 0, 0, 0]
    assert embedded.sig_object["/Name"] == ORGANISATION
    assert sealed_certificate.startswith(certificate)


def test_reason_has_the_number_in_plain_text(sealed_certificate):
    assert b"/Reason (Certificat %b)\n" % NUMBER.encode() in sealed_certificate
    assert read(sealed_certificate).sig_object["/Reason"] == f"Certificat {NUMBER}"


def test_sealed_document_keeps_title_and_author(sealed_certificate):
    properties = PdfReader(BytesIO(sealed_certificate)).metadata
    assert properties["/Title"] == f"Certificat d’engagement n° {NUMBER}"
    assert properties["/Author"] == SNAPSHOT.organisation


@pytest.mark.poppler
def test_poppler_validates_the_seal(sealed_certificate, tmp_path):
    (tmp_path / "certificate.pdf").write_bytes(sealed_certificate)
    said = poppler("pdfsig", "-nocert", tmp_path / "certificate.pdf")
    assert "Signature Validation: Signature is Valid." in said
    assert "Total document signed" in said
    assert "Signature Type: ETSI.CAdES.detached" in said
    assert said.count("Signature #") == 1


@pytest.fixture
def trusted(tmp_path):
    """Run the commands of docs/checking-certificates.md on a file, with only our certificate to trust."""
    (tmp_path / "certificat-organisation.pem").write_bytes(KEY.pem())
    page = (ROOT / "docs" / "checking-certificates.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"```sh\n(mkdir confiance\n.*?)```", page, re.S)

    def ask(file):
        (tmp_path / "certificat.pdf").write_bytes(file)
        shutil.rmtree(tmp_path / "confiance", ignore_errors=True)
        run = subprocess.run(
            ["sh", "-ec", commands], cwd=tmp_path, capture_output=True, check=True, text=True
        )
        return run.stdout

    return ask


@pytest.mark.poppler
@pytest.mark.nss
def test_poppler_trusts_the_seal_with_the_documented_commands(trusted, sealed_certificate, tmp_path):
    said = trusted(sealed_certificate)
    assert "Signature is Valid" in said
    assert "Total document signed" in said
    assert "Certificate is Trusted" in said

    assert "Certificate is Trusted" not in trusted(seal_pdf(PDF, fresh_key(), number=NUMBER))
    assert "Digest Mismatch" in trusted(sealed_certificate.replace(b"%PDF-1.4", b"%PDF-1.3"))
    assert "Not total document signed" in trusted(sealed_certificate + b"\n")
    (tmp_path / "certificat-organisation.pem").write_bytes(
        replace(fresh_key(), former=KEY.certificates).pem()
    )
    assert "Certificate is Trusted" in trusted(sealed_certificate), "by a key that was replaced since"


# The check of an uploaded file


def test_sealed_file_is_intact(sealed_certificate):
    finding = check_seal(sealed_certificate, KEY.certificates)
    assert finding.verdict is Verdict.INTACT
    assert finding.numbers[0] == NUMBER


def changed(file, position, random):
    return file[:position] + bytes([file[position] ^ random.randrange(1, 256)]) + file[position + 1 :]


@pytest.mark.parametrize("part", ["file", "signature", "padding", "around"])
def test_any_changed_byte_breaks_the_seal(sealed_certificate, part):
    start, end, der = signature_in(sealed_certificate)
    first, last = {
        "file": (0, len(sealed_certificate)),
        "signature": (start, start + 2 * len(der)),
        "padding": (start + 2 * len(der), end),
        "around": (end, len(sealed_certificate)),
    }[part]
    draw = random.Random(1)
    positions = [draw.randrange(first, last) for _ in range(200)]
    files = [changed(sealed_certificate, position, draw) for position in positions]
    assert {verdict(file) for file in files} == {Verdict.BROKEN}


def test_lower_case_digits_break_the_seal():
    start, end, _ = signature_in(SEALED)
    assert verdict(SEALED[:start] + SEALED[start:end].lower() + SEALED[end:]) is Verdict.BROKEN


def updated_by_pyhanko(file):
    writer = IncrementalPdfFileWriter(BytesIO(file))
    writer.root[NameObject("/Extra")] = NumberObject(1)
    writer.update_root()
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def updated_by_pypdf(file):
    output = BytesIO()
    writer = PdfWriter(BytesIO(file), incremental=True)
    writer.pages[0].rotate(90)
    writer.write(output)
    return output.getvalue()


@pytest.mark.parametrize("update", [updated_by_pyhanko, updated_by_pypdf])
def test_an_appended_update_is_refused(update):
    file = update(SEALED)
    assert file.startswith(SEALED)
    assert len(file) > len(SEALED)
    assert not validate_pdf_signature(read(file), offline(KEY.certificate)).bottom_line
    assert verdict(file) is Verdict.BROKEN


def test_byte_range_that_omits_bytes_breaks_the_seal():
    start, end, _ = signature_in(SEALED)
    size = len(SEALED)
    for file, ranges in (
        (SEALED, (start - 1, end + 2, size - end - 2)),
        (SEALED, (start, end + 1, size - end - 1)),
        (SEALED, (start - 1, end + 1, size - end - 2)),
        (SEALED[: start - 1] + b" " * 30 + SEALED[start - 1 :], (start - 1, end + 31, size - end - 1)),
        (SEALED + b"%" * 30, (start - 1, end + 1, size - end - 1)),
        (SEALED + b"%" * 30, (start - 1, end + 1, size - end + 29)),
    ):
        old = re.search(rb"/ByteRange \[[\d ]+\] *\n", file)[0]
        new = b"/ByteRange [0 %d %d %d]" % ranges
        assert verdict(file.replace(old, new.ljust(len(old) - 1) + b"\n")) is Verdict.BROKEN


def test_a_signature_moved_to_another_document_is_refused(certificate):
    start, end, _ = signature_in(SEALED)
    other = seal_pdf(PDF, KEY, number=generate_number())
    there, _, _ = signature_in(other)
    assert verdict(other[:there] + SEALED[start:end] + other[there + end - start :]) is Verdict.BROKEN
    assert verdict(b"%PDF-1.4\n" + SEALED) is Verdict.BROKEN


def test_seal_of_another_key_is_broken():
    assert verdict(seal_pdf(PDF, fresh_key(), number=NUMBER)) is Verdict.BROKEN  # it claims to be


@pytest.mark.parametrize("file", [b"", PDF, b"Certificat " + NUMBER.encode(), SEALED[: len(PDF)]])
def test_file_without_a_seal(file):
    assert verdict(file) is Verdict.NONE


def test_a_file_that_bears_our_certificate_claims_our_seal():
    other = SEALED.replace(b"/Reason (Certificat", b"/Reason (Diploma of")
    assert verdict(other) is Verdict.BROKEN
    assert verdict(other, fresh_key()) is Verdict.NONE


def test_the_document_of_another_customer_of_our_authority_claims_nothing():
    key = parse_key(bought(ec.generate_private_key(ec.SECP256R1())), "")
    other = fresh_key()
    file = seal_pdf(PDF, replace(other, chain=key.chain), number=NUMBER)
    file = file.replace(b"/Reason (Certificat", b"/Reason (Diploma of")
    assert verdict(file, key) is Verdict.NONE
    assert verdict(file, replace(fresh_key(), former=key.certificates)) is Verdict.NONE
    assert verdict(file, replace(fresh_key(), former=(other.certificate, *key.chain))) is Verdict.BROKEN


def test_the_seals_of_former_keys_are_known():
    today = fresh_key()
    assert verdict(SEALED, replace(today, former=KEY.certificates)) is Verdict.INTACT
    assert verdict(SEALED, today) is Verdict.BROKEN


def spoilt(change):
    """Change what no signature covers, and write it as well as can be."""
    return with_signature(SEALED, hostile.spoilt(signature_in(SEALED)[2], change))


def add_an_attribute(signed):
    attribute = cms.CMSAttribute({"type": "1.2.3.4", "values": []})
    signed["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes([attribute])


def add_a_certificate(signed):
    other = sealing._asn1(fresh_key().certificate)
    signed["certificates"].append(cms.CertificateChoices("certificate", other))


def change_the_version(signed):
    signed["version"] = "v3"


@pytest.mark.parametrize("change", [add_an_attribute, add_a_certificate, change_the_version])
def test_changed_unsigned_part_breaks_the_seal(change):
    file = spoilt(change)
    assert validate_pdf_signature(read(file), offline(KEY.certificate)).bottom_line
    assert verdict(file) is Verdict.BROKEN


def test_rewritten_signature_is_identical():
    assert spoilt(lambda signed: None) == SEALED


def test_check_returns_each_number_once_and_at_most_five():
    numbers = [generate_number() for _ in range(7)]
    text = " ".join(["2222-2222-2223", *numbers[:3], *numbers]).encode()
    assert check_seal(text, []).numbers == tuple(numbers[:5])
    assert check_seal(text.replace(b"-", b"--") + b"A%bA" % numbers[0].encode(), []).numbers == ()


def test_hostile_files_take_little_time_and_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(sealing, "SIGNATURE_ROOM", 32768)  # as much as with a timestamp
    (tmp_path / "sealed.pdf").write_bytes(seal_pdf(PDF, KEY, number=NUMBER))
    (tmp_path / "ours.pem").write_bytes(KEY.pem())
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.hostile", tmp_path / "sealed.pdf", tmp_path / "ours.pem"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    verdicts = [tuple(line.split("\t")[:2]) for line in run.stdout.splitlines()]
    assert len(verdicts) > 20
    intact = [name for found, name in verdicts if found == "intact"]
    assert intact == ["sealed", "sealed, in a maze"]


@given(st.binary(max_size=2000))
@settings(max_examples=50)
def test_random_file_raises_nothing(content):
    assert verdict(content) is Verdict.NONE


@given(st.binary(min_size=1, max_size=500), st.integers(0, 300))
@settings(max_examples=100)
def test_random_signature_raises_nothing(content, position):
    der = signature_in(SEALED)[2]
    for other in (content, b"\x30\x82" + len(content).to_bytes(2) + content, der[:position] + content):
        assert verdict(file_around(other + der[len(other) :])) is Verdict.BROKEN


# What is not sealed


@pytest.mark.parametrize("pdf", [b"", b"%PDF-1.4\n", PDF[:-40], SEALED, b"A" * 5000])
def test_invalid_pdf_is_not_sealed(pdf):
    with pytest.raises(SealError):
        seal_pdf(pdf, KEY, number=NUMBER)


@pytest.mark.parametrize("number", ["", "7K4M", f"{NUMBER})", "7k4m-92xq-ptb8"])
def test_invalid_number_is_not_sealed(number):
    with pytest.raises(SealError, match="not the number"):
        seal_pdf(PDF, KEY, number=number)


@pytest.mark.parametrize("days", [-2, 3660])
def test_a_certificate_out_of_its_time_does_not_seal(later, days):
    later(days=days)
    with pytest.raises(SealError, match="is good from"):
        seal_pdf(PDF, KEY, number=NUMBER)


def test_certificate_validity_is_checked_with_our_clock(later):
    key = generate_key("charte.example", ORGANISATION, datetime.now(UTC) + timedelta(days=20))
    later(days=20)
    assert verdict(seal_pdf(PDF, key, number=NUMBER), key) is Verdict.INTACT


def test_unverified_signature_raises(monkeypatch):
    async def sign(self, data, digest_algorithm, dry_run=False):
        return KEY.private_key.sign(b"something else", ec.ECDSA(SHA256()))

    monkeypatch.setattr(sealing.SimpleSigner, "async_sign_raw", sign)
    with pytest.raises(SealError, match="does not verify"):
        seal_pdf(PDF, KEY, number=NUMBER)


def test_unrecognised_seal_raises(monkeypatch):
    monkeypatch.setattr(sealing, "_is_intact", lambda *_: False)
    with pytest.raises(SealError, match="recognise"):
        seal_pdf(PDF, KEY, number=NUMBER)


@pytest.mark.parametrize(
    "weakness", [{"certify": False}, {"docmdp_permissions": MDPPerm.FILL_FORMS}], ids=lambda w: next(iter(w))
)
def test_seal_that_allows_changes_raises(monkeypatch, weakness):
    strong = sealing.PdfSignatureMetadata
    monkeypatch.setattr(sealing, "PdfSignatureMetadata", lambda **options: strong(**options | weakness))
    with pytest.raises(SealError, match="allows changes"):
        seal_pdf(PDF, KEY, number=NUMBER)


# Keys of other kinds


def of(private_key, **options):
    return SealKey(private_key, issue("Autre", private_key, **options))


@pytest.mark.parametrize(
    "key",
    [
        of(ec.generate_private_key(ec.SECP384R1())),
        of(rsa.generate_private_key(65537, 2048)),
        parse_key(bought(rsa.generate_private_key(65537, 3072)), ""),
        parse_key(bought(ec.generate_private_key(ec.SECP256R1())), ""),
    ],
    ids=["P-384", "RSA", "bought RSA", "bought P-256"],
)
def test_other_keys_seal_too(key):
    file = seal_pdf(PDF, key, number=NUMBER)
    embedded = read(file)
    root = key.chain[-1] if key.chain else key.certificate
    assert validate_pdf_signature(embedded, offline(root)).bottom_line
    assert len(embedded.other_embedded_certs) == len(key.chain)
    assert verdict(file, key) is Verdict.INTACT


def test_a_certificate_for_something_else_does_not_seal():
    private_key = ec.generate_private_key(ec.SECP256R1())
    key = of(private_key, usage=["digital_signature"], purpose=ExtendedKeyUsageOID.SERVER_AUTH)
    with pytest.raises(SealError, match="non repudiation"):
        seal_pdf(PDF, key, number=NUMBER)


def test_an_authority_in_our_chain_does_not_seal_for_us(monkeypatch):
    private_key = ec.generate_private_key(ec.SECP256R1())
    authority = of(private_key, usage="ca")
    monkeypatch.setattr(sealing.KeyUsageConstraints, "validate", lambda *_: None)
    file = asyncio.run(sealing._seal(PDF, authority, f"Certificat {NUMBER}", None))
    assert validate_pdf_signature(read(file), offline(authority.certificate)).intact
    assert verdict(file, replace(KEY, chain=authority.certificates)) is Verdict.BROKEN


# Timestamps


def test_seal_with_timestamp(authority):
    file = seal_pdf(PDF, KEY, number=NUMBER, timestamp_url=authority.url)
    trust = ValidationContext(trust_roots=[authority.certificate], allow_fetching=False)
    status = validate_pdf_signature(read(file), offline(KEY.certificate), trust)
    assert status.bottom_line
    assert status.timestamp_validity.trusted
    assert abs(status.timestamp_validity.timestamp - datetime.now(UTC)).total_seconds() < 60
    assert verdict(file) is Verdict.INTACT
    assert authority.asked == 1

    start, _, der = signature_in(file)
    stamp = start + 2 * der.index(bytes.fromhex("060b2a864886f70d010910020e"))  # id-aa-timeStampToken
    draw = random.Random(1)
    inside = [stamp + draw.randrange(26) for _ in range(20)]  # its name
    inside += [start + 2 * len(der) - draw.randrange(1, 500) for _ in range(20)]  # its signature
    assert {verdict(changed(file, position, draw)) for position in inside} == {Verdict.BROKEN}


@pytest.mark.parametrize(
    "answer",
    [
        TimestampAuthority.stamp_something_else,
        TimestampAuthority.stamp_another_request,
        TimestampAuthority.stamp_badly,
        TimestampAuthority.refuse,
        TimestampAuthority.babble,
        TimestampAuthority.show_a_page,
        TimestampAuthority.answer_late,
    ],
)
def test_failing_authority_delays_the_seal(authority, monkeypatch, answer):
    monkeypatch.setattr(sealing, "AUTHORITY_TIMEOUT", 0.3)
    authority.answer = answer.__get__(authority)
    with pytest.raises(SealDelayed, match="timestamp authority"):
        seal_pdf(PDF, KEY, number=NUMBER, timestamp_url=authority.url)
    assert authority.asked == 1


def test_unreachable_authority_delays_the_seal(authority):
    authority.shutdown()
    authority.server_close()
    with pytest.raises(SealDelayed, match="timestamp authority"):
        seal_pdf(PDF, KEY, number=NUMBER, timestamp_url=authority.url)


def test_failed_authority_is_not_asked_again_for_a_minute(authority, monkeypatch):
    authority.answer = authority.refuse
    for _ in range(3):
        with pytest.raises(SealDelayed, match="timestamp authority"):
            seal_pdf(PDF, KEY, number=NUMBER, timestamp_url=authority.url)
    assert authority.asked == 1
    authority.answer = authority.stamp
    monkeypatch.setattr(sealing, "monotonic", lambda: time.monotonic() + 61)
    assert verdict(seal_pdf(PDF, KEY, number=NUMBER, timestamp_url=authority.url)) is Verdict.INTACT
    assert authority.asked == 2


def test_one_thread_at_a_time_waits_for_the_authority(authority):
    asked = threading.Event()

    def answer(request):
        asked.set()
        return authority.answer_late(request)

    authority.answer = answer
    with ThreadPoolExecutor() as pool:
        first = pool.submit(seal_pdf, PDF, KEY, number=NUMBER, timestamp_url=authority.url)
        assert asked.wait(5)
        with pytest.raises(SealDelayed, match="another thread"):
            seal_pdf(PDF, KEY, number=NUMBER, timestamp_url=authority.url)
        authority.stopped.set()
        assert verdict(first.result()) is Verdict.INTACT
    assert authority.asked == 1


# Threads and side effects


def test_concurrent_seals():
    numbers = [generate_number() for _ in range(48)]
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda number: seal_pdf(PDF, KEY, number=number), numbers))
    found = [check_seal(file, KEY.certificates).numbers for file in sealed]
    assert found == [(number,) for number in numbers]
    assert {verdict(file) for file in sealed} == {Verdict.INTACT}


def test_sealing_opens_no_file_and_no_connection(tmp_path):
    key = parse_key(bought(ec.generate_private_key(ec.SECP256R1())), "")
    seal_pdf(PDF, key, number=NUMBER)  # what Python imports the first time does not count
    with watched() as seen:
        (tmp_path / "seen").write_bytes(b"")
        assert len(seen) == 1
        file = seal_pdf(PDF, KEY, number=NUMBER)
        verdict(file)
        verdict(file[:-1])
        verdict(seal_pdf(PDF, key, number=NUMBER), key)
    assert len(seen) == 1
