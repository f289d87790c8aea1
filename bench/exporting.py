"""What a file of the whole register costs, beside a bare cursor that writes the same rows.

In a process of its own, so that the most memory that it ever had tells what the large file needs.
"""

import csv
import json
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import URL, event, make_url
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app.extensions import db
from bench.filling import address, application

ROOT = Path(__file__).parents[1]
FILES = {"CSV": "/signataires.csv", "JSON": "/signataires.json"}
ROUNDS, BATCH = 5, 1000


def judge_exports(engine: str, files: list[str], urls: list[URL], folder: Path) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"| {engine}, whole file | rows/s | bare cursor, rows/s | by bare cursor | MiB more than small |"
    yield "|---|---|---|---|---|"
    written = [url.render_as_string(hide_password=False) for url in urls]
    for name in files:
        done = subprocess.run(
            [sys.executable, "-m", "bench.exporting", name, str(folder), *written],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
        )
        came_to = json.loads(done.stdout)
        ours, bare = came_to["ours"], came_to["bare"]
        cells = f"{ours:,.0f} | {bare:,.0f} | {ours / bare:.2f} | {came_to['more']:.0f}"
        yield f"| {name}, {came_to['rows']:,} rows, {came_to['megabytes']:.0f} MB | {cells} |"


def measure(name: str, folder: Path, small: str, large: str) -> dict[str, float]:
    """Write one file of each register, then the large one many times, in turns with a bare cursor."""
    path = FILES[name]
    download(application(folder, make_url(small)), path)
    before = peak()
    app, url = application(folder, make_url(large)), make_url(large)
    asked: list[tuple[str, Any]] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    size = download(app, path)
    more = peak() - before
    (statement, values), *others = [one for one in asked if "entry" in one[0]]
    if others:
        raise SystemExit(f"{path} asks for lines in {1 + len(others)} statements: there is no telling which.")
    write = {"CSV": write_csv, "JSON": write_json}[name]
    rows = 0
    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        download(app, path)
        seconds["ours"].append(time.perf_counter() - start)
        start = time.perf_counter()
        rows = write(cursor_rows(url, statement, values))
        seconds["bare"].append(time.perf_counter() - start)
    speeds = {who: rows / statistics.median(some) for who, some in seconds.items()}
    return {**speeds, "more": more, "rows": rows, "megabytes": size / 1e6}


def download(app: Flask, path: str) -> int:
    """Receive a file piece by piece, keep nothing, and return its size."""
    pieces, status, _ = run_wsgi_app(app, EnvironBuilder(path=path).get_environ())
    if not status.startswith("200"):
        raise SystemExit(f"{path} answers {status}")
    try:
        return sum(map(len, pieces))
    finally:
        pieces.close()  # type: ignore[attr-defined]  # typed as any iterable


def cursor_rows(url: URL, statement: str, values: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a statement as the driver gives them, without holding them all."""
    if url.drivername == "sqlite":
        with closing(sqlite3.connect(str(url.database))) as connection:
            yield from connection.execute(statement, values)
    else:
        with psycopg.connect(address(url)) as connection, connection.cursor("all") as cursor:
            cursor.itersize = BATCH
            yield from cursor.execute(statement, values)


def write_csv(rows: Iterator[tuple[Any, ...]]) -> int:
    """Write rows to nowhere, and count them: each write returns how much it wrote."""
    with Path("/dev/null").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        return sum(1 for row in rows if writer.writerow(row))


def write_json(rows: Iterator[tuple[Any, ...]]) -> int:
    """Write rows to nowhere, and count them: each write returns how much it wrote."""
    encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
    with Path("/dev/null").open("w", encoding="utf-8") as file:
        return sum(1 for row in rows if file.write(encode(row)))


def peak() -> float:
    """Return the most memory that this process ever had, in MiB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    _, name, folder, *urls = sys.argv
    print(json.dumps(measure(name, Path(folder), *urls)))
