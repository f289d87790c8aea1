"""The rules of signing: sign, correct, confirm, amend, withdraw. Plain objects in, plain objects changed."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
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
)
from app.text import fold

#: Two requests for a confirmation letter closer than this are one: a double click sends one letter.
DOUBLE_CLICK = timedelta(seconds=10)


class SigningError(Exception):
    """A rule of signing is broken."""


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


def set_pledge(signature: Signature, commitment: Commitment, *, taken: bool, now: datetime) -> None:
    """Take one commitment, or release it. Repeating a press changes nothing, not even the date."""
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
    signatory: Signatory,
    numbers: Iterable[int],
    consents: Mapping[ConsentPurpose, str],
    *,
    code: str,
    charter: Charter,
    within_quota: bool,
    now: datetime,
) -> Signature:
    """Return a new pending signature of these commitments, its confirmation letter in the outbox.

    ``consents`` holds the words that were read, by purpose; ``code`` names the signature in URLs.
    Raises: NothingTaken.
    """
    signature = Signature(
        code=code,
        status=Status.PENDING,
        edition=charter.edition,
        created_at=now,
        access_count=0,
        confirm_count=0,
        closed_count=0,
        pledges={number: Pledge(number=number, taken_at=now) for number in numbers},
    )
    if not signature.pledges:
        raise NothingTaken
    _set_identity(signature, signatory, now)
    _set_consents(signature, consents, now)
    signature.events.append(Event("signed", now))
    queue_confirmation(signature, now, within_quota=within_quota)
    return signature


def correct(
    signature: Signature,
    signatory: Signatory,
    consents: Mapping[ConsentPurpose, str],
    *,
    within_quota: bool,
    may_warn: bool,
    now: datetime,
) -> bool:
    """Correct a pending signature. Return True if its address changed, and gets a confirmation letter.

    ``may_warn`` allows a letter to the former address.
    """
    former = _address(signature)
    moved = signatory.email != former
    _set_identity(signature, signatory, now)
    _set_consents(signature, consents, now)
    signature.events.append(Event("corrected", now))
    if moved:
        queue_confirmation(signature, now, within_quota=within_quota)
    if moved and within_quota and may_warn:
        queue_letter(signature, LetterKind.MOVING, former, now)
    return moved


def resend_confirmation(signature: Signature, address: str, *, within_quota: bool, now: datetime) -> None:
    """Queue the confirmation letter again, to a corrected address if there is one."""
    signature.email = address
    signature.touched_at = now
    queue_confirmation(signature, now, within_quota=within_quota)


def _set_consents(signature: Signature, consents: Mapping[ConsentPurpose, str], now: datetime) -> None:
    """Replace the consents; a consent that was given before, in the same words, keeps its date."""
    standing = {(consent.purpose, consent.wording): consent for consent in signature.consents}
    signature.consents = [
        standing.get((purpose, wording))
        or Consent(purpose=purpose, wording=wording, edition=str(signature.edition), given_at=now)
        for purpose, wording in consents.items()
    ]


def _set_identity(signature: Signature, signatory: Signatory, now: datetime) -> None:
    signature.given_name = signatory.given_name
    signature.family_name = signatory.family_name
    signature.name_key = signatory.name_key
    signature.role = signatory.role
    signature.commune = signatory.commune
    signature.list_name = signatory.list_name
    signature.email = signatory.email
    signature.touched_at = now


def queue_confirmation(signature: Signature, now: datetime, *, within_quota: bool) -> None:
    """Queue the confirmation letter, unless one is waiting or was queued in the last 10 seconds.

    Beyond the quota the letter is void from the start: the same rows are written for every address.
    """
    address = _address(signature)
    is_queued = any(
        letter.kind is LetterKind.CONFIRM
        and letter.address == address
        and (letter.state is LetterState.WAITING or abs(now - letter.created_at) < DOUBLE_CLICK)
        for letter in signature.letters
    )
    if not is_queued:
        queue_letter(signature, LetterKind.CONFIRM, address, now)
        if within_quota:
            signature.confirm_count += 1
        else:
            signature.letters[-1].state = LetterState.VOID


def queue_letter(signature: Signature, kind: LetterKind, address: str, now: datetime) -> None:
    """Add a letter to the outbox; it may leave once this transaction is committed."""
    signature.letters.append(new_letter(kind, address, now, secrets.token_hex(16)))


def new_letter(kind: LetterKind, address: str, now: datetime, message_key: str) -> Letter:
    """Return a letter that is due at once; ``message_key`` is the left part of its Message-ID."""
    return Letter(
        kind=kind,
        state=LetterState.WAITING,
        address=address,
        message_key=message_key,
        created_at=now,
        due_at=now,
        attempts=0,
    )


def shown_hash(signature: Signature, charter: Charter) -> str:
    """Return a hash of what the confirmation page shows; the POST is refused when it has changed."""
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
    """Confirm a pending signature, dated now, and return the confirmed signature of that person.

    ``shown`` is the `shown_hash` that the page sent back. ``standing`` is the person's earlier confirmed
    signature, if there is one: it keeps its dates and gains the newly taken commitments. Confirming twice
    changes nothing. Raises: ChangedMeanwhile, NothingTaken.
    """
    if signature.status is not Status.PENDING:
        return signature.merged_into or signature
    if shown != shown_hash(signature, charter):
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
    _set_consents(standing, {c.purpose: c.wording for c in (*standing.consents, *signature.consents)}, now)
    standing.role = signature.role
    standing.list_name = signature.list_name
    standing.touched_at = now
    signature.status = Status.MERGED
    signature.merged_into = standing
    _announce(standing, now)


def _announce(signature: Signature, now: datetime) -> None:
    signature.events.append(Event("confirmed", now))
    queue_letter(signature, LetterKind.CONFIRMED, _address(signature), now)


def amend(
    signature: Signature, signatory: Signatory, *, within_quota: bool, may_warn: bool, now: datetime
) -> bool:
    """Correct a confirmed signature, each change in the journal. Return True if a new address was asked for.

    The address changes when the letter sent to the new one is answered. Until then the former address, which
    gets a warning if ``may_warn``, stays the signature's; asking for it again cancels the change.
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
    if within_quota:
        queue_letter(signature, LetterKind.MOVE, signatory.email, now)
    if within_quota and may_warn:
        queue_letter(signature, LetterKind.MOVING, _address(signature), now)
    return True


def identity_hash(signature: Signature) -> str:
    """Return a hash of what a correction page shows; an old page must not undo a newer correction."""
    shown = [getattr(signature, name) for name in PERSONAL]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:32]


def move(signature: Signature, now: datetime) -> None:
    """Change to the new address, whose letter was answered, and close the sessions of the former one.

    The former address may refuse the change for KEEP_PENDING_DAYS: meanwhile a second change keeps it, so
    that an intruder who moves twice does not get rid of it.
    """
    assert signature.new_email is not None
    signature.former_email = signature.former_email or signature.email
    signature.email, signature.new_email = signature.new_email, None
    close_sessions(signature)
    signature.events.append(Event("moved", now))


def refuse_move(signature: Signature, now: datetime) -> None:
    """Keep the former address, or return to it after the move; close all sessions."""
    signature.email = signature.former_email or signature.email
    signature.former_email = signature.new_email = None
    signature.touched_at = now
    close_sessions(signature)
    signature.events.append(Event("move-refused", now))


def set_contact_consent(signature: Signature, wording: str | None, now: datetime) -> None:
    """Add the consent to be contacted, in these words, or remove it (None); both go to the journal."""
    standing = next((c for c in signature.consents if c.purpose is ConsentPurpose.CONTACT), None)
    if (standing is None) == (wording is None):
        return
    consents = {c.purpose: c.wording for c in signature.consents if c is not standing}
    if wording is not None:
        consents[ConsentPurpose.CONTACT] = wording
    _set_consents(signature, consents, now)
    signature.events.append(Event("contact-agreed" if wording else "contact-refused", now))


def set_indexing(signature: Signature, *, agreed: bool, now: datetime) -> None:
    """Allow search engines to show the public page, or not. Repeating a choice changes nothing."""
    if signature.indexable == agreed:
        return
    signature.indexable = agreed
    signature.events.append(Event("indexing-agreed" if agreed else "indexing-refused", now))


def withdraw(signature: Signature, now: datetime) -> list[str]:
    """Withdraw a confirmed signature for good; return the codes of the signatures erased.

    A last letter to its owner is queued.
    """
    address = _address(signature)
    signature.status = Status.WITHDRAWN
    signature.withdrawn_at = signature.touched_at = now
    signature.events.append(Event("withdrawn", now))
    erased = anonymise(signature)
    queue_letter(signature, LetterKind.WITHDRAWN, address, now)
    return erased


def hide(signature: Signature, reason: str, now: datetime) -> None:
    """Take a confirmed signature out of the register; its owner is told why. Raises: SigningError."""
    if not signature.is_confirmed or signature.hidden_at:
        raise SigningError("only a signature that is confirmed and not hidden yet")
    signature.hidden_at, signature.hidden_reason = now, reason
    signature.events.append(Event("hidden", now))
    queue_letter(signature, LetterKind.HIDDEN, _address(signature), now)


def restore(signature: Signature, now: datetime) -> None:
    """Put a hidden signature back into the register. Raises: SigningError."""
    if not signature.is_confirmed or not signature.hidden_at:
        raise SigningError("only a signature that is hidden")
    signature.hidden_at = signature.hidden_reason = None
    signature.events.append(Event("restored", now))


def request_access(address: str, now: datetime, *, within_quota: bool) -> Letter:
    """Return the letter with a link to each signature of an address, whether it has any or not.

    The outbox looks the address up when it sends the letter, so that asking takes as long for every address.
    Beyond the quota the letter is void and holds no address.
    """
    letter = new_letter(LetterKind.ACCESS, address if within_quota else "", now, secrets.token_hex(16))
    letter.state = LetterState.WAITING if within_quota else LetterState.VOID
    return letter


def _address(signature: Signature) -> str:
    assert signature.email is not None  # by the table's own check
    return signature.email


def use_access_link(signature: Signature, now: datetime) -> None:
    """Count an access link as used: links sent and sessions begun before it are then closed."""
    signature.access_count += 1
    close_sessions(signature)
    signature.events.append(Event("opened", now))


#: The columns that identify a person.
PERSONAL = (
    "given_name", "family_name", "name_key", "role", "commune", "list_name",
    "email", "new_email", "former_email", "hidden_reason",
)  # fmt: skip
#: The events that prove a withdrawal; the other events say what was taken, and when.
PROOF = frozenset({"confirmed", "withdrawn"})


def anonymise(signature: Signature) -> list[str]:
    """Erase from a withdrawn signature all but the proof of the withdrawal; return the codes erased.

    Kept: its code and dates, the consents with their words (RGPD art. 7-1), the numbers and hashes of its
    certificates. Erased (art. 17-1-b): name, commune, list, pledges, the texts and files of its certificates,
    its letters, and the later signatures merged into it, whose codes follow its own. The farewell letter is
    queued afterwards. Anonymising twice changes nothing.
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


def close_sessions(signature: Signature) -> None:
    """Close every session of the owner, so that a copied cookie opens nothing."""
    signature.closed_count += 1
