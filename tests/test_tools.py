"""Tools whose packages aren't installed say which group of pyproject.toml brings them."""

from __future__ import annotations

import tomllib

import pytest
from support import ROOT, run_python

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
