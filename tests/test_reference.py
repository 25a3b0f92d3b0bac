"""The pure-Python system: the worked examples, the edge cases, and exact arithmetic."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy
from support import ACTIVATIONS, ELEMENTWISE

from fastnn import reference
from fastnn.reference import Layer, activation_named, derivative_named

RowFunction = Callable[[Sequence[float]], list[float]]

INF, NAN = math.inf, math.nan
FUNCTIONS = {name: getattr(reference, name) for name in ELEMENTWISE}
HIDDEN = Layer([[0.4, -0.3], [-0.2, 0.5], [0.8, 0.1]], [0.1, -0.1, 0.0], "relu")
OUTPUT = Layer([[0.6, -0.4, 0.2], [-0.1, 0.3, 0.5]], [0.0, 0.1], "softmax")

EDGES = {
    "identity": [(-0.0, -0.0), (NAN, NAN)],
    "relu": [(-0.0, -0.0), (-5e-324, 0.0), (5e-324, 5e-324), (-INF, 0.0), (INF, INF), (NAN, NAN)],
    "sigmoid": [(-INF, 0.0), (INF, 1.0), (-1e308, 0.0), (1e308, 1.0), (NAN, NAN)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (-INF, -1.0), (INF, 1.0), (NAN, NAN)],
}
DERIVATIVE_EDGES = {
    "relu": [(-1.0, 0.0), (-0.0, 0.0), (0.0, 0.0), (5e-324, 1.0), (INF, 1.0), (NAN, 0.0)],
    "sigmoid": [(0.0, 0.25), (INF, 0.0), (-INF, 0.0), (NAN, NAN)],
    "tanh": [(0.0, 1.0), (1e308, 0.0), (INF, 0.0), (-INF, 0.0), (NAN, NAN)],
}
UNDEFINED = [
    *([NAN], [INF], [-INF], [NAN, 1.0, 2.0], [1.0, NAN, 2.0], [1.0, 2.0, NAN]),
    *([INF, NAN], [INF, INF], [0.0, INF, -INF], [-INF, -INF, -INF]),
]
softmax_and_its_logarithm = pytest.mark.parametrize("function", [reference.softmax, reference.log_softmax])


def rows(elements: SearchStrategy[float], size: int | None = None) -> SearchStrategy[list[float]]:
    return st.lists(elements, min_size=size or 1, max_size=size or 8)


def same(a: float, b: float) -> bool:
    """Whether two floats print alike: the sign of a zero counts, NaN is NaN."""
    return repr(a) == repr(b)


def approx(expected: float | list[float]) -> Any:
    return pytest.approx(expected, rel=1e-14, abs=1e-15)


class TestWorkedExamples:
    """By their numbers in the specification."""

    def test_1_perceptron(self) -> None:
        z = reference.perceptron([0.4, -0.1, 0.8], 0.2, [0.5, 1.2, -0.3])
        assert z == approx(0.04)

    @pytest.mark.parametrize(
        ("activation", "z", "expected"),
        [
            *(("relu", -2.5, 0.0), ("relu", 0.0, 0.0), ("relu", 3.1, 3.1)),
            *(("sigmoid", -3.0, 0.047), ("sigmoid", 0.0, 0.5), ("sigmoid", 3.0, 0.953)),
            *(("tanh", -2.0, -0.964), ("tanh", 0.0, 0.0), ("tanh", 2.0, 0.964)),
        ],
    )
    def test_2_activations(self, activation: str, z: float, expected: float) -> None:
        assert round(FUNCTIONS[activation](z), 3) == expected
        assert reference.perceptron([1.0], 0.0, [z], activation) == FUNCTIONS[activation](z)

    def test_3_layer(self) -> None:
        weight, bias, x = [[0.5, -0.2, 0.1], [-0.3, 0.4, 0.7]], [0.1, -0.2], [1.0, 2.0, -1.0]
        assert reference.dense(weight, bias, x) == approx([0.1, -0.4])
        assert reference.dense(weight, bias, x, "relu") == approx([0.1, 0.0])

    def test_4_network(self) -> None:
        (z1, a1), (z2, a2) = reference.trace([HIDDEN, OUTPUT], [1.5, -0.5])
        assert z1 == approx([0.85, -0.65, 1.15])
        assert a1 == approx([0.85, 0.0, 1.15])
        assert z2 == approx([0.74, 0.59])
        assert a2 == approx([1 / (1 + math.exp(-0.15)), 1 / (1 + math.exp(0.15))])
        assert [round(p, 5) for p in a2] == [0.53743, 0.46257]
        assert reference.network([HIDDEN, OUTPUT], [1.5, -0.5]) == a2
        assert round(reference.cross_entropy(a2, 0), 5) == 0.62096

    def test_5_batch(self) -> None:
        batch = [[1.5, -0.5], [0.0, 1.0], [-1.0, 2.0], [0.5, 0.5]]
        expected = [[0.85, 0.0, 1.15], [0.0, 0.4, 0.1], [0.0, 1.1, 0.0], [0.15, 0.05, 0.45]]
        result = reference.dense_batch(HIDDEN.weight, HIDDEN.bias, batch, HIDDEN.activation)
        assert len(result) == len(expected)
        for row, expected_row in zip(result, expected, strict=True):
            assert row == approx(expected_row)

    @given(st.data(), *[st.integers(1, 5)] * 3)
    def test_6_two_linear_layers_are_one(
        self, data: DataObject, inputs: int, hidden: int, outputs: int
    ) -> None:
        def draw(length: int) -> list[float]:
            return data.draw(rows(st.floats(-10, 10), length))

        w1, b1 = [draw(inputs) for _ in range(hidden)], draw(hidden)
        w2, b2 = [draw(hidden) for _ in range(outputs)], draw(outputs)
        x = draw(inputs)
        columns = [list(column) for column in zip(*w1, strict=True)]
        product = [reference.dense(columns, [0.0] * inputs, row) for row in w2]
        two = reference.network([Layer(w1, b1), Layer(w2, b2)], x)
        assert two == pytest.approx(
            reference.dense(product, reference.dense(w2, b2, b1), x), rel=1e-12, abs=1e-10
        )


class TestElementwise:
    @pytest.mark.parametrize("activation", EDGES)
    def test_edges(self, activation: str) -> None:
        for z, expected in EDGES[activation]:
            assert same(FUNCTIONS[activation](z), expected), z

    @pytest.mark.parametrize("activation", DERIVATIVE_EDGES)
    def test_derivative_edges(self, activation: str) -> None:
        for z, expected in DERIVATIVE_EDGES[activation]:
            assert same(derivative_named(activation)(z), expected), z

    @pytest.mark.parametrize("activation", ELEMENTWISE)
    @given(row=st.lists(st.floats()))
    def test_the_table_maps_over_a_row(self, activation: str, row: list[float]) -> None:
        result = activation_named(activation)(row)
        assert len(result) == len(row)
        assert all(same(a, FUNCTIONS[activation](z)) for a, z in zip(result, row, strict=True))

    @pytest.mark.parametrize("activation", ELEMENTWISE)
    @given(z=st.floats())
    def test_derivative_is_a_slope_anywhere(self, activation: str, z: float) -> None:
        slope = derivative_named(activation)(z)
        assert not math.isnan(slope) or math.isnan(z)

    @pytest.mark.parametrize("activation", ELEMENTWISE)
    @given(z=st.floats(-20, 20))
    def test_derivative_is_a_central_difference(self, activation: str, z: float) -> None:
        h = 1e-5
        function, slope = FUNCTIONS[activation], derivative_named(activation)
        assume(abs(slope(z + h) - 2 * slope(z) + slope(z - h)) < 1e-9)  # no kink is near
        difference = (function(z + h) - function(z - h)) / (2 * h)
        assert slope(z) == pytest.approx(difference, rel=1e-9, abs=1e-9)

    @given(z=st.floats(-700, 700))
    def test_against_decimal_arithmetic(self, z: float) -> None:
        with localcontext() as context:
            context.prec = 700
            e = (-Decimal(z)).exp()
            s = 1 / (1 + e)
            t = (1 - e * e) / (1 + e * e)
            exact = {"sigmoid": s, "tanh": t}
            slope = {"sigmoid": s * (1 - s), "tanh": 1 - t * t}
        for name in exact:
            assert FUNCTIONS[name](z) == pytest.approx(float(exact[name]), rel=2e-15, abs=1e-323)
            assert derivative_named(name)(z) == pytest.approx(float(slope[name]), rel=2e-15, abs=1e-323)


class TestSoftmax:
    @softmax_and_its_logarithm
    @pytest.mark.parametrize("row", UNDEFINED)
    def test_undefined_rows_are_nan_throughout(self, function: RowFunction, row: list[float]) -> None:
        assert all(math.isnan(a) for a in function(row))

    def test_minus_infinity_has_probability_zero(self) -> None:
        assert reference.softmax([-INF, 0.0, 0.0]) == [0.0, 0.5, 0.5]
        assert reference.log_softmax([-INF, 0.0]) == [-INF, 0.0]

    @softmax_and_its_logarithm
    def test_empty_row(self, function: RowFunction) -> None:
        assert function([]) == []

    @softmax_and_its_logarithm
    @given(row=st.lists(st.floats()))
    def test_any_row(self, function: RowFunction, row: list[float]) -> None:
        result = function(row)
        assert len(result) == len(row)
        defined = all(z < INF for z in row) and any(z > -INF for z in row)
        assert all(math.isnan(a) != defined for a in result)

    @given(rows(st.floats(allow_nan=False, allow_infinity=False)))
    def test_probabilities_sum_to_one(self, row: list[float]) -> None:
        probabilities = reference.softmax(row)
        assert all(0.0 <= p <= 1.0 for p in probabilities)
        assert math.fsum(probabilities) == pytest.approx(1.0, rel=1e-14)

    @given(rows(st.integers(-500, 500).map(float)), st.integers(-(2**40), 2**40).map(float))
    def test_shift_changes_nothing(self, row: list[float], shift: float) -> None:
        assert reference.softmax([z + shift for z in row]) == reference.softmax(row)

    @given(rows(st.floats(-300, 300)))
    def test_log_softmax_is_its_logarithm(self, row: list[float]) -> None:
        logarithms = [math.log(p) for p in reference.softmax(row)]
        assert reference.log_softmax(row) == pytest.approx(logarithms, rel=1e-13, abs=1e-14)

    def test_log_softmax_of_a_probability_that_underflows(self) -> None:
        assert reference.softmax([0.0, -1e4])[1] == 0.0
        assert reference.log_softmax([0.0, -1e4]) == [0.0, -1e4]


class TestNetwork:
    def test_sum_runs_left_to_right_from_the_bias(self) -> None:
        assert reference.weighted_sum([1.0, 1.0], 1e16, [1.0, 1.0]) == 1e16
        assert reference.weighted_sum([1e16, -1e16], 1.0, [1.0, 1.0]) == 0.0
        assert reference.weighted_sum([-1e16, 1e16, 1.0], 0.0, [1.0, 1.0, 1.0]) == 1.0

    def test_total_rounds_after_each_term(self) -> None:
        assert reference.total([1.0, 1e100, 1.0, -1e100]) == 0.0

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @given(row=rows(st.floats(-1e3, 1e3)))
    def test_dense_is_its_neurons_then_the_activation(self, activation: str, row: list[float]) -> None:
        weight = [[1.0] * len(row), [-0.5] * len(row), [0.25] * len(row)]
        bias = [0.0, 1.0, -1.0]
        z = [reference.perceptron(w, b, row) for w, b in zip(weight, bias, strict=True)]
        assert reference.dense(weight, bias, row) == z
        assert reference.dense(weight, bias, row, activation) == activation_named(activation)(z)

    @given(st.lists(rows(st.floats(-1e3, 1e3), 2)))
    def test_batch_is_its_rows(self, batch: list[list[float]]) -> None:
        layers = [HIDDEN, OUTPUT]
        assert reference.network_batch(iter(layers), batch) == [reference.network(layers, x) for x in batch]
        assert reference.dense_batch(*OUTPUT[:2], [[*x, 1.0] for x in batch], "softmax") == [
            reference.dense(*OUTPUT[:2], [*x, 1.0], "softmax") for x in batch
        ]

    def test_no_layers_return_a_copy(self) -> None:
        x = [1.0, 2.0]
        assert reference.network([], x) == x
        assert reference.network([], x) is not x
        assert reference.trace([], x) == []

    def test_layer_without_activation_is_linear(self) -> None:
        assert reference.network([Layer([[2.0]], [1.0])], [-3.0]) == [-5.0]

    def test_lengths_must_fit(self) -> None:
        with pytest.raises(ValueError, match=r"^x has 3 features, but the weights expect 2$"):
            reference.perceptron([1.0, 2.0], 0.0, [1.0, 2.0, 3.0])
        with pytest.raises(ValueError, match=r"^x has 2 features, but the weights expect 3$"):
            reference.network([OUTPUT, OUTPUT], [1.0, 2.0, 3.0])
        with pytest.raises(ValueError, match=r"^bias has 1 entries, but weight has 2 rows$"):
            reference.dense([[1.0], [2.0]], [0.0], [1.0])

    def test_activation_must_be_known(self) -> None:
        with pytest.raises(ValueError, match="mish"):
            reference.dense([[1.0]], [0.0], [1.0], "mish")


class TestCrossEntropy:
    @pytest.mark.parametrize(
        ("p", "loss"), [(1.0, 0.0), (0.0, INF), (-0.0, INF), (NAN, NAN), (-1.0, NAN), (INF, -INF)]
    )
    def test_edges(self, p: float, loss: float) -> None:
        assert same(reference.cross_entropy([0.5, p], 1), loss)

    def test_batch_is_the_mean(self) -> None:
        batch = [[0.5, 0.5], [0.25, 0.75], [0.125, 0.875]]
        assert reference.cross_entropy_batch(batch, [0, 0, 0]) == approx(2 * math.log(2))
        assert reference.cross_entropy_batch(batch[:1], [1]) == math.log(2)
        assert reference.cross_entropy_batch([[1.0, 0.0], [1.0, 0.0]], [0, 1]) == INF

    @pytest.mark.parametrize("target", [-1, 2])
    def test_target_must_be_a_class(self, target: int) -> None:
        with pytest.raises(ValueError, match=rf"^target is {target}, but there are 2 classes$"):
            reference.cross_entropy([0.5, 0.5], target)

    def test_batch_must_fit(self) -> None:
        with pytest.raises(ValueError, match=r"^there are 1 targets, but 2 rows$"):
            reference.cross_entropy_batch([[1.0], [1.0]], [0])
        with pytest.raises(ValueError, match="0 rows"):
            reference.cross_entropy_batch([], [])
