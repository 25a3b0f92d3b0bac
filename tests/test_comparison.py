"""benchmarks/numerics.py and edge_cases.py run with what is installed, and find what is off."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from support import interrupt

import fastnn
from fastnn.bench import files

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks aren't beside the tests", allow_module_level=True)
HEAD = "before\n<!-- edge cases -->\n<!-- end edge cases -->\n<!-- comparison -->\n"
FOOT = "<!-- end comparison -->\nafter\n"
LIMITS = {"exp": 1, "sigmoid": 1.5, "tanh": 1, "softmax": 4, "log_softmax": 2}


@pytest.fixture
def numerics(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """benchmarks/numerics.py, imported as if it were run."""
    yield from imported("numerics", monkeypatch)


@pytest.fixture
def edge_cases(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """benchmarks/edge_cases.py, imported as if it were run."""
    yield from imported("edge_cases", monkeypatch)


def imported(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(BENCHMARKS)
    before = set(sys.modules)
    yield importlib.import_module(name)
    for module in {"reference", "contenders", "library_functions", "ulps", name} - before:
        sys.modules.pop(module, None)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(f"{HEAD}old\n{FOOT}", encoding="utf-8")
    return path


def run(script: str, *arguments: str) -> Any:
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")


class TestNumerics:
    def test_it_runs_and_reports(self, tmp_path: Path, page: Path) -> None:
        path = tmp_path / "report.json"
        done = run("numerics.py", "--quick", "--json", str(path), "--write", str(page))
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", "progress is for terminals"

        report = json.loads(path.read_text(encoding="utf-8"))
        present = set(report["versions"])
        assert {"fastnn", "NumPy"} <= present
        assert present | set(report["left_out"]) == {"fastnn", "NumPy", "SciPy", "PyTorch", "ONNX Runtime"}
        for accuracy in report["accuracy"]:
            own = accuracy["errors"]["fastnn"]
            assert own["tried"] > 0
            assert own["lost"] == own["wrong"] == 0
            if accuracy["dtype"] == "float32":
                assert 0.5 < own["ulp"] <= LIMITS[accuracy["function"]]
        assert {accuracy["function"] for accuracy in report["accuracy"]} == set(LIMITS)
        for network in report["networks"]:
            assert set(network["different_results"]["fastnn"].values()) == {1}
            assert set(network["different_results"]) == present - {"SciPy"}

        written = page.read_text(encoding="utf-8")
        assert written.startswith(
            "before\n<!-- edge cases -->\n<!-- end edge cases -->\n<!-- comparison -->\n"
        )
        assert written.endswith("<!-- end comparison -->\nafter\n")
        assert "old" not in written
        for name in ("softmax, float32", "784-128-10"):
            (line,) = (line for line in written.splitlines() if line.startswith(f"| {name}"))
            assert line in done.stdout

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
    def test_ctrl_c(self) -> None:
        command = [sys.executable, str(BENCHMARKS / "numerics.py")]
        assert interrupt(*command, seconds=60) == (130, ["interrupted"])

    def test_a_missing_library_is_listed(
        self, numerics: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        libraries = numerics.functions.LIBRARIES
        only = {name: libraries[name] for name in ("fastnn", "NumPy")}
        only["Missing"] = numerics.functions.Library(("no_such_module",), dict)
        monkeypatch.setattr(numerics.functions, "LIBRARIES", only)
        monkeypatch.setattr(numerics, "QUICK", numerics.Effort(10**8, 8, 2, ["2-3-2"]))
        assert numerics.main(["--quick"]) == 0
        assert "Left out: Missing, not installed" in capsys.readouterr().out

    def test_a_page_without_the_marks_is_refused(
        self, numerics: ModuleType, page: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        page.write_text("no marks\n")
        with pytest.raises(SystemExit):
            numerics.main(["--write", str(page)])
        assert "has no lines <!-- comparison --> and <!-- end comparison -->" in capsys.readouterr().err

    def test_a_row_that_changes_is_counted(self, numerics: ModuleType) -> None:
        peer = numerics.contenders.FASTNN

        def prepare(layers: Any, x: Any, threads: int) -> Any:
            batch = np.atleast_2d(x).shape[0]
            return peer.prepare(layers, x, threads)._replace(array=lambda y: np.asarray(y) + batch % 3)

        seen = numerics.results_of_one_row(peer._replace(prepare=prepare), "2-3-2", 50, 1)
        assert len(seen) == 3


class TestErrors:
    def test_they_are_told_apart(self, numerics: ModuleType) -> None:
        exact = np.array([1.0, 1.0, 1e-40, 3e38, 1e39, 1e39, 0.0, 1e-60])
        got = np.array([1 + 2**-22, 1.0, 0.0, np.inf, np.inf, 3e38, 0.0, 0.0], np.float32)
        with np.errstate(over="ignore"):
            found = numerics.ulps.errors(got, exact, normal=False)
        assert found == (2.0, 1.0, 8, 1, 2)

    def test_the_largest_is_kept_and_counts_are_added(self, numerics: ModuleType) -> None:
        errors = numerics.ulps.Errors
        assert errors(2, 1.0, 5, 1, 0).joined(errors(3, 7.0, 6, 1, 1)) == (3, 7.0, 11, 2, 1)

    def test_subnormal_results_count_unless_normal_ones_are_asked_for(self, numerics: ModuleType) -> None:
        exact = np.array([1e-40])
        got = (exact + 3 * 2.0**-149).astype(np.float32)
        assert 2.4 < numerics.ulps.errors(got, exact, normal=False).ulp < 3.6
        assert numerics.ulps.errors(got, exact, normal=True).ulp == 0


class TestEdgeCases:
    def test_it_runs_and_writes(self, page: Path) -> None:
        done = run("edge_cases.py", "--write", str(page))
        # Another version of a library may differ where the table has no reason yet.
        assert done.returncode == (1 if "not explained" in done.stderr else 0), done.stderr
        assert files.block(page, "edge cases") in done.stdout
        assert f"fastnn {fastnn.__version__}; NumPy {np.__version__}" in done.stdout

    def test_what_differs_without_a_reason_is_reported(
        self, edge_cases: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        functions = edge_cases.functions
        odd = functions.Library(
            ("numpy",), lambda: {"sigmoid": lambda z: np.zeros_like(z), "softmax": odd_rows}
        )
        monkeypatch.setattr(functions, "LIBRARIES", {"Odd": odd})
        assert edge_cases.main([]) == 1
        out, err = capsys.readouterr()
        assert "Odd: 0 for NaN, 0 for ∞, 0 for 0" in out
        assert "Odd: softmax (2, 1) or (2, 3) or (2, 40)" in out
        assert "not explained: | sigmoid |" in err


def odd_rows(z: Any) -> Any:
    """Give a result that depends on the batch."""
    return np.full_like(z, len(z)) - np.array([len(z) - 2, 0][: z.shape[1]], z.dtype)
