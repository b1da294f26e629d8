import pytest

from experiments.scaling.collectives import Collective, Link, collectives, ring_seconds
from experiments.scaling.workload import Workload

TINY = Workload(V=6, E=2, H=3, L=1, B=4, T=5)


def test_one_device_tells_nobody():
    assert collectives(TINY) == []


def test_streams_by_hand():
    # Embedding 12, W 24, b 12, R 36, output 18 and 6, and two sums.
    assert collectives(TINY._replace(data=2)) == [Collective("gradient and sums", "all-reduce", "data", 4 * 110)]


def test_vocabulary_by_hand():
    # Twenty tokens; of embedding, output weights and biases two norms each.
    assert collectives(TINY._replace(vocab=2)) == [
        Collective("embedding vectors", "all-reduce", "vocab", 4 * 20 * 2),
        Collective("largest logits", "all-reduce", "vocab", 4 * 20),
        Collective("sums of exponentials", "all-reduce", "vocab", 4 * 20),
        Collective("logits of targets", "all-reduce", "vocab", 4 * 20),
        Collective("gradient of hidden states", "all-reduce", "vocab", 4 * 20 * 3),
        Collective("norms", "all-reduce", "vocab", 4 * 2 * 3),
    ]


def test_a_large_array_is_scattered_and_gathered():
    work = Workload(2**17, 16, 8, 1, 8, 8, data=2, vocab=2, tied=False)
    found = {each.what: each for each in collectives(work) if each.axis == "data"}
    assert found["gradient of embedding"] == Collective("gradient of embedding", "reduce-scatter", "data", 4 * 2**20)
    assert found["updated output.W"] == Collective("updated output.W", "all-gather", "data", 4 * 2**19)
    assert found["gradient and sums"].bytes == 4 * (16 * 32 + 32 + 8 * 32 + 2**16 + 2)
    assert found["norms"].bytes == 4 * 2 * 2


@pytest.mark.parametrize(("kind", "seconds"), [("all-reduce", 6 * 3.0), ("all-gather", 9.0), ("reduce-scatter", 9.0)])
def test_a_ring_of_four_by_hand(kind, seconds):
    # Messages of 250 bytes at 100 bytes a second, half a second late.
    assert ring_seconds(kind, 1000, 4, Link(100.0, 0.5)) == seconds
