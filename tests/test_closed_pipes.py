"""Commands whose printed words nobody reads to the end, or whose log has no room on its disk."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "llm_based_query.py"


@pytest.fixture
def command(tmp_path):
    keys = {"[[0, 0, 99, 99]]": 1.0, "[[200, 0, 299, 99]]": 3.0}
    entry = {key: [name, [0, 0, 9, 9], [near, near]] for name, (key, near) in zip("ab", keys.items(), strict=True)}
    entry |= {"levels": [[key] for key in keys], "order_list": {">".join(keys): [-1, 0, -1]}, "views": {}}
    (tmp_path / "in.json").write_bytes(orjson.dumps({"a.jpg": entry}))
    command = [sys.executable, SCRIPT, "--anno-file", tmp_path / "in.json", "--output-file", tmp_path / "out.json"]
    return [*command, "--prompt-function", "create_layer_prompt"]


@pytest.mark.parametrize("dry", [(), ("--dry-run", "--model", "m")])
def test_a_reader_that_has_gone_is_one_line(command, dry):
    with subprocess.Popen([*command, *dry], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()  # what `| head` does when it has seen enough
        told = process.stderr.read()
    assert process.returncode == 141
    assert told == "llm_based_query.py: ended, for what it says cannot be written (Broken pipe)\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_under_the_log_is_one_line(command):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert (
        done.stderr == "llm_based_query.py: ended, for what it says cannot be written (No space left on device)\n"
    )
