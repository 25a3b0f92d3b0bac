"""What is tested: one table of instruction sets, dtypes and activations, and the ways to the kernels."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn._core.activation_names import Chosen, parse
from fastnn._core.activation_table import ACTIVATIONS as TABLE
from fastnn._core.activation_table import Activation, Limits
from fastnn._core.dispatch import available_isas, kernels
from fastnn._core.engine import Plan
from fastnn.formats import tensors

Array = np.ndarray[Any, Any]
Layers = list[tuple[Array, Array, Chosen]]

ISAS = available_isas()
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
ACTIVATIONS = tuple(row.name for row in TABLE)
ROW_WISE = tuple(row.name for row in TABLE if row.row_wise)
ELEMENTWISE = tuple(name for name in ACTIVATIONS if name not in ROW_WISE)

# Of this kind of CPython, which needs no interpreter lock, whether or not one is in force.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

# Contract 1 holds among the instruction sets with fused multiply-add.
FUSED_ISAS = tuple(isa for isa in ISAS if kernels(np.float32, isa).fused)

# For programs run apart: a network, a batch worth two threads, its result, and whether it is the same again.
LARGE_NETWORK = """
import os, sys, threading, warnings
import numpy as np, fastnn
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 advises against fork beside threads
rng = np.random.default_rng(0)
net = fastnn.Network([
    fastnn.Dense(rng.standard_normal((128, 300)) / 17, rng.standard_normal(128), "relu"),
    fastnn.Dense(rng.standard_normal((10, 128)) / 11, rng.standard_normal(10), "softmax"),
], "float32")
x = rng.standard_normal((2000, 300)).astype(np.float32)
y = net(x, threads=2)

def same():
    return net(x, threads=2).tobytes() == y.tobytes() == net(x, threads=1).tobytes()
"""

# The peak starts anew with begin(); getrusage's would count what the parent of this process took.
PEAK = """
from pathlib import Path

def begin():
    Path("/proc/self/clear_refs").write_text("5")

def peak():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0])
"""
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")

ROOT = Path(__file__).resolve().parents[1]
CC = shutil.which("cc")
needs_compiler = pytest.mark.skipif(CC is None or sys.platform == "win32", reason="there is no cc")
needs_what_builds = pytest.mark.skipif(
    CC is None or sys.platform == "win32" or not (ROOT / "setup.py").exists() or not find_spec("Cython"),
    reason="needs what builds fastnn",
)


def with_parameters(row: Activation) -> Iterator[str]:
    """Yield an activation's name, and with other parameters than the defaults if it has any."""
    yield row.name
    if row.parameters:
        yield str(Chosen(TABLE.index(row), tuple(1.5 * value + 0.25 for _, value in row.parameters)))


SPELLINGS = tuple(name for row in TABLE if not row.row_wise for name in with_parameters(row))


@contextmanager
def signals_as_usual() -> Iterator[None]:
    """Let programs that are started meanwhile ignore no signals, where whoever started the tests does.

    So do nohup, and shells what scripts put in the background.
    """
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    ignored = [number for number in numbers if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


def interrupt(*command: str, wait: float = 0, seconds: float = 30) -> tuple[int, list[str]]:
    """Start a command, interrupt it as Ctrl-C does, its children too; return its exit code and what it says.

    That comes when it has printed a line and some time has passed; it has so many seconds to end.
    """
    with signals_as_usual():
        program = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    with program as running:
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(wait)
        os.killpg(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=seconds)
    return running.returncode, err.splitlines()


every_isa = pytest.mark.parametrize("isa", ISAS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
every_elementwise = pytest.mark.parametrize("activation", ELEMENTWISE)
every_spelling = pytest.mark.parametrize("activation", SPELLINGS)
every_row_wise = pytest.mark.parametrize("activation", ROW_WISE)


def activate(isa: str, name: str, z: Array) -> Array:
    """Return an elementwise activation of z."""
    out = np.full_like(z, np.nan)
    kernels(z.dtype, isa).activate(parse(name), z, out)
    return out


def differentiate(isa: str, name: str, z: Array) -> Array:
    """Return the derivative of an elementwise activation at z."""
    out = np.full_like(z, np.nan)
    kernels(z.dtype, isa).differentiate(parse(name), z, out)
    return out


def normalize(isa: str, name: str, z: Array) -> Array:
    """Return softmax or log-softmax of z over its last axis."""
    out = z.copy()
    kernels(z.dtype, isa).normalize(parse(name), out)
    return out


def apply(isa: str, name: str, z: Array) -> Array:
    """Return any activation of z, over its last axis where it needs whole rows."""
    return normalize(isa, name, z) if name in ROW_WISE else activate(isa, name, z)


def one_layer(isa: str, weight: Array, bias: Array, activation: str = "identity") -> Plan:
    """Return the plan of a single dense layer."""
    return Plan([(weight, bias, parse(activation))], weight.dtype, isa)


def random_layers(widths: Sequence[int], activations: Sequence[str], dtype: Any, seed: int = 0) -> Layers:
    """Return layers of those widths, as `Plan` takes them, that keep the size of what passes through."""
    rng = np.random.default_rng(seed)
    layers = []
    for (n_inputs, n_outputs), name in zip(pairwise(widths), activations, strict=True):
        weight = rng.standard_normal((n_outputs, n_inputs)) / np.sqrt(max(n_inputs, 1))
        layers.append((weight.astype(dtype), rng.standard_normal(n_outputs).astype(dtype), parse(name)))
    return layers


def limits(name: str, derivative: bool = False) -> Limits:
    """Return how far an activation or its derivative may be off."""
    row = parse(name).row
    return row.derivative_limits if derivative else row.limits


def floors(limits: Limits, z: Any) -> Array:
    """Return the size below which the unit of an error no longer shrinks, at each z."""
    low, high = limits.crossing
    return np.where((z >= low) & (z <= high), limits.floor, 0.0)


def limit(name: str, dtype: Any, derivative: bool = False) -> float:
    """Return how far an activation or its derivative may be off in a dtype, in ULP."""
    return getattr(limits(name, derivative), str(np.dtype(dtype)))


def bits(array: Array) -> Array:
    """Return the bit patterns of an array's reals."""
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


def same_bits(a: Array, b: Array) -> bool:
    """Whether two arrays are the same, bit for bit."""
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(bits(a), bits(b))


def neighbours(points: Any, dtype: Any, reach: int = 1) -> Array:
    """Return the reals nearest to each point, and the `reach` next ones on either side of them."""
    patterns = bits(np.asarray(points, dtype)).ravel()[:, np.newaxis]
    return (patterns.view(f"i{patterns.itemsize}") + np.arange(-reach, reach + 1)).ravel().view(dtype)


def kernel_sizes(isas: Sequence[str] = ISAS, *, of: Sequence[str] = ("lanes", "panel")) -> list[int]:
    """Return the sizes at which kernels change course: 0, 1 and those around lanes, panels or tiles."""

    def around() -> Iterator[int]:
        for isa in isas:
            for dtype in DTYPES:
                for name in of:
                    size = getattr(kernels(dtype, isa), name)
                    yield from (size - 1, size, size + 1)

    return sorted({0, 1, *around()})


def needs(module: str) -> Any:
    """Import what a test needs beyond fastnn's requirements, or skip it; FASTNN_REQUIRE_ALL=1 skips none."""
    if os.environ.get("FASTNN_REQUIRE_ALL", "0") != "0":
        return import_module(module)
    return pytest.importorskip(module)


def write_safetensors(
    path: str | os.PathLike[str], arrays: dict[str, Any], metadata: dict[str, str] | None = None
) -> None:
    """Write a file of any arrays, which may be no network's."""
    with open(path, "wb") as file:
        tensors.write(file, tensors.header_of(arrays, metadata or {}), arrays)


def run_python(code: str, *arguments: str, timeout: float = 60, **environment: str) -> Any:
    """Run code in another interpreter, with only these settings of fastnn's, and return what it gave."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FASTNN_")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def output_of(code: str, *arguments: str, **environment: str) -> str:
    """Return what code prints in another interpreter; it must end well and complain of nothing."""
    done = run_python(code, *arguments, **environment)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr}"
    assert done.stderr == ""
    return str(done.stdout)


def refusal_to_build(folder: Path, **settings: str) -> str:
    """Return what setup.py says when, with these settings, it ends before anything is compiled."""
    built = folder / "built"
    command = [sys.executable, "setup.py", "-q", "build_ext", f"--build-lib={built}", f"--build-temp={built}"]
    run = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, timeout=100
    )
    assert run.returncode == 1, run.stderr
    assert not built.exists(), "nothing is compiled"
    return run.stderr.strip().splitlines()[-1]
