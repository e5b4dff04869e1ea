"""A pet that no one filmed: twelve weeks of history for a first look, through the product's verbs.

Its clips have no media, its results come from the trend's own simulator instead of a pipeline, and
everything says so: the pet is marked as simulated, its name and its bundle are called that.
"""

import hashlib
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import alerts, clips, history, jobs, notes, pets, verdicts
from shared.clips import StoredFile, Told
from shared.models import (
    Assessment,
    Emotion,
    NoteKind,
    Pet,
    Reason,
    Retention,
    Species,
    Step,
    VerdictBy,
)
from shared.trend import Observation
from shared.trend.simulator import BEGIN, Scenario, pet_observations, simulate

NAME = "Luna (simulated)"
BUNDLE = {"name": "simulated", "version": "1", "sha256": hashlib.sha256(b"simulated").hexdigest()}
N_WEEKS = 12
SEED = 11
# Calm for eight weeks, then worse: what a trend is there to notice.
SCENARIO = Scenario(
    clips_per_week=6.0, n_weeks=N_WEEKS, base_rate=0.15, rise_week=8, rise_to=0.75, worry=0.3
)
ABSTAINED_EVERY = 17  # of clips, one was too dark
CORRECTED_EVERY = 9  # of clips, one has a verdict

# name, body region, what it supports: words of the built-in bundle's signs
SIGNALS: dict[str, tuple[tuple[str, str], ...]] = {
    "Relaxed": (("calm body", "body"), ("no vocalisation", "voice")),
    "Alert": (("stopping dead", "body"), ("staying in place", "body")),
    "Anxious": (("restless body", "body"), ("moving about", "body"), ("whining", "voice")),
    "Playful": (("bouncy, intermittent movement", "body"), ("bursts of movement", "body")),
    "Distressed": (("trembling", "body"), ("whining", "voice"), ("restless body", "body")),
}
NOTES = (  # days ago, how many hours, what
    (66, 48, NoteKind.VISITORS, "Grandparents stayed for the weekend"),
    (31, None, NoteKind.MOVE, "New flat, third floor, more noise from the street"),
    (19, 3, NoteKind.FIREWORKS, "From nine until midnight"),
    (9, None, NoteKind.VET_VISIT, "Check-up and vaccination"),
)
ADVICE: dict[bool, dict[str, str]] = {
    True: {
        "code": "reduce_stimuli",
        "text": "The signs fit tension. Lower noise and crowding, offer a quiet place to withdraw"
        " to, and do not force contact. If this repeats over days, talk to your vet or a"
        " behaviourist.",
        "urgency": "watch",
    },
    False: {
        "code": "keep_filming",
        "text": "Nothing in this clip asks for a change. Film the same situation again in a few"
        " days; if you are worried about something else, ask your vet.",
        "urgency": "none",
    },
}
TOO_DARK = {
    "code": "too_dark",
    "text": "The picture is too dark to see how the animal moves; film with more light.",
}


def fill(session: Session, account_id: uuid.UUID) -> Pet:
    """Give the account's simulated pet, made and filled when there is none yet."""
    made = session.scalar(pets.chosen(account_id).where(Pet.is_simulated).limit(1))
    if made is not None:
        return made
    now = datetime.now(UTC)
    pet = pets.create(
        session,
        account_id,
        name=NAME,
        species=Species.DOG,
        breed="Shiba Inu",
        birth_date=date(now.year - 4, 4, 3),
        time_zone="Europe/Berlin",
        is_simulated=True,
    )
    for number, one in enumerate(observations(now)):
        _assess(session, pet, one, number)
    for days_ago, hours, kind, said in NOTES:
        at = now - timedelta(days=days_ago)
        until = at + timedelta(hours=hours) if hours else None
        notes.create(session, pet.id, at=at, until=until, kind=kind, text=said)
    session.refresh(pet)
    history.fold(session, pet)
    alerts.follow(session, pet.id, now=now)
    return pet


def observations(now: datetime) -> list[Observation]:
    """Draw the same clips each time, as filmed in the twelve weeks before today."""
    drawn = simulate(SCENARIO, 1, np.random.default_rng(SEED))
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    shift = today - (BEGIN + timedelta(weeks=N_WEEKS))  # whole days: the hours stay as drawn
    found = pet_observations(drawn, 0)
    return [
        Observation(
            clip_id=one.clip_id,
            recorded_at=one.recorded_at + shift,
            probabilities=one.probabilities,
            reason=one.reason,
        )
        for one in found
    ]


def _assess(session: Session, pet: Pet, one: Observation, number: int) -> None:
    """Take a clip in and end its job as a worker does; nobody sees it before the commit."""
    digest = hashlib.sha256(f"{pet.id} {one.clip_id}".encode()).digest()
    file = StoredFile(clips.reserve(session), digest, 1, "video/mp4")
    # Nothing was filmed, so the media is gone as soon as there is a result.
    told = Told(
        *(one.recorded_at, Reason(one.reason), _tags(one), None, Retention.DELETE_AFTER_ANALYSIS)
    )
    job = jobs.accept(session, file, told, account_id=pet.account_id, pet_id=pet.id)
    lease = jobs.claim(session, job.id, Step.EXTRACT, worker="simulated")
    assert lease is not None
    for step in (Step.ENCODE, Step.FUSE):
        lease = jobs.continue_to(session, lease, step)
    jobs.succeed(session, lease, result(one, number))
    if number % CORRECTED_EVERY == 4:
        _correct(session, job.id, number)


def _tags(one: Observation) -> list[str]:
    return ["evening"] if one.recorded_at.hour >= 17 else []


def _correct(session: Session, job_id: uuid.UUID, number: int) -> None:
    """Say what was there: mostly what was found, once something else."""
    found = session.scalars(select(Assessment).where(Assessment.job_id == job_id)).one()
    if found.emotion is None:
        return
    label = Emotion.ALERT if number == CORRECTED_EVERY + 4 else Emotion(found.emotion)
    verdicts.create(session, found, label=label, by=VerdictBy.OWNER)


# --- what a pipeline would say ---------------------------------------------------------------


def result(one: Observation, number: int) -> dict[str, Any]:
    """Write an assessment with the observation's probabilities, in the pipeline's form."""
    if number % ABSTAINED_EVERY == ABSTAINED_EVERY - 1:
        return _abstained()
    assert one.probabilities is not None
    chances = {name: round(float(p), 4) for name, p in one.probabilities.items()}
    emotion = max(chances, key=lambda name: chances[name])
    names = [name for name, _ in SIGNALS[emotion]]
    return _frame() | {
        "emotion": emotion,
        "confidence": chances[emotion],
        "calibrated": True,
        "evidence": "strong" if chances[emotion] > 0.6 else "moderate",
        "probabilities": chances,
        "signals": names,
        "signal_details": [
            _detail(name, region, emotion, order)
            for order, (name, region) in enumerate(SIGNALS[emotion])
        ],
        "timeline": _timeline(chances),
        "moments": [{"span_s": [3.0, 5.5], "why": names[0], "image_url": None}],
        "recommendation": ADVICE[emotion in ("Anxious", "Distressed")],
    }


def _abstained() -> dict[str, Any]:
    return _frame() | {
        "abstention": TOO_DARK,
        "recommendation": {"code": "film_again", "text": TOO_DARK["text"], "urgency": "watch"},
    }


def _frame() -> dict[str, Any]:
    """Give an assessment of which nothing is known yet."""
    return {
        "emotion": None,
        "confidence": None,
        "calibrated": True,
        "evidence": None,
        "abstention": None,
        "probabilities": None,
        "signals": [],
        "signal_details": [],
        "against": [],
        "not_measurable": [{"name": "ear position", "why": "simulated: nothing was filmed"}],
        "timeline": [],
        "moments": [],
        "modalities": {
            name: {"present": False, "contribution": None} for name in ("vision", "audio", "pose")
        },
        "quality": {"frames": 0, "camera": "static", "sound": "none"},
        "bundle": BUNDLE,
        "timings_s": {},
    }


def _detail(name: str, region: str, emotion: str, order: int) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(1.4 - 0.3 * order, 2),
        "unit": "simulated",
        "span_s": [1.0 + 2 * order, 4.0 + 2 * order],
        "region": region,
        "reliability": 0.6,
        "supports": emotion,
        "weight_nats": round(0.8 - 0.2 * order, 2),
    }


def _timeline(chances: dict[str, float]) -> list[dict[str, Any]]:
    """Let a clip of ten seconds come from all alike to what was found."""
    points = []
    for half in range(20):
        share = min(1.0, 0.2 + half / 10)
        mixed = {name: round(share * p + (1 - share) / 5, 4) for name, p in chances.items()}
        points.append({"t_s": half / 2, "probabilities": mixed})
    return points
