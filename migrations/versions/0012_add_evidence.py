"""Keep what each day's and week's clips say of its rates, so that neighbours can be heard.

Code before this one writes summaries without it; they are made anew when they are next read.
"""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute("ALTER TABLE summaries ADD COLUMN evidence bytea")
    op.execute(
        "CREATE INDEX ix_summaries_stale ON summaries (pet_id) WHERE NOT summary ? 'n_tense'"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE summaries DROP COLUMN evidence")
    op.execute(
        "INSERT INTO history_changes (pet_id, at) "
        "SELECT DISTINCT pet_id, NULL::timestamptz FROM assessments"
    )
