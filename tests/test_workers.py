"""Several workers: how the images are shared out, and where what they run comes from."""

import concurrent.futures
import functools
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
