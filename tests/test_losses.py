"""Cross-entropy over arrays: values, dtypes and layouts, errors."""

import math
import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn import reference
from fastnn.losses import cross_entropy

BATCH = [[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]]


class TestValues:
    def test_worked_example_4(self) -> None:
        probabilities = [1 / (1 + math.exp(-0.15)), 1 / (1 + math.exp(0.15))]
        assert round(cross_entropy(probabilities, 0), 5) == 0.62096

    def test_mean_over_the_batch(self) -> None:
        assert cross_entropy(BATCH, [1, 2]) == pytest.approx(2.5 * math.log(2), rel=1e-15)

    @given(st.data(), st.integers(1, 9), st.integers(1, 9))
    def test_agrees_with_the_reference(self, data: st.DataObject, batch: int, classes: int) -> None:
        row = st.lists(st.floats(0, 1), min_size=classes, max_size=classes)
        probabilities = data.draw(st.lists(row, min_size=batch, max_size=batch))
        target = st.integers(0, classes - 1)
        targets = data.draw(st.lists(target, min_size=batch, max_size=batch))
        expected = reference.cross_entropy_batch(probabilities, targets)
        assert cross_entropy(probabilities, targets) == pytest.approx(expected, rel=1e-14)

    @pytest.mark.parametrize("p", [0.1, 0.5, 1.0, 1e-300, 0.0, -1.0, np.nan, np.inf])
    def test_one_example_is_a_batch_of_one(self, p: float) -> None:
        single, batched = cross_entropy([0.5, p], 1), cross_entropy([[0.5, p]], [1])
        assert np.float64(single).tobytes() == np.float64(batched).tobytes()

    def test_certainty_costs_positive_zero(self) -> None:
        loss = cross_entropy([1.0, 0.0], 0)
        assert loss == 0.0
        assert math.copysign(1.0, loss) == 1.0

    def test_is_a_python_float(self) -> None:
        assert type(cross_entropy(np.array([0.5, 0.5], np.float32), 0)) is float
        assert type(cross_entropy(np.array(BATCH, np.float32), [0, 1])) is float


class TestSpecialProbabilities:
    @pytest.mark.parametrize(
        ("p", "loss"),
        [(0.0, np.inf), (-0.0, np.inf), (np.nan, np.nan), (-0.5, np.nan), (np.inf, -np.inf)],
    )
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_no_warning_and_no_error(self, p: float, loss: float, dtype: str) -> None:
        probabilities = np.array([[0.5, 0.5], [0.5, p]], dtype)
        with warnings.catch_warnings(), np.errstate(all="raise"):
            warnings.simplefilter("error")
            assert cross_entropy(probabilities[1], 1) == pytest.approx(loss, nan_ok=True)
            assert cross_entropy(probabilities, [0, 1]) == pytest.approx(loss, nan_ok=True)

    def test_opposite_infinities_are_nan_without_warning(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert math.isnan(cross_entropy([[0.0], [np.inf]], [0, 0]))

    def test_other_classes_do_not_matter(self) -> None:
        assert cross_entropy([np.nan, 1.0, 0.0], 1) == 0.0

    def test_error_state_is_left_alone(self) -> None:
        with np.errstate(divide="raise", over="warn"):
            before = np.geterr()
            cross_entropy([0.0], 0)
            assert np.geterr() == before


class TestArrays:
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", ">f4", ">f8"])
    def test_computed_in_float64(self, dtype: str) -> None:
        probabilities = np.array([[0.9, 0.1], [0.7, 0.3]], dtype)
        expected = -(math.log(probabilities[0, 1]) + math.log(probabilities[1, 0])) / 2
        assert cross_entropy(probabilities, [1, 0]) == pytest.approx(expected, rel=1e-15)

    @pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64"])
    def test_integer_probabilities(self, dtype: str) -> None:
        assert cross_entropy(np.array([0, 1], dtype), 1) == 0.0
        assert cross_entropy(np.array([0, 1], dtype), 0) == np.inf

    @pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint64", ">i4"])
    def test_integer_targets(self, dtype: str) -> None:
        many = np.full((2, 1000), 0.5)
        assert cross_entropy(many, np.array([0, 100], dtype)) == pytest.approx(math.log(2))
        assert cross_entropy(many[0], np.array(100, dtype)) == pytest.approx(math.log(2))
        assert cross_entropy(many[0], np.dtype(dtype).type(100)) == pytest.approx(math.log(2))

    def test_any_layout(self) -> None:
        wide = np.random.default_rng(0).uniform(0.1, 1.0, (10, 12))
        targets = np.arange(10)[::-2] % 4
        view = wide[1::2, ::-3]
        view.flags.writeable = False
        expected = cross_entropy(view.copy(), targets.copy())
        assert cross_entropy(view, targets) == expected
        assert cross_entropy(np.asfortranarray(view), targets) == expected
        assert cross_entropy(view.tolist(), tuple(targets.tolist())) == expected


def rejects(error: type[Exception], message: str, probabilities: Any, targets: Any) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        cross_entropy(probabilities, targets)


class TestErrors:
    @pytest.mark.parametrize("dtype", ["complex128", "object", "bool", "U3", "S3", "M8[s]"])
    def test_probabilities_must_be_real(self, dtype: str) -> None:
        bad = np.zeros(2, dtype)
        message = f"probabilities has dtype {bad.dtype}, but real numbers are expected"
        rejects(TypeError, message, bad, 0)

    @pytest.mark.parametrize("dtype", ["float64", "bool", "complex64", "object", "U1"])
    def test_targets_must_be_integers(self, dtype: str) -> None:
        bad = np.zeros(2, dtype)
        message = f"targets has dtype {bad.dtype}, but integers are expected"
        rejects(TypeError, message, BATCH, bad)
        rejects(TypeError, message, BATCH[0], bad[0:1].reshape(()))

    @pytest.mark.parametrize("shape", [(), (2, 3, 4)])
    def test_rank_of_probabilities(self, shape: tuple[int, ...]) -> None:
        message = f"probabilities has shape {shape}, but (m,) or (B, m) is expected"
        rejects(ValueError, message, np.ones(shape), 0)

    @pytest.mark.parametrize(
        ("shape", "targets"), [((0,), 0), ((4, 0), [0] * 4), ((0, 10), []), ((0, 0), [])]
    )
    def test_nothing_to_average(self, shape: tuple[int, ...], targets: Any) -> None:
        message = f"probabilities has shape {shape}, but must not be empty"
        rejects(ValueError, message, np.ones(shape), targets)

    @pytest.mark.parametrize(
        ("shape", "targets", "was", "expected"),
        [
            ((10,), [0], (1,), ()),
            ((4, 10), 0, (), (4,)),
            ((4, 10), [0] * 3, (3,), (4,)),
            ((4, 10), [[0]] * 4, (4, 1), (4,)),
            ((4, 10), [], (0,), (4,)),
        ],
    )
    def test_shape_of_targets(
        self, shape: tuple[int, ...], targets: Any, was: tuple[int, ...], expected: tuple[int, ...]
    ) -> None:
        message = f"targets has shape {was}, but probabilities of shape {shape} expect {expected}"
        rejects(ValueError, message, np.ones(shape), targets)

    @pytest.mark.parametrize("index", [12, 10, -1, -(2**63), 2**63 - 1])
    def test_index_out_of_range(self, index: int) -> None:
        batch = np.ones((5, 10))
        message = f"targets[3] is {index}, but there are 10 classes"
        rejects(ValueError, message, batch, [0, 9, 1, index, index])
        rejects(ValueError, f"targets is {index}, but there are 10 classes", batch[0], index)

    def test_index_out_of_range_of_a_narrow_dtype(self) -> None:
        message = "targets is 255, but there are 10 classes"
        rejects(ValueError, message, np.ones(10), np.uint8(255))
        message = f"targets is {2**64 - 1}, but there are 10 classes"
        rejects(ValueError, message, np.ones(10), np.uint64(2**64 - 1))
