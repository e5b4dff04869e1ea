"""Stored objects that must go: owed in the transaction that dooms them, done by the sweep."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

OWE = text("""
INSERT INTO deletions (prefix, due_at) VALUES (:prefix, now() + make_interval(secs => :delay_s))
ON CONFLICT (prefix) DO UPDATE SET due_at = excluded.due_at
""")
MEDIA, RAW = "media", "raw"  # what a clip's and an upload's folder always hold
ROOTS = ("clips/", "uploads/", "artifacts/")
MOST_STILLS = 3
STILL = ".moment-"  # behind the media's key: what the keys of its stills begin with
STILLS = tuple(f"{MEDIA}{STILL}{n}.jpg" for n in range(1, MOST_STILLS + 1))
FORGET = text("DELETE FROM deletions WHERE prefix = :prefix RETURNING prefix")
# Whatever is put is known before: its row is there, or its deletion is owed.
UNKNOWN = text("""
SELECT folder FROM unnest(CAST(:folders AS text[]), CAST(:ids AS uuid[])) AS stored (folder, id)
 WHERE NOT EXISTS (SELECT FROM clips WHERE clips.id = stored.id)
   AND NOT EXISTS (SELECT FROM uploads WHERE uploads.id = stored.id)
   AND NOT EXISTS (SELECT FROM jobs WHERE jobs.id = stored.id)
   AND NOT EXISTS (SELECT FROM deletions WHERE prefix IN (folder, folder || :media, folder || :raw))
 ORDER BY folder
""")
TAKE_DUE = text("""
DELETE FROM deletions
 WHERE prefix IN (SELECT prefix FROM deletions WHERE due_at <= now()
                   ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED)
RETURNING prefix
""")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a deletion removed: prefixes of stored objects, and the number of rows by table."""

    deleted_at: datetime
    objects: list[str]
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class Doomed:
    """The statements for what hangs on one kind of row."""

    lock_jobs: TextClause
    forget_media: TextClause
    owe_objects: TextClause
    count_rows: TextClause


GONE = (
    *("pets", "clips", "jobs", "assessments", "uploads"),
    *("webhook_endpoints", "events", "deliveries", "alerts"),
)
OF_A_PET = (
    *("baselines", "notes", "summaries", "pet_trends"),
    *("trends_owed", "history_changes", "report_links"),
)
# What a late PUT may still leave below uploads/ is owed a later deletion since the beginning.
OWE_OBJECTS = """
INSERT INTO deletions (prefix, due_at)
SELECT 'clips/' || id || '/', now() FROM gone_clips
UNION ALL SELECT 'artifacts/' || id || '/', now() FROM gone_jobs
UNION ALL SELECT artifact_key, now() FROM gone_jobs
 WHERE artifact_key IS NOT NULL AND finished_at IS NULL
UNION ALL SELECT 'uploads/' || id || '/raw', now() FROM gone_uploads
ON CONFLICT (prefix) DO UPDATE SET due_at = excluded.due_at
RETURNING prefix
"""


def _doomed(*, pets: str, clips: str, uploads: str, owner: str) -> Doomed:
    """Write them, given which pets, clips and uploads go, and what goes with an account only."""
    gone = f"""
WITH gone_pets AS (SELECT id FROM pets WHERE {pets}),
gone_clips AS (SELECT id, storage_key FROM clips WHERE {clips}),
gone_jobs AS (
    SELECT id, artifact_key, finished_at FROM jobs
     WHERE clip_id IN (SELECT id FROM gone_clips)),
gone_assessments AS (SELECT id FROM assessments WHERE clip_id IN (SELECT id FROM gone_clips)),
gone_uploads AS (
    SELECT id FROM uploads WHERE {uploads}
    UNION SELECT id FROM uploads WHERE job_id IN (SELECT id FROM gone_jobs)),
gone_webhook_endpoints AS (SELECT id FROM webhook_endpoints WHERE {owner}),
gone_events AS (
    SELECT id FROM events WHERE {owner}
    UNION SELECT id FROM events WHERE pet_id IN (SELECT id FROM gone_pets)
    UNION SELECT id FROM events WHERE job_id IN (SELECT id FROM gone_jobs)),
gone_deliveries AS (
    SELECT id FROM deliveries WHERE event_id IN (SELECT id FROM gone_events)
    UNION SELECT id FROM deliveries WHERE endpoint_id IN (SELECT id FROM gone_webhook_endpoints)),
gone_alerts AS (
    SELECT id FROM alerts WHERE pet_id IN (SELECT id FROM gone_pets)
    UNION SELECT id FROM alerts WHERE assessment_id IN (SELECT id FROM gone_assessments))
"""  # noqa: S608 - the literals below
    where = {
        **dict.fromkeys(("api_keys", "idempotency_keys", "invites", "sign_ins"), owner),
        **{f"gone_{table}": "true" for table in GONE},
        **dict.fromkeys(OF_A_PET, "pet_id IN (SELECT id FROM gone_pets)"),
        "accounts": owner.replace("account_id", "id"),
        "verdicts": "assessment_id IN (SELECT id FROM gone_assessments)",
        "step_attempts": "job_id IN (SELECT id FROM gone_jobs)",
        "outbox": "job_id IN (SELECT id FROM gone_jobs)",
        "delivery_attempts": "delivery_id IN (SELECT id FROM gone_deliveries)",
        "report_views": "link_id IN (SELECT id FROM report_links"
        " WHERE pet_id IN (SELECT id FROM gone_pets))",
    }
    counts = ", ".join(
        f"(SELECT count(*) FROM {table} WHERE {which}) AS {table.removeprefix('gone_')}"  # noqa: S608
        for table, which in sorted(where.items(), key=lambda item: item[0].removeprefix("gone_"))
    )
    return Doomed(
        text(
            f"{gone} SELECT FROM jobs WHERE id IN (SELECT id FROM gone_jobs)"  # noqa: S608
            " AND finished_at IS NULL ORDER BY id FOR UPDATE"
        ),
        text(
            f"{gone} DELETE FROM deletions"  # noqa: S608
            " WHERE prefix IN (SELECT storage_key FROM gone_clips)"
        ),
        text(f"{gone} {OWE_OBJECTS}"),
        text(f"{gone} SELECT {counts}"),
    )


CLIP = _doomed(pets="false", clips="id = :id", uploads="id = :id", owner="false")
PET = _doomed(pets="id = :id", clips="pet_id = :id", uploads="pet_id = :id", owner="false")
ACCOUNT = _doomed(
    pets="account_id = :id",
    clips="account_id = :id",
    uploads="account_id = :id",
    owner="account_id = :id",
)


def owe(session: Session, prefix: str, *, delay_s: float = 0) -> None:
    """Owe the deletion of every object whose key starts with `prefix`."""
    session.execute(OWE, {"prefix": prefix, "delay_s": delay_s})


def receipt(session: Session, what: Doomed, row_id: uuid.UUID) -> Receipt:
    """Owe the stored objects of what is about to be deleted, and count its rows by table.

    Jobs in hand are locked first: a worker that ends one goes the same way, and nobody waits for
    the other in a circle.
    """
    values = {"id": row_id}
    session.execute(what.lock_jobs, values)
    session.execute(what.forget_media, values)
    objects = sorted(session.scalars(what.owe_objects, values))
    counted = session.execute(what.count_rows, values).one()._mapping
    rows = {table: n for table, n in counted.items() if n}
    return Receipt(datetime.now(UTC), objects, rows)


def forget(session: Session, prefix: str) -> bool:
    """Take an owed deletion back; False when it is too late."""
    return session.execute(FORGET, {"prefix": prefix}).first() is not None


def unknown(session: Session, folders: list[str]) -> list[str]:
    """Choose the folders of clips, uploads and jobs that no row knows and no deletion awaits."""
    ids = {folder: _id_of(folder) for folder in folders}
    ours = [folder for folder, id_ in ids.items() if id_ is not None]
    values = {"folders": ours, "ids": [ids[folder] for folder in ours], "media": MEDIA, "raw": RAW}
    return list(session.scalars(UNKNOWN, values))


def _id_of(folder: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(folder.split("/")[1])
    except ValueError:
        return None


def take_due(session: Session, *, most: int) -> list[str]:
    """Take prefixes whose deletion is due; two sweeps never get the same.

    They are owed again if the transaction does not commit.
    """
    return list(session.scalars(TAKE_DUE, {"most": most}))


def sure_keys(prefix: str) -> list[str]:
    """Name what lies under a prefix whether or not it is listed.

    A listing may lag behind or have lost an object (Swift's does when its container server was
    away during the put); a deletion must not depend on it.
    """
    if prefix.endswith(f"/{MEDIA}"):
        return [prefix, *(prefix.removesuffix(MEDIA) + still for still in STILLS)]
    if not prefix.endswith("/"):
        return [prefix]
    names = {"clips": [MEDIA, *STILLS], "uploads": [RAW]}
    return [prefix + name for name in names.get(prefix.partition("/")[0], [])]


def is_sure(prefix: str) -> bool:
    """Tell whether nothing but `sure_keys` can lie under a prefix: an artifact, put at once."""
    return prefix.startswith("artifacts/") and not prefix.endswith("/")


def clip_prefix(clip_id: uuid.UUID) -> str:
    """Name the folder of a clip's objects."""
    return f"clips/{clip_id}/"


def still_key(media_key: str, number: int) -> str:
    """Name the object of a clip's `number`-th still, from 1.

    It begins with the media's key: whatever deletes the media by its key takes the stills along.
    """
    return media_key.removesuffix(MEDIA) + STILLS[number - 1]


def upload_prefix(upload_id: uuid.UUID) -> str:
    """Name the folder that an upload's signed URLs write to."""
    return f"uploads/{upload_id}/"
