"""How a model is trained: for how long, how fast, by which rule."""

from dataclasses import dataclass
from typing import Literal

import optax

from charrnn_jax.frozen import frozen
from charrnn_jax.optimisers import averaged, clip_by_norm, scale_by_annealing, scale_by_share

Optimizer = Literal["adam", "rmsprop", "sgd"]
Decay = Literal["cosine", "linear", "steps", "anneal", "none"]
ClipBy = Literal["norm", "value"]
OnNonfinite = Literal["stop", "skip"]


@dataclass(frozen=True)
class Schedule:
    """How long to train, and how fast."""

    steps: int
    batch_size: int
    length: int
    """T: the tokens through which the gradient goes back."""
    learning_rate: float
    random_length: bool = False
    """Whether T is drawn for each step, around this one, and the learning rate scaled with it."""
    accumulate: int = 1
    """The parts in which the streams of a batch are read, one after another."""
    warmup: int = 100
    decay: Decay = "cosine"
    """How the learning rate falls after the warm-up: to a fiftieth, by steps, or when validation says so."""
    decay_at: tuple[int, ...] = ()
    """The steps from which on it is multiplied once more by `decay_by`."""
    decay_by: float = 0.5
    optimizer: Optimizer = "adam"
    squares: float = 0.99
    """How much of the mean of squared gradients, of Adam and of RMSProp, a step keeps."""
    weight_decay: float = 0.0
    """So much of the weights is added to the clipped gradient, as PyTorch does."""
    clip: float = 1.0
    """The largest global norm of a gradient, or the largest of its numbers."""
    clip_by: ClipBy = "norm"
    freeze_vectors: bool = False
    """Whether rows of the embedding that came from a file of vectors stay as they are."""
    on_nonfinite: OnNonfinite = "stop"
    """What a step does whose loss or gradient is not finite."""
    average_after: int = 0
    """Average parameters once a validation is worse than the best of those more than so many before it; 0: never."""
    drop_state: float = 0.05
    """The probability that a stream starts a window from the zero state."""


def make_optimizer(schedule: Schedule) -> optax.GradientTransformation:
    """The rule on clipped gradients."""
    rate, squares = learning_rate(schedule), schedule.squares
    rules = {
        "adam": lambda: optax.adam(rate, b2=squares),
        "rmsprop": lambda: optax.rmsprop(rate, decay=squares, eps=1e-8, eps_in_sqrt=False),
        "sgd": lambda: optax.sgd(rate),
    }
    clip = (clip_by_norm if schedule.clip_by == "norm" else optax.clip)(schedule.clip)
    decayed = [optax.add_decayed_weights(schedule.weight_decay)] if schedule.weight_decay else []
    shared = [scale_by_share()] if schedule.random_length else []
    annealing = [scale_by_annealing()] if schedule.decay == "anneal" else []
    optimizer = optax.chain(clip, *decayed, rules[schedule.optimizer](), *shared, *annealing)
    if schedule.on_nonfinite == "skip":
        optimizer = optax.apply_if_finite(optimizer, 2**31 - 1)
    if schedule.freeze_vectors:
        return frozen(optimizer, "embedding")
    return averaged(optimizer) if schedule.average_after else optimizer


def learning_rate(schedule: Schedule) -> optax.Schedule:
    """By step: it rises from zero, then falls, if not by annealing."""
    steps, peak = max(schedule.steps, 2), schedule.learning_rate
    warmup = min(schedule.warmup, max(1, schedule.steps // 10))
    if schedule.decay == "cosine":
        return optax.warmup_cosine_decay_schedule(0.0, peak, warmup, steps, peak / 50)
    if schedule.decay == "steps":
        drops = {step - warmup: schedule.decay_by for step in schedule.decay_at}  # a join counts from its border
        fall = optax.piecewise_constant_schedule(peak, drops)
    else:
        last = peak / 50 if schedule.decay == "linear" else peak
        fall = optax.linear_schedule(peak, last, steps - warmup)
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), fall], [warmup]) if warmup else fall
