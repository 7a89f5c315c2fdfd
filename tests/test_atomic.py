import errno
import os
from pathlib import Path

import pytest

from spacesgg.atomic import atomic_open, refuse_as_output
from spacesgg.errors import InputError


def test_an_interrupted_write_keeps_the_old_file_and_leaves_no_litter(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_open(path) as stream:
        stream.write(b"half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


@pytest.mark.parametrize("name", ["folder", "file/out.json", "x" * 300, "file/a/b/out.json"])
def test_what_cannot_become_a_file_is_one_clear_line(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    with pytest.raises(InputError) as told, atomic_open(tmp_path / name):
        pass
    assert "\n" not in str(told.value)
    assert (tmp_path / "file").read_text() == "old"


def test_an_input_is_no_output_by_whatever_name(tmp_path):
    (tmp_path / "in").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for output in (tmp_path / "in", tmp_path / "link", tmp_path / ".." / tmp_path.name / "in"):
        with pytest.raises(InputError, match="also an input"):
            refuse_as_output(output, None, tmp_path / "in")
    refuse_as_output(tmp_path / "in", tmp_path / "absent")


def test_a_finished_write_replaces_the_file(tmp_path):
    path = tmp_path / "new" / "out.json"
    with atomic_open(path) as stream:
        stream.write(b"whole")
    assert path.read_bytes() == b"whole"


def test_what_is_written_to_a_link_replaces_the_file_that_it_leads_to(tmp_path):
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    link, next_link, real = tmp_path / "here" / "link.json", tmp_path / "there" / "next", tmp_path / "real.json"
    link.symlink_to("../there/next")
    next_link.symlink_to(real)
    for old in (None, "old"):  # the first link leads nowhere yet
        if old:
            real.write_text(old)
        with atomic_open(link) as stream:
            assert not list((tmp_path / "here").glob(".*"))  # a rename from there might be one across disks
            stream.write(b"whole")
        assert link.is_symlink() and next_link.is_symlink() and not real.is_symlink()
        assert real.read_bytes() == b"whole"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["here", "link.json", "next", "real.json", "there"]


def test_a_link_to_no_regular_file_is_refused_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to_pipe.json").symlink_to("pipe")
    (tmp_path / "round.json").symlink_to("round.json")
    for name in ("pipe", "to_pipe.json", "round.json"):
        with pytest.raises(InputError, match="regular file|back to itself"), atomic_open(tmp_path / name):
            pass
    assert (tmp_path / "to_pipe.json").is_symlink() and (tmp_path / "round.json").is_symlink()
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no folder of the files that are open")
def test_a_file_that_is_open_elsewhere_is_not_replaced_by_way_of_its_device(tmp_path):
    # As /dev/stdout leads to a file where a shell has redirected it: what is printed goes there all the same.
    with (tmp_path / "redirected.json").open("w+") as stream:
        link = tmp_path / "stdout.json"
        link.symlink_to(f"/proc/self/fd/{stream.fileno()}")
        assert link.is_file()
        with pytest.raises(InputError, match=r"leads to /proc/self/fd/\d+, which is no regular file"):
            refuse_as_output(link)
        with pytest.raises(InputError, match="no regular file"), atomic_open(link) as output:
            output.write(b"whole")
    assert link.is_symlink() and (tmp_path / "redirected.json").read_bytes() == b""


def test_a_full_disk_is_told_with_what_to_do(tmp_path):
    with (
        pytest.raises(InputError, match=r"out.json: cannot be written \(No space left on device\); free space"),
        atomic_open(tmp_path / "out.json"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
