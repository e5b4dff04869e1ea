"""Reports as PDF, links to them for people without a key, and the log of their looks."""

import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Response, request

from api import auth
from api.errors import raises
from api.pagination import page
from api.reports import made
from api.routes import blueprint
from api.schemas.base import Created, PageQuery
from api.schemas.reports import (
    ReportLinkIn,
    ReportLinkMade,
    ReportLinkOut,
    ReportLinksPage,
    ReportQuery,
    ReportViewOut,
    ReportViewsPage,
    span_of,
    wanted,
)
from shared import pets, report_links, reports
from shared.db import transaction
from shared.errors import BadCursor, TooManyLinks
from shared.models import ReportLink, ReportView

bp = blueprint("reports")

PDF: Any = {
    "description": "One A4 page.",
    "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
}


@bp.get("/pets/<uuid:pet_id>/report.pdf")
@bp.input(ReportQuery, location="query")
@bp.doc(responses={200: PDF})
def read_report(pet_id: uuid.UUID, query_data: ReportQuery) -> Response:
    """Make the page that a vet reads: question, answer, weeks, three clips, context, limits."""
    now = datetime.now(UTC)
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        span = span_of(query_data, pet, now)
        facts = reports.collect(session, pet, span, question=query_data.question, now=now)
    made_pdf = made.as_pdf(facts, query_data.language, reports.stills(facts))
    headers = {
        "Content-Disposition": f'inline; filename="report-{pet_id}.pdf"',
        "Cache-Control": "no-store",
    }
    return Response(made_pdf, content_type="application/pdf", headers=headers)


@bp.post("/pets/<uuid:pet_id>/report-links")
@bp.input(ReportLinkIn)
@bp.output(ReportLinkMade, status_code=201, headers=Created)
@bp.doc(extensions=raises(TooManyLinks))
def create_report_link(
    pet_id: uuid.UUID, json_data: ReportLinkIn
) -> tuple[ReportLinkMade, int, dict[str, str]]:
    """Make a link to a report for somebody without a key; it expires and can be revoked.

    The days of the report are fixed now; what it says of them follows the facts, so a clip that
    you delete is gone from it as well.
    """
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        asked = wanted(json_data, pet, datetime.now(UTC))
        link, token = report_links.create(session, pet, asked)
        session.refresh(link)
        told = ReportLinkOut.model_validate(link).model_dump()
    answer = ReportLinkMade(**told, url=f"{request.url_root}r/{token}")
    return answer, 201, {"Location": f"/v1/report-links/{link.id}/views"}


@bp.get("/pets/<uuid:pet_id>/report-links")
@bp.input(PageQuery, location="query")
@bp.output(ReportLinksPage)
@bp.doc(extensions=raises(BadCursor))
def list_report_links(pet_id: uuid.UUID, query_data: PageQuery) -> dict[str, Any]:
    """List the links to a pet's reports, newest first; their URLs are not told again."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        chosen = report_links.chosen(pet)
        return page(
            session, chosen, query_data, by=[ReportLink.id], present=ReportLinkOut.model_validate
        )


@bp.delete("/report-links/<uuid:link_id>")
@bp.output(ReportLinkOut)
def revoke_report_link(link_id: uuid.UUID) -> ReportLinkOut:
    """Revoke a link at once; it stays in the list with its log."""
    with transaction() as session:
        link = report_links.get(session, auth.account_id(), link_id)
        report_links.revoke(session, link)
        session.flush()
        return ReportLinkOut.model_validate(link)


@bp.get("/report-links/<uuid:link_id>/views")
@bp.input(PageQuery, location="query")
@bp.output(ReportViewsPage)
@bp.doc(extensions=raises(BadCursor))
def list_report_views(link_id: uuid.UUID, query_data: PageQuery) -> dict[str, Any]:
    """List who looked at a report by its link, newest first."""
    with transaction() as session:
        link = report_links.get(session, auth.account_id(), link_id)
        chosen = report_links.views(link)
        return page(
            session, chosen, query_data, by=[ReportView.id], present=ReportViewOut.model_validate
        )
