"""The loop of a training run: its steps, and what is due between them."""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn_jax.errors import TrainingError
from charrnn_jax.sampling import Filters
from charrnn_jax.text.tokens import Tokens
from experiments.fit import Trainer, learning_rate, write_samples
from experiments.interruption import Interrupted, finishing_steps
from experiments.journal import Journal, Line, finite
from experiments.shell import console, progress


@dataclass(frozen=True)
class Plan:
    """When what is due, in steps, from the first to the last."""

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

    def points_at(self) -> set[int]:
        """The steps after which to validate."""
        return set(np.unique(np.linspace(0, self.steps, self.points + 1).astype(int)[1:]).tolist())

    def stops(self, start: int) -> list[int]:
        """The steps after `start` at which anything is due."""
        every = [n for n in (self.report_every, self.save_every) if n]
        due = self.points_at().union(*(range(n, self.steps, n) for n in every))
        return sorted(stop for stop in due if stop > start)

    def gives_up(self, lines: list[Line]) -> bool:
        """Whether the best validation is too long ago."""
        valid = [line.valid_bits_per_char for line in lines if line.valid_bits_per_char is not None]
        return bool(self.patience and valid) and len(valid) - 1 - int(np.argmin(valid)) >= self.patience


def train(trainer: Trainer, valid: Tokens, plan: Plan, journal: Journal, label: str, seed: int) -> list[Line]:
    """From the state's step to the last one. Returns the lines of the log, those of before included.

    Raises TrainingError where numbers are not finite, and Interrupted when a signal came: saved, either way, up to
    the last good step that a checkpoint was due at or that the signal left time for.
    """
    step = int(trainer.state.step)
    if journal.saved is None:
        journal.save(trainer.state)
    with finishing_steps() as said, progress(label, step, plan.steps) as advance:
        for stop in plan.stops(step):
            if plan.gives_up(journal.lines):
                console.print(f"  {label}: no better validation in {plan.patience} points, training ends")
                break
            for n in range(int(trainer.state.step), stop):
                _step(trainer, n, journal)
                advance(_so_far(trainer, journal))
                if said():
                    break
            _due(trainer, valid, plan, journal, label, seed)
            if number := said():
                _leave(trainer, journal, number)
    journal.close()
    return journal.lines


def _step(trainer: Trainer, n: int, journal: Journal) -> None:
    begun = time.perf_counter()
    nats, grad_norm = trainer.take_step(n)
    if not (math.isfinite(nats) and math.isfinite(grad_norm)):
        if trainer.schedule.on_nonfinite == "stop":
            journal.close()
            raise TrainingError(_explained(trainer, n, nats, grad_norm, journal))
        nats = grad_norm = 0.0  # left out of the parameters, and of the sums
    journal.tally = journal.tally.add(nats, grad_norm, time.perf_counter() - begun)


def _explained(trainer: Trainer, n: int, nats: float, grad_norm: float, journal: Journal) -> str:
    what = f"loss is {nats}" if not math.isfinite(nats) else f"gradient's norm is {grad_norm}"
    rate, last = trainer.schedule.learning_rate, journal.tally
    before = f" after {last.nats / last.steps:.3g} nats per token on average" if last.steps else ""
    return (
        f"at step {n} the {what}{before}, where the first stream reads {trainer.text_of(n)!r}. The learning rate "
        f"{rate:g} is likely too high: try {rate / 4:g}, or --on-nonfinite skip; checkpoint {journal.saved} is good"
    )


def _due(trainer: Trainer, valid: Tokens, plan: Plan, journal: Journal, label: str, seed: int) -> None:
    """What is due after the state's step: a line, a validation, a checkpoint."""
    step, bits, sample = int(trainer.state.step), None, None
    point = step in plan.points_at()
    if point:
        bits = finite(trainer.evaluate(valid).bits_per_char)
        if plan.sample_chars:
            tokens = max(1, round(plan.sample_chars / trainer.chars_per_token))
            arguments = trainer.model, trainer.tokenizer, trainer.state.params
            sample = write_samples(*arguments, seed, 1, tokens, Filters())[0]
    if point or (plan.report_every and step % plan.report_every == 0):
        journal.add(_line(trainer, journal, bits, sample))
    if point:
        _show(journal.lines[-1], plan, label)
    if point or (plan.save_every and step % plan.save_every == 0):
        journal.save(trainer.state, bits)


def _line(trainer: Trainer, journal: Journal, bits: float | None, sample: str | None) -> Line:
    step, tally = int(trainer.state.step), journal.tally
    skipped = _skipped(trainer.state.opt_state)
    before = journal.lines[-1] if journal.lines else None
    counted = max(1, tally.steps - (skipped - (before.skipped if before else 0)))
    nats, grad_norm = tally.nats / counted, tally.grad_norm / counted
    return Line(
        step=step,
        chars=round(step * trainer.chars_per_step),
        seconds=tally.seconds,
        nats=finite(nats),
        bits_per_char=finite(nats / math.log(2) / trainer.chars_per_token),
        learning_rate=float(np.asarray(learning_rate(trainer.schedule)(step - 1))),
        grad_norm=finite(grad_norm),
        chars_per_second=tally.steps * trainer.chars_per_step / max(tally.seconds - tally.line_seconds, 1e-9),
        skipped=skipped,
        valid_bits_per_char=bits,
        sample=sample,
    )


def _skipped(opt_state: Any) -> int:
    return int(getattr(opt_state, "total_notfinite", 0))


def _so_far(trainer: Trainer, journal: Journal) -> str:
    """What stands behind the progress bar."""
    tally = journal.tally
    speed = tally.steps * trainer.chars_per_step / max(tally.seconds - tally.line_seconds, 1e-9)
    valid = [line.valid_bits_per_char for line in journal.lines if line.valid_bits_per_char is not None]
    return f"{speed:,.0f} chars/s" + (f", valid {valid[-1]:.3f}" if valid else "")


def _show(line: Line, plan: Plan, label: str) -> None:
    nats, bits = (math.nan if x is None else x for x in (line.nats, line.valid_bits_per_char))
    console.print(
        f"  {label} {line.step:>6,}/{plan.steps:,}  {nats:.3f} nats/token  "
        f"valid {bits:.3f} bits/char  {line.chars_per_second:,.0f} chars/s",
        soft_wrap=True,
    )
    if line.sample:
        console.print(line.sample, style="dim", soft_wrap=True)


def _leave(trainer: Trainer, journal: Journal, number: int) -> None:
    if journal.saved != int(trainer.state.step):
        journal.save(trainer.state)
    journal.close()
    raise Interrupted(number, f"stopped after step {journal.saved}, which is saved")
