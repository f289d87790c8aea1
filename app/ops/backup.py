"""A whole installation in one archive, made while people sign, and put back.

A zip file: rows as JSON lines, one file a table, whatever the engine; the key of the seal, the secret, the
settings, the ledger; and ``manifest.json``, which names each of them with its SHA-256. A later version may
add folders to it, and then has another number.
"""

import base64
import hashlib
import json
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

from flask import current_app
from sqlalchemy import Connection, MetaData, select, text
from sqlalchemy.exc import SQLAlchemyError

from app import files
from app.certificates.key import former_path, key_path, parse_key, restore_key
from app.database import read_snapshot
from app.extensions import db
from app.ops.transfer import (
    BATCH,
    Columns,
    Database,
    Row,
    TransferError,
    fill,
    filling,
    in_utc,
    open_engine,
    told,
)
from app.register import audit
from app.signatures import erasure_log, retention

FORMAT, VERSION = "paraphe-backup", 1
MANIFEST = "manifest.json"
#: What an archive may hold beside its manifest. Names are compared with these, and none becomes a path.
MEMBER = re.compile(
    r"database/(?P<table>[a-z_]+)\.jsonl"
    r"|seal/(?P<seal>seal(-former\.pem|(-\d{8}T\d{6}\.\d{6}Z)?\.p12))"
    r"|secret_key|config\.py|erased\.txt"
)
#: Bytes of the manifest, and of each file that is read in one piece.
SMALL = 4 * 1024 * 1024
#: Bytes of one row: the largest holds a certificate.
LINE = 64 * 1024 * 1024
#: How many times its own size an archive may expand to; rows come to a tenth of that.
EXPANSION = 100
#: Compressed little: certificates are by themselves, and people are signing.
LEVEL = 1
STOP = "stop the server first"
REPLACE = "--replace puts the backup in its place"


@dataclass(frozen=True)
class Restored:
    """What was put back, and what is still to be known of it."""

    made_at: str
    counts: Mapping[str, int]
    notes: list[str]
    erased: list[retention.Erased]
    differences: int


def make(file: Path, now: datetime) -> dict[str, int]:
    """Write the archive of this installation; return the rows of each table.

    Raises: TransferError, FileExistsError, OSError.
    """
    sums: dict[str, str] = {}
    tables: dict[str, Any] = {}
    options: Any = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": LEVEL}
    with files.fresh(file) as whole, zipfile.ZipFile(whole, "w", **options) as archive:
        try:
            with read_snapshot(db.engine) as connection:
                database = Database(connection)
                if not database.revision:
                    raise TransferError("there is no database yet: `flask --app app upgrade`")
                for name, columns in database.tables.items():
                    with _Member(archive, f"database/{name}.jsonl", sums) as member:
                        rows = 0
                        for batch in database.rows(name):
                            rows += len(batch)
                            member.write("".join(_line(row, columns) for row in batch).encode())
                    tables[name] = {"columns": columns, "rows": rows}
        except SQLAlchemyError as error:
            raise TransferError(told(error)) from error
        # Read after the rows: who withdrew meanwhile is among the rows, and withdraws again.
        for name, path in _files():
            with _Member(archive, name, sums) as member:
                member.write(path.read_bytes())
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "made_at": now.isoformat(),
            "revision": database.revision,
            "tables": tables,
            "sha256": sums,
        }
        with _Member(archive, MANIFEST, {}) as member:
            member.write(json.dumps(manifest, indent=1).encode())
    return {name: table["rows"] for name, table in tables.items()}


def restore(file: Path, now: datetime, *, replace: bool = False) -> Restored:
    """Put the installation of an archive in the place of this one, which must be stopped.

    Withdrawals made since are made again. Raises: TransferError, OSError.
    """
    with Archive(file) as archive:
        seal = archive.small("seal/seal.p12")
        if seal:
            _try_seal(seal, replace)
        try:
            target = _SQLite() if db.engine.dialect.name == "sqlite" else _PostgreSQL()
            db.session.remove()
            db.engine.dispose()
            withdrawn = target.look(replace)
            counts = target.fill(archive, lambda: _merge_ledgers(archive, withdrawn))
        except SQLAlchemyError as error:
            raise TransferError(told(error)) from error
        finally:
            db.engine.dispose()
        notes = [*_put_secret_back(archive), *_put_seal_back(archive, seal, now)]
        made_at = archive.made_at
    erased = retention.purge(now)
    return Restored(made_at, counts, notes, erased, sum(1 for _ in audit.find_differences()))


class Archive:
    """An archive that is whole, as its sums tell: a source to fill a database from."""

    def __init__(self, file: Path) -> None:
        """Open and check it. Raises: TransferError, OSError."""
        try:
            self._zip = zipfile.ZipFile(file)
            try:
                self._check(file.stat().st_size)
            except BaseException:
                self._zip.close()
                raise
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise TransferError(f"{file} is damaged, or no archive of `flask backup` ({error})") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TransferError(f"{file} is no archive of `flask backup`") from error

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def small(self, name: str) -> bytes:
        """Return one of its files; empty, where it has none."""
        return self._zip.read(name) if name in self._names else b""

    def names(self, start: str) -> list[str]:
        """Return the names of its files that begin so."""
        return sorted(name for name in self._names if name.startswith(start))

    def rows(self, table: str) -> Iterator[list[Row]]:
        """Read the rows of one table, some at a time; times are in UTC."""
        columns, batch = self.tables[table], []
        with self._zip.open(f"database/{table}.jsonl") as lines:
            while line := lines.readline(LINE):
                batch.append(_row(line, columns, table))
                if len(batch) == BATCH:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def _check(self, size: int) -> None:
        members = {info.filename: info for info in self._zip.infolist()}
        if len(members) != len(self._zip.infolist()):
            raise zipfile.BadZipFile("a name comes twice")
        if sum(info.file_size for info in members.values()) > EXPANSION * size:
            raise zipfile.BadZipFile("it expands too far")
        manifest = json.loads(self._read(members, MANIFEST))
        if manifest["format"] != FORMAT:
            raise ValueError("another format")
        if manifest["version"] != VERSION:
            raise TransferError(
                f"version {manifest['version']!r} is not known here: update the program first"
            )
        sums = manifest["sha256"]
        self._names = set(members) - {MANIFEST}
        if set(sums) != self._names or not all(map(MEMBER.fullmatch, self._names)):
            raise zipfile.BadZipFile("it does not hold what its manifest names")
        for name, expected in sums.items():
            if not name.startswith("database/") and members[name].file_size > SMALL:
                raise zipfile.BadZipFile(f"{name} is too large")
            found = hashlib.sha256()
            with self._zip.open(name) as member:
                while chunk := member.read(1024 * 1024):
                    found.update(chunk)
            if found.hexdigest() != expected:
                raise zipfile.BadZipFile(f"{name} was altered")
        self.made_at = datetime.fromisoformat(manifest["made_at"]).isoformat(timespec="seconds")
        self.revision: str = manifest["revision"]
        self.tables: Mapping[str, Columns] = {
            name: dict(table["columns"]) for name, table in manifest["tables"].items()
        }
        if {f"database/{name}.jsonl" for name in self.tables} != set(self.names("database/")):
            raise ValueError("tables without rows")

    def _read(self, members: Mapping[str, zipfile.ZipInfo], name: str) -> bytes:
        if members[name].file_size > SMALL:
            raise zipfile.BadZipFile(f"{name} is too large")
        return self._zip.read(name)


class _Member:
    """One file of an archive that is being written; its SHA-256 is noted at its end."""

    def __init__(self, archive: zipfile.ZipFile, name: str, sums: dict[str, str]) -> None:
        self._file: IO[bytes] = archive.open(name, "w", force_zip64=True)
        self._name, self._sums, self._sum = name, sums, hashlib.sha256()

    def __enter__(self) -> "_Member":
        return self

    def write(self, content: bytes) -> None:
        self._file.write(content)
        self._sum.update(content)

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._sums[self._name] = self._sum.hexdigest()


class _SQLite:
    """A new file is filled beside the present one, then takes its place."""

    def __init__(self) -> None:
        self._path = Path(str(db.engine.url.database))
        self._beside = self._path.with_name(f"{self._path.name}.restoring")

    def look(self, replace: bool) -> dict[str, datetime]:
        """Refuse what must not be replaced; return the withdrawals that the present database knows of."""
        if not self._path.exists():
            return {}
        try:
            with db.engine.connect() as connection:
                withdrawn = _withdrawn(connection, replace)
        except (SQLAlchemyError, sqlite3.Error) as error:
            if not replace:
                raise TransferError(f"{self._path} cannot be read ({error}): {REPLACE}") from error
            withdrawn = {}  # it is why one restores
        db.engine.dispose()
        self._close()
        return withdrawn

    def fill(self, archive: Archive, before: Callable[[], object]) -> dict[str, int]:
        """Fill the new file, do what must be done before it counts, and let it count."""
        _forget(self._beside)
        self._beside.parent.mkdir(parents=True, exist_ok=True)
        try:
            with filling(open_engine(f"sqlite:///{self._beside}")) as connection:
                counts = fill(connection, archive)
            _close(self._beside)
            before()
            self._close()
            self._beside.replace(self._path)
        finally:
            _forget(self._beside)
        return counts

    def _close(self) -> None:
        try:
            if self._path.exists():
                _close(self._path)
        except sqlite3.OperationalError as error:
            raise TransferError(f"{self._path} is in use ({error}): {STOP}") from error
        except sqlite3.DatabaseError:  # it is no database any more, and what lies beside it no part of one
            for path in _beside(self._path):
                path.unlink(missing_ok=True)


class _PostgreSQL:
    """The tables are dropped, made anew and filled in one transaction."""

    def look(self, replace: bool) -> dict[str, datetime]:
        """Refuse what must not be replaced; return the withdrawals that the present database knows of."""
        others = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid != pg_backend_pid()"
        )
        with db.engine.connect() as connection:
            if connection.scalar(text(others)):
                raise TransferError(f"others are connected to the database: {STOP}")
            return _withdrawn(connection, replace)

    def fill(self, archive: Archive, before: Callable[[], object]) -> dict[str, int]:
        """Fill the tables, do what must be done before they count, and let them count."""
        with filling(db.engine) as connection:
            present = MetaData()
            present.reflect(connection)
            present.drop_all(connection)
            counts = fill(connection, archive)
            before()
        return counts


def _withdrawn(connection: Connection, replace: bool) -> dict[str, datetime]:
    """Return the withdrawals that a database knows of. Raises: TransferError, where it must stay."""
    present = Database(connection)
    if not replace and not present.is_empty():
        raise TransferError(f"the present database is not empty: {REPLACE}")
    signature = present.described.get("signature")
    if signature is None or "withdrawn_at" not in signature.columns:
        return {}
    rows = select(signature.c.code, signature.c.withdrawn_at).where(signature.c.status == "withdrawn")
    return {code: in_utc(at) for code, at in connection.execute(rows) if at}


def _merge_ledgers(archive: Archive, withdrawn: Mapping[str, datetime]) -> None:
    """Note what the backup and the present database know to be withdrawn: no ledger is ever replaced."""
    erasure_log.merge(retention.ledger_file(), withdrawn)
    erasure_log.merge(retention.ledger_file(), erasure_log.parse(archive.small("erased.txt")))


def _try_seal(content: bytes, replace: bool) -> None:
    """Refuse a key that could not be used here, or must not take the place of another."""
    path = key_path()
    try:
        parse_key(content, current_app.config["SEAL_PASSPHRASE"])
    except ValueError as error:
        words = f"the key of the seal in it cannot be used ({error}): set SEAL_PASSPHRASE as it was"
        raise TransferError(words) from error
    if not replace and path.exists() and path.read_bytes() != content:
        raise TransferError(f"{path} is another key of the seal: {REPLACE}")


def _put_seal_back(archive: Archive, content: bytes, now: datetime) -> Iterator[str]:
    path = key_path()
    if not content:
        yield "the backup holds no key of the seal: the one here stays, or the next start makes it"
        return
    former = archive.small("seal/seal-former.pem")
    kept = restore_key(path, content, former, current_app.config["SEAL_PASSPHRASE"], now)
    if kept:
        yield f"the key of the seal that was here is kept in {kept}"
    for name in archive.names("seal/seal-2"):
        dated = path.with_name(path.stem + Path(name).stem.removeprefix("seal") + path.suffix)
        files.keep(dated, partial(archive.small, name))


def _put_secret_back(archive: Archive) -> Iterator[str]:
    content, path = archive.small("secret_key"), _secret_file()
    if not content:
        yield "the secret was in the configuration: set SECRET_KEY as it was, or links in letters are dead"
    elif _secret_is_kept():
        files.replace(path, content)
    elif content.decode().strip() != current_app.config["SECRET_KEY"]:
        yield "SECRET_KEY is set in the configuration: the secret of the backup was not put back"


def _secret_file() -> Path:
    return Path(current_app.instance_path, "secret_key")


def _secret_is_kept() -> bool:
    """Whether the secret is the one of the file, and not of the configuration."""
    path = _secret_file()
    return path.exists() and path.read_text().strip() == current_app.config["SECRET_KEY"]


def _files() -> Iterator[tuple[str, Path]]:
    """Find what an installation keeps beside its database, by the name that the archive gives it."""
    seal = key_path()
    found = {
        "seal/seal.p12": seal,
        "seal/seal-former.pem": former_path(seal),
        "config.py": Path(current_app.instance_path, "config.py"),
        "erased.txt": retention.ledger_file(),
    }
    for path in seal.parent.glob(f"{seal.stem}-*{seal.suffix}"):
        found[f"seal/seal{path.stem.removeprefix(seal.stem)}.p12"] = path
    if _secret_is_kept():
        found["secret_key"] = _secret_file()
    for name, path in found.items():
        if MEMBER.fullmatch(name) and path.exists():
            yield name, path


def _close(path: Path) -> None:
    """Have a file be all there is of its database: what lies beside it would damage the one to come.

    SQLite does so for whoever is alone with it. Raises: sqlite3.OperationalError, where a server still runs.
    """
    with closing(sqlite3.connect(path, timeout=2, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal", ".queue")]


def _forget(path: Path) -> None:
    for part in (path, *_beside(path)):
        part.unlink(missing_ok=True)


def _line(row: Row, columns: Columns) -> str:
    return json.dumps([WRITE[kind](row[name]) for name, kind in columns.items()], ensure_ascii=False) + "\n"


def _row(line: bytes, columns: Columns, table: str) -> Row:
    try:
        values = zip(columns.items(), json.loads(line), strict=True)
        return {name: READ[kind](value) for (name, kind), value in values}
    except (ValueError, TypeError, KeyError) as error:
        raise TransferError(f"a line of {table} is not a row") from error


def _text_of(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _bytes_of(value: str | None) -> bytes | None:
    return None if value is None else base64.b64decode(value, validate=True)


def _iso(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _time_of(value: str | None) -> datetime | None:
    return None if value is None else in_utc(datetime.fromisoformat(value))


def _same(value: Any) -> Any:
    return value


#: How each kind of column is written in JSON, and read again.
WRITE: dict[str, Callable[[Any], Any]] = {"plain": _same, "time": _iso, "bytes": _text_of}
READ: dict[str, Callable[[Any], Any]] = {"plain": _same, "time": _time_of, "bytes": _bytes_of}
