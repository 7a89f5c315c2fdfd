"""Ctrl-C while a script still imports its libraries, and a library that is not there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("script", "library"),
    [
        ("d2p.py", "cv2"),
        ("layers_aggregation.py", "cv2"),
        ("multiview_layers.py", "cv2"),
        ("llm_based_query.py", "orjson"),
        ("tools/estimate_depth.py", "torch"),
        ("tools/segment_objects.py", "torch"),
        ("tools/detect_objects.py", "torch"),
    ],
)
def test_it_is_one_line(script, library, tmp_path):
    name = Path(script).name
    # A library that takes its time: the moment of the signal is known, on whatever machine.
    (tmp_path / f"{library}.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(30)\n")
    program = (
        "import signal, sys, runpy; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; sys.argv = [{name!r}]; "
        f"runpy.run_path({str(ROOT / script)!r}, run_name='__main__')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "importing\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert told == f"{name}: interrupted before it had begun\n"
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("script", "library"),
    [
        ("d2p.py", "cv2"),
        ("layers_aggregation.py", "numpy"),
        ("multiview_layers.py", "cv2"),
        ("llm_based_query.py", "orjson"),
        ("tools/prepare_annotations.py", "orjson"),
        ("tools/check_dataset.py", "orjson"),
        ("tools/estimate_depth.py", "torch"),
    ],
)
@pytest.mark.parametrize("fault", ["No module named '{}'", "libGL.so.1: cannot open shared object file"])
def test_a_package_that_is_not_there_is_one_line(script, library, fault, tmp_path):
    fault = fault.format(library)
    (tmp_path / f"{library}.py").write_text(f"raise ImportError({fault!r}, name={library!r})\n")
    done = subprocess.run(
        [sys.executable, str(ROOT / script), "--workers", "2"],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"{Path(script).name}: {fault} (") and "source .venv/bin/activate" in done.stderr
