"""Sign-ins: browsers that were let into an account's pages. Knows nothing of cookies.

One that an API key made ends with that key; each ends after some weeks without a visit.
"""

import secrets
import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.orm import Session

from shared.models import ApiKey, Invite, SignIn
from shared.tokens import digest

TOKEN_BYTES = 32
KEPT = timedelta(days=30)  # since the last visit
NOTED_EVERY = timedelta(hours=1)  # a visit is written down at most so often


def create_by_key(session: Session, account_id: uuid.UUID, *, key_id: uuid.UUID, name: str) -> str:
    """Let a browser in that showed an API key; give the token for its cookie."""
    return _create(session, SignIn(account_id=account_id, api_key_id=key_id, name=name))


def create_by_invite(session: Session, invite: Invite) -> str:
    """Let a browser in that used an invite up; give the token for its cookie."""
    return _create(session, SignIn(account_id=invite.account_id, name=invite.name))


def find(session: Session, token: str) -> SignIn | None:
    """Find the live sign-in of a token, and note the visit."""
    found = session.scalar(_live().where(SignIn.token_sha256 == digest(token)))
    if found is not None and found.seen_at < datetime.now(UTC) - NOTED_EVERY:
        found.seen_at, found.expires_at = func.now(), func.now() + KEPT
    return found


def chosen(account_id: uuid.UUID) -> Select[SignIn]:
    """Select an account's live sign-ins, newest first."""
    return _live().where(SignIn.account_id == account_id).order_by(SignIn.id.desc())


def end(session: Session, token: str) -> None:
    """Sign a browser out."""
    session.execute(delete(SignIn).where(SignIn.token_sha256 == digest(token)))


def end_all(session: Session, account_id: uuid.UUID) -> None:
    """Sign every browser of an account out."""
    session.execute(delete(SignIn).where(SignIn.account_id == account_id))


def _create(session: Session, made: SignIn) -> str:
    over = delete(SignIn).where(SignIn.account_id == made.account_id)
    session.execute(over.where(SignIn.expires_at <= func.now()))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    made.token_sha256, made.expires_at = digest(token), func.now() + KEPT
    session.add(made)
    session.flush()
    return token


def _live() -> Select[SignIn]:
    query = select(SignIn).outerjoin(ApiKey, ApiKey.id == SignIn.api_key_id)
    alive = or_(SignIn.api_key_id.is_(None), ApiKey.revoked_at.is_(None))
    return query.where(SignIn.expires_at > func.now(), alive)
