"""`tailtrend demo` never leaves a stack behind."""

import signal
import subprocess
import sys

import pytest

from cli.localstack import ports
from tests.cli import processes

DEMO = """
import sys
from pathlib import Path
from cli import demo
stack = demo.start(Path(sys.argv[1]), int(sys.argv[2]))
print("started", flush=True)
stack.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_stack_ends_with_the_demo(tmp_path, number):
    port = ports.pick(excluded=set())
    argv = [sys.executable, "-c", DEMO, str(tmp_path / "state"), str(port)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout.readline() == "started\n"
        finally:
            demo.send_signal(number)
    processes.wait_until(lambda: not processes.of(tmp_path / "state") and ports.is_free(port))
