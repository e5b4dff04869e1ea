"""Add links to reports with their access log."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "report_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pet_id", sa.Uuid(), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("first <= last", name=op.f("ck_report_links_span")),
        sa.ForeignKeyConstraint(
            ["pet_id"], ["pets.id"], name=op.f("fk_report_links_pet_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_links")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_report_links_token_sha256")),
    )
    op.create_index(op.f("ix_report_links_pet_id_id"), "report_links", ["pet_id", "id"])
    op.create_table(
        "report_views",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.func.clock_timestamp(),
            nullable=False,
        ),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.CheckConstraint("form IN ('page', 'pdf')", name=op.f("ck_report_views_form")),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["report_links.id"],
            name=op.f("fk_report_views_link_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_views")),
    )
    op.create_index(op.f("ix_report_views_link_id_id"), "report_views", ["link_id", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_report_views_link_id_id"), table_name="report_views")
    op.drop_table("report_views")
    op.drop_index(op.f("ix_report_links_pet_id_id"), table_name="report_links")
    op.drop_table("report_links")
