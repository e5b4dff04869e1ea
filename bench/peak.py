"""Peak memory of the first step on a long clip of large pictures, in a process of its own."""

import resource
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import cast

import av

from bench import media
from bench.figures import Figure, at_most
from bench.size import Size

MOST_MB = 600
HEIGHT, LONG_S, FPS = 2160, 60.0, 30
TIMES_MB = 1e3  # Linux counts the resident set in kB


def measure(size: Size) -> list[Figure]:
    """Measure the whole process, networks included where their weights are given."""
    clip = media.clip(height=size.heights[0], duration_s=size.clip_s)
    height, lasts_s = (HEIGHT, LONG_S) if size.clip_s > 5 else (360, 2 * size.clip_s)
    long = enlarged(clip, height=height, times=round(lasts_s / size.clip_s))
    done = subprocess.run(
        [sys.executable, "-m", "bench.peak", str(long)], capture_output=True, text=True, check=True
    )
    peak_mb = float(done.stdout.split()[-1])
    what = f"extract of {lasts_s:g} s at {height}p, peak of the whole process"
    return [
        Figure("peak", what, peak_mb, "MB", target=at_most(peak_mb, MOST_MB, f"<= {MOST_MB} MB"))
    ]


def enlarged(clip: Path, *, height: int, times: int) -> Path:
    """Give a clip's pictures at another height, repeated; coded once, its packets repeated."""
    path = clip.with_name(f"{height}p-{times}x-{clip.name}")
    if path.exists():
        return path
    part = path.with_name(f"part-{path.name}")
    with av.open(str(clip)) as source, av.open(str(part), "w") as target:
        stream = cast("av.VideoStream", target.add_stream("libx264", rate=FPS))
        stream.width, stream.height, stream.pix_fmt = height * 16 // 9, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "bf": "0"}
        packets, count = [], 0
        for frame in source.decode(video=0):
            large = frame.reformat(width=stream.width, height=height)
            large.pts, count = count, count + 1
            packets += [bytes(p) for p in stream.encode(large)]
        packets += [bytes(p) for p in stream.encode(None)]
        for number, content in enumerate(packets * times):
            packet = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1, FPS)
            packet.pts = packet.dts = number
            packet.is_keyframe = number % len(packets) == 0
            target.mux(packet)
    part.replace(path)
    return path


def main() -> None:
    """Run the first step on one clip and print the peak in MB."""
    from shared.settings import settings
    from worker.pipeline import run
    from worker.pipeline.extract import extract

    chosen = settings()
    models = run.load_extract_models(chosen.weights_dir, chosen.cache_dir.expanduser(), 1)
    extract(Path(sys.argv[1]), species="dog", models=models)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / TIMES_MB)


if __name__ == "__main__":
    main()
