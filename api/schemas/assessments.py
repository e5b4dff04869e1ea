"""An assessment in answers."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.schemas.base import NO_NUL, Name, Page, PageQuery, UtcTime, not_before
from shared.models import Assessment, Reason


class Abstention(BaseModel):
    """Why no emotion is named."""

    code: str
    text: str


class SignalDetail(BaseModel):
    """One measured thing, where and when it was seen or heard, and what it speaks for."""

    name: str
    value: float | None
    unit: str
    span_s: tuple[float, float] | None
    region: str | None
    reliability: float
    supports: str
    weight_nats: float


class NotMeasurable(BaseModel):
    """A signal that this clip does not allow to measure."""

    name: str
    why: str


class TimelinePoint(BaseModel):
    """Probabilities around one moment."""

    t_s: float
    probabilities: dict[str, float]


class Heard(BaseModel):
    """The sound around one moment."""

    t_s: float
    level: float = Field(description="How loud over the room's floor, 0..1.")
    calls: float = Field(description="Share of that second that calls cover, 0..1.")


class Moment(BaseModel):
    """A span that mattered; `image_url` is the path of a still with what was found drawn in."""

    span_s: tuple[float, float]
    why: str
    nats: float | None = Field(None, description="What leaving the span out takes from the answer.")
    image_url: str | None


class Transition(BaseModel):
    """A change of the most probable state within the clip."""

    t_s: float
    before: str
    after: str
    odds: float = Field(description="How much more probable each state is on its own side.")


class Modality(BaseModel):
    """Whether a modality was there, and how much it moved the decision."""

    present: bool
    contribution: float | None = Field(description="Its share of all that was said, 0..1.")
    nats: float | None = Field(None, description="Its Shapley value: signed, for the answer.")


class Recommendation(BaseModel):
    """What to do next; never a diagnosis."""

    code: str
    text: str
    urgency: Literal["none", "watch", "book_visit", "call_today"]


class RedFlag(BaseModel):
    """Something that asks for a person today, whatever the state is."""

    code: str
    text: str
    span_s: tuple[float, float]


class Bundle(BaseModel):
    """What decided."""

    name: str
    version: str
    sha256: str


class AssessmentOut(BaseModel):
    """The result of a job: a fact that never changes."""

    id: uuid.UUID
    job_id: uuid.UUID
    clip_id: uuid.UUID
    pet_id: uuid.UUID
    recorded_at: datetime
    created_at: datetime
    emotion: str | None
    abstention: Abstention | None
    confidence: float | None
    calibrated: bool = Field(description="True only where the bundle was fitted and checked.")
    set: list[str] | None = Field(
        None, description="States that cannot be excluded; null: not fitted."
    )
    evidence: Literal["weak", "moderate", "strong"] | None
    probabilities: dict[str, float] | None
    signals: list[str]
    signal_details: list[SignalDetail]
    against: list[SignalDetail]
    not_measurable: list[NotMeasurable]
    timeline: list[TimelinePoint]
    sound_strip: list[Heard] = Field([], description="Empty without a usable sound track.")
    transitions: list[Transition] = []
    moments: list[Moment]
    modalities: dict[str, Modality]
    red_flags: list[RedFlag] = []
    recommendation: Recommendation
    quality: dict[str, Any]
    bundle: Bundle
    timings_s: dict[str, float]

    @classmethod
    def of(cls, assessment: Assessment) -> Self:
        """Present a stored assessment."""
        return cls(
            id=assessment.id,
            job_id=assessment.job_id,
            clip_id=assessment.clip_id,
            pet_id=assessment.pet_id,
            recorded_at=assessment.recorded_at,
            created_at=assessment.created_at,
            **{"abstention": None, **assessment.result, "moments": moments_of(assessment)},
        )


def moments_of(assessment: Assessment) -> list[Moment]:
    """Present the moments, their stills by whole paths; they are stored below the assessment's."""
    return [
        Moment(
            **{
                **moment,
                "image_url": moment["image_url"]
                and f"/v1/assessments/{assessment.id}/{moment['image_url']}",
            }
        )
        for moment in assessment.result["moments"]
    ]


class AssessmentsPage(Page[AssessmentOut]):
    """One page of assessments; pass `next` as `?after=` to get the following one."""


Tag = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=NO_NUL)]


class AssessmentsQuery(PageQuery):
    """Which assessments of a pet."""

    since: UtcTime | None = Field(None, alias="from", description="Filmed then or later.")
    until: Annotated[UtcTime, not_before("since", sent_as="from")] | None = Field(
        None, alias="to", description="Filmed before."
    )
    reason: Reason | None = Field(None, description="Filmed for this reason.")
    tag: Tag | None = Field(None, description="Tagged so.")
    bundle: Name | None = Field(None, description="Assessed by it: its name and version.")


class AnalysisOut(BaseModel):
    """The four fields of the one-call form; `emotion` is null when the clip does not tell."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "emotion": "Anxious",
                    "confidence": 0.71,
                    "signals": ["hunched spine", "low tail", "no vocalisation"],
                    "recommendation": "Reduce noise and give your dog a place to withdraw to.",
                }
            ]
        }
    )

    emotion: str | None
    confidence: float | None
    signals: list[str]
    recommendation: str

    @classmethod
    def of(cls, assessment: AssessmentOut) -> Self:
        """Shorten an assessment; what kept it from an emotion leads the recommendation."""
        said = [assessment.abstention.text] if assessment.abstention else []
        return cls(
            emotion=assessment.emotion,
            confidence=assessment.confidence and round(assessment.confidence, 3),
            signals=assessment.signals,
            recommendation=" ".join([*said, assessment.recommendation.text]),
        )
