"""The recurrent layers that a model can be made of, behind one contract.

A layer reads its input twice over: `project` takes every moment by itself, `run` goes through time.

    u = project(params, x)        state', h = run(params, u, state)

Because `project` knows no time, what it says of a row of the embedding table holds wherever that row is looked up.
An input is a vector, or an id that stands for its one-hot vector. To add a layer: write its file, and name it here.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from charrnn_jax import layer_norm_lstm, mogrifier, qrnn
from charrnn_jax.cells import CELLS, Cell, State
from charrnn_jax.fast_recurrence import fast_scan
from charrnn_jax.products import Precision
from charrnn_jax.recurrence import init_layer, project
from charrnn_jax.types import Array, Float, Ids, Params


class Recurrence(NamedTuple):
    """One recurrent layer, as functions of its parameters."""

    init_params: Callable[[Array, int, int], Params]
    """`init_params(key, input_size, hidden_size)` -> the parameters before training."""
    init_state: Callable[[int, int], State]
    """`init_state(batch_size, hidden_size)` -> the state before the first step: zeros, each `[B, ...]`."""
    project: Callable[[Params, Array, Precision], Array]
    """`project(params, x, precision)` -> u `[T B U]`, each row a function of that row of x alone."""
    run: Callable[[Params, Array, State, Precision], tuple[State, Array]]
    """`run(params, u, state, precision)` -> the state after the last step, and the output h `[T B H]`."""

    def apply(
        self, params: Params, x: Float[Array, "T B X"] | Ids, state: State, precision: Precision = "float32"
    ) -> tuple[State, Float[Array, "T B H"]]:
        """The layer over time: the state after the last step, and the output of every step."""
        return self.run(params, self.project(params, x, precision), state, precision)


def of_cell(cell: Cell) -> Recurrence:
    """A pointwise cell as a layer: `project`, and `fast_scan` with its own derivative."""

    def init_params(key: Array, input_size: int, hidden_size: int) -> Params:
        return init_layer(key, cell, input_size, hidden_size)

    return Recurrence(init_params, cell.init, project, partial(fast_scan, cell))


def mogrifier_of(cell: Cell, rounds: int, rank: int | None) -> Recurrence:
    """The Mogrifier around `lstm` or `capped_lstm`: matrices Q and R of full rank where `rank` is None."""
    init_params = partial(mogrifier.init_params, rounds=rounds, rank=rank)
    return Recurrence(init_params, cell.init, mogrifier.project, partial(mogrifier.run, cell))


def qrnn_of(window: int) -> Recurrence:
    """The QRNN of window 1 or 2."""
    if window not in (1, 2):
        raise ValueError(f"the window of a QRNN is 1 or 2, not {window}")
    init_params, init_state = (partial(init, window=window) for init in (qrnn.init_params, qrnn.init_state))
    return Recurrence(init_params, init_state, qrnn.project, qrnn.run)


RECURRENCES: dict[str, Recurrence] = {
    **{name: of_cell(cell) for name, cell in CELLS.items()},
    "layer_norm_lstm": Recurrence(
        layer_norm_lstm.init_params, CELLS["lstm"].init, layer_norm_lstm.project, layer_norm_lstm.run
    ),
    "mogrifier": mogrifier_of(CELLS["lstm"], rounds=5, rank=None),
    "qrnn": qrnn_of(window=1),
    "qrnn_2": qrnn_of(window=2),
}
"""The layers by name. A recipe names its own, `mogrifier_of(CELLS["capped_lstm"], rounds=5, rank=84)`."""
