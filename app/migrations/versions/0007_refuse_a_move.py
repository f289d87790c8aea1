"""keep the former address of a signature for a week, so that its owner may refuse the move"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("signature") as batch_op:
        batch_op.add_column(sa.Column("former_email", sa.String(254)))


def downgrade() -> None:
    with op.batch_alter_table("signature") as batch_op:
        batch_op.drop_column("former_email")
