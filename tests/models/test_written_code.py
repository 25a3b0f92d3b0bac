"""The code in README.md and docs/ runs as it stands there, given the names and files that it speaks of."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from support import needs

from fastnn import Dense, Network, _build_info, cli
from fastnn.bench import command as bench
from fastnn.demo import load_digits

ROOT = Path(__file__).parents[2]
PAGES = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if path.exists()]

pytestmark = [
    pytest.mark.skipif(not PAGES, reason="the tests of a wheel have no pages beside them"),
    # Keras's own, of its arrays on PyTorch.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    # Dask's, of what pandas 3.1 deprecates.
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame"),
]

X = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
NET = Network([Dense([[0.5, 0.2, -1.0], [0.1, 0.0, 0.3]], activation="softmax")], "float32")


class Block(NamedTuple):
    """Code under a heading of a page."""

    page: str
    heading: str
    code: str


def blocks() -> Iterator[Block]:
    """Yield the pages' blocks of Python, but for doctests, which run when the docs are built."""
    for path in PAGES:
        heading = ""
        text = path.read_text("utf-8")
        for title, code in re.findall(r"^## (.+?)$|^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            heading = title or heading
            if code:
                yield Block(path.name, heading, code)


def commands() -> Iterator[list[str]]:
    """Yield the pages' commands of fastnn, in indented lines or after a prompt, as argparse gets them."""
    for path in PAGES:
        for line in re.findall(r"^(?:    |\$ )fastnn (.+)$", path.read_text("utf-8"), re.MULTILINE):
            yield shlex.split(line, comments=True)


def digits() -> dict[str, Any]:
    net, images, _ = load_digits()
    return {"net": net, "np": np, "images": images}


def rows() -> dict[str, Any]:
    np.save("rows.npy", X)
    return {"net": NET, "np": np, "blocks": [X[:7], X[7:]]}


def dask_collections() -> dict[str, Any]:
    needs("dask.array").to_npy_stack("rows", needs("dask.array").from_array(X, chunks=(5, 3)))
    frame = needs("pandas").DataFrame(X, columns=["age", "height", "weight"])
    needs("dask.dataframe").from_pandas(frame, npartitions=2).to_parquet("people")
    return {"net": NET}


GIVEN: dict[tuple[str, str], Callable[[], dict[str, Any]]] = {
    ("README.md", "Twenty lines"): dict,
    ("README.md", "Models and data"): digits,
    ("scaling-out.md", "From Python"): rows,
    ("scaling-out.md", "Dask"): dask_collections,
    ("tutorial.md", "Two layers"): rows,
}
# Their packages aren't here, as the page says.
ONLY_COMPILED = {("scaling-out.md", "Spark and Ray")}


@pytest.mark.parametrize("block", list(blocks()), ids=lambda block: f"{block.page}, {block.heading}")
def test_python(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = compile(block.code, block.page, "exec")
    if block[:2] not in ONLY_COMPILED:
        exec(code, {"fastnn": __import__("fastnn"), **GIVEN[block[:2]]()})


@pytest.mark.parametrize("arguments", list(commands()), ids=" ".join)
def test_commands(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "find_spec", lambda name: True)  # matplotlib, to draw what isn't drawn here
    monkeypatch.setattr(bench.fastnn, "available_isas", lambda: list(_build_info.ISAS))  # another processor's
    if arguments[0] in ("bench", "demo", "info"):
        cli.parser().parse_args(arguments)  # what they do has tests of its own
        return
    NET.save("net.safetensors")
    NET.save("digits.safetensors")
    np.save("rows.npy", X)
    Path("people").mkdir()
    Path("people/1.csv").write_text("age,height,weight\n1,2,3\n", "utf-8")
    Path("mnist.csv").write_text(",".join(["7"] * 785) + "\n", "utf-8")
    if any(argument.endswith(".keras") for argument in arguments):
        keras = needs("keras")
        for name in ("net.keras", "model.keras"):
            keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, "softmax")]).save(name)
    if any(argument.endswith(".parquet") for argument in arguments):
        needs("pyarrow")
    assert cli.main(arguments) == 0


def test_all_blocks_are_here() -> None:
    assert len(list(commands())) > 6
    assert {block[:2] for block in blocks()} == GIVEN.keys() | ONLY_COMPILED
