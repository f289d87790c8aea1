"""The web servers that stand in front, run from the files of ``deploy/``, and a browser for them."""

import getpass
import http.client
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from werkzeug.test import Client

from tests.support.mailbox import free_port
from tests.support.tools import NEEDS
from tests.support.visitor import Visitor

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
#: The name written in the files of ``deploy/``.
NAME = "charte.example.fr"
NGINX = NEEDS["nginx"]
CADDY = NEEDS["caddy"]
#: Each client that a test needs is another address of this machine (127.0.0.0/8).
_addresses = (f"127.0.{number // 250}.{number % 250 + 2}" for number in count(256))


@dataclass
class Answer:
    """What came back, whole."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Front:
    """A web server in front of the application, on two ports of this machine."""

    folder: Path
    app_port: int
    http_port: int = field(default_factory=free_port)
    https_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def connect(self, source: str = "127.0.0.1", name: str = NAME) -> ssl.SSLSocket:
        """Shake hands over TLS, as who asks for ``name``, and trust our certificate alone."""
        plain = socket.create_connection(
            ("127.0.0.1", self.https_port), timeout=60, source_address=(source, 0)
        )
        context = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        try:
            return context.wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        source: str = "127.0.0.1",
        host: str = NAME,
    ) -> Answer:
        """Send one request over HTTPS."""
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.sock = self.connect(source)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def ask_in_clear(self, path: str, host: str = NAME) -> Answer:
        """Send one request over HTTP."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=60)
        try:
            connection.request("GET", path, headers={"Host": host})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def visitor(self, source: str) -> Visitor:
        """Return the mini-browser of the other tests, whose pages come through this server."""
        visitor = Visitor.__new__(Visitor)
        visitor.client = _Client(self._forward(source))  # type: ignore[assignment]  # it opens pages alike
        return visitor

    def _forward(self, source: str) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
        def forward(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            headers = {
                name[5:].replace("_", "-"): value
                for name, value in environ.items()
                if name.startswith("HTTP_") and name != "HTTP_HOST"
            }
            headers["Referer"] = f"https://{NAME}/"  # as browsers do; forms are refused without it
            if environ.get("CONTENT_TYPE"):
                headers["Content-Type"] = environ["CONTENT_TYPE"]
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            query = f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
            path = environ["PATH_INFO"].encode("latin-1").decode()
            answer = self.ask(environ["REQUEST_METHOD"], path + query, body or None, headers, source)
            start_response(f"{answer.status} -", list(answer.headers.items()))
            return [answer.body]

        return forward


class _Client(Client):
    def open(self, *args: Any, **kwargs: Any) -> Any:
        if isinstance(args[0], str):  # and not what it makes of a redirect
            kwargs["base_url"] = f"https://{NAME}"
        return super().open(*args, **kwargs)


def new_address() -> str:
    """Return an address of this machine that no client has had yet."""
    return next(_addresses)


@contextmanager
def running(kind: str, folder: Path, app_port: int) -> Iterator[Front]:
    """Run ``nginx`` or ``caddy`` with the committed file; only ports and paths are this machine's."""
    front = Front(folder, app_port)
    certify(folder)
    prepare = {"nginx": nginx_command, "caddy": caddy_command}[kind]
    environment = {**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    log = folder / "front.log"
    with log.open("wb") as output:
        front.process = subprocess.Popen(
            prepare(front), stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    try:
        for port in (front.http_port, front.https_port):
            wait_for(port, front.process, log)
        yield front
    finally:
        front.process.terminate()
        front.process.wait(30)


def nginx_command(front: Front) -> list[str]:
    """Write the file as this machine can run it; return the command that does."""
    assert NGINX
    folder = front.folder
    site = (DEPLOY / "nginx.conf").read_text()
    for ours, here in {
        "listen 80": f"listen 127.0.0.1:{front.http_port}",
        "listen [::]:80": f"listen 127.0.0.1:{free_port()}",  # there may be no IPv6 here
        "listen 443": f"listen 127.0.0.1:{front.https_port}",
        "127.0.0.1:8000": f"127.0.0.1:{front.app_port}",
        f"/etc/letsencrypt/live/{NAME}": str(folder),
        "/var/log/nginx": str(folder),
        "/srv/paraphe": str(ROOT),
    }.items():
        assert ours in site
        site = site.replace(ours, here)
    second = free_port()
    site = site.replace("listen [::]:443", f"listen 127.0.0.1:{second}")
    (folder / "site.conf").write_text(site)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(
        f"{user}\npid {folder}/nginx.pid;\nworker_processes 1;\nevents {{}}\n"
        f"http {{\n{temporary}access_log {folder}/access.log;\ninclude {folder}/site.conf;\n}}\n"
    )
    return [NGINX, "-e", str(folder / "error.log"), "-c", str(main), "-g", "daemon off;"]


def caddy_command(front: Front) -> list[str]:
    """Write the file as this machine can run it; return the command that does."""
    assert CADDY
    site = (DEPLOY / "Caddyfile").read_text()
    ports = (
        f"http_port {front.http_port}\n\thttps_port {front.https_port}\n\tdefault_bind 127.0.0.1\n\tadmin off"
    )
    for ours, here in {
        "admin off": ports,
        f"\n{NAME} {{": f"\n{NAME} {{\n\ttls {front.folder}/fullchain.pem {front.folder}/privkey.pem",
        "127.0.0.1:8000": f"127.0.0.1:{front.app_port}",
        "/srv/paraphe": str(ROOT),
    }.items():
        assert ours in site
        site = site.replace(ours, here)
    file = front.folder / "Caddyfile"
    file.write_text(site)
    return [CADDY, "run", "--config", str(file), "--adapter", "caddyfile"]


def certify(folder: Path) -> None:
    """Make a certificate for our name that nobody but these tests trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"nothing listens: {log.read_text()}")
