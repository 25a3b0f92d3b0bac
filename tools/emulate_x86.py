"""Run fastnn on other processors than this one, by emulation: `python tools/emulate_x86.py [--quick]`.

Needs `apt-get install qemu-user`. An instruction that the emulated processor lacks ends the run. Only tests
that start no other program: what they started would run on the real processor.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

import separate

EMULATOR = "qemu-x86_64"

# What must be found there. Nehalem (2008) is the oldest that NumPy's wheels run on; Haswell (2013) was the
# first with AVX2.
PROCESSORS = {"Nehalem": ("sse2", "scalar"), "Haswell": ("avx2", "sse2", "scalar")}
FASTNN = str(separate.HERE / "src" / "fastnn" / "__init__.py")
FOUND = "import fastnn, sys; found = fastnn.__file__, fastnn.available_isas()"
EXPECT = FOUND + "; sys.exit(found != {!r} and str(found))"
QUICK = ("tests/golden.py",)
TESTS = ("tests/test_api.py", "tests/test_losses.py")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for on each processor; return 0 if all passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="import and compare the golden hashes, no more")
    quick = parser.parse_args(arguments).quick
    if shutil.which(EMULATOR) is None:
        print(f"needs {EMULATOR}: apt-get install qemu-user", file=sys.stderr)
        return 1
    tests = () if quick else ("-m", "pytest", "-q", *separate.PYTEST, *TESTS)
    failed = 0
    for processor, isas in PROCESSORS.items():
        failed += run(processor, "-c", EXPECT.format((FASTNN, isas)))
        failed += run(processor, *QUICK)
        failed += bool(tests) and run(processor, *tests)
    return 1 if failed else 0


def run(processor: str, *arguments: str) -> bool:
    """Run Python on a processor; say how it went, and return whether it failed."""
    start = time.monotonic()
    command = [EMULATOR, "-cpu", processor, sys.executable, *arguments]
    done = subprocess.run(command, cwd=separate.HERE, capture_output=True, text=True, check=False)
    what = "import" if arguments[0] == "-c" else " ".join(a for a in arguments if a.startswith("tests/"))
    result = f"failed with exit code {done.returncode}" if done.returncode else "passed"
    print(f"{processor}: {what} {result} after {time.monotonic() - start:.0f} s", flush=True)
    print(done.stdout[-4000:] if done.returncode or "pytest" in arguments else done.stdout, flush=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "TCG doesn't support" not in line]
        print(*errors[-40:], sep="\n", file=sys.stderr)
    return bool(done.returncode)


if __name__ == "__main__":
    sys.exit(main())
