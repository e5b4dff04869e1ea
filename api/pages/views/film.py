"""Film a pet: choose or record a clip, say why, send it. A script sends it straight to storage."""

import uuid

from flask import Blueprint, redirect, request, url_for
from pydantic import Field
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from api import auth, intake
from api.pages import dates, door, forms, frame, words
from api.schemas.base import IsoTime, Text
from api.schemas.clips import Keeping, TagList
from shared import pets
from shared.clips import Told
from shared.db import transaction
from shared.errors import InputError, UploadEmpty
from shared.models import Pet, Reason, Retention
from shared.settings import settings

SENT_AS = ("recorded", "file")  # filmed now, or chosen
REFUSALS = (  # that its script may meet; any other is told as our mistake
    *("upload_empty", "upload_too_large", "not_a_video", "bad_recorded_at", "not_found"),
    *("key_missing", "form_expired", "too_many_requests", "database_unavailable"),
    "internal_error",
)

bp = Blueprint("film", __name__)


class FilmIn(Keeping):
    """What the form says beside the file."""

    recorded_at: IsoTime | None = None
    reason: Reason = Reason.OTHER
    tags: TagList = Field([], max_length=50)
    note: Text | None = None


@bp.get("/pets/<uuid:pet_id>/film")
def show(pet_id: uuid.UUID) -> str:
    """Show the form."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
    return _form(pet)


@bp.post("/pets/<uuid:pet_id>/film")
@door.takes_clip
def send(pet_id: uuid.UUID) -> Response | tuple[str, int]:
    """Take a clip in one form, as a browser without scripts sends it, and go to its page."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
    try:
        told = _told(pet)
        wanted = intake.Request(auth.account_id(), pet.id, told, None)
        job = intake.take(wanted, _file())
    except forms.Wrong as error:
        return _form(pet, wrong=error.fields), 422
    except InputError as error:
        return _form(pet, refused=frame.told(error)), 422
    done = "known" if job["duplicate_of"] else None
    return redirect(url_for("pages.clip.show", clip_id=job["clip_id"], done=done), 303)


def _form(pet: Pet, *, wrong: list[str] | None = None, refused: str | None = None) -> str:
    return frame.show(
        "film.html",
        pet=pet,
        wrong=wrong or [],
        refused=refused,
        form=request.form,
        reasons=frame.named("film_reason", Reason),
        retentions=frame.named("retention", Retention, days=forms.KEPT_DAYS),
        kept_days=forms.KEPT_DAYS,
        most_mb=settings().max_upload_mb,
        accept="video/*,.mkv,.avi,.ts",
        refusals=_refusals(),
    )


def _refusals() -> dict[str, dict[str, str]]:
    """Give a script the words for what the API refuses, by code and by field."""
    fields, language = ("recorded_at", "tags", "note", "retention"), words.language()
    return {
        "codes": {code: words.say(language, f"error.{code}") for code in REFUSALS},
        "fields": {name: words.say(language, f"wrong.{name}") for name in fields},
    }


def _told(pet: Pet) -> Told:
    """Read what the owner says of the clip. Raises Wrong."""
    at = request.form.get("recorded_at", "")
    tags = [tag for tag in (one.strip() for one in request.form.get("tags", "").split(",")) if tag]
    said = forms.read(
        FilmIn,
        recorded_at=dates.from_input(at, pet.time_zone) if at else "",
        retention_days=forms.retention_days(),
        tags=tags,
    )
    kept = (said.retention, said.retention_days)
    return Told(said.recorded_at, said.reason, said.tags, said.note, *kept)


def _file() -> FileStorage:
    """Find the clip among the form's two places for it. Raises UploadEmpty."""
    for name in SENT_AS:
        sent = request.files.get(name)
        if sent is not None and sent.filename:
            return sent
    raise UploadEmpty
