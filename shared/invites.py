"""Invites: one-time codes that let a person into an account's pages. Only a hash is stored."""

import secrets
import uuid
from datetime import timedelta

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from shared.errors import InviteInvalid, NotFound
from shared.models import Invite
from shared.tokens import digest

CODE_BYTES = 24
VALID_DAYS = 7


def create(
    session: Session, account_id: uuid.UUID, *, name: str, valid_days: int = VALID_DAYS
) -> str:
    """Make an invite and give the only copy of its code in clear."""
    code = secrets.token_urlsafe(CODE_BYTES)
    expires_at = func.now() + timedelta(days=valid_days)
    invite = Invite(
        account_id=account_id, name=name, code_sha256=digest(code), expires_at=expires_at
    )
    session.add(invite)
    session.flush()
    return code


def redeem(session: Session, code: str) -> Invite:
    """Use an invite up; of two at once only one succeeds. Raises InviteInvalid."""
    used: Invite | None = session.scalar(
        update(Invite)
        .where(
            Invite.code_sha256 == digest(code.strip()),
            Invite.used_at.is_(None),
            Invite.expires_at > func.now(),
        )
        .values(used_at=func.now())
        .returning(Invite)
    )
    if used is None:
        raise InviteInvalid
    return used


def waiting(account_id: uuid.UUID) -> Select[Invite]:
    """Select an account's invites that can still be used, newest first."""
    query = select(Invite).where(Invite.account_id == account_id, Invite.used_at.is_(None))
    return query.where(Invite.expires_at > func.now()).order_by(Invite.id.desc())


def withdraw(session: Session, account_id: uuid.UUID, invite_id: uuid.UUID) -> None:
    """Take an invite back. Raises NotFound."""
    query = select(Invite).where(Invite.id == invite_id, Invite.account_id == account_id)
    found = session.scalar(query)
    if found is None:
        raise NotFound
    session.delete(found)


def withdraw_all(session: Session, account_id: uuid.UUID) -> None:
    """Take every invite of an account back that is not used."""
    unused = delete(Invite).where(Invite.account_id == account_id, Invite.used_at.is_(None))
    session.execute(unused)
