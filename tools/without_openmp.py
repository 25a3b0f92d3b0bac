"""Build fastnn with a compiler that has no OpenMP, and test it: `python tools/without_openmp.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import separate

FOLDER = separate.HERE / "build" / "without-openmp"
TESTS = ("tests/test_api.py", "tests/test_golden.py", "tests/test_sharing.py")
COMPILER = """#!/bin/sh
case " $* " in *" -fopenmp "*) exit 1;; esac
exec cc "$@"
"""
SAYS = "no: this build uses one thread"


def main(arguments: Sequence[str]) -> int:
    """Build, see that `fastnn info` says so, and run the tests; return 0 if all is well."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    compiler = FOLDER / "cc"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    lib = separate.build(FOLDER, {"CC": str(compiler), "LDSHARED": f"{compiler} -shared"})
    environment = os.environ | {"PYTHONPATH": str(lib)}
    info = subprocess.run(
        [sys.executable, "-m", "fastnn", "info"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    if SAYS not in info.stdout:
        sys.exit(f"fastnn info doesn't say {SAYS!r}:\n{info.stdout}")
    tests = [sys.executable, "-m", "pytest", "-q", *separate.PYTEST, *(arguments or TESTS)]
    return subprocess.run(tests, cwd=separate.HERE, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
