"""The scripts of examples/ do what they say."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest

from fastnn.demo import load_digits

EXAMPLES = Path(__file__).parents[1] / "examples"

pytestmark = pytest.mark.skipif(
    not EXAMPLES.exists(), reason="the tests of a wheel have no examples beside them"
)


def output_of(script: str, *arguments: str) -> str:
    """Return what an example prints; it must end well and complain of nothing."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_is_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < 60


def test_digits() -> None:
    printed = output_of("digits.py")
    assert "450 images it has never seen: 97.3% right" in printed
    assert "The surest mistake" in printed
    assert len(re.findall(r"^ +\d(?: +(?:\d+|\.)){10}$", printed, re.MULTILINE)) == 10


def test_control_loop() -> None:
    printed = output_of("control_loop.py", "--steps", "500")
    assert "24 sensors, 4 motors, 6,020 parameters, 500 steps" in printed
    times = [float(time) for time in re.findall(r"([\d.]+) us", printed)]
    assert len(times) == 5
    assert times[0] > 0
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("control_loop.py", ["--steps", "0"], "argument --steps: 0 isn't 1 or more"),
        ("score_parquet.py", ["nofile", "folder", "scores"], "No such file or directory: 'nofile'"),
    ],
)
def test_bad_arguments(script: str, arguments: list[str], message: str) -> None:
    if script == "score_parquet.py":
        pytest.importorskip("pyarrow")
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"usage: {script} ")
    assert message in done.stderr.splitlines()[-1]


def test_the_readme_in_order(tmp_path: Path) -> None:
    readme = (EXAMPLES.parent / "README.md").read_text("utf-8")
    code = "".join(re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL))
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    right = [float(percent) for percent in re.findall(r"([\d.]+)% right", done.stdout)]
    assert right[0] == 97.3
    assert right == sorted(right, reverse=True)
    assert len(right) == 5
    for line in re.findall(r"^    fastnn ((?:summary|convert|predict|show) .+)$", readme, re.MULTILINE):
        command = [sys.executable, "-m", "fastnn", *shlex.split(line, comments=True)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), line
    assert np.load(tmp_path / "outputs.npy").shape == (450, 10)
    linked = re.findall(r"\]\((?!https?:)([\w./-]+)\)", readme)
    assert len(linked) > 10
    assert not [path for path in linked if not (EXAMPLES.parent / path).exists()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
class TestPreforkServer:
    @pytest.fixture
    def url(self, server: subprocess.Popen[str]) -> str:
        assert server.stdout is not None
        started = re.fullmatch(r"2 workers at port (\d+)\n", server.stdout.readline())
        assert started
        return f"http://127.0.0.1:{started[1]}"

    @pytest.fixture
    def server(self) -> Iterator[subprocess.Popen[str]]:
        # The parent takes a while to note a child down, which answers meanwhile.
        code = (
            "import os, runpy, sys, time; fork = os.fork\n"
            "os.fork = lambda: (child := fork(), child and time.sleep(0.5))[0]\n"
            "del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        command = [sys.executable, "-c", code, str(EXAMPLES / "prefork_server.py"), "--port=0", "--workers=2"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        ) as server:
            try:
                yield server
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGKILL)

    def test_answers(self, url: str) -> None:
        net, images, _ = load_digits()
        body = json.dumps(images[:3].tolist()).encode()
        workers = set()
        for _ in range(20):
            with urlopen(url, body, timeout=20) as answer:
                found = json.load(answer)
            workers.add(found["worker"])
            assert found["outputs"] == net(images[:3]).tolist()
        assert 1 <= len(workers) <= 2

    def test_a_signal_to_the_parent_ends_the_workers(self, url: str, server: subprocess.Popen[str]) -> None:
        with urlopen(url, json.dumps([[0.0] * 64]).encode(), timeout=20):
            server.terminate()
        assert server.communicate(timeout=20)[0] == ""  # the end of what both could write to
        assert server.returncode == 0

    @pytest.mark.parametrize("body", [b"[[1, 2]]", b"nonsense", b'"text"', b"[[1], [2, 3]]", b"[" * 9999])
    def test_says_what_is_wrong(self, url: str, body: bytes) -> None:
        with pytest.raises(HTTPError, match="400") as caught:
            urlopen(url, body, timeout=20)
        with caught.value as answer:
            assert json.load(answer)["error"]
