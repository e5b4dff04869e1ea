"""The command itself: which subcommands there are, and what ends it before one has begun."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from cli import __main__ as command
from cli.main import COMMANDS, app

ROOT = Path(__file__).parents[2]

ONE_ALONE = """
import sys
from cli.main import COMMANDS, app
app(["analyze", "--help"], standalone_mode=False)
sys.exit(",".join(one for one in COMMANDS if f"cli.{one}" in sys.modules))
"""


class Interrupted(ModuleType):
    """A module in the middle of whose import somebody presses Ctrl-C."""

    def __getattr__(self, name: str) -> object:
        raise KeyboardInterrupt


def test_ctrl_c_while_modules_are_read_ends_without_a_traceback(monkeypatch):
    monkeypatch.setitem(sys.modules, "cli.main", Interrupted("cli.main"))
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 130


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_shows_its_help(name):
    shown = CliRunner().invoke(app, [name, "--help"])
    assert shown.exit_code == 0
    assert f"tailtrend {name}" in shown.output.replace("root", "tailtrend")
    assert "--install-completion" not in shown.output


def test_the_help_names_every_subcommand():
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    assert [one for one in COMMANDS if f" {one} " not in shown.output] == []


def test_a_subcommand_is_read_without_the_others():
    done = subprocess.run([sys.executable, "-c", ONE_ALONE], capture_output=True, text=True)
    assert done.stderr.strip() == "analyze"


def test_a_misspelt_subcommand_is_corrected():
    refused = CliRunner().invoke(app, ["mdels"])
    assert refused.exit_code == 2
    assert "Did you mean 'models'" in refused.output


def test_the_version_is_told():
    told = CliRunner().invoke(app, ["--version"])
    assert told.exit_code == 0
    assert told.output == f"tailtrend {version('tailtrend')}\n"


@pytest.mark.parametrize("asked", [["up"], ["prepare"], ["health", "worker"]])
def test_a_bad_setting_is_told_by_whichever_command_reads_it(asked, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "cli", *asked],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TAILTREND_RATE_WINDOW_S": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.rstrip().endswith(
        "TAILTREND_RATE_WINDOW_S: Input should be greater than or equal to 1"
    )
