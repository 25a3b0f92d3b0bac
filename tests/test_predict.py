"""`fastnn predict`: every format gives the bits of a call, and the options choose what they say."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from predicting import NET, X, csv_of, in_a_folder_with_the_model, predict, predicted, refused
from support import same_bits

import fastnn
from fastnn import Dense, Network
from fastnn.predict import text
from fastnn.predict.tables import Options
from fastnn.predict.writers import Layout

folder = pytest.fixture(autouse=True)(in_a_folder_with_the_model)


def save_version_2(path: str) -> None:
    with open(path, "wb") as file:
        np.lib.format.write_array(file, X, (2, 0))


def quoted(lines: str) -> str:
    return "".join(f'"{line}"\n' for line in lines.replace(",", '","').splitlines())


SAVED: dict[str, Callable[[], object]] = {
    "c.npy": lambda: np.save("c.npy", X),
    "fortran.npy": lambda: np.save("fortran.npy", np.asfortranarray(X)),
    "swapped.npy": lambda: np.save("swapped.npy", X.astype(">f8")),
    "extended.npy": lambda: np.save("extended.npy", X.astype("g")),
    "version2.npy": lambda: save_version_2("version2.npy"),
    "stored.npz": lambda: np.savez("stored.npz", X),
    "packed.npz": lambda: np.savez_compressed("packed.npz", X),
    "fortran.npz": lambda: np.savez_compressed("fortran.npz", np.asfortranarray(X)),
    "several.npz": lambda: np.savez("several.npz", X[:40], np.asfortranarray(X[40:90]), X[90:].astype("f8")),
    "UPPER.CSV": lambda: Path("UPPER.CSV").write_text(csv_of(X)),
    "none.csv": lambda: Path("none.csv").write_text(csv_of(X, "")),
    "crlf.csv": lambda: Path("crlf.csv").write_bytes(csv_of(X, end="\r\n").encode()),
    "bom.csv": lambda: Path("bom.csv").write_text(csv_of(X, ""), encoding="utf-8-sig"),
    "quoted.csv": lambda: Path("quoted.csv").write_text(quoted(csv_of(X))),
    "empty_lines.csv": lambda: Path("empty_lines.csv").write_text("\n\n" + csv_of(X, end="\n\n")),
    "unended.csv": lambda: Path("unended.csv").write_text(csv_of(X).rstrip()),
    "spaces.csv": lambda: Path("spaces.csv").write_text(csv_of(X).replace(",", " , ")),
}


@pytest.mark.parametrize("name", SAVED)
def test_every_input_gives_the_bits_of_a_call(name: str) -> None:
    SAVED[name]()
    for rows in ("1", "7", "1000", "9" * 15, "9" * 30):
        assert same_bits(predicted(name, "--batch-size", rows), NET(X))
    assert same_bits(predicted(name), NET(X))


@pytest.mark.parametrize("kind", ["?", "i1", "u2", "i8", "f2"])
def test_other_numbers(kind: str) -> None:
    x = (X * 3).astype(kind)
    np.save("x.npy", x)
    assert same_bits(predicted("x.npy"), NET(x))


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("suffix", ["npy", "npz", "csv"])
def test_few_rows(n: int, suffix: str) -> None:
    np.save("x.npy", X[:n])
    np.savez("x.npz", X[:n])
    Path("x.csv").write_text(csv_of(X[:n]))
    assert same_bits(predicted(f"x.{suffix}"), NET(X[:n]))


@pytest.mark.parametrize("order", ["C", "F"])
def test_no_columns(order: Any) -> None:
    Network([Dense(np.ones((2, 0)), [1.0, 2.0])]).save("net.safetensors")
    np.save("x.npy", np.empty((7, 0), order=order))
    assert predicted("x.npy", "--batch-size", "3").tolist() == [[1.0, 2.0]] * 7


def test_every_number_survives_as_text() -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        info = np.finfo(dtype)
        odd = [
            info.smallest_subnormal,
            info.max,
            info.tiny,
            -0.0,
            np.inf,
            -np.inf,
            1e22,
            0.1,
            1 / 3,
            1e-7,
        ]
        some = rng.integers(0, 256, (1000, info.bits // 8), np.uint8).view(dtype)[:, 0]
        x = np.append(np.array(odd, dtype), some[~np.isnan(some)])[:, None]
        with open("x.csv", "wb") as file:
            writer = text.CsvWriter(file, Layout(["x"], np.dtype(dtype), (1,)))
            writer.write(x[:500])
            writer.write(x[500:])
            writer.finish()
        (table,) = text.open_csv(Path("x.csv"), Options())
        read = np.concatenate([block.values for block in table.blocks(77, [0])])
        assert same_bits(read.astype(dtype), x)


class TestFolder:
    def test_is_one_table_in_the_order_of_names(self) -> None:
        Path("data").mkdir()
        np.save("data/10.npy", X[20:50])
        np.save("data/02.npy", X[:20])
        Path("data/9.csv").write_text(csv_of(X[50:]))
        for other in ("data/readme.txt", "data/.hidden.npy", "data/_partial.csv"):
            Path(other).write_text("nothing of this is read")
        Path("data/folder.npy").mkdir()
        assert same_bits(predicted("data"), NET(X))

    def test_of_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("data").mkdir()
        assert refused(capsys, "data") == ("data has no file whose name ends in .csv, .npy, .npz or .parquet")

    def test_with_other_columns(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("data").mkdir()
        Path("data/1.csv").write_text(csv_of(X))
        Path("data/2.csv").write_text(csv_of(X, "a,c,b,d"))
        found = refused(capsys, "data")
        assert found == f"{Path('data/2.csv')} has 'c' as feature 1, but {Path('data/1.csv')} has 'b'"
        assert len(predicted("data", "--columns", "b,c,a,d")) == 202
        np.save("data/3.npy", X[:, :3])
        assert refused(capsys, "data").startswith(f"{Path('data/3.npy')} has 3 columns")

    def test_may_not_hold_the_output(self, capsys: pytest.CaptureFixture[str]) -> None:
        np.save("x.npy", X)
        assert predict(".", "-o", "y.npy") == 1
        assert "lies in the folder of inputs" in capsys.readouterr().err
        assert predict("x.npy", "-o", "../" + Path.cwd().name + "/x.npy") == 1
        assert "is an input, and can't be the output too" in capsys.readouterr().err
        try:
            os.link("x.npy", "other.npy")
        except OSError:
            pytest.skip("a file can't have two names")
        assert predict("x.npy", "-o", "other.npy") == 1
        assert "is an input, and can't be the output too" in capsys.readouterr().err
        assert same_bits(np.load("x.npy"), X)


class TestColumns:
    WIDE = np.insert(X, 2, 77, axis=1)

    @pytest.mark.parametrize("columns", ["a,b,c,d", "0,1,3,4", "0:2,3:5", " a , 1, c,d ", 'a,b,"c",4'])
    def test_by_name_and_index(self, columns: str) -> None:
        Path("x.csv").write_text(csv_of(self.WIDE, "a,b,x,c,d"))
        assert same_bits(predicted("x.csv", "--columns", columns), NET(X))

    @pytest.mark.parametrize("name", ["x.npy", "x.npz"])
    def test_of_arrays(self, name: str) -> None:
        np.save("x.npy", self.WIDE)
        np.savez("x.npz", self.WIDE)
        assert same_bits(predicted(name, "--columns", "4,3,1,0"), NET(X[:, ::-1]))

    def test_names_come_before_indices(self) -> None:
        Path("x.csv").write_text(csv_of(X, "3,2,one,0"))
        assert same_bits(predicted("x.csv", "--header", "--columns", "0,one,2,3"), NET(X[:, ::-1]))

    def test_other_columns_may_hold_anything(self) -> None:
        lines = csv_of(X, "a,b,c,d").splitlines()
        quoted = [f'"text, in\n""two"" lines_ü",{line},' for line in lines]
        Path("x.csv").write_text("\n".join(quoted), encoding="utf-8")
        assert same_bits(predicted("x.csv", "--columns", "1:5"), NET(X))
        Path("x.csv").write_bytes("\n".join(quoted).encode("latin-1"))
        assert same_bits(predicted("x.csv", "--columns", "1:5"), NET(X))

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ("a,b,0,e", "x.csv has no column 'e', it has only 'a', 'b', 'c', 'c'"),
            ("a,b,c,d", "x.csv has 2 columns 'c'; --columns can take indices"),
            ("a,b", "x.csv has 2 columns chosen, but the network expects 4"),
            ("0:5", "x.csv has no column 4, it has 0 to 3"),
            ("0:4,3:1", "--columns: the range 3:1 has no columns"),
            ("0,1,2,-1", "x.csv has no column '-1', it has only 'a', 'b', 'c', 'c'"),
        ],
    )
    def test_wrong_ones(self, columns: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
        Path("x.csv").write_text(csv_of(X, "a,b,c,c"))
        assert refused(capsys, "x.csv", "--columns", columns) == message

    def test_many_names_are_not_all_listed(self, capsys: pytest.CaptureFixture[str]) -> None:
        names = [f"n{i}" for i in range(300)]
        Path("x.csv").write_text(",".join(names) + "\n")
        assert refused(capsys, "x.csv", "--columns", "z").endswith("'n8', 'n9' and 290 more")

    def test_wrong_number(self, capsys: pytest.CaptureFixture[str]) -> None:
        np.save("x.npy", self.WIDE)
        assert refused(capsys, "x.npy") == (
            "x.npy has 5 columns, but the network expects 4; --columns chooses some"
        )
        assert refused(capsys, "x.npy", "--columns", "a") == (
            "x.npy has no column 'a', it has no names of columns"
        )


class TestMembers:
    def test_one(self) -> None:
        np.savez("x.npz", labels=np.arange(101), images=X)
        assert same_bits(predicted("x.npz", "--member", "images"), NET(X))

    def test_wrong_ones(self, capsys: pytest.CaptureFixture[str]) -> None:
        np.savez("x.npz", labels=np.arange(101), images=X)
        np.save("x.npy", X)
        assert refused(capsys, "x.npz") == "x.npz, array 'labels' has shape (101,), expected rows and columns"
        assert (
            refused(capsys, "x.npz", "--member", "x") == "x.npz has no array 'x'; it has ['labels', 'images']"
        )
        assert "but x.npy is none" in refused(capsys, "x.npy", "--member", "images")


class TestAnswers:
    def test_classes(self) -> None:
        np.save("x.npy", X)
        found = predicted("x.npy", "--classes")
        assert found.dtype == np.int64
        assert found.tolist() == NET(X).argmax(axis=1).tolist()
        assert len(set(found.tolist())) > 1

    def test_one_sigmoid(self) -> None:
        net = Network([Dense([[1.0, 0, 0, 0]], activation="sigmoid")])
        net.save("net.safetensors")
        np.save("x.npy", np.append(X, np.zeros((1, 4)), axis=0))
        assert predicted("x.npy", "--classes").tolist() == [*(X[:, 0] > 0).astype(int), 0]
        assert same_bits(predicted("x.npy", "--proba"), predicted("x.npy"))

    def test_that_are_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        np.save("x.npy", X)
        assert same_bits(predicted("x.npy", "--proba"), NET(X))
        Network([Dense(np.ones((1, 4)))]).save("net.safetensors")
        assert "the network ends in identity" in refused(capsys, "x.npy", "--proba")
        assert "1 outputs of identity" in refused(capsys, "x.npy", "--classes")

    def test_dtype(self) -> None:
        np.save("x.npy", X)
        assert same_bits(predicted("x.npy", "--dtype", "float64"), NET.astype("float64")(X))

    def test_threads(self) -> None:
        np.save("x.npy", X)
        before = fastnn.get_num_threads()
        try:
            assert same_bits(predicted("x.npy", "--threads", "1"), NET(X))
            assert fastnn.get_num_threads() == 1
        finally:
            fastnn.set_num_threads(before)

    @pytest.mark.parametrize("arguments", [(), ("--classes",)], ids=str)
    def test_as_text(self, arguments: tuple[str, ...]) -> None:
        np.save("x.npy", X)
        assert predict("x.npy", "-o", "y.csv", *arguments) == 0
        header, *lines = Path("y.csv").read_text().splitlines()
        expected = NET(X).argmax(axis=1) if arguments else NET(X)
        assert header == ("class" if arguments else "output_0,output_1,output_2")
        assert lines == [",".join(map(str, np.atleast_1d(row))) for row in expected]
