"""The candidate's rules, without app, request or database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.content.charter import load_charter
from app.models import (
    Certificate,
    ConsentPurpose,
    Event,
    LetterKind,
    LetterState,
    Role,
    Signature,
    Status,
    new_code,
)
from app.signatures import rules
from app.signatures.rules import Signatory

CHARTER = load_charter(Path(__file__).parents[2] / "app" / "content" / "charter.toml")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ELODIE = Signatory("Élodie", "Martin", Role.HEAD_OF_LIST, "24520", "Ensemble", "elodie@example.org")
LATER = NOON + timedelta(days=5)
CONSENTS = {ConsentPurpose.PUBLICATION: "J’accepte."}


def press(signature, *numbers, now=NOON, taken=True):
    for number in numbers:
        rules.set_pledge(signature, CHARTER.commitment(number), taken=taken, now=now)


def signed(*numbers, signatory=ELODIE, consents=CONSENTS, within_quota=True):
    return rules.sign(
        signatory, numbers, consents, code=new_code(), charter=CHARTER, within_quota=within_quota, now=NOON
    )


def corrected(**changes):
    return Signatory(**{**vars(ELODIE), **changes})


@pytest.fixture
def pending():
    return signed(1, 4)


def confirm(signature, standing=None, now=NOON, shown=None):
    shown = shown or rules.shown_hash(signature, CHARTER)
    return rules.confirm(signature, standing, shown=shown, charter=CHARTER, now=now)


def test_pressing_twice_changes_nothing(pending):
    press(pending, 1, now=NOON + timedelta(days=1))
    assert pending.pledges[1].taken_at == NOON
    press(pending, 2, taken=False, now=NOON + timedelta(days=1))
    assert pending.touched_at == NOON


def test_a_released_commitment_is_gone(pending):
    press(pending, 1, taken=False)
    assert sorted(pending.pledges) == [4]


def test_signing_needs_a_commitment():
    with pytest.raises(rules.NothingTaken):
        signed()


def test_signing_names_the_person_and_owes_one_letter(pending):
    assert pending.status is Status.PENDING
    assert pending.full_name == "Élodie Martin"
    assert pending.edition == CHARTER.edition
    (letter,) = pending.letters
    assert (letter.kind, letter.address, letter.state) == (
        LetterKind.CONFIRM,
        ELODIE.email,
        LetterState.WAITING,
    )


def test_consents_keep_their_words(pending):
    (consent,) = pending.consents
    assert (consent.wording, consent.edition, consent.given_at) == ("J’accepte.", CHARTER.edition, NOON)


def test_a_double_click_queues_one_letter(pending):
    rules.queue_confirmation(pending, NOON, within_quota=True)
    assert len(pending.letters) == 1


def test_beyond_the_quota_the_signature_is_pending_all_the_same():
    signature = signed(1, 4, within_quota=False)
    assert signature.status is Status.PENDING
    assert [letter.state for letter in signature.letters] == [LetterState.VOID]


def test_a_consent_keeps_its_date_and_is_taken_back(pending):
    later = NOON + timedelta(days=1)
    both = {**CONSENTS, ConsentPurpose.CONTACT: "Écrivez-moi."}
    rules.correct(pending, ELODIE, both, within_quota=True, may_warn=True, now=later)
    assert {c.purpose: c.given_at for c in pending.consents} == {
        ConsentPurpose.PUBLICATION: NOON,
        ConsentPurpose.CONTACT: later,
    }
    rules.correct(pending, ELODIE, CONSENTS, within_quota=True, may_warn=True, now=later)
    assert [c.purpose for c in pending.consents] == [ConsentPurpose.PUBLICATION]


def test_a_consent_that_was_not_shown_is_not_confirmed(pending):
    shown = rules.shown_hash(pending, CHARTER)
    both = {**CONSENTS, ConsentPurpose.CONTACT: "Écrivez-moi."}
    rules.correct(pending, ELODIE, both, within_quota=True, may_warn=True, now=NOON)
    with pytest.raises(rules.ChangedMeanwhile):
        confirm(pending, shown=shown)


def test_confirming_dates_every_commitment(pending):
    later = NOON + timedelta(days=2)
    assert confirm(pending, now=later) is pending
    assert pending.status is Status.CONFIRMED
    assert {p.taken_at for p in pending.pledges.values()} == {later}
    assert [letter.kind for letter in pending.letters] == [LetterKind.CONFIRM, LetterKind.CONFIRMED]


def test_confirming_twice_changes_nothing(pending):
    confirm(pending)
    confirm(pending, now=NOON + timedelta(days=1))
    assert pending.confirmed_at == NOON
    assert len(pending.letters) == 2


def test_nobody_signs_what_they_were_not_shown(pending):
    shown = rules.shown_hash(pending, CHARTER)
    press(pending, 7)
    with pytest.raises(rules.ChangedMeanwhile):
        confirm(pending, shown=shown)
    assert pending.status is Status.PENDING


def test_nothing_taken_cannot_be_confirmed(pending):
    press(pending, 1, 4, taken=False)
    with pytest.raises(rules.NothingTaken):
        confirm(pending)


def test_signing_again_joins_the_standing_signature(pending):
    standing = confirm(pending)
    both = {**CONSENTS, ConsentPurpose.CONTACT: "Écrivez-moi."}
    again = signed(4, 9, consents=both)
    later = NOON + timedelta(days=3)
    assert confirm(again, standing, now=later) is standing
    assert {n: p.taken_at for n, p in standing.pledges.items()} == {1: NOON, 4: NOON, 9: later}
    assert {c.purpose: c.given_at for c in standing.consents}[ConsentPurpose.PUBLICATION] == NOON
    assert {c.purpose for c in standing.consents} == set(both)
    assert again.status is Status.MERGED
    assert confirm(again) is standing


def test_a_correction_writes_only_to_a_new_address(pending):
    same = Signatory("Elodie", "Martin", Role.ELECTED, "24001", None, ELODIE.email)
    assert not rules.correct(pending, same, CONSENTS, within_quota=True, may_warn=True, now=NOON)
    assert (pending.commune, pending.list_name, len(pending.letters)) == ("24001", None, 1)
    other = Signatory("Elodie", "Martin", Role.ELECTED, "24001", None, "autre@example.org")
    assert rules.correct(pending, other, CONSENTS, within_quota=True, may_warn=True, now=NOON)
    assert [(letter.kind, letter.address) for letter in pending.letters[1:]] == [
        (LetterKind.CONFIRM, "autre@example.org"),
        (LetterKind.MOVING, ELODIE.email),
    ]


def test_two_spellings_are_one_person():
    other = Signatory("ELODIE", "martin", Role.ELECTED, "24520", None, ELODIE.email)
    assert other.name_key == ELODIE.name_key


def test_changes_after_confirmation_are_in_the_journal(pending):
    confirm(pending)
    later = NOON + timedelta(days=5)
    press(pending, 1, taken=False, now=later)
    press(pending, 2, now=later)
    assert [(e.what, e.number, e.at) for e in pending.events[-2:]] == [
        ("released", 1, later),
        ("taken", 2, later),
    ]


def test_what_is_left_of_a_withdrawn_signature_names_nobody(pending):
    standing = confirm(pending)
    other = signed(2, within_quota=False)
    confirm(other, standing)
    certificate = Certificate(number="n", issued_at=NOON, content={"full_name": "É"}, pdf=b"%", sha256="h")
    standing.certificates.append(certificate)
    standing.new_email = "elsewhere@example.org"
    standing.status, standing.withdrawn_at = Status.WITHDRAWN, NOON
    standing.events.append(Event("withdrawn", NOON))

    for codes in ([standing.code, other.code], [standing.code]):  # twice is once
        assert rules.anonymise(standing) == codes
        names = [column.name for column in Signature.__table__.columns]
        left = {name for name in names if getattr(standing, name) is not None}
        assert left == {
            "code", "status", "edition", "created_at", "touched_at", "confirmed_at", "withdrawn_at",
            "closed_count", "access_count", "confirm_count",
        }  # fmt: skip
        assert [(c.wording, c.edition, c.given_at) for c in standing.consents] == [
            ("J’accepte.", CHARTER.edition, NOON)
        ]
        assert not standing.pledges
        assert not standing.letters
        assert not standing.merged
        assert {event.what for event in standing.events} == {"confirmed", "withdrawn"}
        assert all(event.number is None for event in standing.events)
        assert (certificate.number, certificate.issued_at, certificate.sha256) == ("n", NOON, "h")
        assert (certificate.content, certificate.pdf) == (None, None)


def test_a_correction_is_dated_and_asks_again_at_a_new_address(pending):
    other = corrected(email="autre@example.org")
    assert rules.correct(pending, other, CONSENTS, within_quota=True, may_warn=True, now=LATER) is True
    assert pending.touched_at == LATER
    assert [(e.what, e.at) for e in pending.events] == [("signed", NOON), ("corrected", LATER)]
    assert [(letter.kind, letter.state, letter.created_at) for letter in pending.letters[1:]] == [
        (LetterKind.CONFIRM, LetterState.WAITING, LATER),
        (LetterKind.MOVING, LetterState.WAITING, LATER),
    ]


@pytest.mark.parametrize(
    ("within_quota", "may_warn", "state"),
    [(False, True, LetterState.VOID), (True, False, LetterState.WAITING)],
)
def test_the_old_address_is_told_only_if_we_may(pending, within_quota, may_warn, state):
    other = corrected(email="autre@example.org")
    rules.correct(pending, other, CONSENTS, within_quota=within_quota, may_warn=may_warn, now=LATER)
    assert [(letter.kind, letter.state) for letter in pending.letters[1:]] == [(LetterKind.CONFIRM, state)]


def test_what_joins_a_standing_signature_is_dated_and_announced(pending):
    standing = confirm(pending)
    assert (standing.events[-1].what, standing.events[-1].at) == ("confirmed", NOON)
    both = {**CONSENTS, ConsentPurpose.CONTACT: "Écrivez-moi."}
    other = corrected(role=Role.ELECTED, list_name="Vivre au village")
    again = signed(4, 9, signatory=other, consents=both)
    before, letters = len(standing.events), len(standing.letters)
    confirm(again, standing, now=LATER)
    assert {number: pledge.number for number, pledge in standing.pledges.items()} == {1: 1, 4: 4, 9: 9}
    assert [(e.what, e.number, e.at) for e in standing.events[before:]] == [
        ("taken", 9, LATER),
        ("confirmed", None, LATER),
    ]
    assert {c.purpose: c.given_at for c in standing.consents}[ConsentPurpose.CONTACT] == LATER
    assert (standing.role, standing.list_name, standing.touched_at) == (
        Role.ELECTED, "Vivre au village", LATER
    )  # fmt: skip
    assert [(letter.kind, letter.address, letter.created_at) for letter in standing.letters[letters:]] == [
        (LetterKind.CONFIRMED, ELODIE.email, LATER)
    ]


def test_a_confirmation_page_is_named_by_what_it_shows(pending):
    assert len(rules.shown_hash(pending, CHARTER)) == 32


# Corrected once confirmed


@pytest.fixture
def standing(pending):
    return confirm(pending)


def amend(signature, signatory, *, within_quota=True, may_warn=True, now=NOON):
    return rules.amend(signature, signatory, within_quota=within_quota, may_warn=may_warn, now=now)


@pytest.mark.parametrize(
    ("changes", "event"),
    [
        ({"given_name": "Elisa"}, "given-name-corrected"),
        ({"family_name": "Martinet"}, "family-name-corrected"),
        ({"role": Role.ELECTED}, "role-corrected"),
        ({"commune": "24001"}, "commune-corrected"),
        ({"list_name": None}, "list-corrected"),
    ],
    ids=str,
)
def test_each_correction_is_dated_in_the_journal(standing, changes, event):
    before, letters = len(standing.events), len(standing.letters)
    new = corrected(**changes)
    assert amend(standing, new, now=LATER) is False
    assert {name: getattr(standing, name) for name in vars(new)} == vars(new)
    assert standing.name_key == new.name_key
    assert [(e.what, e.at) for e in standing.events[before:]] == [(event, LATER)]
    assert standing.touched_at == LATER
    assert len(standing.letters) == letters


def test_a_correction_that_changes_nothing_leaves_no_trace(standing):
    before = len(standing.events)
    assert amend(standing, ELODIE, now=LATER) is False
    assert len(standing.events) == before
    assert standing.touched_at == NOON


@pytest.mark.parametrize(
    ("within_quota", "may_warn", "kinds"),
    [
        (True, True, [LetterKind.MOVE, LetterKind.MOVING]),
        (True, False, [LetterKind.MOVE]),
        (False, True, []),
        (False, False, []),
    ],
)
def test_a_new_address_is_asked_and_the_old_one_told(standing, within_quota, may_warn, kinds):
    letters = len(standing.letters)
    new = corrected(email="ailleurs@example.org")
    assert amend(standing, new, within_quota=within_quota, may_warn=may_warn, now=LATER) is True
    assert (standing.email, standing.new_email) == (ELODIE.email, new.email)
    assert (standing.events[-1].what, standing.events[-1].at) == ("move-asked", LATER)
    to = {LetterKind.MOVE: new.email, LetterKind.MOVING: ELODIE.email}
    assert [(letter.kind, letter.address, letter.created_at) for letter in standing.letters[letters:]] == [
        (kind, to[kind], LATER) for kind in kinds
    ]


def test_asking_for_the_old_address_again_calls_the_move_off(standing):
    amend(standing, corrected(email="ailleurs@example.org"))
    assert amend(standing, ELODIE) is False
    assert (standing.email, standing.new_email) == (ELODIE.email, None)


def test_moving_closes_what_the_old_address_opened(standing):
    amend(standing, corrected(email="ailleurs@example.org"))
    rules.move(standing, LATER)
    assert (standing.email, standing.new_email, standing.closed_count) == ("ailleurs@example.org", None, 1)
    assert (standing.events[-1].what, standing.events[-1].at) == ("moved", LATER)


def test_each_closing_counts(standing):
    rules.close_sessions(standing)
    rules.close_sessions(standing)
    assert standing.closed_count == 2


@pytest.mark.parametrize("name", rules.PERSONAL)
def test_a_correction_page_is_old_once_anything_it_shows_has_changed(standing, name):
    shown = rules.identity_hash(standing)
    assert len(shown) == 32
    assert rules.identity_hash(standing) == shown
    setattr(standing, name, "changed")
    assert rules.identity_hash(standing) != shown


# What is agreed to


def test_agreeing_to_be_written_to_is_dated_and_keeps_its_words(standing):
    rules.set_contact_consent(standing, "Écrivez-moi.", LATER)
    rules.set_contact_consent(standing, "Écrivez-moi encore.", LATER + timedelta(days=1))
    assert [(c.purpose, c.wording, c.edition, c.given_at) for c in standing.consents] == [
        (ConsentPurpose.PUBLICATION, "J’accepte.", CHARTER.edition, NOON),
        (ConsentPurpose.CONTACT, "Écrivez-moi.", CHARTER.edition, LATER),
    ]
    assert [(e.what, e.at) for e in standing.events[-1:]] == [("contact-agreed", LATER)]


def test_taking_it_back_leaves_the_date(standing):
    rules.set_contact_consent(standing, None, NOON)
    assert standing.events[-1].what == "confirmed", "nothing was agreed to"
    rules.set_contact_consent(standing, "Écrivez-moi.", NOON)
    for _ in range(2):
        rules.set_contact_consent(standing, None, LATER)
    assert [c.purpose for c in standing.consents] == [ConsentPurpose.PUBLICATION]
    assert [(e.what, e.at) for e in standing.events[-2:]] == [
        ("contact-agreed", NOON),
        ("contact-refused", LATER),
    ]


def test_search_engines_are_told_once(standing):
    standing.indexable = True
    before = len(standing.events)
    for agreed in (True, False, False, True, True):
        rules.set_indexing(standing, agreed=agreed, now=LATER)
        assert standing.indexable is agreed
    assert [(e.what, e.at) for e in standing.events[before:]] == [
        ("indexing-refused", LATER),
        ("indexing-agreed", LATER),
    ]


# Letters


def test_a_letter_may_leave_at_once_and_has_a_name_of_its_own(pending):
    (letter,) = pending.letters
    assert (letter.created_at, letter.due_at, letter.attempts) == (NOON, NOON, 0)
    assert len(bytes.fromhex(letter.message_key)) == 16
    rules.queue_letter(pending, LetterKind.MOVING, ELODIE.email, NOON)
    assert pending.letters[1].message_key != letter.message_key


@pytest.mark.parametrize(("seconds", "letters"), [(9.9, 1), (10, 2)])
def test_two_presses_within_ten_seconds_are_one(pending, seconds, letters):
    pending.letters[0].state = LetterState.SENT  # it has left already
    later = NOON + timedelta(seconds=seconds)
    rules.resend_confirmation(pending, ELODIE.email, within_quota=True, now=later)
    assert len(pending.letters) == letters
    assert pending.touched_at == later


def test_a_letter_that_waits_is_not_owed_twice(pending):
    rules.resend_confirmation(pending, ELODIE.email, within_quota=True, now=LATER)
    assert len(pending.letters) == 1


@pytest.mark.parametrize(
    ("within_quota", "state"), [(True, LetterState.WAITING), (False, LetterState.VOID)], ids=str
)
def test_a_corrected_address_is_written_to(pending, within_quota, state):
    rules.resend_confirmation(pending, "ailleurs@example.org", within_quota=within_quota, now=NOON)
    assert pending.email == "ailleurs@example.org"
    letter = pending.letters[-1]
    assert (letter.kind, letter.address, letter.state) == (
        LetterKind.CONFIRM, "ailleurs@example.org", state
    )  # fmt: skip
    assert [letter.state for letter in pending.letters[:-1]] == [LetterState.WAITING]


@pytest.mark.parametrize(
    ("within_quota", "address", "state"),
    [(True, ELODIE.email, LetterState.WAITING), (False, "", LetterState.VOID)],
)
def test_the_way_back_is_asked_for_and_kept_only_if_it_may_leave(within_quota, address, state):
    letter = rules.request_access(ELODIE.email, NOON, within_quota=within_quota)
    assert (letter.kind, letter.address, letter.state) == (LetterKind.ACCESS, address, state)
    assert (letter.created_at, letter.due_at, letter.attempts) == (NOON, NOON, 0)
    assert len(bytes.fromhex(letter.message_key)) == 16


def test_each_use_of_an_access_link_counts(standing):
    for _ in range(2):
        rules.use_access_link(standing, LATER)
    assert standing.access_count == 2
    assert [(e.what, e.at) for e in standing.events[-2:]] == [("opened", LATER)] * 2


# Taken back


def test_withdrawing_is_dated_and_says_goodbye(standing):
    certificate = Certificate(number="n", issued_at=NOON, content={"full_name": "É"}, pdf=b"%", sha256="h")
    standing.certificates.append(certificate)
    assert rules.withdraw(standing, LATER) == [standing.code]
    assert (standing.status, standing.withdrawn_at, standing.touched_at) == (
        Status.WITHDRAWN, LATER, LATER
    )  # fmt: skip
    assert [(e.what, e.at) for e in standing.events] == [("confirmed", NOON), ("withdrawn", LATER)]
    (letter,) = standing.letters
    assert (letter.kind, letter.address, letter.created_at) == (LetterKind.WITHDRAWN, ELODIE.email, LATER)
    assert (standing.email, standing.given_name, certificate.content) == (None, None, None)
