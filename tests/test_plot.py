"""What is drawn with matplotlib: on the Agg backend, looked up in the Axes."""

from __future__ import annotations

import doctest
import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support import ELEMENTWISE, needs, output_of

import fastnn
from fastnn import Dense, Network, demo, plot
from fastnn.show.svg import NEGATIVE, POSITIVE

EXAMPLE_4 = Network([Dense(*demo.HIDDEN), Dense(*demo.OUTPUT)])
PLANE = Network([Dense([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])])


@pytest.fixture(autouse=True)
def pyplot() -> Iterator[Any]:
    needs("matplotlib").use("Agg")
    drawing = importlib.import_module("matplotlib.pyplot")
    yield drawing
    drawing.close("all")


def texts(axes: Any) -> list[str]:
    axes.figure.canvas.draw()
    return [text.get_text() for text in axes.texts]


def segments(axes: Any, colour: str) -> list[Any]:
    rgb = importlib.import_module("matplotlib.colors").to_rgb(colour)
    return [
        segment
        for lines in axes.collections
        if hasattr(lines, "get_segments") and np.allclose(lines.get_colors()[:, :3], rgb)
        for segment in lines.get_segments()
    ]


class TestActivations:
    def test_every_elementwise_one(self) -> None:
        drawn = plot.activations()
        assert [axes.get_title() for axes in drawn] == list(ELEMENTWISE)
        for axes, name in zip(drawn, ELEMENTWISE, strict=True):
            *_, value, slope = axes.get_lines()
            z = value.get_xdata()
            assert (z[0], z[-1]) == (-7, 7)
            np.testing.assert_array_equal(value.get_ydata(), fastnn.activations.apply(name, z))
            # Away from kinks, of which 0 is one that a second difference may not show.
            smooth = (np.abs(z[1:-1]) > 0.1) & (np.abs(np.diff(value.get_ydata(), 2)) < 1e-3)
            rise = np.gradient(value.get_ydata(), z)[1:-1]
            np.testing.assert_allclose(slope.get_ydata()[1:-1][smooth], rise[smooth], atol=1e-2)
            assert slope.get_linestyle() == "--"
        legend = [text.get_text() for text in drawn[0].get_legend().get_texts()]
        assert legend == ["activation", "derivative"]

    def test_some_in_a_range(self) -> None:
        (axes,) = plot.activations(["tanh"], -1, 2)
        assert len(axes.figure.axes) == 1
        assert axes.get_lines()[-1].get_xdata()[[0, -1]].tolist() == [-1, 2]

    def test_one_by_its_name(self) -> None:
        (axes,) = plot.activations("relu")
        assert axes.get_title() == "relu"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((["softmax"],), "whole row"),
            ((["relux"],), "'relux'"),
            (([],), "names is empty"),
            ((None, 1, 1), "low is 1 and high is 1"),
            ((None, 0, np.nan), "low < high"),
        ],
    )
    def test_errors(self, arguments: tuple[Any, ...], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            plot.activations(*arguments)

    @pytest.mark.parametrize(("names", "kind"), [(3, "int"), (np.tanh, "ufunc")])
    def test_no_names(self, names: Any, kind: str) -> None:
        with pytest.raises(TypeError, match=f"^names has type {kind}, expected the name of an activation or"):
            plot.activations(names)


class TestNetwork:
    def test_units_and_weights(self) -> None:
        axes = plot.network(EXAMPLE_4)
        assert len(axes.patches) == 7
        assert len(segments(axes, POSITIVE)) == 4 + 4
        assert len(segments(axes, NEGATIVE)) == 2 + 2
        assert {"input", "layer 1", "3 neurons", "relu", "9 parameters", "softmax"} <= set(texts(axes))

    def test_one_example(self) -> None:
        axes = plot.network(EXAMPLE_4, [1.5, -0.5])
        shown = texts(axes)
        for value in ("1.5", "-0.5", "0.85", "0", "1.15", "0.537", "0.463"):
            assert value in shown
        assert len([patch for patch in axes.patches if patch.get_hatch()]) == 1

    @pytest.mark.parametrize("x", [np.int8([-128, 127]), [True, False]], ids=["int8", "bool"])
    def test_an_example_of_another_dtype(self, x: Any) -> None:
        shown = texts(plot.network(EXAMPLE_4, x))
        assert set(texts(plot.network(EXAMPLE_4, np.asarray(x, float)))) == set(shown)

    def test_neurons_are_off_only_where_an_activation_is_flat(self) -> None:
        for activation, hatched in (("relu", 2), ("identity", 0), ("tanh", 0)):
            axes = plot.network(Dense(np.eye(3), activation=activation), [0.0, -1.0, 1.0])
            assert len([patch for patch in axes.patches if patch.get_hatch()]) == hatched

    def test_nan_has_the_colour_of_neither_sign(self) -> None:
        axes = plot.network(Dense([[np.nan, 1.0]]), [1.0, 1.0])
        (line,) = segments(axes, importlib.import_module("matplotlib").rcParams["text.color"])
        assert len(line) == 2
        assert len(segments(axes, POSITIVE)) == 1
        assert len([patch for patch in axes.patches if patch.get_fill()]) == 2  # the inputs

    def test_wide_layers_are_blocks(self) -> None:
        axes = plot.network(demo.load_digits()[0])
        assert {"64", "32"} <= set(texts(axes))
        assert not segments(axes, POSITIVE)

    def test_in_axes_of_the_callers(self, pyplot: Any) -> None:
        axes = pyplot.subplots()[1]
        assert plot.network(Dense([[1.0, 2.0]]), axes=axes) is axes
        assert len(pyplot.get_fignums()) == 1

    def test_without_units_and_not_finite(self) -> None:
        texts(plot.network(Dense(np.empty((0, 3)))))
        texts(plot.network(Dense([[np.nan, np.inf, 0]]), [1, 2, 3]))

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ((EXAMPLE_4, [[1.0, 2.0]]), ValueError, r"x has shape \(1, 2\), expected \(2,\)"),
            ((EXAMPLE_4, "x"), TypeError, "x has dtype"),
            (("net",), TypeError, "net has type str"),
        ],
    )
    def test_errors(self, arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            plot.network(*arguments)


class TestDecisionRegions:
    @staticmethod
    def region(axes: Any, x1: float, x2: float) -> int:
        mesh = axes.collections[0]
        n = mesh.get_array().shape[0]
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        row, column = (x2 - bottom) / (top - bottom) * (n - 1), (x1 - left) / (right - left) * (n - 1)
        return int(mesh.get_array()[round(row), round(column)])

    def test_of_the_largest_output(self) -> None:
        axes = plot.decision_regions(PLANE)
        assert [self.region(axes, *x) for x in ((2, 1), (1, 2), (-2, -1), (2, -2), (-2, 2))] == [
            0,
            1,
            2,
            0,
            1,
        ]
        assert [text.get_text() for text in axes.get_legend().get_texts()] == [
            "class 0",
            "class 1",
            "class 2",
        ]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("x1", "x2")
        assert (axes.get_xlim(), axes.get_ylim()) == ((-3, 3), (-3, 3))

    @pytest.mark.parametrize(("activation", "bias"), [("sigmoid", 0.0), ("identity", 0.0), ("tanh", 0.0)])
    def test_of_one_output(self, activation: str, bias: float) -> None:
        net = Network([Dense([[1.0, 1.0]], [bias], activation)])
        axes = plot.decision_regions(net)
        assert [self.region(axes, *x) for x in ((1, 1), (-1, -1), (2, -1), (-2, 1))] == [1, 0, 1, 0]

    def test_points(self) -> None:
        points = [[0.0, 0.0], [10.0, 5.0], [5.0, 2.0]]
        axes = plot.decision_regions(PLANE, points, [0, 1, 2], resolution=20)
        scatter = axes.collections[1]
        assert scatter.get_offsets().tolist() == points
        axes.figure.canvas.draw()
        assert len({tuple(colour) for colour in scatter.get_facecolors()}) == 3
        assert axes.get_xlim() == (-1, 11)
        assert axes.get_ylim() == (-0.5, 5.5)
        assert axes.collections[0].get_array().shape == (20, 20)

    @pytest.mark.parametrize("dtype", [np.int8, bool])
    def test_points_of_another_dtype(self, dtype: Any) -> None:
        points = np.array([[-100, 0], [100, 1]]).astype(dtype)  # in int8, 100 - -100 is -56
        axes = plot.decision_regions(PLANE, points, resolution=3)
        expected = plot.decision_regions(PLANE, points.astype(float), resolution=3)
        assert (axes.get_xlim(), axes.get_ylim()) == (expected.get_xlim(), expected.get_ylim())

    def test_nothing_where_an_output_is_nan(self) -> None:
        net = Network([Dense([[np.inf, 0.0], [1.0, 1.0]])])  # inf times 0
        axes = plot.decision_regions(net, resolution=3)
        mask = np.ma.getmaskarray(axes.collections[0].get_array()).reshape(3, 3)
        assert mask.tolist() == [[False, True, False]] * 3
        assert len(axes.get_legend().get_texts()) == 2

    def test_bounds(self, pyplot: Any) -> None:
        axes = pyplot.subplots()[1]
        assert plot.decision_regions(PLANE, bounds=[(0, 1), (2, 3)], axes=axes) is axes
        assert (axes.get_xlim(), axes.get_ylim()) == ((0, 1), (2, 3))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"net": Network([Dense([[1.0]])])}, "net has 1 inputs"),
            ({"points": [1, 2]}, r"points has shape \(2,\)"),
            ({"points": [[1, 2]], "labels": [1, 2]}, r"labels has shape \(2,\)"),
            ({"labels": [1, 2]}, "without points"),
            *(
                ({"points": [[1, 2]], "labels": [label]}, f"labels holds {label}, expected whole numbers")
                for label in (-1, 3, 0.4, np.nan)
            ),
            ({"points": [[1, np.nan]]}, "points holds NaN or infinity"),
            ({"points": [[1, np.inf]]}, "points holds NaN or infinity"),
            ({"bounds": [(0, 1)]}, "bounds is"),
            ({"bounds": [(0, 1), (1, 1)]}, "low < high"),
            ({"resolution": 1}, "resolution is 1"),
        ],
    )
    def test_errors(self, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            plot.decision_regions(**{"net": PLANE, **arguments})
        with pytest.raises(TypeError, match="net has type list"):
            plot.decision_regions([])  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="resolution has type float"):
            plot.decision_regions(PLANE, resolution=2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("module", ["curves", "drawing", "regions"])
def test_examples(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"fastnn.plot.{module}"))
    assert result.attempted
    assert not result.failed


def test_matplotlib_is_imported_when_something_is_drawn() -> None:
    assert output_of("import sys, fastnn; print('matplotlib' in sys.modules)") == "False\n"


class WithoutMatplotlib:
    def find_spec(self, name: str, *_: object) -> None:
        if name == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [WithoutMatplotlib(), *sys.meta_path])
    with pytest.raises(ImportError, match="Plotting needs matplotlib: pip install matplotlib"):
        plot.activations()
