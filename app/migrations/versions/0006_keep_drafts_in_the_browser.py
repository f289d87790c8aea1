"""keep drafts in the browser, and erase those that the database holds"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NAMED = "email IS NOT NULL AND name_key IS NOT NULL AND commune IS NOT NULL"
CHECK = "ck_signature_named_once_signed"


def upgrade() -> None:
    drafts = sa.text("SELECT id FROM signature WHERE status = 'draft'")
    # SQLite does not follow foreign keys while it alters a table.
    for table in ("pledge", "consent", "letter", "event", "certificate"):
        rows = sa.table(table, sa.column("signature_id", sa.Integer))
        op.execute(sa.delete(rows).where(rows.c.signature_id.in_(drafts)))
    op.execute("DELETE FROM signature WHERE status = 'draft'")
    with op.batch_alter_table("signature") as batch_op:
        batch_op.drop_constraint(op.f(CHECK), type_="check")
        batch_op.create_check_constraint(op.f(CHECK), f"status = 'withdrawn' OR ({NAMED})")


def downgrade() -> None:
    with op.batch_alter_table("signature") as batch_op:
        batch_op.drop_constraint(op.f(CHECK), type_="check")
        batch_op.create_check_constraint(op.f(CHECK), f"status IN ('draft', 'withdrawn') OR ({NAMED})")
