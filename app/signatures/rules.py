"""The candidate's rules: answer, sign, correct, confirm. Plain objects in, plain objects changed."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.content.charter import Charter, Commitment
from app.models import (
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

#: Two presses closer than this are one: a double click, even where the first letter has already left.
SAME_PRESS = timedelta(seconds=10)


class SigningError(Exception):
    """A rule of signing says no."""


class NothingTaken(SigningError):
    """A signature needs at least one commitment."""


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


def new_draft(now: datetime, code: str | None = None) -> Signature:
    """Begin a signature: nothing ticked, nobody named."""
    return Signature(
        code=code or new_code(),
        status=Status.DRAFT,
        created_at=now,
        touched_at=now,
        access_count=0,
        closed_count=0,
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
    may_write: bool,
    now: datetime,
) -> None:
    """Name the person, keep their consents with the words they read, and owe them a letter.

    Raises: NothingTaken.
    """
    if not signature.pledges:
        raise NothingTaken
    _name(signature, signatory, now)
    signature.status = Status.PENDING
    signature.edition = charter.edition
    _consent(signature, consents, now)
    signature.events.append(Event("signed", now))
    owe_confirmation(signature, now, may_write=may_write)


def correct(
    signature: Signature,
    signatory: Signatory,
    consents: Mapping[ConsentPurpose, str],
    *,
    may_write: bool,
    may_warn: bool,
    now: datetime,
) -> bool:
    """Correct a pending signature; return whether its address is a new one, to be confirmed by a letter.

    The old address gets a note, if we may.
    """
    former = _address(signature)
    moved = signatory.email != former
    _name(signature, signatory, now)
    _consent(signature, consents, now)
    signature.events.append(Event("corrected", now))
    if moved:
        owe_confirmation(signature, now, may_write=may_write)
    if moved and may_write and may_warn:
        owe(signature, LetterKind.MOVING, former, now)
    return moved


def write_again(signature: Signature, address: str, *, may_write: bool, now: datetime) -> None:
    """Ask again to confirm a pending signature, at a corrected address if it is one."""
    signature.email = address
    signature.touched_at = now
    owe_confirmation(signature, now, may_write=may_write)


def _consent(signature: Signature, consents: Mapping[ConsentPurpose, str], now: datetime) -> None:
    """Keep what is agreed to, and nothing else; what was agreed to before keeps its date."""
    standing = {(consent.purpose, consent.wording): consent for consent in signature.consents}
    signature.consents = [
        standing.get((purpose, wording))
        or Consent(purpose=purpose, wording=wording, edition=str(signature.edition), given_at=now)
        for purpose, wording in consents.items()
    ]


def _name(signature: Signature, signatory: Signatory, now: datetime) -> None:
    signature.given_name = signatory.given_name
    signature.family_name = signatory.family_name
    signature.name_key = signatory.name_key
    signature.role = signatory.role
    signature.commune = signatory.commune
    signature.list_name = signatory.list_name
    signature.email = signatory.email
    signature.touched_at = now


def owe_confirmation(signature: Signature, now: datetime, *, may_write: bool) -> None:
    """Owe the letter that asks to confirm, once: a double click owes one.

    Where we may not write, it is void from the start: the same rows are written for every address.
    """
    address = _address(signature)
    owed = any(
        letter.kind is LetterKind.CONFIRM
        and letter.address == address
        and (letter.state is LetterState.WAITING or abs(now - letter.created_at) < SAME_PRESS)
        for letter in signature.letters
    )
    if not owed:
        owe(signature, LetterKind.CONFIRM, address, now)
        if not may_write:
            signature.letters[-1].state = LetterState.VOID


def owe(signature: Signature, kind: LetterKind, address: str, now: datetime) -> None:
    """Put a letter in the outbox; it leaves once this transaction is committed."""
    signature.letters.append(new_letter(kind, address, now, secrets.token_hex(16)))


def new_letter(kind: LetterKind, address: str, now: datetime, message_key: str) -> Letter:
    """Make a letter that may leave at once."""
    return Letter(
        kind=kind,
        state=LetterState.WAITING,
        address=address,
        message_key=message_key,
        created_at=now,
        due_at=now,
        attempts=0,
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
        sorted(consent.wording for consent in signature.consents),
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
    _announce(signature, now)
    return signature


def _merge(signature: Signature, standing: Signature, now: datetime) -> None:
    for number in signature.pledges.keys() - standing.pledges.keys():
        standing.pledges[number] = Pledge(number=number, taken_at=now)
        standing.events.append(Event("taken", now, number=number))
    _consent(standing, {c.purpose: c.wording for c in (*standing.consents, *signature.consents)}, now)
    standing.role = signature.role
    standing.list_name = signature.list_name
    standing.touched_at = now
    signature.status = Status.MERGED
    signature.merged_into = standing
    _announce(standing, now)


def _announce(signature: Signature, now: datetime) -> None:
    signature.events.append(Event("confirmed", now))
    owe(signature, LetterKind.CONFIRMED, _address(signature), now)


def amend(
    signature: Signature, signatory: Signatory, *, may_write: bool, may_warn: bool, now: datetime
) -> bool:
    """Correct a confirmed signature, each change dated; return whether a new address is to be confirmed.

    The person moves to a new address once somebody answers there. Until then the old one, which gets a
    note, remains theirs; asking for it again calls the move off.
    """
    for attribute, event in (
        ("given_name", "given-name-corrected"),
        ("family_name", "family-name-corrected"),
        ("role", "role-corrected"),
        ("commune", "commune-corrected"),
        ("list_name", "list-corrected"),
    ):
        if getattr(signature, attribute) != getattr(signatory, attribute):
            setattr(signature, attribute, getattr(signatory, attribute))
            signature.touched_at = now
            signature.events.append(Event(event, now))
    signature.name_key = signatory.name_key
    if signatory.email == signature.email:
        signature.new_email = None
        return False
    signature.new_email = signatory.email
    signature.events.append(Event("move-asked", now))
    if may_write:
        owe(signature, LetterKind.MOVE, signatory.email, now)
    if may_write and may_warn:
        owe(signature, LetterKind.MOVING, _address(signature), now)
    return True


def identity(signature: Signature) -> str:
    """Name what a correction page shows, so that an old page does not undo a newer correction."""
    shown = [getattr(signature, name) for name in PERSONAL]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:32]


def move(signature: Signature, now: datetime) -> None:
    """Move to the new address, where the letter was answered; what the old one opened is closed."""
    assert signature.new_email is not None
    signature.email, signature.new_email = signature.new_email, None
    close(signature)
    signature.events.append(Event("moved", now))


def agree_to_contact(signature: Signature, wording: str | None, now: datetime) -> None:
    """Agree to be written to, in these words, or take it back (None). The journal keeps both dates."""
    standing = next((c for c in signature.consents if c.purpose is ConsentPurpose.CONTACT), None)
    if (standing is None) == (wording is None):
        return
    consents = {c.purpose: c.wording for c in signature.consents if c is not standing}
    if wording is not None:
        consents[ConsentPurpose.CONTACT] = wording
    _consent(signature, consents, now)
    signature.events.append(Event("contact-agreed" if wording else "contact-refused", now))


def agree_to_indexing(signature: Signature, *, agreed: bool, now: datetime) -> None:
    """Let search engines show what is public, or ask them not to. Saying the same twice changes nothing."""
    if signature.indexable == agreed:
        return
    signature.indexable = agreed
    signature.events.append(Event("indexing-agreed" if agreed else "indexing-refused", now))


def withdraw(signature: Signature, now: datetime) -> list[str]:
    """Take a confirmed signature back, at once and for good, and return the codes of what was erased.

    Its owner gets a last letter.
    """
    address = _address(signature)
    signature.status = Status.WITHDRAWN
    signature.withdrawn_at = signature.touched_at = now
    signature.events.append(Event("withdrawn", now))
    erased = reduce(signature)
    owe(signature, LetterKind.WITHDRAWN, address, now)
    return erased


def ask_access(address: str, now: datetime, *, may_write: bool) -> Letter:
    """Make the letter with the way back to every signature of an address, known or not: the courier will see.

    Where we may not write, it is void, and keeps no address.
    """
    letter = new_letter(LetterKind.ACCESS, address if may_write else "", now, secrets.token_hex(16))
    letter.state = LetterState.WAITING if may_write else LetterState.VOID
    return letter


def _address(signature: Signature) -> str:
    assert signature.email is not None  # by the table's own check
    return signature.email


def use_access(signature: Signature, now: datetime) -> None:
    """Note that an access link was used: it, and those sent before it, now lead nowhere."""
    signature.access_count += 1
    signature.events.append(Event("opened", now))


#: What tells who somebody is.
PERSONAL = ("given_name", "family_name", "name_key", "role", "commune", "list_name", "email", "new_email")
#: The lines of the journal that prove a withdrawal; the others tell what was taken, and when.
PROOF = frozenset({"confirmed", "withdrawn"})


def reduce(signature: Signature) -> list[str]:
    """Leave of a withdrawn signature what proves the withdrawal, and return the codes of what was erased.

    Kept: its code and dates, the consents with their words (RGPD art. 7-1), the numbers and hashes of its
    certificates. Erased (art. 17-1-b): who, where, for which list, what was taken, its certificates' texts
    and files, its letters, and the later signatures that were merged into it, whose codes follow its own.
    A letter that says good-bye is owed after, to an address noted before. Reducing twice changes nothing.
    """
    codes = [signature.code, *(merged.code for merged in signature.merged)]
    for name in PERSONAL:
        setattr(signature, name, None)
    signature.pledges.clear()
    signature.letters.clear()
    signature.merged.clear()
    signature.events = [event for event in signature.events if event.what in PROOF]
    for certificate in signature.certificates:
        certificate.content = certificate.pdf = None
    return codes


def close(signature: Signature) -> None:
    """Close every session of the owner: a cookie that somebody copied opens nothing any more."""
    signature.closed_count += 1
