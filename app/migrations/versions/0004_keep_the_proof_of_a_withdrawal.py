"""keep the proof of a withdrawal, and nothing else"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NAMED = "email IS NOT NULL AND name_key IS NOT NULL AND commune IS NOT NULL"


def upgrade() -> None:
    with op.batch_alter_table("signature") as batch_op:
        batch_op.drop_constraint(op.f("ck_signature_named_once_signed"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_signature_named_once_signed"), f"status IN ('draft', 'withdrawn') OR ({NAMED})"
        )
    with op.batch_alter_table("certificate") as batch_op:
        batch_op.alter_column("content", existing_type=sa.JSON(), nullable=True)
        batch_op.alter_column("pdf", existing_type=sa.LargeBinary(), nullable=True)
    # What a former downgrade had to fill in.
    op.execute(
        "UPDATE signature SET email = NULL, name_key = NULL, commune = NULL"
        " WHERE status = 'withdrawn' AND email = ''"
    )
    op.execute(
        "UPDATE certificate SET content = NULL, pdf = NULL WHERE signature_id IN"
        " (SELECT id FROM signature WHERE status = 'withdrawn' AND email IS NULL)"
    )


def downgrade() -> None:
    # A withdrawn signature keeps being the proof it is; the columns that must not be empty say nothing.
    op.execute(
        "UPDATE signature SET email = '', name_key = '', commune = ''"
        " WHERE status = 'withdrawn' AND email IS NULL"
    )
    op.execute("UPDATE certificate SET content = '{}', pdf = '' WHERE pdf IS NULL")
    with op.batch_alter_table("certificate") as batch_op:
        batch_op.alter_column("pdf", existing_type=sa.LargeBinary(), nullable=False)
        batch_op.alter_column("content", existing_type=sa.JSON(), nullable=False)
    with op.batch_alter_table("signature") as batch_op:
        batch_op.drop_constraint(op.f("ck_signature_named_once_signed"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_signature_named_once_signed"), f"status = 'draft' OR ({NAMED})"
        )
