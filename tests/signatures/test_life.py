"""The whole life of signatures, in any order: what must hold after every step."""

import itertools
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select

from app import clock, create_app
from app.certificates import fast_pdf, seal
from app.certificates.issue import NotCertifiable, is_current, issue_certificate
from app.extensions import charter, db
from app.mail import quota
from app.models import (
    Base,
    Certificate,
    ConsentPurpose,
    Event,
    Letter,
    LetterKind,
    LetterState,
    Role,
    Signature,
    Status,
    Tally,
    new_code,
)
from app.register import queries
from app.register.update import entries_match, expected_entry, publish_waiting, read_entries, tally_changes
from app.signatures import lookup, retention, rules
from app.signatures.rules import Signatory
from tests.support.database import listen_to_statements

PER_DAY = 3

#: Half an hour before the first silence of the charter file.
EVE = datetime(2026, 3, 13, 22, 30, tzinfo=UTC)

names = st.sampled_from([("Zoé", "Lé"), ("ZOE", "Le"), ("Marc", "Roux")])
people = st.builds(
    lambda name, email, commune, role: Signatory(*name, role, commune, "Ensemble", email),
    names,
    st.sampled_from(["a@example.org", "b@example.org"]),
    st.sampled_from(["24067", "24067", "24520"]),
    st.sampled_from([Role.HEAD_OF_LIST, Role.ELECTED]),
)
which = st.integers(0, 9)
numbers = st.integers(1, 10)


def having(*statuses):
    """Let a rule run only where some signature has one of these statuses."""
    return precondition(lambda life: any(life.statuses[status] for status in statuses))


class Life(RuleBasedStateMachine):
    """Two mailboxes, three names of two people, two communes; every rule does what its view does."""

    app: Flask  # one for all examples; its database is emptied before each
    time: datetime
    written: bool = True  # whether the database has changed since it was last looked at
    seen: Counter[str] = Counter()  # how often the rarer things came about, over all walks

    @initialize(start=st.sampled_from([datetime(2026, 1, 10, tzinfo=UTC), EVE]))
    def begin(self, start):
        self.context = self.app.test_request_context(method="POST")
        self.context.push()
        for table in reversed(Base.metadata.sorted_tables):
            db.session.execute(delete(table))
        db.session.commit()
        retention.ledger_file().unlink(missing_ok=True)
        Life.time = start
        self.issued = {}
        self.answered = {}
        self.statuses = Counter()

    def teardown(self):
        self.context.pop()

    def now(self):
        return Life.time

    def one(self, choice, *statuses):
        """Return one of the signatures that are so far, if there is any."""
        found = db.session.scalars(
            select(Signature).where(Signature.status.in_(statuses)).order_by(Signature.id)
        ).all()
        return found[choice % len(found)] if found else None

    def within_quota(self, kind, email):
        return quota.within_quota(kind, email, self.now())

    # What a visitor does in a browser

    def sign(self, person, numbers, consents):
        allowed = self.within_quota(LetterKind.CONFIRM, person.email)
        signature = rules.sign(
            person,
            numbers,
            consents,
            code=new_code(),
            charter=charter,
            within_quota=allowed,
            now=self.now(),
        )
        db.session.add(signature)
        db.session.commit()
        return signature

    @rule(person=people, ticked=st.sets(numbers), contact=st.booleans())
    def sign_draft(self, person, ticked, contact):
        consents = {ConsentPurpose.PUBLICATION: "J’accepte."}
        if contact:
            consents[ConsentPurpose.CONTACT] = "Écrivez-moi."
        try:
            self.sign(person, ticked, consents)
        except rules.NothingTaken:
            assert not ticked

    @having(Status.PENDING, Status.CONFIRMED)
    @rule(choice=which, number=numbers, taken=st.booleans())
    def press(self, choice, number, taken):
        signature = self.one(choice, Status.PENDING, Status.CONFIRMED)
        if signature:
            rules.set_pledge(signature, charter.commitment(number), taken=taken, now=self.now())
            db.session.commit()

    @having(Status.PENDING)
    @rule(choice=which, email=st.sampled_from(["a@example.org", "b@example.org"]))
    def resend_confirmation(self, choice, email):
        signature = self.one(choice, Status.PENDING)
        if signature:
            allowed = self.within_quota(LetterKind.CONFIRM, email)
            rules.resend_confirmation(signature, email, within_quota=allowed, now=self.now())
            db.session.commit()

    @rule(person=people, number=numbers, answers=st.booleans())
    def arrive(self, person, number, answers):
        """Go the whole way at once, or up to the letter, so that most walks have a signature."""
        signature = self.sign(person, [number], {ConsentPurpose.PUBLICATION: "J’accepte."})
        if not answers:
            return
        shown, standing = rules.shown_hash(signature, charter), lookup.find_confirmed(signature)
        rules.confirm(signature, standing, shown=shown, charter=charter, now=self.now())
        db.session.commit()
        self.seen["joined" if standing else "arrived"] += 1

    # What the holder of a link does

    @having(Status.PENDING)
    @rule(choice=which, person=people)
    def correct(self, choice, person):
        signature = self.one(choice, Status.PENDING)
        if signature:
            rules.correct(
                signature,
                person,
                {ConsentPurpose.PUBLICATION: "J’accepte."},
                within_quota=self.within_quota(LetterKind.CONFIRM, person.email),
                may_warn=self.within_quota(LetterKind.MOVING, signature.email),
                now=self.now(),
            )
            db.session.commit()

    @having(Status.PENDING)
    @rule(choice=which, other=numbers, hesitates=st.booleans())
    def confirm(self, choice, other, hesitates):
        signature = self.one(choice, Status.PENDING)
        if signature is None:
            return
        shown = rules.shown_hash(signature, charter)
        if hesitates:  # while the page is open, the browser that began it takes or releases one more
            taken = other not in signature.pledges
            rules.set_pledge(signature, charter.commitment(other), taken=taken, now=self.now())
        before = set(signature.pledges)
        standing = lookup.find_confirmed(signature)
        dates = {n: p.taken_at for n, p in standing.pledges.items()} if standing else {}
        try:
            stands = rules.confirm(signature, standing, shown=shown, charter=charter, now=self.now())
        except rules.SigningError:
            assert hesitates or not before
        else:
            self.seen["joined" if standing else "confirmed"] += 1
            assert not hesitates
            assert before <= set(stands.pledges)
            assert all(stands.pledges[n].taken_at == day for n, day in dates.items()), "dates are kept"
        db.session.commit()

    @having(Status.PENDING)
    @rule(choice=which)
    def deny(self, choice):
        signature = self.one(choice, Status.PENDING)
        if signature:
            db.session.delete(signature)
            db.session.commit()
            retention.remember([signature.code], self.now())

    # What an owner does

    @having(Status.CONFIRMED)
    @rule(choice=which, person=people)
    def amend(self, choice, person):
        signature = self.one(choice, Status.CONFIRMED)
        if signature is None or lookup.find_confirmed(person, signature.email) not in (None, signature):
            return
        rules.amend(
            signature,
            person,
            within_quota=self.within_quota(LetterKind.MOVE, person.email),
            may_warn=self.within_quota(LetterKind.MOVING, signature.email),
            now=self.now(),
        )
        db.session.commit()

    @having(Status.CONFIRMED)
    @rule(choice=which, answers=st.booleans())
    def move(self, choice, answers):
        signature = self.one(choice, Status.CONFIRMED)
        other = {"a@example.org": "b@example.org", "b@example.org": "a@example.org"}[signature.email]
        if lookup.find_confirmed(signature, other):
            return
        rules.amend(
            signature,
            Signatory(
                signature.given_name,
                signature.family_name,
                signature.role,
                signature.commune,
                signature.list_name,
                other,
            ),
            within_quota=self.within_quota(LetterKind.MOVE, other),
            may_warn=self.within_quota(LetterKind.MOVING, signature.email),
            now=self.now(),
        )
        if answers:
            rules.move(signature, self.now())
            self.seen["moved"] += 1
        db.session.commit()

    @having(Status.CONFIRMED)
    @rule(choice=which)
    def come_back(self, choice):
        signature = self.one(choice, Status.CONFIRMED)
        if signature:
            allowed = self.within_quota(LetterKind.ACCESS, signature.email)
            db.session.add(rules.request_access(signature.email, self.now(), within_quota=allowed))
            db.session.commit()

    @having(Status.CONFIRMED)
    @rule(choice=which)
    def open_again(self, choice):
        signature = self.one(choice, Status.CONFIRMED)
        if signature:
            rules.use_access_link(signature, self.now())
            db.session.commit()

    @having(Status.CONFIRMED)
    @rule(choice=which, agreed=st.booleans())
    def switch(self, choice, agreed):
        signature = self.one(choice, Status.CONFIRMED)
        if signature:
            rules.set_contact_consent(signature, "Écrivez-moi." if agreed else None, self.now())
            db.session.commit()

    @having(Status.CONFIRMED)
    @rule(choice=which)
    def withdraw(self, choice):
        signature = self.one(choice, Status.CONFIRMED)
        if signature:
            for certificate in signature.certificates:
                self.issued[certificate.number] = None
            erased = rules.withdraw(signature, self.now())
            db.session.commit()
            retention.remember(erased, self.now())
            self.seen["withdrawn"] += 1

    @having(Status.CONFIRMED)
    @rule(choice=which)
    def issue(self, choice):
        signature = self.one(choice, Status.CONFIRMED)
        if signature is None:
            return
        try:
            certificate = issue_certificate(signature)
        except NotCertifiable:
            assert not signature.pledges
            return
        assert certificate.content["full_name"] == signature.full_name
        assert {int(n) for n in certificate.content["taken"]} == set(signature.pledges)
        said = json.dumps(certificate.content, sort_keys=True)
        self.seen["issued again" if certificate.number in self.issued else "issued"] += 1
        assert self.issued.setdefault(certificate.number, said) == said

    # What happens by itself

    @rule()
    def deliver(self):
        for letter in db.session.scalars(select(Letter).where(Letter.state == LetterState.WAITING)):
            letter.state, letter.sent_at = LetterState.SENT, self.now()
        db.session.commit()
        publish_waiting(self.now())

    @rule(days=st.sampled_from([0, 9, 31]), first=st.booleans())
    def purge(self, days, first):
        Life.time += timedelta(days=days)
        told = retention.purge(self.now(), dry_run=True) if first else None
        done = retention.purge(self.now())
        self.seen["purged"] += bool(done)
        if first:
            assert done == told
        else:
            assert retention.purge(self.now()) == [], "twice is once"

    @rule(minutes=st.sampled_from([0, 1, 30, 60 * 23, 60 * 24 * 3, 60 * 24 * 9]))
    def wait(self, minutes):
        Life.time += timedelta(minutes=minutes, seconds=11)

    # What holds, always

    @invariant()
    def look_around(self):
        """After each step that wrote: what holds of the same rows is not asked again."""
        if not Life.written:
            return
        self.statuses = Counter(db.session.scalars(select(Signature.status)).all())
        self.one_signature_for_one_person()
        self.only_what_was_agreed_to_is_public()
        self.the_register_says_what_was_signed()
        self.a_certificate_says_what_was_true_at_its_date()
        self.one_certificate_at_most_is_current()
        self.nobody_is_flooded()
        Life.written = False

    def one_signature_for_one_person(self):
        confirmed = db.session.execute(
            select(Signature.email, Signature.name_key, Signature.commune).where(
                Signature.status == Status.CONFIRMED
            )
        ).all()
        assert len(confirmed) == len(set(confirmed))

    def only_what_was_agreed_to_is_public(self):
        for entry in queries.read_page(queries.Search()).entries:
            signature = db.session.get_one(Signature, entry.signature_id)
            assert signature.status is Status.CONFIRMED
            assert signature.confirmed_at
            assert signature.withdrawn_at is None
            assert signature.pledges or signature.to_list
            assert ConsentPurpose.PUBLICATION in {c.purpose for c in signature.consents}
        hidden = select(Signature).where(Signature.status != Status.CONFIRMED)
        for signature in db.session.scalars(hidden):
            assert queries.find_entry(signature.code) is None

    def the_register_says_what_was_signed(self):
        """Line for line and count for count; what waits for the end of a silence stays as it stood."""
        waiting = set(db.session.scalars(select(Signature.id).where(Signature.to_list.is_(True))))
        silent = charter.campaign.silence_until(self.now())
        self.seen["waited"] += bool(waiting and silent)
        rows = {row.id: row for row in db.session.scalars(select(Signature))}
        lines = read_entries(db.session.connection(), list(rows))
        for signature_id in rows.keys() - waiting:
            row = rows[signature_id]
            wanted = expected_entry(row, {n: pledge.taken_at for n, pledge in row.pledges.items()})
            assert entries_match(lines.get(signature_id), wanted)
        counts = sum(map(tally_changes, lines.values()), Counter())
        tallies = db.session.scalars(select(Tally).execution_options(populate_existing=True))
        assert {(row.number, row.commune, row.role): row.count for row in tallies} == counts

    def a_certificate_says_what_was_true_at_its_date(self):
        rows = {
            certificate.number: certificate for certificate in db.session.scalars(select(Certificate)).all()
        }
        assert rows.keys() == self.issued.keys()
        for number, said in self.issued.items():
            content = rows[number].content
            assert (json.dumps(content, sort_keys=True) if content else None) == said

    def one_certificate_at_most_is_current(self):
        for signature in db.session.scalars(select(Signature).where(Signature.status == Status.CONFIRMED)):
            current = [c for c in signature.certificates if is_current(c)]
            assert len(current) <= 1

    def nobody_is_flooded(self):
        """No more than so many letters in a day, counting anew at each answer, erased or not."""
        answered = self.answered
        for row, email in db.session.execute(
            select(Event, Signature.email).join(Signature).where(Event.what.in_(quota.ANSWERS))
        ):
            answered[email] = max(row.at, answered.get(email, row.at))
        since = self.now() - timedelta(days=1)
        letters = db.session.scalars(
            select(Letter).where(Letter.created_at > since, Letter.state != LetterState.VOID)
        )
        counts = Counter(
            (letter.kind is LetterKind.MOVING, letter.address)  # a warning has a count of its own
            for letter in letters
            if letter.kind in (*quota.STRANGERS, LetterKind.MOVING)
            and letter.created_at > answered.get(letter.address, since)
        )
        assert all(count <= PER_DAY for count in counts.values()), counts


def note_writing(_connection, _cursor, statement, *_):
    Life.written |= not statement.startswith(("SELECT", "PRAGMA"))


@pytest.mark.parametrize("examples", [100, pytest.param(2000, marks=pytest.mark.long)])
def test_random_walks_through_the_life_of_signatures(monkeypatch, tmp_path, database_url, examples):
    in_memory = database_url.startswith("sqlite")  # ten times as quick
    # Drawing is left out: it takes a hundred times as long as all the rest. The rows are real.
    app = create_app(
        {
            "SECRET_KEY": "a-secret-for-tests-that-is-long-enough",
            "SERVER_NAME": "localhost",
            "SQLALCHEMY_DATABASE_URI": "sqlite://" if in_memory else database_url,
            "MAIL_SERVER": "127.0.0.1",
            "ERASURE_LEDGER": str(tmp_path / "erased.txt"),
            "MAIL_DEFAULT_SENDER": "charte@example.org",
        }
    )
    with app.app_context():
        db.create_all()
    listen_to_statements(app, note_writing)
    copies = itertools.count()
    monkeypatch.setattr(fast_pdf, "draw_certificate", lambda snapshot: f"%PDF-{next(copies)}".encode())
    monkeypatch.setattr(seal, "seal_pdf", lambda pdf, *_, **__: pdf)
    monkeypatch.setattr(clock, "_time", lambda: Life.time)
    Life.app = app
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    with app.app_context():
        db.engine.dispose()
    often, rarely = (
        ("arrived", "confirmed", "withdrawn", "purged"),
        ("joined", "issued", "issued again", "moved", "waited"),
    )
    for what in (*often, *(rarely if examples >= 1000 else ())):  # a few walks may well miss some
        assert Life.seen[what] >= examples / 200, Life.seen
