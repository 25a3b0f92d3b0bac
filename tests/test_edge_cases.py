"""Zeros, infinities, NaN, subnormals and empty arrays, in every lane of every instruction set."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import edges
import numpy as np
import pytest
from support import (
    ROW_WISE,
    Array,
    activate,
    apply,
    differentiate,
    every_activation,
    every_dtype,
    every_isa,
    every_row_wise,
    every_spelling,
    kernel_sizes,
    kernels,
    normalize,
    one_layer,
    random_layers,
    same_bits,
)

from fastnn import reference
from fastnn._core.activation_names import parse
from fastnn._core.engine import Plan
from fastnn.bench import files

INF, NAN = np.inf, np.nan
PAGE = Path(__file__).resolve().parents[1] / "docs" / "numerics.md"

# What makes a row's softmax undefined, at its first, last and middle place.
UNDEFINED = [(NAN,), (INF,), (1, NAN), (1, INF), (INF, INF), (1, 2, NAN), (1, 2, INF), (-INF, INF, NAN)]
ROW_LENGTHS = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 100]


def same_numbers(a: Array, b: Array) -> bool:
    """Whether numbers are the same, the signs of zeros included; NaN is NaN whatever its bits."""
    number = ~np.isnan(b)
    return np.array_equal(np.isnan(a), ~number) and same_bits(a[number], b[number])


def close_numbers(a: Array, b: Array) -> bool:
    """Whether numbers are within 4 ULP; zeros, infinities and NaN have to be the same."""
    ordinary = np.isfinite(b) & (b != 0)
    return same_numbers(np.where(ordinary, 0, a), np.where(ordinary, 0, b)) and np.all(
        np.abs(a[ordinary] - b[ordinary]) <= 4 * np.spacing(np.abs(b[ordinary]))
    )


def close(got: Any, expected: float) -> bool:
    """Whether a number is the expected one but for rounding; the sign of a zero counts."""
    if np.isnan(expected) or np.isinf(expected):
        return bool(np.isnan(got) if np.isnan(expected) else got == expected)
    off = abs(float(got) - expected)
    return bool(off <= 2 * np.spacing(abs(got) / 2) * 2 and np.signbit(got) == np.signbit(expected))


@every_spelling
@every_dtype
@every_isa
class TestElementwise:
    def test_edges_in_every_lane(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        self.check(activate, activation, isa, dtype, activation)

    def test_edges_of_the_derivative_in_every_lane(
        self, isa: str, dtype: np.dtype[Any], activation: str
    ) -> None:
        self.check(differentiate, f"{activation}'", isa, dtype, activation)

    def check(self, function: Any, line: str, isa: str, dtype: np.dtype[Any], name: str) -> None:
        # With one whole vector and a tail of every length, at most.
        ordinary = np.linspace(-2, 2, 2 * kernels(dtype, isa).lanes + 1).astype(dtype)
        undisturbed = function(isa, name, ordinary)
        points = edges.numbers(edges.POINTS, dtype)
        alone = np.concatenate([function(isa, name, z[np.newaxis]) for z in points])
        values = edges.numbers(edges.FUNCTIONS[line].values, dtype) if line in edges.FUNCTIONS else alone
        for z, expected in zip(points, values, strict=True):
            for n in range(1, len(ordinary) + 1):
                row, wanted = ordinary[:n].copy(), undisturbed[:n].copy()
                row[n // 2], wanted[n // 2] = z, expected
                row[-1], wanted[-1] = z, expected
                assert same_numbers(function(isa, name, row), wanted), f"{name}({z}) among {n}"

    def test_edges_as_the_reference(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        value, slope = reference.activation_named(activation), reference.derivative_named(activation)
        for z in edges.numbers(edges.POINTS, dtype)[:, np.newaxis]:
            with np.errstate(over="ignore"):
                expected = np.array([value(z.tolist())[0], slope(float(z[0]))]).astype(dtype)
            assert close(activate(isa, activation, z)[0], expected[0]), z
            assert close(differentiate(isa, activation, z)[0], expected[1]), z

    def test_in_place_at_any_address(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        for method in (kernels(dtype, isa).activate, kernels(dtype, isa).differentiate):
            for n in (0, 1, 2, 3, 7, 8, 9, 16, 17, 33):
                for offset in range(4):
                    buffer = np.linspace(-3, 3, n + offset + 2).astype(dtype)
                    before, z = buffer.copy(), buffer[offset : offset + n]
                    elsewhere = np.full(n, NAN, dtype)
                    method(parse(activation), z, elsewhere)
                    method(parse(activation), z, z)
                    assert same_bits(z, elsewhere)
                    assert same_bits(buffer[:offset], before[:offset])
                    assert same_bits(buffer[offset + n :], before[offset + n :])


@every_row_wise
@every_dtype
@every_isa
class TestRows:
    @pytest.mark.parametrize("line", edges.ROWS, ids=lambda line: line.row)
    def test_lines(self, isa: str, dtype: np.dtype[Any], activation: str, line: edges.RowLine) -> None:
        row, expected = edges.numbers(line.row, dtype), edges.numbers(getattr(line, activation), dtype)
        for count in (1, 2, 3, 2 * kernels(dtype, isa).panel + 3):
            for got in normalize(isa, activation, np.repeat(row[np.newaxis], count, axis=0)):
                assert close_numbers(got, expected), count

    @pytest.mark.parametrize("values", UNDEFINED, ids=str)
    def test_undefined_rows_are_nan_and_alone(
        self, isa: str, dtype: np.dtype[Any], activation: str, values: tuple[float, ...]
    ) -> None:
        rng = np.random.default_rng(0)
        for n in ROW_LENGTHS[len(values) - 1 :]:
            rows = rng.standard_normal((2 * kernels(dtype, isa).panel + 3, n)).astype(dtype)
            expected = normalize(isa, activation, rows)
            for bad in (0, 1, len(rows) - 1):
                rows[bad, [0, n - 1, n // 2][: len(values)]] = values
                expected[bad] = NAN
            assert same_numbers(normalize(isa, activation, rows), expected), n
            assert np.isnan(normalize(isa, activation, rows[:1])).all(), n

    def test_nothing_but_minus_infinity(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        for n in ROW_LENGTHS:
            rows = np.zeros((3, n), dtype)
            expected = normalize(isa, activation, rows)
            rows[1], expected[1] = -INF, NAN
            assert same_numbers(normalize(isa, activation, rows), expected), n
            assert np.isnan(normalize(isa, activation, rows[1:2])).all(), n

    def test_minus_infinity_has_no_probability(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        rng = np.random.default_rng(1)
        nothing = 0.0 if activation == "softmax" else -INF
        for n in ROW_LENGTHS[1:]:
            row = rng.standard_normal(n).astype(dtype)
            out = rng.permutation(n)[: n // 2]
            row[out] = -INF
            expected = np.full_like(row, nothing)
            expected[np.isfinite(row)] = normalize(isa, activation, row[np.isfinite(row)])
            for batch in (row[np.newaxis], np.repeat(row[np.newaxis], 5, axis=0)):
                got = normalize(isa, activation, batch)
                assert np.all(got[:, out] == nothing)
                np.testing.assert_allclose(
                    got, np.broadcast_to(expected, got.shape), rtol=8 * np.finfo(dtype).eps
                )

    def test_row_of_one(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        rows = np.array([[0], [-0.0], [1e30], [-1e30], [3.5]], dtype)
        expected = np.full_like(rows, 1.0 if activation == "softmax" else 0.0)
        assert np.array_equal(normalize(isa, activation, rows), expected)
        for row in rows:
            assert np.array_equal(normalize(isa, activation, row[np.newaxis]), expected[:1])

    def test_huge_and_equal(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        for value in (np.finfo(dtype).max, -np.finfo(dtype).max, 0.0, np.finfo(dtype).smallest_subnormal):
            for n in (2, 4, 16, 64):
                got = normalize(isa, activation, np.full((3, n), value, dtype))
                expected = 1 / n if activation == "softmax" else -np.log(n)
                np.testing.assert_allclose(got, expected, rtol=2 * np.finfo(dtype).eps)

    def test_nothing_there(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        for shape in ((0, 5), (5, 0), (0, 0)):
            assert normalize(isa, activation, np.empty(shape, dtype)).shape == shape


@every_activation
@every_dtype
@every_isa
class TestDense:
    def test_empty_batch(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        for n_inputs, n_outputs in ((3, 5), (3, 40), (0, 5), (3, 0), (0, 0)):
            net = one_layer(isa, np.ones((n_outputs, n_inputs), dtype), np.ones(n_outputs, dtype), activation)
            assert net(np.empty((0, n_inputs), dtype)).shape == (0, n_outputs)
            assert net(np.empty((0, n_inputs), dtype), threads=2).shape == (0, n_outputs)

    def test_no_inputs_leave_the_bias(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        for n_outputs in kernel_sizes([isa])[1:]:
            bias = np.linspace(-2, 3, n_outputs).astype(dtype)
            expected = apply(isa, activation, bias[np.newaxis])
            net = one_layer(isa, np.empty((n_outputs, 0), dtype), bias, activation)
            for rows in (1, 2, 40):
                got = net(np.empty((rows, 0), dtype))
                assert same_bits(got, np.repeat(expected, rows, axis=0)), (n_outputs, rows)
            assert same_bits(net(np.empty(0, dtype)), expected[0])

    def test_no_outputs(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        net = one_layer(isa, np.empty((0, 3), dtype), np.empty(0, dtype), activation)
        assert net(np.ones(3, dtype)).shape == (0,)
        assert net(np.ones((50, 3), dtype)).shape == (50, 0)

    @pytest.mark.parametrize("widths", [(5, 3), (5, 40), (300, 3, 3), (20, 33, 2)], ids=str)
    def test_nan_stays_in_its_row(
        self, isa: str, dtype: np.dtype[Any], activation: str, widths: tuple[int, ...]
    ) -> None:
        net = Plan(random_layers(widths, [activation] * (len(widths) - 1), dtype), dtype, isa)
        x = (
            np.random.default_rng(0)
            .standard_normal((3 * kernels(dtype, isa).panel + 5, widths[0]))
            .astype(dtype)
        )
        expected = net(x)
        for bad in (0, 1, 7, len(x) - 1):
            x[bad, bad % widths[0]] = NAN
            expected[bad] = NAN
        out = np.full_like(expected, NAN)
        assert same_numbers(net(x, out), expected)
        assert same_numbers(net(x, threads=2), expected)

    def test_nothing_of_out_is_read(self, isa: str, dtype: np.dtype[Any], activation: str) -> None:
        for widths in ((5, 3), (5, 40), (40, 3), (0, 7), (300, 40, 2)):
            net = Plan(random_layers(widths, [activation] * (len(widths) - 1), dtype), dtype, isa)
            x = np.random.default_rng(0).standard_normal((50, widths[0])).astype(dtype)
            expected = net(x, np.zeros((50, widths[-1]), dtype))
            for rows in (1, 2, 50):
                assert same_bits(net(x[:rows], np.full_like(expected[:rows], NAN)), expected[:rows])
            assert same_bits(net(x, np.full((widths[-1], 50), NAN, dtype).T), expected)


@every_dtype
@every_isa
class TestArithmetic:
    @pytest.mark.parametrize("line", edges.LAYERS, ids=lambda line: " ; ".join(line[:3]))
    def test_lines(self, isa: str, dtype: np.dtype[Any], line: edges.LayerLine) -> None:
        # Lanes along outputs, along inputs (many, but for some that are 0) and along examples.
        weight, x, bias, expected = (edges.numbers(words, dtype) for words in line[:4])
        panel = kernels(dtype, isa).panel
        for n_inputs, n_outputs in product((len(x), 33, 400), (1, 5, 16, 2 * panel + 3)):
            padded = np.zeros((2, n_inputs), dtype)
            padded[:, : len(x)] = weight, x
            net = one_layer(isa, np.repeat(padded[:1], n_outputs, axis=0), np.repeat(bias, n_outputs))
            for rows in (1, 2, 3, 2 * panel + 1):
                got = net(np.repeat(padded[1:], rows, axis=0))
                assert same_numbers(got, np.broadcast_to(expected, got.shape)), (n_inputs, n_outputs, rows)

    def test_the_bias_is_added_last(self, isa: str, dtype: np.dtype[Any]) -> None:
        # The sums of blocks overflow before the bias, which would have taken the first one away.
        panel = kernels(dtype, isa).panel
        for n_inputs, n_outputs in product((337, 1600), (1, 5, 16, 2 * panel + 3)):
            weight = np.zeros((n_outputs, n_inputs), dtype)
            weight[:, [0, -1]] = np.finfo(dtype).max
            net = one_layer(isa, weight, -weight[:, 0])
            for rows in (1, 2, 3, 2 * panel + 1):
                assert np.all(net(np.ones((rows, n_inputs), dtype)) == INF), (n_inputs, n_outputs, rows)

    def test_nothing_times_infinity(self, isa: str, dtype: np.dtype[Any]) -> None:
        weight = np.array([[0.0, 1.0], [INF, 1.0], [1.0, INF], [1.0, -INF], [1.0, 1.0]], dtype)
        net = one_layer(isa, weight, np.zeros(5, dtype))
        x = np.array([[INF, 1.0], [0.0, 1.0], [1.0, 0.0]], dtype)
        expected = np.array([[NAN, INF, INF, NAN, INF], [1, NAN, INF, -INF, 1], [0, INF, NAN, NAN, 1]], dtype)
        assert same_numbers(net(x), expected)
        assert same_numbers(net(np.repeat(x, 20, axis=0)), np.repeat(expected, 20, axis=0))

    def test_subnormals_are_kept(self, isa: str, dtype: np.dtype[Any]) -> None:
        least = np.finfo(dtype).smallest_subnormal
        net = one_layer(isa, np.full((3, 1), 2, dtype), np.zeros(3, dtype))
        for rows in (1, 5, 50):
            assert np.all(net(np.full((rows, 1), least)) == 2 * least)

    def test_nan_and_infinity_pass_whole_networks(self, isa: str, dtype: np.dtype[Any]) -> None:
        for name in ROW_WISE:
            net = Plan(random_layers((4, 20, 6), ("relu", name), dtype), dtype, isa)
            x = np.zeros((9, 4), dtype)
            x[3, 2], x[5, 1] = INF, NAN
            assert np.isnan(net(x)).all(axis=1).tolist() == [i in (3, 5) for i in range(9)]


@pytest.mark.skipif(not PAGE.exists(), reason="the docs aren't beside the tests")
class TestDocs:
    def test_they_say_what_the_tables_say(self) -> None:
        lines = files.block(PAGE, "edge cases").splitlines()
        lines = [line for line in lines if line.startswith("| ") and "---" not in line]
        written = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
        expected = []
        for table in edges.TABLES:
            expected += [[*cells, why] for cells, why in ((table.head, "why"), *table.rows())]
        assert [[*cells, why] for *cells, _others, why in written] == expected

    def test_they_name_tests(self) -> None:
        for line in edges.SHAPES:
            group, _, name = line.test.partition(".")
            assert callable(getattr(globals()[group], name))
