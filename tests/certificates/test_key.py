"""The seal key: created once, refused with a reason, replaced without losing the seals of former keys."""

import errno
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app import create_app
from app.certificates.exceptions import Verdict
from app.certificates.key import (
    DOCUMENT_SIGNING,
    KeyUnusable,
    former_path,
    generate_key,
    parse_key,
    read_key,
    read_or_create_key,
    seal_key,
)
from app.certificates.numbers import generate_number
from app.certificates.seal import check_seal, seal_pdf
from app.config import ConfigError
from tests.support.authority import bought, issue
from tests.support.database import rows
from tests.support.documents import ROOT, small_pdf

PDF = small_pdf()
NOW = datetime.now(UTC)
SECRET = "un secret que personne ne lit"


def make():
    return generate_key("charte.example", "Adhérents", datetime.now(UTC))


def packed(private_key, certificate=None, others=None, passphrase=b""):
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"x", private_key, certificate, others, protection)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# Created at the first start


def test_key_file_is_created_once_and_private(tmp_path):
    path = tmp_path / "instance" / "seal.p12"
    keys = [read_or_create_key(path, "", make, NOW) for _ in range(2)]
    assert len({key.fingerprint for key in keys}) == 1
    assert mode(path) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_concurrent_processes_create_one_key(tmp_path):
    path = tmp_path / "seal.p12"
    program = (
        "import sys, time; from datetime import UTC, datetime; from pathlib import Path\n"
        "from app.certificates.key import read_or_create_key, generate_key\n"
        "print('ready', flush=True); sys.stdin.readline(); now = datetime.now(UTC)\n"
        "def make():\n"
        "    key = generate_key('charte.example', 'Adhérents', now); time.sleep(0.2); return key\n"
        "print(read_or_create_key(Path(sys.argv[1]), '', make, now).fingerprint)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, path],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    fingerprints = {process.communicate()[0].strip() for process in processes}
    assert fingerprints == {read_key(path, "").fingerprint}
    assert list(tmp_path.iterdir()) == [path]


def test_new_certificate_has_the_extensions_that_readers_need():
    key = generate_key("charte.example", "Adhérents", NOW)
    extensions = key.certificate.extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.content_commitment
    assert not usage.value.key_cert_sign
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(purposes) == {DOCUMENT_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION}
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["charte.example"]
    assert isinstance(key.private_key.curve, ec.SECP256R1)
    assert key.certificate.subject == key.certificate.issuer
    assert key.certificate.subject.rfc4514_string() == "CN=charte.example,O=Adhérents"
    assert key.organisation == "Adhérents"
    assert NOW - timedelta(days=2) < key.not_before < NOW - timedelta(hours=1)
    assert key.days_left(NOW) // 365 == 10
    assert len(key.fingerprint) == 64
    assert key.pem().startswith(b"-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("a" * 64, "a" * 64),
        ("a" * 65, "a" * 64),
        ("les adhérents " * 5, "les adhérents les adhérents les adhérents les adhérents les"),
        (f"{'a' * 32} {'b' * 31} c", f"{'a' * 32} {'b' * 31}"),
    ],
)
def test_long_names_are_cut_between_words(name, short):
    subject = generate_key("charte.example", name, NOW).certificate.subject
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == [short]


def test_passphrase_protects_the_key_file(tmp_path):
    path = tmp_path / "seal.p12"
    key = read_or_create_key(path, SECRET, make, NOW)
    assert read_key(path, SECRET).fingerprint == key.fingerprint
    for other in ("", "autre"):
        with pytest.raises(KeyUnusable):
            read_key(path, other)
    (tmp_path / "open.p12").write_bytes(packed(key.private_key, key.certificate))
    with pytest.raises(KeyUnusable):
        read_key(tmp_path / "open.p12", SECRET)


# Unusable files

P256 = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505  (to be refused)
USUAL = packed(P256, issue("x", P256), passphrase=SECRET.encode())


def with_weak_key(private_key):
    return packed(private_key, issue("x", private_key), passphrase=SECRET.encode())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a PKCS#12 file"),
        (b"-----BEGIN PRIVATE KEY-----", "not a PKCS#12 file"),
        (USUAL[:-1], "not a PKCS#12 file"),
        (USUAL[: len(USUAL) // 2], "not a PKCS#12 file"),
        (packed(P256, issue("x", P256), passphrase=b"another"), "its passphrase is another"),
        (packed(None, issue("x", P256), passphrase=SECRET.encode()), "has no private key"),
        (packed(P256, passphrase=SECRET.encode()), "has no certificate of its private key"),
        (
            packed(P256, None, [issue("x", OTHER)], passphrase=SECRET.encode()),
            "has no certificate of its private key",
        ),
        (with_weak_key(WEAK), "RSA of 2048 bits at least"),
        (with_weak_key(ec.generate_private_key(ec.SECP521R1())), "not P-256"),
        (with_weak_key(ec.generate_private_key(ec.SECP256K1())), "not P-256"),
        (
            pkcs12.serialize_key_and_certificates(
                b"x",
                key := ed25519.Ed25519PrivateKey.generate(),
                None,
                None,
                BestAvailableEncryption(SECRET.encode()),
            ),
            "not P-256",
        ),
    ],
)
def test_unusable_key_file_raises_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "seal.p12"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=reason) as refused:
        read_or_create_key(path, SECRET, make, NOW)
    assert str(path) in refused.value.message
    assert "flask --app app seal create" in refused.value.message
    assert SECRET not in refused.value.message
    assert path.read_bytes() == content


def test_key_and_certificate_of_two_pairs_raise(monkeypatch):
    other = pkcs12.PKCS12Certificate(issue("x", OTHER), None)  # most tools refuse to write such a file
    content = pkcs12.PKCS12KeyAndCertificates(P256, other, [])
    monkeypatch.setattr(pkcs12, "load_pkcs12", lambda *_: content)
    with pytest.raises(ValueError, match="has no certificate of its private key"):
        parse_key(b"", "")


def test_missing_folder_raises_with_the_reason(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name, reason in (
        ("file/seal.p12", "Not a directory"),
        ("folder", "Is a directory"),
        ("link", "No such file"),
    ):
        with pytest.raises(ConfigError, match=reason):
            read_or_create_key(tmp_path / name, "", make, NOW)


def test_unreadable_key_file_raises_with_the_reason(tmp_path, monkeypatch):
    read_or_create_key(tmp_path / "seal.p12", "", make, NOW)

    def refuse(path, *_, **__):  # the tests may run as root, who reads everything
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigError, match="Permission denied"):
        read_or_create_key(tmp_path / "seal.p12", "", make, NOW)


@pytest.mark.parametrize("content", [b"", b"\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_unreadable_former_certificates_raise(tmp_path, content):
    read_or_create_key(tmp_path / "seal.p12", "", make, NOW)
    (tmp_path / "seal-former.pem").write_bytes(content)
    with pytest.raises(ConfigError, match=r"seal-former.pem cannot be read as certificates") as refused:
        read_or_create_key(tmp_path / "seal.p12", "", make, NOW)
    assert not isinstance(refused.value, KeyUnusable)  # another key would not help


@pytest.mark.parametrize(
    "private_key",
    [P256, ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)],
    ids=["P-256", "P-384", "RSA"],
)
def test_bought_key_is_read_with_its_chain(tmp_path, private_key):
    (tmp_path / "seal.p12").write_bytes(bought(private_key, SECRET.encode()))
    key = read_or_create_key(tmp_path / "seal.p12", SECRET, make, NOW)
    assert key.organisation == "Acheteur"
    assert key.certificate.issuer.rfc4514_string() == "CN=Autorité"
    assert {c.subject.rfc4514_string() for c in key.chain} == {"CN=Autorité", "CN=Racine"}
    assert x509.load_pem_x509_certificates(key.pem()) == [key.certificate, *key.chain]


# The log of a start


def test_start_logs_permissions_and_expiry(tmp_path, caplog):
    path = tmp_path / "seal.p12"

    def said(**later):
        caplog.clear()
        read_or_create_key(path, "", make, datetime.now(UTC) + timedelta(**later))
        return [(record.levelname, record.getMessage()) for record in caplog.records]

    assert said() == []
    assert said(days=3590) == []
    ((level, message),) = said(days=3600)
    assert level == "WARNING"
    assert "ends in 51 days" in message
    ((level, message),) = said(days=3653)
    assert level == "ERROR"
    assert "is good from" in message
    ((level, _),) = said(days=-2)
    assert level == "ERROR"
    path.chmod(0o640)
    ((level, message),) = said()
    assert level == "WARNING"
    assert "others may read it" in message


# In the application and its commands


@pytest.fixture
def flask(settings, monkeypatch):
    """Run one ``flask`` command in an application made for it."""

    def run(*arguments, typed=""):
        runner = create_app(settings).test_cli_runner()
        return runner.invoke(args=["seal", *arguments], input=typed)

    return run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "seal.p12"


def test_application_reads_its_key(app, path):
    with app.app_context():
        assert seal_key.organisation == "les adhérents Dordogne de la CRESS Nouvelle-Aquitaine"
        assert seal_key.certificate.subject.rfc4514_string().startswith("CN=localhost,")
        assert seal_key.fingerprint == read_key(path, "").fingerprint
        assert check_seal(seal_pdf(PDF, seal_key, number=generate_number()), seal_key.certificates).numbers


def test_create_app_reads_no_key_but_wsgi_does(site, path):
    path.write_bytes(b"junk")
    environment = {**site.environment, "FLASK_SEAL_FILE": str(path)}
    command = [sys.executable, "-c", "import app; app.create_app(); import wsgi"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 4
    assert run.stderr.startswith(
        f"Error: The key of the seal, {path}, cannot be used (it is not a PKCS#12 file"
    )
    assert run.stderr.count("\n") == 1


def test_wsgi_starts_in_a_daemon_process(site):
    """Of `multiprocessing`, that is: it may have no children by the same means."""
    program = (
        "from multiprocessing import Process\n"
        "worker = Process(target=__import__, args=('wsgi',), daemon=True)\n"
        "worker.start(); worker.join(); print(worker.exitcode)"
    )
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=ROOT, env=site.environment, capture_output=True, text=True, check=True)
    assert run.stdout == "0\n", run.stderr


@pytest.mark.parametrize("former", [[], [make().certificate]])
def test_replaced_key_file_is_used_from_the_next_start(site, path, former):
    key = make()
    path.write_bytes(packed(key.private_key, key.certificate))
    if former:
        former_path(path).write_bytes(former[0].public_bytes(Encoding.PEM))
    program = (
        "import sys, wsgi; from pathlib import Path\n"
        "for file in sys.argv[1:]: Path(file).write_bytes(b'junk')\n"
        "key = wsgi.app.extensions['seal_key']\n"
        "print(key.fingerprint, *(one.serial_number for one in key.former))"
    )
    environment = {**site.environment, "FLASK_SEAL_FILE": str(path)}
    command = [sys.executable, "-c", program, path, former_path(path)]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [key.fingerprint, *(str(one.serial_number) for one in former)]


def test_gunicorn_logs_why_it_cannot_start(site, path):
    path.write_bytes(b"junk")
    environment = {**site.environment, "FLASK_SEAL_FILE": str(path)}
    command = [sys.executable, "-m", "gunicorn", "--workers", "1", "--bind", "127.0.0.1:0", "wsgi:app"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert run.returncode
    assert "Error: The key of the seal" in run.stderr
    assert run.stderr.count("Traceback") <= 1, "gunicorn's own, when a worker does not boot"


def test_a_lost_key_stops_the_start_once_certificates_were_issued(site, path):
    """A new one would be made in silence, and the site would no longer know its former seals."""
    environment = {**site.environment, "FLASK_SEAL_FILE": str(path.with_name("lost.p12"))}
    rows(site.database, "INSERT INTO signature (id, code, status, created_at, touched_at, access_count)"
         " VALUES (1, 'c', 'withdrawn', '2026-03-01', '2026-03-01', 0)")  # fmt: skip
    rows(site.database, "INSERT INTO certificate (number, signature_id, issued_at, sha256)"
         " VALUES ('1', 1, '2026-03-01', '1')")  # fmt: skip
    command = [sys.executable, "-m", "gunicorn", "--workers", "1", "--bind", "127.0.0.1:0", "wsgi:app"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert "is missing, and certificates were issued: put it back from a backup" in run.stderr
    assert "Traceback" not in run.stderr
    assert not path.with_name("lost.p12").exists()


def test_gunicorn_workers_create_one_key(site):
    assert [file.name for file in site.folder.glob("seal*")] == ["seal.p12"]
    subject = read_key(site.folder / "seal.p12", "").certificate.subject
    assert subject.rfc4514_string().startswith("CN=127.0.0.1,")


def test_show(flask, path):
    assert "No such file" in flask("show").output
    key = read_or_create_key(path, "", make, NOW)
    said = flask("show").output
    name = key.certificate.subject.rfc4514_string()
    assert f"subject:      {name}\nissuer:       {name}\n" in said
    for words in (key.fingerprint, "3651", str(path), "0 former"):
        assert words in said


def test_create_backs_up_the_former_key(flask, path):
    before = read_or_create_key(path, "", make, NOW)
    content = path.read_bytes()
    sealed = seal_pdf(PDF, before, number=generate_number())

    assert flask("create", typed="n\n").exit_code
    assert path.read_bytes() == content

    done = flask("create", typed="y\n")
    assert done.exit_code == 0, done.output
    assert "Restart the site" in done.output
    assert "1 former" in done.output
    assert "cannot be read" not in done.output
    after = read_key(path, "")
    assert after.fingerprint != before.fingerprint
    assert after.former == (before.certificate,)
    assert check_seal(sealed, after.certificates).verdict is Verdict.INTACT
    (kept,) = path.parent.glob("seal-2*.p12")
    assert kept.read_bytes() == content
    assert mode(kept) == mode(path) == 0o600

    assert flask("create", "--yes").exit_code == 0
    again = read_key(path, "")
    assert again.former == (before.certificate, after.certificate)
    assert len(list(path.parent.glob("seal-2*.p12"))) == 2


def test_create_replaces_an_unusable_key(flask, path):
    path.write_bytes(b"junk")
    path.chmod(0o644)
    assert "cannot be used" in flask("show").output
    done = flask("create", "--yes")
    assert done.exit_code == 0
    assert "append its certificate in PEM" in done.output
    assert read_key(path, "").former == ()
    (kept,) = path.parent.glob("seal-2*.p12")
    assert kept.read_bytes() == b"junk"
    assert mode(kept) == 0o600


def test_the_first_key_may_be_bought(flask, path, settings, tmp_path):
    settings["SEAL_PASSPHRASE"] = SECRET
    delivered = tmp_path / "delivered.p12"
    delivered.write_bytes(bought(rsa.generate_private_key(65537, 2048), b"theirs"))
    done = flask("import", str(delivered), typed="theirs\n")
    assert done.exit_code == 0, done.output
    assert "theirs" not in done.output
    assert "2 of the authority" in done.output
    assert "kept" not in done.output
    key = read_key(path, SECRET)
    assert key.organisation == "Acheteur"
    assert len(key.chain) == 2
    assert mode(path) == 0o600

    sealed = seal_pdf(PDF, key, number=generate_number())
    flask("create", "--yes")
    assert check_seal(sealed, read_key(path, SECRET).certificates).verdict is Verdict.INTACT


def test_import_asks_no_passphrase_that_it_was_given(flask, path, tmp_path):
    delivered = tmp_path / "delivered.p12"
    delivered.write_bytes(bought(P256, b"theirs"))
    assert flask("import", str(delivered), "--passphrase", "theirs").exit_code == 0
    delivered.write_bytes(bought(P256))
    assert flask("import", str(delivered), typed="\n").exit_code == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"junk", "not a PKCS#12 file"),
        (bought(P256, b"theirs"), "its passphrase is another"),
        (packed(P256), "has no certificate"),
        (bought(P256, usage=["digital_signature"]), "does not seal"),
        (bought(P256, usage=["key_encipherment"], purpose=ExtendedKeyUsageOID.SERVER_AUTH), "does not seal"),
    ],
)
def test_import_seals_once_before_it_replaces_the_key(flask, path, tmp_path, content, reason):
    read_or_create_key(path, "", make, NOW)
    before = path.read_bytes()
    delivered = tmp_path / "delivered.p12"
    delivered.write_bytes(content)
    done = flask("import", str(delivered), typed="\n")
    assert done.exit_code == 1
    assert reason in done.output
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.glob("*.p12")} == {"seal.p12", "delivered.p12"}


def test_create_raises_if_former_certificates_are_unreadable(flask, path):
    read_or_create_key(path, "", make, NOW)
    path.with_name("seal-former.pem").write_bytes(b"junk")
    before = path.read_bytes()
    done = flask("create", "--yes")
    assert done.exit_code == 1
    assert "seal-former.pem cannot be read" in done.output
    assert path.read_bytes() == before


def test_error_does_not_show_the_passphrase(tmp_path):
    with pytest.raises(ValueError, match="it is not a PKCS#12 file") as refused:
        parse_key(USUAL, "autre secret")
    assert "secret" not in str(refused.value)
