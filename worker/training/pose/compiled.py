"""numba's compiler with the type of what it compiles kept; the result is cached on disk."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function on its first call."""
    return cast(Callable[P, R], numba.njit(cache=True, fastmath=True)(function))
