"""Files that are no good clips: a corpus for the gates, made from generated clips."""

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import cv2

from .recording import frames, render
from .spec import Call, ClipSpec, Encoding, Picture, Sound, Track, VideoCodec, Voice

SOUND = ClipSpec(
    seed=900,
    duration_s=3.0,
    width=160,
    height=120,
    sound=Sound(calls=(Call(Voice.BARK, 1.0, 0.3),)),
)
HUGE_PX = 65_000
STRETCH = 2500
MANY_STREAMS = 10_000
BELIEVABLE_PX = 16_000  # FFmpeg refuses more by itself


def sound_file(path: Path) -> bytes:
    """Write the clip that the others are broken copies of; return its bytes."""
    render(SOUND, path)
    return path.read_bytes()


def zero_bytes(path: Path) -> None:
    path.write_bytes(b"")


def text_named_mp4(path: Path) -> None:
    path.write_text("This is not a video, whatever its name says.\n" * 40)


def truncated(path: Path) -> None:
    """Keep the first 60 %: the index at the end is gone, nothing can be decoded."""
    whole = sound_file(path)
    path.write_bytes(whole[: len(whole) * 6 // 10])


def truncated_avi(path: Path) -> None:
    """Keep the first 60 % of a container without an index it depends on: that much can be read."""
    encoding = Encoding(container="avi", codec=VideoCodec.MPEG4)
    render(ClipSpec(seed=901, duration_s=4.0, width=160, height=120, encoding=encoding), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])


def header_only(path: Path) -> None:
    path.write_bytes(sound_file(path)[:32])


def corrupt_packets(path: Path) -> None:
    """Overwrite a tenth of the media in its middle; the index still describes every packet."""
    whole = bytearray(sound_file(path))
    start = whole.index(b"mdat") + 4
    size = struct.unpack(">I", whole[start - 8 : start - 4])[0] - 8
    first, length = start + size * 45 // 100, size // 10
    whole[first : first + length] = bytes((i * 89 + 7) % 256 for i in range(length))
    path.write_bytes(whole)


def huge_dimensions(path: Path) -> None:
    """Claim 65 000 x 65 000 in the container's headers; the stream itself says less."""
    whole = bytearray(sound_file(path))
    entry = whole.index(b"avc1", whole.index(b"stsd"))
    whole[entry + 28 : entry + 32] = struct.pack(">HH", HUGE_PX, HUGE_PX)
    track = whole.index(b"tkhd")
    whole[track + 80 : track + 88] = struct.pack(">II", HUGE_PX << 16, HUGE_PX << 16)
    path.write_bytes(whole)


def huge_frames(path: Path) -> None:
    """Claim 16 000 x 16 000 in every frame: to believe it before looking takes 400 MB each."""
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuvj420p"
        for drawn in frames(replace(SOUND, duration_s=1.0)):
            frame = av.VideoFrame.from_ndarray(drawn.bgr, format="bgr24")
            container.mux(stream.encode(frame.reformat(format="yuvj420p")))
        container.mux(stream.encode(None))
    size_field = struct.pack(">HH", 120, 160)  # height first, behind the precision of 8 bits
    claimed = struct.pack(">HH", BELIEVABLE_PX, BELIEVABLE_PX)
    path.write_bytes(path.read_bytes().replace(b"\x08" + size_field, b"\x08" + claimed))


def endless_duration(path: Path) -> None:
    """Stretch time: every frame is shown for more than a minute, the clip lasts for hours."""
    whole = bytearray(sound_file(path).replace(b"edts", b"free"))  # edit lists would cut it
    for box, offset in ((b"mvhd", 20), (b"mdhd", 20), (b"stts", 16)):
        at = whole.find(box)
        while at >= 0:
            field = slice(at + offset, at + offset + 4)
            longer = struct.unpack(">I", whole[field])[0] * STRETCH
            whole[field] = struct.pack(">I", longer)
            at = whole.find(box, at + 4)
    path.write_bytes(whole)


def many_streams(path: Path) -> None:
    """Repeat the picture's track 10 000 times in the index behind the media."""
    spec = replace(SOUND, duration_s=2.2, fps=5.0, sound=Sound(track=Track.NONE))
    render(spec, path)
    whole = path.read_bytes()
    index, track = whole.index(b"moov") - 4, whole.index(b"trak") - 4
    index_size, track_size = (struct.unpack(">I", whole[at : at + 4])[0] for at in (index, track))
    tracks = whole[track : track + track_size] * (MANY_STREAMS - 1)
    size = struct.pack(">I", index_size + len(tracks))
    path.write_bytes(whole[:index] + size + whole[index + 4 : track] + tracks + whole[track:])


def audio_only(path: Path) -> None:
    render(replace(SOUND, encoding=Encoding(has_video=False)), path)


def one_fps(path: Path) -> None:
    render(ClipSpec(seed=904, duration_s=5.0, width=160, height=120, fps=1.0), path)


def very_fast(path: Path) -> None:
    """Write 240 pictures a second."""
    render(ClipSpec(seed=905, duration_s=2.2, width=160, height=120, fps=240.0), path)


def one_frame(path: Path) -> None:
    render(ClipSpec(seed=902, duration_s=0.03, width=160, height=120), path)


def random_bytes(path: Path) -> None:
    """Write noise behind a valid file type box."""
    state, noise = 1, bytearray()
    for _ in range(20_000):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        noise.append(state >> 16 & 0xFF)
    path.write_bytes(b"\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom" + noise)


def picture_named_mp4(path: Path) -> None:
    """Write a PNG under a video's name."""
    drawn = next(frames(ClipSpec(seed=903, width=160, height=120, picture=Picture(noise=0))))
    path.write_bytes(cv2.imencode(".png", drawn.bgr)[1].tobytes())


BROKEN: dict[str, Callable[[Path], None]] = {
    "zero_bytes.mp4": zero_bytes,
    "text_named.mp4": text_named_mp4,
    "picture_named.mp4": picture_named_mp4,
    "random_bytes.mp4": random_bytes,
    "header_only.mp4": header_only,
    "truncated.mp4": truncated,
    "truncated.avi": truncated_avi,
    "corrupt_packets.mp4": corrupt_packets,
    "huge_dimensions.mp4": huge_dimensions,
    "huge_frames.avi": huge_frames,
    "endless_duration.mp4": endless_duration,
    "one_frame.mp4": one_frame,
    "many_streams.mp4": many_streams,
    "audio_only.mp4": audio_only,
    "one_fps.mp4": one_fps,
    "very_fast.mp4": very_fast,
}


def write_all(folder: Path) -> list[Path]:
    """Write the whole corpus into a folder; return the paths."""
    paths = []
    for name, make in BROKEN.items():
        make(folder / name)
        paths.append(folder / name)
    return paths
