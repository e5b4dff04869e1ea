"""The first step as a whole, its file, and the pet's boxes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from tests.clips import SAMPLES
from worker.pipeline.extract import ArtifactInvalid, Detector, extract, load, save
from worker.pipeline.extract.ahead import Ahead
from worker.pipeline.extract.artifact import read, write
from worker.pipeline.extract.crop import crop
from worker.pipeline.extract.decode import decode
from worker.pipeline.extract.detect import Found, overlap, suppress
from worker.pipeline.extract.flow import follow_blocks
from worker.pipeline.extract.heads import Source
from worker.pipeline.extract.locate import (
    How,
    Look,
    apart,
    believed,
    carry,
    expected,
    follow,
    locate,
    look_for_animals,
)

SHORT = replace(SAMPLES["no_sound"], duration_s=2.2)
LOUD = replace(SAMPLES["talking_owner"], duration_s=2.2, width=160, height=96)
DOG, PERSON = 16, 0


def test_an_extract_survives_its_file(measured, tmp_path):
    extracted, _ = measured(LOUD)
    save(extracted, tmp_path / "extract.npz")
    again = load(tmp_path / "extract.npz")
    assert again.facts == extracted.facts
    assert np.array_equal(again.pictures, extracted.pictures)
    assert np.array_equal(again.windows.rows, extracted.windows.rows)
    assert np.array_equal(again.audio_16k, extracted.audio_16k)
    assert np.array_equal(again.masks, extracted.masks)
    assert np.array_equal(again.face_pictures, extracted.face_pictures)
    assert again.stills == extracted.stills


def test_an_extract_without_sound_survives_its_file(measured, tmp_path):
    extracted, _ = measured(SHORT)
    save(extracted, tmp_path / "extract.npz")
    assert load(tmp_path / "extract.npz").audio_16k is None


def test_an_extract_of_the_longest_clip_stays_below_25_megabytes(measured, tmp_path):
    extracted, _ = measured(LOUD)
    save(extracted, tmp_path / "extract.npz")
    whole = (tmp_path / "extract.npz").stat().st_size
    once = 0 if extracted.face_pictures is None else extracted.face_pictures.nbytes
    sound = extracted.audio_16k.nbytes
    a_picture = (whole - once - sound) / len(extracted.pictures)
    longest = 121 * a_picture + 60 * 2 * 16_000 + 16 * 224 * 224 * 3  # two pictures a second
    assert longest < 25e6


@pytest.mark.parametrize("spoil", ["cut", "text", "shape", "facts"])
def test_a_spoiled_extract_is_refused(spoil, measured, tmp_path):
    path = tmp_path / "extract.npz"
    save(measured(SHORT)[0], path)
    facts, arrays = read(path)
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:2000])
    elif spoil == "text":
        path.write_text("nothing")
    elif spoil == "shape":
        write(path, facts, {**arrays, "pictures": arrays["pictures"][:, :100]})
    else:
        write(path, facts.replace(b"brightness", b"darkness"), arrays)
    with pytest.raises(ArtifactInvalid):
        load(path)


def test_without_a_detector_nothing_is_claimed_about_the_subject(measured):
    pet = measured(SHORT)[0].facts.pet
    assert pet.pet_frames_share is None
    assert pet.pets_seen is None
    assert set(pet.how) == {How.GUESSED}
    assert measured(SHORT)[0].face_pictures is None


def test_progress_ends_at_one(clip, nothing_seen):
    seen: list[float] = []
    extract(clip(SHORT)[0], species="dog", models=nothing_seen, on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_quality_is_dark_in_the_dark_and_blurred_in_a_blur(measured):
    dark, blurred, good = (
        measured(replace(SAMPLES[name], duration_s=2.2))[0].facts.quality
        for name in ("too_dark", "too_blurry", "no_sound")
    )
    assert dark.brightness < 0.1 < good.brightness
    assert blurred.sharpness < 0.12 < good.sharpness


@pytest.mark.parametrize("each", [1, 30])
def test_a_slide_show_of_photos_is_static(each, tmp_path, without_weights):
    rng = np.random.default_rng(5)
    photos = [cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (160, 120)) for _ in range(3)]
    with av.open(str(tmp_path / "c.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.time_base = Fraction(1, each)
        for pts in range(3 * 2 * each):
            if each == 30 or pts % 2 == 0:  # one a second, or one for two seconds
                frame = av.VideoFrame.from_ndarray(photos[pts // (2 * each)], format="rgb24")
                frame.pts, frame.time_base = pts, Fraction(1, each)
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    shots = extract(tmp_path / "c.mp4", species="dog", models=without_weights.extract).facts.shots
    assert len(shots.cuts_s) == 2
    assert shots.is_static


def test_a_clip_of_a_picture_in_five_seconds_has_no_pace(clip, without_weights):
    path, _ = clip(replace(SAMPLES["no_sound"], duration_s=55.0, fps=0.2, width=160, height=90))
    moved = extract(path, species="dog", models=without_weights.extract).facts.movement
    assert moved.pace is None


def test_a_frozen_picture_is_static_and_a_still_dog_is_not(measured):
    frozen, still = (
        measured(replace(SAMPLES[name], duration_s=2.2))[0].facts.shots
        for name in ("static", "no_sound")
    )
    assert frozen.is_static
    assert not still.is_static


def dog(x: float, score: float = 0.8, kind: int = DOG) -> Found:
    return Found((x, 0.4, x + 0.2, 0.8), kind, score)


def test_boxes_are_carried_over_missed_pictures():
    times_s = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    first, last = (0.0, 0.0, 0.2, 0.2), (0.4, 0.4, 0.6, 0.6)
    boxes = carry(times_s, [0.0, 1.0, 2.0], [first, None, last])
    assert boxes[0] == first
    assert boxes[2] == pytest.approx((0.2, 0.2, 0.4, 0.4))
    assert boxes[4] == last


def test_the_track_stays_with_one_dog_when_another_appears():
    looks = [[dog(0.1, 0.9)], [dog(0.12), dog(0.7, 0.85)], [dog(0.7, 0.85), dog(0.14)]]
    assert [f.box[0] for f in follow(looks) if f] == [0.1, 0.12, 0.14]


def test_a_faint_box_is_believed_only_where_it_continues_a_sure_one():
    faint, elsewhere = dog(0.12, 0.12), dog(0.7, 0.12)
    assert believed([dog(0.1), faint, elsewhere]) == [dog(0.1), faint, None]
    assert believed([faint, faint]) == [None, None]


class FromClose:
    """A detector that finds a dog in the middle of what it is shown, but not in a wide picture."""

    def __init__(self, side=0.2):
        self.side = side

    def detect(self, picture, *, room=1.0, min_score):
        half = self.side / 2
        box = (0.5 - half, 0.5 - half, 0.5 + half, 0.5 + half)
        return [] if picture.shape[1] > 320 else [Found(box, DOG, 0.5)]


def test_a_small_animal_that_is_missed_is_looked_for_again_from_closer():
    picture = np.zeros((360, 640, 3), np.uint8)
    seen = look_for_animals(picture, FromClose(), last=(0.55, 0.5, 0.65, 0.6))
    assert seen.sure[0].box == pytest.approx((0.55, 0.5, 0.65, 0.6), abs=2e-3)
    assert look_for_animals(picture, FromClose(), last=(0.2, 0.2, 0.7, 0.7)).sure == []
    assert look_for_animals(picture, FromClose()).sure == []


def test_what_is_found_from_closer_has_about_the_size_of_what_was_there():
    picture = np.zeros((360, 640, 3), np.uint8)
    assert look_for_animals(picture, FromClose(0.9), last=(0.55, 0.5, 0.65, 0.6)).sure == []


def test_a_small_animal_is_looked_for_where_the_last_look_saw_it():
    looks = {0: Look([Found((0.1, 0.1, 0.2, 0.2), DOG, 0.7)], []), 4: Look([], [])}
    assert expected(looks, 8) == (0.1, 0.1, 0.2, 0.2)
    assert expected(looks, 0) is None


def test_what_begins_while_the_clip_is_decoded_finds_the_same(clip):
    path, _ = clip(SHORT)
    detector = FromClose()
    with ThreadPoolExecutor(1) as beside:
        ahead = Ahead(beside, detector)
        decoded = decode(path, on_progress=lambda fraction: None, onlooker=ahead)
        flow = ahead.flow_in(decoded.grey, len(decoded.grey))
        looks = ahead.looks_in(slice(0, len(decoded.pictures)))
    alone = follow_blocks(decoded.grey)
    assert np.array_equal(flow.blocks, alone.blocks)
    assert np.array_equal(flow.texture, alone.texture)
    again = locate(decoded.pictures, decoded.picture_times_s, detector)
    assert looks
    assert locate(decoded.pictures, decoded.picture_times_s, detector, looks) == again


def test_of_a_clip_with_cuts_only_the_shot_counts(clip):
    path, _ = clip(SHORT)
    with ThreadPoolExecutor(1) as beside:
        ahead = Ahead(beside, FromClose())
        decoded = decode(path, on_progress=lambda fraction: None, onlooker=ahead)
        flow = ahead.flow_in(decoded.grey[30:], len(decoded.grey))
        assert ahead.looks_in(slice(2, len(decoded.pictures))) == {}
    assert np.array_equal(flow.blocks, follow_blocks(decoded.grey[30:]).blocks)


def test_of_large_frames_nothing_is_begun_beside_the_decoder(clip, monkeypatch):
    monkeypatch.setattr("worker.pipeline.extract.decode.MOST_AHEAD_PIXELS", 1000)
    path, _ = clip(SHORT)
    with ThreadPoolExecutor(1) as beside:
        ahead = Ahead(beside, FromClose())
        decoded = decode(path, on_progress=lambda fraction: None, onlooker=ahead)
        assert ahead.looks_in(slice(0, len(decoded.pictures))) == {}
        flow = ahead.flow_in(decoded.grey, len(decoded.grey))
    assert np.array_equal(flow.blocks, follow_blocks(decoded.grey).blocks)


def test_after_a_cut_nothing_is_begun():
    frames = np.full((40, 90, 160), 10, np.uint8)
    frames[20:] = 200
    picture = np.zeros((90, 160, 3), np.uint8)
    with ThreadPoolExecutor(1) as beside:
        ahead = Ahead(beside, FromClose())
        for i, frame in enumerate(frames):
            ahead.see_grey(frame)
            if i % 15 == 0:
                ahead.see_picture(picture, i / 5)
        assert list(ahead.looks_in(slice(0, 3))) == [0, 1]
        flow = ahead.flow_in(frames[:20], len(frames))
    assert np.array_equal(flow.blocks, follow_blocks(frames[:20]).blocks)


def test_overlapping_boxes_are_one_animal():
    assert suppress([dog(0.1, 0.9), dog(0.12, 0.6), dog(0.6, 0.5)]) == [
        dog(0.1, 0.9),
        dog(0.6, 0.5),
    ]
    assert overlap(dog(0.1).box, dog(0.1).box) == pytest.approx(1.0)
    assert overlap(dog(0.1).box, dog(0.5).box) == 0.0


def test_a_head_inside_its_body_is_no_second_animal():
    head, body, other = (0.2, 0.2, 0.3, 0.3), (0.15, 0.15, 0.6, 0.7), (0.65, 0.2, 0.9, 0.6)
    assert apart([head, body, other]) == [body, other]


@pytest.mark.parametrize(
    "box", [None, (0.0, 0.0, 1.0, 1.0), (0.9, 0.9, 1.0, 1.0), (0.3, 0.2, 0.6, 0.9)]
)
def test_a_crop_has_its_size_wherever_the_box_is(box, noise):
    picture = noise.integers(0, 255, (90, 160, 3)).astype(np.uint8)
    assert crop(picture, box).shape == (224, 224, 3)


def test_a_crop_of_a_mirrored_picture_is_the_mirrored_crop(noise):
    picture = noise.integers(0, 255, (100, 200, 3)).astype(np.uint8)
    left = crop(picture, (0.1, 0.2, 0.5, 0.8))
    right = crop(np.ascontiguousarray(picture[:, ::-1]), (0.5, 0.2, 0.9, 0.8))
    assert np.abs(left.astype(int) - right[:, ::-1]).mean() < 2


@pytest.mark.real
@pytest.mark.parametrize("name", ["dog", "libby"])
def test_a_davis_dog_is_located_in_most_pictures(name, shared_folder):
    folder = shared_folder / "data" / "davis-dog"
    detector = Detector(shared_folder / "weights" / "yolox_nano.onnx", threads=2)
    paths = sorted((folder / "JPEGImages" / "480p" / name).glob("*.jpg"))[::12]
    pictures = np.stack([cv2.imread(str(p))[:, :, ::-1] for p in paths])
    pet = locate(pictures, np.arange(len(paths)) * 0.5, detector)
    masks = [folder / "Annotations" / "480p" / name / f"{p.stem}.png" for p in paths]
    overlaps = [overlap(b, box_of(m)) for b, m in zip(pet.boxes, masks, strict=True)]
    assert np.mean(overlaps) >= 0.6


@pytest.mark.real
def test_heads_are_found_but_not_cut_out_where_nobody_reads_faces(shared_folder, real_models):
    path = shared_folder / "data" / "clips" / "beagle_look.mp4"
    cut, left = (
        extract(path, species="dog", models=real_models.extract, faces=faces)
        for faces in (True, False)
    )
    assert cut.face_pictures is not None
    assert left.face_pictures is None
    by_face = [s == Source.DETECTOR for s in cut.facts.face.sources]
    assert any(by_face)
    assert Source.DETECTOR not in left.facts.face.sources
    same = [a == b for a, b in zip(left.facts.face.boxes, cut.facts.face.boxes, strict=True)]
    assert same == [not looked for looked in by_face]
    assert np.array_equal(left.pictures, cut.pictures)


def box_of(mask_path):
    """Return the box of a DAVIS mask in shares of the picture."""
    mask = cv2.imread(str(mask_path), cv2.IMREAD_GRAYSCALE) > 127
    rows, columns = np.nonzero(mask)
    height, width = mask.shape
    return (
        columns.min() / width,
        rows.min() / height,
        (columns.max() + 1) / width,
        (rows.max() + 1) / height,
    )
