"""Text on paper: the fonts that are embedded, what they can print, and lines that fit.

Fonts: Noto Sans KR (SIL OFL 1.1, fonts/OFL.txt), cut to Latin, Greek, Cyrillic and the 2350 Hangul
syllables of KS X 1001. What they do not hold, such as emoji, is left out of what is printed.
"""

import functools
import unicodedata
from importlib.resources import as_file, files

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD = "NotoSansKR-Regular", "NotoSansKR-Bold"
ELLIPSIS = "…"
UNKNOWN = "□"  # stands for a letter that the fonts do not hold


@functools.cache
def register() -> None:
    """Read the fonts, once per process."""
    for name in (REGULAR, BOLD):
        with as_file(files("api.reports") / "fonts" / f"{name}.ttf") as path:
            pdfmetrics.registerFont(TTFont(name, path))


@functools.cache
def _glyphs() -> frozenset[int]:
    register()
    return frozenset(pdfmetrics.getFont(REGULAR).face.charToGlyph)


def printable(text: str) -> str:
    """Give what can be printed of a text: emoji go, letters of other scripts become a box."""
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(_printable(one) for one in composed)
    return " ".join(kept.split())


def _printable(one: str) -> str:
    if ord(one) in _glyphs():
        return one
    if one.isspace():
        return " "
    return UNKNOWN if unicodedata.category(one).startswith("L") else ""


def width_of(text: str, font: str, size: float) -> float:
    """Measure a line in points."""
    return float(pdfmetrics.stringWidth(text, font, size))


def wrap(text: str, font: str, size: float, width: float, *, most: int) -> list[str]:
    """Break a text into at most so many lines; what does not fit ends in an ellipsis."""
    lines: list[str] = []
    rest = printable(text)
    while rest and len(lines) < most - 1:
        line, rest = _first_line(rest, font, size, width)
        lines.append(line)
    if rest:
        lines.append(_last_line(rest, font, size, width))
    return lines


def _last_line(text: str, font: str, size: float, width: float) -> str:
    """Give what fits, cut after a word unless that would leave half of the line empty."""
    line, rest = _first_line(text, font, size, width)
    if not rest:
        return line
    fits = _most_letters(text, font, size, width)
    return _shortened(line if len(line) > fits / 2 else text[:fits], font, size, width)


def _first_line(text: str, font: str, size: float, width: float) -> tuple[str, str]:
    """Give as many words as fit, or as many letters of a word that is longer than a line."""
    if width_of(text, font, size) <= width:
        return text, ""
    fits = _most_letters(text, font, size, width)
    end = text.rfind(" ", 0, fits + 1)
    end = end if end > 0 else fits
    return text[:end].rstrip(), text[end:].lstrip()


def _most_letters(text: str, font: str, size: float, width: float) -> int:
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width_of(text[:middle], font, size) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def _shortened(line: str, font: str, size: float, width: float) -> str:
    while line and width_of(line + ELLIPSIS, font, size) > width:
        line = line[:-1]
    return line.rstrip() + ELLIPSIS
