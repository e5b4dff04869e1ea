"""Create the schema, and the trigger that refuses illegal moves of a job."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

GUARD = """
CREATE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('queued', 'running'), ('queued', 'canceled'), ('queued', 'expired'),
        ('running', 'queued'), ('running', 'succeeded'), ('running', 'failed'),
        ('running', 'canceled'), ('running', 'expired'))
    THEN
        RAISE EXCEPTION 'job %: illegal move % -> %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.finished_at IS NOT NULL AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'job % has ended and cannot change', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.progress < OLD.progress THEN
        RAISE EXCEPTION 'job %: progress falls from % to %', OLD.id, OLD.progress, NEW.progress
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "deletions",
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("prefix", name=op.f("pk_deletions")),
    )
    op.create_index(op.f("ix_deletions_due_at"), "deletions", ["due_at"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_api_keys_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_api_keys_secret_sha256")),
    )
    op.create_index(op.f("ix_api_keys_account_id"), "api_keys", ["account_id"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_idempotency_keys_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(
        op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False
    )
    op.create_table(
        "pets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("species", sa.Text(), nullable=False),
        sa.Column("breed", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("species IN ('dog', 'cat')", name=op.f("ck_pets_species")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_pets_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pets")),
    )
    op.create_index(op.f("ix_pets_account_id_id"), "pets", ["account_id", "id"], unique=False)
    op.create_table(
        "clips",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("pet_id", sa.Uuid(), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "reason IN ('routine', 'worried', 'cute', 'other')", name=op.f("ck_clips_reason")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_clips_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pet_id"], ["pets.id"], name=op.f("fk_clips_pet_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clips")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_clips_storage_key")),
    )
    op.create_index(op.f("ix_clips_account_id_id"), "clips", ["account_id", "id"], unique=False)
    op.create_index(
        op.f("ix_clips_account_id_sha256"), "clips", ["account_id", "sha256"], unique=False
    )
    op.create_index(op.f("ix_clips_pet_id"), "clips", ["pet_id"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("clip_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("step", sa.Text(), server_default="extract", nullable=False),
        sa.Column("resume_step", sa.Text(), server_default="extract", nullable=False),
        sa.Column("artifact_key", sa.Text(), nullable=True),
        sa.Column(
            "stores_artifacts", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column("progress", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("transient_failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_of", sa.Uuid(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'failed') = (error_code IS NOT NULL)", name=op.f("ck_jobs_error")
        ),
        sa.CheckConstraint(
            "(status = 'running') = (lease_token IS NOT NULL)", name=op.f("ck_jobs_lease")
        ),
        sa.CheckConstraint(
            "(status IN ('queued', 'running')) = (finished_at IS NULL)",
            name=op.f("ck_jobs_finished"),
        ),
        sa.CheckConstraint(
            "progress BETWEEN 0 AND 100 AND (progress = 100) = (status = 'succeeded')",
            name=op.f("ck_jobs_progress"),
        ),
        sa.CheckConstraint(
            "resume_step IN ('extract', 'encode', 'fuse')", name=op.f("ck_jobs_resume_step")
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'canceled', 'expired')",
            name=op.f("ck_jobs_status"),
        ),
        sa.CheckConstraint("step IN ('extract', 'encode', 'fuse')", name=op.f("ck_jobs_step")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_jobs_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clips.id"], name=op.f("fk_jobs_clip_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_account_id_id"), "jobs", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_jobs_clip_id"), "jobs", ["clip_id"], unique=False)
    op.create_index(
        "ix_jobs_unfinished",
        "jobs",
        ["status"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "assessments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("pet_id", sa.Uuid(), nullable=False),
        sa.Column("clip_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("emotion", sa.Text(), nullable=True),
        sa.Column("abstention_code", sa.Text(), nullable=True),
        sa.Column("bundle", sa.Text(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(emotion IS NULL) = (abstention_code IS NOT NULL)",
            name=op.f("ck_assessments_decision"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_assessments_account_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clips.id"], name=op.f("fk_assessments_clip_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_assessments_job_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pet_id"], ["pets.id"], name=op.f("fk_assessments_pet_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessments")),
        sa.UniqueConstraint("job_id", name=op.f("uq_assessments_job_id")),
    )
    op.create_index(op.f("ix_assessments_clip_id"), "assessments", ["clip_id"], unique=False)
    op.create_index(
        op.f("ix_assessments_pet_id_recorded_at_id"),
        "assessments",
        ["pet_id", "recorded_at", "id"],
        unique=False,
    )
    op.create_table(
        "outbox",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_outbox_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_queue_due_at"), "outbox", ["queue", "due_at"], unique=False)
    op.create_table(
        "step_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('done', 'failed', 'transient', 'crashed', 'handed_back', 'lost')",
            name=op.f("ck_step_attempts_outcome"),
        ),
        sa.CheckConstraint(
            "step IN ('extract', 'encode', 'fuse')", name=op.f("ck_step_attempts_step")
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_step_attempts_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_step_attempts")),
        sa.UniqueConstraint("lease_token", "step", name=op.f("uq_step_attempts_lease_token_step")),
    )
    op.create_index(op.f("ix_step_attempts_job_id"), "step_attempts", ["job_id"], unique=False)
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER guard_job BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION guard_job()"
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_step_attempts_job_id"), table_name="step_attempts")
    op.drop_table("step_attempts")
    op.drop_index(op.f("ix_outbox_queue_due_at"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_index(op.f("ix_assessments_pet_id_recorded_at_id"), table_name="assessments")
    op.drop_index(op.f("ix_assessments_clip_id"), table_name="assessments")
    op.drop_table("assessments")
    op.drop_index(
        "ix_jobs_unfinished", table_name="jobs", postgresql_where=sa.text("finished_at IS NULL")
    )
    op.drop_index(op.f("ix_jobs_clip_id"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_account_id_id"), table_name="jobs")
    op.drop_table("jobs")
    op.drop_index(op.f("ix_clips_pet_id"), table_name="clips")
    op.drop_index(op.f("ix_clips_account_id_sha256"), table_name="clips")
    op.drop_index(op.f("ix_clips_account_id_id"), table_name="clips")
    op.drop_table("clips")
    op.drop_index(op.f("ix_pets_account_id_id"), table_name="pets")
    op.drop_table("pets")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index(op.f("ix_api_keys_account_id"), table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_index(op.f("ix_deletions_due_at"), table_name="deletions")
    op.drop_table("deletions")
    op.drop_table("accounts")
    op.execute("DROP FUNCTION guard_job()")
