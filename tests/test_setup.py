"""What setup.py refuses to build, beside fast math: that is in test_fast_math.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import CC, ROOT, needs_what_builds, output_of, refusal_to_build, run_python

from fastnn import _build_info

COMPILER = f"""#!/bin/sh
case " $* " in *" -fopenmp "*) exit 1;; esac
exec {CC} "$@"
"""


@needs_what_builds
def test_a_build_that_must_have_openmp(tmp_path: Path) -> None:
    compiler = tmp_path / "compiler"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    message = refusal_to_build(tmp_path, CC=str(compiler), FASTNN_REQUIRE_OPENMP="1")
    assert message.startswith(f"fastnn: {compiler} has no OpenMP, and FASTNN_REQUIRE_OPENMP is 1")


@needs_what_builds
def test_a_build_without_a_compiler(tmp_path: Path) -> None:
    message = refusal_to_build(tmp_path, CC=str(tmp_path / "none"))
    assert message.startswith(f"fastnn: no C compiler that works ({tmp_path / 'none'}): install one")


# As far as that goes on another system: which modules are chosen, and what compilers are told.
AS_ON_MACOS = """
import os, platform, runpy, sys
import Cython.Build, setuptools.command.build_ext
Cython.Build.cythonize = lambda extensions, **_: extensions
setuptools.setup = lambda **_: None
sys.platform, platform.machine = "darwin", lambda: "arm64"
os.chdir(sys.argv[1])
if sys.argv[2:]:
    os.environ["ARCHFLAGS"] = sys.argv[2]
else:
    os.environ.pop("ARCHFLAGS", None)
modules = [extension.name for extension in runpy.run_path("setup.py")["extensions"]]
print(*[name.rpartition(".")[2] for name in modules if name.endswith("_f32")], os.environ["ARCHFLAGS"])
"""
OF_X86_64 = "avx512_f32 avx2_f32 sse2_f32 scalar_f32"


@needs_what_builds
@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([], "neon_f32 scalar_f32 -arch arm64"),
        ([""], "neon_f32 scalar_f32 "),
        (["-arch arm64"], "neon_f32 scalar_f32 -arch arm64"),
        (["-g -arch x86_64"], f"{OF_X86_64} -g -arch x86_64"),
        (["-arch x86_64 -arch x86_64"], f"{OF_X86_64} -arch x86_64 -arch x86_64"),
    ],
    ids=str,
)
def test_one_machine_on_macos(given: list[str], found: str) -> None:
    assert output_of(AS_ON_MACOS, str(ROOT), *given) == f"{found}\n"


@needs_what_builds
def test_two_machines_at_once_on_macos() -> None:
    done = run_python(AS_ON_MACOS, str(ROOT), "-arch x86_64 -arch arm64")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "fastnn: ARCHFLAGS is -arch x86_64 -arch arm64, but each machine has sources"
    )
    assert done.stderr.count("\n") == 1


GENERATED = ROOT / "build" / "cython" / "src" / "fastnn" / "_core"


@pytest.mark.skipif(not GENERATED.exists(), reason="needs what Cython wrote")
def test_every_module_leaves_the_lock_off_in_free_threaded_builds() -> None:
    modules = {file.stem: file.read_text("utf-8") for file in GENERATED.rglob("*.c")}
    assert len(modules) == 2 + 2 * len(_build_info.ISAS)
    for name, text in modules.items():
        assert "#define __Pyx_FREETHREADING_COMPATIBLE Py_MOD_GIL_NOT_USED" in text, name
