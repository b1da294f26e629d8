"""The output layer's share of a model: of its parameters, of its operations, of the time of a step of training."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from charrnn_jax.errors import InputError
from charrnn_jax.losses import chunked_softmax_nats, softmax_nats
from charrnn_jax.model import LanguageModel, init_params, init_state, score
from charrnn_jax.outputs import tied_weights
from charrnn_jax.parameters import count_parameters
from charrnn_jax.text.streams import Batch
from charrnn_jax.training import TrainState, init_train_state
from charrnn_jax.types import Array, Ids, Nats, Params
from experiments.fit import spread_training
from experiments.measures.flops import flops, output_flops
from experiments.measures.speed import median_interval, take_turns
from experiments.schedule import Schedule, make_optimizer

CHUNKS = 4
"""Into how many the vocabulary is cut for the chunked softmax of the table."""


def output_share(model: LanguageModel, T: int, B: int, rounds: int) -> dict[str, Any]:
    """Its share of the model as it trains: `{"parameters", "flops", "time": {"estimate", "low", "high"}}`.

    The time of the output layer is that of a step, less that of a step whose loss is made of h alone, and which has
    no output layer to update.
    """
    both = {"with": compile_step(partial(score, model), model, T, B), "without": step_without(model, T, B)}
    seconds = take_turns(both, rounds)
    operations = flops(model, T, B, training=True)
    return {
        "parameters": parameter_share(model),
        "flops": operations.output / operations.total,
        "time": time_share(seconds["with"], seconds["without"]),
        "time_raw": _raw(seconds["with"], seconds["without"]),
    }


def _raw(with_output: Sequence[float], without: Sequence[float]) -> dict[str, list[list[float]]]:
    """Of each round, the seconds in the output layer and those of the step: what `statistics.ratio` takes."""
    own = [long - short for long, short in zip(with_output, without, strict=True)]
    return {"numerators": [own], "denominators": [list(with_output)]}


def output_share_by_vocabulary(
    model: LanguageModel, T: int, B: int, vocab_sizes: Sequence[int], rounds: int
) -> list[dict[str, Any]]:
    """A row of shares for each vocabulary and each `softmax`: `full`, `tied`, and `chunked`, a quarter at a time.

    Raises InputError where E is not H: tied weights need that.
    """
    if model.embed_size != model.hidden_size:
        raise InputError(f"embeddings of {model.embed_size} cannot be tied: use a model with as many hidden units")
    return [row for V in vocab_sizes for row in _rows(model.clone(vocab_size=V), T, B, rounds)]


def _rows(model: LanguageModel, T: int, B: int, rounds: int) -> list[dict[str, Any]]:
    chunked = partial(chunked_softmax_nats, chunk=-(-model.vocab_size // CHUNKS))
    free, tied = model.clone(tied=False), model.clone(tied=True)
    variants: dict[str, Any] = {"full": (free, softmax_nats), "tied": (tied, softmax_nats), "chunked": (free, chunked)}
    steps = {name: step_with(variant, softmax, T, B) for name, (variant, softmax) in variants.items()}
    without = {f"without, tied: {variant.tied}": step_without(variant, T, B) for variant in (free, tied)}
    seconds = take_turns(steps | without, rounds)
    return [
        {
            "vocab_size": model.vocab_size,
            "softmax": name,
            "parameters": parameter_share(variant),
            "flops": flops_share(variant, T, B, by_chunks=name == "chunked"),
            "time": time_share(seconds[name], seconds[f"without, tied: {variant.tied}"]),
        }
        for name, (variant, _) in variants.items()
    ]


def parameter_share(model: LanguageModel) -> float:
    """Of all parameters, those that the output layer multiplies and adds: tied weights are among them."""
    return (model.hidden_size + 1) * model.vocab_size / count_parameters(model).total


def flops_share(model: LanguageModel, T: int, B: int, by_chunks: bool) -> float:
    """Of the products of a step, with the softmax that is named."""
    operations = flops(model, T, B, training=True)
    output = output_flops(T * B, model.vocab_size, model.hidden_size, True, by_chunks)
    return output / (operations.embedding + operations.recurrent + output)


def time_share(with_output: Sequence[float], without: Sequence[float]) -> dict[str, float]:
    """From the seconds of both steps, round by round: the median of the shares, and its interval."""
    return median_interval([1 - short / long for long, short in zip(with_output, without, strict=True)])


def step_with(model: LanguageModel, softmax: Callable[..., Nats], T: int, B: int) -> Callable[[], Any]:
    """A step of training through that softmax."""

    def nats_of(params: Params, ids: Ids, targets: Ids, carry: Any, key: Array) -> tuple[Any, Nats]:
        carry, h = _hidden(model, params, ids, carry, key)
        output = params["output"]
        if model.tied:
            output = output._replace(W=tied_weights(params["embedding"], model.precision))
        return carry, softmax(output, h, targets, precision=model.precision)

    return compile_step(nats_of, model, T, B)


def step_without(model: LanguageModel, T: int, B: int) -> Callable[[], Any]:
    """A step of training whose loss is the square of h, without an output layer to update."""
    shapes = jax.eval_shape(partial(init_params, model), jax.random.key(0))["output"]
    absent = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)  # the model asks for it, and never uses it

    def nats_of(params: Params, ids: Ids, targets: Ids, carry: Any, key: Array) -> tuple[Any, Nats]:
        del targets
        carry, h = _hidden(model, params | {"output": absent}, ids, carry, key)
        return carry, jnp.sum(h * h, axis=-1)

    return compile_step(nats_of, model, T, B, left_out=("output",))


def compile_step(
    nats_of: Callable, model: LanguageModel, T: int, B: int, left_out: tuple[str, ...] = ()
) -> Callable[[], Any]:
    """Takes a step that hardly moves the parameters, on the same random window every time."""
    schedule = Schedule(steps=10**6, batch_size=B, length=T, learning_rate=1e-6)

    def begin(key: Array) -> TrainState:
        params = {name: part for name, part in init_params(model, key).items() if name not in left_out}
        return init_train_state(params, make_optimizer(schedule), init_state(model, B))

    jitted, state = spread_training(nats_of, schedule, jax.random.key(1), jax.jit(begin)(jax.random.key(0)))
    inputs, targets = np.random.default_rng(0).integers(0, model.vocab_size, (2, T, B), np.int32)
    batch = Batch(inputs, targets, np.ones((T, B), np.float32), np.array(False))
    compiled = jitted.lower(state, batch).compile()

    def take_step() -> Any:
        nonlocal state
        state, metrics = compiled(state, batch)
        return state, metrics

    return take_step


def _hidden(model: LanguageModel, params: Params, ids: Ids, carry: Any, key: Array) -> Any:
    return model.apply({"params": params}, ids, carry, key)
