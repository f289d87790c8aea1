"""Retention: erase each row when its term has come (RGPD art. 5-1-e).

The terms are settings, which the page on personal data reads too. Each transaction is small and whole: an
interrupted purge goes on where it stopped.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from app.extensions import charter, db
from app.french import paris_day
from app.models import Certificate, Deed, Event, Letter, LetterKind, LetterState, Signature, Status
from app.register.update import remove_entries
from app.signatures import erasure_log
from app.signatures.rules import PERSONAL, PROOF, anonymise, withdraw

log = logging.getLogger(__name__)

#: Rows in one transaction: while it lasts, no other transaction writes (SQLite).
BATCH = 50


@dataclass(frozen=True)
class Rule:
    """What to erase, and how. After its treatment, a row is no longer among the rows."""

    what: str  # as the journal and the command line call it
    rows: Select[Any]
    treat: Callable[[Any], object] | None = None  # None: delete the row, and what refers to it


@dataclass(frozen=True)
class Erased:
    """What one rule erased: the codes of signatures, or the ids of letters; never a name."""

    what: str
    names: Sequence[str]


def purge(now: datetime, *, dry_run: bool = False) -> list[Erased]:
    """Erase all rows whose term has come, and repeat the withdrawals that a restored backup lacks.

    A dry run is the run itself, rolled back. The journal gets one event for each transaction, with the count.
    Raises: OSError, if the erasure log cannot be read or written.
    """
    done = [Erased(rule.what, _apply(rule, now, dry_run)) for rule in _rules(now)]
    done.append(Erased("noted-in-ledger", _note_withdrawals(now, dry_run)))
    db.session.rollback()
    return [erased for erased in done if erased.names]


def remember(codes: Sequence[str], now: datetime) -> None:
    """Add committed withdrawals and denials to the erasure log, and erase the words of deeds about them.

    If the log cannot be written, the withdrawal stands all the same: the next purge adds it.
    """
    deeds = update(Deed).where(Deed.code.in_(codes), Deed.words.is_not(None))
    db.session.execute(deeds.values(words=None))
    db.session.commit()
    try:
        erasure_log.add(ledger_file(), codes, now)
    except OSError as error:
        log.error("the erasure log cannot be written: %s", error)


def ledger_file() -> Path:
    """Return the path of the erasure log."""
    return Path(current_app.instance_path, current_app.config["ERASURE_LEDGER"])


def _rules(now: datetime) -> list[Rule]:
    def before(setting: str) -> datetime:
        return now - timedelta(days=current_app.config[setting])

    def with_old_address(address: InstrumentedAttribute[str | None], event: str) -> Select[Any]:
        """Return the confirmed signatures with an address whose last such event is past its term."""
        recent = (Event.what == event) & (Event.at >= before("KEEP_PENDING_DAYS"))
        confirmed = signatures.where(Signature.status == Status.CONFIRMED, address.is_not(None))
        return confirmed.where(~Signature.events.any(recent))

    noted = erasure_log.read(ledger_file())
    standing = select(Signature.code, Signature.created_at).where(
        Signature.code.in_(noted), Signature.status != Status.WITHDRAWN
    )
    # An old cookie can bring a code back: a signature that began after the withdrawal was not withdrawn.
    restored = [code for code, created_at in db.session.execute(standing) if created_at <= noted[code]]

    def take_back(signature: Signature) -> None:
        if signature.is_confirmed:
            withdraw(signature, noted[signature.code])
            signature.letters.clear()  # the last letter left before the backup was put back
        else:  # the backup is of before it was confirmed, or it was merged or denied: it proves nothing
            db.session.delete(signature)

    # Those merged into another come first: it would take them along uncounted.
    signatures = select(Signature).order_by(Signature.merged_into_id.is_(None), Signature.id)
    idle = (
        Signature.touched_at < before("KEEP_PENDING_DAYS"),
        ~Signature.letters.any(  # which gave them as long again
            (Letter.kind == LetterKind.CONFIRM) & (Letter.created_at >= before("KEEP_PENDING_DAYS"))
        ),
    )
    names_somebody = or_(
        *(getattr(Signature, name).is_not(None) for name in PERSONAL),
        Signature.pledges.any(),
        Signature.merged.any(),
        Signature.events.any(Event.what.not_in(PROOF)),
        Signature.certificates.any(or_(Certificate.content.is_not(None), Certificate.pdf.is_not(None))),
    )
    left = func.coalesce(Letter.sent_at, Letter.due_at) < before("KEEP_LETTERS_DAYS")
    letters = select(Letter).where(Letter.state != LetterState.WAITING, left).order_by(Letter.id)
    of_status = Signature.status
    rules = [
        Rule(
            "withdrawn-again",
            signatures.where(Signature.code.in_(restored), of_status != Status.WITHDRAWN),
            take_back,
        ),
        Rule("erased-pending", signatures.where(of_status == Status.PENDING, *idle)),
        Rule("erased-merged", signatures.where(of_status == Status.MERGED, *idle)),
        Rule(
            "erased-new-addresses", with_old_address(Signature.new_email, "move-asked"), _forget_new_address
        ),
        Rule(
            "erased-former-addresses",
            with_old_address(Signature.former_email, "moved"),
            _forget_former_address,
        ),
        Rule("reduced-withdrawn", signatures.where(of_status == Status.WITHDRAWN, names_somebody), anonymise),
        Rule(
            "erased-withdrawn",
            signatures.where(
                of_status == Status.WITHDRAWN, Signature.withdrawn_at < before("KEEP_WITHDRAWN_DAYS")
            ),
        ),
        Rule("erased-deeds", select(Deed).where(Deed.at < before("KEEP_DEEDS_DAYS")).order_by(Deed.id)),
        Rule("erased-letters", letters.where(Letter.kind != LetterKind.SEAL)),
        Rule(
            "unaddressed-letters",
            letters.where(Letter.kind == LetterKind.SEAL, Letter.address != ""),
            _unaddress,
        ),
    ]
    if paris_day(now) > charter.campaign.mandate_ends:
        remaining = signatures.where(of_status != Status.WITHDRAWN)
        rules.insert(1, Rule("erased-register", remaining))
    return rules


def _forget_new_address(signature: Signature) -> None:
    signature.new_email = None


def _forget_former_address(signature: Signature) -> None:
    signature.former_email = None


def _unaddress(letter: Letter) -> None:
    """Erase the address of a seal warning; its message key stays, so that it is not sent twice."""
    letter.address, letter.trouble = "", None


def _apply(rule: Rule, now: datetime, dry_run: bool) -> list[str]:
    names: list[str] = []
    while rows := db.session.scalars(rule.rows.limit(BATCH).with_for_update()).all():
        names += [row.code if isinstance(row, Signature) else str(row.id) for row in rows]
        if rule.treat is None:
            _erase(rows)
        else:
            for row in rows:
                rule.treat(row)
        db.session.add(Event(rule.what, now, number=len(rows)))
        if dry_run:
            db.session.flush()
        else:
            db.session.commit()
    return names


def _erase(rows: Sequence[Signature] | Sequence[Letter]) -> None:
    """Delete rows in one statement; the database cascades to the rows that refer to them."""
    table = type(rows[0])
    if table is Signature:
        remove_entries(db.session.connection(), [row.id for row in rows])
    chosen = table.id.in_([row.id for row in rows])
    db.session.execute(delete(table).where(chosen).execution_options(synchronize_session=False))
    db.session.expunge_all()


def _note_withdrawals(now: datetime, dry_run: bool) -> list[str]:
    """Add to the erasure log the withdrawals that it lacks, after a failure to write it."""
    noted = erasure_log.read(ledger_file())
    withdrawn = select(Signature).where(Signature.status == Status.WITHDRAWN).order_by(Signature.id)
    missing = [signature for signature in db.session.scalars(withdrawn) if signature.code not in noted]
    for signature in missing if not dry_run else ():
        erasure_log.add(ledger_file(), [signature.code], signature.withdrawn_at or now)
    return [signature.code for signature in missing]
