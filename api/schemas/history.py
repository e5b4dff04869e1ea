"""History, trend, baseline and temperament in requests and answers."""

import uuid
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.schemas.alerts import AlertOut
from api.schemas.base import CalendarDay, Input, IsoTime, Text
from api.schemas.notes import NoteOut
from shared import clips
from shared.errors import BadRecordedAt, InvalidRequest
from shared.models import Baseline, Bucket, Species
from shared.norms import AgeGroup, Norm
from shared.trend import (
    BUDGET_PER_YEAR,
    Comparison,
    Cusum,
    NextClip,
    Rate,
    ReasonMix,
    Sentence,
    State,
    Temperament,
)
from shared.trend.answer import ErrorRate
from shared.trend.lines import Line
from shared.trend.mood import ClassShare

LEAST_BUDGET, MOST_BUDGET = 0.1, 2.0  # what shared/trend/thresholds.json was simulated for

DEFAULT_DAYS = {Bucket.DAY: 90, Bucket.WEEK: 364}
MOST_DAYS = {Bucket.DAY: 1100, Bucket.WEEK: 40 * 366}


def _plausible(time: datetime) -> datetime:
    """Ask of a time what is asked of when a clip was filmed."""
    try:
        return clips.checked_recorded_at(time)
    except BadRecordedAt as error:
        raise ValueError("must be a time between the year 2000 and now") from error


Plausible = Annotated[IsoTime, AfterValidator(_plausible)]


class HistoryQuery(Input):
    """Which part of a pet's history."""

    bucket: Bucket = Field(Bucket.DAY, description="Days or ISO weeks, on the owner's calendar.")
    first: CalendarDay | None = Field(
        None, alias="from", description="Default: 90 days, or 52 weeks, before `to`."
    )
    last: CalendarDay | None = Field(None, alias="to", description="Included; default: today.")

    def span(self, today: date) -> tuple[date, date]:
        """Give the first and the last day. Raises InvalidRequest."""
        last = self.last or max(today, self.first or today)
        first = self.first or last - timedelta(days=DEFAULT_DAYS[self.bucket])
        if first > last:
            raise InvalidRequest(fields={"from": ["must not be after to"]})
        if last - first > timedelta(days=MOST_DAYS[self.bucket]):
            most = f"at most {MOST_DAYS[self.bucket]} days before to"
            raise InvalidRequest(fields={"from": [most]})
        return first, last


class SummaryOut(BaseModel):
    """One day or ISO week: how often, how sure, on how many clips, and how they came about."""

    begins: date
    n_clips: int = Field(description="Abstained ones included.")
    n_sessions: int = Field(description="Clips within two hours are one session.")
    n_abstained: int
    n_verdicts: int
    n_used_sessions: int = Field(description="Those with a clip that has a result or a verdict.")
    n_tense: int = Field(description="Clips that speak for tense signs, as they are: some err.")
    negative: Rate | None = Field(
        description="Of Anxious and Distressed, told with what the days or weeks around it say; "
        "null without clips."
    )
    play: Rate | None = Field(description="Of Playful and Relaxed.")
    reasons: dict[str, float] = Field(description="Share of each filming reason.")
    parts_of_day: dict[str, float]
    bundles: dict[str, int] = Field(description="Clips by what assessed them.")


class BundleChange(BaseModel):
    """From here on another bundle assessed most clips: scores are not compared across it."""

    begins: date
    bundle: str


class BaselineOut(BaseModel):
    """An explicit new start of what is usual."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    anchored_at: datetime = Field(description="Clips filmed before count no more.")
    reason: str
    created_at: datetime


class HistoryOut(BaseModel):
    """A pet's days or weeks, with what else happened in them."""

    model_config = ConfigDict(populate_by_name=True)

    pet_id: uuid.UUID
    bucket: Bucket
    time_zone: str
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    items: list[SummaryOut] = Field(description="Those that have clips, oldest first.")
    notes: list[NoteOut]
    alerts: list[AlertOut] = Field(description="Those that were open at some time in the range.")
    bundle_changes: list[BundleChange]
    baselines: list[BaselineOut]


class TrendQuery(Input):
    """How sure an alert has to be."""

    budget_per_year: float = Field(
        BUDGET_PER_YEAR,
        ge=LEAST_BUDGET,
        le=MOST_BUDGET,
        allow_inf_nan=False,
        description="False alerts that a stable pet may have in a year, in steps of 0.05.",
    )

    def budget(self) -> float:
        """Give the budget in steps, so that few answers are kept of a pet."""
        return round(self.budget_per_year * 20) / 20


class AnchorOut(BaseModel):
    """Since when, and why, the baseline was started anew."""

    at: datetime
    reason: str


class TrendOut(BaseModel):
    """Is this getting worse? The answer, how sure it is, and what would settle it."""

    state: State
    sentence_code: Sentence = Field(description="Which sentence it is, for words of your own.")
    sentence: str
    notes: list[str] = Field(description="Further sentences: bias, error rate, limits.")
    period_from: date | None
    usual_from: date | None
    usual_to: date | None
    negative: Comparison
    play: Comparison
    mood_now: dict[str, ClassShare] | None
    mood_usual: dict[str, ClassShare] | None
    worse: Cusum | None
    better: Cusum | None
    less_play: Cusum | None
    line: Line | None = Field(description="For the picture only; it decides nothing.")
    mix: ReasonMix
    routine_decides: bool
    parts_of_day_now: dict[str, float]
    parts_of_day_usual: dict[str, float]
    n_clips: int
    n_abstained: int
    n_verdicts: int
    n_other_bundles: int
    bundle_id: str | None
    is_calibrated: bool
    sessions_needed: int
    days_needed: int
    longest_gap_days: int
    days_since_last_clip: int
    next_best_clip: NextClip
    error_rate: ErrorRate
    anchor: AnchorOut | None
    context: list[NoteOut] = Field(description="Context notes in the compared period.")

    @classmethod
    def of(cls, answer: dict[str, Any], context: list[NoteOut]) -> Self:
        """Present a stored answer."""
        return cls.model_validate({**answer, "context": context})


class BaselineIn(Input):
    """Start the baseline anew."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "new normal after surgery"}]}
    )

    anchored_at: Plausible | None = Field(None, description="Default: now.")
    reason: Annotated[Text, Field(min_length=1)]


class NormOut(BaseModel):
    """A second scale: 50 is the average animal of the group, 10 one deviation, more is calmer."""

    model_config = ConfigDict(from_attributes=True)

    species: Species
    age_group: AgeGroup
    n_pets: int
    average_rate: float
    score: float


class UsualOut(BaseModel):
    """What is usual for a pet, learned from its first sessions or since the last anchor."""

    is_learned: bool
    sessions_needed: int
    days_needed: int
    usual_from: date | None
    usual_to: date | None
    negative: Rate | None
    play: Rate | None
    norm: NormOut | None = Field(description="Null while too few like pets have a baseline.")
    anchors: list[BaselineOut] = Field(description="Newest first; the first one counts.")

    @classmethod
    def of(cls, answer: dict[str, Any], norm: Norm | None, anchors: list[Baseline]) -> Self:
        """Present the usual range of a trend, and how it was anchored."""
        return cls.model_validate(
            {
                **answer,
                "is_learned": answer["worse"] is not None,
                "negative": answer["negative"]["usual"],
                "play": answer["play"]["usual"],
                "norm": norm and NormOut.model_validate(norm),
                "anchors": [BaselineOut.model_validate(anchor) for anchor in anchors],
            }
        )


class ClusterOut(BaseModel):
    """A group of the account's pets of like temperament that is found again in resamples."""

    pet_ids: list[uuid.UUID]
    shares: dict[str, float]
    stability: float = Field(description="Mean Jaccard index of the bootstrap; 1 is best.")


class TemperamentOut(BaseModel):
    """What a pet is like over time; not how it is now."""

    status: Literal["described", "not_enough_data"]
    clips_needed: int
    temperament: Temperament | None
    cluster: ClusterOut | None = Field(description="Null while no stable groups are found.")


class SharedHoursOut(BaseModel):
    """Two pets filmed in the same hours: tense signs of both point to the surroundings."""

    model_config = ConfigDict(from_attributes=True)

    pets: tuple[uuid.UUID, uuid.UUID]
    n_joint: int
    n_both_negative: int
    n_only_first: int
    n_only_second: int
    p_value: float
    points_to_household: bool
    when: tuple[datetime, ...] = Field(description="When both showed tense signs.")


class HouseholdOut(BaseModel):
    """Every two pets that were filmed lately, compared."""

    since: datetime
    pairs: list[SharedHoursOut]
