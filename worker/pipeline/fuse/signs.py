"""Reads the ethogram's signs off an extract: value, reliability and span, or why there is none."""

import dataclasses

import numpy as np

from worker.pipeline.extract import Extract
from worker.pipeline.extract.movement import Movement
from worker.pipeline.extract.rhythm import Rhythm
from worker.pipeline.extract.tag import CALLS, share_of
from worker.pipeline.extract.windows import WINDOW_S
from worker.pipeline.fuse.ethogram import (
    Ethogram,
    Missing,
    Reading,
    Sign,
    shared,
    standardised,
)
from worker.pipeline.fuse.gates import is_absent
from worker.pipeline.fuse.pose_signs import read_pose

UNSEEN = 0.8  # movement that may not be the pet's: no detector looked; by eye
ABSENT = 0.3  # of that, for what an empty room would show as well: stillness and silence
PRESENT = 0.8  # the same where something moved by itself now and then, as a resting animal does
EMPTY_STILL_SHARE = 0.97
UNNAMED = 0.4  # a sound event that may not be the pet's: no tagger listened
HAND_HELD = 0.7  # what taking the camera's movement out leaves of the trust
BARK_THROWS = 0.3  # what bouncing says of a dog that barks: each bark throws the body; by eye
BURSTS_SURE = 3  # fewer bursts may be chance
SURELY_SEEN = 0.8  # of the pictures looked at: a path needs the animal in nearly all of them
MIN_FIT = 0.5  # below it the camera's movement cannot be taken out
UNEXPLAINED = 0.03  # share of time with sounds that nobody could name
SPEECH_COST, MUSIC_COST = 0.5, 0.8
CLEAR = {"pace": 12.0, "beat": 30.0, "tremble": 30.0}  # three times what a rhythm must have
RHYTHMS = tuple(CLEAR)
BARKS = ("bark", "yip")


def read_signs(table: Ethogram, extracted: Extract) -> tuple[list[Reading], list[Missing]]:
    """Read every sign of a species' table; a null weighs nothing."""
    readings: list[Reading] = []
    missing: list[Missing] = []
    for sign in table.signs:
        if sign.effect.value == 0:
            continue
        found = read(sign, extracted)
        if isinstance(found, Reading):
            readings.append(unseen_absence(table, sign, found, extracted))
        elif found is not None:
            missing.append(found)
    return shared(table, readings), missing


def unseen_absence(table: Ethogram, sign: Sign, reading: Reading, extracted: Extract) -> Reading:
    """Trust stillness and silence less where nobody checked that there is a pet to be still."""
    z = standardised(table, sign, reading.value)
    absent = z > 0 if sign.key == "still_share" else z < 0
    if extracted.facts.pet.pet_frames_share is not None or not absent:
        return reading
    is_empty = extracted.facts.movement.still_share >= EMPTY_STILL_SHARE
    trust = ABSENT if is_empty else PRESENT
    return dataclasses.replace(reading, reliability=round(reading.reliability * trust, 3))


def read(sign: Sign, extracted: Extract) -> Reading | Missing | None:
    """Return a sign's reading, why it is missing, or None where it is simply not there."""
    if sign.unmeasured:
        return Missing(sign.key, sign.unmeasured)
    if sign.modality == "audio":
        return read_sound(sign.key, extracted)
    if sign.modality == "pose":
        return read_pose(sign.key, extracted)
    return read_movement(sign.key, extracted)


def read_movement(key: str, extracted: Extract) -> Reading | Missing | None:
    """Read a sign of movement."""
    if is_absent(extracted.facts.pet):
        return Missing(key, "no cat or dog was found whose movement that could be")
    movement, span = extracted.facts.movement, extracted.facts.shots.span_s
    trust = seen_reliability(extracted)
    if movement.fit < MIN_FIT and key != "travel":
        return Missing(key, "the camera's movement could not be separated from the animal's")
    if key in RHYTHMS:
        share = extracted.facts.pet.pet_frames_share
        if key == "pace" and share is not None and share < SURELY_SEEN:
            return Missing(key, "the animal was not seen surely enough to say where it went")
        return read_rhythm(key, movement, trust)
    if key == "freeze":
        stopped = movement.freeze_s
        return Reading(key, 1.0, round(trust, 3), stopped) if stopped else None
    if why := explained(key, movement):
        return Missing(key, why)
    values = {
        "travel": (movement.travel_median, span),
        "energy": (movement.energy_median, span),
        "bursts": (movement.burst_rate, movement.peak_s),
        "bounce": (movement.bounce, movement.peak_s),
        "still_share": (movement.still_share, movement.longest_still_s or span),
    }
    value, seen_s = values[key]
    if key in ("bursts", "bounce") and any(c.kind in BARKS for c in extracted.facts.calls):
        trust *= BARK_THROWS
    if key == "bursts":
        trust *= min(1.0, value * (span[1] - span[0]) / BURSTS_SURE)
    return Reading(key, value, round(trust, 3), seen_s)


def explained(key: str, movement: Movement) -> str:
    """Return which other sign already accounts for a measure, '' when none does."""
    if key in ("energy", "travel") and movement.tremble is not None:
        return "the body trembles in place; that is counted as trembling"
    if key in ("energy", "travel", "still_share") and movement.freeze_s is not None:
        return "the animal stopped dead; its stillness is counted as that"
    return ""


def read_rhythm(key: str, movement: Movement, trust: float) -> Reading | Missing | None:
    """Read a rhythm, or say that the clip's frame rate or length does not show that band."""
    rhythm: Rhythm | None = getattr(movement, key)
    if rhythm is not None:
        clear = min(1.0, rhythm.prominence / CLEAR[key])
        return Reading(key, rhythm.rate_hz, round(trust * clear, 3), rhythm.span_s)
    if key not in movement.bands:
        return Missing(key, f"{movement.fps:.0f} frames a second, or too short a clip")
    return None


def seen_reliability(extracted: Extract) -> float:
    """Return how far movement can be ascribed to the pet: detection, fit of the camera, rate."""
    pet, movement = extracted.facts.pet, extracted.facts.movement
    found = UNSEEN if pet.pet_frames_share is None else 0.4 + 0.6 * pet.pet_frames_share
    rate = min(1.0, movement.fps / 15)
    steady = HAND_HELD if movement.camera_moves else 1.0
    return found * min(1.0, max(0.0, movement.fit)) * rate * steady


def read_sound(key: str, extracted: Extract) -> Reading | Missing | None:
    """Read a sign of sound."""
    why = deaf(extracted)
    if why:
        return Missing(key, why)
    if key == "vocal_share":
        return read_vocal_share(extracted)
    if extracted.facts.tags is None:
        return Missing(key, "no sound tagger: what made a sound is not known")
    if key in ("bark_interval", "bark_pitch"):
        return read_barks(key, extracted)
    return read_call(key, extracted)


def deaf(extracted: Extract) -> str:
    """Return why sound says nothing here, '' when it does."""
    sound, tags = extracted.facts.sound, extracted.facts.tags
    if sound is None:
        return "the clip has no sound track"
    if not sound.usable:
        return "the sound track is silent"
    if tags is not None and share_of(tags, "music") > 0.5:
        return "music covers the sound track"
    return ""


def heard_reliability(extracted: Extract) -> float:
    """Return how far sound can be ascribed to the pet: less with speech, music or clipping."""
    sound, tags = extracted.facts.sound, extracted.facts.tags
    assert sound is not None
    clean = 1 - min(0.5, 20 * sound.clipped_share)
    if tags is None:
        return UNNAMED * clean
    said, sung = share_of(tags, "speech"), share_of(tags, "music")
    return max(0.1, clean * (1 - SPEECH_COST * said) * (1 - MUSIC_COST * sung))


def read_vocal_share(extracted: Extract) -> Reading | Missing:
    """Read the share of time with calls; with any sound events where there is no tagger."""
    facts = extracted.facts
    column = "call_share" if facts.tags is not None else "event_share"
    shares = extracted.windows.column(column)
    if unexplained(extracted):
        return Missing("vocal_share", "there were sounds, but what made them is not certain")
    loud = extracted.windows.middles_s[shares > 0]
    half = WINDOW_S / 2
    span = (float(loud[0]) - half, float(loud[-1]) + half) if len(loud) else facts.shots.span_s
    return Reading(
        "vocal_share",
        round(float(shares.mean()), 4) if len(shares) else 0.0,
        round(heard_reliability(extracted), 3),
        (round(span[0], 2), round(span[1], 2)),
    )


def unexplained(extracted: Extract) -> bool:
    """Tell whether sounds were heard that are neither the animal's calls nor speech or music."""
    tags = extracted.facts.tags
    if tags is None or extracted.facts.calls:
        return False
    if share_of(tags, "speech") + share_of(tags, "music") > 0.3:
        return False
    heard = extracted.windows.column("event_share")
    return bool(len(heard)) and float(heard.mean()) > UNEXPLAINED


def read_call(key: str, extracted: Extract) -> Reading | None:
    """Read the number of calls of one kind in the analysed span."""
    assert key in CALLS[extracted.facts.species]
    calls = [c for c in extracted.facts.calls if c.kind == key]
    if not calls:
        return None
    sure = max(c.score for c in calls)
    trust = heard_reliability(extracted) * min(1.0, 0.4 + sure)
    span = (calls[0].span_s[0], calls[-1].span_s[1])
    return Reading(key, float(len(calls)), round(trust, 3), span)


def read_barks(key: str, extracted: Extract) -> Reading | None:
    """Read the median interval or pitch of barks, from three barks (two for the pitch) up."""
    facts = extracted.facts
    barks = [c for c in facts.calls if c.kind in BARKS]
    assert facts.sound is not None
    if key == "bark_interval":
        values = np.diff([c.span_s[0] for c in barks])
    else:
        pitches = [facts.sound.events[c.event].f0_hz for c in barks]
        values = np.array([p for p in pitches if p is not None])
    if len(values) < 2:
        return None
    span = (barks[0].span_s[0], barks[-1].span_s[1])
    trust = round(0.8 * heard_reliability(extracted), 3)
    return Reading(key, round(float(np.median(values)), 3), trust, span)


def window_readings(
    table: Ethogram, extracted: Extract, readings: list[Reading], index: int
) -> list[Reading]:
    """Read one window: its own movement and voice, and the clip's calls that touch it."""
    middle = float(extracted.windows.middles_s[index])
    span = (middle - WINDOW_S / 2, middle + WINDOW_S / 2)
    own = {"energy": "energy", "travel": "travel", "still_share": "still_share"}
    own["vocal_share"] = "call_share" if extracted.facts.tags is not None else "event_share"
    kinds = {c.kind for c in extracted.facts.calls if touches(c.span_s, span)}
    found: list[Reading] = []
    for reading in readings:
        if reading.key in own:
            value = float(extracted.windows.column(own[reading.key])[index])
            found.append(dataclasses.replace(reading, value=round(value, 4), span_s=span))
        elif table.sign(reading.key).per_window and reading.key in kinds:
            found.append(dataclasses.replace(reading, value=1.0, span_s=span))
        elif reading.key in RHYTHMS and touches(reading.span_s, span):
            found.append(reading)
    return found


def touches(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Tell whether two spans overlap."""
    return a[0] < b[1] and b[0] < a[1]
