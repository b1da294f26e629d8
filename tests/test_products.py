from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.products import product, product_of_transposed, product_with_transposed, transposed

SHAPES = [(1, 1, 1), (1, 5, 3), (7, 1, 4), (3, 8, 1), (33, 17, 65), (64, 128, 256)]


def operands(N, K, M, dtype="float32"):
    x, W, dy = (
        jax.random.normal(key, shape)
        for key, shape in zip(jax.random.split(jax.random.key(N + K + M), 3), [(N, K), (K, M), (N, M)], strict=True)
    )
    return x.astype(dtype), W.astype(dtype), dy.astype(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_a_product_and_its_gradients_are_those_of_matmul(shape, dtype, tolerance):
    with jax.enable_x64(dtype == "float64"):
        x, W, dy = operands(*shape, dtype)
        ours, pull_back = jax.vjp(jax.jit(product), x, W)
        plain, plain_pull_back = jax.vjp(jnp.matmul, x, W)
        close = partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
        jax.tree.map(close, (ours, pull_back(dy)), (plain, plain_pull_back(dy)))
        assert ours.dtype == dtype


@pytest.mark.parametrize("shape", SHAPES)
def test_bfloat16_rounds_operands_and_no_sum(shape):
    x, W, dy = operands(*shape)
    rounded_x, rounded_W, rounded_dy = (np.asarray(a.astype(jnp.bfloat16), np.float64) for a in (x, W, dy))
    y, pull_back = jax.vjp(jax.jit(partial(product, precision="bfloat16")), x, W)
    dx, dW = pull_back(dy)
    assert {y.dtype, dx.dtype, dW.dtype} == {jnp.dtype("float32")}
    close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5 * shape[1])
    close(y, rounded_x @ rounded_W)
    close(dx, rounded_dy @ rounded_W.T)
    close(dW, rounded_x.T @ rounded_dy, atol=1e-5 * shape[0])


def test_transposed_forms():
    x, W, dy = operands(5, 7, 3)
    np.testing.assert_array_equal(jax.jit(transposed)(x), x.T)
    np.testing.assert_allclose(product_of_transposed(x, dy), x.T @ dy, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(product_with_transposed(dy, W), dy @ W.T, rtol=1e-5, atol=1e-5)


def test_operands_already_rounded_are_summed_in_float32():
    x, W, _ = operands(4, 300, 3)
    ready = x.astype(jnp.bfloat16), W.astype(jnp.bfloat16)
    np.testing.assert_array_equal(product(*ready, "bfloat16"), product(x, W, "bfloat16"))
    gradients = jax.grad(lambda x, W: jnp.sum(product(x, W, "bfloat16")), argnums=(0, 1))
    exact = gradients(*(a.astype(jnp.float32) for a in ready))
    for got, wanted in zip(gradients(*ready), exact, strict=True):
        assert got.dtype == jnp.bfloat16
        np.testing.assert_allclose(got.astype(jnp.float32), wanted, rtol=0.01, atol=1e-3)
