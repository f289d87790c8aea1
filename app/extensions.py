"""The Flask extensions, and the content of the current application: charter, communes, map."""

from pathlib import Path

from flask import Flask, current_app
from flask_compress import Compress
from flask_mail import Mail
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy.exc import ArgumentError, DBAPIError
from werkzeug.local import LocalProxy

from app.config import ConfigError
from app.content.charter import Charter, load_charter
from app.content.communes import Communes, load_communes
from app.content.map import Outlines, load_outlines
from app.database import prepare_sqlite
from app.models import Base


class _Session(Session):
    """A session whose end never fails: PostgreSQL may have gone after the page was rendered."""

    def close(self) -> None:
        """Roll back and give the connection back, or drop it. Flask-SQLAlchemy calls it after the request."""
        try:
            super().close()
        except DBAPIError:
            self.invalidate()


# Rows stay loaded after a commit: the answer is rendered from the rows just written.
db = SQLAlchemy(metadata=Base.metadata, session_options={"class_": _Session, "expire_on_commit": False})
mail = Mail()
compress = Compress()

#: The charter and the communes of the current application. (mypy: a proxy is taken for its target.)
charter: Charter = LocalProxy(lambda: current_app.extensions["charter"])  # type: ignore[assignment]
communes: Communes = LocalProxy(lambda: current_app.extensions["communes"])  # type: ignore[assignment]
#: The outlines of the communes; falsy if CONTOURS_FILE is empty.
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
    mail.init_app(app)
    compress.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            prepare_sqlite(db.engine)


def _bind_database(app: Flask) -> None:
    """Bind the database. Raises: ConfigError, without its URL, which may hold a password."""
    try:
        db.init_app(app)
    except (ArgumentError, ImportError, ValueError) as error:
        raise ConfigError(
            "SQLALCHEMY_DATABASE_URI is not the URL of a supported database: write it as "
            "« sqlite:///paraphe.sqlite3 » or « postgresql+psycopg://name:password@host/database »."
        ) from error
