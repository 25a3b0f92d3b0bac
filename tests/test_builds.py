"""benchmarks/builds.py compares a build with itself, and says what isn't one."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]
PROGRAM = HERE / "benchmarks" / "builds.py"
# The sdist has the benchmarks and the package's sources, but no module of it that was built.
if sys.platform != "linux" or not PROGRAM.exists() or not [*HERE.glob("src/fastnn/_core/engine.*.so")]:
    pytest.skip("needs a checkout that was built in place, and Linux", allow_module_level=True)


def run(other: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), str(other), "--seconds", "0"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_build_beside_itself() -> None:
    done = run(HERE)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    ratios = {line[:30].strip(): float(line[42:].split()[0]) for line in lines[1:]}
    assert {"784-128, 112 rows", "2-3-2, 1 rows", "multiply-adds alone"} <= set(ratios)
    assert all(0.05 < ratio < 20 for ratio in ratios.values())


def test_no_build(tmp_path: Path) -> None:
    done = run(tmp_path / "nothing")
    assert done.returncode == 1
    assert f"{tmp_path / 'nothing'} is no checkout with a build" in done.stderr


def test_a_build_that_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "src" / "fastnn").mkdir(parents=True)
    (tmp_path / "src" / "fastnn" / "__init__.py").write_text("raise ImportError('not built')\n")
    done = run(tmp_path)
    assert done.returncode == 1
    assert f"the build in {tmp_path} doesn't run" in done.stderr
