"""The one error of the local stack. Knows no exit code."""

from shared.errors import TailTrendError


class CannotStart(TailTrendError):
    """The local stack cannot be started here."""

    code = "cannot_start"
