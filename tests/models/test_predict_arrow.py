"""`fastnn predict` over Parquet files."""

from __future__ import annotations

import decimal
import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from predicting import NET, X, csv_of, in_a_folder_with_the_model, predict, predicted, refused
from support import PEAK, needs, on_linux, output_of, same_bits

pa = needs("pyarrow")
parquet = needs("pyarrow.parquet")

folder = pytest.fixture(autouse=True)(in_a_folder_with_the_model)

A, B, C, D = np.ascontiguousarray(X.T)


def save(columns: dict[str, Any], path: str = "x.parquet", **options: Any) -> None:
    parquet.write_table(pa.table(columns), path, **options)


class TestReading:
    @pytest.mark.parametrize("groups", [7, 1000])
    @pytest.mark.parametrize("rows", ["1", "10", "1000"])
    def test_gives_the_bits_of_a_call(self, groups: int, rows: str) -> None:
        save({"a": A, "b": B, "c": C, "d": D}, row_group_size=groups)
        assert same_bits(predicted("x.parquet", "--batch-size", rows), NET(X))

    @pytest.mark.parametrize("n", [0, 1])
    def test_few_rows(self, n: int) -> None:
        save({"a": A[:n], "b": B[:n], "c": C[:n], "d": D[:n]})
        assert same_bits(predicted("x.parquet"), NET(X[:n]))

    @pytest.mark.parametrize("columns", ["a,b,c,d", "4,b,2,0", "a,1:3,d"])
    def test_columns(self, columns: str) -> None:
        save({"d": D, "b": B, "c": C, "text": ["?"] * 101, "a": A})
        assert same_bits(predicted("x.parquet", "--columns", columns), NET(X))

    def test_a_column_twice_and_names_with_dots(self) -> None:
        save({"a": C, "a.b": A, "a.b.c": B, "a.": D})
        assert same_bits(predicted("x.parquet", "--columns", "a.b,a.b.c,a,a."), NET(X))
        assert same_bits(predicted("x.parquet", "--columns", "a,a,a.,a"), NET(X[:, [2, 2, 3, 2]]))

    @pytest.mark.parametrize("kind", ["int8", "uint64", "float16", "double", "bool", "decimal"], ids=str)
    def test_kinds_of_numbers(self, kind: str) -> None:
        whole = np.arange(101) % 2 if kind == "bool" else np.arange(101)
        if kind == "decimal":
            column = pa.array([decimal.Decimal(int(n)) / 8 for n in whole], pa.decimal128(20, 6))
        else:
            column = pa.array(whole.astype("f2" if kind == "float16" else "f8" if kind == "double" else "i8"))
            column = column if kind in ("float16", "double") else column.cast(kind)
        save({"a": column, "b": B, "c": C, "d": D})
        x = X.copy()
        x[:, 0] = whole / 8 if kind == "decimal" else whole
        assert same_bits(predicted("x.parquet"), NET(x))

    @pytest.mark.parametrize("kind", ["int64", "bool", "float32"])
    def test_nulls_are_nan(self, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
        column = pa.array([1] * 50 + [None] + [0] * 50, "int64").cast(kind)
        save({"a": column, "b": B, "c": C, "d": D})
        found = predicted("x.parquet", "--classes")
        assert np.flatnonzero(found == -1).tolist() == [50]
        message = "x.parquet, row 50, column 'a' is NaN or missing"
        assert refused(capsys, "x.parquet", "--nan=error", "--batch-size", "7") == message

    def test_folder_of_several_formats(self) -> None:
        Path("data").mkdir()
        save({"d": D[:40], "c": C[:40], "b": B[:40], "a": A[:40]}, "data/1.parquet")
        Path("data/2.csv").write_text(csv_of(X[40:], "a,b,c,d"))
        assert same_bits(predicted("data", "--columns", "a,b,c,d"), NET(X))


class TestFaults:
    @pytest.mark.parametrize(
        ("column", "kind"),
        [
            (["?"] * 101, "string"),
            ([[1.0]] * 101, "list<element: double>"),
            ([{"x": 1}] * 101, "struct<x: int64>"),
        ],
    )
    def test_no_numbers(self, column: Any, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
        save({"a": column, "b": B, "c": C, "d": D})
        assert refused(capsys, "x.parquet") == f"x.parquet, column 'a' has type {kind}, expected numbers"

    def test_columns(self, capsys: pytest.CaptureFixture[str]) -> None:
        save({"a": A, "b": B, "c": C})
        assert refused(capsys, "x.parquet").startswith("x.parquet has 3 columns, but the network expects 4")
        message = "x.parquet has no column 'd', it has only 'a', 'b', 'c'"
        assert refused(capsys, "x.parquet", "--columns", "a,b,c,d") == message
        parquet.write_table(pa.table([A, B, C, D], names=["a", "b", "c", "c"]), "x.parquet")
        assert refused(capsys, "x.parquet") == "x.parquet has more than one column 'c'"

    def test_damaged(self, capsys: pytest.CaptureFixture[str]) -> None:
        save({"a": A, "b": B, "c": C, "d": D})
        whole = Path("x.parquet").read_bytes()
        for size in (0, 3, 100, len(whole) // 2, len(whole) - 1):
            Path("x.parquet").write_bytes(whole[:size])
            assert refused(capsys, "x.parquet").startswith("x.parquet is no sound .parquet file: ")

    def test_damaged_page(self, capsys: pytest.CaptureFixture[str]) -> None:
        save({"a": A, "b": B, "c": C, "d": D}, write_page_checksum=True)
        damaged = bytearray(Path("x.parquet").read_bytes())
        damaged[200] ^= 1
        Path("x.parquet").write_bytes(damaged)
        assert refused(capsys, "x.parquet").startswith("x.parquet is no sound .parquet file: ")
        Path("x.parquet").unlink()
        assert refused(capsys, "x.parquet") == "x.parquet: No such file or directory"


class TestWriting:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("rows", ["3", "1000"])
    def test_outputs(self, dtype: str, rows: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fastnn.predict.parquet.GROUP_BYTES", 3 * 8 * 30)
        np.save("x.npy", X)
        assert predict("x.npy", "-o", "y.parquet", "--dtype", dtype, "--batch-size", rows) == 0
        table = parquet.read_table("y.parquet")
        assert table.column_names == ["output_0", "output_1", "output_2"]
        found = np.stack([column.to_numpy() for column in table.columns], axis=1)
        assert same_bits(found, NET.astype(dtype)(X))
        assert parquet.ParquetFile("y.parquet").num_row_groups == (4 if dtype == "float64" else 2)

    def test_after_a_fault_it_is_not_tried_again(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("x.csv").write_text(csv_of(X) + "1,2,3,x\n")
        assert predict("x.csv", "-o", "y.parquet", "--batch-size", "10") == 1
        gc.collect()  # pyarrow's writer would write the rest: an exception that no one gets is an error here
        assert capsys.readouterr().err.count("\n") == 1
        assert sorted(os.listdir()) == ["net.safetensors", "x.csv"]

    def test_classes(self) -> None:
        np.save("x.npy", X)
        assert predict("x.npy", "-o", "y.parquet", "--classes") == 0
        assert parquet.read_table("y.parquet").to_pydict() == {"class": NET(X).argmax(axis=1).tolist()}

    def test_no_rows(self) -> None:
        np.save("x.npy", X[:0])
        assert predict("x.npy", "-o", "y.parquet") == 0
        table = parquet.read_table("y.parquet")
        assert (table.num_rows, table.column("output_2").type) == (0, pa.float32())


RUN = """
import sys, pyarrow.parquet
from fastnn import cli
from fastnn.predict import parquet
parquet.GROUP_BYTES = 2**22
begin()
small = ["--batch-size", "100000"]  # of which the smaller file has several, too
assert cli.main(["predict", "net.safetensors", sys.argv[1], "-o", "y.parquet", *small]) == 0
print(peak())
"""


@on_linux
def test_memory_does_not_grow_with_the_file() -> None:
    used = []
    for n in (500_000, 5_000_000):
        column = np.random.default_rng(0).standard_normal(n, np.float32)
        save(dict.fromkeys("abcd", column), row_group_size=5_000_000, use_dictionary=False)
        used.append(int(output_of(PEAK + RUN, "x.parquet", NUMPY_MADVISE_HUGEPAGE="0")))
    grown = (used[1] - used[0]) // 1024
    assert grown < 16, f"{grown} MiB more for 80 MB than for 8"
