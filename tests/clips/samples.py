"""Clips by name: what the demo shows and what the tests of gates and signals ask for."""

from .spec import (
    Animal,
    Call,
    Camera,
    ClipSpec,
    Coat,
    Ears,
    Encoding,
    Motion,
    Picture,
    Scenery,
    Sound,
    Species,
    Track,
    VideoCodec,
    Voice,
)

HAND_HELD = Camera(shake_px=1.5, shake_hz=0.9, jitter_px=0.6)
SMALL = {"width": 320, "height": 180}
NO_SOUND = Sound(track=Track.NONE)


def repeated(
    voice: Voice, onsets_s: tuple[float, ...], duration_s: float, **options
) -> tuple[Call, ...]:
    """Return the same call at several times."""
    return tuple(Call(voice, onset_s, duration_s, **options) for onset_s in onsets_s)


RELAXED_DOG = ClipSpec(
    seed=101,
    duration_s=8.0,
    animal=Animal(
        motion=Motion.LIE,
        coat=Coat.TAN,
        ears=Ears.DROP,
        tail_deg=-8.0,
        wag_hz=1.0,
        wag_amplitude_deg=7.0,
    ),
    camera=HAND_HELD,
)
ANXIOUS_DOG = ClipSpec(
    seed=102,
    duration_s=10.0,
    animal=Animal(
        motion=Motion.PACE,
        coat=Coat.SADDLE,
        size=0.3,
        tail_deg=-70.0,
        ear_position=0.25,
        spine_curvature=0.11,
        head_deg=-8.0,
        pace_hz=0.4,
        pace_reach_bl=0.45,
        pant_hz=4.5,
    ),
    camera=HAND_HELD,
    sound=Sound(calls=repeated(Voice.WHINE, (1.0, 2.6, 4.1, 6.4, 8.2), 0.7, f0_hz=1250.0)),
)
PLAYFUL_DOG = ClipSpec(
    seed=103,
    duration_s=8.0,
    animal=Animal(
        motion=Motion.PLAY,
        coat=Coat.BROWN,
        size=0.32,
        tail_deg=45.0,
        wag_hz=4.5,
        wag_amplitude_deg=28.0,
    ),
    camera=HAND_HELD,
    picture=Picture(scenery=Scenery.GARDEN),
    sound=Sound(
        calls=repeated(Voice.BARK, (1.8, 2.3, 4.4, 4.8, 7.0), 0.16, f0_hz=820.0, harshness=0.08)
    ),
)
ALERT_DOG = ClipSpec(
    seed=104,
    animal=Animal(motion=Motion.FREEZE, coat=Coat.GREY, size=0.3, tail_deg=60.0, head_deg=10.0),
    picture=Picture(scenery=Scenery.GARDEN),
    sound=Sound(
        calls=repeated(Voice.BARK, (2.9, 3.3, 3.7, 4.1, 5.0), 0.22, f0_hz=450.0, harshness=0.12)
    ),
)
DISTRESSED_CAT = ClipSpec(
    seed=105,
    animal=Animal(
        species=Species.CAT,
        motion=Motion.CROUCH,
        coat=Coat.TABBY,
        tail_deg=-105.0,
        ear_position=0.08,
        spine_curvature=0.2,
        tremble_hz=9.5,
    ),
    sound=Sound(
        calls=(
            Call(Voice.GROWL, 0.7, 1.4, f0_hz=160.0, harshness=0.5),
            Call(Voice.HISS, 2.6, 0.6),
            Call(Voice.GROWL, 3.8, 0.9, f0_hz=180.0, harshness=0.5),
            Call(Voice.HISS, 5.1, 0.5),
        )
    ),
)
RELAXED_CAT = ClipSpec(
    seed=106,
    duration_s=8.0,
    animal=Animal(
        species=Species.CAT, motion=Motion.LIE, coat=Coat.GINGER, size=0.4, tail_deg=-12.0
    ),
    camera=HAND_HELD,
    sound=Sound(calls=(Call(Voice.PURR, 0.4, 7.2, level=0.12),)),
)
CURIOUS_CAT = ClipSpec(
    seed=107,
    animal=Animal(
        species=Species.CAT,
        motion=Motion.WALK,
        coat=Coat.GINGER,
        size=0.34,
        tail_deg=75.0,
        speed_bl_s=0.45,
    ),
    sound=Sound(calls=repeated(Voice.MEOW, (1.2, 3.9), 0.8, f0_hz=620.0, harshness=0.2), echo=0.0),
)

SAMPLES: dict[str, ClipSpec] = {
    "relaxed_dog": RELAXED_DOG,
    "anxious_dog": ANXIOUS_DOG,
    "playful_dog": PLAYFUL_DOG,
    "alert_dog": ALERT_DOG,
    "distressed_cat": DISTRESSED_CAT,
    "relaxed_cat": RELAXED_CAT,
    "curious_cat": CURIOUS_CAT,
    "wagging_dog": ClipSpec(
        seed=108,
        animal=Animal(coat=Coat.SADDLE, tail_deg=30.0, wag_hz=3.0, wag_amplitude_deg=25.0),
        picture=Picture(scenery=Scenery.GARDEN),
    ),
    "two_dogs": ClipSpec(
        seed=109, animal=Animal(size=0.28), picture=Picture(companions=1), sound=NO_SOUND
    ),
    "half_hidden_dog": ClipSpec(seed=110, animal=Animal(), picture=Picture(occlusion=0.4)),
    "talking_owner": ClipSpec(
        seed=111,
        animal=Animal(coat=Coat.BLACK),
        picture=Picture(scenery=Scenery.GARDEN),
        sound=Sound(calls=(Call(Voice.SPEECH, 0.5, 5.0),)),
    ),
    "too_dark": ClipSpec(seed=112, picture=Picture(exposure=0.04, noise=2.5), **SMALL),
    "overexposed": ClipSpec(seed=113, picture=Picture(exposure=3.5), **SMALL),
    "too_blurry": ClipSpec(seed=114, picture=Picture(blur_px=9.0), **SMALL),
    "static": ClipSpec(seed=115, picture=Picture(is_frozen=True), **SMALL),
    "scene_cut": ClipSpec(seed=116, picture=Picture(cut_at_s=2.5), **SMALL),
    "no_pet": ClipSpec(seed=117, animal=None, camera=HAND_HELD, **SMALL),
    "rolling_ball": ClipSpec(seed=118, animal=None, picture=Picture(has_ball=True), **SMALL),
    "no_video": ClipSpec(
        seed=119,
        encoding=Encoding(has_video=False),
        sound=Sound(calls=(Call(Voice.BARK, 1.0, 0.3),)),
    ),
    "no_sound": ClipSpec(seed=120, sound=NO_SOUND, **SMALL),
    "silent_track": ClipSpec(seed=121, sound=Sound(track=Track.SILENT), **SMALL),
    "too_short": ClipSpec(seed=122, duration_s=0.4, **SMALL),
    "too_long": ClipSpec(
        seed=123,
        duration_s=61.5,
        width=128,
        height=96,
        fps=5.0,
        sound=NO_SOUND,
        encoding=Encoding(quality=35),
    ),
    "portrait": ClipSpec(seed=124, width=360, height=640, encoding=Encoding(rotation_deg=90)),
    "upside_down": ClipSpec(seed=125, encoding=Encoding(rotation_deg=180), **SMALL),
    "irregular": ClipSpec(seed=126, encoding=Encoding(is_vfr=True), **SMALL),
    "hevc_mov": ClipSpec(
        seed=127, encoding=Encoding(container="mov", codec=VideoCodec.HEVC), **SMALL
    ),
    "mpeg4_avi": ClipSpec(
        seed=128, encoding=Encoding(container="avi", codec=VideoCodec.MPEG4), **SMALL
    ),
    "mkv": ClipSpec(seed=129, encoding=Encoding(container="mkv"), **SMALL),
    "odd_size": ClipSpec(seed=130, width=321, height=183),
    "slow_5_fps": ClipSpec(seed=131, fps=5.0, **SMALL),
    "fast_120_fps": ClipSpec(seed=132, fps=120.0, duration_s=3.0, **SMALL),
}
