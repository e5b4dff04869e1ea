"""Forms: what a browser sends as the API's own schemas; what is wrong, by field."""

from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict

from shared.models import Retention

KEPT_DAYS = 30  # a video is kept so long, or for ever, or not at all

Model = TypeVar("Model", bound=BaseModel)


class Wrong(Exception):
    """Some fields cannot be used; `fields` names them."""

    def __init__(self, fields: list[str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


def read(model: type[Model], **instead: Any) -> Model:  # noqa: ANN401 - any field's value
    """Read the request's form, or its query, as a schema; an empty field is one left out.

    `instead` gives values that were read otherwise, such as a list or a local time. Raises Wrong.
    """
    form = fields()
    sent = {name: form.get(_alias(model, name), "").strip() for name in model.model_fields}
    told = {_alias(model, name): text for name, text in sent.items() if text} | instead
    try:
        return model.model_validate({name: value for name, value in told.items() if value != ""})
    except ValidationError as error:
        raise Wrong(
            sorted({str((one["loc"] or ("form",))[0]) for one in error.errors()})
        ) from error


def retention_days() -> int | str:
    """Give for how many days a form says that a video is kept, empty where it says otherwise."""
    return KEPT_DAYS if request.form.get("retention") == Retention.DAYS else ""


def fields() -> MultiDict[str, str]:
    """Give what a form of a page sent: in the query where it only asks."""
    return request.args if request.method == "GET" else request.form


def _alias(model: type[BaseModel], name: str) -> str:
    return model.model_fields[name].alias or name
