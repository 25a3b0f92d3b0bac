"""Threads: how many a call takes, and calls from many at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support import LARGE_NETWORK, every_dtype, output_of, random_layers, run_python, same_bits

import fastnn
from fastnn import _build_info, threads


def network(
    widths: tuple[int, ...], activations: tuple[str, ...], dtype: object = np.float32
) -> fastnn.Network:
    layers = random_layers(widths, activations, dtype)
    return fastnn.Network([fastnn.Dense(w, b, str(activation)) for w, b, activation in layers])


class TestAtOnce:
    @every_dtype
    def test_eight_threads_share_networks(self, dtype: np.dtype[np.floating]) -> None:
        nets = [
            network((2, 3, 2), ("relu", "softmax"), dtype),
            network((30, 64, 64, 4), ("tanh", "sigmoid", "log_softmax"), dtype),
        ]
        rng = np.random.default_rng(0)
        batches = [
            (net, rng.standard_normal((n, net.n_inputs)).astype(dtype)) for net in nets for n in (1, 9, 700)
        ]
        expected = [net(x, threads=1) for net, x in batches]

        def work(seed: int) -> bool:
            order = np.random.default_rng(seed)
            return all(
                same_bits(batches[i][0](batches[i][1], threads=threads), expected[i])
                for i, threads in zip(order.integers(0, 6, 60), [None, 1, 2] * 20, strict=True)
            )

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(8)))

    def test_the_interpreter_lock_is_released(self) -> None:
        code = """
done, started = threading.Event(), threading.Event()

def compute():
    started.set()
    while not done.is_set():
        net(x, threads=1)

sys.setswitchinterval(1000)  # a thread gives the lock away only of its own accord
thread = threading.Thread(target=compute)
thread.start()
started.wait()
done.set()  # reached only if the other thread lets go while it computes
thread.join()
"""
        assert output_of(LARGE_NETWORK + code) == ""


@pytest.fixture
def restored() -> Iterator[None]:
    before = fastnn.get_num_threads()
    yield
    fastnn.set_num_threads(before)


class TestNumber:
    CODE = "import fastnn; from fastnn import threads; print(fastnn.get_num_threads(), threads.source())"

    @pytest.mark.usefixtures("restored")
    @pytest.mark.parametrize("n", [1, 2, 7, np.int8(3)])
    def test_set(self, n: int) -> None:
        fastnn.set_num_threads(n)
        assert fastnn.get_num_threads() == n
        net = network((300, 200), ("relu",))
        x = np.random.default_rng(0).standard_normal((200, 300))
        assert same_bits(net(x), net(x, threads=1))

    @pytest.mark.parametrize("n", [0, -1, -(2**70)])
    def test_set_to_too_few(self, n: int) -> None:
        with pytest.raises(ValueError, match=f"^n is {n}, expected an integer from 1 up$"):
            fastnn.set_num_threads(n)

    @pytest.mark.parametrize("n", [1.5, "2", None, True, [1]])
    def test_set_to_no_integer(self, n: object) -> None:
        message = f"^n has type {type(n).__name__}, expected an integer from 1 up$"
        with pytest.raises(TypeError, match=message):
            fastnn.set_num_threads(n)

    def test_a_wrong_number_changes_nothing(self) -> None:
        before = fastnn.get_num_threads()
        with pytest.raises(ValueError, match="n is 0"):
            fastnn.set_num_threads(0)
        assert fastnn.get_num_threads() == before

    @pytest.mark.parametrize(("threads", "error"), [(0, ValueError), (-3, ValueError), (1.0, TypeError)])
    def test_wrong_number_of_a_call(self, threads: object, error: type[Exception]) -> None:
        for callee in (network((2, 2), ("relu",)), fastnn.Dense([[1.0, 2.0]])):
            with pytest.raises(error, match=r"^threads (is|has) .*, expected an integer from 1 up$"):
                callee([1.0, 2.0], threads=threads)

    @pytest.mark.parametrize("n", ["1", "3", " 2 "])
    def test_environment(self, n: str) -> None:
        assert output_of(self.CODE, FASTNN_NUM_THREADS=n) == f"{int(n)} FASTNN_NUM_THREADS\n"

    @pytest.mark.parametrize("n", ["0", "-1", "two", "1.5"])
    def test_environment_that_is_no_number(self, n: str) -> None:
        done = run_python("import fastnn", FASTNN_NUM_THREADS=n)
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        assert last == f"ImportError: FASTNN_NUM_THREADS is {n!r}, expected an integer from 1 up"

    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is Linux's")
    def test_affinity(self) -> None:
        code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        assert output_of(code + self.CODE).startswith("1 ")
        assert output_of(code + self.CODE, FASTNN_NUM_THREADS="2").startswith("2 ")

    @pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="affinity is Linux's")
    def test_affinity_that_may_not_be_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(_: int) -> set[int]:
            raise PermissionError("a sandbox")

        monkeypatch.setattr(os, "sched_getaffinity", refused)
        assert threads.processors()[0] == os.cpu_count()


class TestQuotaOfTheControlGroup:
    @pytest.fixture
    def detect(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
        """Return how many of 8 processors are taken in this group, files being (path, text)."""

        def number(own: str, *files: tuple[str, str]) -> int:
            (tmp_path / "own").write_text(own)
            for path, text in files:
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / path).write_text(text)
            return threads._detect()[0]

        monkeypatch.delenv("FASTNN_NUM_THREADS", raising=False)
        monkeypatch.setattr(threads, "_CGROUPS", tmp_path)
        monkeypatch.setattr(threads, "_OWN_CGROUPS", tmp_path / "own")
        monkeypatch.setattr(threads, "processors", lambda: (8, "a test"))
        return number

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("max 100000", 8),
            ("150000 100000", 2),
            ("50000 100000", 1),
            ("1600000 100000", 8),
            ("nonsense", 8),
            ("", 8),
        ],
    )
    def test_version_2(self, detect: Callable[..., int], text: str, expected: int) -> None:
        assert detect("0::/\n", ("cpu.max", text)) == expected

    def test_nested_version_2(self, detect: Callable[..., int]) -> None:
        own = ("a/b/cpu.max", "max 100000")
        assert detect("0::/a/b\n", own) == 8
        assert detect("0::/a/b\n", own, ("a/cpu.max", "300000 100000")) == 3
        assert detect("0::/a/b\n", ("a/b/cpu.max", "200000 100000")) == 2
        assert detect("0::/a/c\n") == 3, "only the groups above it bind the process"

    @pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct", "cpuacct,cpu"])
    @pytest.mark.parametrize("folder", ["cpu", "cpu/a", "cpu/a/b"])
    def test_version_1(self, detect: Callable[..., int], controllers: str, folder: str) -> None:
        own = f"5:memory:/m\n4:cpuset:/s\n3:{controllers}:/a/b\n0::/\n"
        period = (f"{folder}/cpu.cfs_period_us", "50000\n")
        assert detect(own, period, (f"{folder}/cpu.cfs_quota_us", "-1\n")) == 8
        assert detect(own, period, (f"{folder}/cpu.cfs_quota_us", "125000\n")) == 3

    def test_a_path_of_the_host(self, detect: Callable[..., int]) -> None:
        assert detect("0::/system.slice/container\n", ("cpu.max", "200000 100000")) == 2
        assert detect("0::/../..\n", ("cpu.max", "200000 100000")) == 2

    @pytest.mark.parametrize(
        "own", ["garbage\n", "\n", "a:b\n0::/a\n", "0::/caf\udce9\n", "0::/" + "x/" * 5000]
    )
    def test_what_cannot_be_understood(self, detect: Callable[..., int], tmp_path: Path, own: str) -> None:
        detect("", ("cpu.max", "200000 100000"))
        (tmp_path / "own").write_bytes(own.encode("utf-8", "surrogateescape"))
        assert threads._detect()[0] == (2 if "::/" in own else 8)

    def test_no_control_groups(self, detect: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(threads, "_OWN_CGROUPS", Path("/nowhere"))
        assert detect("") == 8


# Counts the threads that a call starts.
COUNT = """
import os
from pathlib import Path
import numpy as np, fastnn

def count():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["Threads"])

def started(rows, threads=None):
    x = np.ones((rows, 100))
    out = np.zeros((rows, 200))
    before = count()
    net(x, out, threads=threads)
    assert (out == 100).all(), "the threads that there are do the work of those that there aren't"
    return count() - before

net = fastnn.Network([fastnn.Dense(np.ones((200, 100)))])
"""


@pytest.mark.skipif(
    not (_build_info.OPENMP and sys.platform.startswith("linux") and len(os.sched_getaffinity(0)) > 1),
    reason="counts OpenMP's threads on two processors",
)
class TestThreadsThatACallStarts:
    @pytest.mark.parametrize(
        ("rows", "argument", "environment", "expected"),
        [
            *[(5000, 3, {}, 2), (5000, 1, {}, 0), (4, None, {}, 0), (1, 3, {}, 0)],
            *[(5000, None, {"FASTNN_NUM_THREADS": "1"}, 0), (5000, None, {"OMP_NUM_THREADS": "1"}, 0)],
            *[(5000, None, {"OMP_NUM_THREADS": n, "FASTNN_NUM_THREADS": "2"}, 1) for n in ("2", "2,4", "3")],
            *[(5000, None, {"OMP_NUM_THREADS": n, "FASTNN_NUM_THREADS": "2"}, 0) for n in ("1,2", "1,4,8")],
            pytest.param(5000, None, {"OMP_THREAD_LIMIT": "1"}, 0, id="limit-of-1"),
            pytest.param(5000, 2, {"OMP_THREAD_LIMIT": "1"}, 0, id="limit-of-1-for-2"),
        ],
    )
    def test_environment(
        self, rows: int, argument: int | None, environment: dict[str, str], expected: int
    ) -> None:
        assert output_of(COUNT + f"print(started({rows}, {argument}))", **environment) == f"{expected}\n"

    def test_threadpoolctl(self) -> None:
        pytest.importorskip("threadpoolctl")
        code = """
fastnn.set_num_threads(2)
import threadpoolctl
with threadpoolctl.threadpool_limits(1):
    print(started(5000))
print(started(5000))
"""
        assert output_of(COUNT + code, OMP_NUM_THREADS="2") == "0\n1\n"

    @pytest.mark.parametrize("n", [1, 2])
    def test_affinity_of_a_process_that_is_started(self, n: int) -> None:
        few = sorted(os.sched_getaffinity(0))[:n]
        outer = (
            "import os, subprocess, sys\n"
            f"os.sched_setaffinity(0, {few})\n"
            "done = subprocess.run([sys.executable, '-c', sys.argv[1]], check=True, capture_output=True)\n"
            "print(done.stdout.decode())"
        )
        inner = COUNT + "print(fastnn.get_num_threads(), started(5000))"
        assert output_of(outer, inner).split() == [str(n), str(n - 1)]

    def test_affinity_that_changes_later(self) -> None:
        """A worker process that is given one processor doesn't start threads to share it."""
        code = """
fastnn.set_num_threads(2)
child = os.fork()
if child == 0:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os._exit(started(5000))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), started(5000))
"""
        assert output_of(COUNT + code) == "0 1\n"

    def test_workers_keep_their_affinity(self) -> None:
        code = """
fastnn.set_num_threads(2)
for _ in range(5):
    started(5000)
    time.sleep(0.02)
print({frozenset(os.sched_getaffinity(int(task))) == allowed for task in os.listdir("/proc/self/task")})
"""
        assert output_of("import time\n" + COUNT + "allowed = os.sched_getaffinity(0)\n" + code) == "{True}\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_more_threads_than_can_be_started() -> None:
    # OpenMP ends the process where a thread can't be started.
    code = (
        "import resource, numpy as np, fastnn\n"
        "net = fastnn.Network([fastnn.Dense(np.ones((64, 64), np.float32))])\n"
        "x = np.ones((100_000, 64), np.float32)\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, used + 2**29))\n"
        "print(net(x, threads=1024).sum())\n"
    )
    assert float(output_of(code)) == 64 * 64 * 100_000
