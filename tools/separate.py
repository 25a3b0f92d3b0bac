"""Builds of fastnn apart from the one in src, with other flags or for another processor."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
# Slow runs beside others: no deadlines of hypothesis, no files in common.
PYTEST = ("-p", "no:cacheprovider", "--timeout=3000", "--hypothesis-profile=ci")


def build(folder: Path, environment: Mapping[str, str]) -> Path:
    """Build the extension modules into a copy of the package under folder; return where to import it from."""
    lib = folder / "lib"
    forget_other_settings(folder, environment)
    command = [sys.executable, "setup.py", "-q", "build_ext", "-j2"]
    run([*command, f"--build-lib={lib}", f"--build-temp={folder / 'temp'}"], environment)
    unwanted = shutil.ignore_patterns("*.so", "*.pyx", "*.px[id]", "_build_info.py", "__pycache__")
    shutil.copytree(HERE / "src" / "fastnn", lib / "fastnn", dirs_exist_ok=True, ignore=unwanted)
    return lib


def forget_other_settings(folder: Path, environment: Mapping[str, str]) -> None:
    """Throw away what was built in another way: setuptools looks at the age of sources, not at flags."""
    settings = f"{dict(environment)}\n{(HERE / 'setup.py').read_text('utf-8')}"
    built = folder / "settings.txt"
    if not built.exists() or built.read_text("utf-8") != settings:
        for part in ("lib", "temp"):
            shutil.rmtree(folder / part, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        built.write_text(settings, "utf-8")


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command with these settings beside the usual ones; its output matters only if it fails."""
    everything = os.environ | dict(environment or {})
    done = subprocess.run(command, cwd=HERE, env=everything, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-4000:], sep="\n", file=sys.stderr)
        sys.exit(f"{' '.join(command[:4])} … failed with exit code {done.returncode}")
