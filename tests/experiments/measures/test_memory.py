import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax import losses
from charrnn_jax.model import LanguageModel
from charrnn_jax.parameters import count_parameters
from charrnn_jax.text.streams import batch_at, fold_streams
from experiments.fit import start_training
from experiments.measures.memory import (
    activation_bytes,
    compile_step,
    disk_bytes,
    memory_by_vocabulary,
    peak_bytes,
    step_memory,
)
from experiments.schedule import Schedule

T, B, V, E, H = 6, 5, 11, 3, 4
SCHEDULE = Schedule(100, B, T, 1e-3)
KEPT_BY_SOFTMAX = 4 * (T * B * V + T * B)  # exponentials and their sums


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [("elman", 1 + 1), ("gru", 3 + 1 + 2), ("lstm", 4 + 1 + 2)],  # H of the derivatives of u, of h, of the rest
)
def test_activations_by_hand(cell, numbers):
    model = LanguageModel(V, E, H, cell=cell)
    # The embedding is folded: of the input, no more is needed than its ids. Of gru and lstm, two factors beside of_u.
    assert activation_bytes(model, T, B) == 4 * T * B * H * numbers + KEPT_BY_SOFTMAX
    unfolded = model.clone(dropout=0.5)
    masks = T * B * (E + H)
    dropped = 4 * T * B * (E + H)  # what a product was fed with
    assert activation_bytes(unfolded, T, B) == 4 * T * B * H * numbers + KEPT_BY_SOFTMAX + masks + dropped


def test_one_hot_vectors_are_activations():
    model = LanguageModel(V, E, H, cell="elman", input_mode="one_hot")
    looked_up = activation_bytes(model.clone(input_mode="lookup"), T, B)
    assert activation_bytes(model, T, B) == looked_up + 4 * T * B * (V + E)


def test_chunks_leave_no_logits(monkeypatch):
    model = LanguageModel(V, E, H)
    whole = activation_bytes(model, T, B)
    monkeypatch.setattr(losses, "LOGITS", T * B * V - 1)
    assert whole - activation_bytes(model, T, B) == 4 * T * B * V


@pytest.mark.parametrize("tied", [False, True])
def test_a_step_by_hand(tied):
    model = LanguageModel(V, H, H, tied=tied)
    memory = step_memory(model, SCHEDULE)
    recurrent = 4 * (4 * H * (2 * H + 1))
    assert memory.parameters == {
        "embedding": 4 * V * H,
        "recurrent": recurrent,
        "output": 4 * V * (1 if tied else H + 1),
    }
    parameters = sum(memory.parameters.values())
    assert memory.optimizer == 2 * parameters + 2 * 4  # Adam's two moments, and two counts of steps
    window = 4 * (3 * T * B) + 1
    carry = 4 * 2 * B * H
    assert memory.peak >= parameters + memory.optimizer + carry + window + memory.activations


def test_the_step_is_that_of_training():
    """On two devices, each with half of the streams, every device needs less than one that reads all."""
    model = LanguageModel(50, 16, 16)
    schedule = Schedule(100, 64, 16, 1e-3)
    compiled, state = start_training(model, schedule, jax.random.key(0), jax.random.key(1))
    batch = batch_at(fold_streams(np.zeros(64 * 16, np.int32), 0, 64, 16), 0)
    spread = peak_bytes(compiled.lower(state, batch).compile())
    alone = peak_bytes(compile_step(model, schedule))
    weights = 3 * 4 * count_parameters(model).total
    assert weights < spread < alone


def test_peaks_of_known_programs():
    x = jax.ShapeDtypeStruct((1000,), jnp.float32)
    add = jax.jit(lambda x: x + 1).lower(x).compile()
    in_place = jax.jit(lambda x: x + 1, donate_argnums=0).lower(x).compile()
    assert (peak_bytes(add), peak_bytes(in_place)) == (8000, 4000)


def test_a_vocabulary_costs_its_rows():
    few, many = memory_by_vocabulary(LanguageModel(1, H, H, tied=True), SCHEDULE, [100, 300])
    assert (few["vocab_size"], many["vocab_size"]) == (100, 300)
    assert many["parameters"] - few["parameters"] == 4 * 200 * (H + 1)
    assert many["optimizer"] - few["optimizer"] == 8 * 200 * (H + 1)
    assert many["activations"] - few["activations"] == 4 * 200 * T * B
    assert many["peak"] - few["peak"] >= 12 * 200 * (H + 1) + 4 * 200 * T * B


def test_a_folder_weighs_what_its_files_do(tmp_path):
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "a").write_bytes(bytes(1000))
    (tmp_path / "b").write_bytes(bytes(24))
    assert disk_bytes(tmp_path) == 1024
