"""Add uploads, and an index that counts an account's unfinished jobs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

# An upload waits, or has ended for good.
GUARD = """
CREATE FUNCTION guard_upload() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'waiting' AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'upload % has ended and cannot change', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("pet_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("part_bytes", sa.BigInteger(), nullable=True),
        sa.Column("multipart_id", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("job_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'completed', 'canceled', 'expired')",
            name=op.f("ck_uploads_state"),
        ),
        sa.CheckConstraint(
            "reason IN ('routine', 'worried', 'cute', 'other')", name=op.f("ck_uploads_reason")
        ),
        sa.CheckConstraint(
            "(state = 'completed') = (job_id IS NOT NULL)", name=op.f("ck_uploads_job")
        ),
        sa.CheckConstraint(
            "(part_bytes IS NULL) = (multipart_id IS NULL)", name=op.f("ck_uploads_parts")
        ),
        sa.CheckConstraint(
            "size_bytes > 0 AND octet_length(sha256) = 32", name=op.f("ck_uploads_announced")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_uploads_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pet_id"], ["pets.id"], name=op.f("fk_uploads_pet_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_uploads_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_account_id_id"), "uploads", ["account_id", "id"])
    op.create_index(op.f("ix_uploads_job_id"), "uploads", ["job_id"])
    op.create_index(op.f("ix_uploads_pet_id"), "uploads", ["pet_id"])
    op.create_index(
        "ix_uploads_waiting",
        "uploads",
        ["expires_at"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_jobs_in_hand",
        "jobs",
        ["account_id"],
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER guard_upload BEFORE UPDATE ON uploads "
        "FOR EACH ROW EXECUTE FUNCTION guard_upload()"
    )


def downgrade() -> None:
    op.drop_index("ix_jobs_in_hand", table_name="jobs")
    op.drop_table("uploads")
    op.execute("DROP FUNCTION guard_upload()")
