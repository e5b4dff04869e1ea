"""Links to reports: for somebody without a key, for a while, revocable, each look logged.

The token of a link is 256 random bits and is shown once; only its SHA-256 is stored.
"""

import ipaddress
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from shared.errors import NotFound, TooManyLinks
from shared.models import Pet, ReportLink, ReportView
from shared.tokens import digest

TOKEN_BYTES = 32
MOST_LIVE_LINKS = 100  # of a pet
LONGEST_AGENT = 200
IPV4_BITS, IPV6_BITS = 24, 48  # of an address, what is kept


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a link leads to, and for whom."""

    name: str
    question: str | None
    language: str
    first: date
    last: date
    days: int


def create(session: Session, pet: Pet, wanted: Wanted) -> tuple[ReportLink, str]:
    """Make a link; give it with the only copy of its token. Raises TooManyLinks."""
    live = chosen(pet).where(ReportLink.revoked_at.is_(None), ReportLink.expires_at > func.now())
    if len(session.scalars(live).all()) >= MOST_LIVE_LINKS:
        raise TooManyLinks
    token = secrets.token_urlsafe(TOKEN_BYTES)
    link = ReportLink(
        pet_id=pet.id,
        token_sha256=digest(token),
        name=wanted.name,
        question=wanted.question,
        language=wanted.language,
        first=wanted.first,
        last=wanted.last,
        expires_at=datetime.now(UTC) + timedelta(days=wanted.days),
    )
    session.add(link)
    session.flush()
    return link, token


def chosen(pet: Pet) -> Select[ReportLink]:
    """Select the links to reports on a pet."""
    return select(ReportLink).where(ReportLink.pet_id == pet.id)


def get(session: Session, account_id: uuid.UUID, link_id: uuid.UUID) -> ReportLink:
    """Read a link of an account. Raises NotFound."""
    query = select(ReportLink).join(Pet, Pet.id == ReportLink.pet_id)
    link = session.scalar(query.where(ReportLink.id == link_id, Pet.account_id == account_id))
    if link is None:
        raise NotFound
    return link


def revoke(session: Session, link: ReportLink) -> None:
    """Let a link lead nowhere from now on; when it was revoked first stays."""
    link.revoked_at = link.revoked_at or session.scalar(select(func.now()))


def views(link: ReportLink) -> Select[ReportView]:
    """Select the looks at a link's report."""
    return select(ReportView).where(ReportView.link_id == link.id)


def open_link(
    session: Session, token: str, *, form: str, address: str, agent: str
) -> tuple[ReportLink, Pet]:
    """Follow a live link and log the look. Raises NotFound: unknown, expired and revoked alike."""
    query = select(ReportLink, Pet).join(Pet, Pet.id == ReportLink.pet_id)
    live = query.where(
        ReportLink.token_sha256 == digest(token),
        ReportLink.revoked_at.is_(None),
        ReportLink.expires_at > func.now(),
    )
    found = session.execute(live).one_or_none()
    if found is None:
        raise NotFound("This link leads nowhere: it is wrong, has expired or was revoked.")
    link, pet = found
    seen = ReportView(
        link_id=link.id, form=form, network=network_of(address), agent=_printable(agent)
    )
    session.add(seen)
    session.flush()
    return link, pet


def network_of(address: str) -> str:
    """Give the network of a client's address: who looked stays unknown, from where does not."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    bits = IPV4_BITS if parsed.version == 4 else IPV6_BITS
    return str(ipaddress.ip_network((parsed, bits), strict=False))


def _printable(agent: str) -> str:
    return "".join(one for one in agent if one.isprintable())[:LONGEST_AGENT]
