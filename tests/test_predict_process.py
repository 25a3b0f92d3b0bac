"""`fastnn predict` as a process: how it ends when told to, what a terminal shows, the memory it takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from predicting import NET, X, in_a_folder_with_the_model
from support import PEAK, on_linux, output_of, same_bits, signals_as_usual

from fastnn.streaming import BLOCK_BYTES

pty = pytest.importorskip("pty", reason="needs terminals and signals as POSIX has them")

COMMAND = [sys.executable, "-m", "fastnn", "predict", "net.safetensors"]
TEMPORARY = ".fastnn-*.tmp"

folder = pytest.fixture(autouse=True)(in_a_folder_with_the_model)


def sparse_file(path: str, rows: int) -> None:
    """Write an .npy file of zeros that takes no place on the disk."""
    np.save(path, np.empty((0, 4), np.float32))
    with open(path, "r+b") as file:
        shape = {"descr": "<f4", "fortran_order": False, "shape": (rows, 4)}
        np.lib.format.write_array_header_1_0(file, shape)
        file.truncate(file.tell() + rows * 16)


@pytest.fixture
def usual_signals() -> Iterator[None]:
    with signals_as_usual():
        yield


@pytest.mark.usefixtures("usual_signals")
class TestSignals:
    @pytest.mark.parametrize(
        ("number", "code", "says"),
        [(signal.SIGINT, 130, ["interrupted"]), (signal.SIGTERM, 143, []), (signal.SIGHUP, 129, [])],
    )
    def test_leave_nothing_half_written(self, number: signal.Signals, code: int, says: list[str]) -> None:
        sparse_file("x.npy", 100_000_000)
        Path("out").mkdir()
        Path("out/y.npy").write_text("older")
        slow = [*COMMAND, "x.npy", "-o", "out/y.npy", "--batch-size", "1"]
        with subprocess.Popen(slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            wait_for_output(running)
            running.send_signal(number)
            out, err = running.communicate(timeout=30)
        assert (running.returncode, out, err.splitlines()) == (code, "", says)
        assert os.listdir("out") == ["y.npy"]
        assert Path("out/y.npy").read_text() == "older"

    def test_kill_leaves_a_file_of_another_name(self) -> None:
        sparse_file("x.npy", 100_000_000)
        Path("out").mkdir()
        slow = [*COMMAND, "x.npy", "-o", "out/y.npy", "--batch-size", "1"]
        with subprocess.Popen(slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            wait_for_output(running)
            running.kill()
        (left,) = Path("out").iterdir()
        assert left.match(TEMPORARY)

    def test_that_are_ignored_stay_so(self) -> None:
        sparse_file("x.npy", 100_000_000)
        slow = [*COMMAND, "x.npy", "-o", "y.npy", "--batch-size", "1"]
        with subprocess.Popen(["nohup", *slow], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            wait_for_output(running, ".")
            running.send_signal(signal.SIGHUP)
            with pytest.raises(subprocess.TimeoutExpired):
                running.wait(0.3)
            running.send_signal(signal.SIGTERM)
            running.communicate(timeout=30)
        assert running.returncode == 143


def wait_for_output(running: subprocess.Popen[str] | subprocess.Popen[bytes], folder: str = "out") -> None:
    """Wait until some of the output is written, under a name of its own."""
    for _ in range(3000):
        if any(path.stat().st_size for path in Path(folder).glob(TEMPORARY)):
            return
        assert running.poll() is None
        time.sleep(0.01)
    raise AssertionError("nothing was written for half a minute")


class TestProgress:
    def test_is_shown_on_a_terminal(self) -> None:
        np.save("x.npy", X)
        shown = on_terminal([*COMMAND, "x.npy", "-o", "y.npy"])
        assert "100%" in shown
        assert "101/101" in shown
        assert "rows/s" in shown
        assert same_bits(np.load("y.npy"), NET(X))

    def test_of_unknown_length(self) -> None:
        Path("x.csv").write_text("1,2,3,4\n" * 50)
        shown = on_terminal([*COMMAND, "x.csv", "-o", "y.npy"])
        assert "50.0 rows [" in shown

    def test_quiet(self) -> None:
        np.save("x.npy", X)
        assert on_terminal([*COMMAND, "x.npy", "-o", "y.npy", "--quiet"]) == ""

    def test_error_begins_a_line(self) -> None:
        Path("x.csv").write_text("1,2,3,4\n" * 50 + "1,2,3,x\n")
        shown = on_terminal([*COMMAND, "x.csv", "-o", "y.npy", "--batch-size", "10"], code=1)
        assert shown.splitlines()[-1].startswith("fastnn predict: error: x.csv, line 51")

    def test_is_for_terminals(self) -> None:
        np.save("x.npy", X)
        done = subprocess.run([*COMMAND, "x.npy", "-o", "y.npy"], capture_output=True, check=True)
        assert (done.stdout, done.stderr) == (b"", b"")


def on_terminal(command: list[str], code: int = 0) -> str:
    """Return what a command shows on a terminal of 100 columns."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as running:
            os.close(theirs)
            shown = b"".join(iter(lambda: read(ours), b""))
    finally:
        os.close(ours)
    assert running.returncode == code, shown
    return shown.decode()


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux's way to say that the other side is closed
        return b""


RUN = """
import sys
from fastnn import cli
begin()
assert cli.main(["predict", "net.safetensors", sys.argv[1], "-o", "y.npy"]) == 0
print(peak())
"""


@on_linux
@pytest.mark.parametrize("kind", ["npy", "fortran", "npz", "fortran npz", "csv"])
def test_memory_does_not_grow_with_the_file(kind: str) -> None:
    used = []
    for n in (100, 600_000 if kind == "csv" else 16_000_000):
        if kind == "csv":
            Path("x.csv").write_text("0.25,-1.5,1e-3,12345\n" * n)
        else:
            x = np.zeros((n, 4), np.float32, "F" if "fortran" in kind else "C")
            np.savez("x.npz", x) if "npz" in kind else np.save("x.npy", x)
            del x
        (path,) = Path().glob("x.*")
        # NumPy asks for huge pages, of which one more or less would be seen.
        used.append(int(output_of(PEAK + RUN, str(path), NUMPY_MADVISE_HUGEPAGE="0")))
    grown = (used[1] - used[0]) * 1024
    # Two blocks of inputs and two of outputs, or what as many lines take as Python has them.
    assert grown < (32 * 2**20 if kind == "csv" else 4 * BLOCK_BYTES), f"{grown} bytes more for {n} rows"
    assert used[1] * 1024 < 300 * 10**6
