from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn_jax.text.streams import NO_TOKEN, batch_at, fold_streams, with_drawn_lengths
from charrnn_jax.text.windows import ROOM, SHORTEST, draw_lengths, draw_windows

SIZE = st.integers(1, 12)


@settings(deadline=None)
@given(tokens=st.integers(1, 400), batch_size=SIZE, usual=SIZE, seed=st.integers(0, 9))
def test_every_token_is_scored_once_in_every_pass(tokens, batch_size, usual, seed):
    ids = np.arange(tokens, dtype=np.int32)
    if tokens < batch_size * usual:
        return
    streams = with_drawn_lengths(fold_streams(ids, 999, batch_size, usual), seed, steps=120)
    passes = np.flatnonzero(streams.drawn.begin == 0)
    for first, after in pairwise(passes[:4]):
        batches = [batch_at(streams, n) for n in range(first, after)]
        assert [bool(batch.reset) for batch in batches] == [n == 0 for n in range(len(batches))]
        found = np.concatenate([batch.targets[batch.weights > 0] for batch in batches])
        assert sorted(found.tolist()) == list(range(tokens))


def test_a_window_is_that_of_the_plain_streams_and_padding_behind_it():
    ids = np.arange(1000, dtype=np.int32)
    streams = fold_streams(ids, 999, 4, 20)
    drawn = with_drawn_lengths(streams, 0, steps=60)
    for n in range(60):
        begin, length = drawn.drawn.begin[n], drawn.drawn.length[n]
        batch, whole = batch_at(drawn, n), batch_at(streams._replace(length=250), 0)
        assert batch.inputs.shape == (20 + ROOM, 4)
        np.testing.assert_array_equal(batch.inputs[:length], whole.inputs[begin : begin + length])
        np.testing.assert_array_equal(batch.targets[:length], whole.targets[begin : begin + length])
        assert (batch.inputs[length:] == NO_TOKEN).all()
        assert (batch.targets >= 0).all()
        assert batch.weights.sum() == 4 * length
        assert batch.inputs.dtype == batch.targets.dtype == np.int32
        assert batch.weights.dtype == np.float32


def test_more_steps_begin_with_the_same_windows():
    few, many = (draw_windows(3, 170, 20, steps) for steps in (50, 500))
    for one, other in zip(few, many, strict=True):
        np.testing.assert_array_equal(one, other[:50])
    assert (draw_windows(4, 170, 20, 50).length != few.length).any()


def test_lengths_are_those_of_the_paper():
    drawn = draw_lengths(0, 70, 200_000)
    assert drawn.min() >= SHORTEST
    assert drawn.max() == 70 + ROOM
    assert (drawn < 52).mean() == pytest.approx(0.05, abs=0.002)
    long, short = drawn[drawn >= 52], drawn[drawn < 52]
    assert long.mean() == pytest.approx(69.5, abs=0.05)  # rounded down
    assert short.mean() == pytest.approx(34.5, abs=0.3)
    assert (long.std(), short.std()) == pytest.approx((5, 5), rel=0.02)
    assert (drawn == 70 + ROOM).mean() == pytest.approx(1 / 780, rel=0.2), "those that are cut to it, and its own"


def test_every_pass_is_cut_at_other_places():
    windows = draw_windows(0, 1000, 20, 1000)
    first, second, third = np.flatnonzero(windows.begin == 0)[:3]
    assert (windows.begin[first + 1 : first + 9] != windows.begin[second + 1 : second + 9]).any()
    assert windows.begin[third - 1] + windows.length[third - 1] == 1000
    assert windows.length.mean() * (third - first) == pytest.approx(2000, rel=0.1)
