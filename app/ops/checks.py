"""What `flask check` verifies before a site opens, and each morning after."""

import os
import smtplib
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import NamedTuple

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.certificates.key import EXPIRY_NOTICE, key_path, read_key, require_no_lost_key
from app.config import DEFAULTS, ConfigError, missing_facts
from app.extensions import charter, db
from app.french import paris_day
from app.mail import outbox
from app.models import Event, Letter, LetterState, Pledge
from app.ops import health, jobs, schema_version
from app.signatures import retention
from app.web.logging import describe
from app.web.rate_limits import limiter

#: Delay of the purge that is no error yet: one missed night.
PURGE_GRACE = timedelta(days=2)
#: Tolerated difference between the clock of the machine and the newest event.
CLOCK_TOLERANCE = timedelta(minutes=5)
#: Days that a web server may keep the IP addresses of visitors, as the legal pages promise.
ACCESS_LOG_MAX = 30


class Finding(NamedTuple):
    """The result of one check: "ok", a "warning", or an "error" that must be fixed before the site opens."""

    level: str
    subject: str
    words: str


ok, warning, error = (partial(Finding, level) for level in ("ok", "warning", "error"))


def run_checks(now: datetime) -> Iterator[Finding]:
    """Yield the findings of all checks. The charter's file and the configuration were read at the start."""
    yield _check_charter(now)
    yield from _check_setting_names()
    yield _check_legal_facts()
    yield from _check_terms()
    yield _check_seal(now)
    yield from _check_database(now)
    yield _check_erasure_log()
    yield from _check_file_modes()
    yield _check_rate_limits()
    yield _check_relay()


def _check_charter(now: datetime) -> Finding:
    ends = charter.campaign.mandate_ends
    if paris_day(now) > ends:
        return warning("charter", f"the mandate ended on {ends}: each purge erases all signatures")
    words = f"{len(charter.commitments)} commitments, edition {charter.edition[:8]}, mandate until {ends}"
    return ok("charter", words)


def _check_setting_names() -> Iterator[Finding]:
    """Warn about unknown settings that look like a misspelt one."""
    for name in sorted(set(current_app.config) - set(DEFAULTS)):
        for similar in get_close_matches(name, DEFAULTS, 1, cutoff=0.8):
            yield warning("settings", f"{name} is unknown: do you mean {similar}?")


def _check_legal_facts() -> Finding:
    """Require the facts that the legal pages show as « à compléter » (LCEN, art. 1-1; RGPD, art. 13)."""
    if missing := missing_facts(current_app.config):
        return error("legal pages", f"set {', '.join(missing)}")
    return ok("legal pages", "all facts are set")


def _check_terms() -> Iterator[Finding]:
    config, found = current_app.config, []
    if timedelta(days=config["KEEP_PENDING_DAYS"]) < timedelta(seconds=config["CONFIRMATION_MAX_AGE"]):
        found.append(error("terms", "KEEP_PENDING_DAYS is shorter than CONFIRMATION_MAX_AGE"))
    if config["ACCESS_LOG_DAYS"] > ACCESS_LOG_MAX:
        found.append(warning("terms", f"ACCESS_LOG_DAYS is above {ACCESS_LOG_MAX}: keep them for less"))
    yield from found or [ok("terms", "consistent")]


def _check_seal(now: datetime) -> Finding:
    file = key_path()
    try:
        require_no_lost_key(file)
        if not file.exists():
            return warning("seal", f"there is no {file} yet: the next start makes it")
        key = read_key(file, current_app.config["SEAL_PASSPHRASE"])
    except ConfigError as reason:
        return error("seal", reason.message)
    if not key.is_valid(now):
        validity = f"valid from {key.not_before:%Y-%m-%d} to {key.not_after:%Y-%m-%d}"
        return error("seal", f"{validity}: run `flask seal create`")
    days = key.days_left(now)
    return (warning if days < EXPIRY_NOTICE else ok)("seal", f"{days} days left")


def _check_database(now: datetime) -> Iterator[Finding]:
    url, latest = db.engine.url, schema_version.latest_revision()
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        # Connecting would make an empty file.
        yield error("database", f"{url.database} does not exist: run `flask upgrade` or `flask restore`")
        return
    try:
        revision = schema_version.read_revision(db.session.connection())
        if revision != latest:
            yield error("database", f"at {revision or 'none'}, the program at {latest}: run `flask upgrade`")
            return
        yield ok("database", f"reachable, at {latest}")
        late = retention.purge(now - PURGE_GRACE, dry_run=True)
        if late:
            words = ", ".join(f"{erased.what} {len(erased.names)}" for erased in late)
            yield error("purge", f"late by two days ({words}): is `flask privacy purge` in cron?")
        else:
            yield ok("purge", "nothing is late")
        yield from _check_rows(now)
    except SQLAlchemyError as reason:
        yield error("database", describe(reason))
    except OSError:
        pass  # the erasure log has a finding of its own


def _check_rows(now: datetime) -> Iterator[Finding]:
    """Check pledges, letters, nightly jobs, free disk space and the newest event."""
    removed = select(Pledge.number).where(Pledge.number > len(charter.commitments)).distinct()
    if numbers := ", ".join(map(str, sorted(db.session.scalars(removed)))):
        yield error("commitments", f"{numbers} were signed, and the charter lacks them: put them back")
    reasons = health.check_letters(db.session.connection(), now)
    refused = db.session.scalar(select(func.count()).where(Letter.state == LetterState.REFUSED))
    if health.Reason.STUCK in reasons:
        yield error("outbox", "letters are late and no worker sends them: is the site running?")
    elif reasons or refused:
        words = ", ".join(reason.value for reason in reasons) or "letters leave"
        yield warning("outbox", f"{words}; {refused} refused by the relay for good")
    else:
        yield ok("outbox", "nothing is late")
    overdue = jobs.find_overdue(db.session.connection(), now)
    for name, words in overdue.items():
        yield warning("jobs", f"{name} {words}: see `journalctl -u paraphe-{name}`")
    if not overdue:
        yield ok("jobs", "none is late, of those that ever ran")
    for reason in health.check_disk_space():
        words = f"less than {health.DISK_NOTICE >> 20} MB are free beside the database"
        yield (error if reason.is_critical else warning)("disk", words)
    newest = db.session.scalar(select(func.max(Event.at)))
    if newest and newest > now + CLOCK_TOLERANCE:
        yield error("clock", f"the newest event is of {newest:%Y-%m-%d %H:%M} UTC, in the future")


def _check_erasure_log() -> Finding:
    file = retention.ledger_file()
    nearest = next(path for path in (file, *file.parents) if path.exists())
    if os.access(nearest, os.R_OK | os.W_OK) and (file.is_file() or nearest.is_dir()):
        return ok("ledger", str(file))
    return error("ledger", f"{file} cannot be written by this user")


def _check_file_modes() -> Iterator[Finding]:
    """Require that other users of the machine cannot read secrets and personal data."""
    instance = Path(current_app.instance_path)
    files = [instance / "secret_key", instance / "config.py", key_path(), retention.ledger_file()]
    if db.engine.url.get_backend_name() == "sqlite":
        files.append(Path(str(db.engine.url.database)))
    if readable := [str(file) for file in files if file.exists() and file.stat().st_mode & stat.S_IRWXO]:
        yield error("files", f"all users may read {', '.join(readable)}: run chmod o=")
    elif instance.exists() and instance.stat().st_mode & stat.S_IRWXO:
        yield warning("files", f"all users may list {instance}: run chmod o=")
    else:
        yield ok("files", "only this user may read secrets")


def _check_rate_limits() -> Finding:
    if current_app.config["RATELIMIT_STORAGE_URI"].startswith("memory"):
        return ok("limits", "each process counts alone")
    if limiter.storage.check():
        return ok("limits", "the storage answers")
    return warning("limits", "the storage does not answer: each process counts alone")


def _check_relay() -> Finding:
    config = current_app.config
    if not config["MAIL_SERVER"]:
        return warning("relay", "none in development: /dev/courrier shows the letters")
    address = f"{config['MAIL_SERVER']}:{config['MAIL_PORT']}"
    try:
        outbox.test_connection()
    except (OSError, smtplib.SMTPException) as reason:
        return error("relay", f"{address}: {type(reason).__name__}: {reason}")
    return ok("relay", f"{address} answers" + " and accepts the login" * bool(config["MAIL_USERNAME"]))
