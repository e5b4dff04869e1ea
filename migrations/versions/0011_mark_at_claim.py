"""Drop what told that a job may have stored artifacts: each is owed its deletion by its claim."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.drop_column("jobs", "stores_artifacts")


def downgrade() -> None:
    op.add_column(
        "jobs",
        sa.Column("stores_artifacts", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.alter_column("jobs", "stores_artifacts", server_default=sa.text("false"))
