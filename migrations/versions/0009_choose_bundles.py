"""Let a job and an upload name the bundle that decides, and keep what a shadow bundle said."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("bundle", sa.Text()))
    op.add_column("uploads", sa.Column("bundle", sa.Text()))
    op.create_table(
        "shadows",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("bundle", sa.Text(), nullable=False),
        sa.Column("emotion", sa.Text()),
        sa.Column("result", postgresql.JSONB(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("job_id", name="pk_shadows"),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_shadows_job_id_jobs", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("shadows")
    op.drop_column("uploads", "bundle")
    op.drop_column("jobs", "bundle")
