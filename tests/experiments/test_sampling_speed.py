import json

import pytest

from charrnn_jax.errors import InputError
from experiments import sampling_speed, speed
from experiments.peers import ours_sampling
from experiments.peers.work import Size, Work

TINY = Size(V=7, E=4, H=5, L=2, B=4, T=6)


def test_both_write_tokens_of_the_vocabulary():
    torch_sampling = pytest.importorskip("experiments.peers.torch_sampling", exc_type=ImportError)
    for program in (ours_sampling, torch_sampling):
        write = program.make_step(Work("lstm", TINY, "float32"))
        assert {write() for _ in range(3)} <= set(range(TINY.V))


def test_a_row_compares_the_two(monkeypatch, tmp_path):
    pytest.importorskip("torch")
    monkeypatch.setattr(speed, "WARM_UP", 0.01)
    monkeypatch.setattr(speed, "TURN", 0.01)
    sampling_speed.main(sampling_speed.Config(sizes=("S",), rounds=2, out=tmp_path / "out"))
    (row,) = json.loads((tmp_path / "out" / "sampling_speed.json").read_text())["rows"]
    assert row["size"] == "S"
    assert row["tokens_per_second"].keys() == {"ours", "torch"}
    low, high = row["ratio_quartiles"]
    assert 0 < low <= row["ratio_to_torch"] <= high


def test_an_empty_list_of_sizes_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match=r"^--sizes names nothing: name one at least, or leave it out$"):
        sampling_speed.main(sampling_speed.Config(sizes=(), out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
