"""Analysis gives way to what answers."""

import subprocess
import sys

from worker.priority import NICE


def test_a_process_that_gives_way_is_behind_the_others():
    code = "import os; from worker import priority; priority.give_way(); print(os.nice(0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(NICE)
