"""The candidate's rules: answer, sign, correct, confirm. Plain objects in, plain objects changed."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app import numbers
from app.data.charter import Charter, Commitment
from app.models import (
    Certificate,
    Consent,
    ConsentPurpose,
    Event,
    Letter,
    LetterKind,
    LetterState,
    Pledge,
    Role,
    Signature,
    Status,
    new_code,
)
from app.text import fold

#: Letters to one address are counted over this span.
LETTERS_SPAN = timedelta(days=1)


class SigningError(Exception):
    """A rule of signing says no."""


class NothingTaken(SigningError):
    """A signature needs at least one commitment."""


class TooManyLetters(SigningError):
    """The address has had its letters of the day, and answered none."""


class ChangedMeanwhile(SigningError):
    """The signature is no longer what the page showed."""


@dataclass(frozen=True)
class Signatory:
    """The person, as they named themselves; all texts are clean lines."""

    given_name: str
    family_name: str
    role: Role
    commune: str  # INSEE code
    list_name: str | None
    email: str

    @property
    def name_key(self) -> str:
        """What two spellings of the same name share."""
        return fold(f"{self.given_name} {self.family_name}")


@dataclass(frozen=True)
class Allowance:
    """How many more letters may be owed to an address now."""

    letters: int

    def spend(self) -> None:
        """Count one more letter. Raises: TooManyLetters."""
        if self.letters <= 0:
            raise TooManyLetters


def new_draft(now: datetime, code: str | None = None) -> Signature:
    """Begin a signature: nothing ticked, nobody named."""
    return Signature(
        code=code or new_code(), status=Status.DRAFT, created_at=now, touched_at=now, access_count=0
    )


def answer(signature: Signature, commitment: Commitment, *, taken: bool, now: datetime) -> None:
    """Record one answer. Saying the same thing twice changes nothing, not even the date."""
    number = commitment.number
    if taken == (number in signature.pledges):
        return
    if taken:
        signature.pledges[number] = Pledge(number=number, taken_at=now)
    else:
        del signature.pledges[number]
    signature.touched_at = now
    if signature.is_confirmed:
        signature.events.append(Event("taken" if taken else "released", now, number=number))


def sign(
    signature: Signature,
    signatory: Signatory,
    consents: Mapping[ConsentPurpose, str],
    *,
    charter: Charter,
    allowance: Allowance,
    now: datetime,
) -> None:
    """Name the person, keep their consents with the words they read, and owe them a letter.

    Raises: NothingTaken, TooManyLetters.
    """
    if not signature.pledges:
        raise NothingTaken
    owe_confirmation(signature, signatory.email, allowance, now)
    _name(signature, signatory, now)
    signature.status = Status.PENDING
    signature.edition = charter.edition
    signature.consents = [
        Consent(purpose=purpose, wording=wording, edition=charter.edition, given_at=now)
        for purpose, wording in consents.items()
    ]
    signature.events.append(Event("signed", now))


def correct(signature: Signature, signatory: Signatory, *, allowance: Allowance, now: datetime) -> bool:
    """Correct a pending signature; return whether a letter now goes to a new address.

    Raises: TooManyLetters.
    """
    moved = signatory.email != signature.email
    if moved:
        owe_confirmation(signature, signatory.email, allowance, now)
    _name(signature, signatory, now)
    signature.events.append(Event("corrected", now))
    return moved


def write_again(signature: Signature, address: str, allowance: Allowance, now: datetime) -> None:
    """Ask again to confirm a pending signature, at a corrected address if it is one.

    Raises: TooManyLetters.
    """
    owe_confirmation(signature, address, allowance, now)
    signature.email = address
    signature.touched_at = now


def _name(signature: Signature, signatory: Signatory, now: datetime) -> None:
    signature.given_name = signatory.given_name
    signature.family_name = signatory.family_name
    signature.name_key = signatory.name_key
    signature.role = signatory.role
    signature.commune = signatory.commune
    signature.list_name = signatory.list_name
    signature.email = signatory.email
    signature.touched_at = now


def owe_confirmation(signature: Signature, address: str, allowance: Allowance, now: datetime) -> None:
    """Owe the letter that asks to confirm, once: a double click owes one. Raises: TooManyLetters."""
    waiting = any(
        letter.kind is LetterKind.CONFIRM
        and letter.state is LetterState.WAITING
        and letter.address == address
        for letter in signature.letters
    )
    if not waiting:
        allowance.spend()
        owe(signature, LetterKind.CONFIRM, address, now)


def owe(signature: Signature, kind: LetterKind, address: str, now: datetime) -> None:
    """Put a letter in the outbox; it leaves once this transaction is committed."""
    signature.letters.append(
        Letter(
            kind=kind,
            state=LetterState.WAITING,
            address=address,
            message_key=secrets.token_hex(16),
            created_at=now,
            due_at=now,
            attempts=0,
        )
    )


def fingerprint(signature: Signature, charter: Charter) -> str:
    """Name what a confirmation page shows, so that nobody signs anything else."""
    shown = (
        charter.edition,
        signature.full_name,
        signature.role,
        signature.commune,
        signature.list_name,
        sorted(signature.pledges),
    )
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:32]


def confirm(
    signature: Signature, standing: Signature | None, *, shown: str, charter: Charter, now: datetime
) -> Signature:
    """Confirm what was shown, dated now, and return the signature that stands from now on.

    ``standing`` is the confirmed signature of the same person, if there is one: it keeps its dates and
    gains the newly taken commitments. Confirming twice changes nothing.
    Raises: ChangedMeanwhile, NothingTaken.
    """
    if signature.status is not Status.PENDING:
        return signature.merged_into or signature
    if shown != fingerprint(signature, charter):
        raise ChangedMeanwhile
    if not signature.pledges:
        raise NothingTaken
    if standing is not None:
        _merge(signature, standing, now)
        return standing
    signature.status = Status.CONFIRMED
    signature.confirmed_at = now
    signature.edition = charter.edition
    for pledge in signature.pledges.values():
        pledge.taken_at = now  # ticked before, signed now: the public date is the signature's
    signature.certificate = Certificate(number=numbers.new_number(), issued_at=now)
    _announce(signature, now)
    return signature


def _merge(signature: Signature, standing: Signature, now: datetime) -> None:
    for number in signature.pledges.keys() - standing.pledges.keys():
        standing.pledges[number] = Pledge(number=number, taken_at=now)
        standing.events.append(Event("taken", now, number=number))
    standing.role = signature.role
    standing.list_name = signature.list_name
    standing.touched_at = now
    signature.status = Status.MERGED
    signature.merged_into = standing
    _announce(standing, now)


def _announce(signature: Signature, now: datetime) -> None:
    signature.events.append(Event("confirmed", now))
    assert signature.email is not None  # by the table's own check
    owe(signature, LetterKind.CONFIRMED, signature.email, now)


def ask_access(signatures: list[Signature], allowance: Allowance, now: datetime) -> None:
    """Owe one letter with the way back to every signature of an address. Raises: TooManyLetters."""
    first = signatures[0]
    assert first.email is not None  # by the table's own check
    if first.is_confirmed:
        allowance.spend()
        owe(first, LetterKind.ACCESS, first.email, now)
    else:
        owe_confirmation(first, first.email, allowance, now)


def use_access(signature: Signature, now: datetime) -> None:
    """Note that an access link was used: it, and those sent before it, now lead nowhere."""
    signature.access_count += 1
    signature.events.append(Event("opened", now))
