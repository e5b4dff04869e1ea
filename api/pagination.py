"""Keyset pages: a cursor names the last row seen, so that new rows never shift a page."""

import base64
import binascii
import json
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from api.schemas.base import PageQuery
from shared.errors import BadCursor

Row = TypeVar("Row")


def page(
    session: Session,
    query: Select[Row],
    asked: PageQuery,
    *,
    by: Sequence[InstrumentedAttribute[Any]],
    present: Callable[[Row], BaseModel],
) -> dict[str, Any]:
    """Read one page, newest first by the columns `by`. Raises BadCursor."""
    if asked.after is not None:
        query = query.where(tuple_(*by) < tuple_(*_values(asked.after, by)))
    query = query.order_by(*(column.desc() for column in by)).limit(asked.limit + 1)
    rows = list(session.scalars(query).unique())
    shown, more = rows[: asked.limit], len(rows) > asked.limit
    return {
        "items": [present(row) for row in shown],
        "next": _cursor(shown[-1], by) if more else None,
    }


def _cursor(row: object, by: Sequence[InstrumentedAttribute[Any]]) -> str:
    values = [str(getattr(row, column.key)) for column in by]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _values(cursor: str, by: Sequence[InstrumentedAttribute[Any]]) -> list[Any]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        texts = json.loads(base64.urlsafe_b64decode(padded))
        return [_parse(text, column) for text, column in zip(texts, by, strict=True)]
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadCursor from error


def _parse(text: object, column: InstrumentedAttribute[Any]) -> uuid.UUID | datetime:
    if not isinstance(text, str):
        raise TypeError
    kind = column.type.python_type
    return datetime.fromisoformat(text) if kind is datetime else uuid.UUID(text)
