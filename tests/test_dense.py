"""The dense layer on every instruction set: its accuracy, its tails, and the activation fused into it."""

from __future__ import annotations

from functools import cache
from math import fsum
from typing import Any

import numpy as np
import pytest
from support import (
    DTYPES,
    ISAS,
    Array,
    apply,
    every_activation,
    every_dtype,
    every_isa,
    kernel_sizes,
    one_layer,
    same_bits,
)

from fastnn import reference

F32, F64 = DTYPES
# |error| of an output is at most this many units of roundoff of sum |w x| + |b|, up to 4096 inputs.
ERROR_LIMIT = 8.0

ROWS = sorted({*kernel_sizes(of=["tile_rows"]), 2, 4, 16, 17, 29, 31, 64, 67})
WIDTHS = sorted({*kernel_sizes(), 2, 5, 6, 23, 63, 65, 95, 127, 128, 129, 257})
DEPTHS = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 64, 127, 251, 255, 256, 257, 509, 513]
MAX_ROWS = max(ROWS)


def sampled(values: list[int], every: int, start: int) -> list[int]:
    """Return every so many of the values, so that successive starts reach all of them."""
    return values[start % every :: every]


@every_dtype
@every_isa
def test_whole_numbers_are_exact_in_every_shape(isa: str, dtype: np.dtype[Any]) -> None:
    rng = np.random.default_rng(0)
    for i, depth in enumerate(DEPTHS):
        for width in sampled(WIDTHS, 2, i):
            weight = rng.integers(-9, 10, (width, depth))
            bias = rng.integers(-99, 100, width)
            x = rng.integers(-9, 10, (MAX_ROWS, depth))
            expected = (x @ weight.T + bias).astype(dtype)
            net = one_layer(isa, weight.astype(dtype), bias.astype(dtype))
            batch = x.astype(dtype)
            for rows in sampled(ROWS, 4, i + width):
                out = np.full((rows, width), np.nan, dtype)
                net(batch[:rows], out, threads=1)
                assert np.array_equal(out, expected[:rows]), (rows, depth, width)
            assert np.array_equal(net(batch[0]), expected[0]), (depth, width)


@cache
def problem(
    depth: int, width: int, rows: int, dtype: np.dtype[Any]
) -> tuple[Array, Array, Array, Array, Array]:
    """Return weight, bias, x, the exact Z and sum |w x| + |b|."""
    rng = np.random.default_rng(depth + 1000 * width)
    weight = rng.standard_normal((width, depth)).astype(dtype)
    bias = rng.standard_normal(width).astype(dtype)
    x = rng.standard_normal((rows, depth)).astype(dtype)
    wide_w, wide_b, wide_x = (a.astype(np.float64) for a in (weight, bias, x))
    size = np.abs(wide_x) @ np.abs(wide_w).T + np.abs(wide_b)
    if dtype == F32:
        return weight, bias, x, wide_x @ wide_w.T + wide_b, size
    z = [[fsum([b, *exact_products(row, w)]) for w, b in zip(weight, bias, strict=True)] for row in x]
    return weight, bias, x, np.array(z).reshape(rows, width), size


def exact_products(a: Array, b: Array) -> list[float]:
    """Return numbers that add up to the products of a and b exactly (Dekker, 1971)."""
    a_upper, b_upper = upper_half(a), upper_half(b)
    parts = [
        a_upper * b_upper,
        a_upper * (b - b_upper),
        (a - a_upper) * b_upper,
        (a - a_upper) * (b - b_upper),
    ]
    return np.concatenate(parts).tolist()


def upper_half(a: Array) -> Array:
    scaled = a * 134217729.0
    return scaled - (scaled - a)


@pytest.mark.parametrize("depth", [1, 2, 3, 16, 17, 255, 256, 257, 513, 769, 1024])
@every_dtype
@every_isa
def test_error_of_the_sums(isa: str, dtype: np.dtype[Any], depth: int) -> None:
    rows = 70 if dtype == F32 else 5
    roundoff = np.finfo(dtype).eps / 2
    for width in (1, 7, 33, 130) if dtype == F32 else (3, 17):
        weight, bias, x, expected, size = problem(depth, width, rows, dtype)
        error = np.abs(one_layer(isa, weight, bias)(x) - expected) / (roundoff * size)
        assert error.max() <= ERROR_LIMIT, f"{error.max():.2f} units of roundoff for {depth} inputs"


@pytest.mark.parametrize("width", [3, 40])
@pytest.mark.parametrize("depth", [64, 256, 1024, 4096])
@every_dtype
@every_isa
def test_error_of_sums_of_one_sign(isa: str, dtype: np.dtype[Any], depth: int, width: int) -> None:
    # Without cancellation, a long chain of additions rounds at its worst.
    rng = np.random.default_rng(depth)
    weight = rng.uniform(0.5, 1, (width, depth)).astype(dtype)
    x = rng.uniform(0.5, 1, (5, depth)).astype(dtype)
    bias = rng.choice([0, 1, 100, 1000], width).astype(dtype)
    got = one_layer(isa, weight, bias)(x)
    for row, results in zip(x.astype(np.float64), got.astype(np.float64), strict=True):
        for w, b, z in zip(weight, bias.astype(np.float64), results, strict=True):
            products = exact_products(row, w)
            error = abs(fsum([*products, b, -z])) / (np.finfo(dtype).eps / 2 * fsum([*products, b]))
            assert error <= ERROR_LIMIT, f"{error:.2f} units of roundoff"


WORST = {
    "a large bias": lambda depth, large: (np.full(depth, 0.9 / 288), large),
    "a large first product": lambda depth, large: (np.r_[large, np.full(depth - 1, 0.9)], 0),
    "a large product in each chain": lambda depth, large: (np.resize([large, *[0.9] * 47], depth), 0),
}


@pytest.mark.parametrize("kind", WORST)
@pytest.mark.parametrize("width", [3, 40])
@pytest.mark.parametrize("depth", [17, 48, 336, 337, 4096])
@every_dtype
@every_isa
def test_sums_against_their_order(isa: str, dtype: np.dtype[Any], depth: int, width: int, kind: str) -> None:
    # What is below half a unit of a sum is lost. A term goes through a chain of 48 roundings, 6 of chains,
    # one of each block and the bias's, which comes last: a large one loses little.
    line, bias = WORST[kind](depth, 2 / np.finfo(dtype).eps)
    weight = np.tile(line, (width, 1)).astype(dtype)
    got = one_layer(isa, weight, np.full(width, bias, dtype))(np.ones((5, depth), dtype))
    terms = [*weight[0].tolist(), float(bias)]
    errors = [abs(fsum([*terms, -z])) / (np.finfo(dtype).eps / 2 * fsum(terms)) for z in got.ravel().tolist()]
    bound = min(depth + 1, 56 + depth / 288)
    assert max(errors) <= (ERROR_LIMIT if kind == "a large bias" else bound)


@every_activation
@every_dtype
@every_isa
class TestFused:
    def test_as_the_reference(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        rng = np.random.default_rng(0)
        tolerance = 64 * np.finfo(dtype).eps
        for depth, width in ((1, 1), (2, 3), (3, 2), (5, 17), (9, 33), (40, 4)):
            weight = rng.standard_normal((width, depth)).astype(dtype)
            bias = rng.standard_normal(width).astype(dtype)
            x = rng.standard_normal((19, depth)).astype(dtype)
            net = one_layer(isa, weight, bias, activation)
            expected = reference.dense_batch(weight.tolist(), bias.tolist(), x.tolist(), activation)
            np.testing.assert_allclose(net(x), expected, rtol=tolerance, atol=tolerance)
            np.testing.assert_allclose(net(x[3]), expected[3], rtol=tolerance, atol=tolerance)

    def test_same_bits_as_apart(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        rng = np.random.default_rng(1)
        for i, width in enumerate(WIDTHS[1:]):
            depth = DEPTHS[i % len(DEPTHS)]
            weight = rng.standard_normal((width, depth)).astype(dtype)
            bias = rng.standard_normal(width).astype(dtype)
            x = rng.standard_normal((35, depth)).astype(dtype)
            fused, apart = one_layer(isa, weight, bias, activation), one_layer(isa, weight, bias)
            for rows in (1, 3, 35):
                expected = apply(isa, activation, apart(x[:rows]))
                assert same_bits(fused(x[:rows]), expected), (rows, depth, width)


@pytest.mark.parametrize("rows", [1, 2, 5, 40, 300])
@every_dtype
def test_nothing_but_the_output_is_written(dtype: np.dtype[Any], rows: int) -> None:
    rng = np.random.default_rng(2)
    for isa in ISAS:
        for width in (1, 3, 8, 15, 17, 33):
            weight, bias = rng.standard_normal((width, 5)).astype(dtype), np.zeros(width, dtype)
            x = rng.standard_normal((rows, 5)).astype(dtype)
            for activation in ("identity", "relu", "tanh", "softmax", "log_softmax"):
                net = one_layer(isa, weight, bias, activation)
                around = np.full((rows + 2, width + 3), 7, dtype)
                net(x, around[1:-1, 1:-2])
                assert same_bits(around[1:-1, 1:-2], net(x))
                around[1:-1, 1:-2] = 7
                assert np.all(around == 7), (isa, width, activation)
