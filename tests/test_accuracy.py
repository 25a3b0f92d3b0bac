"""Contract 2: the largest error of every function, in ULP, on every instruction set."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from exact import ROW_FORMULAS, Exact, exact, formula_of, ulp_errors
from support import (
    DTYPES,
    Array,
    activate,
    differentiate,
    every_dtype,
    every_isa,
    every_row_wise,
    every_spelling,
    floors,
    limit,
    limits,
    neighbours,
    normalize,
    same_bits,
)

F32, F64 = DTYPES
EXP_LIMIT = 1.0

# Where the formulas change, the reductions of e^z and e^2z round the other way, or results end.
TURNS = {
    F32: [
        0.625,
        1.278465,
        9.01,
        10,
        16.6,
        17.33,
        43.5,
        52,
        87.33,
        88,
        88.72,
        89,
        103.28,
        103.97,
        104,
        2.0**-126,
        2.0**-149,
    ],
    F64: [
        0.625,
        1.278464542761074,
        19.06,
        20,
        36.74,
        354,
        354.2,
        372.6,
        708.4,
        709.8,
        710,
        744.44,
        745.13,
        746,
        2.0**-1022,
        2.0**-1074,
    ],
}
LN2 = np.log(2)


@cache
def sample(dtype: np.dtype[Any]) -> Array:
    """Return finite numbers that show an elementwise function's largest errors."""
    if dtype == F32:
        spread = np.arange(0, 2**32, 4099, dtype=np.uint32).view(F32)
        halves = neighbours(np.arange(1, 310) * (LN2 / 4), F32, reach=32)
        near = neighbours(TURNS[F32], F32, reach=64)
    else:
        rng = np.random.default_rng(0)
        wide = np.ldexp(rng.uniform(1, 2, 400), rng.integers(-1074, 1024, 400))
        spread = np.concatenate(
            [10 * rng.standard_normal(800), rng.uniform(-2, 2, 800), rng.uniform(0, 746, 400), wide]
        )
        halves = neighbours(np.arange(1, 60) * (LN2 / 4), F64, reach=2)
        near = neighbours(TURNS[F64], F64, reach=8)
    ends = np.array([0, np.finfo(dtype).max])
    z = np.concatenate([part[np.isfinite(part)].astype(dtype) for part in (spread, ends, halves, near)])
    return np.concatenate([z, -z[z > 0]])


@cache
def rows_of(dtype: np.dtype[Any]) -> list[Array]:
    """Return batches of rows that show the largest errors of softmax and log-softmax."""
    rng = np.random.default_rng(1)
    room = 4096 if dtype == F32 else 512
    lengths = [n for n in (1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 100, 257, 1000, 4096) if n <= room]
    scales = (0.1, 0.5, 1, 3, 10, 30, 100)
    batches = [s * rng.standard_normal((max(1, room // n // 8), n)) for n in lengths for s in scales]
    depths = np.linspace(0.01, 120, 40 if dtype == F64 else 2000)
    for n in (2, 3, 17, 500):
        few = depths[:: 1 if n < 20 else 20]
        one_big = np.zeros((len(few), n))
        one_big[np.arange(len(few)), rng.integers(0, n, len(few))] = few
        batches += [one_big, one_big + rng.uniform(-1, 1, (len(few), 1))]  # the others tie, at another height
        batches.append(one_big + rng.uniform(-0.5, 0.5, one_big.shape))
        batches.append(-one_big)  # all but one tie for the largest
    for n in (2, 7, 16, 40, 500):
        batches.append(np.full((1, n), -3.7))
        batches.append(np.linspace(-50, 50, n)[np.newaxis])
        batches.append(1000 + np.linspace(-0.3, 0.3, n)[np.newaxis])
    return [batch.astype(dtype) for batch in batches]


@cache
def exact_values(derivative: bool, name: str, dtype: np.dtype[Any]) -> Exact:
    z = sample(dtype)
    return formula_of(name, dtype, derivative)(z, floors(limits(name, derivative), z))


@cache
def exact_rows(name: str, dtype: np.dtype[Any]) -> list[Exact]:
    return [exact(ROW_FORMULAS[name](rows), dtype) for rows in rows_of(dtype)]


def assert_within(most: float, errors: Array, z: Array) -> None:
    worst = int(errors.argmax())
    assert errors.flat[worst] <= most, f"off by {errors.flat[worst]:.3f} ULP at {z.flat[worst]!r}"


@every_spelling
@every_dtype
@every_isa
class TestElementwise:
    def test_activation(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        z = sample(dtype)
        errors = ulp_errors(activate(isa, activation, z), exact_values(False, activation, dtype))
        assert_within(limit(activation, dtype), errors, z)

    def test_derivative(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        z = sample(dtype)
        errors = ulp_errors(differentiate(isa, activation, z), exact_values(True, activation, dtype))
        assert_within(limit(activation, dtype, derivative=True), errors, z)


@every_dtype
@every_isa
def test_tanh_is_odd(isa: str, dtype: np.dtype[Any]) -> None:
    z = sample(dtype)
    assert same_bits(activate(isa, "tanh", -z), -activate(isa, "tanh", z))


@every_dtype
@every_isa
def test_sigmoid_reaches_down_to_the_smallest_subnormals(isa: str, dtype: np.dtype[Any]) -> None:
    info = np.finfo(dtype)
    z = np.linspace(np.log(float(info.tiny)), np.log(float(info.smallest_subnormal)), 1000).astype(dtype)
    a = activate(isa, "sigmoid", z)
    assert np.all(a > 0)
    assert np.all(a[1:] < info.tiny)
    expected = formula_of("sigmoid", dtype)(z)
    assert_within(limit("sigmoid", dtype), ulp_errors(a, expected), z)


GELUS = ("gelu", "gelu_tanh", "gelu'", "gelu_tanh'")


@cache
def tail(name: str, dtype: np.dtype[Any]) -> tuple[Array, Exact]:
    """Return negative z until nothing but 0 can come out, and what should."""
    lowest = np.log(float(np.finfo(dtype).smallest_subnormal)) - 50
    z = np.concatenate([np.linspace(lowest, -2, 800), np.linspace(-40, -2, 600)]).astype(dtype)
    return z, formula_of(name.removesuffix("'"), dtype, name.endswith("'"))(z)


@pytest.mark.parametrize(
    "name", ["silu", "softplus", "elu'", "selu'", "silu'", "elu(1e20)'", "elu(1e-20)'", *GELUS]
)
@every_dtype
@every_isa
def test_tails_keep_their_digits(isa: str, dtype: np.dtype[Any], name: str) -> None:
    # No floor here: e^z alone is subnormal, or 0, long before some of these are.
    z, expected = tail(name, dtype)
    activation, derivative = name.removesuffix("'"), name.endswith("'")
    got = (differentiate if derivative else activate)(isa, activation, z)
    assert_within(limit(activation, dtype, derivative), ulp_errors(got, expected), z)


@every_row_wise
@every_dtype
@every_isa
def test_rows(isa: str, dtype: np.dtype[Any], activation: str) -> None:
    worst = []
    for rows, expected in zip(rows_of(dtype), exact_rows(activation, dtype), strict=True):
        # A log-softmax this near 0 comes from subnormal exponentials: the next test.
        smallest = np.finfo(dtype).tiny * (rows.shape[1] if activation == "log_softmax" else 1)
        errors = np.where(expected.size < smallest, 0, ulp_errors(normalize(isa, activation, rows), expected))
        row = rows[errors.max(axis=1).argmax()]
        worst.append((errors.max(), f"off by {errors.max():.3f} ULP in a row of {len(row)}: {row[:8]} ..."))
    most, where = max(worst)
    assert most <= limit(activation, dtype), where


@pytest.mark.parametrize("n", [2, 17, 500])
@every_dtype
@every_isa
def test_log_softmax_made_of_subnormals(isa: str, dtype: np.dtype[Any], n: int) -> None:
    # The largest element's result is about -(n - 1) e^-depth: normal, though e^-depth may not be.
    info = np.finfo(dtype)
    depths = np.linspace(-np.log(info.tiny) - 1, -np.log(info.tiny / n) - 0.01, 60)
    rows = np.zeros((60, n), dtype)
    rows[:, n // 2] = depths
    expected = exact(ROW_FORMULAS["log_softmax"](rows), dtype)
    errors = np.where(expected.size < info.tiny, 0, ulp_errors(normalize(isa, "log_softmax", rows), expected))
    assert_within(limit("log_softmax", dtype), errors.max(axis=1), rows[:, n // 2])


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a batch"])
@every_dtype
@every_isa
def test_exp(isa: str, dtype: np.dtype[Any], alone: bool) -> None:
    # The softmax of (0, z) is e^z / (1 + e^z): just e^z, once e^z is far below an ULP of 1.
    lowest, highest = (-87.3, -18.0) if dtype == F32 else (-708.0, -39.0)
    z = np.random.default_rng(2).uniform(lowest, highest, 20000 if dtype == F32 else 1000).astype(dtype)
    rows = np.stack([np.zeros_like(z), z], axis=1)
    if alone:
        rows = rows[:1000]
        got = np.concatenate([normalize(isa, "softmax", row[np.newaxis]) for row in rows])
    else:
        got = normalize(isa, "softmax", rows)
    expected = exact(ROW_FORMULAS["softmax"](rows), dtype)
    assert_within(EXP_LIMIT, ulp_errors(got, expected)[:, 1], rows[:, 1])


@every_isa
def test_log_softmax_of_many_short_rows(isa: str) -> None:
    # Just below a power of two, where the terms' roundings count double: about one row in 10^5 shows it.
    rng = np.random.default_rng(11)
    rows = (4 * rng.standard_normal((100_000, 3))).astype(F32)
    z = rows.astype(F64)
    d = z - z.max(axis=1, keepdims=True)
    rest = np.where(d == 0, 0, np.exp(d)).sum(axis=1, keepdims=True)
    expected = d - np.log1p(rest)
    got = normalize(isa, "log_softmax", rows)
    errors = np.abs(got - expected) / np.spacing(np.abs(expected).astype(F32))
    assert errors.max() <= limit("log_softmax", F32)
