"""Dashboard queries and pages of a pet with ten thousand assessments, in a table of many more.

`python -m bench queries` seeds `--rows` assessments (with their clips and jobs) into a fresh
Postgres, one pet of ten thousand among pets of two hundred, and asks the API in this process.
"""

import json
import re
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import text

from api.app import create_app
from bench import timing
from bench.figures import Figure, at_most
from bench.size import Size
from cli import schema
from cli.localstack.environment import adopt
from cli.localstack.stack import Stack
from shared import accounts, db, history, pets
from shared.memory import spare_what_is_loaded
from shared.models import Pet, Species

MOST_P95_S = 0.02
MOST_PAGE_P95_S = 0.1
OF_ONE_PET, OF_OTHERS = 10_000, 200
SPAN = "interval '9 years'"  # three clips a day
FORM_TOKEN = re.compile(r'name="csrf" value="(\w+)"')
UNLIMITED = {"TAILTREND_RATE_REQUESTS": "1000000000"}

# Facts without the detours of the product: triggers and foreign keys look away meanwhile.
SEED = f"""
CREATE TEMP TABLE seeded AS
SELECT gen_random_uuid() AS clip_id, gen_random_uuid() AS job_id, gen_random_uuid() AS id,
       CAST(:pet_id AS uuid) AS pet_id,
       now() - interval '1 day' - random() * {SPAN} AS recorded_at,
       random() AS anxious, random() AS played, random() < 0.1 AS abstained,
       (ARRAY['routine', 'routine', 'cute', 'worried'])[1 + floor(random() * 4)] AS reason,
       CASE WHEN random() < 0.001 THEN ARRAY['rare'] ELSE ARRAY['evening', 'home'] END AS tags
  FROM generate_series(1, :n);
"""
COPY = """
INSERT INTO clips (id, account_id, pet_id, storage_key, sha256, size_bytes, content_type,
                   recorded_at, reason, tags)
SELECT clip_id, :account_id, pet_id, 'clips/' || clip_id || '/media',
       sha256(clip_id::text::bytea), 4000000, 'video/mp4', recorded_at, reason, tags FROM seeded;
INSERT INTO jobs (id, account_id, clip_id, status, progress, finished_at)
SELECT job_id, :account_id, clip_id, 'succeeded', 100, now() FROM seeded;
INSERT INTO assessments (id, account_id, pet_id, clip_id, job_id, recorded_at, reason, emotion,
                         abstention_code, bundle, result)
SELECT id, :account_id, pet_id, clip_id, job_id, recorded_at, reason,
       CASE WHEN NOT abstained THEN 'Anxious' END, CASE WHEN abstained THEN 'too_dark' END,
       'ethogram 1',
       CAST(:result AS jsonb) || jsonb_build_object('probabilities', jsonb_build_object(
           'Anxious', anxious * 0.4, 'Distressed', anxious * 0.1, 'Playful', played * 0.2,
           'Alert', 0.1, 'Relaxed', 0.9 - anxious * 0.5 - played * 0.2))
  FROM seeded ORDER BY recorded_at;
DROP TABLE seeded;
"""
OTHERS = f"""
CREATE TEMP TABLE others AS SELECT gen_random_uuid() AS pet_id FROM generate_series(1, :pets);
INSERT INTO pets (id, account_id, name, species)
SELECT pet_id, :account_id, 'Other', 'cat' FROM others;
CREATE TEMP TABLE seeded AS
SELECT gen_random_uuid() AS clip_id, gen_random_uuid() AS job_id, gen_random_uuid() AS id, pet_id,
       now() - interval '1 day' - random() * {SPAN} AS recorded_at,
       random() AS anxious, random() AS played, random() < 0.1 AS abstained,
       'routine' AS reason, ARRAY['evening'] AS tags
  FROM others, generate_series(1, :n);
DROP TABLE others;
"""
RESULT = {
    "emotion": "Anxious",
    "confidence": 0.7,
    "calibrated": False,
    "evidence": "moderate",
    "abstention": None,
    "signals": ["low tail"],
    "signal_details": [],
    "against": [],
    "not_measurable": [],
    "timeline": [{"t_s": t / 2, "probabilities": {"Anxious": 0.5 + t / 100}} for t in range(20)],
    "moments": [],
    "modalities": {},
    "recommendation": {"code": "reduce_stimuli", "text": "Reduce noise.", "urgency": "watch"},
    "quality": {"frames": 20, "camera": "static"},
    "bundle": {"name": "ethogram", "version": "1", "sha256": "ab" * 32},
    "timings_s": {"extract": 0.8},
}


def measure(size: Size) -> list[Figure]:
    """Measure reads over HTTP's application, and what a change costs the next read."""
    with _postgres():
        with db.transaction() as session:
            account = accounts.create(session, "bench")
            key = accounts.create_key(session, account.id, name="bench")
            pet = pets.create(session, account.id, name="Milo", species=Species.DOG)
        seed(account.id, pet.id, size.query_rows)
        client = create_app().test_client()
        spare_what_is_loaded()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        return [
            *_reads(client, pet.id, size),
            *_pages(client, key, pet.id, size),
            *_changes(client, account.id, pet.id, size),
        ]


def seed(account_id: uuid.UUID, pet_id: uuid.UUID, rows: int) -> None:
    """Write the rows, and the summaries of the one pet."""
    mine = min(rows, OF_ONE_PET)
    values = {"account_id": account_id, "pet_id": pet_id, "result": json.dumps(RESULT)}
    _run(SEED + COPY, values | {"n": mine})
    left, at_once = rows - mine, 100 * OF_OTHERS
    while left > 0:
        _run(OTHERS + COPY, values | {"n": OF_OTHERS, "pets": min(left, at_once) // OF_OTHERS + 1})
        left -= at_once
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))
    with db.transaction() as session:
        session.execute(text("INSERT INTO history_changes (pet_id) VALUES (:p)"), {"p": pet_id})
        history.fold(session, session.get_one(Pet, pet_id))


def _run(script: str, values: dict[str, object]) -> None:
    with db.transaction() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in filter(str.strip, script.split(";\n")):
            named = {name: value for name, value in values.items() if f":{name}" in statement}
            session.execute(text(statement), named)


@contextmanager
def _postgres() -> Iterator[None]:
    with (
        tempfile.TemporaryDirectory(prefix="tailtrend-bench-") as folder,
        Stack(Path(folder) / "state") as stack,
    ):
        adopt(stack.start_servers(storage=False).environment() | UNLIMITED)
        schema.upgrade()
        try:
            yield
        finally:
            db.engine().dispose()
            db.engine.cache_clear()


def _reads(client: FlaskClient, pet_id: uuid.UUID, size: Size) -> Iterator[Figure]:
    today = datetime.now(UTC).date()
    years = {"bucket": "week", "from": today - timedelta(days=9 * 365), "to": today}
    days = {"bucket": "day", "from": today - timedelta(days=1000), "to": today}
    asked: dict[str, tuple[str, dict[str, object]]] = {
        "trend": ("trend", {}),
        "history, 90 days": ("history", {}),
        "history, 1000 days": ("history", days),
        "history, weeks of 9 years": ("history", years),
        "a page of 50 assessments": ("assessments", {}),
        "a page of 50, reason worried": ("assessments", {"reason": "worried"}),
        "a page of 50, a tag in 1 of 1000": ("assessments", {"tag": "rare"}),
        "a page of 50, an unknown bundle": ("assessments", {"bundle": "none 0"}),
        "alerts": ("alerts", {}),
    }
    for what, (path, query) in asked.items():
        seconds = _times(lambda p=path, q=query: _ask(client, pet_id, p, q), size.query_repeats)
        yield _figure(what, seconds, size)


def _ask(client: FlaskClient, pet_id: uuid.UUID, path: str, query: dict[str, object]) -> None:
    answer = client.get(f"/v1/pets/{pet_id}/{path}", query_string=query)
    if answer.status_code != 200:
        raise RuntimeError(answer.text)


def _pages(client: FlaskClient, key: str, pet_id: uuid.UUID, size: Size) -> Iterator[Figure]:
    """Time the pages as a signed-in browser gets them."""
    browser = client.application.test_client()
    found = FORM_TOKEN.search(browser.get("/sign-in").text)
    assert found is not None
    browser.post("/sign-in", data={"csrf": found[1], "key": key})
    asked = {
        "pets": "/",
        "pet, 12 weeks": f"/pets/{pet_id}",
        "pet, 4 weeks": f"/pets/{pet_id}?range=4w",
        "pet, 1 year": f"/pets/{pet_id}?range=1y",
        "pet, all": f"/pets/{pet_id}?range=all",
        "clips": f"/pets/{pet_id}/clips",
        "alerts": "/alerts",
    }
    for what, path in asked.items():
        seconds = _times(lambda p=path: _get(browser, p), size.query_repeats)
        yield _figure(f"page: {what}", seconds, size, most_s=MOST_PAGE_P95_S)


def _get(browser: FlaskClient, path: str) -> None:
    answer = browser.get(path)
    if answer.status_code != 200:
        raise RuntimeError(answer.text)


def _changes(
    client: FlaskClient, account_id: uuid.UUID, pet_id: uuid.UUID, size: Size
) -> Iterator[Figure]:
    """Time the first read after a result: its day and week, or the whole trend."""
    values = {"account_id": account_id, "pet_id": pet_id, "result": json.dumps(RESULT), "n": 1}

    def change() -> None:
        with db.transaction() as session:
            for statement in filter(str.strip, (SEED + COPY).split(";\n")):
                named = {name: value for name, value in values.items() if f":{name}" in statement}
                session.execute(text(statement), named)

    for what, path in (("history", "history"), ("trend", "trend")):
        repeats = max(1, size.query_repeats // 10)
        seconds = []
        for _ in range(repeats):
            change()
            seconds.append(timing.once(lambda p=path: _ask(client, pet_id, p, {})))
        yield _figure(f"{what}, first read after a result", seconds, size, most_s=None)


def _times(do: Callable[[], None], repeats: int) -> list[float]:
    do()
    return [timing.once(do) for _ in range(repeats)]


def _figure(
    what: str, seconds: list[float], size: Size, *, most_s: float | None = MOST_P95_S
) -> Figure:
    p95 = timing.percentile(seconds, 95)
    target = at_most(p95, most_s, f"<= {most_s * 1e3:.0f} ms") if most_s else None
    rows = f"{min(size.query_rows, OF_ONE_PET)} of {size.query_rows} rows"
    median = timing.percentile(seconds, 50)
    return Figure(
        "queries", f"{what}, p95", p95 * 1e3, "ms", f"p50, {rows}", median * 1e3, target=target
    )
