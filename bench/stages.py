"""extract + encode + fuse of one clip against the bare decode and against the seed's own stages."""

import os
from pathlib import Path

import av

from bench import media, timing
from bench.figures import Figure, at_least, at_most
from bench.size import Size
from shared.settings import settings
from worker.pipeline import run
from worker.pipeline.encode import EncodeModels, encode
from worker.pipeline.extract import ExtractModels, extract
from worker.pipeline.fuse import fuse

MOST_OF_DECODE = 1.5
EXTRACT_DECODES, EXTRACT_MORE_S = 1.3, 0.35
LEAST_OF_SEED = 1.5  # its pose stage not counted; DESIGN's 2.5 counts it, 1.1 s for a human's pose
LEAST_OF_NETWORKS = 10.0
MOST_OF_NETWORKS_S = 0.120  # encode + fuse of a 10 s clip, all encoders there, an idle machine
WITHOUT = run.Models(ExtractModels(None, None), EncodeModels(None, None), run.bundles.load_bundle())


def measure(size: Size) -> list[Figure]:
    """Measure every clip size without weights, and with them where they are given."""
    figures = []
    for height in size.heights:
        clip = media.clip(height=height, duration_s=size.clip_s)
        figures += of_clip(clip, f"{height}p", size.repeats, WITHOUT, "no weights")
        models = given_models()
        if models is not None:
            figures += of_clip(clip, f"{height}p", size.repeats, models, "weights")
            figures += against_seed(clip, f"{height}p", size.repeats, models)
    return figures


def given_models() -> run.Models | None:
    """Load the networks with as many threads as there are cores; None without given weights."""
    chosen = settings()
    if chosen.weights_dir is None:
        return None
    return run.load_models(
        chosen.weights_dir, chosen.cache_dir.expanduser(), len(os.sched_getaffinity(0))
    )


def decode(clip: Path) -> int:
    """Decode all pictures and sound, scale nothing, keep nothing: the floor."""
    with av.open(str(clip)) as container:
        container.streams.video[0].thread_type = "AUTO"
        return sum(
            1 for _ in container.decode(container.streams.video[0], *container.streams.audio)
        )


def of_clip(clip: Path, name: str, repeats: int, models: run.Models, how: str) -> list[Figure]:
    """Measure the whole and each stage of a clip."""
    extracted = extract(clip, species="dog", models=models.extract)
    faces = models.bundle.manifest.reads_faces
    encoding = encode(extracted, models.encode, faces=faces)
    took = timing.medians(
        repeats,
        decode=lambda: decode(clip),
        whole=lambda: run.analyze(clip, species="dog", models=models),
        extract=lambda: extract(clip, species="dog", models=models.extract, faces=faces),
        encode=lambda: encode(extracted, models.encode, faces=faces),
        fuse=lambda: fuse(extracted, encoding, models.bundle, "dog"),
    )
    target = at_most(took["whole"] / took["decode"], MOST_OF_DECODE, f"<= {MOST_OF_DECODE} x")
    whole = f"{name} whole pipeline, {how}"
    after = took["encode"] + took["fuse"]
    in_time = at_most(after, MOST_OF_NETWORKS_S, f"<= {MOST_OF_NETWORKS_S * 1e3:g} ms")
    limit_s = EXTRACT_DECODES * took["decode"] + EXTRACT_MORE_S
    extract_target = at_most(
        took["extract"], limit_s, f"<= {EXTRACT_DECODES} x + {EXTRACT_MORE_S * 1e3:.0f} ms"
    )
    return [
        _against_decode(whole, took["whole"], took["decode"], target=target),
        _against_decode(
            f"{name} extract, {how}", took["extract"], took["decode"], target=extract_target
        ),
        *(
            _against_decode(f"{name} {stage}, {how}", took[stage], took["decode"])
            for stage in ("encode", "fuse")
        ),
        _against_decode(f"{name} encode + fuse, {how}", after, took["decode"], target=in_time),
    ]


def _against_decode(what: str, measured: float, base: float, **more: object) -> Figure:
    return Figure(
        "stages",
        what,
        measured * 1e3,
        "ms",
        "bare full decode",
        base * 1e3,
        **more,  # type: ignore[arg-type]
    )


def against_seed(clip: Path, name: str, repeats: int, models: run.Models) -> list[Figure]:
    """Measure the seed's literal stages beside ours; empty where its weights are missing."""
    from bench import seed  # torch, for this comparison only

    weights_dir = settings().weights_dir
    if weights_dir is None or not seed.has_weights(weights_dir):
        return []
    theirs = seed.load(weights_dir)
    pictures, sound = seed.pictures(clip), seed.sound(clip)
    extracted = extract(clip, species="dog", models=models.extract)
    took = timing.medians(
        repeats,
        whole=lambda: run.analyze(clip, species="dog", models=models),
        networks=lambda: encode(extracted, models.encode, faces=False),
        seed_whole=lambda: theirs.networks(seed.pictures(clip), seed.sound(clip)),
        seed_networks=lambda: theirs.networks(pictures, sound),
    )
    literal = "the seed's literal stages, without its pose"
    how = literal if seed.ffmpeg() else f"{literal}, without ffmpeg"
    return [
        _against_seed(
            f"{name} whole pipeline", took["whole"], how, took["seed_whole"], LEAST_OF_SEED
        ),
        _against_seed(
            f"{name} networks", took["networks"], literal, took["seed_networks"], LEAST_OF_NETWORKS
        ),
    ]


def _against_seed(what: str, measured: float, how: str, base: float, least: float) -> Figure:
    return Figure(
        "stages",
        what,
        measured * 1e3,
        "ms",
        how,
        base * 1e3,
        is_speed_up=True,
        target=at_least(base / measured, least, f">= {least:g} x faster"),
    )
