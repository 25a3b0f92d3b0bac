"""Contract 1 through time: results have the bits that they always had, whatever ran them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
from support import ISAS, every_dtype, every_isa

KEPT = json.loads(golden.FILE.read_text(encoding="utf-8"))


@every_isa
def test_results_are_as_ever(isa: str) -> None:
    assert golden.digests(isa) == KEPT[golden.family(isa)]


@pytest.mark.parametrize("name", golden.NETWORKS)
@every_dtype
@every_isa
def test_threads_and_splits(isa: str, dtype: np.dtype[Any], name: str) -> None:
    net, x = golden.network(name, dtype, isa)
    expected = KEPT[golden.family(isa)][f"{dtype} network {name}"]
    for rows in (1, 7, 64, len(x)):
        for threads in (1, 2, 3):
            parts = [net(x[i : i + rows], threads=threads) for i in range(0, len(x), rows)]
            assert golden.digest(np.concatenate(parts)) == expected, (rows, threads)


def test_fused_and_baseline_are_told_apart() -> None:
    assert set(KEPT) == {"fused", "sse2"}
    assert KEPT["fused"].keys() == KEPT["sse2"].keys()
    assert KEPT["fused"] != KEPT["sse2"]


def test_a_changed_bit_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    changed = {name: dict(hashes) for name, hashes in KEPT.items()}
    changed["fused"]["float32 tanh"] = "0" * 16
    file = tmp_path / "golden.json"
    file.write_text(json.dumps(changed))
    monkeypatch.setattr(golden, "FILE", file)
    monkeypatch.setattr(golden, "available_isas", lambda: ISAS[:1])
    monkeypatch.setattr(golden, "NETWORKS", {"2-3-2": golden.NETWORKS["2-3-2"]})
    assert golden.main([]) == 1
    assert golden.main(["--write"]) == 0
