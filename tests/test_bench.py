"""`fastnn bench`: it measures everything it promises, and gives up before the run if it can't write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import ISAS, every_isa, interrupt, output_of

import fastnn
from fastnn import cli
from fastnn.bench import cases, command, files, kernels, timing
from fastnn.bench.limits import limits
from fastnn.bench.report import SECTIONS, noise_lines, of_peak

BENCH = [sys.executable, "-m", "fastnn", "bench"]
SPREADS = {
    "layers": ("call_ns", "empty_call_ns", "gflops", "of_peak"),
    "single": (
        "call_ns",
        "gflops",
        "of_peak",
        "weight_gbytes_per_second",
        "read_gbytes_per_second",
        "of_read",
    ),
    "activations": ("call_ns", "ns_per_value", "gbytes_per_second", "read_gbytes_per_second"),
    "networks": ("call_ns", "gflops", "of_peak"),
    "batches": ("call_ns", "rows_per_second"),
    "calls": ("call_ns", "np_add_ns", "of_np_add"),
}
needs_matplotlib = pytest.mark.skipif(not find_spec("matplotlib"), reason="matplotlib isn't installed")


@pytest.fixture
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """One small case of each kind."""
    monkeypatch.setattr(cases, "LAYERS", (cases.Layer(5, 24, 64),))
    monkeypatch.setattr(cases, "SINGLE_QUICK", (cases.Layer(1, 24, 64),))
    monkeypatch.setattr(cases, "VALUES_QUICK", (128,))
    monkeypatch.setattr(cases, "NETWORKS", (cases.Net((7, 3), ("softmax",)),))
    monkeypatch.setattr(cases, "CURVES", (cases.SMALLEST,))
    monkeypatch.setattr(cases, "BATCHES", (1, 4))
    monkeypatch.setattr(kernels, "READ_SIZES_QUICK", (4096,))


def check_run(run: Any) -> None:
    assert set(run) == {"isa", "dtype", "limits", "left_out", *SPREADS}
    spreads = [run["limits"]["gflops"], *(read["gbytes_per_second"] for read in run["limits"]["read"])]
    for section, names in SPREADS.items():
        assert run[section]
        spreads += [figures[name] for figures in run[section] for name in names]
    for spread in spreads:
        assert 0 < spread["min"] <= spread["median"] <= spread["max"] < np.inf


def test_the_command(tmp_path: Path) -> None:
    json_path, png_path = tmp_path / "report.json", tmp_path / "report.png"
    plot = ["--plot", str(png_path)] if find_spec("matplotlib") else []
    done = subprocess.run(
        [*BENCH, "--quick", "--json", str(json_path), *plot], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "progress is for terminals"
    assert "1024-1024, 112" in done.stdout
    report = json.loads(json_path.read_text(encoding="utf-8"))
    assert {"date", "cpu", "fastnn", "threads"} <= set(report["machine"])
    (run,) = report["runs"]
    assert (run["isa"], run["dtype"]) == (fastnn.isa(), "float32")
    check_run(run)
    measured = {(figures["rows"], figures["n_inputs"], figures["n_outputs"]) for figures in run["layers"]}
    assert measured == set(cases.LAYERS)
    assert sorted(os.listdir(tmp_path)) == ["report.json", *(["report.png"] if plot else [])]
    if plot:
        assert png_path.read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.usefixtures("few_cases")
class TestMeasure:
    @every_isa
    def test_every_isa(self, isa: str, capsys: pytest.CaptureFixture[str]) -> None:
        report = command.measure([isa], command.DTYPES, 1, kernels.QUICK)
        assert [(run["isa"], run["dtype"]) for run in report["runs"]] == [(isa, d) for d in command.DTYPES]
        for run in report["runs"]:
            check_run(run)
        assert f"\n{isa}, float64: multiply-adds" in capsys.readouterr().out

    def test_what_takes_too_long_is_left_out(self, capsys: pytest.CaptureFixture[str]) -> None:
        turns = kernels.QUICK._replace(longest=1e-12)
        (run,) = command.measure(ISAS[:1], ["float32"], 1, turns)["runs"]
        assert run["layers"] == []
        assert "24-64, 5 rows" in run["left_out"]
        assert "Left out, for they would take too long: 24-64, 5 rows; " in capsys.readouterr().out

    @pytest.mark.skipif(timing.available_processors() < 2, reason="one processor")
    def test_two_threads(self) -> None:
        before = fastnn.get_num_threads()
        report = command.measure(ISAS[:1], ["float32"], 2, kernels.QUICK)
        assert report["machine"]["threads"].startswith("2 threads")
        check_run(report["runs"][0])
        assert fastnn.get_num_threads() == before


def test_noise_is_named() -> None:
    quiet, noisy = ({"call_ns": {"min": 1.0, "median": 1.1, "max": worst}} for worst in (1.2, 40.0))

    def run(*figures: object) -> dict[str, object]:
        return {section: figures if section == "layers" else [] for section in SPREADS}

    assert list(noise_lines([run(*[quiet] * 9, noisy), run(quiet)])) == []
    (line,) = noise_lines([run(quiet, noisy), run(noisy)])
    assert line.startswith("Noise: in 2 of 3 cases the slowest turn took over 1.5 times as long")


def test_above_the_peak_is_noise() -> None:
    assert of_peak({"min": 0.9, "median": 0.95, "max": 1.004}) == "95% (90..100)"
    assert of_peak({"min": 0.9, "median": 0.95, "max": 1.23}) == "95% (90..123), noise"


def test_what_an_empty_call_takes_up_is_noise() -> None:
    spread = {"min": 1.0, "median": 1.0, "max": 12_700.0}
    for section in ("layers", "single", "activations"):
        case: dict[str, Any] = {"n_inputs": 64, "n_outputs": 64, "rows": 1, "weight_bytes": 4096}
        case |= {"activation": "relu", "values": 4096, **dict.fromkeys(SPREADS[section], spread)}
        assert "12.7k" in SECTIONS[section].lines(case | {"noise": False})
        line = SECTIONS[section].lines(case | {"noise": True})
        assert line.split().count("noise") == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_a_probe_does_the_amount_it_says(threads: int) -> None:
    with limits(ISAS[0], "float64", threads) as probes:
        peak, read = probes.multiply_adds(), probes.read(4096, threads)
        assert peak.amount == 2 * sum(peak.call())
        assert read.amount == 8 * sum(read.call())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--isa", "avx9"], "argument --isa: invalid choice: 'avx9'"),
        (["--dtype", "float16"], "argument --dtype: invalid choice: 'float16'"),
        (["--threads", "0"], "argument --threads: 0 isn't a number from 1 to"),
        (["--threads", "many"], "argument --threads: many isn't a number from 1 to"),
        (["--json", "missing/report.json"], "argument --json: missing/report.json: the folder "),
        (["--json", "."], "argument --json: . isn't a file"),
        (["--plot", "report.pdf"], "argument --plot: report.pdf isn't a name that ends in .png"),
        (["--plot", "missing/report.png"], "argument --plot: missing/report.png: the folder "),
    ],
    ids=str,
)
def test_bad_options(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["bench", *arguments])
    assert exit_.value.code == 2
    out, err = capsys.readouterr()
    assert (out, message in err) == ("", True), err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SystemExit):
        cli.main(["bench", "--json", str(tmp_path / "report.json")])
    assert "report.json can't be written: Permission denied" in capsys.readouterr().err


def test_without_matplotlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        cli.main(["bench", "--plot", str(tmp_path / "report.png")])
    out, err = capsys.readouterr()
    assert out == "", "before anything is measured"
    assert "argument --plot: needs matplotlib: pip install matplotlib" in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("of an earlier run")
    assert interrupt(*BENCH, "--json", str(path)) == (130, ["interrupted"])
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
    assert path.read_text() == "of an earlier run"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has another error for this")
def test_a_reader_that_goes_away() -> None:
    with subprocess.Popen(
        [*BENCH, "--quick"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == ""
    assert running.returncode == 1


def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        files.write(tmp_path / "report.json", b"{}")
    assert list(tmp_path.iterdir()) == []


def test_importing_fastnn_leaves_it_alone() -> None:
    assert output_of("import sys, fastnn; assert 'fastnn.bench' not in sys.modules") == ""


@needs_matplotlib
def test_labels_do_not_cover_each_other() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from fastnn.bench.labels import Labels

    figure = Figure((7, 5))
    axes = figure.subplots()
    axes.set(xlim=(0, 100), ylim=(0, 100))
    FigureCanvasAgg(figure).draw()
    labels = Labels(axes)
    rng = np.random.default_rng(0)
    points = [(50 + float(x), 70 + float(y)) for x, y in rng.normal(0, 8, (11, 2))]
    for point in points:
        labels.beside(point, "112 × 1024-1024", "black")
    markers = list(labels.taken)
    assert len(markers) == len(points)
    boxes = labels.draw()
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert not any(label.overlaps(marker) for label in boxes for marker in markers)
