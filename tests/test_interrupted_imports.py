"""Ctrl-C while a tool still imports its libraries."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[1] / "tools"


@pytest.mark.parametrize("name", ["estimate_depth.py", "segment_objects.py", "detect_objects.py"])
def test_it_is_one_line(name, tmp_path):
    # A library that takes its time: the moment of the signal is known, on whatever machine.
    (tmp_path / "torch.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(30)\n")
    program = (
        "import signal, sys, runpy; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"sys.path.insert(0, {str(tmp_path)!r}); sys.argv = [{name!r}]; "
        f"runpy.run_path({str(TOOLS / name)!r}, run_name='__main__')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "importing\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert told == f"{name}: interrupted before it had begun\n"
    assert process.returncode in (-signal.SIGINT, 130)  # which every shell calls 130
