"""A site with people in it, put back as it was before each request; and what must be true of any answer."""

import sqlite3
import traceback
from io import BytesIO
from pathlib import Path

from bs4 import BeautifulSoup
from flask import Flask, got_request_exception
from flask_migrate import upgrade
from werkzeug.test import run_wsgi_app

from app import create_app
from app.certificates.key import seal_key
from app.extensions import db
from app.mail import outbox
from app.mail.links import ACCESS_SIGNATURE, CONFIRM_SIGNATURE, DENY_SIGNATURE, MOVE_SIGNATURE, REFUSE_MOVE
from app.models import Signature
from app.web.headers import HEADERS
from tests.support.fuzzing import TRIED
from tests.support.journeys import ELODIE, sign, signed_and_confirmed, tick
from tests.support.mailbox import Mailbox
from tests.support.visitor import Visitor, check_structure

#: What other sites may read or show: app/citizen/opendata.py and app/citizen/sharing.py.
FOR_ALL = {"citizen.csv_file", "citizen.json_file", "citizen.feed", "citizen.schema", "citizen.badge"}


class World:
    """One application, its sessions, and what its addresses and forms are made of."""

    def __init__(self, folder: Path) -> None:
        mailbox = Mailbox()
        mailbox.start()
        database = folder / "paraphe.sqlite3"
        self.app = create_app(
            {
                "SECRET_KEY": "a-secret-for-tests-that-is-long-enough",
                "SERVER_NAME": "localhost",
                "PREFERRED_URL_SCHEME": "http",
                "SQLALCHEMY_DATABASE_URI": f"sqlite:///{database}",
                "SEAL_FILE": f"{folder}/seal.p12",
                "ERASURE_LEDGER": f"{folder}/erased.txt",
                "MAIL_SERVER": "127.0.0.1",
                "MAIL_PORT": mailbox.port,
                "MAIL_USE_TLS": False,
                "MAIL_DEFAULT_SENDER": "charte@example.org",
                "FORM_MIN_SECONDS": 0,
                "RATELIMIT_ENABLED": False,
            }
        )
        self.panics: list[str] = []
        got_request_exception.connect(self._note, self.app, weak=False)
        with self.app.app_context():
            upgrade()
        names = ("none", "draft", "pending", "owner")
        visitors = {name: Visitor(self.app) for name in names}
        tick(visitors["draft"], 1, 2)
        signed_and_confirmed(visitors["owner"], self._deliver, mailbox, 1, 3, 4)
        made = visitors["owner"].open("/ma-signature").submit("#certificat button[formaction]")
        sign(visitors["pending"], 2, 5, email="autre@example.org", given_name="Zoé")
        self._deliver()
        mailbox.stop()
        #: Cookie and CSRF token, by name.
        self.sessions = {name: self._session(name, visitor) for name, visitor in visitors.items()}
        self._learn(made[".certificate dd a"]["href"].rpartition("/")[2], visitors["owner"])
        self._kept = sqlite3.connect(":memory:")
        self._database = sqlite3.connect(database, timeout=30)
        self._database.backup(self._kept)

    def _deliver(self) -> int:
        with self.app.app_context():
            return outbox.deliver_due()

    def _session(self, name: str, visitor: Visitor) -> tuple[str, str]:
        if name == "none":
            return "", ""
        token = visitor.open("/ma-signature" if name == "owner" else "/signer").soup.select_one(
            "[name=csrf_token]"
        )
        cookie = visitor.client.get_cookie("paraphe")
        assert cookie
        return f"paraphe={cookie.value}", token["value"]

    def _learn(self, number: str, owner: Visitor) -> None:
        with self.app.test_request_context():
            signed, waiting = db.session.query(Signature).order_by(Signature.id).where(Signature.email != "")
            signed, waiting = sorted((signed, waiting), key=lambda s: not s.is_confirmed)
            self.tokens = [
                CONFIRM_SIGNATURE.make_token(waiting),
                DENY_SIGNATURE.make_token(waiting),
                ACCESS_SIGNATURE.make_token(signed),
                MOVE_SIGNATURE.make_token(signed),
                CONFIRM_SIGNATURE.make_token(signed),
                REFUSE_MOVE.make_token(signed),
            ]
            self.certificates = seal_key.certificates
            codes = [signed.code, waiting.code]
        self.sealed = owner.client.get("/ma-signature/certificat.pdf").data
        own, confirming = owner.open("/ma-signature/corriger"), f"/confirmer/{self.tokens[0]}"
        shown = [own["[name=shown]"]["value"], owner.open(confirming)["[name=shown]"]["value"]]
        #: What the parts of an address may be.
        self.parts = {
            "code": codes,
            "token": self.tokens,
            "number": [number, "1", "10"],
            "insee": ["24520", "sarlat"],
            "span": ["0"],
            "filename": ["css/site.css", "fonts/atkinson-400.woff2"],
        }
        #: What the fields of forms and searches may hold.
        self.fields = {
            **{name: [value] for name, value in ELODIE.items()},
            "role": ["tete-de-liste", "colistier", "elu"],
            "commune": ["Sarlat-la-Canéda", "24200", "Saint"],
            "commune_choice": ["24520"],
            "email": [ELODIE["email"], "autre@example.org", "a@gmial.com"],
            "email_choice": [ELODIE["email"]],
            "email_asked": [ELODIE["email"]],
            "contact": ["y"],
            "agreed": ["y", "yes", "no"],
            "taken": ["yes", "no"],
            "ticked": ["y"],
            "shown": shown,
            "remarque": ["", "x"],
            "numero": [number],
            "nom": ["martin"],
            "epci": ["200041168"],
            "arrondissement": ["244"],
            "qualite": ["elu"],
            "engagement": ["1"],
            "tri": ["nom"],
            "apres": ["WyJcdTAwMDAiLCAiYSJd"],
            "avant": ["WyIyMDI2LTExLTI1IiwgMV0"],
        }

    def close(self) -> None:
        """Let the database go."""
        self._database.close()
        self._kept.close()
        with self.app.app_context():
            db.engine.dispose()

    def _note(self, sender: Flask, exception: Exception) -> None:
        self.panics.append("".join(traceback.format_exception(exception)))

    def restore(self) -> None:
        """Put the site back as it was."""
        self._kept.backup(self._database)
        self.panics.clear()

    def ask(self, environ: dict[str, object], body: bytes) -> int:
        """Put the site back as it was, ask it, check the answer. Return its status."""
        self.restore()
        environ = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": BytesIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "SCRIPT_NAME": "",
            **environ,
        }
        answer, line, headers = run_wsgi_app(self.app.wsgi_app, environ, buffered=True)
        content, status = b"".join(answer), int(line.split()[0])
        assert not self.panics, self.panics[0]
        assert status < 500, status
        TRIED[f"{environ['REQUEST_METHOD']} → {status}"] += 1
        self._check(environ, status, headers, content)
        return status

    def _check(self, environ: dict[str, object], status: int, headers, content: bytes) -> None:
        for name, value in HEADERS.items():
            expected = [value]
            if name == "Cross-Origin-Resource-Policy" and headers[name] == "cross-origin":
                assert headers.get("Content-Type", "").partition(";")[0] != "text/html", "not for other sites"
                continue
            assert headers.getlist(name) == expected, name
        for name, value in headers:
            assert not set("\r\n\0") & set(name + value), name
        kind = headers.get("Content-Type", "").partition(";")[0]
        if environ["REQUEST_METHOD"] == "HEAD" or not content or "Content-Encoding" in headers:
            return
        typed = environ["REQUEST_METHOD"] == "POST" or environ.get("QUERY_STRING")
        if kind == "text/html":
            assert b"<u-x" not in content.lower(), "what somebody wrote became markup"
            if status < 400 and not typed:
                return  # as in every other test
            soup = BeautifulSoup(content, "html.parser")
            if soup.html and not 300 <= status < 400:  # browsers do not show the page of a redirect
                assert soup.html["lang"] == "fr"
                check_structure(soup)
            else:  # a fragment for htmx
                assert status < 400, "an error must be a page"
        else:
            assert status < 400 or kind == "image/svg+xml", f"{status} as {kind}"
