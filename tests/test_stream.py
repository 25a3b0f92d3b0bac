"""The measurement of `fastnn predict` on a large file runs and fails when it should."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks aren't beside the tests", allow_module_level=True)
if not sys.platform.startswith("linux"):
    pytest.skip("it needs Linux", allow_module_level=True)


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script, imported as if it were run."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield importlib.import_module("stream")
    for name in ("reference", "stream"):
        del sys.modules[name]


def test_it_runs_and_reports(tmp_path: Path) -> None:
    options = ["--gigabytes", "0.01", "--rounds", "1", "--net", "24-64-64-4", "--threads", "1"]
    command = [sys.executable, str(BENCHMARKS / "stream.py"), *options, "--folder", str(tmp_path)]
    run = subprocess.run(
        [*command, "--json", str(tmp_path / "r.json")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == "", "progress is for terminals"
    (cell,) = json.loads((tmp_path / "r.json").read_text())["cells"]
    assert (cell["network"], cell["rows"]) == ("24-64-64-4", 104_166)
    assert (cell["bytes_read"], cell["bytes_written"]) == (128 + 104_166 * 96, 128 + 104_166 * 16)
    (one,) = cell["rounds"]
    assert all(one[name][state] > 0 for name in ("command", "copy") for state in ("cached", "dropped"))
    assert isinstance(one["work"], float)  # of so short a run, noise
    assert 20e6 < cell["peak"] < 300e6
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_it_finds_faults(benchmark: ModuleType) -> None:
    def cell(memory: float, command: float, copy: float, peak: int) -> object:
        states = dict.fromkeys(benchmark.STATES, command)
        one = benchmark.Round(memory, 0.5, states, dict.fromkeys(benchmark.STATES, copy), 0.9, peak)
        return benchmark.Cell("24-64-64-4", 1000, 1, 1, [one])

    assert list(cell(1.0, 1.7, 0.5, 10**8).faults()) == []
    assert list(cell(0.5, 1.7, 1.0, 10**8).faults()) == []
    assert list(cell(1.0, 2.0, 0.5, 4 * 10**8).faults()) == [
        "memory: 24-64-64-4 took 400 MB",
        "slow: 24-64-64-4, file cached: 0.67 of the rate that is possible",
        "slow: 24-64-64-4, file dropped: 0.67 of the rate that is possible",
    ]
