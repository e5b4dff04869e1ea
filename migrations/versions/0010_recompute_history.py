"""Let every summary and trend be computed anew: what a session's clips say is read differently."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute(
        "INSERT INTO history_changes (pet_id, at) "
        "SELECT DISTINCT pet_id, NULL::timestamptz FROM assessments"
    )
    op.execute("DELETE FROM pet_trends")


def downgrade() -> None:
    """Nothing to take back: what was stored is computed again from the assessments."""
