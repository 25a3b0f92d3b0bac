"""The scripts of examples/ that need other libraries do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from support import needs
from test_example_scripts import output_of

from fastnn import Dense, Network


def test_score_parquet(tmp_path: Path) -> None:
    arrow, parquet = needs("pyarrow"), needs("pyarrow.parquet")
    net = Network([Dense([[1.0, 2.0], [-1.0, 0.5], [0.0, 0.0]], [0.0, 0.1, 0.2], "softmax")])
    net.save(tmp_path / "net.safetensors")
    rows = np.random.default_rng(0).standard_normal((3, 100, 2))
    (tmp_path / "rows").mkdir()
    for i, part in enumerate(rows):
        parquet.write_table(
            arrow.table({"a": part[:, 0], "b": part[:, 1]}), tmp_path / "rows" / f"{i}.parquet"
        )
    paths = (tmp_path / name for name in ("net.safetensors", "rows", "scores.parquet"))
    assert output_of("score_parquet.py", *map(str, paths)) == "300 rows of 3 files scored\n"
    scores = parquet.read_table(tmp_path / "scores.parquet")
    expected = net(rows.reshape(300, 2))
    np.testing.assert_array_equal(scores["class"].to_numpy(), expected.argmax(axis=1))
    np.testing.assert_array_equal(scores["score"].to_numpy(), expected.max(axis=1))


def test_torch_model() -> None:
    needs("torch")
    printed = output_of("torch_model.py")
    assert float(re.search(r"([\d.]+)% right", printed)[1]) > 95  # type: ignore[index]
    assert float(re.search(r"at most ([\d.e+-]+)", printed)[1]) < 1e-4  # type: ignore[index]
    assert len(re.findall(r"[\d.]+ us", printed)) == 2
