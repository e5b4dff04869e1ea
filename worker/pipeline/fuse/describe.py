"""Puts what was measured into the answer's words."""

from collections.abc import Mapping

import numpy as np

from worker.pipeline.encode import Encoding
from worker.pipeline.extract import Extract
from worker.pipeline.extract.listen import ENCODER_RATE_HZ
from worker.pipeline.extract.sound import HOP_S, frame_levels
from worker.pipeline.extract.tag import share_of
from worker.pipeline.extract.windows import WINDOW_S
from worker.pipeline.fuse.answer import Heard, Modality, SeenQuality, SignalDetail, ToldFlag
from worker.pipeline.fuse.decide import Case
from worker.pipeline.fuse.ethogram import Ethogram, Missing, Reading, contribution, gain, name_of
from worker.pipeline.fuse.explain import parts
from worker.pipeline.fuse.flags import RedFlag
from worker.pipeline.fuse.recommend import Texts

MODALITIES = ("vision", "audio", "pose")  # always named; a face only where a network reads it
SPOKEN, SUNG = 0.3, 0.3  # shares of windows from which the sound is called speech or music
MIN_SHOWN_NATS = 0.02
FULL_DB = 60.0  # over the floor: as loud as a strip shows; barks reach 40 and more


def speaks(table: Ethogram, reading: Reading, state: int) -> float:
    """Return how much a reading speaks for a state, 0 where it is next to nothing."""
    nats = gain(contribution(table, reading), state)
    return nats if abs(nats) >= MIN_SHOWN_NATS else 0.0


def detail(table: Ethogram, reading: Reading) -> SignalDetail:
    """Return one reading in the answer's words; `supports` is the state that it lifts most."""
    sign = table.sign(reading.key)
    added = contribution(table, reading)
    top = int(added.argmax())
    return SignalDetail(
        name=name_of(table, reading),
        value=reading.value,
        unit=sign.unit,
        span_s=reading.span_s,
        region=sign.region,
        reliability=reading.reliability,
        supports=table.classes[top],
        weight_nats=round(float(added[top]), 4),
    )


def not_measurable(
    table: Ethogram,
    extracted: Extract,
    encoding: Encoding,
    missing: list[Missing],
    unread: Mapping[str, str],
) -> list[tuple[str, str]]:
    """Return what could not be measured: signs, the subject, encodings, what a network lacked."""
    rows = [(table.sign(m.key).names["high"], m.why) for m in missing]
    if extracted.facts.pet.pet_frames_share is None:
        rows.append(("subject", "subject_unverified: no detector weights, nobody looked for a pet"))
    for name, why in (("vision", encoding.presence.vision), ("audio", encoding.presence.audio)):
        if why:
            rows.append((f"{name} encoding", why))
    return [*rows, *unread.items()]


def modalities(case: Case, extracted: Extract, state: int) -> dict[str, Modality]:
    """Return each modality's presence, its share of what was said, and its Shapley value."""
    found = parts(case, state)
    total = sum(said for _, said in found.values()) or 1.0
    sound = extracted.facts.sound
    present = {"vision": True, "audio": sound is not None and sound.usable}
    read = case.learned.row.present if case.learned is not None else ()
    names = [*MODALITIES, *(m for m in read if m not in MODALITIES)]
    return {
        m: Modality(
            present.get(m, False) or m in read or m in found,
            round(found.get(m, (0.0, 0.0))[1] / total, 4),
            round(found.get(m, (0.0, 0.0))[0], 4),
        )
        for m in names
    }


def told_flag(texts: Texts, flag: RedFlag) -> ToldFlag:
    """Return a red flag in the answer's words."""
    said = texts.flags[flag.code].format(seconds=flag.seconds, count=flag.count)
    return ToldFlag(flag.code, said, flag.span_s)


def seen_quality(extracted: Extract) -> SeenQuality:
    """Return what the clip was like, in the answer's words."""
    facts = extracted.facts
    camera = "moving" if facts.movement.camera_moves else "static"
    return SeenQuality(
        frames=len(extracted.pictures),
        pet_frames_share=facts.pet.pet_frames_share,
        pets_seen=facts.pet.pets_seen,
        species_seen=facts.pet.species_seen,
        brightness=facts.quality.brightness,
        sharpness=facts.quality.sharpness,
        camera="cuts" if facts.shots.cuts_s else camera,
        sound=heard(extracted),
    )


def heard(extracted: Extract) -> str:
    """Return usable, speech, music, silent or none."""
    sound, tags = extracted.facts.sound, extracted.facts.tags
    if sound is None:
        return "none"
    if not sound.usable:
        return "silent"
    if tags is not None and share_of(tags, "music") > SUNG:
        return "music"
    return "speech" if tags is not None and share_of(tags, "speech") > SPOKEN else "usable"


def sound_strip(extracted: Extract) -> tuple[Heard, ...]:
    """Return how loud each window was, and how far calls filled it; () without usable sound."""
    facts, windows = extracted.facts, extracted.windows
    if facts.sound is None or not facts.sound.usable or extracted.audio_16k is None:
        return ()
    samples = extracted.audio_16k.astype(np.float32) / np.float32(32_767)
    over_db = frame_levels(samples, ENCODER_RATE_HZ) - facts.sound.floor_dbfs
    calls = windows.column("call_share" if facts.tags is not None else "event_share")
    starts = (windows.middles_s - WINDOW_S / 2 - facts.shots.span_s[0]) / HOP_S
    strip = []
    for middle_s, start, share in zip(
        windows.middles_s, starts.round().astype(int), calls, strict=True
    ):
        inside = over_db[max(0, start) : start + round(WINDOW_S / HOP_S)]
        if len(inside):
            level = float(np.clip(np.percentile(inside, 90) / FULL_DB, 0.0, 1.0))
            strip.append(Heard(float(middle_s), round(level, 3), round(float(share), 3)))
    return tuple(strip)
