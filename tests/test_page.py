"""The page that ``fastnn show`` writes, without a browser; tests/browser opens it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn import Dense, Network, cli, demo
from fastnn.activations import NAMES
from fastnn.show import elements
from fastnn.show.histogram import BARS, histogram
from fastnn.show.page import MOST_INPUTS, MOST_PARAMETERS, page, source

EXAMPLE_4 = Network([Dense(*demo.HIDDEN), Dense(*demo.OUTPUT)])


class Parsed(HTMLParser):
    """All tags with their attributes, and the text of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._inside, []).append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_every_activation_has_its_formula() -> None:
    keys = re.findall(r"^  (\w+): \(.*\) => \(", source("activations.js"), re.MULTILINE)
    assert sorted(keys) == sorted(NAMES)


class TestPage:
    def test_is_the_same_each_time(self) -> None:
        assert page(EXAMPLE_4, "a") == page(EXAMPLE_4, "a")

    @pytest.mark.parametrize("net", [EXAMPLE_4, demo.load_digits()[0]], ids=["live", "still"])
    def test_loads_nothing_and_runs_only_its_own_script(self, net: Network) -> None:
        parsed = Parsed(page(net, "a"))
        attributes = {name for _, found in parsed.tags for name in found}
        assert not attributes & {"src", "href", "style", "action", "data", "srcset", "poster"}
        assert not [name for name in attributes if name.startswith("on")]
        (policy,) = (
            str(meta["content"])
            for meta in parsed.named("meta")
            if meta.get("http-equiv") == "Content-Security-Policy"
        )
        rules = dict(rule.split(maxsplit=1) for rule in policy.split("; "))
        assert rules.pop("default-src") == "'none'"
        assert rules.pop("style-src") == f"'{digest(parsed.texts['style'][0])}'"
        if net is EXAMPLE_4:
            assert rules["script-src"] == f"'{digest(parsed.texts['script'][1])}'"
        rules.pop("script-src")
        assert rules == {"base-uri": "'none'", "form-action": "'none'"}

    def test_holds_the_exact_parameters(self) -> None:
        weight = np.random.default_rng(0).standard_normal((3, 2))
        weight[0, 0], weight[1, 1], weight[2, 0] = np.nan, np.inf, -np.inf
        net = Network([Dense(weight, [1e-300, -0.0, 5e-324], "relu"), Dense(np.ones((1, 3), np.float32))])
        first, second = json.loads(Parsed(page(net, "a")).texts["script"][0])["layers"]
        found = [[float(value) for value in row] for row in first["weight"]]
        np.testing.assert_array_equal(found, weight)
        assert first["weight"][1][1] == "Infinity"  # as JavaScript reads it
        assert first["bias"] == [1e-300, -0.0, 5e-324]
        assert (first["activation"], second["bias"]) == ("relu", [0])

    def test_escapes_what_it_is_given(self) -> None:
        name = "</title></script><script>alert(1)</script>&\"'"
        html = page(EXAMPLE_4, name)
        assert "<script>alert" not in html
        parsed = Parsed(html)
        assert len(parsed.named("script")) == 2
        assert "".join(parsed.texts["h1"]) == name

    @pytest.mark.parametrize(
        ("net", "live"),
        [
            (EXAMPLE_4, True),
            (Network([Dense(np.ones((1, MOST_INPUTS)))]), True),
            (Network([Dense(np.ones((1, MOST_INPUTS + 1)))]), False),
            (Network([Dense(np.ones((MOST_PARAMETERS // 2, 2)))]), True),
            (Network([Dense(np.ones((MOST_PARAMETERS // 2 + 1, 2)))]), False),
            (Network([Dense(np.ones((0, 2)))]), False),
            (Network([Dense(np.ones((2, 0)))]), False),
        ],
    )
    def test_small_networks_can_be_tried(self, net: Network, live: bool) -> None:
        parsed = Parsed(page(net, "a", -1, 2))
        sliders = [found for found in parsed.named("input") if found["type"] == "range"]
        assert len(sliders) == (net.n_inputs if live else 0)
        assert bool(parsed.named("script")) == live
        labels = {label["for"] for label in parsed.named("label")}
        for slider in sliders:
            assert slider["id"] in labels
            assert (slider["min"], slider["max"], slider["value"]) == ("-1", "2", "0")

    @pytest.mark.parametrize(
        ("low", "high", "span"),
        [
            (1000000.5, 1000001.5, ("1000000.5", "1000001.5", "1000000.5")),
            (-1.7e308, 1.7e308, ("-1.7e+308", "1.7e+308", "0")),
        ],
    )
    def test_sliders_of_any_range(self, low: float, high: float, span: tuple[str, str, str]) -> None:
        slider = Parsed(page(EXAMPLE_4, "a", low, high)).named("input")[0]
        assert (slider["min"], slider["max"], slider["value"]) == span
        assert 0 < float(str(slider["step"])) < np.inf

    @pytest.mark.parametrize(("n", "live"), [(1, "polite"), (2, "off")])
    def test_reads_the_output_out_if_it_is_the_only_one(self, n: int, live: str) -> None:
        parsed = Parsed(page(Network([Dense(np.ones((n, 2)))]), "a"))
        assert [output["aria-live"] for output in parsed.named("output")] == [live] * n

    def test_shows_layers_and_weights(self) -> None:
        parsed = Parsed(page(EXAMPLE_4, "a"))
        assert {"2 -> 3", "softmax", "17"} <= set(parsed.texts["td"])
        assert "total, float64" in parsed.texts["th"]
        assert len(parsed.named("figure")) == 2

    def test_of_a_large_network_stays_small(self) -> None:
        assert len(page(Network([Dense(np.ones((500, 500)))] * 20), "a")) < 200_000


class TestHistogram:
    @staticmethod
    def counts(weight: Any) -> list[int]:
        figure = histogram(Dense(weight), "a")
        return [int(str(title.text).replace(",", "")) for title in figure.iter("title")]

    def test_counts_every_weight(self) -> None:
        weight = np.random.default_rng(0).standard_normal((100, 50))
        counts = self.counts(weight)
        assert sum(counts) == 5000
        expected = np.histogram(weight, BARS, (-abs(weight).max(), abs(weight).max()))[0]
        assert counts == [count for count in expected if count]

    def test_says_what_there_is(self) -> None:
        text = elements.html(histogram(Dense([[1.0, 0.0, -2.0, np.nan, np.inf]]), "layer 1"))
        assert "layer 1: 5 weights, from -2 to 1, mean -0.3333, standard deviation 1.247" in text
        assert "1 of them 0, 2 not finite" in text

    @pytest.mark.parametrize(
        "weight",
        [
            np.zeros((3, 3)),
            np.empty((0, 3)),
            [[np.nan]],
            [[1e308, -1e308]],
            [[5e-324]],
            np.float32([[3e38, 1]]),
        ],
        ids=str,
    )
    def test_of_unusual_weights(self, weight: Any) -> None:
        assert sum(self.counts(weight)) == np.isfinite(weight).sum()


class TestCommand:
    @pytest.fixture
    def model(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        EXAMPLE_4.save("net.safetensors")
        return tmp_path / "net.safetensors"

    def test_writes_a_page(self, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["show", str(model)]) == 0
        written = model.with_suffix(".html")
        assert capsys.readouterr().out == f"{written}\n"
        assert written.read_text("utf-8") == page(EXAMPLE_4, "net.safetensors")

    def test_where_it_is_told(self, model: Path) -> None:
        assert cli.main(["show", str(model), "-o", "other.htm", "--range", "-0.5", "10"]) == 0
        assert Path("other.htm").read_text("utf-8") == page(EXAMPLE_4, "net.safetensors", -0.5, 10)

    def test_a_range_in_powers_of_ten(self, model: Path) -> None:
        assert cli.main(["show", str(model), "--range", "-1e-3", "1e-3"]) == 0
        assert Path("net.html").read_text("utf-8") == page(EXAMPLE_4, "net.safetensors", -1e-3, 1e-3)

    def test_where_nothing_can_be_written(self, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Path("net.html").mkdir()
        assert cli.main(["show", str(model)]) == 1
        assert capsys.readouterr().err.startswith("fastnn show: error: net.html isn't a file")

    @pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
    def test_prints_any_name(self, model: Path) -> None:
        odd = "a\x1b[2J\udcff\n.html"
        with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), "ascii")) as output:
            assert cli.main(["show", str(model), "-o", odd]) == 0
        output.seek(0)
        assert output.read().endswith("a\\x1b[2J\\udcff\\n.html\n")
        assert Path(odd).exists()

    def test_says_that_a_page_is_replaced(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="0"):
            cli.main(["show", "--help"])
        assert "replaced if it is there" in " ".join(capsys.readouterr().out.split())

    @pytest.mark.parametrize(
        "arguments", [["--range", "0", "x"], ["--range", "0", "inf"], ["-o", "none/a.html"], ["-o", "a.npy"]]
    )
    def test_wrong_arguments(self, model: Path, arguments: list[str]) -> None:
        with pytest.raises(SystemExit, match="2"):
            cli.main(["show", str(model), *arguments])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["net.safetensors", "--range", "1", "1"], "--range is 1 1, expected LOW < HIGH"),
            (["net.html", "-o", "net.html"], "is the model itself"),
            (["broken.safetensors"], "broken.safetensors"),
            (["missing.safetensors"], "missing.safetensors"),
        ],
    )
    def test_errors_leave_everything_as_it_was(
        self, model: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
    ) -> None:
        before = model.read_bytes()
        Path("broken.safetensors").write_bytes(before[:-1])
        Path("net.html").write_bytes(before)
        assert cli.main(["show", *arguments]) == 1
        error = capsys.readouterr().err
        assert error.startswith("fastnn show: error: ")
        assert message in error
        assert model.read_bytes() == Path("net.html").read_bytes() == before
        names = sorted(path.name for path in Path().iterdir())
        assert names == ["broken.safetensors", "net.html", "net.safetensors"]
