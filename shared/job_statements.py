"""The statements that read and move jobs. What they mean is said where `jobs.py` runs them.

Each does in one way to Postgres all that must happen together: the job, its attempt, the ring that
is owed, what is due for deletion, the assessment, the events.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from sqlalchemy import TextClause, select, text
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import set_committed_value

from shared import assessments, clips, events
from shared.models import Assessment, Base, Clip, Job

Row = TypeVar("Row", bound=Base)

IN_HAND = text("SELECT count(*) FROM jobs WHERE account_id = :account_id AND finished_at IS NULL")

WHOLE = select(Job).options(joinedload(Job.clip), joinedload(Job.assessment))

ROOM = f":most > ({IN_HAND})"


def _queued(clip_id: str, where: str) -> str:
    """Write the CTEs that queue a job of a clip and owe its ring."""
    return f"""
made AS (
    INSERT INTO jobs (id, account_id, clip_id, expires_at, retry_of, bundle)
    SELECT :id, :account_id, {clip_id}, :expires_at, :retry_of, :bundle {where}
    RETURNING *),
owed AS (
    INSERT INTO outbox (job_id, queue, due_at)
    SELECT id, step, now() + make_interval(secs => :re_ring_s) FROM made)
"""  # noqa: S608 - both are among the literals below


def _listed(row: str, kind: type[Base]) -> str:
    """Name all columns of a row so that those of several can stand beside each other."""
    columns = kind.__table__.columns
    return ", ".join(f"{row}.{column.name} AS {row}_{column.name}" for column in columns)


def job_of(row: tuple[Any, ...]) -> Job:
    """Make the job of a row of ACCEPT or ONE, with its clip and assessment; no session has it."""
    values = iter(row)
    job, clip = _made(Job, values), _made(Clip, values)
    assessment = _made(Assessment, values) if len(row) > N_ACCEPTED else None
    set_committed_value(job, "clip", clip)
    set_committed_value(job, "assessment", assessment if assessment and assessment.id else None)
    return job


def _made(kind: type[Row], values: Iterator[Any]) -> Row:
    return kind(**{column.name: next(values) for column in kind.__table__.columns})


SUBMIT = select(Job).from_statement(
    text(f"WITH {_queued(':clip_id', f'WHERE {ROOM}')} SELECT * FROM made")  # noqa: S608
)
ACCEPT = text(f"""
WITH {clips.ACCEPTED.format(room=ROOM)} {_queued("accepted.id", "FROM accepted")}
SELECT {_listed("made", Job)}, {_listed("accepted", Clip)} FROM made, accepted
""")  # noqa: S608 - literals and names of our columns
N_ACCEPTED = len(Job.__table__.columns) + len(Clip.__table__.columns)
ONE = text(f"""
SELECT {_listed("jobs", Job)}, {_listed("clips", Clip)}, {_listed("assessments", Assessment)}
  FROM jobs JOIN clips ON clips.id = clip_id LEFT JOIN assessments ON job_id = jobs.id
 WHERE jobs.account_id = :account_id AND jobs.id = :job_id
""")  # noqa: S608 - names of our columns
ON_ITS_WAY = text(
    "SELECT id FROM jobs WHERE clip_id = :clip_id AND finished_at IS NULL ORDER BY id LIMIT 1"
)
STATES = text("SELECT id, status, step, progress FROM jobs WHERE id = ANY (:job_ids)")

BY_OUR_BUNDLE = """jobs.bundle IS NULL
   AND assessments.bundle = (SELECT newest.bundle FROM assessments AS newest
                               JOIN jobs AS its ON its.id = newest.job_id
                              WHERE its.bundle IS NULL ORDER BY newest.id DESC LIMIT 1)"""
BY_NAMED_BUNDLE = "jobs.bundle = :bundle"
NEVER = "false"


def _same(decided: str) -> str:
    """Write the query for the job that analysed the same bytes of a pet."""
    return f"""
SELECT jobs.id
  FROM clips JOIN jobs ON clip_id = clips.id JOIN assessments ON job_id = jobs.id
 WHERE clips.account_id = :account_id AND clips.pet_id = :pet_id AND sha256 = :sha256
   AND {decided}
 ORDER BY jobs.id DESC LIMIT 1
"""  # noqa: S608 - one of the literals above


def _reserve(decided: str) -> TextClause:
    """Write the statement that owes a key's deletion unless a job analysed the bytes before."""
    return text(f"""
WITH whose AS (SELECT id FROM pets WHERE account_id = :account_id AND id = :pet_id),
same AS ({_same(decided)}),
owed AS (
    INSERT INTO deletions (prefix, due_at)
    SELECT :prefix, now() + make_interval(secs => :abandoned_after_s)
      FROM whose WHERE NOT EXISTS (SELECT FROM same))
SELECT (SELECT id FROM same) AS same FROM whose
""")  # noqa: S608 - one of the literals above


SAME = text(_same(BY_OUR_BUNDLE))
SAME_NAMED = text(_same(BY_NAMED_BUNDLE))
RESERVE = _reserve(BY_OUR_BUNDLE)
RESERVE_NAMED = _reserve(BY_NAMED_BUNDLE)
RESERVE_ANYWAY = _reserve(NEVER)

# With `synchronous_commit` off, until the statement's commit, nobody waits for the disk and a crash
# of Postgres may undo what was written. That is safe in CLAIM and CONTINUE: whoever goes on from
# the state before takes a new token, which shuts the old one out. Neither may show progress, which
# would fall; nor may the disk forget that an artifact's deletion is owed.

CLAIM = text("""
WITH claimed AS (
    UPDATE jobs
       SET status = 'running', attempts = attempts + 1, lease_token = gen_random_uuid(),
           lease_until = now() + make_interval(secs => :lease_s),
           started_at = coalesce(started_at, now())
     WHERE id = :job_id AND status = 'queued' AND step = :step AND due_at <= now()
       AND (expires_at IS NULL OR expires_at > now())
    RETURNING *, 'artifacts/' || id || '/' || CAST(:hands_to AS text) || '-' || attempts || '-'
                 || left(CAST(lease_token AS text), 8) AS output_key),
answered AS (DELETE FROM outbox USING claimed WHERE outbox.job_id = claimed.id),
owed AS (
    INSERT INTO deletions (prefix, due_at)
    SELECT output_key, now() + make_interval(secs => :abandoned_after_s) FROM claimed
     WHERE output_key IS NOT NULL),
logged AS (
    INSERT INTO step_attempts (job_id, step, attempt, lease_token, worker)
    SELECT id, step, attempts, lease_token, :worker FROM claimed
    RETURNING set_config('synchronous_commit', CASE WHEN CAST(:hands_to AS text) IS NULL
        THEN 'off' ELSE current_setting('synchronous_commit') END, true))
SELECT claimed.id AS job_id, lease_token AS token, step, attempts AS attempt, claimed.account_id,
       clip_id, storage_key AS clip_key, species, coalesce(breed, '') AS breed, artifact_key,
       output_key, claimed.bundle
  FROM claimed JOIN clips ON clips.id = clip_id JOIN pets ON pets.id = clips.pet_id
""")

BEAT = text("""
UPDATE jobs SET lease_until = now() + make_interval(secs => :lease_s),
                progress = greatest(progress, :progress)
 WHERE id = :job_id AND lease_token = :token AND (expires_at IS NULL OR expires_at > now())
RETURNING id
""")

CONTINUE = text("""
WITH moved AS (
    UPDATE jobs SET step = :step, lease_until = now() + make_interval(secs => :lease_s)
     WHERE id = :job_id AND lease_token = :token AND (expires_at IS NULL OR expires_at > now())
    RETURNING id, attempts, lease_token),
done AS (
    UPDATE step_attempts SET finished_at = clock_timestamp(), outcome = 'done'
      FROM moved WHERE step_attempts.lease_token = moved.lease_token AND finished_at IS NULL
    RETURNING worker)
INSERT INTO step_attempts (job_id, step, attempt, lease_token, worker)
SELECT id, :step, attempts, lease_token, worker FROM moved, done
RETURNING job_id, set_config('synchronous_commit', 'off', true)
""")


# Stills are put before the assessment that shows them; without it they must go again.
MARK_STILLS = text("""
WITH held AS (SELECT id FROM jobs WHERE id = :job_id AND lease_token = :token FOR UPDATE)
INSERT INTO deletions (prefix, due_at)
SELECT :prefix, now() + make_interval(secs => :abandoned_after_s) FROM held
ON CONFLICT (prefix) DO UPDATE SET due_at = excluded.due_at
RETURNING prefix
""")


def _end_where(whose: str, *, also: str = "") -> TextClause:
    """Write the statement that ends the jobs picked by `whose`, their events and all else."""
    return text(f"""
WITH ended AS (
    UPDATE jobs
       SET status = :status, finished_at = now(), lease_token = NULL, lease_until = NULL,
           progress = CASE WHEN :status = 'succeeded' THEN 100 ELSE progress END,
           error_code = :error_code, error_detail = :error_detail
     WHERE {whose}
    RETURNING id, account_id, clip_id, finished_at, error_code, error_detail, artifact_key,
              old.lease_token AS token),
unrung AS (DELETE FROM outbox USING ended WHERE outbox.job_id = ended.id),
logged AS (
    UPDATE step_attempts SET finished_at = clock_timestamp(), outcome = :outcome
      FROM ended WHERE lease_token = ended.token AND step_attempts.finished_at IS NULL),
doomed AS (
    INSERT INTO deletions (prefix, due_at)
    SELECT artifact_key, now() FROM ended WHERE artifact_key IS NOT NULL
    ON CONFLICT (prefix) DO NOTHING),
happened AS (
    SELECT ended.account_id, 'job.' || CAST(:status AS text) AS type, ended.id AS job_id,
           CAST(NULL AS uuid) AS pet_id,
           jsonb_build_object(
               'job_id', ended.id, 'clip_id', clip_id, 'pet_id', clips.pet_id,
               'status', CAST(:status AS text), 'finished_at', finished_at,
               'error', CASE WHEN error_code IS NOT NULL
                   THEN jsonb_build_object('code', error_code, 'detail', error_detail) END,
               'assessment', CAST(:assessment AS jsonb)) AS data
      FROM ended JOIN clips ON clips.id = clip_id),
{also}{events.EMIT}
SELECT id AS job_id, NULL AS delivery_id FROM ended UNION ALL SELECT NULL, id FROM owed
""")  # noqa: S608 - `whose` is one of the literals below


def _free_where(whose: str, *, back_to: str = "step = resume_step") -> TextClause:
    """Write the statement that queues the running jobs picked by `whose` again."""
    return text(f"""
WITH freed AS (
    UPDATE jobs
       SET status = 'queued', lease_token = NULL, lease_until = NULL,
           {back_to}, due_at = now() + make_interval(secs => :delay_s),
           attempts = attempts - :uncounted, transient_failures = transient_failures + :transient
     WHERE {whose}
    RETURNING id, step, due_at, old.lease_token AS token, artifact_key,
              old.artifact_key AS read_before),
logged AS (
    UPDATE step_attempts SET finished_at = clock_timestamp(), outcome = :outcome
      FROM freed WHERE lease_token = freed.token AND finished_at IS NULL),
doomed AS (
    INSERT INTO deletions (prefix, due_at)
    SELECT read_before, now() FROM freed WHERE read_before IS DISTINCT FROM artifact_key
    ON CONFLICT (prefix) DO NOTHING),
owed AS (
    INSERT INTO outbox (job_id, queue, due_at) SELECT id, step, due_at FROM freed)
SELECT id FROM freed
""")  # noqa: S608 - `whose` is one of the literals below


def _unlocked(which: str) -> str:
    """Pick jobs past those that a worker, perhaps frozen in a transaction, keeps locked.

    The sweep would wait for it, and every other job's recovery for the sweep.
    """
    return f"id IN (SELECT id FROM jobs WHERE {which} FOR UPDATE SKIP LOCKED)"  # noqa: S608


HELD = "id = :job_id AND lease_token = :token"
# `finished_at IS NULL` says nothing new; it leads to the partial index of the unfinished jobs.
LAPSED = "finished_at IS NULL AND status = 'running' AND lease_until < now()"
EXHAUSTED = "attempts - transient_failures >= :max_attempts"

STARTED_ONCE = """(SELECT count(*) FROM step_attempts
         WHERE job_id = jobs.id AND step_attempts.step = 'extract' AND outcome = 'done') = 1"""

END_HELD = _end_where(HELD)
END_WELL = _end_where(HELD, also=assessments.RECORD)
END_HELD_EXHAUSTED = _end_where(f"{HELD} AND {EXHAUSTED}")
END_HELD_TRANSIENT = _end_where(f"{HELD} AND transient_failures >= :max_transient")
END_CANCELED = _end_where("id = :job_id AND account_id = :account_id AND finished_at IS NULL")
END_EXPIRED = _end_where(_unlocked("finished_at IS NULL AND expires_at <= now()"))
END_EXHAUSTED = _end_where(_unlocked(f"{LAPSED} AND {EXHAUSTED}"))
FREE_HELD = _free_where(HELD)
FREE_FROM_START = _free_where(
    f"{HELD} AND artifact_key IS NOT NULL AND {STARTED_ONCE}",
    back_to="step = 'extract', resume_step = 'extract', artifact_key = NULL",
)
FREE_LAPSED = _free_where(_unlocked(f"{LAPSED} AND NOT ({EXHAUSTED})"))

HAND_OVER = text("""
WITH moved AS (
    UPDATE jobs
       SET status = 'queued', lease_token = NULL, lease_until = NULL, due_at = now(),
           step = :step, resume_step = :step, artifact_key = :artifact_key,
           attempts = 0, transient_failures = 0, progress = greatest(progress, :progress)
     WHERE id = :job_id AND lease_token = :token AND (expires_at IS NULL OR expires_at > now())
    RETURNING id, old.artifact_key AS read_before),
taken AS (DELETE FROM deletions USING moved WHERE prefix = :artifact_key),
doomed AS (
    INSERT INTO deletions (prefix, due_at)
    SELECT read_before, now() FROM moved WHERE read_before IS NOT NULL
    ON CONFLICT (prefix) DO NOTHING),
owed AS (
    INSERT INTO outbox (job_id, queue, due_at)
    SELECT id, :step, now() + make_interval(secs => :re_ring_s) FROM moved)
UPDATE step_attempts SET finished_at = clock_timestamp(), outcome = 'done'
  FROM moved WHERE lease_token = :token AND finished_at IS NULL
RETURNING job_id
""")
