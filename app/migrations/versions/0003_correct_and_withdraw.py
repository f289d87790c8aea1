"""corrections and withdrawals"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("signature", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("signature", sa.Column("new_email", sa.String(length=254), nullable=True))
    op.add_column("signature", sa.Column("closed_count", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("signature", "closed_count")
    op.drop_column("signature", "new_email")
    op.drop_column("signature", "withdrawn_at")
