"""Reports made of facts: as a PDF, and as a page whose words and picture are the same."""

import base64

from markupsafe import Markup

from api.reports import pdf, plot, svg, text
from api.reports.text import Sheet
from api.reports.words import Language, words
from shared.reports import Facts

STILL_URL = "data:image/jpeg;base64,"


def as_pdf(facts: Facts, language: Language, stills: dict[str, bytes]) -> bytes:
    """Make a report as a PDF of one page."""
    chosen = words(language)
    shapes = plot.draw(facts, chosen, width=pdf.WIDTH, height=pdf.PLOT_HEIGHT)
    return pdf.render(text.write(facts, chosen, stills), shapes)


def sheet(facts: Facts, language: Language, stills: dict[str, bytes]) -> Sheet:
    """Give the words of a report for a page."""
    return text.write(facts, words(language), stills)


def picture(facts: Facts, language: Language) -> Markup:
    """Draw the picture of a report for a page."""
    chosen = words(language)
    size = {"width": pdf.WIDTH, "height": pdf.PLOT_HEIGHT}
    shapes = plot.draw(facts, chosen, **size)
    return svg.picture(shapes, **size, title=chosen.say("plot"))


def still_url(still: bytes) -> str:
    """Write a still into the page itself, which then loads nothing from anywhere."""
    return STILL_URL + base64.b64encode(still).decode()
