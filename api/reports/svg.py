"""The picture of a report as SVG. Attributes only, so that no style policy is in its way."""

from collections.abc import Sequence

from markupsafe import Markup

from api.reports.plot import Box, Dot, Label, Shape, Stroke

SVG = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img"'
    ' aria-label="{title}">{inside}</svg>'
)
LINE = Markup(
    '<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"'
    ' stroke-width="{width:g}"{dashes}/>'
)
DASHES = Markup(' stroke-dasharray="3 2"')
RECT = Markup(
    '<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'
)
CIRCLE = Markup(
    '<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{fill}" stroke="{colour}"'
    ' stroke-width="0.9"/>'
)
TEXT = Markup(
    '<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}"'
    ' text-anchor="{anchor}">{text}</text>'
)


def picture(shapes: Sequence[Shape], *, width: float, height: float, title: str) -> Markup:
    """Write shapes as one SVG element."""
    inside = Markup("").join(_element(shape) for shape in shapes)
    return SVG.format(width=width, height=height, title=title, inside=inside)


def _element(shape: Shape) -> Markup:
    colour = _colour(shape.grey)
    match shape:
        case Stroke():
            dashes = DASHES if shape.is_dashed else ""
            ends = {"x1": shape.x1, "y1": shape.y1, "x2": shape.x2, "y2": shape.y2}
            return LINE.format(**ends, colour=colour, width=shape.width, dashes=dashes)
        case Box():
            size = {"width": shape.width, "height": shape.height}
            return RECT.format(x=shape.x, y=shape.y, **size, colour=colour)
        case Dot():
            fill = _colour(shape.fill)
            return CIRCLE.format(
                x=shape.x, y=shape.y, radius=shape.radius, fill=fill, colour=colour
            )
        case Label():
            said = {"text": shape.text, "size": shape.size, "anchor": shape.anchor}
            return TEXT.format(x=shape.x, y=shape.y, colour=colour, **said)


def _colour(grey: float) -> str:
    return "#" + f"{round(grey * 255):02x}" * 3
