"""A worker that was busy when its broker went uses all of its places when it is back."""

from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos import broker_cells
from tests.chaos.broker_cells import NEW_JOBS, Cell

WORK_S = 2.0
PLACES = 2


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Cell]:
    folder: Path = tmp_path_factory.mktemp("cells")
    cells = [
        Cell(state, "CLIENT KILL normal + pubsub", f"broker-{state}", work_s=WORK_S)
        for state in ("part", "busy")
    ]
    broker_cells.run(cells, folder, Console())
    return cells


def test_every_job_runs_in_the_same_process(cells):
    assert [cell.ran for cell in cells] == [cell.submitted for cell in cells]
    assert all(len(set(cell.pids)) == 1 for cell in cells)


def test_no_job_waits_behind_another_while_a_place_is_free(cells):
    """One place alone would need WORK_S from each claim to the next."""
    one_place_s = (NEW_JOBS - 1) * WORK_S
    for cell in cells:
        assert cell.last_s - cell.first_s < one_place_s * (1 + 1 / PLACES) / 2 + WORK_S
