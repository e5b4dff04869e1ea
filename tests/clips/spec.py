"""What a generated clip is to be: one frozen `ClipSpec` is all the generator is told."""

from dataclasses import dataclass, field
from enum import StrEnum


class Species(StrEnum):
    DOG = "dog"
    CAT = "cat"


class Coat(StrEnum):
    TAN = "tan"
    BLACK = "black"
    BROWN = "brown"
    WHITE = "white"
    GREY = "grey"
    GINGER = "ginger"
    SADDLE = "saddle"
    PATCHED = "patched"
    TABBY = "tabby"


class Ears(StrEnum):
    PRICK = "prick"
    DROP = "drop"  # hang down: such a clip has no true ear position


class Motion(StrEnum):
    STAND = "stand"
    LIE = "lie"
    WALK = "walk"  # once across the picture
    PACE = "pace"  # to and fro
    PLAY = "play"  # bow, then bounces
    CROUCH = "crouch"
    FREEZE = "freeze"  # walk, then stop dead


class Voice(StrEnum):
    BARK = "bark"
    WHINE = "whine"
    GROWL = "growl"
    YELP = "yelp"
    HOWL = "howl"
    MEOW = "meow"
    PURR = "purr"
    HISS = "hiss"
    SPEECH = "speech"


class Scenery(StrEnum):
    ROOM = "room"
    GARDEN = "garden"


class Track(StrEnum):
    NONE = "none"
    SILENT = "silent"  # a track of exact zeros
    SOUND = "sound"


class VideoCodec(StrEnum):
    H264 = "libx264"
    HEVC = "libx265"
    MPEG4 = "mpeg4"


@dataclass(frozen=True, slots=True)
class Animal:
    """One animal and what it keeps doing for the whole clip."""

    species: Species = Species.DOG
    coat: Coat = Coat.TAN
    ears: Ears = Ears.PRICK
    size: float = 0.36  # withers to tail base / shorter side of the picture
    stoutness: float = 1.0  # all thicknesses
    leg_length: float = 1.0  # of the species' usual
    position: tuple[float, float] = (0.5, 0.86)  # feet, as shares of width and height
    is_facing_right: bool = True
    motion: Motion = Motion.STAND
    speed_bl_s: float = 0.6  # WALK, FREEZE: body lengths (nose to tail base) a second
    pace_hz: float = 0.35
    pace_reach_bl: float = 0.5  # PACE: half the way to and fro
    tail_deg: float = 35.0  # mean over time; see truth.Truth.tail_angle_deg
    wag_hz: float = 0.0
    wag_amplitude_deg: float = 0.0  # half of peak to peak
    ear_position: float = 1.0  # 0 flattened .. 1 upright
    spine_curvature: float = 0.03  # hunch; distance of mid spine from the chord / chord
    head_deg: float = 0.0  # pitch of the head beside the programme's own, + up
    tremble_hz: float = 0.0
    tremble_bl: float = 0.012
    pant_hz: float = 0.0


@dataclass(frozen=True, slots=True)
class Camera:
    pan_px_s: tuple[float, float] = (0.0, 0.0)
    shake_px: float = 0.0  # amplitude of a sinusoid, both axes
    shake_hz: float = 1.7
    jitter_px: float = 0.0  # standard deviation of a random walk with a memory of 0.1 s
    zoom_per_s: float = 0.0  # 0.05: 5 % nearer each second
    roll_deg: float = 0.0  # amplitude, at half the rate of the shake


@dataclass(frozen=True, slots=True)
class Picture:
    """Scene and sensor."""

    scenery: Scenery = Scenery.ROOM
    exposure: float = 1.0  # gain before clipping: 0.06 too dark, 2.5 overexposed
    blur_px: float = 0.0  # standard deviation
    noise: float = 1.5  # standard deviation in 8-bit steps
    occlusion: float = 0.0  # width of an object in front / length of the animal
    has_ball: bool = False  # something that moves and is no pet
    companions: int = 0  # further animals, without truth
    is_frozen: bool = False  # every frame repeats the first one, bit by bit
    cut_at_s: float | None = None  # another place and distance from here on


@dataclass(frozen=True, slots=True)
class Call:
    """One vocalisation to be put into the sound track."""

    voice: Voice
    onset_s: float
    duration_s: float
    f0_hz: float | None = None  # median; None: the voice's usual, hiss has none
    harshness: float = 0.1  # 0 tonal .. 1 mostly noise
    level: float = 0.3  # RMS, full scale 1


@dataclass(frozen=True, slots=True)
class Sound:
    track: Track = Track.SOUND
    calls: tuple[Call, ...] = ()
    echo: float = 0.15  # of the room, level of the reverberation / level of the call
    snr_db: float | None = 40.0  # calls over pink noise; None: no noise at all
    sample_rate_hz: int = 48_000
    channels: int = 1


@dataclass(frozen=True, slots=True)
class Encoding:
    container: str = "mp4"  # mp4 mov avi mkv
    codec: VideoCodec = VideoCodec.H264
    rotation_deg: int = 0  # 0 90 180 270, written as display matrix; the truth is upright
    is_vfr: bool = False
    has_video: bool = True
    quality: int = 23  # CRF; higher is worse


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """All parameters of one clip: the same spec gives the same frames, samples and bytes."""

    seed: int = 0
    duration_s: float = 6.0
    width: int = 640  # of the upright picture
    height: int = 360
    fps: float = 30.0
    animal: Animal | None = field(default_factory=Animal)  # None: background only
    camera: Camera = field(default_factory=Camera)
    picture: Picture = field(default_factory=Picture)
    sound: Sound = field(default_factory=Sound)
    encoding: Encoding = field(default_factory=Encoding)
