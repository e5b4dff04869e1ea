"""The report of a pet: as a PDF, and as a link for a vet with the log of its looks."""

import uuid
from datetime import UTC, datetime

from flask import Blueprint, redirect, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from api import auth
from api.pages import forms, frame
from api.schemas.reports import ReportLinkIn, ReportQuery, span_of, wanted
from shared import pets, report_links, reports
from shared.db import transaction
from shared.errors import Conflict, InputError, InvalidRequest
from shared.models import Pet, ReportLink, ReportView

MOST_LINKS, MOST_VIEWS = 30, 20
DAYS = (7, 14, 30, 90)

bp = Blueprint("report", __name__)


@bp.get("/pets/<uuid:pet_id>/report")
def show(pet_id: uuid.UUID) -> str:
    """Show how to take a report along, and who has a link to one."""
    return _page(pet_id)


@bp.get("/pets/<uuid:pet_id>/report/pdf")
def take(pet_id: uuid.UUID) -> Response | tuple[str, int]:
    """Lead to the PDF that was asked for; what no page can show is said on ours."""
    try:
        asked = forms.read(ReportQuery)
        with transaction() as session:
            pet = pets.get(session, auth.account_id(), pet_id)
        span_of(asked, pet, datetime.now(UTC))
    except (forms.Wrong, InvalidRequest) as error:
        return _page(pet_id, wrong_in="take", wrong=_fields(error)), 422
    query = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
    return redirect(url_for("reports.read_report", pet_id=pet_id, **query), 303)


@bp.post("/pets/<uuid:pet_id>/report")
def share(pet_id: uuid.UUID) -> str | tuple[str, int]:
    """Make a link and show it, this once."""
    try:
        asked = forms.read(ReportLinkIn)
        token = _made(pet_id, asked)
    except (forms.Wrong, InvalidRequest) as error:
        return _page(pet_id, wrong_in="share", wrong=_fields(error)), 422
    except (InputError, Conflict) as error:
        return _page(pet_id, refused=frame.told(error)), 422
    return _page(pet_id, url=f"{request.url_root}r/{token}")


@bp.post("/report-links/<uuid:link_id>/revoke")
def revoke(link_id: uuid.UUID) -> Response:
    """Revoke a link."""
    with transaction() as session:
        link = report_links.get(session, auth.account_id(), link_id)
        report_links.revoke(session, link)
        pet_id = link.pet_id
    return redirect(url_for("pages.report.show", pet_id=pet_id, done="link_revoked"), 303)


def _fields(error: forms.Wrong | InvalidRequest) -> list[str]:
    return list(error.fields or ["form"])


def _made(pet_id: uuid.UUID, asked: ReportLinkIn) -> str:
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        _, token = report_links.create(session, pet, wanted(asked, pet, datetime.now(UTC)))
    return token


def _page(
    pet_id: uuid.UUID,
    *,
    wrong: list[str] | None = None,
    wrong_in: str = "",
    refused: str | None = None,
    url: str | None = None,
) -> str:
    now = datetime.now(UTC)
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        span = reports.span_of(pet, now, first=None, last=None)
        links = [(link, *_looks(session, link)) for link in _links(session, pet)]
    return frame.show(
        "report.html",
        pet=pet,
        first=span[0],
        last=span[1],
        links=links,
        now=now,
        days=DAYS,
        wrong=wrong or [],
        wrong_in=wrong_in,
        refused=refused,
        url=url,
        form=forms.fields(),
    )


def _links(session: Session, pet: Pet) -> list[ReportLink]:
    newest = report_links.chosen(pet).order_by(ReportLink.id.desc()).limit(MOST_LINKS)
    return list(session.scalars(newest))


def _looks(session: Session, link: ReportLink) -> tuple[int, list[ReportView]]:
    """Count the looks at a link's report, and give the last ones."""
    chosen = report_links.views(link)
    n = session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    return n, list(session.scalars(chosen.order_by(ReportView.id.desc()).limit(MOST_VIEWS)))
