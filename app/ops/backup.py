"""One archive of a whole installation: made while people sign, restored while the server is stopped.

A zip file with the rows as JSON lines, one member for each table, the same for SQLite and PostgreSQL; the
seal keys, the secret key, `config.py`, the erasure log; and a manifest, with the SHA-256 of the others.
"""

import base64
import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

import sqlalchemy as sa
from click import ClickException
from cryptography.x509 import load_pem_x509_certificates
from flask import current_app

from app import files
from app.certificates.key import former_path, key_path, parse_key, restore_key
from app.database import read_snapshot
from app.extensions import db
from app.models import Signature
from app.ops import schema_version
from app.signatures import erasure_log, retention
from app.web.logging import describe

FORMAT, VERSION = "paraphe-backup", 2  # version 1 had the type of each column beside its name
MANIFEST, SEAL, FORMER_SEALS = "manifest.json", "seal/seal.p12", "seal/seal-former.pem"
#: Names of the members beside the manifest; a foreign archive has others.
MEMBER = re.compile(r"database/[a-z_]+\.jsonl|seal/seal[^/]*|secret_key|config\.py|erased\.txt")
OTHER_CLIENTS = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND backend_type = 'client backend' AND pid != pg_backend_pid()"""
#: Members that are read after the database is replaced: refused before, if they cannot be.
PARSERS: dict[str, Any] = {"erased.txt": erasure_log.parse, FORMER_SEALS: load_pem_x509_certificates}
BATCH = 200  # rows read or inserted at a time: a certificate is tens of kilobytes


def make_backup(file: Path, now: datetime) -> int:
    """Write a new archive, return its signature count. Raises: ClickException, OSError, SQLAlchemyError."""
    manifest: dict[str, Any] = {"format": FORMAT, "version": VERSION, "tables": {}, "sha256": {}}
    manifest["made_at"] = now.isoformat(timespec="seconds")
    # Level 1: certificates are compressed already, and the server needs the CPU.
    with (
        files.create_atomically(file) as output,
        ZipFile(output, "w", ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        with read_snapshot(db.engine) as connection:
            manifest["revision"] = schema_version.read_revision(connection)
            if not manifest["revision"]:
                raise ClickException("the database has no tables: run `flask --app app upgrade`.")
            for table in _reflect_tables(connection).sorted_tables:
                rows = connection.scalar(sa.select(sa.func.count()).select_from(table))
                manifest["tables"][table.name] = {"columns": table.columns.keys(), "rows": rows}
                manifest["sha256"][f"database/{table.name}.jsonl"] = _write_rows(archive, connection, table)
        # Files come after the snapshot: a withdrawal made meanwhile is in the erasure log, and is repeated.
        for name, content in _read_files().items():
            archive.writestr(name, content)
            manifest["sha256"][name] = hashlib.sha256(content).hexdigest()
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return int(manifest["tables"]["signature"]["rows"])


def restore_backup(file: Path, now: datetime, *, replace: bool = False) -> list[str]:
    """Put the installation of an archive in the place of this one. Return notes for the person who runs it.

    The erasure log gets the withdrawals known to the archive and to the replaced database: call
    `retention.purge` next, which repeats them. Raises: ClickException, OSError, SQLAlchemyError.
    """
    manifest = _verify_archive(file)
    with ZipFile(file) as archive:
        saved = {name: archive.read(name) for name in archive.namelist() if not name.startswith("database/")}
        if SEAL in saved:
            _check_seal_key(saved[SEAL], replace)
        _replace_database(archive, manifest, replace)
    erasure_log.merge(retention.ledger_file(), erasure_log.parse(saved.get("erased.txt", b"")))
    notes = _restore_files(saved, now)
    return [f"{manifest['tables']['signature']['rows']} signatures, as of {manifest['made_at']}", *notes]


def _verify_archive(file: Path) -> dict[str, Any]:
    """Return the manifest, if each member has the SHA-256 given there. Raises: ClickException."""
    try:
        with ZipFile(file) as archive:
            manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
            if manifest["format"] != FORMAT or manifest["version"] not in (1, VERSION):
                raise ValueError("unknown format: does a later version of the program read it?")
            sums = manifest["sha256"]
            if sorted(archive.namelist()) != sorted([MANIFEST, *sums]):
                raise ValueError("its members are not those of its manifest")
            for name, expected in sums.items():
                with archive.open(name) as member:
                    digest = hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]
                if digest != expected or not MEMBER.fullmatch(name):
                    raise ValueError(f"{name} was altered")
            for name in sums.keys() & PARSERS.keys():
                PARSERS[name](archive.read(name))
            if not isinstance(manifest["tables"]["signature"]["rows"], int) or not str(manifest["revision"]):
                raise ValueError("its manifest lacks a number of rows or a revision")
            return manifest
    except Exception as error:  # zipfile raises a dozen kinds
        raise ClickException(f"{file} is damaged, or no archive of `flask backup` ({error}).") from error


def _replace_database(archive: ZipFile, manifest: dict[str, Any], replace: bool) -> None:
    """Drop all tables, then create, fill and upgrade those of the archive, in one transaction."""
    try:
        with _exclusive_transaction() as connection:
            present = _reflect_tables(connection)
            for table in present.sorted_tables:
                if not replace and connection.execute(sa.select(table).limit(1)).first():
                    raise ClickException("the database is not empty: --replace replaces it.")
            if "withdrawn_at" in getattr(present.tables.get("signature"), "columns", {}):
                rows = connection.execute(sa.select(Signature.code, Signature.withdrawn_at))
                erasure_log.merge(retention.ledger_file(), {code: at for code, at in rows if at})
            present.drop_all(connection)
            connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
            _fill_database(connection, archive, manifest)
    except sa.exc.DatabaseError as error:
        code = getattr(error.orig, "sqlite_errorname", "")
        if not replace or code not in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
            raise
        for ending in ("", "-wal", "-shm", "-journal"):
            Path(f"{db.engine.url.database}{ending}").unlink(missing_ok=True)
        _replace_database(archive, manifest, replace=False)


@contextmanager
def _exclusive_transaction() -> Iterator[sa.Connection]:
    """Begin a transaction in the database of a stopped server. Raises: ClickException if others use it."""
    db.engine.dispose()
    is_sqlite = db.engine.dialect.name == "sqlite"
    with db.engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        connection.detach()  # the pool must not get these settings
        if is_sqlite:
            # Migrations drop tables that others refer to; a running server is noticed within 2 seconds.
            raw.executescript("PRAGMA foreign_keys = OFF; PRAGMA busy_timeout = 2000")
            try:
                raw.execute("PRAGMA journal_mode = DELETE")  # refused while another process uses the file
            except sqlite3.OperationalError as error:
                raise ClickException(f"the database is in use ({error}): stop the server first.") from error
        with connection.begin():
            if not is_sqlite and connection.scalar(sa.text(OTHER_CLIENTS)):
                raise ClickException("the database is in use by other programs: stop the server first.")
            yield connection
            if is_sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise ClickException("the archive has rows that refer to rows it lacks.")


def _reflect_tables(connection: sa.Connection) -> sa.MetaData:
    """Return the tables as the database describes them: it may be older than the models."""
    metadata = sa.MetaData()
    metadata.reflect(connection, only=lambda name, _: name != schema_version.VERSION_TABLE)
    return metadata


def _fill_database(connection: sa.Connection, archive: ZipFile, manifest: dict[str, Any]) -> None:
    """Create the tables of the archive's revision, insert its rows, then upgrade. Raises: ClickException."""
    if manifest["revision"] not in schema_version.known_revisions():
        raise ClickException(f"revision {manifest['revision']!r} is unknown: update the program first.")
    schema_version.migrate_to(connection, manifest["revision"])
    for table in _reflect_tables(connection).sorted_tables:
        try:
            with archive.open(f"database/{table.name}.jsonl") as lines:
                _insert_rows(connection, table, list(manifest["tables"][table.name]["columns"]), lines)
        except Exception as error:  # whatever a forged row makes of it, SQLite's OverflowError included
            raise ClickException(f"a row of {table.name} does not fit: {describe(error)}.") from error
    schema_version.migrate_to(connection, schema_version.latest_revision())


def _write_rows(archive: ZipFile, connection: sa.Connection, table: sa.Table) -> str:
    """Write the rows of one table as a member. Return its SHA-256, in hexadecimal."""
    digest = hashlib.sha256()
    with archive.open(f"database/{table.name}.jsonl", "w", force_zip64=True) as member:
        for row in connection.execute(sa.select(table), execution_options={"yield_per": BATCH}):
            line = json.dumps(list(row), default=_to_text, ensure_ascii=False).encode() + b"\n"
            member.write(line)
            digest.update(line)
    return digest.hexdigest()


def _insert_rows(connection: sa.Connection, table: sa.Table, columns: list[str], lines: IO[bytes]) -> None:
    """Insert the rows of one table, then their references to one another: a row may refer to a later one."""
    (key, *_), types = table.primary_key, [table.columns[name].type for name in columns]
    own = [reference.parent.name for reference in table.foreign_keys if reference.column.table is table]
    references: list[dict[str, Any]] = []
    for batch in iter(lambda: list(islice(lines, BATCH)), []):
        rows = [dict(zip(columns, map(_from_text, json.loads(line), types), strict=True)) for line in batch]
        references += [{"row": row[key.name], name: row[name]} for name in own for row in rows if row[name]]
        connection.execute(sa.insert(table), [row | dict.fromkeys(own) for row in rows])
    if references:
        connection.execute(sa.update(table).where(key == sa.bindparam("row")), references)
    if connection.dialect.name == "postgresql" and isinstance(key.type, sa.Integer):  # the next id follows
        sequence = sa.func.pg_get_serial_sequence(table.name, key.name)
        connection.execute(sa.select(sa.func.setval(sequence, sa.func.max(key))))


def _to_text(value: datetime | bytes) -> str:
    """Return a time in ISO 8601, in UTC, or bytes in base64: JSON has neither."""
    if isinstance(value, datetime):  # SQLite returns UTC without a time zone
        return (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return base64.b64encode(value).decode()


def _from_text(value: Any, type_: sa.types.TypeEngine[Any]) -> Any:
    """Return the value of a column from its JSON. Raises: TypeError, ValueError."""
    if value is None:
        return sa.null() if isinstance(type_, sa.JSON) else None  # None would be the null of JSON
    if isinstance(type_, sa.DateTime):
        return datetime.fromisoformat(value)
    return base64.b64decode(value) if isinstance(type_, sa.LargeBinary) else value


def _read_files() -> dict[str, bytes]:
    """Return the secret key in use and the content of the files beside the database, by member name."""
    seal = key_path()
    listed = {SEAL: seal, FORMER_SEALS: former_path(seal), "erased.txt": retention.ledger_file()}
    listed["config.py"] = Path(current_app.instance_path, "config.py")
    for path in seal.parent.glob(f"{seal.stem}-2*{seal.suffix}"):  # replaced keys, by date
        listed[f"seal/seal{path.name.removeprefix(seal.stem)}"] = path
    content = {name: path.read_bytes() for name, path in listed.items() if path.exists()}
    return content | {"secret_key": current_app.config["SECRET_KEY"].encode()}


def _check_seal_key(content: bytes, replace: bool) -> None:
    """Refuse a seal key that cannot be opened, or would replace another unasked. Raises: ClickException."""
    path = key_path()
    try:
        parse_key(content, current_app.config["SEAL_PASSPHRASE"])
    except ValueError as error:
        raise ClickException(f"the seal key: {error}; set SEAL_PASSPHRASE as it was.") from error
    if not replace and path.exists() and path.read_bytes() != content:
        raise ClickException(f"{path} is another seal key: --replace replaces it.")


def _restore_files(saved: dict[str, bytes], now: datetime) -> Iterator[str]:
    """Write the secret key and the seal keys of an archive. Yield notes for the person who runs the site."""
    path, secret = Path(current_app.instance_path, "secret_key"), current_app.config["SECRET_KEY"].encode()
    if path.exists() and path.read_bytes().strip() == secret:
        files.write_atomically(path, saved.get("secret_key", secret))
    elif saved.get("secret_key", b"").strip() != secret:
        yield "SECRET_KEY is set in the configuration: the secret of the backup was not put back"
    path, passphrase = key_path(), current_app.config["SEAL_PASSPHRASE"]
    former = saved.get(FORMER_SEALS, b"")
    if SEAL in saved and (kept := restore_key(path, saved[SEAL], former, passphrase, now)):
        yield f"the seal key that was here is kept in {kept}"
    for name in saved:
        if name.startswith("seal/seal-2"):
            files.write_atomically(path.with_name(path.stem + name.removeprefix("seal/seal")), saved[name])
