"""What is drawn: the same again from the same seed, and labels that fit the picture."""

import subprocess
import sys
import threading

import numpy as np
import psutil

from worker.pipeline.extract.keypoints import NAMES
from worker.training.pose.loss import mirror
from worker.training.pose.sample import GROUPS, HIDDEN, OUTSIDE, VISIBLE
from worker.training.pose.stream import Drawer


def test_a_batch_is_the_same_again_from_its_seed_and_number(drawn):
    again = Drawer(seed=5).draw(0, size=24)
    assert (again.picture == drawn.picture).all()
    assert (again.points == drawn.points).all()
    assert (Drawer(seed=5).draw(1, size=1).picture[0] != drawn.picture[0]).any()


def test_a_visible_point_lies_on_what_shows_of_the_animal(drawn):
    near = []
    for points, seen, mask in zip(drawn.points, drawn.seen, drawn.mask, strict=True):
        for x, y in points[seen == VISIBLE]:
            column, row = int(x * 64), int(y * 64)
            near.append(mask[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3].max() > 0)
    assert len(near) > 200
    assert np.mean(near) > 0.97


def test_points_outside_the_picture_are_never_called_seen(drawn):
    inside = ((drawn.points >= 0) & (drawn.points <= 1)).all(axis=2)
    assert (drawn.seen[~inside] == OUTSIDE).all()
    assert (drawn.seen == HIDDEN).any()


def test_the_first_of_a_pair_is_further_left_also_in_the_mirror(drawn):
    for batch in (drawn, mirror(drawn)):
        for group in GROUPS:
            a = [NAMES.index(f"{pair}_a") for pair in group]
            b = [NAMES.index(f"{pair}_b") for pair in group]
            x = batch.points[:, :, 0]
            assert (x[:, a].mean(axis=1) <= x[:, b].mean(axis=1) + 1e-6).all()


def test_a_mirrored_mirror_is_the_batch(drawn):
    twice = mirror(mirror(drawn))
    assert np.allclose(twice.points, drawn.points, atol=1e-6)
    assert (twice.picture == drawn.picture).all()
    assert np.allclose(twice.view, drawn.view)


KEEPS_DRAWING = """
import multiprocessing as mp, time
from worker.training.pose.stream import draw_batches
if __name__ == "__main__":
    batches = draw_batches(1, 0, 1)
    next(batches)
    print(mp.active_children()[0].pid, flush=True)
    time.sleep(600)
"""


def test_a_drawer_ends_when_the_training_was_killed(tmp_path):
    (tmp_path / "keeps.py").write_text(KEEPS_DRAWING)
    training = subprocess.Popen([sys.executable, tmp_path / "keeps.py"], stdout=subprocess.PIPE)
    drawer = psutil.Process(int(training.stdout.readline()))
    training.kill()
    training.communicate()
    while drawer.is_running() and drawer.status() != psutil.STATUS_ZOMBIE:
        threading.Event().wait(0.1)  # the test's own time limit ends it
