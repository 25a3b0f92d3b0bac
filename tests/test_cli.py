"""The command line, as a user runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import ISAS, interrupt, run_python

import fastnn
from fastnn import Dense, Network, _build_info, demo, threads
from fastnn.arguments import CommandError


def fastnn_command(*arguments: str, **environment: str) -> Any:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FASTNN_")}
    return subprocess.run(
        [sys.executable, "-m", "fastnn", *arguments],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def printed(*arguments: str, **environment: str) -> str:
    done = fastnn_command(*arguments, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return str(done.stdout)


def test_demo() -> None:
    lines = printed("demo").splitlines()
    for line in (
        "x    = [1.5, -0.5]",
        "Z1   = [0.85, -0.65, 1.15]",
        "A1   = [0.85, 0, 1.15]    relu",
        "Z2   = [0.74, 0.59]",
        "A2   = [0.53743, 0.46257]    softmax",
    ):
        assert line in lines
    assert any(line.startswith("loss = 0.62096") for line in lines)
    contenders = [re.match(r"(fastnn|NumPy|pure Python) +([0-9.]+)% +([0-9,]+)", line) for line in lines]
    found = {match[1]: (float(match[2]), int(match[3].replace(",", ""))) for match in contenders if match}
    assert list(found) == ["fastnn", "NumPy", "pure Python"]
    assert len({accuracy for accuracy, _ in found.values()}) == 1
    assert found["fastnn"][0] > 95
    assert all(speed > 0 for _, speed in found.values())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c_in_the_demo() -> None:
    # By then it waits for a process of its own.
    assert interrupt(sys.executable, "-um", "fastnn", "demo", wait=0.6) == (130, ["interrupted"])


def test_demo_without_its_second_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(CommandError, match=r"the process of the digits ended with 1: $"):
        demo.run()


class TestInfo:
    def test_rows(self) -> None:
        rows = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in printed("info").splitlines())
        assert rows["fastnn"] == fastnn.__version__
        assert rows["instruction set"].startswith(f"{ISAS[0]} (")
        assert rows["available"] == ", ".join(ISAS)
        assert rows["built"] == ", ".join(_build_info.ISAS)
        assert re.fullmatch(r"[1-9]\d* \(.+\)", rows["threads"])
        assert rows["OpenMP"].startswith("yes" if _build_info.OPENMP else "no")
        assert rows["compiler"] == _build_info.COMPILER
        assert rows["flags"] == _build_info.FLAGS
        assert f"flags of {ISAS[0]}" in rows

    @pytest.mark.parametrize("isa", ISAS)
    def test_says_why(self, isa: str) -> None:
        text = printed("info", FASTNN_ISA=isa, FASTNN_NUM_THREADS="5")
        assert f"{isa} (FASTNN_ISA)" in text
        assert "5 (FASTNN_NUM_THREADS)" in text

    @pytest.mark.skipif(not _build_info.OPENMP, reason="without OpenMP it is one thread")
    @pytest.mark.parametrize(
        ("environment", "allowed", "most"),
        [
            ({"OMP_NUM_THREADS": "1"}, r"1 \(.+\)", 1),
            ({"OMP_NUM_THREADS": "900", "FASTNN_NUM_THREADS": "900"}, r"\d+ \(the processors .+\)", None),
            ({"OMP_THREAD_LIMIT": "1"}, r"1 \(.+\)", 1),
            ({"OMP_THREAD_LIMIT": "few", "FASTNN_NUM_THREADS": "1"}, r"\d+ \(the processors .+\)", 1),
        ],
    )
    def test_threads_of_a_call(self, environment: dict[str, str], allowed: str, most: int | None) -> None:
        expected = threads.processors()[0] if most is None else most
        text = fastnn_command("info", **environment).stdout  # OpenMP itself complains of "few"
        assert re.search(rf"^OpenMP +yes, allows {allowed}: a call takes at most {expected}$", text, re.M)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("FASTNN_ISA", "avx9", "FASTNN_ISA is 'avx9', but this build lacks it; available: "),
        ("FASTNN_NUM_THREADS", "abc", "FASTNN_NUM_THREADS is 'abc', expected an integer from 1 up"),
    ],
)
class TestBadSettings:
    def test_of_the_command(self, name: str, value: str, message: str) -> None:
        (script,) = entry_points(group="console_scripts", name="fastnn")
        code = f"import sys; from {script.module} import main; sys.exit(main())"
        done = run_python(code, "info", **{name: value})
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"fastnn: error: {message}")
        assert done.stderr.count("\n") == 1

    def test_of_the_module(self, name: str, value: str, message: str) -> None:
        done = fastnn_command("info", **{name: value})
        assert (done.returncode, done.stdout) == (1, "")
        assert message in done.stderr
        assert done.stderr.count("\n") == 1


def test_another_failure_of_the_import_is_not_hidden() -> None:
    code = "import sys; sys.modules['numpy'] = None; from _fastnn_command import main; main()"
    done = run_python(code)
    assert done.stderr.startswith("Traceback")


def test_version() -> None:
    assert printed("--version") == f"fastnn {fastnn.__version__}\n"


def test_help() -> None:
    text = printed("--help")
    assert text == printed("-h")
    commands = ("predict", "convert", "summary", "demo", "bench", "info")
    for word in (*commands, "--version"):
        assert word in text
    for command in commands:
        assert printed(command, "--help").startswith(f"usage: fastnn {command} [-h]")
    assert printed("convert", "-h").startswith("usage: fastnn convert [-h] A B [--activations NAME ...]\n")


def test_nothing_asked_for() -> None:
    done = fastnn_command()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == printed("--help")


NET = Network([Dense([[0.5, -0.25]], [0.1], "sigmoid")])


class TestModelFiles:
    def test_summary(self, tmp_path: Path) -> None:
        NET.save(tmp_path / "net.safetensors")
        assert printed("summary", str(tmp_path / "net.safetensors")) == f"{NET.summary()}\n"

    def test_convert(self, tmp_path: Path) -> None:
        NET.save(tmp_path / "model")
        assert printed("convert", str(tmp_path / "model"), str(tmp_path / "net.safetensors")) == ""
        assert fastnn.load(tmp_path / "net.safetensors") == NET

    def test_convert_to_itself(self, tmp_path: Path) -> None:
        path, link = tmp_path / "net.safetensors", tmp_path / "link.safetensors"
        NET.save(path, golden=np.ones((2, NET.n_inputs)))
        link.hardlink_to(path)
        before = path.read_bytes()
        for target in (path, link):
            done = fastnn_command("convert", str(path), str(target))
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr == f"fastnn convert: error: {path} can't be both A and B\n"
        assert path.read_bytes() == before

    def test_errors_are_one_line(self, tmp_path: Path) -> None:
        path = tmp_path / "net.safetensors"
        for arguments in (("summary", str(path)), ("convert", str(path), str(tmp_path / "b.safetensors"))):
            done = fastnn_command(*arguments)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr == f"fastnn {arguments[0]}: error: {path}: No such file or directory\n"
        path.write_bytes(b"nothing")
        done = fastnn_command("convert", str(path), str(tmp_path / "b.safetensors"))
        assert done.returncode == 1
        assert done.stderr.startswith(f"fastnn convert: error: {path} is no sound safetensors file")
        assert [file.name for file in tmp_path.iterdir()] == [path.name]

    def test_unknown_format_is_refused(self, tmp_path: Path) -> None:
        NET.save(tmp_path / "net.safetensors")
        done = fastnn_command("convert", str(tmp_path / "net.safetensors"), str(tmp_path / "net.pt"))
        assert done.returncode == 2
        assert "argument B: " in done.stderr
        assert "isn't a name that ends in .safetensors" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "usage", "message"),
    [
        ((), "fastnn ", ""),
        (("--",), "fastnn ", "fastnn: error: "),
        (("--hlep",), "fastnn ", "fastnn: error: unrecognized arguments: --hlep"),
        (("train",), "fastnn ", "invalid choice: 'train'"),
        (("demo", "extra"), "fastnn demo ", "fastnn demo: error: unrecognized arguments: extra"),
        (("info", "--loud"), "fastnn info ", "fastnn info: error: unrecognized arguments: --loud"),
        (
            ("bench", "--quik", "--x"),
            "fastnn bench ",
            "fastnn bench: error: unrecognized arguments: --quik --x",
        ),
    ],
    ids=str,
)
def test_what_it_does_not_know_is_refused(arguments: tuple[str, ...], usage: str, message: str) -> None:
    done = fastnn_command(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"usage: {usage}[-h]")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
