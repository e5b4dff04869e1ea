"""Official weight files become encoders; both runtimes give the same numbers."""

import sys
import threading
from contextlib import suppress

import numpy as np
import pytest
import structlog
from structlog.testing import LogCapture

from shared.errors import InputError
from tests import bundles
from worker.pipeline import weights
from worker.pipeline.bundles import load_bundle
from worker.pipeline.encode import convert, encode, load_encoders, loading
from worker.pipeline.encode.batching import Batched, joined
from worker.pipeline.encode.mel import log_mel
from worker.pipeline.encode.vision import VisionEncoder
from worker.pipeline.encode.whisper import AudioEncoder, position_table
from worker.pipeline.extract import extract
from worker.pipeline.fuse import fuse
from worker.pipeline.run import load_extract_models
from worker.pipeline.runtime import OnnxNetwork, TorchNetwork
from worker.pipeline.weights import Found, WeightFile

torch = pytest.importorskip("torch", exc_type=ImportError)
from worker.pipeline.architectures.backbones import MobileNetV3Small  # noqa: E402
from worker.pipeline.encode.whisper_torch import WhisperEncoder  # noqa: E402

SAME = 1e-4  # of values of about 1: ONNX Runtime and torch in fp32 on CPU
WIDTH = 384


def place(role, name, folder, patch):
    """Make the registry accept a file that a test has made, under an official name."""
    path = folder / name
    file = WeightFile(name, "made", weights.sha256_of(path), path.stat().st_size, "a test")
    record = weights.record_for(role)
    changed = type(record)(**{f: getattr(record, f) for f in record.__slots__} | {"files": (file,)})
    others = tuple(r for r in weights.RECORDS if r.role != role)
    patch.setattr(weights, "RECORDS", (changed, *others))
    return Found(path, file)


@pytest.fixture
def vision_file(tmp_path, monkeypatch):
    """A random network in torchvision's file form, with its classifier."""
    torch.manual_seed(3)
    state = MobileNetV3Small().state_dict()
    state |= {"classifier.0.weight": torch.zeros(8, 576), "classifier.0.bias": torch.zeros(8)}
    torch.save(state, tmp_path / "mobilenet_v3_small-047dcff4.pth")
    return place("vision_encoder", "mobilenet_v3_small-047dcff4.pth", tmp_path, monkeypatch)


@pytest.fixture
def audio_file(tmp_path, monkeypatch):
    """A one-layer random checkpoint in openai-whisper's form: dims, encoder and decoder, fp16."""
    torch.manual_seed(4)
    encoder = WhisperEncoder(WIDTH, heads=6, layers=1)
    state = {f"encoder.{k}": v.half() for k, v in encoder.state_dict().items()}
    state["encoder.positional_embedding"] = torch.zeros(1500, WIDTH).half()
    state["decoder.ln.weight"] = torch.zeros(WIDTH).half()
    dims = {"n_mels": 80, "n_audio_state": WIDTH, "n_audio_head": 6, "n_audio_layer": 1}
    torch.save({"dims": dims, "model_state_dict": state}, tmp_path / "tiny.pt")
    return place("audio_encoder", "tiny.pt", tmp_path, monkeypatch)


@pytest.fixture
def lines(monkeypatch):
    captured = LogCapture()
    quiet = structlog.wrap_logger(structlog.ReturnLogger(), processors=[captured])
    monkeypatch.setattr(loading, "log", quiet)
    monkeypatch.setattr(convert, "log", quiet)
    return captured.entries


def test_torchvisions_file_becomes_a_graph_with_the_modules_numbers(vision_file, tmp_path, noise):
    encoder = load_encoders(tmp_path, tmp_path / "cache", 1).vision
    pictures = noise.integers(0, 256, (3, 224, 224, 3), np.uint8)
    found = encoder.encode(pictures)
    assert found.shape == (3, 576)
    assert encoder.made_by == "made"
    assert np.abs(found - vision_in_torch(vision_file).encode(pictures)).max() < SAME


def test_a_whisper_checkpoint_becomes_a_graph_and_keeps_only_its_encoder(
    audio_file, tmp_path, noise
):
    encoder = load_encoders(tmp_path, tmp_path / "cache", 1).audio
    samples = noise.normal(0, 0.1, 16_000).astype(np.float32)
    exact = whisper_in_torch(audio_file).encode(samples)
    found = encoder.encode(samples)
    assert found.shape == (2 * WIDTH,)  # mean and deviation
    assert cosine(found, exact) > 0.99  # INT8 against fp32


def test_the_torch_encoder_computes_what_whispers_module_computes(noise):
    from whisper.model import AudioEncoder as Theirs

    theirs = Theirs(80, 50, WIDTH, 6, 1).eval()
    ours = WhisperEncoder(WIDTH, 6, 1).eval()
    state = theirs.state_dict()
    positions = state.pop("positional_embedding")
    assert np.abs(positions.numpy() - position_table(50, WIDTH)).max() < 1e-5
    ours.load_state_dict(state)
    mel = torch.from_numpy(noise.normal(0, 1, (1, 80, 100)).astype(np.float32))
    with torch.inference_mode():
        assert (theirs(mel) - ours(mel, positions[None])).abs().max() < SAME


def test_a_short_sound_gives_the_same_numbers_alone_and_beside_a_long_one(audio_file, noise):
    module = whisper_in_torch(audio_file).network
    parts = [
        {
            "mel": noise.normal(0, 1, (1, 80, 2 * n)).astype(np.float32),
            "positions": position_table(1500, WIDTH)[None, :n],
        }
        for n in (30, 75)
    ]
    together = module.run(joined(parts))["frames"]
    for i, part in enumerate(parts):
        alone = module.run(part)["frames"][0]
        assert np.abs(together[i, : len(alone)] - alone).max() < SAME


def test_a_graph_serves_when_its_file_has_gone(audio_file, tmp_path, noise):
    samples = noise.normal(0, 0.1, 8_000).astype(np.float32)
    first = load_encoders(tmp_path, tmp_path / "cache", 1).audio.encode(samples)
    audio_file.path.unlink()
    again = load_encoders(tmp_path, tmp_path / "cache", 1).audio
    assert np.array_equal(again.encode(samples), first)


def test_a_damaged_graph_is_refused_and_made_again(audio_file, tmp_path, lines):
    cache = tmp_path / "cache"
    graph = convert.graph_of("audio_encoder", audio_file, cache)
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1])
    assert convert.kept_graph("audio_encoder", cache) is None
    assert lines[0]["event"] == "graph_damaged"
    assert len(convert.graph_of("audio_encoder", audio_file, cache).read_bytes()) == len(whole)


def test_a_graph_is_made_once(audio_file, tmp_path):
    cache = tmp_path / "cache"
    made_at = convert.graph_of("audio_encoder", audio_file, cache).stat().st_mtime_ns
    assert convert.graph_of("audio_encoder", audio_file, cache).stat().st_mtime_ns == made_at


def test_a_device_that_is_not_there_falls_back_to_the_cpu_with_a_word(monkeypatch, lines):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert loading.usable("cuda") == "cpu"
    assert (lines[0]["event"], lines[0]["instead"]) == ("device_missing", "cpu")


def test_a_device_without_weights_for_torch_serves_the_graph_on_the_cpu(
    audio_file, tmp_path, lines, monkeypatch
):
    cache = tmp_path / "cache"
    convert.graph_of("audio_encoder", audio_file, cache)
    audio_file.path.unlink()
    monkeypatch.setattr(loading, "usable", lambda device: device)
    assert isinstance(load_encoders(None, cache, 1, device="cuda").audio.network, OnnxNetwork)
    assert lines[0]["event"] == "device_unused"


class Doubling:
    """A network that is slow to start, so that company gathers behind its first batch."""

    inputs, outputs = ("x",), ("y",)

    def __init__(self):
        self.entered, self.may_go = threading.Event(), threading.Event()
        self.sizes = []

    def run(self, inputs):
        self.entered.set()
        assert self.may_go.wait(60)
        self.sizes.append(len(inputs["x"]))
        if np.isnan(inputs["x"]).any():
            raise ValueError("not a number")
        return {"y": inputs["x"] * 2}


def ask(network, x, answers):
    def call():
        try:
            answers[len(x)] = network.run({"x": x})["y"]
        except ValueError as error:
            answers[len(x)] = str(error)

    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_what_waits_goes_through_the_network_together_and_is_told_apart_again():
    slow, answers = Doubling(), {}
    network = Batched(slow, most=6, wait_s=0)
    threads = [ask(network, np.full((1, 2), 1.0, np.float32), answers)]
    assert slow.entered.wait(60)
    threads += [ask(network, np.full((n, 2), n, np.float32), answers) for n in (2, 3)]
    while network._requests.qsize() < 2:
        threading.Event().wait(0.01)
    slow.may_go.set()
    for thread in threads:
        thread.join(60)
    assert slow.sizes == [1, 5]
    assert all((answers[n] == 2 * n).all() and len(answers[n]) == n for n in (1, 2, 3))


def test_a_request_that_does_not_fit_waits_for_the_next_batch():
    slow, answers = Doubling(), {}
    network = Batched(slow, most=4, wait_s=0)
    threads = [ask(network, np.ones((1, 2), np.float32), answers)]
    assert slow.entered.wait(60)
    threads += [ask(network, np.ones((n, 2), np.float32), answers) for n in (2, 3)]
    while network._requests.qsize() < 2:
        threading.Event().wait(0.01)
    slow.may_go.set()
    for thread in threads:
        thread.join(60)
    assert sorted(slow.sizes) == [1, 2, 3]


def test_what_a_batch_raises_reaches_its_caller_and_the_next_batch_runs():
    slow, answers = Doubling(), {}
    slow.may_go.set()
    network = Batched(slow, most=4, wait_s=0)
    ask(network, np.full((2, 1), np.nan, np.float32), answers).join(60)
    ask(network, np.ones((1, 1), np.float32), answers).join(60)
    assert answers[2] == "not a number"
    assert (answers[1] == 2).all()


@pytest.mark.real
def test_the_given_and_the_official_form_of_the_vision_encoder_agree(
    shared_folder, tmp_path, noise
):
    given = shared_folder / "weights"
    pictures = noise.integers(0, 256, (4, 224, 224, 3), np.uint8)
    graph = load_encoders(given, tmp_path, 1).vision.encode(pictures)
    module = convert.vision_module(given / "mobilenet_v3_small_features.pt")
    torch.save(module.state_dict(), tmp_path / "official.pth")  # torchvision's key names
    convert.make_vision(tmp_path / "official.pth", tmp_path / "made.onnx")
    made = VisionEncoder(OnnxNetwork(tmp_path / "made.onnx", 1), "made").encode(pictures)
    assert np.abs(graph - made).max() < SAME


@pytest.mark.real
def test_int8_keeps_what_real_sounds_say(real_models, shared_folder):
    found = weights.find("audio_encoder", shared_folder / "weights", shared_folder)
    exact = whisper_in_torch(found)
    sounds = [heard(path) for path in sorted((shared_folder / "data/cat-meows").iterdir())[::12]]
    agreement = [cosine(real_models.encode.audio.encode(s), exact.encode(s)) for s in sounds]
    assert min(agreement) >= 0.99
    assert np.median(agreement) >= 0.997


@pytest.mark.real
def test_cutting_positions_changes_the_numbers_as_documented(shared_folder):
    """Against the 30 s form, padded with silence and pooled over the real frames."""
    found = weights.find("audio_encoder", shared_folder / "weights", shared_folder)
    encoder = whisper_in_torch(found)
    likeness = []
    for path in sorted((shared_folder / "data/cat-meows").iterdir())[::40]:
        sound = heard(path)
        padded = np.pad(sound, (0, 480_000 - len(sound)))
        n = -(-len(sound) // 320)
        alone = encoder.frames(sound).mean(axis=0)
        whole = encoder.attend((log_mel(padded), position_table(1500, WIDTH)))
        likeness.append(cosine(whole[:n].mean(axis=0), alone))
    assert 0.8 < np.median(likeness) < 0.99  # alike, not the same: a head is trained on what serves


def test_pictures_as_they_are_give_the_same_numbers_as_normalised_ones(vision_file, noise):
    """As a GPU is given them; alone, and in a batch with another job's."""
    pictures = noise.integers(0, 256, (3, 224, 224, 3), np.uint8)
    expected = vision_in_torch(vision_file).encode(pictures)
    encoder = loading.vision_on("cpu", vision_file)
    assert np.abs(encoder.encode(pictures) - expected).max() < SAME
    parts = [{"pictures": pictures[:1]}, {"pictures": pictures[1:]}]
    together = joined(parts)
    assert together["pictures"].dtype == np.uint8
    assert np.array_equal(together["pictures"], pictures)


def test_sounds_have_the_same_numbers_in_the_one_shape_of_a_gpu(audio_file, noise):
    samples = noise.normal(0, 0.1, 50_000).astype(np.float32)
    expected = whisper_in_torch(audio_file).encode(samples)
    assert np.abs(loading.audio_on("cpu", audio_file).encode(samples) - expected).max() < SAME


def test_a_torch_that_does_not_load_leaves_the_work_to_the_cpu(monkeypatch, lines):
    monkeypatch.setitem(sys.modules, "torch", None)  # its import fails
    assert loading.usable("cuda:0") == "cpu"
    assert [one["event"] for one in lines] == ["device_missing"]


@pytest.mark.gpu
def test_the_gpu_gives_the_cpus_numbers(cuda, vision_file, audio_file, noise):
    pictures = noise.integers(0, 256, (20, 224, 224, 3), np.uint8)
    samples = noise.normal(0, 0.1, 160_000).astype(np.float32)
    seen = [loading.vision_on(d, vision_file).encode(pictures) for d in (cuda, "cpu")]
    assert np.abs(seen[0] - seen[1]).max() < SAME
    heard = [loading.audio_on(d, audio_file).encode(samples) for d in (cuda, "cpu")]
    assert cosine(*heard) > 0.999  # bf16


@pytest.mark.gpu
@pytest.mark.real
def test_the_gpu_decides_as_the_cpu_does_on_real_clips(cuda, shared_folder, tmp_path):
    """By the built-in bundle and by one whose network hangs on every number it is given."""
    places = (shared_folder / "weights", tmp_path / "cache")
    looking = load_extract_models(*places, 2)
    models = [load_encoders(*places, 2, device=d) for d in (cuda, "cpu")]
    deciding = [load_bundle(), load_bundle(bundles.make(tmp_path / "bundle"))]
    told = [[], []]
    for path in sorted((shared_folder / "data/clips").glob("*.mp4")):
        with suppress(InputError):
            seen = extract(path, species="dog", models=looking)
            for answers, encoders in zip(told, models, strict=True):
                encoding = encode(seen, encoders)
                answers += [fuse(seen, encoding, bundle, "dog") for bundle in deciding]
    assert len(told[0]) >= 40
    assert [a.emotion for a in told[0]] == [a.emotion for a in told[1]]


@pytest.fixture
def cuda():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return "cuda:0"


def vision_in_torch(found):
    network = TorchNetwork(
        convert.vision_module(found.path),
        inputs=("pictures",),
        outputs=("features",),
        device="cpu",
    )
    return VisionEncoder(network, "made")


def whisper_in_torch(found):
    network = TorchNetwork(
        convert.audio_module(found.path),
        inputs=("mel", "positions"),
        outputs=("frames",),
        device="cpu",
    )
    return AudioEncoder(network, "made")


def heard(path):
    """Read a sound file as mono 16 kHz."""
    import av

    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
        frames = [*container.decode(audio=0), None]
        parts = [p.to_ndarray()[0] for f in frames for p in resampler.resample(f)]
    return np.concatenate(parts)


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
