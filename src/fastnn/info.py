"""``fastnn info``: what runs here, and why."""

from __future__ import annotations

import os
import platform

import numpy as np

import fastnn
from fastnn import _build_info, threads
from fastnn._core import dispatch, engine


def run() -> None:
    """Print what runs here, and why."""
    rows = {
        "fastnn": fastnn.__version__,
        "Python": f"{platform.python_version()}, NumPy {np.__version__}, {platform.platform()}",
        "instruction set": f"{fastnn.isa()} ({dispatch.REASON})",
        "available": ", ".join(fastnn.available_isas()),
        "built": ", ".join(_build_info.ISAS),
        "threads": f"{fastnn.get_num_threads()} ({threads.source()})",
        "OpenMP": openmp(),
        "compiler": _build_info.COMPILER,
        "flags": _build_info.FLAGS,
        f"flags of {fastnn.isa()}": _build_info.ISA_FLAGS[fastnn.isa()] or "none",
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")


def openmp() -> str:
    """Return what OpenMP allows, and how many threads that leaves a call."""
    if not _build_info.OPENMP:
        return "no: this build uses one thread"
    processors, why = threads.processors()
    limits = {why: processors, "OMP_NUM_THREADS": engine.openmp_threads()}
    limit = os.environ.get("OMP_THREAD_LIMIT", "").strip()
    if limit.isdecimal() and int(limit):  # OpenMP ignores any other
        limits["OMP_THREAD_LIMIT"] = int(limit)
    least = min(limits, key=limits.__getitem__)
    most = min(limits[least], fastnn.get_num_threads())
    return f"yes, allows {limits[least]} ({least}): a call takes at most {most}"
