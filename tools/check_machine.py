"""Say in one line what a build would miss: a new enough Python, its headers, venv, a C compiler."""

import os
import shlex
import shutil
import sys
import sysconfig


def missing() -> str | None:
    """Return what to install, or None."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sys.version_info < (3, 11):
        return f"Python {version} is too old: install Python 3.11 or newer and call make PYTHON=python3.11"
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return f"Python has no venv: install it (Debian, Ubuntu: apt install python{version}-venv)"
    header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
    if not os.path.exists(header):
        return (
            f"Python.h not found: install Python's headers "
            f"(Debian, Ubuntu: apt install python{version}-dev; Fedora: dnf install python{version}-devel)"
        )
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    name = shlex.split(compiler)[0]
    if sys.platform != "win32" and shutil.which(name) is None:
        return (
            f"no C compiler ({name}): install one (Debian, Ubuntu: apt install gcc libc6-dev; "
            f"Fedora: dnf install gcc; macOS: xcode-select --install)"
        )
    return None


if __name__ == "__main__":
    problem = missing()
    if problem:
        sys.exit(f"fastnn: {problem}")
