"""Add what history, trend and alerts are made of, and the triggers that keep them true."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

INDEX = "ix_assessments_pet_id_recorded_at_id"
KEY = ["pet_id", "recorded_at", "id"]
COVERED = [
    *("clip_id", "reason", "bundle", "calibrated"),
    *("relaxed", "alert", "anxious", "playful", "distressed"),
]
REASONS = "reason IN ('routine', 'worried', 'cute', 'other')"
RETENTIONS = "retention IN ('keep', 'days', 'delete_after_analysis')"


def _probability(emotion: str) -> str:
    """Repeat a class's probability; not where the assessment abstained, whatever it says."""
    path = f"(result -> 'probabilities'::text) ->> '{emotion}'::text"
    return f"""
ADD COLUMN {emotion.lower()} double precision GENERATED ALWAYS AS (
    CASE WHEN abstention_code IS NULL THEN ({path})::double precision
         ELSE NULL::double precision END) STORED"""


EMOTIONS = ("Relaxed", "Alert", "Anxious", "Playful", "Distressed")
REPEATED = f"""
ALTER TABLE assessments ADD COLUMN reason text NOT NULL DEFAULT 'other',
{", ".join(map(_probability, EMOTIONS))},
ADD COLUMN calibrated boolean NOT NULL
    GENERATED ALWAYS AS (COALESCE((result ->> 'calibrated'::text)::boolean, false)) STORED
"""

# A change of history raises the pet's version, says which times it touched, and asks for the
# alerts to follow. The rows of pets are locked in one order: two moves never wait for each other.
# A pet that is being deleted is not there any more, and nothing is written about it.
MARK = """
CREATE FUNCTION mark_history(changed uuid[], times timestamptz[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM pets WHERE id = ANY (changed) ORDER BY id FOR NO KEY UPDATE;
    UPDATE pets SET history_version = history_version + 1 WHERE id = ANY (changed);
    INSERT INTO history_changes (pet_id, at)
    SELECT pets.id, one.at FROM unnest(changed, times) AS one (pet_id, at)
      JOIN pets ON pets.id = one.pet_id;
    INSERT INTO trends_owed (pet_id) SELECT id FROM pets WHERE id = ANY (changed)
    ON CONFLICT DO NOTHING;
END $$
"""


def _function(name: str, body: str) -> str:
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
{body}
END $$
"""


def _mark(rows: str) -> str:
    """Mark the history of what a query of pet_id and at gives, if it gives anything."""
    return f"""
    PERFORM mark_history(array_agg(pet_id), array_agg(at)) FROM ({rows}) AS touched
      HAVING count(*) > 0;
    RETURN NULL;
"""


CHANGED = "SELECT pet_id, recorded_at AS at FROM changed"
MOVED = """
    UPDATE verdicts SET pet_id = after.pet_id FROM after JOIN before USING (id)
     WHERE assessment_id = after.id AND after.pet_id <> before.pet_id;
    UPDATE alerts SET pet_id = after.pet_id FROM after JOIN before USING (id)
     WHERE assessment_id = after.id AND after.pet_id <> before.pet_id;
"""
# What a trend reads of an assessment. The rest of it may be written again without a recomputation.
READ = "{0}.pet_id, {0}.recorded_at, {0}.reason, {0}.bundle, {0}.result, {0}.clip_id"
MOVED_ROWS = f"""
    SELECT side.pet_id, side.at FROM after JOIN before USING (id),
           LATERAL (VALUES (before.pet_id, before.recorded_at),
                           (after.pet_id, after.recorded_at)) AS side (pet_id, at)
     WHERE ({READ.format("after")}) IS DISTINCT FROM ({READ.format("before")})
"""  # noqa: S608 - READ is the literal above
JUDGED = """
    SELECT changed.pet_id, recorded_at AS at
      FROM changed JOIN assessments ON assessments.id = assessment_id
"""
# A baseline changes the trend and no summary.
ANCHORED = """
    PERFORM FROM pets WHERE id IN (SELECT pet_id FROM changed) ORDER BY id FOR NO KEY UPDATE;
    UPDATE pets SET history_version = history_version + 1
     WHERE id IN (SELECT pet_id FROM changed);
    INSERT INTO trends_owed (pet_id)
    SELECT id FROM pets WHERE id IN (SELECT pet_id FROM changed) ON CONFLICT DO NOTHING;
    RETURN NULL;
"""
RULED = """
    SELECT pet_id INTO NEW.pet_id FROM assessments WHERE id = NEW.assessment_id;
    RETURN NEW;
"""
ZONED = """
    NEW.history_version := OLD.history_version + 1;
    INSERT INTO history_changes (pet_id, at) VALUES (NEW.id, NULL);
    INSERT INTO trends_owed (pet_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    RETURN NEW;
"""


def _on(table: str, event: str, function: str) -> str:
    side = "OLD" if event == "DELETE" else "NEW"
    return (
        f"CREATE TRIGGER {function}_on_{event.lower()} AFTER {event} ON {table}"
        f" REFERENCING {side} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
    )


MARKED = (
    _function("mark_assessments", _mark(CHANGED)),
    _function("mark_moves", MOVED + _mark(MOVED_ROWS)),
    _function("mark_verdicts", _mark(JUDGED)),
    _function("mark_baselines", ANCHORED),
    _function("place_verdict", RULED),
    _function("mark_time_zone", ZONED),
    _on("assessments", "INSERT", "mark_assessments"),
    _on("assessments", "DELETE", "mark_assessments"),
    "CREATE TRIGGER mark_moves AFTER UPDATE ON assessments REFERENCING OLD TABLE AS before"
    " NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION mark_moves()",
    *(_on("verdicts", event, "mark_verdicts") for event in ("INSERT", "UPDATE", "DELETE")),
    *(_on("baselines", event, "mark_baselines") for event in ("INSERT", "UPDATE", "DELETE")),
    "CREATE TRIGGER place_verdict BEFORE INSERT ON verdicts"
    " FOR EACH ROW EXECUTE FUNCTION place_verdict()",
    "CREATE TRIGGER mark_time_zone BEFORE UPDATE OF time_zone ON pets FOR EACH ROW"
    " WHEN (OLD.time_zone <> NEW.time_zone) EXECUTE FUNCTION mark_time_zone()",
)
TRIGGERS = (
    *(("assessments", f"mark_assessments_on_{event}") for event in ("insert", "delete")),
    ("assessments", "mark_moves"),
    *(("verdicts", f"mark_verdicts_on_{event}") for event in ("insert", "update", "delete")),
    *(("baselines", f"mark_baselines_on_{event}") for event in ("insert", "update", "delete")),
    ("verdicts", "place_verdict"),
    ("pets", "mark_time_zone"),
)
FUNCTIONS = (
    "mark_assessments",
    "mark_moves",
    "mark_verdicts",
    "mark_baselines",
    "place_verdict",
    "mark_time_zone",
    "mark_history",
)


def upgrade() -> None:
    op.create_table(
        "baselines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pet_id", sa.Uuid(), nullable=False),
        sa.Column("anchored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["pet_id"], ["pets.id"], name=op.f("fk_baselines_pet_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_baselines")),
    )
    op.create_index(op.f("ix_baselines_pet_id_id"), "baselines", ["pet_id", "id"], unique=False)
    op.create_table(
        "history_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("pet_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["pet_id"], ["pets.id"], name=op.f("fk_history_changes_pet_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_changes")),
    )
    op.create_index(op.f("ix_history_changes_pet_id"), "history_changes", ["pet_id"], unique=False)
    op.create_table(
        "notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pet_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind IN ('fireworks', 'visitors', 'alone', 'travel', 'move', 'medication',"
            " 'vet_visit', 'snooze', 'other')",
            name=op.f("ck_notes_kind"),
        ),
        sa.CheckConstraint("until >= at", name=op.f("ck_notes_span")),
        sa.ForeignKeyConstraint(
            ["pet_id"], ["pets.id"], name=op.f("fk_notes_pet_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    op.create_index(op.f("ix_notes_pet_id_at_id"), "notes", ["pet_id", "at", "id"], unique=False)
    op.create_table(
        "pet_trends",
        sa.Column("pet_id", sa.Uuid(), nullable=False),
        sa.Column("budget_per_year", sa.Double(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("local_day", sa.Date(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "computed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["pet_id"], ["pets.id"], name=op.f("fk_pet_trends_pet_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pet_id", "budget_per_year", name=op.f("pk_pet_trends")),
    )
    op.create_table(
        "summaries",
        sa.Column("pet_id", sa.Uuid(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("begins", sa.Date(), nullable=False),
        sa.Column("n_clips", sa.Integer(), nullable=False),
        sa.Column("n_abstained", sa.Integer(), nullable=False),
        sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("bucket IN ('day', 'week')", name=op.f("ck_summaries_bucket")),
        sa.ForeignKeyConstraint(
            ["pet_id"], ["pets.id"], name=op.f("fk_summaries_pet_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pet_id", "bucket", "begins", name=op.f("pk_summaries")),
    )
    op.create_table(
        "trends_owed",
        sa.Column("pet_id", sa.Uuid(), nullable=False),
        sa.Column(
            "since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["pet_id"], ["pets.id"], name=op.f("fk_trends_owed_pet_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pet_id", name=op.f("pk_trends_owed")),
    )
    op.create_index(op.f("ix_trends_owed_since"), "trends_owed", ["since"], unique=False)
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pet_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pushed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(kind = 'red_flag') = (assessment_id IS NOT NULL)", name=op.f("ck_alerts_assessment")
        ),
        sa.CheckConstraint(
            "(state = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_alerts_closed")
        ),
        sa.CheckConstraint(
            "(state = 'snoozed') = (snoozed_until IS NOT NULL)", name=op.f("ck_alerts_snoozed")
        ),
        sa.CheckConstraint(
            "kind IN ('trend_less_play', 'trend_worse', 'red_flag')", name=op.f("ck_alerts_kind")
        ),
        sa.CheckConstraint("state IN ('open', 'snoozed', 'closed')", name=op.f("ck_alerts_state")),
        sa.ForeignKeyConstraint(
            ["assessment_id"],
            ["assessments.id"],
            name=op.f("fk_alerts_assessment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["pet_id"], ["pets.id"], name=op.f("fk_alerts_pet_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("assessment_id", name=op.f("uq_alerts_assessment_id")),
    )
    op.create_index(op.f("ix_alerts_pet_id_id"), "alerts", ["pet_id", "id"], unique=False)
    op.create_index(
        "ix_alerts_running",
        "alerts",
        ["pet_id", "kind"],
        unique=True,
        postgresql_where=sa.text("over_at IS NULL AND kind <> 'red_flag'"),
    )
    op.create_index(
        "ix_alerts_snoozed",
        "alerts",
        ["snoozed_until"],
        unique=False,
        postgresql_where=sa.text("state = 'snoozed'"),
    )
    op.create_index(
        "ix_alerts_unpushed",
        "alerts",
        ["pet_id"],
        unique=False,
        postgresql_where=sa.text("state = 'open' AND pushed_at IS NULL AND kind <> 'red_flag'"),
    )
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("pet_id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("by IN ('owner', 'vet')", name=op.f("ck_verdicts_by")),
        sa.CheckConstraint(
            "label IN ('Relaxed', 'Alert', 'Anxious', 'Playful', 'Distressed')",
            name=op.f("ck_verdicts_label"),
        ),
        sa.ForeignKeyConstraint(
            ["assessment_id"],
            ["assessments.id"],
            name=op.f("fk_verdicts_assessment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["pet_id"], ["pets.id"], name=op.f("fk_verdicts_pet_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
    )
    op.create_index(op.f("ix_verdicts_assessment_id"), "verdicts", ["assessment_id"], unique=False)
    op.create_index(
        op.f("ix_verdicts_pet_id_assessment_id"),
        "verdicts",
        ["pet_id", "assessment_id"],
        unique=False,
    )
    # One ALTER, so that the table is written anew once, however large it is.
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute(REPEATED)
    op.drop_index(INDEX, table_name="assessments")
    op.create_index(INDEX, "assessments", KEY, postgresql_include=COVERED)
    op.drop_constraint(op.f("fk_assessments_account_id"), "assessments", type_="foreignkey")
    op.create_check_constraint("reason", "assessments", REASONS)
    op.add_column("clips", sa.Column("retention", sa.Text(), server_default="keep", nullable=False))
    op.add_column("clips", sa.Column("media_expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "pets", sa.Column("history_version", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "uploads", sa.Column("retention", sa.Text(), server_default="keep", nullable=False)
    )
    op.add_column("uploads", sa.Column("retention_days", sa.SmallInteger(), nullable=True))

    op.create_check_constraint("retention", "clips", RETENTIONS)
    op.create_check_constraint(
        "media_expires", "clips", "(retention = 'keep') = (media_expires_at IS NULL)"
    )
    op.create_check_constraint("retention", "uploads", RETENTIONS)
    for statement in (MARK, *MARKED):
        op.execute(statement)


def downgrade() -> None:
    for table, name in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    op.drop_constraint(op.f("ck_clips_retention"), "clips")
    op.drop_constraint(op.f("ck_clips_media_expires"), "clips")
    op.drop_constraint(op.f("ck_uploads_retention"), "uploads")
    op.drop_index(INDEX, table_name="assessments")
    op.create_index(INDEX, "assessments", KEY)
    op.drop_column("uploads", "retention_days")
    op.drop_column("uploads", "retention")
    op.drop_column("pets", "history_version")
    op.drop_column("clips", "media_expires_at")
    op.drop_column("clips", "retention")
    op.create_foreign_key(
        op.f("fk_assessments_account_id"),
        "assessments",
        "accounts",
        ["account_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.drop_column("assessments", "calibrated")
    op.drop_column("assessments", "distressed")
    op.drop_column("assessments", "playful")
    op.drop_column("assessments", "anxious")
    op.drop_column("assessments", "alert")
    op.drop_column("assessments", "relaxed")
    op.drop_column("assessments", "reason")
    op.drop_index(op.f("ix_verdicts_pet_id_assessment_id"), table_name="verdicts")
    op.drop_index(op.f("ix_verdicts_assessment_id"), table_name="verdicts")
    op.drop_table("verdicts")
    op.drop_index(
        "ix_alerts_unpushed",
        table_name="alerts",
        postgresql_where=sa.text("state = 'open' AND pushed_at IS NULL AND kind <> 'red_flag'"),
    )
    op.drop_index(
        "ix_alerts_snoozed", table_name="alerts", postgresql_where=sa.text("state = 'snoozed'")
    )
    op.drop_index(
        "ix_alerts_running",
        table_name="alerts",
        postgresql_where=sa.text("over_at IS NULL AND kind <> 'red_flag'"),
    )
    op.drop_index(op.f("ix_alerts_pet_id_id"), table_name="alerts")
    op.drop_table("alerts")
    op.drop_index(op.f("ix_trends_owed_since"), table_name="trends_owed")
    op.drop_table("trends_owed")
    op.drop_table("summaries")
    op.drop_table("pet_trends")
    op.drop_index(op.f("ix_notes_pet_id_at_id"), table_name="notes")
    op.drop_table("notes")
    op.drop_index(op.f("ix_history_changes_pet_id"), table_name="history_changes")
    op.drop_table("history_changes")
    op.drop_index(op.f("ix_baselines_pet_id_id"), table_name="baselines")
    op.drop_table("baselines")
