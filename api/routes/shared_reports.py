"""What a link to a report leads to: the page and its PDF, for who has the link.

The token is in the path: this module sees to it that nothing else learns it. Pages are never
stored or indexed, name no referrer, load nothing, and the product writes no access log.
"""

import secrets
from datetime import UTC, datetime

from apiflask import APIBlueprint
from flask import Response, make_response, render_template, request, url_for

from api import throttle
from api.reports import made
from api.reports.words import Language, wished, words
from shared import report_links, reports
from shared.db import transaction
from shared.errors import NotFound
from shared.models import ReportLink
from shared.reports import Facts

POLICY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}

bp = APIBlueprint("shared_reports", __name__, template_folder="../reports", enable_openapi=False)


@bp.before_request
def _count() -> None:
    """Count a look from an address. Raises TooManyRequests."""
    throttle.draw_for_report(request.remote_addr or "")


@bp.after_request
def _keep_private(response: Response) -> Response:
    response.headers.extend(HEADERS)
    return response


@bp.errorhandler(NotFound)
def _lead_nowhere(_: NotFound) -> tuple[Response, int]:
    """Say to a person, in their browser's language, that there is nothing to see."""
    language = wished(request.accept_languages, [*Language], Language.ENGLISH)
    chosen, nonce = words(Language(language)), secrets.token_urlsafe(16)
    title, said = chosen.say("dead_title"), chosen.say("dead")
    page = render_template(
        "dead_link.html", language=chosen.language, title=title, said=said, nonce=nonce
    )
    return _guarded(page, nonce), 404


@bp.get("/r/<token>")
def show(token: str) -> Response:
    """Show a report as a page."""
    link, facts = _followed(token, "page")
    language, nonce = Language(link.language), secrets.token_urlsafe(16)
    chosen = words(language)
    until = chosen.day(link.expires_at.astimezone(facts.zone).date())
    page = render_template(
        "shared_report.html",
        sheet=made.sheet(facts, language, reports.stills(facts)),
        picture=made.picture(facts, language),
        still_url=made.still_url,
        nonce=nonce,
        pdf_url=url_for(".download", token=token),
        as_pdf=chosen.say("as_pdf"),
        link_until=chosen.say("link_until", date=until),
    )
    return _guarded(page, nonce)


@bp.get("/r/<token>/report.pdf")
def download(token: str) -> Response:
    """Give the same report as a PDF."""
    link, facts = _followed(token, "pdf")
    return Response(made.as_pdf(facts, Language(link.language), {}), content_type="application/pdf")


def _guarded(page: str, nonce: str) -> Response:
    response = make_response(page)
    response.headers["Content-Security-Policy"] = POLICY.format(nonce=nonce)
    return response


def _followed(token: str, form: str) -> tuple[ReportLink, Facts]:
    """Follow a link and collect what it leads to. Raises NotFound."""
    address, agent = request.remote_addr or "", request.user_agent.string
    with transaction() as session:
        link, pet = report_links.open_link(session, token, form=form, address=address, agent=agent)
        span, now = (link.first, link.last), datetime.now(UTC)
        return link, reports.collect(session, pet, span, question=link.question, now=now)
