"""When what is due in a training run."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from experiments.journal import Line


@dataclass(frozen=True)
class Plan:
    """In steps, from the first to the last."""

    steps: int
    points: int
    """Validations, evenly spaced; each is a line of the log and a checkpoint."""
    report_every: int = 100
    """Steps between lines of the log."""
    save_every: int = 0
    """Steps between checkpoints, beside those at points; 0: none."""
    patience: int = 0
    """Points without a better validation before training ends; 0: it never ends before its last step."""
    sample_chars: int = 0
    """The length of a sample at each point; 0: none."""

    def is_point(self, step: int) -> bool:
        """Whether to validate after that step."""
        after = -(-step * self._number // self.steps)
        return step > 0 and self._point(after) == step

    def has_line(self, step: int) -> bool:
        """Whether the log has a line after that step."""
        return self.is_point(step) or bool(step and self.report_every and step % self.report_every == 0)

    def has_checkpoint(self, step: int) -> bool:
        """Whether to save after that step."""
        return self.is_point(step) or bool(self.save_every and step % self.save_every == 0)

    def stops(self, start: int, reported: int) -> Iterator[int]:
        """The steps at which anything is due: after `start`, and at it if its line is not among those reported."""
        every = (range(start - start % n + n, self.steps, n) for n in (self.report_every, self.save_every) if n)
        first = start * self._number // self.steps
        points = (self._point(i) for i in range(first, self._number + 1))
        last = start
        if start > reported and self.has_line(start):
            yield start
        for stop in heapq.merge(points, *every):
            if stop > last:
                yield (last := stop)

    def gives_up(self, valid: list[float]) -> bool:
        """Whether the best of these validations is too long ago."""
        return bool(self.patience and valid) and len(valid) - 1 - int(np.argmin(valid)) >= self.patience

    @property
    def _number(self) -> int:
        return min(self.points, self.steps)

    def _point(self, i: int) -> int:
        """The step of the i-th point, counted from one."""
        return self.steps * i // self._number


def validations(lines: list[Line]) -> list[float]:
    """The figures of all points so far."""
    return [line.valid_bits_per_char for line in lines if line.valid_bits_per_char is not None]
