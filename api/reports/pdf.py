"""A report as a PDF of one A4 page, drawn from its sheet of words and the shapes of its picture.

Every text is cut to the lines that its place has, so that no name and no note moves the page.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from api.reports import ink
from api.reports.ink import BOLD, REGULAR
from api.reports.plot import Box, Dot, Label, Shape, Stroke
from api.reports.text import Clip, Sheet

PAGE_WIDTH, PAGE_HEIGHT = (float(side) for side in A4)  # 595 x 842 points
MARGIN = 38.0
WIDTH = PAGE_WIDTH - 2 * MARGIN
GAP = 14.0  # between columns
LINE = 1.32  # of a letter's size
PLOT_HEIGHT = 142.0
STILL_HEIGHT = 88.0
TALL_CLIP, SHORT_CLIP = 196.0, 112.0  # with stills and without


@dataclass(slots=True)
class Pen:
    """Writes downwards from `y`, which is counted from the top of the page."""

    canvas: Canvas
    y: float = MARGIN

    def write(
        self,
        text: str,
        size: float,
        *,
        x: float = MARGIN,
        width: float = WIDTH,
        font: str = REGULAR,
        grey: float = 0.0,
        most: int = 1,
    ) -> None:
        """Write a text in at most so many lines."""
        self.canvas.setFont(font, size)
        self.canvas.setFillGray(grey)
        for line in ink.wrap(text, font, size, width, most=most):
            self.y += size * LINE
            self.canvas.drawString(x, PAGE_HEIGHT - self.y + size * 0.3, line)

    def write_right(self, text: str, size: float, *, x: float, grey: float = 0.0) -> None:
        """Write one line that ends at `x`, on the line that was written last."""
        self.canvas.setFont(REGULAR, size)
        self.canvas.setFillGray(grey)
        self.canvas.drawRightString(x, PAGE_HEIGHT - self.y + size * 0.3, ink.printable(text))

    def rule(self, *, x: float = MARGIN, width: float = WIDTH, grey: float = 0.75) -> None:
        """Draw a thin line across."""
        self.canvas.setStrokeGray(grey)
        self.canvas.setLineWidth(0.6)
        self.canvas.line(x, PAGE_HEIGHT - self.y, x + width, PAGE_HEIGHT - self.y)


def render(sheet: Sheet, shapes: Sequence[Shape]) -> bytes:
    """Draw the page; `shapes` are those of a picture of `WIDTH` x `PLOT_HEIGHT`."""
    ink.register()
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, lang=sheet.language, invariant=1, initialFontName=REGULAR)
    canvas.setTitle(f"{sheet.title}: {ink.printable(sheet.name)}")
    canvas.setAuthor("TailTrend")
    canvas.setCreator("TailTrend")
    pen = Pen(canvas)
    _head(pen, sheet)
    _answer(pen, sheet)
    _picture(pen, sheet, shapes)
    _clips(pen, sheet)
    _columns(pen, sheet, bottom=_method(canvas, sheet))
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _head(pen: Pen, sheet: Sheet) -> None:
    pen.write(sheet.title, 8.5, grey=0.35, font=BOLD)
    pen.write_right(sheet.made, 8, x=MARGIN + WIDTH, grey=0.35)
    pen.y += 4
    pen.rule(grey=0.3)
    pen.y += 4
    pen.write(ink.printable(sheet.name) or sheet.no_name, 19, font=BOLD)
    pen.y += 2
    if sheet.simulated:
        pen.write(sheet.simulated, 9, font=BOLD)
    pen.write(sheet.about, 9.5, grey=0.15)
    pen.write(sheet.about_clips, 8.5, grey=0.3)
    pen.y += 7


def _answer(pen: Pen, sheet: Sheet) -> None:
    """Write the question and the answer on a grey field as high as they are."""
    inner = WIDTH - 20
    question = ink.wrap(sheet.question, BOLD, 10.5, inner, most=2)
    answer = ink.wrap(sheet.answer, BOLD, 10.5, inner, most=4)
    rate = ink.wrap(sheet.rate, REGULAR, 7.8, inner, most=2)
    lines = (len(question) + len(answer)) * 10.5 + len(rate) * 7.8 + 2 * 7.5
    height = lines * LINE + 22
    pen.canvas.setFillGray(0.945)
    pen.canvas.rect(MARGIN, PAGE_HEIGHT - pen.y - height, WIDTH, height, stroke=0, fill=1)
    end, x = pen.y + height, MARGIN + 10
    pen.y += 4
    pen.write(sheet.question_label, 7.5, x=x, grey=0.35)
    pen.write(sheet.question, 10.5, x=x, width=inner, font=BOLD, most=2)
    pen.y += 5
    pen.write(sheet.answer_label, 7.5, x=x, grey=0.35)
    pen.write(sheet.answer, 10.5, x=x, width=inner, font=BOLD, most=4)
    pen.y += 3
    pen.write(sheet.rate, 7.8, x=x, width=inner, grey=0.2, most=2)
    pen.y = end + 8


def _picture(pen: Pen, sheet: Sheet, shapes: Sequence[Shape]) -> None:
    pen.write(sheet.plot_title, 9, font=BOLD)
    pen.y += 2
    for shape in shapes:
        _draw(pen.canvas, shape, MARGIN, PAGE_HEIGHT - pen.y)
    pen.y += PLOT_HEIGHT
    pen.write(sheet.plot_key, 7, grey=0.35, most=2)
    pen.y += 7


def _draw(canvas: Canvas, shape: Shape, x: float, top: float) -> None:
    """Draw a shape of the picture, whose origin is its top left corner."""
    match shape:
        case Stroke():
            canvas.setStrokeGray(shape.grey)
            canvas.setLineWidth(shape.width)
            canvas.setDash([3, 2] if shape.is_dashed else [])
            canvas.line(x + shape.x1, top - shape.y1, x + shape.x2, top - shape.y2)
            canvas.setDash([])
        case Box():
            canvas.setFillGray(shape.grey)
            bottom = top - shape.y - shape.height
            canvas.rect(x + shape.x, bottom, shape.width, shape.height, stroke=0, fill=1)
        case Dot():
            canvas.setFillGray(shape.fill)
            canvas.setStrokeGray(shape.grey)
            canvas.setLineWidth(0.9)
            canvas.circle(x + shape.x, top - shape.y, shape.radius, stroke=1, fill=1)
        case Label():
            canvas.setFont(REGULAR, shape.size)
            canvas.setFillGray(shape.grey)
            draw = {
                "start": canvas.drawString,
                "middle": canvas.drawCentredString,
                "end": canvas.drawRightString,
            }[shape.anchor]
            draw(x + shape.x, top - shape.y, ink.printable(shape.text))


# --- clips -----------------------------------------------------------------------------------


def _clips(pen: Pen, sheet: Sheet) -> None:
    pen.write(sheet.clips_title, 9, font=BOLD)
    pen.y += 3
    pen.rule()
    pen.y += 2
    if not sheet.clips:
        pen.write(sheet.clips_none, 8, grey=0.3)
        pen.y += 8
        return
    top = pen.y
    width = (WIDTH - 2 * GAP) / 3
    has_stills = any(clip.still for clip in sheet.clips)
    for number, clip in enumerate(sheet.clips):
        pen.y = top
        _clip(pen, clip, MARGIN + number * (width + GAP), width, has_stills=has_stills)
    pen.y = top + (TALL_CLIP if has_stills else SHORT_CLIP)


def _clip(pen: Pen, clip: Clip, x: float, width: float, *, has_stills: bool) -> None:
    if has_stills:
        _still(pen, clip, x, width)
    pen.write(clip.title, 8.5, x=x, width=width, font=BOLD)
    pen.write(clip.filmed, 7.5, x=x, width=width, grey=0.3)
    pen.write(clip.found, 8.5, x=x, width=width, most=2)
    if clip.verdict:
        pen.write(clip.verdict, 7.8, x=x, width=width, font=BOLD)
    if clip.moment:
        pen.write(clip.moment, 7.5, x=x, width=width, most=2)
    if clip.signals:
        pen.write("; ".join(clip.signals), 7.5, x=x, width=width, grey=0.2, most=3)
    if clip.note:
        pen.write(clip.note, 7.5, x=x, width=width, grey=0.2, most=2)


def _still(pen: Pen, clip: Clip, x: float, width: float) -> None:
    """Place a still into its field, whole and undistorted; without one the field stays empty."""
    if clip.still is not None:
        image = ImageReader(io.BytesIO(clip.still))
        box = (x, PAGE_HEIGHT - pen.y - STILL_HEIGHT - 3, width, STILL_HEIGHT)
        pen.canvas.drawImage(image, *box, preserveAspectRatio=True, anchor="w")
    pen.y += STILL_HEIGHT + 4


# --- what else -------------------------------------------------------------------------------


def _columns(pen: Pen, sheet: Sheet, *, bottom: float) -> None:
    """Write signals and context side by side, as many rows as fit above the method."""
    top, width = pen.y, (WIDTH - GAP) / 2
    _signals(pen, sheet, width, bottom)
    pen.y = top
    _context(pen, sheet, MARGIN + width + GAP, width, bottom)


ROW = 7.8


def _signals(pen: Pen, sheet: Sheet, width: float, bottom: float) -> None:
    pen.write(sheet.signals_title, 9, width=width * 0.5, font=BOLD)
    lately, before = MARGIN + width * 0.77, MARGIN + width
    if sheet.signals:
        pen.write_right(sheet.signals_head[0], 7, x=lately, grey=0.35)
        pen.write_right(sheet.signals_head[1], 7, x=before, grey=0.35)
    pen.y += 3
    pen.rule(width=width)
    pen.y += 1
    if not sheet.signals:
        pen.write(sheet.signals_none, ROW, grey=0.3)
    for name, n_lately, n_before in sheet.signals:
        if pen.y + ROW * LINE > bottom:
            return
        pen.write(name, ROW, width=width * 0.55)
        pen.write_right(n_lately, ROW, x=lately)
        pen.write_right(n_before, ROW, x=before)


def _context(pen: Pen, sheet: Sheet, x: float, width: float, bottom: float) -> None:
    pen.write(sheet.context_title, 9, x=x, width=width, font=BOLD)
    pen.y += 3
    pen.rule(x=x, width=width)
    pen.y += 1
    if not sheet.context:
        pen.write(sheet.context_none, ROW, x=x, grey=0.3)
    rows = list(sheet.context)
    while rows:
        room = int((bottom - pen.y) / (ROW * LINE))
        if room < 1:
            return
        when, said = rows.pop(0)
        _context_row(pen, when, said, x, width, most=min(2, room))


def _context_row(pen: Pen, when: str, said: str, x: float, width: float, *, most: int) -> None:
    indent = 62.0 if when else 0.0
    top = pen.y
    pen.write(when, ROW, x=x, width=indent, grey=0.3)
    pen.y = top
    pen.write(said, ROW, x=x + indent, width=width - indent, most=most)


def _method(canvas: Canvas, sheet: Sheet) -> float:
    """Write the method at the foot of the page; give where it begins."""
    size = 7.2
    lines = [ink.wrap(said, REGULAR, size, WIDTH, most=3) for said in sheet.method]
    height = sum(map(len, lines)) * size * LINE + 9 * LINE + 6
    begins = PAGE_HEIGHT - MARGIN - height
    pen = Pen(canvas, begins)
    pen.rule(grey=0.3)
    pen.y += 3
    pen.write(sheet.method_title, 8.5, font=BOLD)
    for said in sheet.method:
        pen.write(said, size, grey=0.2, most=3)
    return begins - 6
