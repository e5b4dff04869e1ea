"""The encoders: log-mel against Whisper's own filters, the graph against its definition."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from tests.clips import SAMPLES
from worker.pipeline.encode import Encoding, VisionEncoder, encode, load, save
from worker.pipeline.encode.mel import log_mel, mel_filters
from worker.pipeline.encode.stage import EncodeModels, Presence, by_window, few_ahead
from worker.pipeline.encode.whisper import position_table
from worker.pipeline.encode.whisper_graph import encoder_graph
from worker.pipeline.extract import ArtifactInvalid
from worker.pipeline.runtime import AT_ONCE

WIDTH, HEADS, LAYERS = 24, 2, 1
LOUD = replace(SAMPLES["talking_owner"], duration_s=2.2, width=160, height=96)


def tensors(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random tensors of a one-layer encoder under Whisper's names."""
    shapes = {
        "conv1.weight": (WIDTH, 80, 3),
        "conv2.weight": (WIDTH, WIDTH, 3),
        "positional_embedding": (100, WIDTH),
        "blocks.0.attn.query.weight": (WIDTH, WIDTH),
        "blocks.0.attn.key.weight": (WIDTH, WIDTH),
        "blocks.0.attn.value.weight": (WIDTH, WIDTH),
        "blocks.0.attn.out.weight": (WIDTH, WIDTH),
        "blocks.0.mlp.0.weight": (4 * WIDTH, WIDTH),
        "blocks.0.mlp.2.weight": (WIDTH, 4 * WIDTH),
        "blocks.0.attn_ln.weight": (WIDTH,),
        "blocks.0.mlp_ln.weight": (WIDTH,),
        "ln_post.weight": (WIDTH,),
    }
    made = {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    for name in [n for n in made if n.endswith("weight") and ".key." not in n]:
        made[name.replace("weight", "bias")] = rng.normal(0, 0.1, made[name].shape[0]).astype("f4")
    return made


def test_the_mel_filters_are_whispers_own():
    asset = Path(find_spec("whisper").origin).parent / "assets" / "mel_filters.npz"
    with np.load(asset, allow_pickle=False) as filters:
        assert np.abs(filters["mel_80"] - mel_filters()).max() < 1e-7


def test_the_log_mel_is_whispers_own(noise):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    from whisper.audio import log_mel_spectrogram

    samples = noise.normal(0, 0.1, 16_000 * 2).astype(np.float32)
    theirs = log_mel_spectrogram(torch.from_numpy(samples)).numpy()
    assert np.abs(log_mel(samples) - theirs).max() < 1e-3


def test_the_graph_computes_what_whispers_module_computes(noise):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    from whisper.model import AudioEncoder as Theirs

    made = tensors(noise)
    model = Theirs(80, 100, WIDTH, HEADS, LAYERS)
    model.load_state_dict({k: torch.from_numpy(v) for k, v in made.items()})
    model.eval()
    mel = noise.normal(0, 1, (1, 80, 200)).astype(np.float32)
    with torch.no_grad():
        theirs = model(torch.from_numpy(mel)).numpy()
    session = ort.InferenceSession(encoder_graph(made, LAYERS, HEADS).SerializeToString())
    ours = session.run(None, {"mel": mel, "positions": made["positional_embedding"][None]})[0]
    assert np.abs(ours - theirs).max() < 1e-4


def test_pictures_are_handed_over_a_few_at_once_so_that_sound_goes_before_the_rest():
    begun = []

    def run(number: int) -> int:
        begun.append(number)
        return -number

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = few_ahead(pool, run, range(7))
        assert next(found) == 0
        pool.submit(int).result()  # sound, say: it waits for what was handed over, and no more
        assert len(begun) <= AT_ONCE
        assert list(found) == [-number for number in range(1, 7)]


def test_missing_networks_leave_their_part_out_and_say_why(measured):
    encoding = encode(measured(LOUD)[0], EncodeModels(vision=None, audio=None))
    assert encoding.vision is None
    assert encoding.audio is None
    assert encoding.presence.vision == "weights not found"
    assert encoding.presence.audio == "weights not found"


def test_a_clip_without_sound_has_no_audio_encoding_whatever_is_loaded(measured):
    silent = replace(SAMPLES["silent_track"], duration_s=2.2)
    encoding = encode(measured(silent)[0], EncodeModels(vision=None, audio=None))
    assert encoding.presence.audio == "silent sound track"


def test_an_encoding_survives_its_file(tmp_path, noise):
    vision = noise.normal(size=(4, 576)).astype(np.float32)
    mask = np.zeros((4, 32), bool)
    pose = np.zeros((4, 32), np.float32)
    first = Encoding(Presence("", "no sound track", ""), vision, None, pose, mask)
    save(first, tmp_path / "encoding.npz")
    again = load(tmp_path / "encoding.npz")
    assert np.array_equal(again.vision, vision)
    assert again.audio is None
    assert np.array_equal(again.pose_mask, mask)
    assert again.presence == first.presence


def test_a_spoiled_encoding_is_refused(tmp_path, noise):
    vision = noise.normal(size=(4, 99)).astype(np.float32)
    save(Encoding(Presence("", "", ""), vision, None, None, None), tmp_path / "encoding.npz")
    with pytest.raises(ArtifactInvalid):
        load(tmp_path / "encoding.npz")


@pytest.mark.real
def test_real_encoders_give_their_shapes_and_the_same_numbers_twice(real_models, measured):
    extracted, _ = measured(LOUD)
    first, second = (encode(extracted, real_models.encode) for _ in range(2))
    assert first.vision.shape == (len(extracted.pictures), 576)
    assert first.audio.shape == (768,)
    assert np.array_equal(first.vision, second.vision)
    assert np.array_equal(first.audio, second.audio)


@pytest.mark.real
def test_the_position_table_is_the_checkpoints_own(shared_folder):
    weights = shared_folder / "weights" / "whisper_tiny_en_encoder.npz"
    with np.load(weights, allow_pickle=False) as stored:
        difference = np.abs(stored["positional_embedding"] - position_table(1500, 384)).max()
    assert difference < 5e-4  # the checkpoint keeps it in half precision


class Means:
    """A network whose features are a picture's mean, 576 times."""

    inputs, outputs = ("pictures",), ("features",)

    def run(self, given):
        means = given["pictures"].mean(axis=(1, 2, 3))
        return {"features": np.repeat(means[:, None], 576, axis=1).astype(np.float32)}


def test_sixteen_faces_are_encoded_in_their_order(measured):
    faces = np.arange(16, dtype=np.uint8).repeat(224 * 224 * 3).reshape(16, 224, 224, 3)
    extracted = measured(LOUD)[0]
    shown = replace(extracted.facts, face=replace(extracted.facts.face, why=""))
    seen = replace(extracted, face_pictures=faces, facts=shown)
    encoding = encode(seen, EncodeModels(VisionEncoder(Means(), "means"), None))
    assert encoding.presence.face == ""
    assert encoding.face.shape == (16, 576)
    assert (np.diff(encoding.face[:, 0]) > 0).all()


def test_faces_that_no_bundle_reads_are_not_encoded_and_that_is_said(measured):
    faces = np.zeros((16, 224, 224, 3), np.uint8)
    extracted = measured(LOUD)[0]
    shown = replace(extracted.facts, face=replace(extracted.facts.face, why=""))
    seen = replace(extracted, face_pictures=faces, facts=shown)
    models = EncodeModels(VisionEncoder(Means(), "means"), None)
    encoding = encode(seen, models, faces=False)
    assert encoding.face is None
    assert encoding.presence.face == "no bundle reads faces"


def test_without_faces_the_reason_is_handed_on(measured):
    extracted = measured(LOUD)[0]
    hidden = replace(extracted.facts, face=replace(extracted.facts.face, why="no pet was found"))
    seen = replace(extracted, face_pictures=None, facts=hidden)
    encoding = encode(seen, EncodeModels(VisionEncoder(Means(), "means"), None))
    assert encoding.face is None
    assert encoding.presence.face == "no pet was found"


def test_sound_is_encoded_window_by_window(measured):
    extracted = measured(LOUD)[0]
    frames = np.repeat(np.arange(110, dtype=np.float32)[:, None], 384, axis=1)  # 50 a second
    rows = by_window(frames, extracted)
    starts = extracted.windows.middles_s - 0.5
    assert rows.shape == (len(starts), 768)
    assert rows[:, 0] == pytest.approx(50 * starts + 24.5)
    assert rows[:, 384] == pytest.approx(np.arange(50).std())
