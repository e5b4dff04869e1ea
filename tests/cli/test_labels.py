"""`tailtrend labels`: tables are checked, verdicts become a table that training reads."""

import io
import uuid
import wave

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from shared import storage, verdicts
from shared.db import transaction
from shared.models import Assessment, VerdictBy
from tests.factories import MP4, make_account, make_clip, make_job, make_pet, succeed
from worker.training import agreement, dataset

HEADER = "path,kind,pet_id,source,species,breed,recorded_at,rater_a,rater_b\n"


def labels(*words):
    return CliRunner().invoke(app, ["labels", *words])


def test_a_table_with_mistakes_tells_them_all_and_fails(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text(HEADER + "a.mp4,film,rex,,wolf,,,Angry,\n")
    found = labels("check", str(table))
    assert isinstance(found.exception, dataset.DatasetInvalid)
    assert len(found.exception.mistakes) == 4


def picture(path, shade):
    """Write a small picture of one shade."""
    cv2.imwrite(str(path), np.full((64, 64, 3), shade, np.uint8))
    return path


def test_files_that_cannot_be_read_are_told_beside_the_other_mistakes(tmp_path):
    whole = picture(tmp_path / "whole.jpg", 90).read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    for name in ("bad.jpg", "bad.mp4", "bad.wav"):
        (tmp_path / name).write_bytes(f"garbage of {name}".encode())
    with wave.open(str(tmp_path / "silent.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    rows = [
        "whole.jpg,image,p2,,dog,,,Alert,",
        "half.jpg,image,p3,,dog,,,Alert,",
        "bad.jpg,image,p4,,dog,,,Alert,",
        "bad.mp4,clip,p5,,dog,,,Alert,",
        "bad.wav,audio,p6,,dog,,,Alert,",
        "silent.wav,audio,p7,,dog,,,Alert,",
        "whole.jpg,image,p2,,wolf,,,Alert,",
    ]
    table = tmp_path / "labels.csv"
    table.write_text(HEADER + "\n".join(rows))
    told = labels("check", str(table)).exception.mistakes
    assert [one.split(", column ")[0] for one in told] == [f"line {n}" for n in (3, 4, 5, 6, 7, 8)]
    assert "half.jpg: the picture cannot be read" in told[0]
    assert "silent" in told[4]


def test_agreement_is_printed_with_what_each_rater_is_worth(tmp_path):
    rows = []
    for i, (a, b) in enumerate([("Alert", "Alert"), ("Relaxed", "Relaxed"), ("Alert", "Anxious")]):
        picture(tmp_path / f"{i}.png", 50 * i)
        rows.append(f"{i}.png,image,pet{i},,dog,,,{a},{b}\n")
    table = tmp_path / "labels.csv"
    table.write_text(HEADER + "".join(rows))
    assert "3 rows (3 image) of 3 animals by 2" in labels("check", str(table)).output
    found = labels("agree", str(table)).output
    assert "nominal" in found
    assert "Alert 1" in found or "Alert 2" in found
    assert "1 rows without a majority" in found


def test_agreement_with_one_rater_says_that_it_needs_two(tmp_path):
    table = tmp_path / "labels.csv"
    rows = [
        f"{picture(tmp_path / f'{i}.png', 50 * i).name},image,pet{i},,dog,,,Alert,\n"
        for i in (1, 2)
    ]
    table.write_text(HEADER + "".join(rows))
    refused = labels("agree", str(table)).exception
    assert isinstance(refused, agreement.TooFewVotes)
    assert "needs two raters" in refused.detail


@pytest.fixture
def corrected(servers):
    """A clip with its media that an owner and a vet corrected; gives it and its account."""
    account = make_account(f"consenting {uuid.uuid4()}")
    clip = make_clip(make_pet(account))
    storage.put(clip.storage_key, io.BytesIO(MP4))
    job = make_job(clip)
    succeed(job)
    with transaction() as session:
        assessment = session.query(Assessment).filter_by(job_id=job.id).one()
        for label, by in (("Alert", VerdictBy.OWNER), ("Anxious", VerdictBy.VET)):
            verdicts.create(session, assessment, label=label, by=by, author=None)
    return clip, account


def test_verdicts_become_a_table_with_its_clips(corrected, tmp_path):
    clip, account = corrected
    folder = tmp_path / "out"
    found = labels("export", str(folder), "--account", account.name, "--licence", "CC-BY-4.0")
    assert found.exit_code == 0, found.output
    read = dataset.read(folder / "labels.csv")
    assert read.raters == ("owner1", "vet2")
    (one,) = read.examples
    assert one.path.read_bytes() == MP4
    assert (one.pet_id, one.source) == (str(clip.pet_id), str(account.id))
    assert (one.votes, one.licence) == ((1, 2), "CC-BY-4.0")


def test_the_queue_names_the_clip_that_people_disagree_on(corrected, monkeypatch):
    clip, account = corrected
    monkeypatch.setenv("COLUMNS", "200")  # no cell is folded
    assert str(clip.id) in labels("queue", "--account", account.name).output
    assert labels("queue", "--account", "nobody at all").exit_code == 2
