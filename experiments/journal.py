"""What a training run leaves in its folder as it goes: metrics.jsonl, checkpoints and, if asked, TensorBoard files."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from charrnn_jax.errors import InputError
from charrnn_jax.io.checkpoints import KEEP, Found, Writer, set_aside
from charrnn_jax.training import TrainState
from experiments.json_files import write_whole
from experiments.processes import leads


class Line(NamedTuple):
    """One line of metrics.jsonl."""

    step: int
    chars: int
    """Characters of training text seen so far."""
    seconds: float
    """Time in training steps so far, without compilation and evaluation."""
    nats: float
    """Mean per token since the line before."""
    bits_per_char: float
    """The same, of the training text."""
    learning_rate: float
    grad_norm: float
    """Mean global norm of the gradient, before clipping, since the line before."""
    chars_per_second: float
    skipped: int = 0
    """Updates left out so far, because their numbers were not finite."""
    valid_bits_per_char: float | None = None
    """At points only; null where it is not finite."""
    sample: str | None = None


class Tally(NamedTuple):
    """Sums since the last line, and counts since the beginning."""

    steps: int = 0
    counted: int = 0
    """Those of them whose numbers were finite."""
    nats: float = 0.0
    grad_norm: float = 0.0
    skipped: int = 0
    """Updates left out since the beginning."""
    seconds: float = 0.0
    """Since the beginning."""
    line_seconds: float = 0.0
    """The same, at the last line."""

    def add(self, nats: float | None, grad_norm: float | None, seconds: float) -> "Tally":
        """One step more; one without numbers was left out."""
        after = self._replace(steps=self.steps + 1, seconds=self.seconds + seconds)
        if nats is None or grad_norm is None:
            return after._replace(skipped=self.skipped + 1)
        return after._replace(counted=self.counted + 1, nats=self.nats + nats, grad_norm=self.grad_norm + grad_norm)

    def emptied(self) -> "Tally":
        """After a line."""
        return Tally(skipped=self.skipped, seconds=self.seconds, line_seconds=self.seconds)


class Journal:
    """Lines and checkpoints of one run. `about` is what else a checkpoint has to say, in plain JSON values.

    Of several processes, all have a journal, and one of them writes its lines.
    """

    def __init__(
        self,
        folder: Path,
        about: dict[str, Any],
        keep: int = KEEP,
        tensorboard: bool = False,
        shapes: TrainState | None = None,
    ):
        self.folder, self.about = folder, about
        self.lines: list[Line] = []
        self.tally = Tally()
        self.saved: int | None = None
        """The step of the last checkpoint."""
        self._writer = Writer(folder / "checkpoints", keep, shapes)
        self._board: Any = None
        self._tensorboard = tensorboard

    @property
    def valid(self) -> float | None:
        """The last validation."""
        bits = (line.valid_bits_per_char for line in reversed(self.lines))
        return next((value for value in bits if value is not None), None)

    def goes_on_from(self, found: Found) -> None:
        """Takes up what the checkpoint tells; lines that were written after it are dropped."""
        try:
            self.lines = [Line(**line) for line in found.about["lines"]]
            self.tally = Tally(*found.about["tally"])
        except (KeyError, TypeError) as error:
            raise InputError(f"checkpoint {found.path} is of another version ({error}): train again") from None
        self.saved = found.step
        if not leads():
            return
        set_aside(self.folder / "checkpoints", found.step)
        write_whole(self.folder / "metrics.jsonl", "".join(map(_written, self.lines)))

    def add(self, line: Line) -> None:
        """One line more."""
        self.lines.append(line)
        self.tally = self.tally.emptied()
        if not leads():
            return
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(_written(line))
        if self._tensorboard:
            self._board = self._board or _board(self.folder, line.step)
            for name, value in line._asdict().items():
                if isinstance(value, (int, float)) and name != "step":
                    self._board.add_scalar(name, value, line.step)

    def save(self, state: TrainState, score: float | None = None) -> None:
        """A checkpoint, written in the background; `score` is what the best one has least of."""
        lines = [line._asdict() for line in self.lines]
        self._writer.save(state, {**self.about, "lines": lines, "tally": list(self.tally)}, score)
        self.saved = int(state.step)

    def close(self) -> None:
        """Waits until everything is on disk."""
        self._writer.wait()
        if self._board:
            self._board.close()


def finite(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None


def _written(line: Line) -> str:
    return json.dumps(line._asdict(), allow_nan=False) + "\n"


def _board(folder: Path, step: int) -> Any:
    """A writer of events from that step on: later ones, of a process that died, are void."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise InputError("--tensorboard needs tensorboardX: pip install 'charrnn_jax[experiments]'") from None
    # The step in its name: a file begun in the same second would have the same one, and be written over.
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step, filename_suffix=f".{step}")
