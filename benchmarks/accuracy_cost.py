"""What the accuracy limits cost: whole networks as they are, and built with the usual formulas.

The usual ones are e / (1 + e) for sigmoid (and float64's tanh), and a softmax that forgets the roundings of
its differences, its sum and its quotients. They are built from a copy of the sources into build/plain; both
builds take turns in processes of their own on one processor, and their fastest calls are compared, with the
spread over the turns. The largest errors are those over every 4099th float32, or some thousand float64 and
rows, as in the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
PLAIN = ROOT / "build" / "plain"
KERNELS = "src/fastnn/_core/kernels"
# File, what stands there, and what stands there in its place.
USUAL = [
    (
        f"{KERNELS}/activations.pxi",
        "    return v_muladd(v_add(v_residual(q, d, e), v_negmuladd(q, d_lower, e_lower)), reciprocal, q)\n",
        "    return v_div(e, d)\n",
    ),
    (
        f"{KERNELS}/normalize.pxi",
        "    sum.rest = two_sum(sum.rest, other.rest, &remainder)\n"
        "    sum.remainder = v_add(v_add(sum.remainder, other.remainder), remainder)\n",
        "    sum.rest = v_add(sum.rest, other.rest)\n",
    ),
    (
        f"{KERNELS}/normalize.pxi",
        "    cdef vec d = two_difference(z, top, lower)\n"
        "    lower[0] = v_select(v_lt(v_set1(EXP_MIN), d), lower[0], v_set1(0))\n"
        "    return d\n",
        "    lower[0] = v_set1(0)\n    return v_sub(z, top)\n",
    ),
    (
        f"{KERNELS}/normalize.pxi",
        "    return v_muladd(v_negmuladd(q, by, e), reciprocal, q)\n",
        "    return q\n",
    ),
]

TIMES = """
import json, sys
from fastnn.bench import timing
import reference

seconds = {}
for name in reference.NETWORKS:
    for dtype in ("float32", "float64"):
        for rows in json.loads(sys.argv[1]):
            call = reference.fastnn_call(reference.build(name, dtype), reference.inputs(name, rows, dtype))
            taken = timing.measure({"call": call}, rounds=9, seconds=0.01)["call"]
            seconds[f"{name} {dtype} {rows}"] = min(taken.seconds)
print(json.dumps(seconds))
"""

ERRORS = """
import json, fastnn, numpy as np
import test_accuracy as ta
from exact import ROW_FORMULAS, exact, formula_of, ulp_errors
from support import activate, normalize

worst = {}
for dtype in ta.DTYPES:
    for name in ("sigmoid", "tanh"):
        z = ta.sample(dtype)
        errors = ulp_errors(activate(fastnn.isa(), name, z), formula_of(name, dtype)(z))
        worst[f"{name} {dtype}"] = float(errors.max())
    for name in ("softmax", "log_softmax"):
        worst[f"{name} {dtype}"] = 0.0
        for rows in ta.rows_of(dtype):
            expected = exact(ROW_FORMULAS[name](rows), dtype)
            errors = ulp_errors(normalize(fastnn.isa(), name, rows), expected)
            normal = np.where(expected.size < np.finfo(dtype).tiny * rows.shape[1], 0, errors)
            worst[f"{name} {dtype}"] = max(worst[f"{name} {dtype}"], float(normal.max()))
print(json.dumps(worst))
"""


def build_usual() -> None:
    """Build a copy of the sources with the usual formulas."""
    for name in ("src", "tools", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        source = ROOT / name
        if source.is_dir():
            unwanted = shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info")
            shutil.copytree(source, PLAIN / name, dirs_exist_ok=True, ignore=unwanted)
        else:
            shutil.copy(source, PLAIN / name)
    for name, old, new in USUAL:
        path = PLAIN / name
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            sys.exit(f"{name} has no longer what is to be replaced: {old.strip()}")
        path.write_text(text.replace(old, new), encoding="utf-8")
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace", "-j2"]
    done = subprocess.run(command, cwd=PLAIN, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the usual formulas don't build: {done.stderr[-2000:]}")


def ask(source: Path, code: str, *arguments: str) -> dict[str, float]:
    """Return what a program prints that imports fastnn from there."""
    path = os.pathsep.join(map(str, (source, ROOT / "benchmarks", ROOT / "tests")))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def main() -> None:
    """Build, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 64, 1024])
    options = parser.parse_args()
    build_usual()
    ours, usual = ROOT / "src", PLAIN / "src"
    seconds: dict[str, list[tuple[float, float]]] = {}
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for _ in tqdm(range(options.turns), disable=None):
        taken = [ask(source, TIMES, json.dumps(options.rows)) for source in (ours, usual)]
        for cell in taken[0]:
            seconds.setdefault(cell, []).append((taken[0][cell], taken[1][cell]))
    print("time / time with the usual formulas (least..most of a turn)")
    for cell, pairs in seconds.items():
        best = min(a for a, _ in pairs) / min(b for _, b in pairs)
        ratios = [a / b for a, b in pairs]
        print(f"{cell:<40} {best:.3f} ({min(ratios):.3f}..{max(ratios):.3f})")
    print("largest error in ULP, and with the usual formulas")
    errors, usual_errors = ask(ours, ERRORS), ask(usual, ERRORS)
    for function, error in errors.items():
        print(f"{function:<24} {error:10.2f} {usual_errors[function]:10.2f}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
