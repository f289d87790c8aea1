"""signatures, letters, journal"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "signature",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "pending",
                "confirmed",
                "merged",
                "withdrawn",
                name="status",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("edition", sa.String(length=64), nullable=True),
        sa.Column("given_name", sa.String(length=60), nullable=True),
        sa.Column("family_name", sa.String(length=60), nullable=True),
        sa.Column("name_key", sa.String(length=400), nullable=True),
        sa.Column(
            "role",
            sa.Enum("tete-de-liste", "colistier", "elu", name="role", native_enum=False, length=32),
            nullable=True,
        ),
        sa.Column("commune", sa.String(length=5), nullable=True),
        sa.Column("list_name", sa.String(length=80), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("access_count", sa.Integer(), nullable=False),
        sa.Column("merged_into_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "status != 'confirmed' OR confirmed_at IS NOT NULL", name=op.f("ck_signature_confirmed_is_dated")
        ),
        sa.CheckConstraint(
            "status = 'draft' OR (email IS NOT NULL AND name_key IS NOT NULL AND commune IS NOT NULL)",
            name=op.f("ck_signature_named_once_signed"),
        ),
        sa.ForeignKeyConstraint(
            ["merged_into_id"], ["signature.id"], name=op.f("fk_signature_merged_into_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature")),
        sa.UniqueConstraint("code", name=op.f("uq_signature_code")),
    )
    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.create_index(
            "ix_signature_commune", ["commune", "status", "confirmed_at", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_signature_email"), ["email"], unique=False)
        batch_op.create_index("ix_signature_register", ["status", "confirmed_at", "id"], unique=False)
        batch_op.create_index(
            "uq_signature_confirmed_person",
            ["email", "name_key", "commune"],
            unique=True,
            sqlite_where=sa.text("status = 'confirmed'"),
            postgresql_where=sa.text("status = 'confirmed'"),
        )

    op.create_table(
        "certificate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=14), nullable=False),
        sa.Column("signature_id", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["signature_id"], ["signature.id"], name=op.f("fk_certificate_signature_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate")),
        sa.UniqueConstraint("number", name=op.f("uq_certificate_number")),
        sa.UniqueConstraint("signature_id", name=op.f("uq_certificate_signature_id")),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("signature_id", sa.Integer(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum("publication", "contact", name="consentpurpose", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("wording", sa.String(), nullable=False),
        sa.Column("edition", sa.String(length=64), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["signature_id"], ["signature.id"], name=op.f("fk_consent_signature_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_signature_id"), ["signature_id"], unique=False)

    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("signature_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["signature_id"], ["signature.id"], name=op.f("fk_event_signature_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_signature_id"), ["signature_id"], unique=False)

    op.create_table(
        "letter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("confirm", "confirmed", "access", name="letterkind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum("waiting", "sent", "refused", "void", name="letterstate", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("signature_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("message_key", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["signature_id"], ["signature.id"], name=op.f("fk_letter_signature_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter")),
        sa.UniqueConstraint("message_key", name=op.f("uq_letter_message_key")),
    )
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.create_index("ix_letter_address", ["address", "created_at"], unique=False)
        batch_op.create_index("ix_letter_due", ["state", "due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_letter_signature_id"), ["signature_id"], unique=False)

    op.create_table(
        "pledge",
        sa.Column("signature_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["signature_id"], ["signature.id"], name=op.f("fk_pledge_signature_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("signature_id", "number", name=op.f("pk_pledge")),
    )


def downgrade() -> None:

    op.drop_table("pledge")
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_letter_signature_id"))
        batch_op.drop_index("ix_letter_due")
        batch_op.drop_index("ix_letter_address")

    op.drop_table("letter")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_signature_id"))

    op.drop_table("event")
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consent_signature_id"))

    op.drop_table("consent")
    op.drop_table("certificate")
    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_signature_confirmed_person",
            sqlite_where=sa.text("status = 'confirmed'"),
            postgresql_where=sa.text("status = 'confirmed'"),
        )
        batch_op.drop_index("ix_signature_register")
        batch_op.drop_index(batch_op.f("ix_signature_email"))
        batch_op.drop_index("ix_signature_commune")

    op.drop_table("signature")
