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
from charrnn_jax.mogrifier import Gating
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
    run: Callable[..., tuple[State, Array]]
    """`run(params, u, state, precision, keep, mask)` -> the state after the last step, and the output h `[T B H]`.
    What stays of a state, and what of it is seen, is as in `recurrence.scan`; None: nothing, and all. Neither is sure
    to have a gradient: the fast scans give it none."""
    projects: bool = True
    """Whether `project` is a product, which is worth doing for the rows of a table instead of for tokens."""

    def apply(
        self,
        params: Params,
        x: Float[Array, "T B X"] | Ids,
        state: State,
        precision: Precision = "float32",
        keep: State | None = None,
        mask: Float[Array, "B H"] | None = None,
    ) -> tuple[State, Float[Array, "T B H"]]:
        """The layer over time: the state after the last step, and the output of every step."""
        return self.run(params, self.project(params, x, precision), state, precision, keep, mask)


def of_cell(cell: Cell) -> Recurrence:
    """A pointwise cell as a layer: `project`, and `fast_scan` with its own derivative."""

    def init_params(key: Array, input_size: int, hidden_size: int) -> Params:
        return init_layer(key, cell, input_size, hidden_size)

    return Recurrence(init_params, cell.init, project, partial(fast_scan, cell))


def qrnn_of(window: int) -> Recurrence:
    """The QRNN of window 1 or 2."""
    if window not in (1, 2):
        raise ValueError(f"the window of a QRNN is 1 or 2, not {window}")
    init_params, init_state = (partial(init, window=window) for init in (qrnn.init_params, qrnn.init_state))
    return Recurrence(init_params, init_state, qrnn.project, qrnn.run)


def mogrifier_of(cell: Cell, gating: Gating) -> Recurrence:
    """The Mogrifier around `lstm` or `capped_lstm`."""
    init_params = partial(mogrifier.init_params, gating=gating)
    run = partial(mogrifier.run, cell)
    return Recurrence(init_params, cell.init, mogrifier.project, run, projects=False)


RECURRENCES: dict[str, Recurrence] = {
    **{name: of_cell(cell) for name, cell in CELLS.items()},
    "layer_norm_lstm": Recurrence(
        layer_norm_lstm.init_params, CELLS["lstm"].init, layer_norm_lstm.project, layer_norm_lstm.run
    ),
    "qrnn": qrnn_of(window=1),
    "qrnn_2": qrnn_of(window=2),
}
"""The layers by name, but for those that `Gating` describes."""

MOGRIFIED = {"mogrifier": "lstm", "capped_mogrifier": "capped_lstm"}
"""The cell inside each Mogrifier."""


def recurrence_of(name: str, gating: Gating) -> Recurrence:
    """The layer of that name."""
    return mogrifier_of(CELLS[MOGRIFIED[name]], gating) if name in MOGRIFIED else RECURRENCES[name]
