"""Authorities of our own: one that sells certificates, one that stamps times (RFC 3161) over real HTTP."""

import contextlib
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import AuthorityInformationAccessOID as AIA
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper

NO_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


def issue(name, key, issuer=None, *, usage=("digital_signature", "content_commitment"), purpose=None):
    """Make a certificate, by ``issuer`` (certificate, key) or by itself; of an authority if usage is "ca"."""
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    ca = usage == "ca"
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(**NO_USAGE | dict.fromkeys(["key_cert_sign"] if ca else usage, True)), critical=True
        )
    )
    if issuer:  # a reader who asks there whether it was revoked, or for the certificate above, is noticed
        url = x509.UniformResourceIdentifier("http://127.0.0.1:9/")
        points = [x509.DistributionPoint([url], None, None, None)]
        above = [x509.AccessDescription(oid, url) for oid in (AIA.OCSP, AIA.CA_ISSUERS)]
        builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
        builder = builder.add_extension(x509.AuthorityInformationAccess(above), critical=False)
    if purpose:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    return builder.sign(issuer[1] if issuer else key, SHA256())


def bought(key, passphrase=b"", **options):
    """Return a PKCS#12 file with its chain, as an authority delivers it."""
    root_key, middle_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = issue("Racine", root_key, usage="ca")
    middle = issue("Autorité", middle_key, (root, root_key), usage="ca")
    leaf = issue("Acheteur", key, (middle, middle_key), **options)
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"x", key, leaf, [middle, root], protection)


def stamper(issuer=None, others=()):
    """Return what makes timestamps in the name of a certificate, with these others beside it."""
    key = rsa.generate_private_key(65537, 2048)
    certificate = issue("Horodatage", key, issuer, purpose=ExtendedKeyUsageOID.TIME_STAMPING)
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return DummyTimeStamper(
        _asn1(certificate), keys.PrivateKeyInfo.load(private), certs_to_embed=map(_asn1, others)
    )


def stamper_in_a_maze():
    """Return one whose authorities vouch for each other: so many chains that no search of them ends."""
    a, b = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    first, second = issue("A", a, usage="ca"), issue("B", b, usage="ca")
    maze = [issue("A", a, (second, b), usage="ca") for _ in range(8)]
    maze += [issue("B", b, (first, a), usage="ca") for _ in range(8)]
    return stamper((first, a), maze)


def _asn1(certificate):
    return asn1.Certificate.load(certificate.public_bytes(Encoding.DER))


class TimestampAuthority(ThreadingHTTPServer):
    """Stamps what it is sent, unless ``answer`` is replaced: request → (content type, body)."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        key = ec.generate_private_key(ec.SECP256R1())
        self.stamper = stamper(others=[issue("Autorité", key) for _ in range(8)])  # as large as real ones
        self.certificate = self.stamper.tsa_cert
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.asked = 0
        self.answer = self.stamp
        self.stopped = threading.Event()

    def stamp(self, request):
        response = self.stamper.request_tsa_response(tsp.TimeStampReq.load(request))
        return "application/timestamp-reply", response.dump()

    def stamp_something_else(self, request):
        asked = tsp.TimeStampReq.load(request)
        asked["message_imprint"]["hashed_message"] = bytes(32)
        return self.stamp(asked.dump())

    def stamp_badly(self, request):
        kind, body = self.stamp(request)
        return kind, body[:-1] + bytes([body[-1] ^ 1])  # the last byte of the signature

    def stamp_another_request(self, request):
        asked = tsp.TimeStampReq.load(request)
        asked["nonce"] = 1
        return self.stamp(asked.dump())

    def refuse(self, request):
        return "application/timestamp-reply", bytes.fromhex("30053003020102")  # status: rejection

    def babble(self, request):
        return "application/timestamp-reply", b"\x30\x80" * 500

    def show_a_page(self, request):
        return "text/html", b"<h1>Hotel Wi-Fi</h1>"

    def answer_late(self, request):
        self.stopped.wait(3)
        return self.stamp(request)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.asked += 1
        request = self.rfile.read(int(self.headers["Content-Length"]))
        kind, body = self.server.answer(request)
        with contextlib.suppress(OSError):  # nobody waits any more
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_):
        pass
