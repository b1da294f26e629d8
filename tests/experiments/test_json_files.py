"""What is on disk is whole, and of the shape that is asked for."""

import pytest

from charrnn_jax.errors import InputError
from experiments.json_files import faults, read_json, write_json, write_whole

SHAPE = {"mean": float | None, "rows": [{"n": int}]}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"mean": 1.0, "rows": [{"n": 1}], "more": 0}, []),
        ({"mean": None, "rows": [{"n": 1}, {"n": 2}]}, []),
        ({"rows": [{"n": 1}]}, ["it has no mean"]),
        ({"mean": "x", "rows": []}, ["mean is not a float | None", "rows is empty"]),
        ({"mean": 1.0, "rows": [{"n": 1}, {}, 3]}, ["rows has no n", "rows is not a dict"]),
        ({"mean": 1.0, "rows": {"n": 1}}, ["rows is not a list"]),
        ([], ["it is not a dict"]),
    ],
)
def test_faults_are_named(value, said):
    assert list(faults(value, SHAPE)) == said


def test_a_damaged_file_is_said_with_what_to_do(tmp_path):
    write_json(tmp_path / "x.json", {"mean": 1})
    with pytest.raises(InputError, match=r"x.json is damaged \(mean is not a float \| None\): begin anew$"):
        read_json(tmp_path / "x.json", SHAPE, "begin anew")


def test_a_folder_in_the_way_is_said_and_nothing_stays(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError, match=r"report.html is a folder"):
        write_whole(tmp_path / "report.html", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_what_cannot_be_written_leaves_the_file_before(tmp_path):
    write_whole(tmp_path / "a", b"before")
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "a", "\ud800")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"before")]
