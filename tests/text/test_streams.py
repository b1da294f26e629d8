import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn_jax.errors import InputError
from charrnn_jax.text.streams import batch_at, fold_for_scoring, fold_streams

SIZE = st.integers(1, 12)


def scored(streams):
    batches = [batch_at(streams, n) for n in range(streams.windows)]
    assert [bool(batch.reset) for batch in batches] == [n == 0 for n in range(len(batches))]
    for batch in batches:
        before = np.where(batch.targets == 0, streams.start_id, batch.targets - 1)
        assert (batch.inputs == before)[batch.weights > 0].all()
    return np.concatenate([batch.targets[batch.weights > 0] for batch in batches])


@settings(deadline=None)
@given(tokens=st.integers(1, 300), batch_size=SIZE, length=SIZE, burn_in=st.integers(0, 400))
def test_every_token_is_scored_once_whatever_the_fold(tokens, batch_size, length, burn_in):
    ids = np.arange(tokens, dtype=np.int32)
    found = scored(fold_for_scoring(ids, 999, batch_size, length, burn_in))
    assert sorted(found.tolist()) == list(range(tokens))
    if tokens >= batch_size * length:
        found = scored(fold_streams(ids, 999, batch_size, length))
        assert sorted(found.tolist()) == list(range(tokens))


def test_streams_go_on_from_one_window_to_the_next():
    streams = fold_streams(np.arange(100, dtype=np.int32), 999, 4, 5)
    targets = np.concatenate([batch_at(streams, n).targets for n in range(streams.windows)])
    np.testing.assert_array_equal(targets, np.arange(100).reshape(4, 25).T)


def test_batch_n_is_a_function_of_n():
    streams = fold_streams(np.arange(100, dtype=np.int32), 0, 4, 5)
    again = batch_at(streams, 3 + 7 * streams.windows)
    for one, other in zip(batch_at(streams, 3), again, strict=True):
        np.testing.assert_array_equal(one, other)


class Read(np.ndarray):
    """Ids that tell which of them were asked for."""

    asked: set

    def __getitem__(self, index):
        self.asked |= set(np.unique(index).tolist())
        return np.asarray(super().__getitem__(index))


def test_chosen_streams_are_those_of_the_whole_and_read_no_other_part_of_the_text():
    ids = np.arange(100, dtype=np.int32).view(Read)
    streams = fold_streams(ids, 999, 4, 5)
    some = streams._replace(chosen=np.array([1, 2]))
    for n in range(streams.windows):
        ids.asked = set()
        ours = batch_at(some, n)
        assert ids.asked <= set(range(24, 75)), "from the token before the first of stream 1 to the last of stream 2"
        for one, whole in zip(ours[:3], batch_at(streams, n)[:3], strict=True):
            np.testing.assert_array_equal(one, whole[:, 1:3])


@pytest.mark.parametrize(("tokens", "fix"), [(100, "--batch-size 1 or less"), (10, "windows of 10 tokens or less")])
def test_a_text_too_short_says_what_would_fit(tokens, fix):
    with pytest.raises(InputError, match=f"needs at least 640 tokens: use {fix}"):
        fold_streams(np.zeros(tokens, np.int32), 0, 10, 64)
