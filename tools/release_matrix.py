"""See that cibuildwheel knows each wheel of wheels.yml: `python tools/release_matrix.py CIBUILDWHEEL`.

It reads the settings of pyproject.toml meanwhile. It can't see whether a wheel builds and passes its tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from groups import group

with group("hardening"):
    from ruamel.yaml import YAML

HERE = Path(__file__).resolve().parents[1]
KINDS = {"linux": ("manylinux", "musllinux"), "macos": ("macosx",), "windows": ("win",)}


def main(cibuildwheel: str) -> int:
    """Compare what the matrix wants with what cibuildwheel would build; return 0 if it is the same."""
    workflow = YAML(typ="safe").load(HERE / ".github" / "workflows" / "wheels.yml")
    matrix = workflow["jobs"]["wheels"]["strategy"]["matrix"]
    count = 0
    for machine in matrix["machine"]:
        platform, arch = machine["name"].partition("-")[0], machine["archs"]
        kinds = [f"{kind}_{arch.lower()}" for kind in KINDS[platform]]
        wanted = {f"{python}-{kind}" for python in matrix["python"] for kind in kinds}
        found = identifiers(cibuildwheel, platform, arch, matrix["python"])
        if found != wanted:
            lacks, more = sorted(wanted - found), sorted(found - wanted)
            print(f"for {machine['name']} cibuildwheel lacks {lacks}, has also {more}", file=sys.stderr)
            return 1
        count += len(found)
    print(f"cibuildwheel knows all {count} wheels of {len(matrix['machine'])} kinds of machines")
    return 0


def identifiers(cibuildwheel: str, platform: str, arch: str, pythons: Sequence[str]) -> set[str]:
    """Return the names of the wheels that cibuildwheel would build."""
    command = [cibuildwheel, f"--platform={platform}", f"--archs={arch}"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CIBW_")}
    environment = inherited | {"CIBW_BUILD": " ".join(f"{python}-*" for python in pythons)}
    done = subprocess.run(
        [*command, "--print-build-identifiers", str(HERE)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"cibuildwheel failed for {platform} {arch} with exit code {done.returncode}")
    return set(done.stdout.split())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
