"""Deciding: the table's rules, abstention, and what an assessment says."""

import dataclasses
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from tests.clips import SAMPLES
from worker.pipeline.bundles import load_bundle
from worker.pipeline.encode import EncodeModels, encode
from worker.pipeline.extract.locate import Pet
from worker.pipeline.extract.rhythm import Rhythm
from worker.pipeline.extract.sound import Sound, SoundEvent
from worker.pipeline.extract.tag import CLASSES, Call, Tags
from worker.pipeline.extract.windows import COLUMNS
from worker.pipeline.fuse import fuse
from worker.pipeline.fuse.ethogram import (
    Effect,
    Reading,
    contribution,
    evidence,
    load_ethogram,
    nats,
    prior,
    standardised,
)
from worker.pipeline.fuse.signs import read_signs
from worker.pipeline.fuse.timeline import smoothed

BUNDLE = load_bundle()
TABLE = load_ethogram(BUNDLE)
SHORT = replace(SAMPLES["no_sound"], duration_s=2.2)
KEYS = {
    "emotion", "confidence", "calibrated", "evidence", "abstention", "probabilities", "signals",
    "signal_details", "against", "not_measurable", "timeline", "moments", "modalities",
    "recommendation", "quality", "bundle", "timings_s", "set", "transitions",
    "red_flags", "sound_strip",
}  # fmt: skip
UNSEEN = Pet((None,) * 5, None, None, None, 0.0)
SEEN = Pet(((0.2, 0.2, 0.8, 0.8),) * 5, 1.0, 1, "dog", 0.9)


def reading(key: str, value: float, reliability: float = 1.0) -> Reading:
    return Reading(key, value, reliability, (0.0, 2.0))


def assess(extracted):
    encoding = encode(extracted, EncodeModels(None, None))
    return fuse(extracted, encoding, BUNDLE, extracted.facts.species)


def changed(extracted, **facts):
    """Return an extract whose facts are others."""
    return replace(extracted, facts=replace(extracted.facts, **facts))


def hearing(extracted, *kinds: str, species: str = "dog"):
    """Return an extract in which a pet was seen and these calls were heard."""
    events = tuple(SoundEvent(0.3 * i, 0.3 * i + 0.2, 30, 600.0, None, 9.0, 900.0, 1.0)
                   for i in range(len(kinds)))  # fmt: skip
    calls = tuple(Call(k, 0.9, i, (0.3 * i, 0.3 * i + 0.2)) for i, k in enumerate(kinds))
    tags = Tags((0.0,), ((0.0,) * len(CLASSES),))
    sound = Sound(True, False, -40.0, -60.0, 20.0, 0.0, events)
    return changed(extracted, sound=sound, tags=tags, calls=calls, pet=SEEN, species=species)


@pytest.mark.parametrize("sign", TABLE.signs, ids=lambda s: s.key)
def test_no_single_sign_ever_adds_more_than_the_cap(sign):
    for value in (-1e6, 0.0, 1e-9, 1.0, 1e6):
        assert np.abs(contribution(TABLE, reading(sign.key, value))).max() <= TABLE.cap_nats


def test_a_sign_beyond_the_cap_is_cut():
    strong = TABLE.sign("hiss").model_copy(update={"effect": Effect(kind="expert", value=9.0)})
    table = TABLE.with_signs((strong,))
    assert np.abs(contribution(table, reading("hiss", 1.0))).max() == TABLE.cap_nats


@pytest.mark.parametrize("key", ["lip_lick", "yawn", "wag_side", "growl_pitch"])
def test_what_the_literature_found_nothing_in_adds_nothing(key):
    assert not contribution(TABLE, reading(key, 5.0)).any()


def test_a_whine_alone_is_never_distressed():
    assert TABLE.sign("whimper").supports.get("Distressed", 0.0) == 0.0


def test_wagging_side_weighs_at_most_a_tenth():
    assert nats(TABLE, TABLE.sign("wag_side")) <= 0.1


def test_an_effect_size_becomes_log_odds_as_the_literature_says():
    present, scaled = TABLE.sign("ears_back"), TABLE.sign("travel")
    assert nats(TABLE, present) == pytest.approx(0.69 * math.pi / math.sqrt(3) * TABLE.discount)
    assert nats(TABLE, scaled) == pytest.approx(0.54 * TABLE.discount)


def test_every_row_has_a_source_and_only_known_states():
    for sign in TABLE.signs:
        assert sign.source
        assert sign.grade in ("A", "B", "C") or sign.effect.value == 0
        assert set(sign.supports) <= set(TABLE.classes)


@pytest.mark.parametrize("sign", TABLE.signs, ids=lambda s: s.key)
def test_a_reading_without_reliability_says_nothing(sign):
    assert not contribution(TABLE, reading(sign.key, 3.0, reliability=0.0)).any()


def test_z_is_limited_to_two_standard_deviations():
    assert standardised(TABLE, TABLE.sign("energy"), 1e9) == 2.0
    assert standardised(TABLE, TABLE.sign("energy"), 0.0) == -2.0
    assert standardised(TABLE, TABLE.sign("bursts"), 0.0) == 0.0  # speaks only when it is there


def test_a_hiss_lifts_distress_most():
    added = contribution(TABLE, reading("hiss", 1.0))
    assert TABLE.classes[int(added.argmax())] == "Distressed"


def test_smoothing_keeps_a_lone_window_from_turning_the_state():
    rows = np.zeros((11, 5))
    rows[:, 0] = 0.5
    rows[5] = [0, 0, 0, 1.5, 0]
    assert (smoothed(TABLE, rows, np.log(prior(TABLE))).argmax(axis=1) == 0).all()


def test_smoothing_follows_evidence_that_lasts():
    rows = np.zeros((20, 5))
    rows[:10, 0], rows[10:, 4] = 2.0, 3.0
    states = smoothed(TABLE, rows, np.log(prior(TABLE))).argmax(axis=1)
    assert states[3] == 0
    assert states[-3] == 4


def test_an_assessment_has_the_documented_keys_and_is_json(measured):
    said = assess(measured(SHORT)[0]).as_json()
    assert set(said) == KEYS
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    assert set(said["modalities"]) == {"vision", "audio", "pose"}
    assert said["quality"].keys() >= {"frames", "camera", "sound", "pets_seen", "species_seen"}


def test_the_same_clip_gives_the_same_bytes_three_times(clip, without_weights):
    from worker.pipeline.run import analyze

    said = [
        analyze(clip(SHORT)[0], species="dog", models=without_weights).as_json() for _ in range(3)
    ]
    for one in said:
        assert one.pop("timings_s").keys() == {"extract", "encode", "fuse"}
    assert json.dumps(said[0]) == json.dumps(said[1]) == json.dumps(said[2])


@pytest.mark.parametrize(
    ("name", "code"),
    [("too_dark", "too_dark"), ("too_blurry", "too_blurry"), ("static", "static_image")],
)
def test_a_clip_that_shows_nothing_abstains_with_its_code(name, code, measured):
    said = assess(measured(replace(SAMPLES[name], duration_s=2.2))[0]).as_json()
    assert said["emotion"] is None
    assert said["probabilities"] is None
    assert said["abstention"]["code"] == code


@pytest.mark.parametrize(
    ("pet", "code"),
    [
        (Pet((None,) * 5, 0.1, 1, "dog", 0.3), "no_pet_visible"),
        (Pet((None,) * 5, 0.0, 0, None, 0.0), "no_pet_visible"),
        (Pet(SEEN.boxes, 1.0, 2, "dog", 0.9), "multiple_pets"),
    ],
)
def test_no_pet_and_several_pets_abstain(pet, code, measured):
    assert assess(changed(measured(SHORT)[0], pet=pet)).abstention.code == code


def test_movement_is_nobodys_where_no_pet_was_found(measured):
    extracted = measured(SHORT)[0]
    seen, empty = (
        assess(changed(extracted, pet=pet)) for pet in (SEEN, Pet((None,) * 5, 0.0, 0, None, 0.0))
    )
    moving = {said.name for said in (*seen.signal_details, *seen.against) if said.region == "body"}
    assert moving
    assert not moving & {said.name for said in (*empty.signal_details, *empty.against)}
    assert "no cat or dog was found whose movement that could be" in {
        why for _, why in empty.not_measurable
    }


def test_an_empty_room_without_a_detector_is_not_called_relaxed(measured):
    room = replace(SAMPLES["no_pet"], duration_s=3.0)
    said = assess(measured(room)[0])
    assert said.emotion is None
    assert said.abstention.code == "insufficient_evidence"


def test_without_a_detector_the_subject_is_said_to_be_unverified(measured):
    said = assess(measured(SHORT)[0])
    assert any(why.startswith("subject_unverified") for _, why in said.not_measurable)
    assert said.quality.pets_seen is None


def test_no_vocalisation_is_a_signal_only_with_a_usable_track(measured):
    extracted = measured(SHORT)[0]
    deaf = assess(changed(extracted, pet=SEEN))
    assert "no vocalisation" not in [d.name for d in (*deaf.signal_details, *deaf.against)]
    assert ("frequent vocalising", "the clip has no sound track") in deaf.not_measurable
    quiet = assess(hearing(extracted))
    assert "no vocalisation" in [d.name for d in (*quiet.signal_details, *quiet.against)]


def test_music_takes_sound_out_of_the_decision(measured):
    extracted = hearing(measured(SHORT)[0], "bark")
    row = tuple(0.9 if name == "music" else 0.0 for name in CLASSES)
    said = assess(changed(extracted, tags=Tags((0.0,), (row,))))
    assert said.modalities["audio"].contribution == 0
    assert said.quality.sound == "music"


def test_barking_raises_alert_and_lowers_relaxed(measured):
    extracted = measured(SHORT)[0]
    quiet, loud = (
        assess(hearing(extracted, *calls)).probabilities for calls in ((), ("bark",) * 4)
    )
    assert loud["Alert"] > quiet["Alert"]
    assert loud["Relaxed"] < quiet["Relaxed"]


def moving(extracted, **movement):
    """Return an extract in which a pet was seen to move so."""
    measured = replace(extracted.facts.movement, fit=1.0, camera_moves=False, **movement)
    return changed(extracted, movement=measured, pet=SEEN)


def test_the_sound_strip_is_high_where_a_call_was_and_low_where_none_was(measured):
    extracted = measured(SHORT)[0]
    windows = extracted.windows
    rate_hz, middles_s = 16_000, windows.middles_s
    loud_s = middles_s[-1]
    times_s = np.arange(round(2.2 * rate_hz)) / rate_hz + extracted.facts.shots.span_s[0]
    volume = np.where(np.abs(times_s - loud_s) < 0.4, 0.3, 0.001)
    tone = (volume * np.sin(2 * np.pi * 440 * times_s) * 32_767).astype(np.int16)
    sound = Sound(True, False, -60.0, -63.0, 20.0, 0.0, ())
    rows = windows.rows.copy()
    rows[-1, COLUMNS.index("event_share")] = 0.8
    heard = replace(
        changed(extracted, sound=sound), audio_16k=tone, windows=replace(windows, rows=rows)
    )
    strip = json.loads(json.dumps(assess(heard).as_json()))["sound_strip"]
    assert [point["t_s"] for point in strip] == pytest.approx(list(middles_s))
    assert strip[0]["level"] < 0.1
    assert strip[0]["calls"] == 0.0
    assert strip[-1]["level"] == pytest.approx(0.82, abs=0.02)  # 0.3 is 49.5 dB over the floor
    assert strip[-1]["calls"] == pytest.approx(0.8)


def test_a_clip_without_sound_has_no_sound_strip(measured):
    assert assess(measured(SHORT)[0]).as_json()["sound_strip"] == []


RESTLESS = {"energy_median": 0.4, "travel_median": 0.4, "still_share": 0.0}
TREMBLING = Rhythm(9.5, 30.0, 0.007, (0.0, 2.2), (0.5, 0.5))


def test_a_restless_body_alone_is_never_playful(measured):
    said = assess(moving(measured(SHORT)[0], **RESTLESS, bounce=0.0, burst_rate=0.0))
    assert said.emotion != "Playful"


def test_movement_that_bounces_and_pauses_speaks_for_play(measured):
    even, bouncing = (
        assess(moving(measured(SHORT)[0], **RESTLESS, bounce=b, burst_rate=b)).probabilities
        for b in (0.0, 0.3)
    )
    assert bouncing["Playful"] > even["Playful"] + 0.05


def test_trembling_in_place_is_not_play(measured):
    said = assess(moving(measured(SHORT)[0], tremble=TREMBLING, energy_median=0.2, still_share=0.0))
    assert said.probabilities["Playful"] < prior(TABLE)[3]
    assert said.probabilities["Distressed"] > prior(TABLE)[4]
    assert dict(said.not_measurable)["restless body"].startswith("the body trembles")


def test_stopping_dead_is_not_resting(measured):
    still = moving(measured(SHORT)[0], energy_median=0.001, travel_median=0.001, still_share=0.8)
    rests, freezes = (
        assess(changed(still, movement=replace(still.facts.movement, freeze_s=f))).probabilities
        for f in (None, (0.2, 2.2))
    )
    assert freezes["Relaxed"] < rests["Relaxed"]
    assert freezes["Alert"] > rests["Alert"]


def test_a_whining_dog_that_lies_still_is_not_called_relaxed(measured):
    extracted = moving(measured(SHORT)[0], energy_median=0.002, travel_median=0.002)
    said = assess(hearing(extracted, "whimper", "whimper"))
    assert said.emotion != "Relaxed"
    assert "whining" in [d.name for d in (*said.signal_details, *said.against)]


@pytest.mark.parametrize("movement", [{"energy_median": 0.002}, {"energy_median": 0.4}])
@pytest.mark.parametrize("whines", [1, 5, 20])
def test_whining_and_nothing_else_is_never_called_distressed(measured, whines, movement):
    said = assess(hearing(moving(measured(SHORT)[0], **movement), *("whimper",) * whines))
    assert said.emotion != "Distressed"
    assert said.probabilities["Distressed"] < said.probabilities["Anxious"]


def test_views_of_one_fact_share_one_cap(measured):
    extracted = moving(
        measured(SHORT)[0], energy_median=1e-4, travel_median=1e-4, still_share=1.0, freeze_s=None
    )
    readings, _ = read_signs(TABLE.of("dog"), extracted)
    views = [r for r in readings if TABLE.of("dog").sign(r.key).group == "arousal"]
    assert len(views) == 3
    assert np.abs(evidence(TABLE.of("dog"), views)).max() <= TABLE.group_cap_nats + 1e-3


def test_a_cats_growl_is_distress_and_a_dogs_is_not_yet():
    cat, dog = (contribution(TABLE.of(s), reading("growl", 1.0)) for s in ("cat", "dog"))
    assert TABLE.classes[int(cat.argmax())] == "Distressed"
    assert TABLE.classes[int(dog.argmax())] == "Alert"


def test_without_a_detector_evidence_is_never_more_than_weak(measured):
    said = assess(changed(hearing(measured(SHORT)[0], *("bark",) * 5), pet=UNSEEN))
    assert said.evidence in (None, "weak")


def test_a_hissing_cat_is_not_relaxed(measured):
    said = assess(hearing(measured(SHORT)[0], "hiss", "hiss", species="cat"))
    assert said.probabilities["Distressed"] > 2 * prior(TABLE)[4]
    assert "hissing or spitting" in [d.name for d in (*said.signal_details, *said.against)]


def test_the_parts_of_the_evidence_sum_to_one(measured):
    shares = [
        m.contribution for m in assess(hearing(measured(SHORT)[0], "bark")).modalities.values()
    ]
    assert sum(shares) == pytest.approx(1.0, abs=1e-3)


def test_what_is_unmeasured_is_listed_with_its_reason(measured):
    missing = dict(assess(measured(SHORT)[0]).not_measurable)
    assert missing["low posture"].startswith("posture is read only where the detector has found")


def test_an_assessment_is_frozen(measured):
    with pytest.raises(dataclasses.FrozenInstanceError):
        assess(measured(SHORT)[0]).emotion = "Relaxed"
