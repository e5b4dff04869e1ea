"""Create requests that may be sent twice: one key, one effect, one answer."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared import ways
from shared.errors import IdempotencyMismatch, IdempotencySpent
from shared.models import IdempotencyKey
from shared.ways import Way

KEPT = timedelta(days=1)

FIND = text("""
SELECT request_sha256, answer,
       EXISTS (SELECT FROM jobs WHERE id = CAST(answer ->> 'id' AS uuid))
       OR EXISTS (SELECT FROM uploads WHERE id = CAST(answer ->> 'upload_id' AS uuid)) AS is_there
  FROM idempotency_keys WHERE account_id = :account_id AND key = :key
""")


def begin(
    session: Session, account_id: uuid.UUID, key: str, request_sha256: bytes
) -> dict[str, Any] | None:
    """Take the key, or give the answer that was given for it.

    A twin that runs at the same time waits here until the first has committed. Raises as `find`.
    """
    row = insert(IdempotencyKey).values(
        account_id=account_id, key=key, request_sha256=request_sha256
    )
    taken = session.execute(row.on_conflict_do_nothing().returning(IdempotencyKey.key))
    if taken.first() is not None:
        return None
    return find(session, account_id, key, request_sha256)


def find(way: Way, account_id: uuid.UUID, key: str, request_sha256: bytes) -> dict[str, Any] | None:
    """Give the answer that was given for the key, without taking it.

    Raises IdempotencyMismatch when the key was used for another request, IdempotencySpent when the
    job or upload of that answer was deleted.
    """
    before = ways.row(way, FIND, {"account_id": account_id, "key": key})
    if before is None:
        return None
    if before.request_sha256 != request_sha256:
        raise IdempotencyMismatch
    if not before.is_there:
        raise IdempotencySpent
    answer: dict[str, Any] = before.answer
    return answer


def keep(session: Session, account_id: uuid.UUID, key: str, answer: dict[str, Any]) -> None:
    """Keep the answer in the transaction that made the effect."""
    row = (IdempotencyKey.account_id == account_id, IdempotencyKey.key == key)
    session.execute(update(IdempotencyKey).where(*row).values(answer=answer))


def purge(session: Session) -> None:
    """Forget keys that no phone retries any more."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < func.now() - KEPT))
