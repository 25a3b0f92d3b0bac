"""What setup.py refuses to build, beside fast math: that is in test_fast_math.py."""

from __future__ import annotations

from pathlib import Path

from support import CC, needs_what_builds, refusal_to_build

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
