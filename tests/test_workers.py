"""Several workers: how the images are shared out, and where what they run comes from."""

import concurrent.futures
import functools
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import orjson
import pytest

import layers_aggregation
from spacesgg import batch

ROOT = Path(layers_aggregation.__file__).resolve().parent
MOST = batch.QUEUED_PER_WORKER // batch.BUNDLES_PER_WORKER


def wait(item, seconds):
    time.sleep(seconds)
    return item


@pytest.mark.parametrize(("seconds", "count", "largest"), [(0, 200, MOST), (1.1 * batch.BUNDLE_S, 12, 1)])
def test_quick_images_go_in_bundles_slow_ones_alone_and_the_results_come_in_order(
    monkeypatch, seconds, count, largest
):
    sizes = []

    class Pool(concurrent.futures.ThreadPoolExecutor):
        def __init__(self, count, context, initializer):
            super().__init__(count)

        def submit(self, attempt, function, bundle):
            sizes.append(len(bundle))
            return super().submit(attempt, function, bundle)

    monkeypatch.setattr(batch, "ProcessPoolExecutor", Pool)
    results = list(batch.run(functools.partial(wait, seconds=seconds), iter(range(count)), 2, None, "test"))
    assert results == [(item, item, None) for item in range(count)]
    assert max(sizes) == largest


def test_one_failure_in_a_bundle_is_no_other_image_s():
    results = list(batch.run(functools.partial(divmod, 60), [1, 2, 0, 3] * 20, 2, None, "test"))
    assert [reason is None for _, _, reason in results] == [True, True, False, True] * 20


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
@pytest.mark.parametrize("task", ["busy", "idle"])
def test_when_the_parent_is_killed_all_its_processes_end_and_leave_the_image_at_work_whole(tmp_path, task):
    (tmp_path / "work.py").write_text(
        "import pathlib, sys, time\n"
        "from spacesgg import batch\n\n"
        "def work(item):\n"
        "    path = pathlib.Path(str(item))\n"
        "    path.write_text('begun')\n"
        "    time.sleep(0.3)\n"
        "    path.write_text('done')\n\n"
        "if __name__ == '__main__':\n"
        "    for item, _, _ in batch.run(work, iter(range(2 if sys.argv[1] == 'idle' else 1000)), 2, None, ''):\n"
        "        if sys.argv[1] == 'idle' and item == 1:\n"
        "            time.sleep(60)\n"
    )
    command = [sys.executable, "work.py", task]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 20
        while not {"0", "1"} <= {path.name for path in tmp_path.iterdir()} and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(1 if task == "idle" else 0.1)
        process.kill()
        process.communicate(timeout=4)  # for all of them hold the pipe
    numbers = [path for path in tmp_path.iterdir() if path.name.isdigit()]
    assert len(numbers) >= 2 and {path.read_text() for path in numbers} == {"done"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 looks where the user is in any case")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_modules_are_the_script_s_own_whatever_lies_where_the_user_is(tmp_path, workers):
    (tmp_path / "spacesgg").mkdir()
    for name in ("spacesgg/__init__.py", "numpy.py", "layers_aggregation.py"):
        (tmp_path / name).write_text("raise RuntimeError('not this one')")
    cv2.imwrite(str(tmp_path / "a.png"), np.full((60, 80), 1500, np.uint16))
    entry = {"depth": "a.png", "[[0, 0, 9, 9]]": ["cup", [10, 10, 30, 30], [[10, 10, 30, 10, 30, 30]]]}
    (tmp_path / "in.json").write_bytes(orjson.dumps({"a.jpg": entry}))
    script = str(Path(layers_aggregation.__file__).resolve())
    arguments = ["--input-file", "in.json", "--output-file", "out.json", "--depth-dir", ".", "--workers", workers]
    done = subprocess.run([sys.executable, script, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert orjson.loads((tmp_path / "out.json").read_bytes())["a.jpg"]["levels"] == [["[[0, 0, 9, 9]]"]]
