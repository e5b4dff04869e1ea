"""Writes frames and samples into a media file with PyAV, the same bytes for the same input."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from .soundtrack import Soundtrack
from .spec import ClipSpec, VideoCodec

CLOCK_HZ = 90_000
MPEG4_CLOCK_HZ = 60_000  # MPEG-4 part 2 counts at most 65 535 ticks a second
AUDIO_CHUNK = 1024
QUIET = "log-level=none:pools=none:frame-threads=1:info=0"
OPTIONS = {
    VideoCodec.H264: {"preset": "ultrafast", "tune": "fastdecode", "threads": "1"},
    VideoCodec.HEVC: {"preset": "ultrafast", "x265-params": QUIET, "tag": "hvc1"},
    VideoCodec.MPEG4: {"threads": "1"},
}


def add_picture(container, spec: ClipSpec):
    """Open the video stream; frames are stored turned, and the display matrix turns them back."""
    codec, turn = spec.encoding.codec, spec.encoding.rotation_deg
    rate = Fraction(spec.fps).limit_denominator(1001)
    stream = container.add_stream(codec.value, rate=rate, options=dict(OPTIONS[codec]))
    width, height = (spec.width, spec.height) if turn % 180 == 0 else (spec.height, spec.width)
    stream.width, stream.height = width, height
    is_odd = width % 2 or height % 2
    stream.pix_fmt = "yuv444p" if is_odd and codec != VideoCodec.MPEG4 else "yuv420p"
    stream.codec_context.thread_count = 1
    stream.codec_context.gop_size = max(round(2 * spec.fps), 1)
    if codec == VideoCodec.MPEG4:
        stream.bit_rate = int(0.12 * width * height * spec.fps)
    else:
        stream.codec_context.options |= {"crf": str(spec.encoding.quality)}
    if spec.encoding.container == "avi":  # one frame per tick: no other time stamps there
        stream.codec_context.time_base = 1 / rate
    else:
        is_mpeg4 = codec == VideoCodec.MPEG4
        stream.codec_context.time_base = Fraction(1, MPEG4_CLOCK_HZ if is_mpeg4 else CLOCK_HZ)
    if turn:
        stream.set_display_rotation(turn)
    return stream


def add_sound(container, spec: ClipSpec, track: Soundtrack):
    is_avi = spec.encoding.container == "avi"
    stream = container.add_stream("pcm_s16le" if is_avi else "aac", rate=track.rate_hz)
    stream.layout = "mono" if len(track.samples) == 1 else "stereo"
    if not is_avi:
        stream.bit_rate = 96_000 * len(track.samples)
    return stream


def to_frame(bgr: NDArray[np.uint8], spec: ClipSpec, pix_fmt: str) -> av.VideoFrame:
    """Turn a picture for storage and into the encoder's colours (BT.601, limited range)."""
    turned = np.ascontiguousarray(np.rot90(bgr, -(spec.encoding.rotation_deg // 90)))
    if pix_fmt == "yuv420p" and turned.shape[0] % 2 == 0 and turned.shape[1] % 2 == 0:
        planes = cv2.cvtColor(turned, cv2.COLOR_BGR2YUV_I420)
        return av.VideoFrame.from_ndarray(planes, format="yuv420p")
    return av.VideoFrame.from_ndarray(turned, format="bgr24").reformat(format=pix_fmt)


def mux_picture(container, stream, spec: ClipSpec, timed: Iterable) -> None:
    """Encode (time in seconds, BGR) pairs."""
    clock = stream.codec_context.time_base
    for time_s, bgr in timed:
        frame = to_frame(bgr, spec, stream.pix_fmt)
        frame.pts, frame.time_base = round(time_s / clock), clock
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def mux_sound(container, stream, track: Soundtrack) -> None:
    is_float = stream.codec_context.name == "aac"
    layout = stream.layout.name
    for first in range(0, track.samples.shape[1], AUDIO_CHUNK):
        part = np.ascontiguousarray(track.samples[:, first : first + AUDIO_CHUNK])
        if not is_float:
            part = np.ascontiguousarray((part * 32767).astype(np.int16).T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(
            part, format="fltp" if is_float else "s16", layout=layout
        )
        frame.sample_rate, frame.pts = track.rate_hz, first
        frame.time_base = Fraction(1, track.rate_hz)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def write(spec: ClipSpec, timed: Iterable, track: Soundtrack | None, path: Path) -> None:
    """Write one clip; `timed` yields (time in seconds, upright BGR picture)."""
    options = {"fflags": "+bitexact"}
    with av.open(str(path), "w", format=muxer(spec), options=options) as container:
        picture = add_picture(container, spec) if spec.encoding.has_video else None
        sound = add_sound(container, spec, track) if track else None
        if sound:
            mux_sound(container, sound, track)
        if picture:
            mux_picture(container, picture, spec, timed)


def muxer(spec: ClipSpec) -> str:
    """Return FFmpeg's name of the container."""
    return {"mkv": "matroska"}.get(spec.encoding.container, spec.encoding.container)
