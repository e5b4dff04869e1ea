"""Lead this process, and all it starts from here on, to the servers of a stack."""

import os
from collections.abc import Mapping

from shared.settings import settings


def adopt(values: Mapping[str, str]) -> None:
    """Set environment variables for us and our children, and read the settings anew."""
    os.environ.update(values)
    settings.cache_clear()
