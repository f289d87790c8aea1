"""signatures that the organisation hides, and the log of its deeds"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("signature") as batch_op:
        batch_op.add_column(sa.Column("hidden_at", sa.DateTime(timezone=True)))
        batch_op.add_column(sa.Column("hidden_reason", sa.String(500)))
    op.create_table(
        "deed",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(254), nullable=False),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("words", sa.String(500)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deed")),
    )
    op.create_index(op.f("ix_deed_code"), "deed", ["code"])


def downgrade() -> None:
    op.drop_table("deed")
    with op.batch_alter_table("signature") as batch_op:
        batch_op.drop_column("hidden_reason")
        batch_op.drop_column("hidden_at")
