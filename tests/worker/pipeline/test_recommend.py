"""What to do: every case has a row and words, red flags go first, and no word goes too far."""

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from tests.clips import SAMPLES
from worker.pipeline.bundles import load_bundle
from worker.pipeline.encode import EncodeModels, encode
from worker.pipeline.extract.keypoints import POSTURES
from worker.pipeline.extract.locate import Pet
from worker.pipeline.extract.sound import Sound, SoundEvent
from worker.pipeline.extract.tag import CLASSES, Call, Tags
from worker.pipeline.fuse import flags, fuse
from worker.pipeline.fuse.ethogram import load_ethogram
from worker.pipeline.fuse.recommend import load_table, load_texts, recommend

BUNDLE = load_bundle()
TABLE, TEXTS = load_table(BUNDLE), load_texts(BUNDLE)
STATES = (None, "Relaxed", "Alert", "Anxious", "Playful", "Distressed")
FLAGS = ("panting_cat", "collapse", "sustained_yelping")
SHORT = replace(SAMPLES["no_sound"], duration_s=2.2)
SEEN = Pet(((0.2, 0.2, 0.8, 0.8),) * 5, 1.0, 1, "dog", 0.9)
FORBIDDEN = (
    r"diagnos", r"disease", r"illness", r"\bill\b", r"\bsick", r"healthy", r"\bpain", r"\bcure",
    r"treat", r"disorder", r"symptom", r"syndrome", r"seizure", r"patholog",
    r"no (need for a )?vet",
    r"not need", r"don't need", r"without (a|your) vet", r"nothing (is )?wrong",
    r"(is|are|be) fine",
    r"all is well", r"no reason (to|for)", r"instead of (a|your) vet",
)  # fmt: skip


def test_every_case_has_a_row_with_words():
    cases = product(
        STATES, ("weak", "moderate", "strong"), ("dog", "cat"), ((), *((f,) for f in FLAGS))
    )
    for state, evidence, species, raised in cases:
        assert recommend(TABLE, TEXTS, state, evidence, species, flags=raised).text


def test_every_row_has_words_and_every_word_a_row():
    assert {r.code for r in TABLE.rows} == set(TEXTS.recommendations)
    assert {r.flag for r in TABLE.rows} - {None} == set(TEXTS.flags) == set(FLAGS)


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_no_word_goes_too_far(pattern):
    table = load_ethogram(BUNDLE)
    names = [name for sign in table.signs for name in sign.names.values()]
    said = [*TEXTS.recommendations.values(), *TEXTS.flags.values(), *TEXTS.abstentions.values()]
    for text in [*said, *names]:
        assert not re.search(pattern, text.lower()), text


def test_calm_and_playful_answers_still_name_a_vet():
    for state in ("Relaxed", "Playful"):
        assert "ask your vet" in recommend(TABLE, TEXTS, state, "strong", "dog").text


def test_urgency_never_falls_as_evidence_grows():
    order = ("none", "watch", "book_visit", "call_today")
    for state, species in product(STATES[1:], ("dog", "cat")):
        levels = [
            order.index(recommend(TABLE, TEXTS, state, level, species).urgency)
            for level in ("weak", "moderate", "strong")
        ]
        assert levels == sorted(levels)


def test_a_red_flag_goes_before_any_state():
    for state in STATES:
        for flag in ("panting_cat", "collapse"):
            said = recommend(TABLE, TEXTS, state, "weak", "cat", flags=[flag])
            assert said.urgency == "call_today"
    assert (
        recommend(TABLE, TEXTS, "Playful", "weak", "dog", flags=["sustained_yelping"]).urgency
        == "watch"
    )
    assert (
        recommend(TABLE, TEXTS, None, "weak", "dog", flags=["sustained_yelping"]).urgency
        == "book_visit"
    )


def hearing(extracted, *, species, pant=(), yelps=()):
    """Return an extract of a pet that was seen, with panting windows and yelps at these times."""
    scores = [tuple(p if name == "pant" else 0.0 for name in CLASSES) for p in pant]
    tags = Tags(
        tuple(0.4875 * i for i in range(len(pant))) or (0.0,),
        tuple(scores) or ((0.0,) * len(CLASSES),),
    )
    events = tuple(SoundEvent(t, t + 0.2, 30, 900.0, None, 9.0, 900.0, 1.0) for t in yelps)
    calls = tuple(Call("yip", 0.9, i, (t, t + 0.2)) for i, t in enumerate(yelps))
    sound = Sound(True, False, -40.0, -60.0, 20.0, 0.0, events)
    facts = replace(extracted.facts, species=species, pet=SEEN, tags=tags, calls=calls, sound=sound)
    return replace(extracted, facts=facts)


@pytest.mark.parametrize(
    ("species", "pant", "raised"),
    [
        ("cat", (0.6,) * 6, ["panting_cat"]),
        ("cat", (0.6,) * 5, []),
        ("cat", (0.2,) * 12, []),
        ("dog", (0.6,) * 12, []),
    ],
)
def test_panting_that_goes_on_is_a_flag_in_a_cat_only(measured, species, pant, raised):
    extracted = hearing(measured(SHORT)[0], species=species, pant=pant)
    assert [f.code for f in flags.red_flags(extracted)] == raised


@pytest.mark.parametrize(
    ("yelps", "raised"),
    [
        ((0.1, 1.0, 2.0, 3.0, 4.0), ["sustained_yelping"]),
        ((0.1, 1.0, 2.0, 3.0), []),
        ((0.1, 0.4, 0.7, 1.0, 1.3), []),
    ],
)
def test_yelps_are_a_flag_where_they_go_on(measured, yelps, raised):
    extracted = hearing(measured(SHORT)[0], species="dog", yelps=yelps)
    assert [f.code for f in flags.red_flags(extracted)] == raised


def test_nothing_is_flagged_where_nobody_found_a_pet(measured):
    extracted = hearing(measured(SHORT)[0], species="cat", pant=(0.6,) * 8)
    unseen = replace(SEEN, pet_frames_share=None)
    assert not flags.red_flags(replace(extracted, facts=replace(extracted.facts, pet=unseen)))


def test_a_flag_is_told_with_its_span_and_decides_what_to_do(measured):
    extracted = hearing(measured(SHORT)[0], species="cat", pant=(0.6,) * 8)
    said = fuse(extracted, encode(extracted, EncodeModels(None, None)), BUNDLE, "cat").as_json()
    (told,) = said["red_flags"]
    assert told["code"] == "panting_cat"
    assert told["text"] == "sounds of panting through 4 seconds of the clip"
    assert told["span_s"][0] == 0.0
    assert said["recommendation"]["urgency"] == "call_today"


def postures(*names):
    """Return sure postures (n, 7), one a name, twice a second."""
    rows = np.full((len(names), len(POSTURES)), 0.02, np.float32)
    for i, name in enumerate(names):
        rows[i, POSTURES.index(name)] = 0.88
    return np.arange(len(names)) / 2, rows


@pytest.mark.parametrize(
    ("names", "is_flag"),
    [
        (["standing"] * 3 + ["lying_side"] * 6, True),
        (["walking"] * 3 + ["lying_chest"] * 4 + ["lying_side"] * 6, False),
        (["lying_side"] * 9, False),
        (["standing"] * 3 + ["lying_side"] * 3, False),
        (["standing"] * 3 + ["lying_side"] * 4 + ["standing"] * 3, False),
    ],
)
def test_collapse_is_from_the_feet_to_the_side_and_staying_there(names, is_flag):
    assert (flags.collapse(*postures(*names)) is not None) == is_flag
