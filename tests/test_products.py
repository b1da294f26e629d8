from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.products import (
    multiplier,
    multiplier_with_transposed,
    product,
    product_of_transposed,
    product_with_transposed,
    transposed,
)

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


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("copied", ["W", "x"])
def test_a_multiplier_gives_the_product_whichever_operand_is_copied(copied, transpose, precision):
    rows, calls = (1, 9) if copied == "x" else (64, 9)
    x, W, dy = operands(rows, 48, 96)
    x, other = (dy, W.T) if transpose else (x, W)
    way = (multiplier_with_transposed if transpose else multiplier)(W, rows, calls, precision)
    assert ("optimization_barrier" in jax.jit(way).lower(x).as_text()) == (copied == "x")
    found = jax.jit(way)(x)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, product(x, other, precision), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("transpose", [False, True])
def test_only_a_cpu_multiplies_the_other_way_round(transpose):
    x, W, dy = operands(1, 48, 96)
    of, x = (multiplier_with_transposed, dy) if transpose else (multiplier, x)
    for platform, turned in (("cpu", True), ("cuda", False), ("tpu", False)):
        lowered = jax.jit(of(W, 1, 9)).trace(x).lower(lowering_platforms=(platform,)).as_text()
        assert ("optimization_barrier" in lowered) == turned
        assert ("transpose" in lowered) == turned


def test_weights_that_are_used_once_are_not_copied_before():
    x, W, _ = operands(1, 48, 96)
    assert "optimization_barrier" not in jax.jit(multiplier(W, 1, calls=1)).lower(x).as_text()
