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
