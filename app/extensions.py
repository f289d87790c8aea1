"""The Flask extensions, and how this program speaks to SQLite."""

from pathlib import Path
from typing import Any

from flask import Flask, current_app, has_request_context, request
from flask_compress import Compress
from flask_mail import Mail
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import Connection, event
from werkzeug.local import LocalProxy

from app.data.charter import Charter, load_charter
from app.data.communes import Communes, load_communes
from app.models import Base

#: Seconds that a writer waits for the others before the visitor is told to try again.
SQLITE_PATIENCE = 30

# Rows stay readable after the commit: the answer is rendered from what was just written.
db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
migrate = Migrate(directory=str(Path(__file__).parent / "migrations"))
csrf = CSRFProtect()
mail = Mail()
compress = Compress()

#: The charter and the communes of the current application.
charter: Charter = LocalProxy(lambda: current_app.extensions["charter"])  # type: ignore[assignment]
communes: Communes = LocalProxy(lambda: current_app.extensions["communes"])  # type: ignore[assignment]


def init_app(app: Flask) -> None:
    """Bind every extension to the application. Raises: CharterError."""
    app.extensions["charter"] = loaded = load_charter(Path(app.config["CHARTER_FILE"]))
    app.extensions["communes"] = load_communes(loaded.territory.communes, loaded.territory.former_names)
    db.init_app(app)
    migrate.init_app(app, db)
    csrf.init_app(app)
    mail.init_app(app)
    compress.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _prepare_sqlite)
            event.listen(db.engine, "begin", _begin_sqlite)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Make SQLite durable, strict and patient; by default it is none of these."""
    connection.isolation_level = None  # the driver must not begin transactions by itself
    for pragma in (
        f"busy_timeout = {SQLITE_PATIENCE * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock first, except where nothing is written.

    A transaction that reads, then wants to write, fails at once with "database is locked" when somebody
    else wrote between the two, whatever the timeout. A GET never changes anything.
    """
    reads_only = has_request_context() and request.method in ("GET", "HEAD", "OPTIONS")
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
