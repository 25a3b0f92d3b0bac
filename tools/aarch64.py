"""Build fastnn for aarch64 and run Python there, by emulation: `python tools/aarch64.py tests/golden.py`.

For Debian and its kin: needs `apt-get install gcc-aarch64-linux-gnu qemu-user`. The emulated Python, its
headers and libraries come from Debian's arm64 packages, NumPy and the rest as wheels, all into build/aarch64;
nothing on the system changes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import separate

BUILD = separate.HERE / "build" / "aarch64"
ROOT = BUILD / "root"  # of the emulated system
SITE = BUILD / "site"  # of the emulated Python
CC = "aarch64-linux-gnu-gcc"
NEEDED = {CC: "gcc-aarch64-linux-gnu", "qemu-aarch64": "qemu-user", "apt-get": "apt", "dpkg-deb": "dpkg"}
DEBIAN_PACKAGES = ("python3", "libpython3-dev", "libgomp1", "libstdc++6")
WHEELS = ("numpy", "safetensors", "tqdm", "pytest", "pytest-timeout", "hypothesis", "mpmath", "threadpoolctl")


def main(arguments: Sequence[str]) -> int:
    """Build what is missing and run the emulated Python with the arguments."""
    missing = [package for command, package in NEEDED.items() if shutil.which(command) is None]
    if missing:
        print(f"needs {', '.join(missing)}: apt-get install {' '.join(missing)}", file=sys.stderr)
        return 1
    for folder, fetch in ((ROOT, fetch_system), (SITE, fetch_wheels)):
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            fetch(unfinished)
            unfinished.rename(folder)
    build()
    return subprocess.run(emulated(arguments), cwd=separate.HERE, check=False).returncode


def fetch_system(root: Path) -> None:
    """Unpack Debian's arm64 Python and all that it needs."""
    state = BUILD / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    options = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "Debug::NoLocking": "1",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    separate.run([*apt, "update"])
    separate.run([*apt, "install", "--download-only", "--no-install-recommends", "-y", *DEBIAN_PACKAGES])
    for package in sorted((state / "cache" / "archives").glob("*.deb")):
        separate.run(["dpkg-deb", "-x", str(package), str(root)])


def fetch_wheels(site: Path) -> None:
    """Unpack NumPy and what the tests need, built for the emulated Python."""
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (17, 27, 28)]
    version = f"--python-version={python().name.removeprefix('python')}"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--only-binary=:all:", f"--target={site}"]
    separate.run([*pip, version, *platforms, *WHEELS])


def build() -> None:
    """Cross-build the extension modules into a copy of the package."""
    headers = next((ROOT / "usr" / "include").glob("python3.*"))
    environment = {
        "CC": CC,
        "LDSHARED": f"{CC} -shared",
        "CFLAGS": "-fwrapv -DNDEBUG",
        # Before the headers of the Python that builds.
        "CPPFLAGS": f"-I{headers} -I{ROOT / 'usr' / 'include'} -I{headers.parent / 'aarch64-linux-gnu'}",
        "_PYTHON_HOST_PLATFORM": "linux-aarch64",
        "SETUPTOOLS_EXT_SUFFIX": ".so",
    }
    separate.build(BUILD, environment)


def python() -> Path:
    """Return the emulated Python."""
    return next((ROOT / "usr" / "bin").glob("python3.[0-9]*"))


def emulated(arguments: Sequence[str]) -> list[str]:
    """Return the command that runs the emulated Python."""
    variables = {
        "PYTHONPATH": os.pathsep.join(map(str, (BUILD / "lib", SITE, separate.HERE / "tests"))),
        "PYTHONHOME": ROOT / "usr",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    settings = [part for name, value in variables.items() for part in ("-E", f"{name}={value}")]
    return ["qemu-aarch64", "-L", str(ROOT), *settings, str(python()), *arguments]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
