"""A register of as many people as one likes, and the memory that its files take.

Run by itself, since memory is that of a process: ``python -m tests.support.multitude sqlite:///… 100000``.
"""

import re
import sys
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import String, cast, insert, literal, select

from app.extensions import db
from app.models import Entry, Signature
from tests.support import crowd

#: They sign one by one; the others are copies of them, under codes of their own.
FIRST = 1000


def fill(app: Flask, count: int) -> None:
    """Write so many lines of the register: nothing else of the copies is there, nor counted."""
    crowd.fill(app, FIRST)
    with app.app_context():
        for start in range(FIRST, count, FIRST):
            for table, key in ((Signature, Signature.id), (Entry, Entry.signature_id)):
                number = key + start
                code = literal("0" * 11) + cast(number + 10**8, String)  # twenty digits
                others = {key.name: number, "code": code, "name_key": cast(number, String)}
                columns = table.__table__.columns
                copied = select(*(others.get(column.name, column) for column in columns))
                copies = copied.where(key <= min(FIRST, count - start))
                db.session.execute(insert(table).from_select(columns.keys(), copies))
        db.session.commit()


def taken_by(client: FlaskClient, path: str, coding: str) -> tuple[int, int, int]:
    """Read a file to its end; return its lines and bytes as sent, and the memory that it took."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = _memory("VmRSS")
    lines = size = 0
    with client.get(path, headers={"Accept-Encoding": coding}, buffered=False) as response:
        for chunk in response.iter_encoded():
            lines, size = lines + chunk.count(b'"code"') + chunk.count(b"\r\n"), size + len(chunk)
    return lines, size, _memory("VmHWM") - before


def _memory(name: str) -> int:
    return 1024 * int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1])


if __name__ == "__main__":
    app = crowd.app_on(sys.argv[1])
    with app.app_context():
        db.create_all()
    fill(app, int(sys.argv[2]))
    client = app.test_client()
    for path in ("/signataires.csv", "/signataires.json"):
        for coding in ("identity", "gzip"):
            taken_by(client, path + "?commune=Agonac", coding)  # what is loaded once is not counted
            print(path, coding, *taken_by(client, path, coding))
