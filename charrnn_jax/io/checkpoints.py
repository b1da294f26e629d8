"""Train states on disk, through Orbax: written whole or not at all, the last three kept."""

from pathlib import Path

import jax
import orbax.checkpoint as ocp

from charrnn_jax.errors import InputError
from charrnn_jax.training import TrainState

KEEP = 3


def save(folder: Path, state: TrainState) -> None:
    """Writes the state under its step, and waits until it is on disk."""
    with _manager(folder) as manager:
        manager.save(int(state.step), args=ocp.args.StandardSave(state))


def restore(folder: Path, template: TrainState) -> TrainState:
    """The last state saved in the folder; `template` gives the shapes. Raises InputError where there is none."""
    if not folder.is_dir():
        raise InputError(f"{folder} holds no checkpoint: give the --out folder of a training run")
    with _manager(folder) as manager:
        step = manager.latest_step()
        if step is None:
            raise InputError(f"{folder} holds no whole checkpoint: train again")
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
        try:
            return manager.restore(step, args=ocp.args.StandardRestore(abstract))
        except (ValueError, KeyError, TypeError, OSError):
            raise InputError(
                f"checkpoint {step} in {folder} is damaged, or of another model: remove {folder / str(step)} to use "
                "the one before"
            ) from None


def _manager(folder: Path) -> ocp.CheckpointManager:
    options = ocp.CheckpointManagerOptions(max_to_keep=KEEP)
    return ocp.CheckpointManager(folder.absolute(), options=options)
