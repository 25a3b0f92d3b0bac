"""What tools say, and that they fail, where a package isn't installed or what they are to do isn't done."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import ROOT, on_linux, run_python

pytestmark = pytest.mark.skipif(
    not (ROOT / "tools").exists(), reason="the tests of a wheel have no tools beside them"
)

# What `python PATH` does without a module.
WITHOUT = """
import os, runpy, sys
path, missing = sys.argv[1:]
sys.modules[missing] = None
sys.argv = [path]
sys.path.insert(0, os.path.dirname(path))
runpy.run_path(path, run_name="__main__")
"""


@pytest.mark.parametrize(
    ("name", "missing", "group"),
    [
        ("fuzz_calls.py", "atheris", "fuzz"),
        ("line_coverage.py", "coverage", "hardening"),
        ("oldest.py", "packaging", "hardening"),
        ("tanh_table.py", "mpmath", "test"),
        ("train_digits.py", "sklearn", "bench"),
    ],
)
def test_a_missing_package(name: str, missing: str, group: str) -> None:
    done = run_python(WITHOUT, str(ROOT / "tools" / name), missing)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{name} needs {missing}: pip install --group {group}\n"
    assert group in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]


def test_wheels_for_no_interpreter(tmp_path: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import wheels; sys.exit(wheels.main([]))"
    done = run_python(code, str(ROOT / "tools"), PATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (1, "no wheel: there is no CPython to build one for\n")


HANGING = """
import sys, threading
sys.path.insert(0, sys.argv[1])
import soak
soak.THREAD_LIMIT = 0.5
soak.WORK = {lambda case, chance: threading.Event().wait(): 1}
soak.main(["--seconds", "0.5", "--threads", "2"])
"""


@on_linux
def test_a_soak_with_a_deadlock() -> None:
    done = run_python(HANGING, str(ROOT / "tools"))
    assert done.returncode == 1
    assert done.stderr.startswith("Timeout (0:00:01)!")
    assert "in work" in done.stderr


@pytest.mark.skipif(not find_spec("atheris"), reason="needs atheris")
@pytest.mark.parametrize(("bytes_at_most", "code"), [(4000, 0), (1, 1)])
def test_a_fuzzer_that_makes_no_call(bytes_at_most: int, code: int, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools" / "fuzz_calls.py"), "-runs=10", f"-max_len={bytes_at_most}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert (done.stdout.splitlines()[-1] == "0 calls") == bool(code)
