"""Reads one clip in one pass: pictures, the grey motion stream and sound, all by time stamps.

Opens local files only. Knows nothing of pets, models or states.
"""

import errno
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np
from av.stream import Stream
from numpy.typing import NDArray

from shared.errors import (
    ClipNoVideo,
    ClipSlowMotion,
    ClipTooDemanding,
    ClipTooLong,
    ClipTooShort,
    ClipUnreadable,
)
from worker.pipeline.extract.display import Display, display_of
from worker.pipeline.extract.flow import flow_size
from worker.pipeline.extract.listen import AudioTrack, Listener
from worker.pipeline.extract.shrink import shrink

MIN_DURATION_S = 2.0
MAX_DURATION_S = 60.0
ROUNDING_S = 0.5  # containers round the last frame and the sound's padding up
MAX_PIXELS = 4096 * 4096
MOST_AHEAD_PIXELS = 4_000_000  # of larger frames the decoder holds so much that networks must wait
MOST_WAITING = 20  # frames that wait for being made smaller: as much memory
TOGETHER = 5  # of them are handed over: each alone costs more than it saves
MAX_STREAMS = 32
MAX_FRAMES = int((MAX_DURATION_S + ROUNDING_S) * 240)
MAX_ERRORS = 500  # broken packets in one clip, after which it is not worth the time

FILMED_FPS = "com.android.capture.fps"
FAST_FPS = 100.0  # of a camera in slow motion; in the dark others write fewer than they announce
SLOWED = 2.5  # times, at least

PICTURE_INTERVAL_S = 0.5  # the seed's sampler: 0, 0.5, 1.0 ... s
PICTURE_SIDE_PX = 640
GREY_MAX_FPS = 30.0
LEAST_AVERAGED = 3  # rows of luma into one of the grey stream, where there are as many

# A demuxer that follows other files (hls, concat, dash) must never be chosen by content.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,asf,ogg"
OPEN_OPTIONS = {"protocol_whitelist": "file,pipe", "format_whitelist": CONTAINERS}
LUMA_FIRST = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray"}
JPEG_RANGE = 2  # AVCOL_RANGE_JPEG: luma already spans 0..255
LIMITED_TO_FULL = np.clip((np.arange(256) - 16) * (255 / 219), 0, 255).round().astype(np.uint8)


Wanted = tuple[av.VideoFrame, float | None, bool]  # its time if its picture is wanted; its grey?


@dataclass(frozen=True, slots=True)
class Media:
    """Facts about the file, as decoded rather than as its header claims; sizes as displayed."""

    duration_s: float
    width: int
    height: int
    rotation: int
    fps: float
    frames: int
    decode_errors: int
    video_codec: str
    audio_codec: str | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """One clip in memory. Times are seconds from the first picture.

    pictures (n, h, w, 3) uint8 RGB, longer side <= 640, every 0.5 s; grey (m, h, w) uint8, the size
    of the flow field (longer side 160), full range, at most 30 a second.
    """

    media: Media
    pictures: NDArray[np.uint8]
    picture_times_s: NDArray[np.float64]
    grey: NDArray[np.uint8]
    grey_times_s: NDArray[np.float64]
    sound: AudioTrack | None


class Onlooker(Protocol):
    """Something that begins with the pictures before the last one is decoded."""

    def see_grey(self, frame: NDArray[np.uint8]) -> None:
        """Take a frame of the grey stream."""

    def see_picture(self, picture: NDArray[np.uint8], time_s: float) -> None:
        """Take a colour picture and its time."""


def decode(
    path: Path, *, on_progress: Callable[[float], None], onlooker: Onlooker | None = None
) -> Decoded:
    """Decode a clip once; a partly damaged one yields what is readable.

    Raises ClipUnreadable, ClipNoVideo, ClipTooShort, ClipTooLong, ClipTooDemanding, ClipSlowMotion.
    """
    with opened(path) as container, ExitStack() as stack:
        video = choose_video(container)
        check_speed(container, video)
        audio = choose_audio(container)
        duration_s = claimed_duration(container, video)
        beside = stack.enter_context(ThreadPoolExecutor(1)) if onlooker else None
        watcher = Watcher(onlooker, beside, video.sample_aspect_ratio)
        listener = Listener()
        steps = Steps(duration_s, on_progress)
        errors = 0
        for frame in frames_of(container, video, audio):
            if frame is None:
                errors += 1
            elif isinstance(frame, av.VideoFrame):
                watcher.watch(frame)
                steps.report(watcher.duration_s)
            else:
                listener.hear(frame)
            if errors > MAX_ERRORS:
                break
        watcher.finish()
        return finish(watcher, listener, video, audio, errors)


@contextmanager
def opened(path: Path) -> Iterator[av.container.InputContainer]:
    """Open a container as a local file, translating what PyAV raises."""
    try:
        container = av.open(f"file:{path.absolute()}", options=OPEN_OPTIONS)
    except (av.FFmpegError, OSError, ValueError) as error:
        check_memory(error)
        raise ClipUnreadable from error
    with container:
        yield container


def choose_video(container: av.container.InputContainer) -> av.VideoStream:
    """Return the video stream, set up for threads; refuse what is too demanding.

    No cover, and no still that was put in front of the film.
    """
    if len(container.streams) > MAX_STREAMS:
        raise ClipTooDemanding
    cover = av.stream.Disposition.attached_pic
    videos = [s for s in container.streams.video if not s.disposition & cover]
    if not videos:
        raise ClipNoVideo
    video = next((s for s in videos if not is_still(s)), videos[0])
    if video.codec_context is None:
        raise ClipUnreadable
    check_size(video.codec_context.width, video.codec_context.height)
    video.thread_type = "AUTO"
    return video


def is_still(video: av.VideoStream) -> bool:
    """Tell whether a stream says of itself that it is one picture, or too short for a clip."""
    if not video.duration or not video.time_base:
        return video.frames == 1
    return video.duration * video.time_base < MIN_DURATION_S


def choose_audio(container: av.container.InputContainer) -> av.AudioStream | None:
    """Return the first audio stream that can be decoded: a phone's may hold one that cannot."""
    return next((s for s in container.streams.audio if s.codec_context is not None), None)


def check_memory(error: Exception) -> None:
    """Refuse a clip for which memory ran out: nothing says that it is damaged."""
    if getattr(error, "errno", None) == errno.ENOMEM:
        raise ClipTooDemanding from error


def check_size(width: int, height: int) -> None:
    """Refuse pictures of more pixels than 4096 x 4096."""
    if width * height > MAX_PIXELS:
        raise ClipTooDemanding(
            f"The clip's pictures have {width} x {height} pixels; send it in 4K or less."
        )


def check_speed(container: av.container.InputContainer, video: av.VideoStream) -> None:
    """Refuse slow motion that says so, as Android's does: shown far slower than it was filmed.

    Exported without that word, as from iPhones, it cannot be told from a slow animal.
    """
    try:
        filmed_fps = float(container.metadata.get(FILMED_FPS, 0))
    except ValueError:
        return
    if filmed_fps >= FAST_FPS and filmed_fps > SLOWED * float(video.average_rate or filmed_fps):
        raise ClipSlowMotion


def claimed_duration(container: av.container.InputContainer, video: av.VideoStream) -> float:
    """Return the header's duration in seconds, 0 when it has none; refuse one that is too long.

    The pictures' own, where it tells that: sound that goes on behind them is left out.
    """
    claim = (container.duration or 0) / av.time_base
    if video.duration and video.time_base:
        claim = float(video.duration * video.time_base)
    if claim > MAX_DURATION_S + ROUNDING_S:
        raise ClipTooLong
    return claim


def frames_of(
    container: av.container.InputContainer, video: av.VideoStream, audio: av.AudioStream | None
) -> Iterator[av.VideoFrame | av.AudioFrame | None]:
    """Yield every readable frame in file order, and None for each packet that is broken."""
    packets = container.demux([s for s in (video, audio) if s is not None])
    while True:
        try:
            packet = next(packets)
        except (StopIteration, IndexError):  # at the end PyAV asks for streams that came up later
            return
        except (av.FFmpegError, OSError) as error:
            check_memory(error)
            yield None
            return
        try:
            yield from decoded(packet)
        except (av.FFmpegError, OSError, ValueError) as error:
            check_memory(error)
            yield None


def decoded(packet: "av.Packet[Stream]") -> Iterator[av.VideoFrame | av.AudioFrame]:
    """Yield a packet's frames."""
    for frame in packet.decode():
        if isinstance(frame, av.VideoFrame | av.AudioFrame):
            yield frame


class Steps:
    """Reports progress in whole hundredths, so that a long clip does not flood its listener."""

    def __init__(self, duration_s: float, on_progress: Callable[[float], None]) -> None:
        self.duration_s = duration_s
        self.on_progress = on_progress
        self.last = 0

    def report(self, decoded_s: float) -> None:
        """Report how much of the clip is decoded, where its length is known."""
        hundredths = int(100 * min(1.0, decoded_s / self.duration_s)) if self.duration_s else 0
        if hundredths > self.last:
            self.last = hundredths
            self.on_progress(hundredths / 100)


class Watcher:
    """Collects pictures and the motion stream from video frames as they come.

    With an onlooker they are made in the thread of `beside`, while further frames are decoded.
    """

    def __init__(
        self,
        onlooker: Onlooker | None = None,
        beside: Executor | None = None,
        pixel_aspect: Fraction | None = None,
    ) -> None:
        self.onlooker, self.beside, self.pixel_aspect = onlooker, beside, pixel_aspect
        self.waiting: list[Wanted] = []
        self.being_made: deque[Future[None]] = deque()
        self.pictures: list[NDArray[np.uint8]] = []
        self.picture_times_s: list[float] = []
        self.grey: list[NDArray[np.uint8]] = []
        self.grey_times_s: list[float] = []
        self.start_s: float | None = None
        self.last_s = -1.0
        self.interval_s = 0.0
        self.frames = 0
        self.display = Display(0, 0)

    @property
    def duration_s(self) -> float:
        """Seconds from the first picture to the end of the last."""
        return max(0.0, self.last_s + self.interval_s)

    def watch(self, frame: av.VideoFrame) -> None:
        """Take what is needed from one frame; nothing of full size is kept."""
        time_s = self.clock(frame)
        if time_s is None:
            return
        if self.duration_s > MAX_DURATION_S + ROUNDING_S:
            raise ClipTooLong
        if self.frames > MAX_FRAMES:
            raise ClipTooDemanding
        is_grey = not self.grey_times_s or time_s - self.grey_times_s[-1] >= 0.9 / GREY_MAX_FPS
        is_picture = time_s >= self.next_picture_s - 1e-3
        if is_grey:
            self.grey_times_s.append(time_s)
        if is_picture:
            self.picture_times_s.append(time_s)
        if not is_grey and not is_picture:
            return
        self.waiting.append((frame, time_s if is_picture else None, is_grey))
        if len(self.waiting) == TOGETHER or self.onlooker is None:
            self.hand_over()

    def hand_over(self) -> None:
        """Have the waiting frames made smaller: beside, where there is an onlooker, or now."""
        frames, self.waiting = self.waiting, []
        if self.beside is None or self.onlooker is None:
            self.make(frames)
            return
        self.being_made.append(self.beside.submit(self.make, frames))
        self.wait(MOST_WAITING // TOGETHER)

    def make(self, frames: list[Wanted]) -> None:
        """Make what is wanted of frames, and show it to the onlooker."""
        for frame, picture_s, is_grey in frames:
            if is_grey:
                self.grey.append(self.motion_picture(frame))
                if self.onlooker:
                    self.onlooker.see_grey(self.grey[-1])
            if picture_s is not None:
                self.pictures.append(self.colour_picture(frame))
                if self.onlooker:
                    self.onlooker.see_picture(self.pictures[-1], picture_s)

    def wait(self, most: int) -> None:
        """Wait until no more than so many hand-overs are still at work."""
        while len(self.being_made) > most:
            self.being_made.popleft().result()

    def finish(self) -> None:
        """Wait until all is made."""
        self.hand_over()
        self.wait(0)

    @property
    def next_picture_s(self) -> float:
        """When the sampler wants its next picture: the next multiple of 0.5 s."""
        if not self.picture_times_s:
            return 0.0
        return (
            int((self.picture_times_s[-1] + 1e-3) / PICTURE_INTERVAL_S) + 1
        ) * PICTURE_INTERVAL_S

    def clock(self, frame: av.VideoFrame) -> float | None:
        """Return seconds from the first picture; None for a frame whose time does not advance."""
        if self.start_s is None:
            check_size(frame.width, frame.height)
            if frame.width * frame.height > MOST_AHEAD_PIXELS:
                self.onlooker = None
            self.start_s = float(frame.time or 0.0)
            self.display = display_of(frame, self.pixel_aspect)
        stamp = self.last_s + self.interval_s if frame.time is None else frame.time - self.start_s
        if stamp <= self.last_s:
            return None
        if self.frames:
            self.interval_s = stamp - self.last_s
        self.last_s = stamp
        self.frames += 1
        return stamp

    def motion_picture(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """Return the frame's luma at the size of the flow field, full range, as it is seen."""
        size = flow_size(self.display.width, self.display.height)
        return self.display.show(luma_at(frame, self.display.before_turn(size)))

    def colour_picture(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """Return the frame as RGB at up to 640 px, as it is seen."""
        size = picture_size((self.display.width, self.display.height))
        width, height = self.display.before_turn(size)
        check_size(frame.width, frame.height)
        small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
        return self.display.show(np.asarray(small.to_ndarray(), np.uint8))


def picture_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (width, height) of a colour picture of a clip of that displayed size."""
    return fit(size, min(PICTURE_SIDE_PX, max(size)))


def fit(size: tuple[int, int], side_px: int) -> tuple[int, int]:
    """Return the even (width, height) with the same aspect whose longer side is `side_px`."""
    scale = side_px / max(size)
    width, height = (max(2, round(s * scale / 2) * 2) for s in size)
    return width, height


def luma_at(frame: av.VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return full-range luma at a size, without copying the frame where its format allows it."""
    if frame.format.name not in LUMA_FIRST:
        small = frame.reformat(width=size[0], height=size[1], format="gray")
        return np.asarray(small.to_ndarray(), np.uint8)
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    luma = shrink(thinned(rows[: frame.height, : frame.width], size[1]), size)
    if frame.format.name.startswith("yuvj") or frame.color_range == JPEG_RANGE:
        return luma
    return np.asarray(cv2.LUT(luma, LIMITED_TO_FULL), np.uint8)


def thinned(luma: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    """Leave rows out so that no more than three to five are averaged into one: reads less."""
    return luma[:: max(1, luma.shape[0] // (LEAST_AVERAGED * height))]


def stacked(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Stack images and empty their list on the way, so that they are not held twice."""
    whole = np.empty((len(images), *images[0].shape), np.uint8)
    for i in range(len(images) - 1, -1, -1):
        whole[i] = images.pop()
    return whole


def finish(
    watcher: Watcher,
    listener: Listener,
    video: av.VideoStream,
    audio: av.AudioStream | None,
    errors: int,
) -> Decoded:
    """Check what was decoded and put it together."""
    if not watcher.frames:
        raise ClipUnreadable
    if watcher.duration_s < MIN_DURATION_S - 0.02:
        read_s = int(10 * watcher.duration_s) / 10  # 1.97 s are not "only 2.0 s"
        raise ClipTooShort(f"Only {read_s} s of the clip can be read; film at least 2 seconds.")
    sound = listener.finish(start_s=watcher.start_s or 0.0, duration_s=watcher.duration_s)
    return Decoded(
        media=Media(
            duration_s=round(watcher.duration_s, 4),
            width=watcher.display.width,
            height=watcher.display.height,
            rotation=90 * watcher.display.turns,
            fps=round(watcher.frames / watcher.duration_s, 3),
            frames=watcher.frames,
            decode_errors=errors,
            video_codec=video.codec_context.name,
            audio_codec=audio.codec_context.name if audio is not None and sound else None,
        ),
        pictures=stacked(watcher.pictures),
        picture_times_s=np.array(watcher.picture_times_s),
        grey=stacked(watcher.grey),
        grey_times_s=np.array(watcher.grey_times_s),
        sound=sound,
    )
