import pytest

from spacesgg.atomic import atomic_open


def test_an_interrupted_write_keeps_the_old_file_and_leaves_no_litter(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_open(path) as stream:
        stream.write(b"half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_a_finished_write_replaces_the_file(tmp_path):
    path = tmp_path / "new" / "out.json"
    with atomic_open(path) as stream:
        stream.write(b"whole")
    assert path.read_bytes() == b"whole"
