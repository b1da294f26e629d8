from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.adaptive_softmax import BLOCK, Adaptive, Tail, adaptive_log_probs, adaptive_nats, init_adaptive
from charrnn_jax.losses import Output, linear, softmax_nats

T, B, H, V = 25, 12, 8, 30
CUTOFFS = (5, 12, 20)
KEY, B_KEY, H_KEY, TARGET_KEY = jax.random.split(jax.random.key(0), 4)


def scaled(params):
    """Larger weights and a bias, so that the probabilities are far from equal."""
    params = jax.tree.map(lambda x: 3 * x, params)
    return params._replace(head=Output(params.head.W, jax.random.normal(B_KEY, params.head.b.shape)))


PARAMS = scaled(init_adaptive(KEY, H, V, CUTOFFS, 2.0))
HIDDEN = jax.random.normal(H_KEY, (T, B, H))
TARGETS = jax.random.randint(TARGET_KEY, (T, B), 0, V)
JITTED = jax.jit(adaptive_nats)
assert T * B > 2 * BLOCK, "several blocks, the last one not full"


def brute_force(params, h):
    """The probability of every token of the vocabulary, normalised explicitly."""
    head = jnp.exp(jnp.einsum("tbh,hc->tbc", h, params.head.W) + params.head.b[None, None, :])
    head /= head.sum(axis=-1, keepdims=True)
    parts = [head[..., : CUTOFFS[0]]]
    for i, tail in enumerate(params.tails):
        scores = jnp.exp(jnp.einsum("tbh,hd,dv->tbv", h, tail.P, tail.W))
        share = head[..., CUTOFFS[0] + i : CUTOFFS[0] + i + 1]
        parts.append(share * scores / scores.sum(axis=-1, keepdims=True))
    return jnp.concatenate(parts, axis=-1)


def brute_force_nats(params, h, targets):
    return -jnp.log(jnp.take_along_axis(brute_force(params, h), targets[..., None], axis=-1)[..., 0])


def log_prob_nats(params, h, targets):
    return -jnp.take_along_axis(adaptive_log_probs(params, h), targets[..., None], axis=-1)[..., 0]


def test_the_shapes_are_those_of_the_cuts():
    assert PARAMS.head.W.shape == (H, 5 + 3)
    assert [tail.P.shape for tail in PARAMS.tails] == [(H, 4), (H, 2), (H, 1)]
    assert [tail.W.shape for tail in PARAMS.tails] == [(4, 7), (2, 8), (1, 10)]
    assert init_adaptive(KEY, 3, 9, (2,), 4.0).tails[0].P.shape == (3, 1)


@pytest.mark.parametrize("cutoffs", [(0, 5), (5, 5), (6, 5), (5, 30), (-1,)])
def test_cutoffs_that_do_not_cut_are_refused(cutoffs):
    with pytest.raises(ValueError, match="cutoffs must increase between 1 and 29"):
        init_adaptive(KEY, H, V, cutoffs)


@pytest.mark.parametrize(
    ("way", "dtype", "tolerance"),
    [(adaptive_nats, "float64", 1e-10), (adaptive_nats, "float32", 2e-5), (log_prob_nats, "float64", 1e-10)],
)
def test_nats_and_gradients_are_those_of_the_explicit_normalisation(way, dtype, tolerance):
    with jax.enable_x64(dtype == "float64"):
        params, h = jax.tree.map(lambda x: jnp.asarray(x, dtype), (PARAMS, HIDDEN))
        weights = jnp.sin(jnp.arange(T * B, dtype=dtype)).reshape(T, B)

        def value_and_gradient(nats_of):
            def loss(params, h):
                nats = nats_of(params, h, TARGETS)
                return jnp.sum(nats * weights), nats

            return jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(params, h)

        close = partial(np.testing.assert_allclose, rtol=tolerance, atol=10 * tolerance)
        jax.tree.map(close, value_and_gradient(way), value_and_gradient(brute_force_nats))


def test_the_probabilities_of_the_vocabulary_sum_to_one():
    log_probs = adaptive_log_probs(PARAMS, HIDDEN)
    assert log_probs.shape == (T, B, V)
    np.testing.assert_allclose(jnp.exp(log_probs).sum(axis=-1), np.ones((T, B)), rtol=1e-5)
    np.testing.assert_allclose(adaptive_log_probs(PARAMS, HIDDEN[0]), log_probs[0], rtol=1e-5)


@pytest.mark.parametrize("cluster", [(0, 5), (5, 12), (12, 20), (20, 30)])
def test_all_tokens_may_be_of_one_cluster(cluster):
    """No capacity: nothing is dropped however the targets fall."""
    targets = jax.random.randint(TARGET_KEY, (T, B), *cluster)
    nats = JITTED(PARAMS, HIDDEN, targets)
    np.testing.assert_allclose(nats, brute_force_nats(PARAMS, HIDDEN, targets), rtol=2e-5, atol=1e-5)


def test_a_tail_without_targets_is_not_computed():
    """Its weights may be NaN, in value and in gradient."""
    targets = TARGETS % 12
    broken = PARAMS._replace(tails=(PARAMS.tails[0], *(jax.tree.map(lambda x: x * jnp.nan, PARAMS.tails[1:]))))
    loss = jax.jit(jax.value_and_grad(lambda *arguments: jnp.sum(adaptive_nats(*arguments)), argnums=(0, 1)))
    value, gradient = loss(broken, HIDDEN, targets)
    jax.tree.map(np.testing.assert_array_equal, (value, gradient), loss(PARAMS, HIDDEN, targets))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient[0].tails[1:]))
    assert np.any(gradient[0].tails[0].W)


def test_no_cutoffs_is_the_full_softmax():
    params = scaled(init_adaptive(KEY, H, V, ()))
    np.testing.assert_array_equal(adaptive_nats(params, HIDDEN, TARGETS), softmax_nats(params.head, HIDDEN, TARGETS))
    expected = jax.nn.log_softmax(linear(params.head, HIDDEN))
    np.testing.assert_allclose(adaptive_log_probs(params, HIDDEN), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bad", [V, -1, -V, 10**6])
def test_a_target_outside_the_vocabulary_costs_nan_and_no_other_target_does(bad):
    nats = JITTED(PARAMS, HIDDEN, TARGETS.at[1, 2].set(bad))
    assert np.argwhere(np.isnan(nats)).tolist() == [[1, 2]]


def test_targets_of_few_bits_find_their_columns():
    params = init_adaptive(KEY, H, 300, (150, 200))
    targets = TARGETS.astype(jnp.int8)
    np.testing.assert_array_equal(JITTED(params, HIDDEN, targets), JITTED(params, HIDDEN, TARGETS))


def test_in_bfloat16_nats_and_log_probs_round_alike():
    nats = adaptive_nats(PARAMS, HIDDEN, TARGETS, "bfloat16")
    log_probs = adaptive_log_probs(PARAMS, HIDDEN, "bfloat16")
    assert nats.dtype == log_probs.dtype == jnp.float32
    np.testing.assert_allclose(nats, -np.take_along_axis(log_probs, TARGETS[..., None], -1)[..., 0], rtol=1e-4)
    assert np.any(np.abs(nats - JITTED(PARAMS, HIDDEN, TARGETS)) > 1e-4)


def test_a_large_vocabulary_takes_a_fraction_of_the_memory():
    size, h, targets = 100_000, jnp.zeros((64, 32, 16)), jnp.zeros((64, 32), jnp.int32)
    adaptive = jax.eval_shape(lambda: init_adaptive(KEY, 16, size, (1_000, 10_000)))
    full = jax.ShapeDtypeStruct((16, size), jnp.float32), jax.ShapeDtypeStruct((size,), jnp.float32)

    def planned(nats_of, params):
        gradient = jax.grad(lambda *arguments: jnp.sum(nats_of(*arguments)), argnums=(0, 1))
        return jax.jit(gradient).lower(params, h, targets).compile().memory_analysis().temp_size_in_bytes

    assert planned(adaptive_nats, adaptive) < planned(softmax_nats, Output(*full)) / 8


@pytest.fixture
def torch():
    module = pytest.importorskip("torch", reason="parity needs torch (make test installs it)")
    module.manual_seed(0)
    return module


def from_torch(module):
    """The parameters of an `nn.AdaptiveLogSoftmaxWithLoss` with a bias in its head."""
    weights = {name: jnp.asarray(tensor.detach().numpy()) for name, tensor in module.state_dict().items()}
    tails = tuple(Tail(weights[f"tail.{i}.0.weight"].T, weights[f"tail.{i}.1.weight"].T) for i in range(3))
    return Adaptive(Output(weights["head.weight"].T, weights["head.bias"]), tails)


def test_values_and_gradients_equal_pytorch(torch):
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(H, V, list(CUTOFFS), div_value=2.0, head_bias=True)
    x = torch.tensor(np.asarray(HIDDEN.reshape(-1, H)), requires_grad=True)
    log_probs, loss = theirs(x, torch.tensor(np.asarray(TARGETS.reshape(-1)), dtype=torch.long))
    loss.backward()
    ours = from_torch(theirs)
    assert jax.tree.map(jnp.shape, ours) == jax.tree.map(jnp.shape, PARAMS)

    def mean(params, h):
        return jnp.mean(adaptive_nats(params, h, TARGETS))

    close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)
    close(-JITTED(ours, HIDDEN, TARGETS).reshape(-1), log_probs.detach().numpy())
    close(adaptive_log_probs(ours, HIDDEN).reshape(-1, V), theirs.log_prob(x).detach().numpy())
    d_params, dh = jax.jit(jax.grad(mean, argnums=(0, 1)))(ours, HIDDEN)
    close(dh.reshape(-1, H), x.grad.numpy())
    close(d_params.head.W, theirs.head.weight.grad.numpy().T)
    close(d_params.head.b, theirs.head.bias.grad.numpy())
    for tail, (P, W) in zip(d_params.tails, theirs.tail, strict=True):
        close(tail.P, P.weight.grad.numpy().T)
        close(tail.W, W.weight.grad.numpy().T)
