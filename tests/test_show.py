"""What networks show of themselves: code that makes them, tables, drawings."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, fromstring

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy import float32, inf

import fastnn
from fastnn import Dense, Network, Perceptron, demo
from fastnn.show import svg
from fastnn.show.layout import MOST_COLUMNS, MOST_UNITS, layout
from fastnn.show.page import page
from fastnn.show.trace import OFF, number

EXAMPLE_4 = Network([Dense(*demo.HIDDEN), Dense(*demo.OUTPUT)])
X = [1.5, -0.5]


def random_network(*widths: int, activation: str = "relu") -> Network:
    rng = np.random.default_rng(0)
    shapes = zip(widths[1:], widths, strict=False)
    return Network([Dense(rng.standard_normal(shape), None, activation) for shape in shapes])


def evaluated(code: str) -> object:
    return eval(code, {"float32": float32, "inf": inf, **vars(fastnn)})


def texts(root: Element, tag: str) -> list[str]:
    return ["".join(part.itertext()) for part in root.iter(tag)]


class TestCode:
    def test_of_small_ones(self) -> None:
        assert repr(Dense([[1.0, 2.0]])) == "Dense([[1.0, 2.0]])"
        assert repr(Dense([[1.0, 2.0]], activation="relu")) == 'Dense([[1.0, 2.0]], activation="relu")'
        assert repr(Dense([[0.1]], [-0.2], "tanh")) == 'Dense([[0.1]], [-0.2], "tanh")'
        assert repr(Dense(float32([[0.1]]), float32([0]))) == "Dense(float32([[0.1]]), float32([0.0]))"
        assert repr(Perceptron([0.1, 1e-30], 0.2, "tanh")) == 'Perceptron([0.1, 1e-30], 0.2, "tanh")'
        assert repr(Perceptron(float32([0.1]), 0.2)) == "Perceptron(float32([0.1]), 0.2)"
        assert repr(Network([Dense([[0.1]], [-0.2])])) == "Network([Dense([[0.1]], [-0.2])])"

    def test_of_a_network_on_lines(self) -> None:
        assert repr(EXAMPLE_4).splitlines() == [
            "Network([",
            '    Dense([[0.4, -0.3], [-0.2, 0.5], [0.8, 0.1]], [0.1, -0.1, 0.0], "relu"),',
            '    Dense([[0.6, -0.4, 0.2], [-0.1, 0.3, 0.5]], [0.0, 0.1], "softmax"),',
            "])",
        ]

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_of_large_ones_is_short(self, dtype: str) -> None:
        layer = Dense(np.ones((32, 64), dtype), np.ones(32, dtype), "tanh")
        assert repr(layer) == f'Dense(<{dtype} (32, 64)>, <{dtype} (32,)>, "tanh")'
        assert repr(Perceptron(np.ones(99, dtype))) == f"Perceptron(<{dtype} (99,)>, 0.0)"
        net = Network([Dense(np.eye(64, dtype=dtype))] * 100)
        lines = repr(net).splitlines()
        assert lines[0] == "Network(["
        assert lines.count(f"    Dense(<{dtype} (64, 64)>),") == 12
        assert lines[7] == "    ...,"

    def test_without_neurons_or_inputs(self) -> None:
        assert repr(Dense(np.empty((0, 3)), np.empty(0))) == "Dense(<float64 (0, 3)>, <float64 (0,)>)"
        assert evaluated(repr(Dense(np.empty((3, 0))))) == Dense(np.empty((3, 0)))

    @given(st.data())
    def test_makes_an_equal_object(self, data: st.DataObject) -> None:
        dtype = np.dtype(data.draw(st.sampled_from(["float32", "float64"])))
        numbers = st.floats(allow_nan=False, width=8 * dtype.itemsize)  # type: ignore[arg-type]
        weight = data.draw(arrays(dtype, (2, 1), elements=numbers))
        bias = data.draw(st.none() | arrays(dtype, 2, elements=numbers))
        activation = data.draw(st.sampled_from(["identity", "relu", "softmax"]))
        layer = Dense(weight, bias, activation)
        assert evaluated(repr(layer)) == layer
        assert evaluated(repr(Network([layer]))) == Network([layer])
        neuron = Perceptron(weight[:, 0], weight[0, 0], activation)
        assert evaluated(repr(neuron)) == neuron


def test_summary_lines_up() -> None:
    net = random_network(10_000, 300, 1, activation="log_softmax")
    assert net.summary().splitlines() == [
        "layer         shape  activation   parameters",
        "1      10000 -> 300  log_softmax   3,000,000",
        "2          300 -> 1  log_softmax         300",
        "total                              3,000,300  float64",
    ]


class TestDrawing:
    def test_of_units_and_weights(self) -> None:
        root = svg.drawing(EXAMPLE_4.layers)
        assert len(list(root.iter("circle"))) == 2 + 3 + 2
        weights = [line for line in root.iter("line") if len(line)]
        assert len(weights) == 6 + 6
        by_title = {"".join(line.itertext()): line for line in weights}
        positive = by_title["weight of input 1 in layer 1, neuron 3: 0.8"]
        negative = by_title["weight of layer 1, neuron 2 in layer 2, neuron 1: -0.4"]
        assert (positive.get("stroke"), positive.get("stroke-dasharray")) == (svg.POSITIVE, None)
        assert (negative.get("stroke"), negative.get("stroke-dasharray")) == (svg.NEGATIVE, svg.DASHES)
        width = {title: float(line.attrib["stroke-width"]) for title, line in by_title.items()}
        assert max(width.values()) == width["weight of input 1 in layer 1, neuron 3: 0.8"] == 3.6
        assert width["weight of input 2 in layer 1, neuron 3: 0.1"] < 1.2
        shown = texts(root, "text")
        for text in ("2 inputs", "3 neurons", "relu", "9 parameters", "softmax", "8 parameters"):
            assert text in shown
        assert "layer 1, neuron 2: bias -0.1" in texts(root, "title")

    def test_lines_end_at_the_units_they_join(self) -> None:
        weight = np.zeros((3, 2))
        weight[2, 1] = 1
        root = svg.drawing([Dense(weight)])
        (line,) = (line for line in root.iter("line") if len(line))
        circles = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in root.iter("circle")]
        (x1, y1), (x2, y2) = circles[1], circles[4]
        radius = layout([Dense(weight)]).radius
        ends = [float(line.attrib[name]) for name in ("x1", "y1", "x2", "y2")]
        assert ends == pytest.approx([x1 + radius, y1, x2 - radius, y2], abs=0.1)

    def test_in_words(self) -> None:
        root = fromstring(EXAMPLE_4._repr_html_()).find(".//svg")
        assert root is not None
        assert root.get("role") == "img"
        parts = {part.get("id"): part.text for part in root if part.get("id")}
        title, description = (parts[key] for key in root.attrib["aria-labelledby"].split())
        assert title == "Network 2-3-2 with 17 parameters"
        assert description == "2 inputs; layer 1 has 3 neurons, relu; layer 2 has 2 neurons, softmax."

    def test_ids_are_unique_on_a_page(self) -> None:
        whole = fromstring(
            f"<p>{EXAMPLE_4._repr_html_()}{EXAMPLE_4._repr_html_()}{EXAMPLE_4.layers[0]._repr_html_()}</p>"
        )
        ids = [part.attrib["id"] for part in whole.iter() if "id" in part.attrib]
        assert len(ids) == len(set(ids)) == 6

    @pytest.mark.parametrize("html", [EXAMPLE_4._repr_html_(), EXAMPLE_4.trace(X)._repr_html_()])
    def test_takes_the_colours_of_the_page_and_loads_nothing(self, html: str) -> None:
        for word in ("http", "url(", "<script", "@import", "black", "white", "#000", "#fff"):
            assert word not in html

    def test_wide_layers_are_blocks(self) -> None:
        root = svg.drawing(random_network(MOST_UNITS + 1, 10_000, 4).layers)
        assert len(list(root.iter("rect"))) == 2
        assert len(list(root.iter("polygon"))) == 2
        assert len(list(root.iter("circle"))) == 4
        assert not list(root.iter("line"))
        assert {"17", "10,000"} <= set(texts(root, "text"))

    @pytest.mark.parametrize(
        "net",
        [random_network(*[MOST_UNITS] * 40), random_network(*[3] * 500), random_network(2000, 2000, 2000)],
        ids=["many units", "many layers", "wide"],
    )
    def test_stays_small(self, net: Network) -> None:
        drawn = net._repr_html_()
        assert len(drawn) < 400_000

    def test_leaves_layers_out(self) -> None:
        root = svg.drawing(random_network(*[3] * 50).layers)
        shown = texts(root, "text")
        assert [title for title in shown if title.startswith("layer")] == [
            *(f"layer {i}" for i in (1, 2, 3, 4, 5)),
            *(f"layer {i}" for i in (44, 45, 46, 47, 48, 49)),
        ]
        assert shown.count("…") == 1
        assert len(list(root.iter("circle"))) == 3 * MOST_COLUMNS
        assert len([line for line in root.iter("line") if len(line)]) == 9 * (MOST_COLUMNS - 2)

    def test_nothing_is_cut(self) -> None:
        for net in (EXAMPLE_4, Network([Dense([[1.0]])]), random_network(2, 3, 16, activation="log_softmax")):
            root = svg.drawing(net.layers)
            width, height = float(root.attrib["width"]), float(root.attrib["height"])
            for text in root.iter("text"):
                extent = 6.6 * len(text.text or "")
                left = float(text.attrib["x"]) - (extent / 2 if text.get("text-anchor") == "middle" else 0)
                assert left >= 0
                assert left + extent <= width
                assert 10 <= float(text.attrib["y"]) <= height

    def test_weights_that_are_not_finite(self) -> None:
        root = svg.drawing([Dense([[np.nan, np.inf, -np.inf, 0.0, 1.0]])])
        lines = {"".join(line.itertext()).split(": ")[1]: line for line in root.iter("line") if len(line)}
        assert set(lines) == {"nan", "inf", "-inf", "1.0"}
        assert lines["nan"].get("stroke") == "currentColor"
        assert lines["inf"].get("stroke-width") == lines["1.0"].get("stroke-width") == "3.60"

    @pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (1, 1)])
    def test_without_units(self, shape: tuple[int, int]) -> None:
        fromstring(Network([Dense(np.ones(shape))])._repr_html_())


def test_of_a_perceptron() -> None:
    drawn = fromstring(Perceptron([1.0, -2.0], 0.5, "tanh")._repr_html_())
    assert {"2 inputs", "1 neuron", "tanh"} <= set(texts(drawn, "text"))


def test_whatever_numpy_does_about_floating_point_errors() -> None:
    net = Network([Dense([[5e-324, 1e308, -1e308, np.nan, inf]] * 2, None, "relu"), Dense([[1e308, 1e-300]])])
    trace = net.trace([1.0, 2.0, 3.0, 4.0, 5.0])
    with np.errstate(all="raise"):
        for html in (page(net, "a"), net._repr_html_(), trace._repr_html_()):
            assert html
        assert repr(net) + str(trace)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-1e-7, "-1e-7"),
        (1.23456789e-6, "1.23457e-6"),
        (1e-5, "0.00001"),
        (0.1234567, "0.12346"),
        (123456.0, "123456"),
        (1e15, "1000000000000000"),
        (1e16, "1e+16"),
        (-1e300, "-1e+300"),
        (-inf, "-inf"),
        (np.nan, "nan"),
    ],
)
def test_numbers_of_a_trace(value: float, text: str) -> None:
    assert number(np.float64(value)) == text


class TestTrace:
    @staticmethod
    def tables(x: Sequence[object]) -> list[Element]:
        return list(fromstring(EXAMPLE_4.trace(x)._repr_html_()).iter("table"))

    def test_neurons_that_are_off(self) -> None:
        (table,) = self.tables(X)
        assert [[" ".join(text.split()) for text in texts(row, "td")] for row in table.iter("tr")] == [
            ["1.5", "-0.5"],
            ["0.85", "-0.65", "1.15"],
            ["0.85", "0 off", "1.15"],
            ["0.74", "0.59"],
            ["0.53743", "0.46257"],
        ]
        assert texts(table, "th") == ["x", "Z1", "A1, relu", "Z2", "A2, softmax"]
        assert [cell.text for cell in table.iter("td") if cell.get("style") == OFF] == ["0 "]

    @pytest.mark.parametrize(
        ("activation", "off"),
        [
            ("relu", [0, 1, 2]),
            ("leaky_relu(0)", [0, 1, 2]),
            ("clip", [0, 1, 2]),
            ("hard_sigmoid", [0]),
            ("hard_swish", [0]),
            ("clip(-1, 1)", []),
            ("identity", []),
            ("tanh", []),
            ("log_softmax", []),
        ],
    )
    def test_only_where_an_activation_is_flat(self, activation: str, off: list[int]) -> None:
        net = Network([Dense(np.eye(4), activation=activation)])
        html = net.trace([-5.0, -0.0, 0.0, 1.0])._repr_html_()
        cells = list(list(fromstring(html).iter("tr"))[2].iter("td"))
        assert [k for k, cell in enumerate(cells) if cell.get("style")] == off
        assert ("Hatched" in html) == bool(off)

    def test_says_what_hatching_means_where_it_is(self) -> None:
        hidden, last = Dense(np.eye(2), activation="relu"), Dense(np.eye(2), activation="relu")
        effect = "so nothing of them reaches the next layer."
        assert "Hatched" not in Network([hidden, last]).trace([1.0, 2.0])._repr_html_()
        assert effect in Network([hidden, last]).trace([1.0, -2.0])._repr_html_()
        assert effect not in Network([last]).trace([1.0, -2.0])._repr_html_()

    def test_of_a_batch(self) -> None:
        tables = self.tables([[1.5, -0.5], [0, 1], [-1, 2], [0.5, 0.5]])
        assert [texts(table, "caption") for table in tables] == [[f"row {i} of 4"] for i in range(4)]
        off = [
            [k for k, cell in enumerate(list(table.iter("tr"))[2].iter("td")) if cell.get("style")]
            for table in tables
        ]
        assert off == [[1], [0], [0, 2], []]

    def test_of_many_rows_and_neurons(self) -> None:
        net = random_network(3, 100)
        root = fromstring(net.trace(np.ones((1000, 3)))._repr_html_())
        assert texts(root, "caption") == [f"row {i} of 1,000" for i in range(5)]
        assert texts(root, "td").count("… 84 more") == 2 * 5

    def test_of_integers_and_of_no_rows(self) -> None:
        (table,) = self.tables([1, 2])
        assert texts(table, "td")[:2] == ["1", "2"]
        assert self.tables(np.empty((0, 2))) == []  # type: ignore[arg-type]
