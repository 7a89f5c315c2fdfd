import orjson
import pytest

from spacesgg import annotations, shuffled


@pytest.mark.parametrize("ending", [".json", ".jsonl"])
def test_every_entry_once_in_the_order_of_the_seed(tmp_path, ending):
    path = tmp_path / f"in{ending}"
    with annotations.writer(path) as write:
        for i in range(50):
            write(f"{i}.jpg", {"width": i})
    plain = list(annotations.read(path))
    once, again, other = (list(shuffled.read(path, seed)) for seed in (3, 3, 4))
    assert sorted(shuffled.read(path, -3)) == sorted(once)
    assert once == again and once != other and once != plain
    assert sorted(once) == sorted(plain)


def test_both_forms_of_a_file_have_the_same_order(tmp_path):
    entries = {f"{i}.jpg": {"width": i} for i in range(20)}
    (tmp_path / "a.json").write_bytes(orjson.dumps(entries))
    lines = [orjson.dumps({"image": image, **entry}) for image, entry in entries.items()]
    (tmp_path / "a.jsonl").write_bytes(b"\n\n".join(lines))  # blank lines and no last newline
    assert list(shuffled.read(tmp_path / "a.json", 1)) == list(shuffled.read(tmp_path / "a.jsonl", 1))
