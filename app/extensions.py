"""The Flask extensions, and what every part of the program asks of the application."""

from pathlib import Path

from flask import Flask, current_app
from flask_compress import Compress
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from flask_wtf import CSRFProtect
from sqlalchemy.exc import ArgumentError, DBAPIError
from werkzeug.local import LocalProxy

from app.config import ConfigError
from app.content.charter import Charter, load_charter
from app.content.communes import Communes, load_communes
from app.content.map import Outlines, load_outlines
from app.database import prepare_sqlite
from app.models import Base


class _CSRF(CSRFProtect):  # type: ignore[misc]  # Flask-WTF has no types
    """Flask-WTF's own, which takes the address of the page before for one that can be read."""

    def protect(self, **options: bool) -> None:
        """Check the token, and over HTTPS whose page it comes from. Raises: CSRFError."""
        try:
            super().protect(**options)
        except ValueError:  # « https://[ »
            self._error_response("The referrer is no address.")


class _Session(Session):
    """Flask-SQLAlchemy's own, which ends although there is no database any more to tell."""

    def close(self) -> None:
        """Undo what is not committed. It is called when the page is made: that is sent whatever happens."""
        try:
            super().close()
        except DBAPIError:
            self.invalidate()


# Rows stay readable after the commit: the answer is rendered from what was just written.
db = SQLAlchemy(metadata=Base.metadata, session_options={"class_": _Session, "expire_on_commit": False})
csrf = _CSRF()
compress = Compress()

#: The charter and the communes of the current application. (mypy: a proxy is taken for what it leads to.)
charter: Charter = LocalProxy(lambda: current_app.extensions["charter"])  # type: ignore[assignment]
communes: Communes = LocalProxy(lambda: current_app.extensions["communes"])  # type: ignore[assignment]
#: The map of the communes; false where no file of outlines is named.
outlines: Outlines = LocalProxy(lambda: current_app.extensions["outlines"])  # type: ignore[assignment]


def init_app(app: Flask) -> None:
    """Bind every extension to the application. Raises: ConfigError."""
    app.extensions["charter"] = loaded = load_charter(Path(app.config["CHARTER_FILE"]))
    app.extensions["communes"] = here = load_communes(
        loaded.territory.communes, loaded.territory.former_names
    )
    contours = app.config["CONTOURS_FILE"]
    app.extensions["outlines"] = load_outlines(Path(app.instance_path, contours), here) if contours else None
    _bind_database(app)
    csrf.init_app(app)
    compress.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            prepare_sqlite(db.engine)


def _bind_database(app: Flask) -> None:
    """Read the address of the database. Raises: ConfigError, which does not show it: a password."""
    try:
        db.init_app(app)
    except (ArgumentError, ImportError, ValueError) as error:
        raise ConfigError(
            "SQLALCHEMY_DATABASE_URI names no database that is known here: write it as "
            "« sqlite:///paraphe.sqlite3 » or « postgresql+psycopg://name:password@host/database »."
        ) from error
