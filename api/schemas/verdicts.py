"""Verdicts in requests and answers, and how often they agree with the assessments."""

import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import Input, Name, Page, Text
from shared.models import Emotion, Species, VerdictBy


class VerdictIn(Input):
    """What the clip shows, by somebody who knows the pet or the species."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"label": "Playful", "by": "owner", "note": "He was waiting for a ball."}]
        }
    )

    label: Emotion
    by: VerdictBy = VerdictBy.OWNER
    author: Name | None = None
    note: Text | None = None


class VerdictOut(BaseModel):
    """A correction beside an assessment. The latest counts, a vet's before an owner's."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    assessment_id: uuid.UUID
    label: Emotion
    by: VerdictBy
    author: str | None
    note: str | None
    created_at: datetime


class VerdictsPage(Page[VerdictOut]):
    """One page of verdicts; pass `next` as `?after=` to get the following one."""


class ConfusionOut(BaseModel):
    """How often one verdict met one assessment."""

    species: Species
    bundle: str
    by: VerdictBy
    emotion: Emotion | None = Field(description="What was assessed; null: it abstained.")
    label: Emotion = Field(description="What the verdict that counts says.")
    n: int


class AgreementOut(BaseModel):
    """The account's verdicts against the assessments, each clip once."""

    items: list[ConfusionOut]
