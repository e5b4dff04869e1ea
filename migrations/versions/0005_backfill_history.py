"""Give old assessments their clip's reason, and let every pet's history be summarised."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute(
        "UPDATE assessments SET reason = clips.reason FROM clips "
        "WHERE clips.id = clip_id AND assessments.reason <> clips.reason"
    )
    op.execute(
        "INSERT INTO history_changes (pet_id, at) "
        "SELECT DISTINCT pet_id, NULL::timestamptz FROM assessments"
    )
    op.execute("INSERT INTO trends_owed (pet_id) SELECT DISTINCT pet_id FROM assessments")


def downgrade() -> None:
    """Nothing to take back: the tables that it filled go with 0004."""
