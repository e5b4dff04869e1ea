"""The nine invariants of a system that loses nothing and does nothing twice, seen from outside.

Each is a function of the evidence that gives the violations it found, as sentences: from the
database by SQL, from storage by its disk, from the receiver's log, from what the API told clients.
"""

import os
import pickle
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import BadDeadline
from tests.chaos.client import Promise
from tests.chaos.clip_files import ENDS, Kind
from tests.chaos.receiver import Received
from tests.chaos.system import System
from tests.chaos.watcher import FINAL, Seen

ASKED_FOR = {"canceled_after_s": "canceled", "deadline_s": "expired"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is known of a run when it has ended."""

    system: System
    max_attempts: int
    promises: list[Promise] = field(default_factory=list)
    seen: dict[str, list[Seen]] = field(default_factory=dict)
    received: list[Received] | None = None  # None: nobody listened

    def kept(self) -> list[tuple[Promise, str]]:
        """List the accepted jobs that were not deleted."""
        return [
            (promise, job_id)
            for promise in self.promises
            if promise.intent.deleted_after_s is None
            for job_id in sorted(promise.job_ids)
        ]


def every_job_ends(evidence: Evidence) -> list[str]:
    """1. Every accepted job is there and has ended, as its clip deserves."""
    rows = evidence.system.ask("SELECT id::text, status, error_code FROM jobs")
    found = {row.id: (row.status, row.error_code) for row in rows}
    violations = [f"{row.id}: still {row.status}" for row in rows if row.status not in FINAL]
    for promise, job_id in evidence.kept():
        if job_id not in found:
            violations.append(f"{job_id}: accepted and gone")
        elif found[job_id] not in _may_end(promise) and found[job_id][0] in FINAL:
            violations.append(f"{job_id}: {promise.intent.kind} ended {found[job_id]}")
    return violations + _never_answered(evidence.promises)


def one_result_each(evidence: Evidence) -> list[str]:
    """2. One job for each intent, one assessment for each success, none for anything else."""
    promised = {job_id for promise in evidence.promises for job_id in promise.job_ids}
    violations = [
        f"{promise.intent.key}: {len(promise.job_ids)} jobs"
        for promise in evidence.promises
        if len(promise.job_ids) > 1
    ]
    rows = evidence.system.ask("""
        SELECT jobs.id::text, status, count(assessments.id) AS results
          FROM jobs LEFT JOIN assessments ON job_id = jobs.id GROUP BY jobs.id""")
    for row in rows:
        if row.results != (row.status == "succeeded"):
            violations.append(f"{row.id}: {row.status} with {row.results} results")
        if evidence.promises and row.id not in promised:
            violations.append(f"{row.id}: a job that nobody was promised")
    return violations


def one_event_each(evidence: Evidence) -> list[str]:
    """3. One event for each ended job and endpoint, with one id, signed, and answered once."""
    if evidence.received is None:
        return []
    violations = [f"{one.webhook_id}: signature" for one in evidence.received if not one.is_genuine]
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    answered = set()
    for one in evidence.received:
        ids[one.path, one.job_id].add(one.webhook_id)
        if one.is_answered:
            answered.add(one.job_id)
    violations += [
        f"{job_id}: {len(those)} ids" for (_, job_id), those in ids.items() if len(those) > 1
    ]
    rows = evidence.system.ask("""
        SELECT jobs.id::text, count(events.id) AS events,
               count(*) FILTER (WHERE events.type = 'job.' || jobs.status) AS fitting
          FROM jobs LEFT JOIN events ON events.job_id = jobs.id
         WHERE jobs.finished_at IS NOT NULL GROUP BY jobs.id""")
    for row in rows:
        if (row.events, row.fitting) != (1, 1):
            violations.append(f"{row.id}: {row.events} events, {row.fitting} of them fitting")
        if row.id not in answered:
            violations.append(f"{row.id}: nobody was told")
    return violations


def no_late_writes(evidence: Evidence) -> list[str]:
    """4. Nobody writes to a job whose lease he has lost."""
    rows = evidence.system.ask("""
        SELECT job_id::text, old_status, new_status FROM chaos_audit
         WHERE acting IS NOT NULL AND acting::uuid IS DISTINCT FROM old_token ORDER BY id""")
    return [f"{row.job_id}: {row.old_status} -> {row.new_status} without its lease" for row in rows]


def attempts_are_bounded(evidence: Evidence) -> list[str]:
    """5. Nothing is tried more often than the cap; who used it up has failed with that reason."""
    rows = evidence.system.ask("""
        SELECT job_id::text, step, count(*) AS crashes FROM (
            SELECT DISTINCT ON (lease_token) job_id, step, outcome, lease_token
              FROM step_attempts ORDER BY lease_token, id) AS claims
         WHERE EXISTS (SELECT FROM step_attempts AS part
                        WHERE part.lease_token = claims.lease_token
                          AND part.outcome IN ('crashed', 'lost'))
         GROUP BY job_id, step""")
    over = [row for row in rows if row.crashes > evidence.max_attempts]
    return [f"{row.job_id}: {row.step} crashed {row.crashes} times" for row in over]


def progress_is_honest(evidence: Evidence) -> list[str]:
    """6. No client ever sees progress fall, 100 before the end, or an end that is none."""
    violations = []
    for job_id, answers in evidence.seen.items():
        shown = [answer.progress for answer in answers]
        ended = [answer for answer in answers if answer.status in FINAL]
        if shown != sorted(shown):
            violations.append(f"{job_id}: progress {shown}")
        if any((one.progress == 100) != (one.status == "succeeded") for one in answers):
            violations.append(f"{job_id}: 100 before the end")
        if len({one.status for one in ended}) > 1 or answers[-1] not in (ended or answers):
            violations.append(f"{job_id}: moved after its end: {answers}")
    return violations


def storage_matches(evidence: Evidence) -> list[str]:
    """7. No stored object without an owner or an owed deletion, no row without its object."""
    stored = stored_keys(evidence.system)
    owed = [row.prefix for row in evidence.system.ask("SELECT prefix FROM deletions")]
    owned = evidence.system.ask("""
        SELECT storage_key AS key, true AS is_needed FROM clips UNION ALL
        SELECT artifact_key, true FROM jobs
         WHERE artifact_key IS NOT NULL AND finished_at IS NULL""")
    needed = {row.key for row in owned}
    orphans = [
        f"{key}: an orphan"
        for key in sorted(stored - needed)
        if key.partition(".moment-")[0] not in needed
        if not any(key.startswith(prefix) for prefix in owed)
    ]
    return orphans + [f"{key}: missing" for key in sorted(needed - stored)]


def deleted_is_gone(evidence: Evidence) -> list[str]:
    """8. After a deletion no row, no object and no event body of it remains."""
    stored, violations = stored_keys(evidence.system), []
    for promise in evidence.promises:
        if not promise.is_deleted:
            continue
        ids = {promise.clip_id, *promise.job_ids}
        violations += [f"{key}: remains" for key in stored if any(one in key for one in ids)]
        violations += [f"{one}: {table} remain" for one in ids for table in _rows_of(evidence, one)]
    return violations


def answers_match(evidence: Evidence) -> list[str]:
    """9. What clients were told last, and what history is made of, equal the stored facts."""
    rows = evidence.system.ask("SELECT id::text, status, progress FROM jobs")
    facts = {row.id: Seen(row.status, row.progress) for row in rows}
    violations = [
        f"{job_id}: told {answers[-1]}, is {facts[job_id]}"
        for job_id, answers in evidence.seen.items()
        if job_id in facts and facts[job_id] != answers[-1]
    ]
    rows = evidence.system.ask("""
        SELECT assessments.id::text FROM assessments JOIN clips ON clips.id = clip_id
         WHERE assessments.pet_id <> clips.pet_id OR assessments.recorded_at <> clips.recorded_at
            OR emotion IS DISTINCT FROM result->>'emotion'
            OR abstention_code IS DISTINCT FROM result->'abstention'->>'code'""")
    return violations + [f"{row.id}: columns differ from the result" for row in rows]


INVARIANTS: dict[str, Callable[[Evidence], list[str]]] = {
    "1 every accepted job ends": every_job_ends,
    "2 one job and one result each": one_result_each,
    "3 one event per endpoint and end": one_event_each,
    "4 no write without the lease": no_late_writes,
    "5 attempts within the cap": attempts_are_bounded,
    "6 progress never falls": progress_is_honest,
    "7 storage matches the rows": storage_matches,
    "8 deleted is gone": deleted_is_gone,
    "9 history equals the results": answers_match,
}


def check(evidence: Evidence) -> dict[str, list[str]]:
    """Find every violation of every invariant."""
    return {name: holds(evidence) for name, holds in INVARIANTS.items()}


def lost(evidence: Evidence) -> int:
    """Count the accepted jobs that are gone or have not ended as they should."""
    return len(every_job_ends(evidence))


def doubled(evidence: Evidence) -> int:
    """Count jobs and assessments that exist more than once."""
    return len(one_result_each(evidence))


def stored_keys(system: System) -> set[str]:
    """List the objects on the storage server's disk: its listings may lag behind."""
    keys: dict[str, str] = {}
    for path in sorted((system.stack.state.path / "swift/srv/d1").glob("objects/*/*/*/*")):
        if path.suffix in (".data", ".ts"):
            keys[str(path.parent)] = _key(path) if path.suffix == ".data" else ""
    return {key for key in keys.values() if key}


def _key(path: Path) -> str:
    """Read an object's name from Swift's extended attribute: /account/bucket/key."""
    name: bytes = pickle.loads(os.getxattr(path, "user.swift.metadata"))[b"name"]
    return name.decode().split("/", 3)[3]


def _may_end(promise: Promise) -> set[tuple[str, str | None]]:
    ends = {ENDS[promise.intent.kind]}
    for asked, status in ASKED_FOR.items():
        if getattr(promise.intent, asked) is not None:
            ends.add((status, None))
    return ends


def _never_answered(promises: list[Promise]) -> list[str]:
    """Tell who got no job though his file is fine, or one though it is none."""
    violations = []
    for promise in promises:
        is_expected = promise.intent.kind is not Kind.TEXT
        is_late = promise.refusal == BadDeadline.code and promise.intent.deadline_s is not None
        if bool(promise.job_ids) != is_expected and not is_late:
            violations.append(f"{promise.intent.key}: {promise.intent.kind} {promise.refusal}")
    return violations


def _rows_of(evidence: Evidence, id_: str) -> list[str]:
    rows = evidence.system.ask(
        """
        SELECT 'clips' AS name FROM clips WHERE id = CAST(:id AS uuid) UNION ALL
        SELECT 'jobs' FROM jobs WHERE CAST(:id AS uuid) IN (id, clip_id) UNION ALL
        SELECT 'assessments' FROM assessments WHERE CAST(:id AS uuid) IN (job_id, clip_id) UNION ALL
        SELECT 'events' FROM events WHERE data::text LIKE '%' || :id || '%'""",
        id=id_,
    )
    return sorted(Counter(row.name for row in rows))
