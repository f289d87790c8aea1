"""Files that somebody wishes us to choke on: each is examined within two seconds and little memory.

Run by itself, since limits are per process: ``python -m tests.support.hostile SEALED.pdf OURS.pem``.
"""

import hashlib
import random
import resource
import sys
import time
import zlib
from pathlib import Path

from asn1crypto import cms, tsp
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from app.certificates.seal import check_seal
from tests.support.authority import stamper_in_a_maze

SIZE = 2 * 1024 * 1024
SECONDS, MEMORY = 2, 128 * 1024 * 1024


def signature_in(sealed):
    """Return where the hexadecimal digits of a seal begin and end, and the DER that they spell."""
    start = sealed.index(b"/Contents <") + len(b"/Contents <")
    end = sealed.index(b">", start)
    contents = bytes.fromhex(sealed[start:end].decode())
    return start, end, contents[: 4 + int.from_bytes(contents[2:4])]


def file_around(der):
    """Return the smallest file of which everything but the signature seems right."""
    digits = der.hex().upper().encode()
    head = b"%PDF-1.4\n/Reason (Certificat 2222-2222-2222)\n/Contents "
    tail = b""
    for _ in range(3):
        end = len(head) + len(digits) + 2
        tail = b"\n/ByteRange [0 %d %d %d]\n%%%%EOF\n" % (len(head), end, len(tail))
    return head + b"<" + digits + b">" + tail


def nested(tag, depth):
    der = b""
    for _ in range(depth):
        size = bytes([len(der)]) if len(der) < 128 else b"\x82" + len(der).to_bytes(2)
        der = bytes([tag]) + size + der
    return der


def spoilt(der, spoil):
    """Return a CMS whose fields were changed by ``spoil``."""
    info = cms.ContentInfo.load(der)
    spoil(info["content"])
    return info.dump(force=True)


def with_many_attributes(signed):
    (signer_info,) = signed["signer_infos"]
    attributes = signer_info["signed_attrs"].untag()
    for number in range(2500):
        attributes.append(cms.CMSAttribute({"type": f"1.2.3.{number}", "values": []}))
    signer_info["signed_attrs"] = attributes


def with_many_certificates(signed):
    signed["certificates"] = [signed["certificates"][0]] * 40


def with_many_signers(signed):
    signed["signer_infos"] = [signed["signer_infos"][0]] * 15


def with_many_algorithms(signed):
    signed["digest_algorithms"] = [{"algorithm": "sha256"}] * 1500


def stamped_by_a_stranger(signed):
    (signer_info,) = signed["signer_infos"]
    imprint = {
        "hash_algorithm": {"algorithm": "sha256"},
        "hashed_message": hashlib.sha256(signer_info["signature"].native).digest(),
    }
    request = tsp.TimeStampReq({"version": 1, "message_imprint": imprint})
    token = stamper_in_a_maze().request_tsa_response(request)["time_stamp_token"]
    stamp = cms.CMSAttribute({"type": "signature_time_stamp_token", "values": [token]})
    signer_info["unsigned_attrs"] = cms.CMSAttributes([stamp])


def with_signature(sealed, der):
    """Put another signature in the place of the one there."""
    start, end, _ = signature_in(sealed)
    digits = der.hex().upper().encode().ljust(end - start, b"0")
    assert len(digits) == end - start, "there is no room"
    return sealed[:start] + digits + sealed[end:]


def files(sealed, certificate):
    """Yield each file with its name."""
    *_, der = signature_in(sealed)
    room = 30000 - len(certificate)
    first = b"\x30\x82" + (30000).to_bytes(2)
    yield "empty", b""
    yield "ranges", b"/ByteRange" * (SIZE // 10)
    yield "whole ranges", b"/ByteRange [0 1 2 3]" * (SIZE // 20)
    to_the_end = b"/ByteRange [0 1 65000 %d]" % (SIZE - 65000)
    yield "ranges to the end", (to_the_end * (SIZE // 20))[:SIZE]
    yield "range without end", b"/ByteRange [0 " + b"1" * SIZE
    yield "brackets", b"[" * SIZE
    yield "angles", b"<" * SIZE
    yield "hexadecimal", b"<" + b"A" * SIZE + b">"
    yield "numbers", b"2222-2222-2223 " * (SIZE // 15)
    yield "halves of numbers", b"AAAA-" * (SIZE // 5)
    yield "reasons", b"/Reason (Certificat 2222-2222-" * (SIZE // 30)
    yield "zeros", bytes(SIZE)
    yield "random", random.Random(1).randbytes(SIZE)
    yield "cut at the end", sealed[:-1]
    yield "cut in the signature", sealed[: sealed.index(b"/Contents <") + 2000]
    yield "cut before it", sealed[:2000]
    yield "sequences in sequences", file_around(first + nested(0x30, 9000)[:room] + certificate)
    yield "sets in sets", file_around(first + nested(0x31, 9000)[:room] + certificate)
    yield "sequences without end", file_around(first + (b"\x30\x80" * 15000)[:room] + certificate)
    yield "lengths that lie", file_around(first + (b"\x30\x84\xff\xff\xff\xff" * 5000)[:room] + certificate)
    for spoil in (with_many_attributes, with_many_certificates, with_many_signers, with_many_algorithms):
        yield spoil.__name__, file_around(spoilt(der, spoil))
    zeros = zlib.compressobj(9)
    bomb = b"".join([*(zeros.compress(bytes(SIZE)) for _ in range(50)), zeros.flush()])
    yield (
        "bomb",
        sealed.replace(b"%%EOF", b"9 0 obj<</Filter/FlateDecode>>stream\n" + bomb + b"\nendstream%%EOF"),
    )
    yield "arrays in a PDF", sealed.replace(b"%%EOF", b"9 0 obj " + b"[" * SIZE + b" endobj %%EOF")


def limit():
    """Allow two seconds and 128 MB more than what was used so far."""
    used = int(time.process_time()) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used + SECONDS, resource.RLIM_INFINITY))
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    sealed = Path(sys.argv[1]).read_bytes()
    certificates = load_pem_x509_certificates(Path(sys.argv[2]).read_bytes())
    ours = [
        ("sealed", sealed),
        ("sealed, in a maze", with_signature(sealed, spoilt(signature_in(sealed)[2], stamped_by_a_stranger))),
    ]
    for name, file in [*files(sealed, certificates[0].public_bytes(Encoding.DER)), *ours]:
        limit()
        before = time.process_time()
        verdict = check_seal(file, certificates).verdict
        print(f"{verdict.value}\t{name}\t{1000 * (time.process_time() - before):.0f} ms", flush=True)
