from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax import losses
from charrnn_jax.model import LanguageModel, init_params, init_state, score
from charrnn_jax.parameters import count_parameters
from charrnn_jax.text.streams import Batch
from charrnn_jax.training import make_train_step
from experiments.fit import begin
from experiments.measures.flops import Flops, flops, flops_per_char, output_flops
from experiments.schedule import Schedule, make_optimizer

CELLS = ("elman", "gru", "lstm")
FEW, MANY = 64, 512  # of the vocabulary: fewer than tokens, and more
MODELS = {
    "folded": {"vocab_size": FEW},
    "folded and tied": {"vocab_size": FEW, "tied": True},
    "look-up": {"vocab_size": MANY},
    "look-up and tied": {"vocab_size": MANY, "tied": True},
    "dropout": {"vocab_size": FEW, "dropout": 0.5},
    "one-hot": {"vocab_size": FEW, "input_mode": "one_hot"},
    "one-hot and tied": {"vocab_size": MANY, "input_mode": "one_hot", "tied": True},
    "direct": {"vocab_size": MANY, "input_mode": "direct"},
    "two layers": {"vocab_size": FEW, "num_layers": 2},
}


def model_of(name, cell, size):
    return LanguageModel(embed_size=size, hidden_size=size, cell=cell, **MODELS[name])


def arguments_of(model, T, B):
    params = jax.eval_shape(lambda: init_params(model, jax.random.key(0)))
    state = jax.eval_shape(lambda: init_state(model, B))
    ids = jax.ShapeDtypeStruct((T, B), jnp.int32)
    return params, state, ids, ids


def forward(model, params, state, inputs, targets):
    return jnp.mean(score(model, params, inputs, targets, state)[1])


def training(model, *arguments):
    """By the state too: XLA, which sees every step of an unrolled loop, would leave out the last product backward."""
    return jax.value_and_grad(partial(forward, model), argnums=(0, 1))(*arguments)


@pytest.fixture
def unrolled(monkeypatch):
    """XLA counts the body of a loop once: without loops, it counts all."""
    monkeypatch.setattr(jax.lax, "scan", partial(jax.lax.scan, unroll=True))


def products(jaxpr):
    """What the matrix products of a program cost: in a scan as often as it goes round, in any other loop once."""
    total = 0
    for equation in jaxpr.eqns:
        times = equation.params["length"] if equation.primitive.name == "scan" else 1
        if equation.primitive.name == "dot_general":
            ((contracted, _), _) = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            total += 2 * int(np.prod(equation.outvars[0].aval.shape)) * int(np.prod([left[i] for i in contracted]))
        inner = (getattr(value, "jaxpr", value) for value in equation.params.values())
        total += sum(times * products(program) for program in inner if hasattr(program, "eqns"))
    return total


def test_a_tiny_model_by_hand():
    model = LanguageModel(10, 3, 4, cell="lstm")
    # Two steps of three streams; the vocabulary is larger: 3 -> 16 for six tokens, 4 -> 16, 4 -> 10.
    assert flops(model, 2, 3, training=False) == Flops(0, 2 * 6 * (3 * 16 + 4 * 16), 2 * 6 * 4 * 10)
    # Four steps of three streams are twelve tokens: 3 -> 16 for ten rows.
    assert flops(model, 4, 3, training=False) == Flops(0, 2 * (10 * 3 * 16 + 12 * 4 * 16), 2 * 12 * 4 * 10)
    assert flops(model, 4, 3, training=True) == Flops(0, 3 * 2 * (10 * 3 * 16 + 12 * 4 * 16), 3 * 2 * 12 * 4 * 10)
    one_hot = model.clone(input_mode="one_hot")
    assert flops(one_hot, 2, 3, training=True) == Flops(2 * 2 * 6 * 10 * 3, 3 * 1344, 3 * 480)
    assert flops_per_char(model, 2, 3, training=False, chars_per_token=4.0) == (1344 + 480) / 6 / 4


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_count_is_that_of_the_program(cell, name):
    """But for the gradient of the output's bias: a sum over the tokens, which runs as a product with a row of ones."""
    model = model_of(name, cell, 8)
    arguments = arguments_of(model, 3, 40)
    bias = 2 * 3 * 40 * model.vocab_size
    for program, is_training, sums in ((forward, False, 0), (training, True, bias)):
        jaxpr = jax.make_jaxpr(partial(program, model))(*arguments)
        assert flops(model, 3, 40, is_training).total + sums == products(jaxpr.jaxpr)


@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.usefixtures("unrolled")
def test_the_count_is_that_of_xla_but_for_pointwise_work(cell, name, is_training):
    model = model_of(name, cell, 128)
    program = partial(training if is_training else forward, model)
    compiled = jax.jit(program).lower(*arguments_of(model, 2, 128)).compile()
    counted = flops(model, 2, 128, is_training).total
    assert 1 <= compiled.cost_analysis()["flops"] / counted < 1.06


@pytest.mark.usefixtures("unrolled")
def test_a_step_of_training_costs_little_more_than_its_products():
    T, B, model = 4, 256, LanguageModel(64, 128, 128, tied=True)
    schedule = Schedule(100, B, T, 1e-3)
    state = jax.eval_shape(partial(begin, model, schedule), jax.random.key(0))
    ids, weights = jax.ShapeDtypeStruct((T, B), jnp.int32), jax.ShapeDtypeStruct((T, B), jnp.float32)
    batch = Batch(ids, ids, weights, jax.ShapeDtypeStruct((), jnp.bool_))
    train_step = make_train_step(partial(score, model), make_optimizer(schedule), jax.random.key(0))
    xla = jax.jit(train_step).lower(state, batch).compile().cost_analysis()["flops"]
    recurrence_begins = 2 * B * 128 * 512  # no one asks for the gradient of the state before the window
    assert 1 <= xla / (flops(model, T, B, training=True).total - recurrence_begins) < 1.05


def test_chunks_are_worked_out_twice(monkeypatch):
    tokens, V, H = 64, 256, 128
    monkeypatch.setattr(losses, "LOGITS", tokens * V // 2)
    output = losses.Output(jnp.zeros((H, V)), jnp.zeros(V))
    arguments = output, jnp.zeros((tokens, 1, H)), jnp.zeros((tokens, 1), jnp.int32)
    loss = jax.grad(lambda output, h, targets: jnp.mean(losses.token_nats(output, h, targets)), argnums=(0, 1))
    counted = output_flops(tokens, V, H, training=True, by_chunks=True)
    assert counted == 4 * 2 * tokens * V * H == 2 * products(jax.make_jaxpr(loss)(*arguments).jaxpr)  # two chunks
    assert flops(LanguageModel(V, H, H), tokens, 1, training=True).output == counted
    xla = 2 * jax.jit(loss).lower(*arguments).compile().cost_analysis()["flops"]
    assert 1 <= xla / counted < 1.06


def test_at_equal_sizes_the_parts_are_those_of_the_parameters():
    """A token passes each weight once: where the look-up costs nothing, operations are twice the weights."""
    model = LanguageModel(MANY, 16, 16, cell="elman", num_layers=2)
    weights = count_parameters(model)
    per_token = flops(model, 1, 1, training=False)
    assert per_token.recurrent == 2 * (weights.recurrent - 2 * 16)  # less its biases
    assert per_token.output == 2 * (weights.output - MANY)
