"""The drawings in docs/ are those that their programs make, and nothing in them is outside of the picture."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

import fastnn
from fastnn._core.dispatch import available_isas, kernels

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
if not IMAGES.exists():
    pytest.skip("the docs aren't beside the tests", allow_module_level=True)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """tools/drawings.py, imported as if it were run."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    yield importlib.import_module("drawings")
    del sys.modules["drawings"]


def test_the_kernels_drawings_are_current(drawings: ModuleType) -> None:
    for name, draw in drawings.DRAWINGS.items():
        assert (IMAGES / f"{name}.svg").read_text("utf-8") == draw(), "python tools/drawings.py"


@pytest.mark.skipif("avx512" not in available_isas(), reason="the drawings' figures are AVX-512's")
def test_their_figures_are_those_of_the_kernels(drawings: ModuleType) -> None:
    table = kernels("float32", "avx512")
    assert (table.lanes, table.tile_rows) == (drawings.LANES, drawings.TILE_ROWS)
    assert table.panel == 2 * table.lanes


@pytest.mark.parametrize("threads", [1, 2])
def test_the_comparison_is_that_of_the_results(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    plot_peers = importlib.import_module("plot_peers")
    path = ROOT / "benchmarks" / "results" / f"{fastnn.__version__}-peers-{threads}.json"
    report = json.loads(path.read_text("utf-8"))
    assert (IMAGES / f"peers-{threads}.svg").read_text("utf-8") == plot_peers.svg(report)
    del sys.modules["plot_peers"]


@pytest.mark.parametrize("path", sorted(IMAGES.glob("*.svg")), ids=lambda path: path.stem)
def test_everything_is_inside(path: Path) -> None:
    picture = ElementTree.parse(path).getroot()
    width, height = float(picture.get("width", "")), float(picture.get("height", ""))
    assert path.stat().st_size < 30_000
    for text in picture.iter(f"{SVG}text"):
        x, y, size = float(text.get("x", "")), float(text.get("y", "")), float(text.get("font-size", 12))
        wide = 0.56 * size * len(text.text or "")  # about
        left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[text.get("text-anchor", "start")]
        assert left > -1
        assert left + wide < width + 1, text.text
        assert 0 < y < height
