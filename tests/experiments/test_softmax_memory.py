import json

import pytest

from charrnn_jax.errors import InputError
from experiments.softmax_memory import Config, main


def test_chunks_plan_less_memory_than_the_whole(tmp_path):
    main(Config(vocab_size=5000, tokens=64, hidden_size=8, chunks=(100, 1000), rounds=2, out=tmp_path / "out"))
    rows = json.loads((tmp_path / "out" / "softmax_memory.json").read_text())["rows"]
    assert [row["way"] for row in rows] == ["whole", "chunks of 100", "chunks of 1,000"]
    assert rows[0]["memory_over_whole"] == rows[0]["time_over_whole"] == 1
    assert rows[1]["bytes"] < rows[2]["bytes"] < rows[0]["bytes"]
    assert rows[1]["memory_over_whole"] < 0.25


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"chunks": ()}, "--chunks names nothing"),
        ({"tokens": 0}, "--tokens is 0 and must be above zero"),
        ({"chunks": (5, -1)}, "--chunks is -1 and must be above zero"),
    ],
)
def test_sizes_that_cannot_be_are_refused(tmp_path, wrong, message):
    with pytest.raises(InputError, match=message):
        main(Config(out=tmp_path / "out", **wrong))
