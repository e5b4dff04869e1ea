"""Everything about a pet, as a stream: one JSON document, or one CSV row for each clip.

Rows leave as they are read, from one snapshot; the whole is never in memory.
"""

import csv
import io
import json
import uuid
from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import db
from shared.models import COUNTING_FIRST

ROWS_AT_ONCE = 200

ABOUT = text("""
SELECT row_to_json(one)::text FROM (
    SELECT id, name, species, breed, birth_date, time_zone, created_at FROM pets WHERE id = :pet_id
) AS one
""")


def _rows(query: str) -> str:
    return f"SELECT row_to_json(one)::text FROM ({query}) AS one"  # noqa: S608 - the literals below


# In the order of the document. What can be computed again (the trend) is not a thing of its own.
PARTS = {
    name: text(_rows(query))
    for name, query in {
        "clips": "SELECT id, recorded_at, reason, tags, note, content_type, size_bytes,"
        " encode(sha256, 'hex') AS sha256, retention, media_expires_at, created_at"
        " FROM clips WHERE pet_id = :pet_id ORDER BY recorded_at, id",
        "jobs": "SELECT jobs.id, clip_id, status, attempts, error_code, error_detail,"
        " jobs.created_at, started_at, finished_at"
        " FROM jobs JOIN clips ON clips.id = clip_id WHERE pet_id = :pet_id ORDER BY jobs.id",
        "assessments": "SELECT id, job_id, clip_id, recorded_at, created_at, bundle, result"
        " FROM assessments WHERE pet_id = :pet_id ORDER BY recorded_at, id",
        "verdicts": "SELECT id, assessment_id, label, by, author, note, created_at"
        " FROM verdicts WHERE pet_id = :pet_id ORDER BY id",
        "baselines": "SELECT id, anchored_at, reason, created_at"
        " FROM baselines WHERE pet_id = :pet_id ORDER BY id",
        "notes": "SELECT id, at, until, kind, text, created_at"
        " FROM notes WHERE pet_id = :pet_id ORDER BY at, id",
        "alerts": "SELECT id, assessment_id, kind, step, state, reason, opened_at, snoozed_until,"
        " closed_at, over_at, pushed_at FROM alerts WHERE pet_id = :pet_id ORDER BY id",
        "report_links": "SELECT id, name, question, language, first, last, created_at, expires_at,"
        " revoked_at FROM report_links WHERE pet_id = :pet_id ORDER BY id",
        "report_views": "SELECT report_views.id, link_id, at, form, network, agent"
        " FROM report_views JOIN report_links ON report_links.id = link_id"
        " WHERE pet_id = :pet_id ORDER BY report_views.id",
    }.items()
}
TABLE = text(f"""
SELECT clips.id AS clip_id, clips.recorded_at, clips.reason, array_to_string(tags, ' ') AS tags,
       clips.note, assessments.id AS assessment_id, bundle, emotion, abstention_code,
       result ->> 'confidence' AS confidence, calibrated, relaxed, alert, anxious, playful,
       distressed, result -> 'recommendation' ->> 'urgency' AS urgency,
       counts.label AS verdict, counts.by AS verdict_by
  FROM clips LEFT JOIN assessments ON clip_id = clips.id
  LEFT JOIN LATERAL (
       SELECT label, by FROM verdicts WHERE assessment_id = assessments.id
        ORDER BY {COUNTING_FIRST} LIMIT 1) AS counts ON true
 WHERE clips.pet_id = :pet_id
 ORDER BY clips.recorded_at, clips.id, assessments.id
""")  # noqa: S608 - a literal
SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


def snapshot(session: Session) -> None:
    """Let all that this transaction reads be of one moment; its first statement."""
    session.execute(SNAPSHOT)
    db.take_time(session)  # clients may read slowly


def as_json(session: Session, pet_id: uuid.UUID) -> Iterator[str]:
    """Write a JSON document, a row at a time."""
    yield '{"pet": ' + (session.scalar(ABOUT, {"pet_id": pet_id}) or "null")
    for name, query in PARTS.items():
        yield f", {json.dumps(name)}: ["
        rows = session.scalars(query, {"pet_id": pet_id}, execution_options=STREAMED)
        for number, row in enumerate(rows):
            yield f"{',' if number else ''}\n{row}"
        yield "]"
    yield "}\n"


def as_csv(session: Session, pet_id: uuid.UUID) -> Iterator[str]:
    """Write a CSV table, a clip's assessment at a time."""
    found = session.execute(TABLE, {"pet_id": pet_id}, execution_options=STREAMED)
    yield _line(list(found.keys()))
    for row in found:
        yield _line([_cell(value) for value in row])


STREAMED = {"yield_per": ROWS_AT_ONCE}


def _line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cell(value: object) -> str:
    """Write a value; a text of the owner never becomes a formula."""
    if value is None:
        return ""
    said = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{said}" if isinstance(value, str) and said.startswith(FORMULA) else said
