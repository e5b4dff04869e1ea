"""Let a pet say that it is simulated, so that a demonstration is never taken for an animal."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column(
        "pets",
        sa.Column("is_simulated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("pets", "is_simulated")
