"""Is this site fit to be open? What ``flask check`` looks at, and what it says of each."""

import enum
import os
import smtplib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.certificates.key import EXPIRY_NOTICE, key_path, read_key
from app.config import DEFAULTS, ConfigError, missing_facts
from app.extensions import charter, db
from app.french import paris_day
from app.mail import outbox
from app.models import Event, Letter, LetterState, Pledge
from app.ops import health, schema_version
from app.signatures import retention
from app.web.rate_limits import limiter

DAY = 24 * 3600
#: How late the purge may be before somebody is told: a night that it missed is no fault yet.
GRACE = timedelta(days=2)
#: How far the clock may have been ahead without anybody minding.
CLOCK_SLIP = timedelta(minutes=5)
#: Days that a web server may keep addresses of visitors, by our own promise.
ACCESS_LOG_MAX = 30


class Level(enum.Enum):
    """What is to be done about it: nothing, something one day, something before opening."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One thing looked at, in words for the person who runs the site."""

    level: Level
    subject: str
    words: str


def look(now: datetime) -> Iterator[Finding]:
    """Look at everything that a site needs; the charter's file and the settings were read by then."""
    yield _charter(now)
    yield from _names()
    yield _facts()
    yield from _terms()
    yield _seal(now)
    yield from _database(now)
    yield _ledger()
    yield _files()
    yield _limits()
    yield _relay()


def _charter(now: datetime) -> Finding:
    campaign = charter.campaign
    if paris_day(now) > campaign.mandate_ends:
        words = f"the mandate ended on {campaign.mandate_ends}: each purge erases whoever signs"
        return Finding(Level.WARNING, "charter", words)
    words = f"{len(charter.commitments)} commitments, edition {charter.edition[:8]}"
    return Finding(Level.OK, "charter", f"{words}, mandate until {campaign.mandate_ends}")


def _names() -> Iterator[Finding]:
    """Look for settings that nothing reads, since their name is not quite that of one."""
    for name in sorted(set(current_app.config) - set(DEFAULTS)):
        for meant in get_close_matches(name, DEFAULTS, 1, cutoff=0.8):
            yield Finding(Level.WARNING, "settings", f"{name} is none: {meant} is")


def _facts() -> Finding:
    """Look for what the legal pages show as « à compléter » (LCEN, art. 1-1; RGPD, art. 13)."""
    if missing := missing_facts(current_app.config):
        return Finding(Level.ERROR, "legal pages", f"set {', '.join(missing)}")
    return Finding(Level.OK, "legal pages", "every fact is given")


def _terms() -> Iterator[Finding]:
    config = current_app.config
    found = []
    if config["KEEP_PENDING_DAYS"] * DAY < config["CONFIRMATION_MAX_AGE"]:
        words = "KEEP_PENDING_DAYS is shorter than CONFIRMATION_MAX_AGE: links would die before they say"
        found.append(Finding(Level.ERROR, "terms", words))
    if config["ACCESS_LOG_DAYS"] > ACCESS_LOG_MAX:
        words = f"ACCESS_LOG_DAYS is above {ACCESS_LOG_MAX}: keep addresses of visitors for less"
        found.append(Finding(Level.WARNING, "terms", words))
    yield from found or [Finding(Level.OK, "terms", "they agree with each other")]


def _seal(now: datetime) -> Finding:
    file = key_path()
    if not file.exists():
        return Finding(Level.WARNING, "seal", f"there is no {file} yet: the next start makes it")
    try:
        key = read_key(file, current_app.config["SEAL_PASSPHRASE"])
    except ConfigError as error:
        return Finding(Level.ERROR, "seal", error.message)
    if not key.is_valid(now):
        words = f"good from {key.not_before:%Y-%m-%d} to {key.not_after:%Y-%m-%d} only: `flask seal create`"
        return Finding(Level.ERROR, "seal", words)
    days = key.days_left(now)
    return Finding(Level.WARNING if days < EXPIRY_NOTICE else Level.OK, "seal", f"{days} days left")


def _database(now: datetime) -> Iterator[Finding]:
    wanted, url = schema_version.wanted(), db.engine.url
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        words = f"{url.database} is not there: `upgrade` makes an empty one, `restore` brings back a backup"
        yield Finding(Level.ERROR, "database", words)  # and makes none by looking
        return
    try:
        with db.engine.connect() as connection:
            present = schema_version.present(connection)
        if present != wanted:
            words = f"at {present or 'none'}, the program at {wanted}: `flask --app app upgrade`"
            yield Finding(Level.ERROR, "database", words)
            return
        yield Finding(Level.OK, "database", f"reachable, at {wanted}")
        late = retention.purge(now - GRACE, dry_run=True)
    except SQLAlchemyError as error:
        yield Finding(Level.ERROR, "database", str(getattr(error, "orig", error)))
    except OSError:
        pass  # of the ledger, which has its own line
    else:
        yield _purge(late)
        yield from _rows(now)


def _rows(now: datetime) -> Iterator[Finding]:
    """Look at what is in the database: signed once, owed still, written when."""
    gone = db.session.scalars(
        select(Pledge.number)
        .distinct()
        .where(Pledge.number > len(charter.commitments))
        .order_by(Pledge.number)
    ).all()
    if gone:
        words = (
            f"people signed {', '.join(map(str, gone))}, which the charter lacks: no commitment is taken out"
        )
        yield Finding(Level.ERROR, "commitments", words)
    wrong = {reason.value for reason in health.letters(db.session.connection(), now)}
    refused = db.session.scalar(select(func.count()).where(Letter.state == LetterState.REFUSED))
    if health.Reason.STUCK.value in wrong:
        yield Finding(Level.ERROR, "outbox", "a letter is late and nobody tries any: is the site running?")
    elif wrong or refused:
        words = f"{', '.join(sorted(wrong)) or 'letters leave'}; {refused} refused by the relay for good"
        yield Finding(Level.WARNING, "outbox", words)
    else:
        yield Finding(Level.OK, "outbox", "nothing is late")
    for reason in health.disk(db.engine.url):
        words = f"less than {health.DISK_NOTICE >> 20} MB are free beside the database"
        yield Finding(Level.ERROR if reason.stops else Level.WARNING, "disk", words)
    newest = db.session.scalar(select(func.max(Event.at)))
    if newest and newest > now + CLOCK_SLIP:
        yield Finding(Level.ERROR, "clock", f"something happened at {newest:%Y-%m-%d %H:%M} UTC, yet to come")


def _purge(late: list[retention.Erased]) -> Finding:
    if late:
        words = ", ".join(f"{erased.what} {len(erased.names)}" for erased in late)
        return Finding(Level.ERROR, "purge", f"due since two days ({words}): is `privacy purge` in cron?")
    return Finding(Level.OK, "purge", "nothing is late")


def _ledger() -> Finding:
    file = retention.ledger_file()
    nearest = next(path for path in (file, *file.parents) if path.exists())
    if os.access(nearest, os.R_OK | os.W_OK) and (file.is_file() or nearest.is_dir()):
        return Finding(Level.OK, "ledger", str(file))
    return Finding(Level.ERROR, "ledger", f"{file} cannot be written by this user")


def _files() -> Finding:
    """Look whether what must stay secret can be read by everybody on this machine."""
    instance = Path(current_app.instance_path)
    secret = [
        instance / "secret_key",
        instance / "config.py",
        key_path(),
        retention.ledger_file(),
    ]
    if db.engine.url.get_backend_name() == "sqlite":
        secret.append(Path(str(db.engine.url.database)))
    if open_ := [str(path) for path in secret if path.exists() and path.stat().st_mode & stat.S_IRWXO]:
        return Finding(Level.ERROR, "files", f"anybody here may read {', '.join(open_)}: chmod o=")
    return Finding(Level.OK, "files", "nobody else reads what is secret")


def _limits() -> Finding:
    """Look whether the store of the limits answers."""
    if current_app.config["RATELIMIT_STORAGE_URI"].startswith("memory"):
        return Finding(Level.OK, "limits", "each process counts by itself")
    if limiter.storage.check():
        return Finding(Level.OK, "limits", "the store answers")
    return Finding(Level.WARNING, "limits", "the store does not answer: each process counts by itself")


def _relay() -> Finding:
    config = current_app.config
    if not config["MAIL_SERVER"]:
        return Finding(Level.WARNING, "relay", "none while developing: letters wait in /dev/courrier")
    where = f"{config['MAIL_SERVER']}:{config['MAIL_PORT']}"
    try:
        outbox.test_connection()
    except (OSError, smtplib.SMTPException) as error:
        return Finding(Level.ERROR, "relay", f"{where}: {type(error).__name__}: {error}")
    return Finding(Level.OK, "relay", f"{where} answers" + " and lets us in" * bool(config["MAIL_USERNAME"]))
