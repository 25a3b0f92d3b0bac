"""Say in one line what a build would miss: a new enough Python, its headers, venv, a C compiler.

Old Pythons must be able to read this file: no annotations.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def missing():
    """Return what to install, or None."""
    if sys.version_info < (3, 11):
        return f"Python {VERSION} is too old: install Python 3.11 or newer and call make PYTHON=python3.11"
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return f"Python has no venv: install it (Debian, Ubuntu: apt install python{VERSION}-venv)"
    return missing_compiler()


def missing_compiler():
    """Return what to install to compile, or None: setup.py asks early, a minute before it compiles."""
    include = sysconfig.get_paths()["include"]
    if not os.path.exists(os.path.join(include, "Python.h")):
        return (
            f"Python.h not found: install Python's headers "
            f"(Debian, Ubuntu: apt install python{VERSION}-dev; Fedora: dnf install python{VERSION}-devel)"
        )
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc") or ["cc"]
    if sys.platform != "win32" and not compiles(compiler, include):
        return (
            f"no C compiler that works ({compiler[0]}): install one "
            "(Debian, Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc; "
            "macOS: xcode-select --install)"
        )
    return None


def compiles(compiler, include):
    """Return whether the compiler turns a file that includes Python.h into an object."""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "probe.c")
        with open(source, "w") as file:
            file.write("#include <Python.h>\nint main(void) { return 0; }\n")
        command = [*compiler, "-I", include, "-c", source, "-o", os.path.join(folder, "probe.o")]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            return False


if __name__ == "__main__":
    problem = missing()
    if problem:
        sys.exit(f"fastnn: {problem}")
