"""Test with the oldest of all that pyproject.toml allows: `python tools/oldest.py [for pytest]`.

That is the oldest Python, and of each dependency, the extras' too, the version that its bound names. The
wheel is built as ever, with what the build asks for, and its tests run as those of tools/wheels.py do. Tests
beside packages that no extra brings, such as PyTorch, are skipped. Needs that Python.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import wheels
from groups import group

with group("hardening"):
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

# Of the groups "models" and "test", what tests compare with. ONNX Runtime 1.20 fails on some models there.
NEWEST, OLDEST = ("onnxruntime",), ("pandas", "safetensors")
# What takes long, or looks at the processor and the process, is the same beside any version. ONNX's own cases
# are those of its release, and 1.17 keeps bfloat16 as uint16.
ELSEWHERE = ("stress", "hostile", "browser", "exhaustive", "models/test_onnx_nodes.py")
TESTS = ("tests", *(f"--ignore=tests/{path}" for path in ELSEWHERE))
# Of what old packages still do and newer ones, which they need, advise against.
WARNINGS = ("-W", "ignore::DeprecationWarning")


def main(arguments: Sequence[str]) -> int:
    """Build the wheel, install it beside the oldest versions, and test it; return 0 if all is well."""
    settings = tomllib.loads((wheels.HERE / "pyproject.toml").read_text("utf-8"))
    project = settings["project"]
    version = lower_bound(SpecifierSet(project["requires-python"]))
    requirements = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    groups = [settings["dependency-groups"][name] for name in ("models", "test")]
    models = [text for text in chain(*groups) if isinstance(text, str)]
    requirements += [text for text in models if Requirement(text).name in OLDEST]
    newest = [text for text in models if Requirement(text).name in NEWEST]
    packages = [*oldest(requirements), *newest]
    for _, python in wheels.interpreters([version]):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            sdist = wheels.build_sdist(folder)
            wheel = wheels.build(python, sdist, folder)
            options = ["-rs", *WARNINGS, *(arguments or TESTS)]
            return 0 if wheels.passes(python, wheel, sdist, folder, options, packages) else 1
    return 1


def oldest(requirements: Iterable[str]) -> list[str]:
    """Return each requirement with its lower bound as the version, `numpy==1.26` of `numpy>=1.26`."""
    parsed = map(Requirement, requirements)
    return [f"{requirement.name}=={lower_bound(requirement.specifier)}" for requirement in parsed]


def lower_bound(specifiers: SpecifierSet) -> str:
    """Return the version in `>=version`, of which there must be one."""
    (bound,) = [specifier.version for specifier in specifiers if specifier.operator == ">="]
    return bound


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
