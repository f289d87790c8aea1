"""the register: its lines, their spellings, and the counts"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROLE = sa.Enum("tete-de-liste", "colistier", "elu", name="role", native_enum=False, length=32)
FOLDED = sa.String(length=400).with_variant(sa.String(length=400, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "revision",
        sa.Column("epci", sa.String(length=9), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("epci", name=op.f("pk_revision")),
    )
    op.create_table(
        "tally",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("commune", sa.String(length=5), nullable=False),
        sa.Column("role", ROLE, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", "commune", "role", name=op.f("pk_tally")),
    )
    op.create_table(
        "entry",
        sa.Column("signature_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("given_name", sa.String(length=60), nullable=False),
        sa.Column("family_name", sa.String(length=60), nullable=False),
        sa.Column("sort_key", FOLDED, nullable=False),
        sa.Column("role", ROLE, nullable=False),
        sa.Column("list_name", sa.String(length=80), nullable=True),
        sa.Column("commune", sa.String(length=5), nullable=False),
        sa.Column("epci", sa.String(length=9), nullable=False),
        sa.Column("district", sa.String(length=4), nullable=False),
        sa.Column("mask", sa.Integer(), nullable=False),
        sa.Column("taken_on", sa.JSON(), nullable=False),
        sa.Column("indexable", sa.Boolean(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["signature_id"], ["signature.id"], name=op.f("fk_entry_signature_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("signature_id", name=op.f("pk_entry")),
        sa.UniqueConstraint("code", name=op.f("uq_entry_code")),
    )
    with op.batch_alter_table("entry") as batch_op:
        batch_op.create_index(
            "ix_entry_all_confirmed_at", ["confirmed_at", "code", "role", "mask"], unique=False
        )
        batch_op.create_index("ix_entry_all_sort_key", ["sort_key", "code", "role", "mask"], unique=False)
        batch_op.create_index(
            "ix_entry_commune_confirmed_at", ["commune", "confirmed_at", "code", "role", "mask"], unique=False
        )
        batch_op.create_index(
            "ix_entry_commune_sort_key", ["commune", "sort_key", "code", "role", "mask"], unique=False
        )
        batch_op.create_index(
            "ix_entry_district_confirmed_at",
            ["district", "confirmed_at", "code", "role", "mask"],
            unique=False,
        )
        batch_op.create_index(
            "ix_entry_district_sort_key", ["district", "sort_key", "code", "role", "mask"], unique=False
        )
        batch_op.create_index(
            "ix_entry_epci_confirmed_at", ["epci", "confirmed_at", "code", "role", "mask"], unique=False
        )
        batch_op.create_index(
            "ix_entry_epci_sort_key", ["epci", "sort_key", "code", "role", "mask"], unique=False
        )

    op.create_table(
        "spelling",
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", FOLDED, nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("role", ROLE, nullable=False),
        sa.Column("commune", sa.String(length=5), nullable=False),
        sa.Column("epci", sa.String(length=9), nullable=False),
        sa.Column("district", sa.String(length=4), nullable=False),
        sa.Column("mask", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["code"], ["entry.code"], name=op.f("fk_spelling_code"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("code", "position", name=op.f("pk_spelling")),
    )
    with op.batch_alter_table("spelling") as batch_op:
        batch_op.create_index(
            "ix_spelling_commune",
            ["commune", "key", "code", "known", "role", "epci", "district", "mask"],
            unique=False,
        )
        batch_op.create_index(
            "ix_spelling_key", ["key", "code", "known", "role", "epci", "district", "mask"], unique=False
        )

    with op.batch_alter_table("signature") as batch_op:
        batch_op.add_column(sa.Column("indexable", sa.Boolean(), server_default=sa.true(), nullable=False))
        batch_op.add_column(sa.Column("to_list", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.drop_index(batch_op.f("ix_signature_commune"))
        batch_op.drop_index(batch_op.f("ix_signature_register"))
        batch_op.create_index(
            "ix_signature_to_list",
            ["id"],
            unique=False,
            sqlite_where=sa.text("to_list IS 1"),
            postgresql_where=sa.text("to_list IS true"),
        )
    # What was confirmed before is listed by the first start: only the program knows how.
    op.execute("UPDATE signature SET to_list = true WHERE status = 'confirmed'")


def downgrade() -> None:
    with op.batch_alter_table("signature") as batch_op:
        batch_op.drop_index("ix_signature_to_list")
        batch_op.create_index(
            batch_op.f("ix_signature_register"), ["status", "confirmed_at", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_signature_commune"), ["commune", "status", "confirmed_at", "id"], unique=False
        )
        batch_op.drop_column("to_list")
        batch_op.drop_column("indexable")

    with op.batch_alter_table("spelling") as batch_op:
        batch_op.drop_index("ix_spelling_key")
        batch_op.drop_index("ix_spelling_commune")

    op.drop_table("spelling")
    with op.batch_alter_table("entry") as batch_op:
        batch_op.drop_index("ix_entry_epci_sort_key")
        batch_op.drop_index("ix_entry_epci_confirmed_at")
        batch_op.drop_index("ix_entry_district_sort_key")
        batch_op.drop_index("ix_entry_district_confirmed_at")
        batch_op.drop_index("ix_entry_commune_sort_key")
        batch_op.drop_index("ix_entry_commune_confirmed_at")
        batch_op.drop_index("ix_entry_all_sort_key")
        batch_op.drop_index("ix_entry_all_confirmed_at")

    op.drop_table("entry")
    op.drop_table("tally")
    op.drop_table("revision")
