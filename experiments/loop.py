"""The loop of a training run: its steps, and what is due between them."""

import math
import time
from contextlib import closing
from functools import partial

import numpy as np
import optax

from charrnn_jax.errors import TrainingError
from charrnn_jax.optimisers import annealed, should_anneal, should_average
from charrnn_jax.sampling import Filters
from charrnn_jax.text.tokens import Tokens
from experiments.fit import Trainer, write_samples
from experiments.interruption import Interrupted, Signals, finishing_steps
from experiments.journal import Journal, Line, finite
from experiments.plan import Plan, validations
from experiments.schedule import learning_rate
from experiments.shell import console, progress


def train(trainer: Trainer, valid: Tokens, plan: Plan, journal: Journal, label: str, seed: int) -> list[Line]:
    """From the state's step to the last one. Returns the lines of the log, those of before included.

    Raises TrainingError where numbers are not finite, with the last checkpoint good; and Interrupted when a signal
    came, with the step in progress saved.
    """
    step = int(trainer.state.step)
    reported = journal.lines[-1].step if journal.lines else 0
    with finishing_steps() as signals, closing(journal), progress(label, step, plan.steps) as advance:
        if journal.saved is None:
            journal.save(trainer.kept_state)
        for stop in plan.stops(step, reported):
            if plan.gives_up(validations(journal.lines)):
                console.print(f"  {label}: no better validation in {plan.patience} points, training ends")
                break
            for n in range(int(trainer.state.step), stop):
                _step(trainer, n, journal)
                advance(_so_far(trainer, journal))
                if signals.after(n):
                    break
            _due(trainer, valid, plan, journal, label, seed, signals)
            if signals.said():
                break
    if number := signals.said():
        raise Interrupted(number, f"stopped after step {journal.saved}, which is saved")
    return journal.lines


def _step(trainer: Trainer, n: int, journal: Journal) -> None:
    begun = time.perf_counter()
    nats, grad_norm = trainer.take_step(n)
    if not (math.isfinite(nats) and math.isfinite(grad_norm)):
        if trainer.schedule.on_nonfinite == "stop":
            what = "loss" if not math.isfinite(nats) else "norm of the gradient"
            raise TrainingError(_advice(f"at step {n} the {what} is not finite", trainer, n, journal))
        nats = grad_norm = None  # left out of the parameters, and of the sums
    journal.tally = journal.tally.add(nats, grad_norm, time.perf_counter() - begun)


def _advice(what: str, trainer: Trainer, n: int, journal: Journal) -> str:
    tally, rate = journal.tally, trainer.schedule.learning_rate
    before = f", after {tally.nats / tally.counted:.3g} nats per token on average" if tally.counted else ""
    text = f"its first stream reads {trainer.text_of(n)!r}"
    return (
        f"{what}{before}; {text}. The learning rate {rate:g} is likely too high: begin again with a lower one, or with "
        f"--on-nonfinite skip; --init-from takes the weights of checkpoint {journal.saved}, which is good"
    )


def _due(
    trainer: Trainer, valid: Tokens, plan: Plan, journal: Journal, label: str, seed: int, signals: Signals
) -> None:
    """What is due after the state's step: a line, with a validation at points; a checkpoint.

    When a signal comes, the state is saved; a validation that it cuts short is taken up when the run is.
    """
    step, bits, sample = int(trainer.state.step), None, None
    if plan.is_point(step):
        try:
            bits = finite(trainer.evaluate(valid, partial(_stop, signals)).bits_per_char)
        except StopIteration:
            _save(trainer, journal, None)
            return
        sample = _sample(trainer, plan.sample_chars, seed) if plan.sample_chars else None
    if plan.has_line(step):
        journal.add(_line(trainer, journal, bits, sample))
    if plan.is_point(step):
        _heed(trainer, journal)
        _show(journal.lines[-1], plan, label)
    if plan.has_checkpoint(step) or (signals.said() and journal.saved != step):
        _save(trainer, journal, bits)


def _heed(trainer: Trainer, journal: Journal) -> None:
    """What the validation of the last line has training do."""
    schedule, now = trainer.schedule, journal.lines[-1].valid_bits_per_char
    if schedule.average_after and should_average(validations(journal.lines), schedule.average_after):
        trainer.begins_averaging()
    before = validations(journal.lines[:-1])
    if schedule.decay == "anneal" and should_anneal(before, math.nan if now is None else now):
        trainer.anneals()


def _stop(signals: Signals) -> None:
    """Between two windows of a validation."""
    if signals.said():
        raise StopIteration


def _save(trainer: Trainer, journal: Journal, bits: float | None) -> None:
    """Only what training can go on from: the parameters may be past saving a step before a loss shows it."""
    if not math.isfinite(float(optax.tree.norm(trainer.state.params))):
        step = int(trainer.state.step)
        raise TrainingError(_advice(f"after step {step} the parameters are not finite", trainer, step - 1, journal))
    journal.save(trainer.kept_state, bits)


def _sample(trainer: Trainer, chars: int, seed: int) -> str:
    tokens = max(1, round(chars / trainer.chars_per_token))
    return write_samples(trainer.model, trainer.tokenizer, trainer.params, seed, 1, tokens, Filters())[0]


def _line(trainer: Trainer, journal: Journal, bits: float | None, sample: str | None) -> Line:
    step, tally = int(trainer.state.step), journal.tally
    if not tally.counted:
        what = f"none of the {tally.steps} updates before step {step} was finite"
        raise TrainingError(_advice(what, trainer, step - 1, journal))
    nats, grad_norm = tally.nats / tally.counted, tally.grad_norm / tally.counted
    return Line(
        step=step,
        chars=round(step * trainer.chars_per_step),
        seconds=tally.seconds,
        nats=nats,
        bits_per_char=nats / math.log(2) / trainer.chars_per_token,
        learning_rate=float(np.asarray(learning_rate(trainer.schedule)(step - 1))) * annealed(trainer.state.opt_state),
        grad_norm=grad_norm,
        chars_per_second=_speed(trainer, journal),
        skipped=tally.skipped,
        valid_bits_per_char=bits,
        sample=sample,
    )


def _speed(trainer: Trainer, journal: Journal) -> float:
    """Characters a second since the last line."""
    tally = journal.tally
    return tally.steps * trainer.chars_per_step / max(tally.seconds - tally.line_seconds, 1e-9)


def _so_far(trainer: Trainer, journal: Journal) -> str:
    """What stands behind the progress bar."""
    valid = f", valid {journal.valid:.3f}" if journal.valid is not None else ""
    return f"{_speed(trainer, journal):,.0f} chars/s{valid}"


def _show(line: Line, plan: Plan, label: str) -> None:
    bits = math.nan if line.valid_bits_per_char is None else line.valid_bits_per_char
    console.print(
        f"  {label} {line.step:>6,}/{plan.steps:,}  {line.nats:.3f} nats/token  "
        f"valid {bits:.3f} bits/char  {line.chars_per_second:,.0f} chars/s",
        soft_wrap=True,
    )
    if line.sample:
        console.print(line.sample, style="dim", soft_wrap=True)
