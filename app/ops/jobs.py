"""The nightly jobs: when each last succeeded or failed, and the letter that tells organisers of a failure."""

import secrets
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import Connection, inspect, select

from app.extensions import db
from app.mail.letters import JOB_NAMES
from app.models import Job, LetterKind
from app.signatures.rules import new_letter

#: How old the last success of each job may be: a night is missed, or a Sunday.
TERMS = {
    "backup": timedelta(days=2),
    "check": timedelta(days=2),
    "purge": timedelta(days=2),
    "register": timedelta(days=8),
}
assert TERMS.keys() == JOB_NAMES.keys()


def record_success(name: str, now: datetime) -> None:
    """Record that a job came to its end, and commit; a database before its upgrade has no place for it."""
    if not inspect(db.session.connection()).has_table(Job.__tablename__):
        return
    db.session.merge(Job(name=name, succeeded_at=now, failed_at=None))
    db.session.commit()


def record_failure(name: str, now: datetime) -> None:
    """Record that a job failed, queue a letter to each organiser, and commit."""
    job = db.session.get(Job, name) or Job(name=name)
    job.failed_at = now
    db.session.add(job)
    for address in current_app.config["ORGANISERS"]:
        db.session.add(new_letter(LetterKind.JOB, address, now, secrets.token_hex(16)))
    db.session.commit()


def find_overdue(connection: Connection, now: datetime) -> dict[str, str]:
    """Return what is wrong with each job, in English, by name; a job that never ran is left out.

    A host may back up its database in another way, and run no such job.
    """
    overdue = {}
    for name, succeeded_at, failed_at in connection.execute(
        select(Job.name, Job.succeeded_at, Job.failed_at).order_by(Job.name)
    ):
        if failed_at:
            overdue[name] = f"failed on {failed_at:%Y-%m-%d %H:%M} UTC"
        elif succeeded_at and now - succeeded_at > TERMS[name]:
            overdue[name] = f"succeeded last on {succeeded_at:%Y-%m-%d %H:%M} UTC"
    return overdue
