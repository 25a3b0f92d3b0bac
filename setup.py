"""What pyproject.toml can't say: the instruction sets, what the compiler knows, and what was built."""

from __future__ import annotations

import os
import platform
import runpy
import shlex
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

CORE = "src/fastnn/_core"
SIMD = f"{CORE}/simd"
GENERATED = "build/generated"
WARNINGS_ARE_ERRORS = os.environ.get("FASTNN_WERROR") == "1"
# For wheels: one that lacks OpenMP by mistake would be slow in silence.
OPENMP_IS_REQUIRED = os.environ.get("FASTNN_REQUIRE_OPENMP") == "1"
# The flags of a sanitizer, for compiler and linker; Cython's tracing of lines. See tools/sanitize.py.
EXTRA_FLAGS = shlex.split(os.environ.get("FASTNN_EXTRA_FLAGS", ""))
TRACES_LINES = os.environ.get("FASTNN_TRACE_LINES") == "1"
# A module of deliberate faults beside the others, by which tools/sanitize.py sees that its tools report them.
FAULTS = os.environ.get("FASTNN_FAULTS") == "1"


class Isa(NamedTuple):
    """One instruction set: a header simd/<name>.h, stubs isa/<name>_f*.pyx, a test in simd/cpu.h."""

    name: str
    machines: tuple[str, ...]
    unix_flags: tuple[str, ...] = ()
    msvc_flags: tuple[str, ...] = ()


X86_64 = ("x86_64", "amd64")
ARM64 = ("aarch64", "arm64")

# Best first; _core/dispatch.pyx takes the first that the processor has.
ISAS = (
    Isa(
        "avx512",
        X86_64,
        (
            "-mavx512f",
            "-mavx512dq",
            "-mavx512bw",
            "-mavx512vl",
            "-mavx2",
            "-mfma",
            "-mprefer-vector-width=512",
        ),
        ("/arch:AVX512",),
    ),
    Isa("avx2", X86_64, ("-mavx2", "-mfma"), ("/arch:AVX2",)),
    Isa("neon", ARM64),
    Isa("sse2", X86_64),
    Isa("scalar", (*X86_64, *ARM64, "*")),
)

# -O3 unrolls the tiles, so that their sums stay in registers. Results are IEEE 754's: nothing is contracted,
# reassociated or flushed, whatever CFLAGS say.
UNIX_FLAGS = ("-O3", "-ffp-contract=off", "-fno-fast-math", "-fvisibility=hidden", "-g0")
MSVC_FLAGS = ("/O2", "/fp:precise", "/std:c11")
# The generated C isn't ours to mend: Cython leaves unused functions and parameters behind. GCC takes a tile's
# sums for uninitialised, and Clang says of loops that it has unrolled that it couldn't.
UNIX_WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-function",
    "-Wno-unused-parameter",
    "-Wno-missing-field-initializers",
    "-Wno-maybe-uninitialized",
    "-Wno-uninitialized",
    "-Wno-cast-function-type",
    "-Wno-unknown-warning-option",
    "-Wno-pass-failed",
)
MATH_LIBRARY = [] if sys.platform == "win32" else ["m"]
FORBIDDEN_FLAGS = (
    *("-Ofast", "-ffast-math", "-funsafe-math-optimizations", "-mdaz-ftz", "-ffp-model=fast"),
    "-fsingle-precision-constant",  # no other flag takes it back
)
# What no flag shows, such as a CC that is a script, shows in a module built like ours, when it is loaded.
PROBE = """
#ifndef __FAST_MATH__
#define __FAST_MATH__ 0
#endif
__attribute__((visibility("default"))) int fast_math(void) { return __FAST_MATH__ || 0.1 == 0.1f; }
"""
LOAD_PROBE = """
import ctypes, sys
fast_math = ctypes.CDLL(sys.argv[1]).fast_math()
sys.exit("fast math" if fast_math or sys.float_info.min / 2 == 0 else 0)
"""


def target_machine() -> str:
    """The processor built for, which can differ from the one built on."""
    # Such as linux-aarch64: what CPython's own cross builds say.
    cross = os.environ.get("_PYTHON_HOST_PLATFORM", "")
    machine = cross.rpartition("-")[2] or platform.machine().lower()
    if sys.platform != "darwin":
        return machine
    # Where it isn't set, a Python for two machines compiles for both.
    archflags = os.environ.setdefault("ARCHFLAGS", f"-arch {machine}").split()
    machines = {after for flag, after in pairwise(archflags) if flag == "-arch"}
    if len(machines) > 1:
        sys.exit(
            f"fastnn: ARCHFLAGS is {' '.join(archflags)}, but each machine has sources of its own; "
            "build for one at a time"
        )
    return machines.pop() if machines else machine


def target_isas() -> list[Isa]:
    machine = target_machine()
    return [isa for isa in ISAS if machine in isa.machines or "*" in isa.machines]


def kernel_extension(isa: Isa, bits: int) -> Extension:
    return Extension(
        f"fastnn._core.isa.{isa.name}_f{bits}",
        [f"{CORE}/isa/{isa.name}_f{bits}.pyx"],
        include_dirs=[CORE, SIMD, f"{CORE}/kernels", GENERATED],
        depends=[
            *generated,
            *(str(path) for folder in ("kernels", "simd") for path in Path(CORE, folder).iterdir()),
        ],
        define_macros=[(f"FASTNN_ISA_{isa.name.upper()}", None), ("FASTNN_REAL_BITS", str(bits))],
        libraries=MATH_LIBRARY,
    )


def core_extension(name: str) -> Extension:
    return Extension(
        f"fastnn._core.{name}",
        [f"{CORE}/{name}.pyx"],
        include_dirs=[CORE, SIMD, GENERATED, np.get_include()],
        depends=[*generated, f"{CORE}/table.h", f"{SIMD}/cpu.h", f"{SIMD}/fpmode.h", f"{CORE}/openmp.h"],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
        libraries=MATH_LIBRARY,
    )


class BuildExt(build_ext):
    """Chooses flags by the kind of compiler, and writes down what was built."""

    def build_extensions(self) -> None:
        for variable in ("CFLAGS", "CPPFLAGS", "LDFLAGS", "OPT"):
            refuse_fast_math(variable, os.environ.get(variable, "").split())
        for command in ("compiler_so", "linker_so"):
            refuse_fast_math(f"the {command} command", getattr(self.compiler, command, None) or [])
        msvc = self.compiler.compiler_type == "msvc"
        if not msvc:
            self.refuse_fast_math_compiler()
        flags = list(MSVC_FLAGS if msvc else UNIX_FLAGS)
        if WARNINGS_ARE_ERRORS:
            flags += ["/WX"] if msvc else UNIX_WARNINGS
        inline = "__forceinline" if msvc else "inline __attribute__((always_inline))"
        openmp = self.openmp_flags(msvc)
        isas = {isa.name: isa for isa in target_isas()}
        for extension in self.extensions:
            extension.extra_compile_args = list(flags)
            parts = extension.name.split(".")
            if parts[-2] == "isa":
                isa = isas[parts[-1].rsplit("_", 1)[0]]
                extension.extra_compile_args += isa.msvc_flags if msvc else isa.unix_flags
                extension.define_macros.append(("CYTHON_INLINE", inline))
            elif parts[-1] in ("engine", "faults") and openmp is not None:
                extension.extra_compile_args += openmp
                extension.extra_link_args += [] if msvc else openmp
            extension.extra_compile_args += EXTRA_FLAGS
            extension.extra_link_args += EXTRA_FLAGS
            if TRACES_LINES:
                extension.define_macros += [("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]
        super().build_extensions()
        self.build_info = {
            "ISAS": tuple(isas),
            "COMPILER": compiler_version(self.compiler),
            "FLAGS": " ".join(flags),
            "ISA_FLAGS": {
                isa.name: " ".join(isa.msvc_flags if msvc else isa.unix_flags) for isa in isas.values()
            },
            "OPENMP": openmp is not None,
        }
        self.write_build_info(Path(self.build_lib, "fastnn"))

    def copy_extensions_to_source(self) -> None:
        super().copy_extensions_to_source()
        self.write_build_info(Path("src/fastnn"))

    def refuse_fast_math_compiler(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = self.build_probe(folder, PROBE, list(UNIX_FLAGS), [])
            run = subprocess.run([sys.executable, "-c", LOAD_PROBE, path], stderr=subprocess.PIPE, text=True)
        # Built for another machine, it can't be loaded.
        if run.stderr.strip() == "fast math":
            compiler, linker = (getattr(self.compiler, name)[0] for name in ("compiler_so", "linker_so"))
            stop_at_fast_math(f"what {compiler} compiles and {linker} links has fast math all the same")

    def openmp_flags(self, msvc: bool) -> list[str] | None:
        """The flags that OpenMP takes with this compiler; None where it can't be had."""
        if msvc:
            return ["/openmp"]
        candidates = [["-fopenmp"]]
        if sys.platform == "darwin":
            candidates.append(["-Xpreprocessor", "-fopenmp", "-lomp"])
        source = "#include <omp.h>\nint probe(void) { return omp_get_max_threads(); }\n"
        for flags in candidates:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    self.build_probe(folder, source, flags, flags)
                except Exception:
                    continue
                return flags
        if OPENMP_IS_REQUIRED:
            compiler = self.compiler.compiler_so[0]
            sys.exit(
                f"fastnn: {compiler} has no OpenMP, and FASTNN_REQUIRE_OPENMP is 1; take a compiler with it "
                f"(gcc, or clang with Debian's and Ubuntu's libomp-dev), or unset the variable"
            )
        print("OpenMP not found: fastnn will use one thread", file=sys.stderr)
        return None

    def build_probe(self, folder: str, source: str, flags: list[str], link_flags: list[str]) -> str:
        """Compile and link a shared object in that folder, and return its path."""
        file, built = Path(folder, "probe.c"), str(Path(folder, "probe.so"))
        file.write_text(source)
        objects = self.compiler.compile([str(file)], output_dir=folder, extra_postargs=flags)
        self.compiler.link_shared_object(objects, built, extra_postargs=link_flags)
        return built

    def write_build_info(self, package: Path) -> None:
        """Write _build_info.py, for dispatch and `fastnn info`."""
        lines = ['"""Written by setup.py: what was built, and how."""', ""]
        lines += [f"{name} = {value!r}" for name, value in self.build_info.items()]
        (package / "_build_info.py").write_text("\n".join(lines) + "\n", encoding="utf-8")


def refuse_fast_math(variable: str, flags: list[str]) -> None:
    found = [flag for flag in FORBIDDEN_FLAGS if flag in flags]
    if found:
        stop_at_fast_math(f"{variable} has {' '.join(found)}")


def stop_at_fast_math(what: str) -> NoReturn:
    sys.exit(
        f"fastnn: {what}, which would break fastnn's results, and may change the floating-point mode of the "
        f"whole process; remove it and build again"
    )


def compiler_version(compiler: Any) -> str:
    command = getattr(compiler, "compiler_so", None)
    if not command:
        return str(compiler.compiler_type)
    try:
        out = subprocess.run(
            [*shlex.split(command[0]), "--version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return " ".join(command[:1])
    return out.stdout.splitlines()[0]


if {"build_ext", "bdist_wheel", "editable_wheel"} & set(sys.argv):
    missing = runpy.run_path("tools/check_machine.py")["missing_compiler"]()
    if missing:
        sys.exit(f"fastnn: {missing}")
generated = runpy.run_path("tools/generate.py")["write_all"](Path(GENERATED))
extensions = [core_extension("dispatch"), core_extension("engine")]
extensions += [kernel_extension(isa, bits) for isa in target_isas() for bits in (32, 64)]
if FAULTS:
    extensions.append(Extension("fastnn._core.faults", ["tools/faults.pyx"]))

setup(
    ext_modules=cythonize(
        extensions,
        build_dir="build/cython-traced" if TRACES_LINES else "build/cython",
        include_path=["src", GENERATED],
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
            "freethreading_compatible": True,
            "linetrace": TRACES_LINES,
        },
    ),
    cmdclass={"build_ext": BuildExt},
)
