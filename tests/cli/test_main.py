"""The command itself: what ends it before any subcommand has begun."""

import sys
from types import ModuleType

import pytest

from cli import __main__ as command


class Interrupted(ModuleType):
    """A module in the middle of whose import somebody presses Ctrl-C."""

    def __getattr__(self, name: str) -> object:
        raise KeyboardInterrupt


def test_ctrl_c_while_modules_are_read_ends_without_a_traceback(monkeypatch):
    monkeypatch.setitem(sys.modules, "cli.main", Interrupted("cli.main"))
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 130
