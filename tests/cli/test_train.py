"""`tailtrend train fusion` refuses in one line, before any file is measured."""

import pytest
from typer.testing import CliRunner

from cli import tables
from cli.main import app
from cli.train import read_recipe

torch = pytest.importorskip("torch", exc_type=ImportError)


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """No line is folded."""
    monkeypatch.setenv("COLUMNS", "300")


def fusion(tmp_path, *words):
    """Ask for a run of a table that is there."""
    table = tmp_path / "labels.csv"
    table.touch()
    return CliRunner().invoke(app, ["train", "fusion", str(table), str(tmp_path / "run"), *words])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--config", '{"hiden": 3}'], "hiden: Extra inputs are not permitted"),
        (["--config", "{"], "--config is not JSON"),
        (["--config", "[1]"], "--config is no JSON object"),
        (["--arch", "transformer"], "is not one of 'late_fusion', 'masked_fusion'"),
        (["--device", "gpu"], "gpu is neither cpu nor cuda"),
    ],
)
def test_what_cannot_be_trained_is_told_in_one_line(tmp_path, words, told):
    refused = fusion(tmp_path, *words)
    assert refused.exit_code == 2
    assert told in refused.output
    assert "http" not in refused.output
    assert not (tmp_path / "run").exists()


def test_a_recipe_that_is_none_says_which_field_is_wrong(tmp_path):
    recipe = tmp_path / "recipe.json"
    recipe.write_text('{"epochs": 0}')
    assert "epochs: Input should be greater" in fusion(tmp_path, "--recipe", str(recipe)).output
    recipe.write_text('{"arch": "transformer"}')
    refused = fusion(tmp_path, "--recipe", str(recipe))
    assert (refused.exit_code, "arch: Input should be 'late_" in refused.output) == (2, True)
    assert fusion(tmp_path, "--recipe", str(tmp_path / "none.json")).exit_code == 2


def test_options_go_before_the_recipe(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text('{"arch": "late_fusion", "epochs": 7, "batch": 8}')
    assert read_recipe(path, None, arch=None, epochs=None).arch == "late_fusion"
    recipe = read_recipe(path, '{"hidden": 32}', arch="masked_fusion", epochs=3)
    assert (recipe.arch, recipe.epochs, recipe.batch) == ("masked_fusion", 3, 8)
    assert recipe.config == {"hidden": 32}


def test_a_device_that_is_not_here_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    refused = fusion(tmp_path, "--device", "cuda")
    assert (refused.exit_code, "finds no CUDA device" in refused.output) == (2, True)


def test_a_run_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "run").touch()
    refused = fusion(tmp_path)
    assert (refused.exit_code, "is a file" in refused.output) == (2, True)


def test_ctrl_c_says_that_the_same_command_goes_on(capsys):
    with pytest.raises(KeyboardInterrupt), tables.resumable():
        raise KeyboardInterrupt
    assert "The same command goes on" in capsys.readouterr().err
