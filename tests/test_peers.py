"""The comparison with the peers runs with those that are installed, and a wrong one is reported."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks aren't beside the tests", allow_module_level=True)
QUICK = ["--quick", "--net", "2-3-2", "--batch", "1"]


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """benchmarks/peers.py, imported as if it were run."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield importlib.import_module("peers")
    for name in ("reference", "contenders", "peers"):
        del sys.modules[name]


def test_it_runs_and_reports(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    command = [sys.executable, str(BENCHMARKS / "peers.py"), *QUICK, "--json", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == "", "progress is for terminals"
    assert "2-3-2" in run.stdout

    report = json.loads(path.read_text(encoding="utf-8"))
    present = set(report["machine"]["peers"])
    assert "numpy" in present
    assert not present & set(report["machine"]["left_out"])
    assert {result["contender"] for result in report["results"]} == present | {"fastnn"}
    (cell,) = report["cells"]
    assert (cell["network"], cell["activations"], cell["batch"]) == ("2-3-2", ["relu", "softmax"], 1)
    for times in cell["microseconds"].values():
        assert 0 < times["min"] <= times["median"] <= times["max"]
    assert set(cell["ratios"]) == present
    best = cell["ratios"][cell["best_peer"]]
    assert report["geometric_means"] == pytest.approx({"grid": best, "batch 1": best})


@pytest.mark.parametrize("change", [lambda y: y * 1.001, lambda y: y * float("nan"), lambda y: y[:1]])
def test_a_wrong_peer_fails(
    peers: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: Any
) -> None:
    def prepare(layers: Any, x: Any, threads: int) -> Any:
        return peers.contenders.prepare_numpy(layers, x, threads)._replace(array=change)

    monkeypatch.setitem(peers.contenders.PEERS, "fake", peers.contenders.Peer(("numpy",), prepare))
    assert peers.main([*QUICK, "--peers", "numpy", "fake"]) == 1
    out = capsys.readouterr().out
    assert "wrong: fake, 2-3-2, batch 1" in out
    assert "wrong: numpy" not in out
    assert "Geometric means, to the best of numpy: grid" in out, "the others are compared"


def test_a_missing_peer_is_listed(
    peers: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = peers.contenders.Peer(("no_such_module",), peers.contenders.prepare_numpy)
    monkeypatch.setitem(peers.contenders.PEERS, "missing", missing)
    assert peers.main([*QUICK, "--peers", "numpy", "missing"]) == 0
    out = capsys.readouterr().out
    assert "Left out: missing, not installed\nAll are there after `pip install --group bench`" in out
    with pytest.raises(SystemExit):
        peers.main([*QUICK, "--peers", "missing"])
    assert "missing not installed" in capsys.readouterr().err


def test_more_threads_than_processors_are_refused(
    peers: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    most = peers.timing.available_processors()
    with pytest.raises(SystemExit):
        peers.main([*QUICK, "--threads", str(most + 1)])
    assert f"--threads is {most + 1}, expected 1 to {most}" in capsys.readouterr().err


def test_the_comparison_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    plot_peers = importlib.import_module("plot_peers")
    times = {"fastnn": {"median": 9, "min": 8, "max": 10}, "numpy": {"median": 18, "min": 16, "max": 30}}
    fast = {"network": "2-3-2", "batch": 8, "best_peer": "numpy", "ratios": {"numpy": 2.0, "torch": 2.5}}
    slow = fast | {"batch": 64, "ratios": {"numpy": 0.5}}
    cells = [cell | {"microseconds": times} for cell in (fast, slow)]
    assert plot_peers.extremes(cells[0]) == (1.6, 3.75)
    machine = {
        "fastnn": "0.1.0",
        "isa": "avx2",
        "cpu": "a <processor>",
        "peers": {"numpy": "2.4", "torch": "3"},
    }
    machine |= {"threads": "1 thread, pinned", "date": "2026-11-25T03:32:03"}
    report = {
        "machine": machine,
        "cells": cells,
        "geometric_means": {"grid": 1.0},
        "rounds": 9,
        "dtype": "float32",
    }
    source, drawing = tmp_path / "peers.json", tmp_path / "peers.svg"
    source.write_text(json.dumps(report), encoding="utf-8")
    assert plot_peers.main([str(source), "--to", str(drawing)]) == 0
    texts = [found.text for found in ElementTree.parse(drawing).iter("{http://www.w3.org/2000/svg}text")]
    assert {"2-3-2", "8", "64", "2.00×  numpy", "0.500×  numpy", "1×", "2×"} <= set(texts)
    assert "a <processor>, 2026-11-25." in " ".join(map(str, texts))
    del sys.modules["plot_peers"]
