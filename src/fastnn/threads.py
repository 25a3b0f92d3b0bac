"""How many threads a call takes: what the process may use, and what the environment asks for.

A call with enough to do takes `get_num_threads` threads, or fewer if OpenMP is told so (OMP_NUM_THREADS,
threadpoolctl) or the calling thread may run on fewer processors by then. Small calls take one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from fastnn._core import engine
from fastnn._core.checks import thread_count

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def get_num_threads() -> int:
    """Return the largest number of threads that a call takes unless it says otherwise.

    Returns
    -------
    int

    Examples
    --------
    >>> import fastnn
    >>> fastnn.get_num_threads() >= 1
    True
    """
    return _state[0]


def set_num_threads(n: int) -> None:
    """Set the largest number of threads that a call takes unless it says otherwise.

    Parameters
    ----------
    n : int
        From 1 up.

    Raises
    ------
    TypeError
        If n is no integer.
    ValueError
        If n is below 1.

    Examples
    --------
    >>> import fastnn
    >>> before = fastnn.get_num_threads()
    >>> fastnn.set_num_threads(1)
    >>> fastnn.get_num_threads()
    1
    >>> fastnn.set_num_threads(before)
    """
    _set(thread_count("n", n), "set_num_threads")


def source() -> str:
    """Return where the number of threads came from."""
    return _state[1]


def _set(n: int, why: str) -> None:
    global _state
    _state = (n, why)
    engine.set_default_threads(n)


def processors() -> tuple[int, str]:
    """Return how many processors the process may run on, in words too."""
    if hasattr(os, "sched_getaffinity"):
        with suppress(OSError):  # a sandbox may refuse it
            return len(os.sched_getaffinity(0)), "the processors this process may run on"
    return os.cpu_count() or 1, "the processors of this machine"


def _control_groups() -> Iterator[Path]:
    """Yield the folders of the control groups that bind this process: its own and all above it.

    In a container the path may be the host's and the folder lie elsewhere; the container's own is then the
    topmost.
    """
    try:
        lines = os.fsdecode(_OWN_CGROUPS.read_bytes()).splitlines()
    except OSError:
        return
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") > 1):
        if controllers and "cpu" not in controllers.split(","):
            continue
        folder = _CGROUPS / "cpu" if controllers else _CGROUPS  # version 1, version 2
        yield folder
        for name in path.strip("/").split("/"):
            folder /= name
            yield folder


def _quota_of(group: Path) -> float:
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()[:2]
        else:
            quota = (group / "cpu.cfs_quota_us").read_text().strip()
            period = (group / "cpu.cfs_period_us").read_text().strip()
        return math.inf if quota in ("max", "-1") else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf


def _quota() -> float:
    """Return how many processors' worth of time the control groups grant; infinity without a limit."""
    return min(map(_quota_of, _control_groups()), default=math.inf)


def _detect() -> tuple[int, str]:
    text = os.environ.get("FASTNN_NUM_THREADS", "").strip()
    if text:
        try:
            return thread_count("FASTNN_NUM_THREADS", int(text)), "FASTNN_NUM_THREADS"
        except ValueError:
            message = f"FASTNN_NUM_THREADS is {text!r}, expected an integer from 1 up"
            raise ImportError(message, name="fastnn") from None
    n, why = processors()
    quota = _quota()
    if quota < n:
        return max(1, math.ceil(quota)), "the control group's processor quota"
    return n, why


_state = (1, "")
_set(*_detect())
