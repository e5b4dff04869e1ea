"""Accounts and their API keys. A key is shown once; only its SHA-256 is stored."""

import secrets
import uuid
from dataclasses import dataclass

from sqlalchemy import Select, func, select, text, update
from sqlalchemy.orm import Session

from shared import deletions, invites, pets, sign_ins, ways
from shared.deletions import Receipt
from shared.errors import KeyInvalid, NotFound
from shared.models import Account, ApiKey
from shared.tokens import digest
from shared.ways import Way

KEY_START = "tt_"
KEY_BYTES = 32
PREFIX_LENGTH = len(KEY_START) + 6

VERIFY = text("""
SELECT id, account_id, name FROM api_keys WHERE secret_sha256 = :digest AND revoked_at IS NULL
""")


@dataclass(frozen=True, slots=True)
class LiveKey:
    """An API key that opens an account, as every request asks for it."""

    id: uuid.UUID
    account_id: uuid.UUID
    name: str


def create(session: Session, name: str) -> Account:
    """Open an account."""
    account = Account(name=name)
    session.add(account)
    session.flush()
    return account


def find(session: Session, name: str) -> Account | None:
    """Find the oldest account of a name."""
    return session.scalar(select(Account).where(Account.name == name).order_by(Account.id).limit(1))


def delete(session: Session, account_id: uuid.UUID) -> Receipt:
    """Delete an account with all that it owns, its keys included; say what went."""
    receipt = deletions.receipt(session, deletions.ACCOUNT, account_id)
    for pet in session.scalars(pets.chosen(account_id)).all():  # each within a statement's time
        session.delete(pet)
        session.flush()
    session.delete(session.get_one(Account, account_id))
    session.flush()
    return receipt


def create_key(session: Session, account_id: uuid.UUID, *, name: str) -> str:
    """Make an API key and give the only copy of it in clear."""
    key = KEY_START + secrets.token_urlsafe(KEY_BYTES)
    session.add(
        ApiKey(
            account_id=account_id,
            name=name,
            prefix=key[:PREFIX_LENGTH],
            secret_sha256=digest(key),
        )
    )
    session.flush()
    return key


def verify_key(way: Way, key: str) -> LiveKey:
    """Find the live key that this is. Raises KeyInvalid."""
    found = ways.row(way, VERIFY, {"digest": digest(key)})
    if found is None:
        raise KeyInvalid
    return LiveKey(found.id, found.account_id, found.name)


def list_keys(session: Session) -> list[tuple[ApiKey, Account]]:
    """List every key with its account, oldest first."""
    query = select(ApiKey, Account).join(Account, Account.id == ApiKey.account_id)
    return [(key, account) for key, account in session.execute(query.order_by(ApiKey.id))]


def keys_of(account_id: uuid.UUID) -> Select[ApiKey]:
    """Select the live keys of an account, newest first."""
    live = select(ApiKey).where(ApiKey.account_id == account_id, ApiKey.revoked_at.is_(None))
    return live.order_by(ApiKey.id.desc())


def get_key(session: Session, account_id: uuid.UUID, key_id: uuid.UUID) -> ApiKey:
    """Read a live key of an account. Raises NotFound."""
    found = session.scalar(keys_of(account_id).where(ApiKey.id == key_id))
    if found is None:
        raise NotFound
    return found


def revoke_key(session: Session, key_id: uuid.UUID) -> None:
    """Revoke a key for good. Raises NotFound."""
    revoked = session.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(ApiKey.id)
    )
    if revoked.first() is None:
        raise NotFound("There is no live key with this id.")


def shut(session: Session, account_id: uuid.UUID) -> int:
    """Let nobody in any more: revoke keys, sign browsers out, take invites back; count the keys.

    A browser that an invite let in outlives every key, and may make new ones.
    """
    live = update(ApiKey).where(ApiKey.account_id == account_id, ApiKey.revoked_at.is_(None))
    revoked = session.scalars(live.values(revoked_at=func.now()).returning(ApiKey.id)).all()
    sign_ins.end_all(session, account_id)
    invites.withdraw_all(session, account_id)
    return len(revoked)


def ensure_local_key(session: Session, existing: str | None) -> str:
    """Give `existing` when it still opens the local account, else a new key of it."""
    if existing is not None:
        try:
            verify_key(session, existing)
        except KeyInvalid:
            existing = None
    if existing is not None:
        return existing
    account = find(session, "local") or create(session, "local")
    return create_key(session, account.id, name="tailtrend up")
