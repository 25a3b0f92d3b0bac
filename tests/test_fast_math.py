"""No fast math: a build with it is refused, what was built has none, and another library's changes no result.

What is linked with -Ofast changes the floating-point mode of whoever loads it: many compilers add a
constructor, `set_fast_math`, that makes the thread flush subnormals.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support import CC, LARGE_NETWORK, needs_compiler, needs_what_builds, output_of, refusal_to_build

import fastnn

MODE = """
import sys

def flushes():
    return sys.float_info.min / 2 == 0
"""


@pytest.fixture
def fast_math_library(tmp_path: Path) -> str:
    """The path of a library that makes whoever loads it flush subnormals."""
    source, library = tmp_path / "fast.c", tmp_path / "fast.so"
    source.write_text("double twice(double x) { return 2 * x; }\n")
    subprocess.run([str(CC), "-Ofast", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    code = f"import ctypes, sys; ctypes.CDLL(sys.argv[1]); {MODE}\nprint(flushes())"
    if output_of(code, str(library)) != "True\n":
        pytest.skip("this compiler's fast math leaves the mode alone")
    return str(library)


@needs_what_builds
class TestBuild:
    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("CFLAGS", "-Ofast"),
            ("CFLAGS", "-O2 -funsafe-math-optimizations -g"),
            ("CFLAGS", "-fsingle-precision-constant"),
            ("LDFLAGS", "-Ofast"),
            ("CC", "cc -Ofast"),
            ("LDSHARED", "cc -shared -Ofast"),
        ],
    )
    def test_flags_for_fast_math_are_refused(self, tmp_path: Path, variable: str, value: str) -> None:
        message = refusal_to_build(tmp_path, **{variable: value})
        named = {"CC": "the compiler_so command", "LDSHARED": "the linker_so command"}.get(variable, variable)
        flag = next(word for word in value.split() if word.startswith(("-Ofast", "-funsafe", "-fsingle")))
        assert message.startswith(f"fastnn: {named} has {flag}, which would break fastnn's results")

    @pytest.mark.parametrize(
        ("variable", "flag"),
        [("CC", "-Ofast"), ("LDSHARED", "-Ofast"), ("CC", "-fsingle-precision-constant")],
    )
    @pytest.mark.usefixtures("fast_math_library")
    def test_a_script_that_adds_such_flags_is_refused(self, tmp_path: Path, variable: str, flag: str) -> None:
        if flag == "-fsingle-precision-constant" and not takes(flag):
            pytest.skip("this compiler doesn't know the flag")
        script = tmp_path / "compiler"
        script.write_text(f'#!/bin/sh\nexec {CC} "$@" {flag}\n')
        script.chmod(0o755)
        command = str(script) + (" -shared" if variable != "CC" else "")
        message = refusal_to_build(tmp_path, **{variable: command})
        assert message.startswith("fastnn: what ")
        assert str(script) in message
        assert "has fast math all the same" in message


def takes(flag: str) -> bool:
    """Whether the compiler does what a flag says; Clang ignores some with a warning."""
    command = [str(CC), "-Werror", flag, "-fsyntax-only", "-x", "c", os.devnull]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


LOAD_ALL = f"""
import ctypes
from pathlib import Path
{MODE}
for path in sys.argv[1:]:
    ctypes.CDLL(path)
    print(Path(path).name, flushes())
"""


def test_no_module_changes_the_mode_when_it_is_loaded() -> None:
    modules = [str(path) for path in Path(fastnn.__path__[0]).rglob("*") if path.suffix in (".so", ".pyd")]
    assert len(modules) >= 2 * len(fastnn.available_isas()) + 2
    lines = [line.split() for line in output_of(LOAD_ALL, *modules).splitlines()]
    assert [name for name, flushes in lines if flushes != "False"] == []
    assert len(lines) == len(modules)


@needs_compiler
def test_such_a_module_would_be_found(fast_math_library: str) -> None:
    assert output_of(LOAD_ALL, fast_math_library) == "fast.so True\n"


@needs_compiler
class TestBesideFastMath:
    """Results are the same in a process that a library has switched to flushing subnormals."""

    def test_loaded_later(self, fast_math_library: str) -> None:
        code = f"""
import ctypes
{LARGE_NETWORK}{MODE}
small = np.linspace(-110, -80, 3000, dtype=np.float32)
before = fastnn.sigmoid(small)
assert not flushes()
ctypes.CDLL(sys.argv[1])
assert flushes()
assert same()
assert fastnn.sigmoid(small).tobytes() == before.tobytes()
assert flushes()
"""
        assert output_of(code, fast_math_library) == ""

    def test_loaded_before_fastnn(self, fast_math_library: str) -> None:
        code = f"""
import ctypes, hashlib, sys
if len(sys.argv) > 1:
    ctypes.CDLL(sys.argv[1])
{LARGE_NETWORK}{MODE}
assert same()
small = np.linspace(-110, -80, 3000, dtype=np.float32)
print(hashlib.sha256(y.tobytes() + fastnn.sigmoid(small).tobytes()).hexdigest())
assert flushes() == (len(sys.argv) > 1)
"""
        assert output_of(code, fast_math_library) == output_of(code)
