"""The nouns: what the database keeps."""

import enum
import secrets
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    TypeDecorator,
    false,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, attribute_keyed_dict, mapped_column, relationship


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime, always UTC. SQLite forgets time zones; this gives them back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive datetimes, which mean nothing here."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return UTC whatever the database kept."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _enum(kind: type[enum.Enum]) -> Enum:
    """Store an enum as its value, in a plain text column that any database can alter."""
    return Enum(kind, native_enum=False, length=32, values_callable=lambda e: [member.value for member in e])


#: A folded text; compared byte by byte, on every engine and in every locale.
FOLDED = String(400).with_variant(String(400, collation="C"), "postgresql")


class Base(DeclarativeBase):
    """Plain typed SQLAlchemy; constraints are named, so that migrations can drop them."""

    type_annotation_map = {datetime: UTCDateTime}


Base.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Status(enum.Enum):
    """How far a signature has come."""

    PENDING = "pending"  # the confirmation letter is not answered yet
    CONFIRMED = "confirmed"
    MERGED = "merged"  # confirmed into an earlier signature of the same person
    WITHDRAWN = "withdrawn"


class Role(enum.Enum):
    """What the signatory is in the election."""

    HEAD_OF_LIST = "tete-de-liste"
    LIST_MEMBER = "colistier"
    ELECTED = "elu"

    @property
    def label(self) -> str:
        """The role as it is printed."""
        labels = {"tete-de-liste": "tête de liste", "colistier": "colistier·ère", "elu": "élu·e"}
        return labels[self.value]


class LetterKind(enum.Enum):
    """What a letter is for; its templates are in the folder of that name in ``templates/mail``."""

    CONFIRM = "confirm"
    CONFIRMED = "confirmed"
    ACCESS = "access"
    MOVE = "move"  # to the new address: to be answered
    MOVING = "moving"  # to the old one, which may object
    WITHDRAWN = "withdrawn"
    HIDDEN = "hidden"  # the organisation no longer publishes it
    SEAL = "seal"  # to an organiser: about no signature
    JOB = "job"  # to an organiser: a nightly job failed


class LetterState(enum.Enum):
    """Where a letter is."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"  # by the relay, for good (SMTP 5xx)
    VOID = "void"  # what it was about is gone
    DENIED = "denied"  # no letter: the mailbox refused a signature, and gets none for a while


class ConsentPurpose(enum.Enum):
    """What a consent is for."""

    PUBLICATION = "publication"
    CONTACT = "contact"


def new_code() -> str:
    """Make a name for a signature that is safe to show and cannot be guessed (80 bits)."""
    return secrets.token_hex(10)


class Signature(Base):
    """One person's signature of the charter, from the form on."""

    __tablename__ = "signature"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    status: Mapped[Status] = mapped_column(_enum(Status), default=Status.PENDING)
    edition: Mapped[str | None] = mapped_column(String(64))
    given_name: Mapped[str | None] = mapped_column(String(60))
    family_name: Mapped[str | None] = mapped_column(String(60))
    #: The name folded (no case, accent or hyphen): what makes two signatures one person's.
    name_key: Mapped[str | None] = mapped_column(String(400))  # folding may lengthen: « ß » is « ss »
    role: Mapped[Role | None] = mapped_column(_enum(Role))
    commune: Mapped[str | None] = mapped_column(String(5))  # INSEE code
    list_name: Mapped[str | None] = mapped_column(String(80))
    email: Mapped[str | None] = mapped_column(String(254), index=True)
    created_at: Mapped[datetime]
    #: The last change made by its owner.
    touched_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    #: The new address, until the letter sent there is answered.
    new_email: Mapped[str | None] = mapped_column(String(254))
    #: The address before a move, while its owner may refuse the move.
    former_email: Mapped[str | None] = mapped_column(String(254))
    #: How often its owner closed their session: each time closes those opened before, on every device.
    closed_count: Mapped[int] = mapped_column(default=0, server_default="0")
    #: Whether search engines may show it: its owner may say no.
    indexable: Mapped[bool] = mapped_column(default=True, server_default=true())
    #: Whether the register has yet to take its last change: it waits out a silence.
    to_list: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: When the organisation took it out of the register, and why, as its owner reads it.
    hidden_at: Mapped[datetime | None]
    hidden_reason: Mapped[str | None] = mapped_column(String(500))
    #: Access links used so far. Each use makes the links sent before it worthless.
    access_count: Mapped[int] = mapped_column(default=0)
    #: Confirmation letters queued so far: the link of each replaces those before it.
    confirm_count: Mapped[int] = mapped_column(default=0, server_default="0")
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("signature.id"))

    pledges: Mapped[dict[int, "Pledge"]] = relationship(
        collection_class=attribute_keyed_dict("number"),
        cascade="all, delete-orphan",
        back_populates="signature",
        lazy="selectin",
        order_by="Pledge.number",
    )
    consents: Mapped[list["Consent"]] = relationship(cascade="all, delete-orphan")
    letters: Mapped[list["Letter"]] = relationship(
        cascade="all, delete-orphan", back_populates="signature", order_by="Letter.id"
    )
    events: Mapped[list["Event"]] = relationship(cascade="all, delete-orphan", order_by="Event.id")
    certificates: Mapped[list["Certificate"]] = relationship(
        cascade="all, delete-orphan", back_populates="signature", order_by="Certificate.id"
    )
    merged_into: Mapped["Signature | None"] = relationship(remote_side=[id], back_populates="merged")
    #: The later signatures of the same person that joined this one: they go when it goes.
    merged: Mapped[list["Signature"]] = relationship(
        cascade="all, delete-orphan", back_populates="merged_into", order_by="Signature.id"
    )

    __table_args__ = (
        CheckConstraint(
            "status = 'withdrawn' OR (email IS NOT NULL AND name_key IS NOT NULL AND commune IS NOT NULL)",
            name="named_once_signed",
        ),
        CheckConstraint("status != 'confirmed' OR confirmed_at IS NOT NULL", name="confirmed_is_dated"),
        # One person, one signature: whatever the tabs, devices and double clicks.
        Index(
            "uq_signature_confirmed_person",
            "email",
            "name_key",
            "commune",
            unique=True,
            sqlite_where=status == Status.CONFIRMED,
            postgresql_where=status == Status.CONFIRMED,
        ),
        # The few that wait for the register, among all those that do not.
        Index(
            "ix_signature_to_list",
            "id",
            sqlite_where=to_list.is_(True),
            postgresql_where=to_list.is_(True),
        ),
    )

    @property
    def full_name(self) -> str:
        """Given name, then family name."""
        return f"{self.given_name} {self.family_name}"

    @property
    def is_confirmed(self) -> bool:
        """Whether the person has confirmed it, and has not withdrawn it since."""
        return self.status is Status.CONFIRMED


class Pledge(Base):
    """One commitment, taken in one signature. No row: not taken."""

    __tablename__ = "pledge"

    signature_id: Mapped[int] = mapped_column(
        ForeignKey("signature.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime]
    signature: Mapped[Signature] = relationship(back_populates="pledges")


class Entry(Base):
    """One line of the register: a confirmed signature as the public reads it.

    Written by `app.register.update` alone, with what it changes. No line: not public.
    """

    __tablename__ = "entry"

    signature_id: Mapped[int] = mapped_column(
        ForeignKey("signature.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    code: Mapped[str] = mapped_column(String(20), unique=True)
    given_name: Mapped[str] = mapped_column(String(60))
    family_name: Mapped[str] = mapped_column(String(60))
    #: Family name, then given name, folded: the alphabetical order.
    sort_key: Mapped[str] = mapped_column(FOLDED)
    role: Mapped[Role] = mapped_column(_enum(Role))
    list_name: Mapped[str | None] = mapped_column(String(80))
    commune: Mapped[str] = mapped_column(String(5))  # INSEE code
    epci: Mapped[str] = mapped_column(String(9))  # SIREN
    district: Mapped[str] = mapped_column(String(4))  # INSEE code of the arrondissement
    #: The commitments taken, as bits: 1 for the first, 2 for the second, 4 for the third…
    mask: Mapped[int]
    #: The day on which each was taken, in Paris: {"1": "2026-03-01"}.
    taken_on: Mapped[dict[str, str]] = mapped_column(JSON)
    indexable: Mapped[bool]
    confirmed_at: Mapped[datetime]
    #: When this line last changed.
    changed_at: Mapped[datetime]

    __table_args__ = tuple(
        # Each place is read in both orders, a page at a time. With what else lines are chosen by, so that
        # the few of a rare kind are found without opening the many others.
        Index(f"ix_entry_{place or 'all'}_{order}", *filter(None, (place, order, "code")), "role", "mask")
        for place in (None, "commune", "epci", "district")
        for order in ("confirmed_at", "sort_key")
    )

    @property
    def full_name(self) -> str:
        """Given name, then family name."""
        return f"{self.given_name} {self.family_name}"

    @property
    def taken(self) -> dict[int, date]:
        """The commitments taken, and the day of each."""
        return {int(number): date.fromisoformat(day) for number, day in self.taken_on.items()}


class Spelling(Base):
    """One way to begin a public name: « martin elodie », « elodie martin ». What a search looks up."""

    __tablename__ = "spelling"

    code: Mapped[str] = mapped_column(ForeignKey("entry.code", ondelete="CASCADE"), primary_key=True)
    #: How many words it is turned by.
    position: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(FOLDED)
    #: How many of its first letters are also those of an earlier position: what is shorter is found there.
    known: Mapped[int]
    # As in the line: what a name is looked up with.
    role: Mapped[Role] = mapped_column(_enum(Role))
    commune: Mapped[str] = mapped_column(String(5))
    epci: Mapped[str] = mapped_column(String(9))
    district: Mapped[str] = mapped_column(String(4))
    mask: Mapped[int]

    __table_args__ = (
        # A commune may be a thousandth of the territory; the other places are not that small.
        Index("ix_spelling_key", "key", "code", "known", "role", "epci", "district", "mask"),
        Index("ix_spelling_commune", "commune", "key", "code", "known", "role", "epci", "district", "mask"),
    )


class Tally(Base):
    """How many lines of the register have one commitment, in one commune and one role. Number 0: any."""

    __tablename__ = "tally"

    number: Mapped[int] = mapped_column(primary_key=True)
    commune: Mapped[str] = mapped_column(String(5), primary_key=True)
    role: Mapped[Role] = mapped_column(_enum(Role), primary_key=True)
    count: Mapped[int]


class Revision(Base):
    """How often, and when last, the register changed in one EPCI: what caches ask.

    By commune, it would reveal in which village the only signature was withdrawn.
    """

    __tablename__ = "revision"

    epci: Mapped[str] = mapped_column(String(9), primary_key=True)
    number: Mapped[int]
    changed_at: Mapped[datetime]


class Consent(Base):
    """One thing agreed to, with the words that were on the screen: the proof that RGPD art. 7 asks."""

    __tablename__ = "consent"

    id: Mapped[int] = mapped_column(primary_key=True)
    signature_id: Mapped[int] = mapped_column(ForeignKey("signature.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[ConsentPurpose] = mapped_column(_enum(ConsentPurpose))
    wording: Mapped[str]
    edition: Mapped[str] = mapped_column(String(64))
    given_at: Mapped[datetime]


class Certificate(Base):
    """What a confirmed signature said on one day, under a number, in a sealed PDF. Never changed.

    Once the signature is withdrawn, only the number, the day and the hash are left: enough to verify a
    copy of the file.
    """

    __tablename__ = "certificate"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(14), unique=True)  # `certificates.numbers`: XXXX-XXXX-XXXX
    signature_id: Mapped[int] = mapped_column(ForeignKey("signature.id", ondelete="CASCADE"), index=True)
    issued_at: Mapped[datetime]
    #: A `Snapshot`, as JSON: texts and all, to be read again when the charter has another edition.
    content: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    pdf: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)  # of the PDF, in hexadecimal
    signature: Mapped[Signature] = relationship(back_populates="certificates")


class Deed(Base):
    """One act of an organiser about a signature. Append-only; a withdrawal erases its words."""

    __tablename__ = "deed"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(254))
    what: Mapped[str] = mapped_column(String(40))
    code: Mapped[str] = mapped_column(String(20), index=True)
    words: Mapped[str | None] = mapped_column(String(500))


class Job(Base):
    """A nightly job: when it last came to its end, and whether it has failed since."""

    __tablename__ = "job"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    succeeded_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]


class Letter(Base):
    """An e-mail owed. Its text is made when it is sent: no link and no personal text lies here."""

    __tablename__ = "letter"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[LetterKind] = mapped_column(_enum(LetterKind))
    state: Mapped[LetterState] = mapped_column(_enum(LetterState), default=LetterState.WAITING)
    signature_id: Mapped[int | None] = mapped_column(
        ForeignKey("signature.id", ondelete="CASCADE"), index=True
    )
    address: Mapped[str] = mapped_column(String(254))
    #: The left part of the Message-ID, kept through retries so that a second copy is recognised.
    message_key: Mapped[str] = mapped_column(String(32), unique=True)
    created_at: Mapped[datetime]
    #: Not to be tried before. Claiming a letter moves it forward, so a courier that dies lets go of it.
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    #: The last answer of the relay.
    trouble: Mapped[str | None] = mapped_column(String(200))
    signature: Mapped[Signature | None] = relationship(back_populates="letters")

    __table_args__ = (
        Index("ix_letter_due", "state", "due_at"),
        Index("ix_letter_address", "address", "created_at"),
    )


class Event(Base):
    """One line of the journal: append only."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    what: Mapped[str] = mapped_column(String(40))
    signature_id: Mapped[int | None] = mapped_column(
        ForeignKey("signature.id", ondelete="CASCADE"), index=True
    )
    #: Of the commitment, where the event is about one; how many rows, where it is about an erasure.
    number: Mapped[int | None]

    def __init__(self, what: str, at: datetime, **facts: Any) -> None:
        super().__init__(what=what, at=at, **facts)
