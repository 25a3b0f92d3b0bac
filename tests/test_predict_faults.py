"""`fastnn predict`: every fault in a file is named where it is, and nothing is written then."""

from __future__ import annotations

import errno
import io
import os
import re
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from predicting import NET, X, csv_of, in_a_folder_with_the_model, predict, predicted, refused
from support import Array, same_bits

from fastnn import Dense, Network
from fastnn.predict import command, npy, text
from fastnn.predict.tables import Options

folder = pytest.fixture(autouse=True)(in_a_folder_with_the_model)


class TestCsv:
    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            ("a,b,c,d\n1,2,3,4\n1,x,3,4\n", "x.csv, line 3, column 'b': 'x' isn't a number"),
            ("1,2,3,4\n\n\n1,2,3,NA\n", "x.csv, line 4, column 3: 'NA' isn't a number"),
            ("1,2,3,4\n1,2,3," + "x" * 500, f"x.csv, line 2, column 3: '{'x' * 76}... isn't a number"),
            ("1,2,3,4\n1,2,3_0,4\n", "x.csv, line 2, column 2: '3_0' isn't a number"),
            ("1,2,3,4\n1,2,3,\u0661\n", "x.csv, line 2, column 3: '\u0661' isn't a number"),
            ('"1\n",2,3,4\n1,2,"3\n3",4\n', "x.csv, line 3, column 2: '3\\n3' isn't a number"),
            ("1,2,3,4\n1,2,3\n", "x.csv, line 2 has 3 fields, expected 4 as in the first line"),
            ("1,2,3,4\n1,2,3,4,\n", "x.csv, line 2 has 5 fields, expected 4 as in the first line"),
            ("1,2,3,4\n  \n", "x.csv, line 2 has 1 field, expected 4 as in the first line"),
            ('1,2,3,4\n1,2,3,"4\n', "x.csv, line 2: unexpected end of data"),
            ('1,2,3,4\n1,2,3,"4"5\n', "x.csv, line 2: ',' expected after '\"'"),
            ("", "x.csv is empty"),
            ("\n\n", "x.csv is empty"),
            (
                "1;2;3;4\n",
                "x.csv has 1 column, but the network expects 4; commas part columns, nothing else does",
            ),
        ],
    )
    def test_faults_are_named_with_their_line(
        self, lines: str, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("x.csv").write_text(lines, encoding="utf-8")
        assert refused(capsys, "x.csv") == message
        assert refused(capsys, "x.csv", "--batch-size", "1") == message

    def test_bytes_that_are_no_text(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("x.csv").write_bytes(b"1,2,3,4\n1,2,3,\xff\n")
        assert refused(capsys, "x.csv") == "x.csv, line 2, column 3: '\\udcff' isn't a number"
        Path("x.csv").write_bytes("1,2,3,4\n".encode("utf-16"))
        assert refused(capsys, "x.csv").startswith("x.csv, line 2 has 1 field")

    def test_a_quote_that_is_never_closed_is_not_read_into_memory(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("x.csv").write_text('1,2,3,4\n1,2,3,"' + "0,0,0,0\n" * 100_000)
        assert refused(capsys, "x.csv") == "x.csv, line 2: field larger than field limit (131072)"

    def test_a_line_that_never_ends_is_not_read_into_memory(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(text, "MAX_LINE", 1000)
        longest = "1,2,3," + "4" * 992 + "\n"  # 999 characters
        Path("x.csv").write_text("1,2,3,4\n" + longest)
        assert len(predicted("x.csv")) == 2
        Path("x.csv").write_text("1,2,3,4\n" + "4" + longest)
        assert refused(capsys, "x.csv") == "x.csv, line 2: it has 1000 characters or more"
        Path("x.csv").write_text("0" * 10_000)
        assert refused(capsys, "x.csv") == "x.csv, line 1: it has 1000 characters or more"

    @pytest.mark.parametrize("first", ["1,x,3,4", "x,2,3,4", "1,2,3,NA", "id,2019,2020,2021", ",1,b,3"])
    def test_a_first_line_of_text_and_numbers(self, first: str, capsys: pytest.CaptureFixture[str]) -> None:
        Path("x.csv").write_text(f"{first}\n1,2,3,4\n")
        assert refused(capsys, "x.csv") == (
            f"x.csv begins with {first}: both text and numbers. Names of columns, or a bad row? "
            "Say --header or --no-header"
        )
        assert len(predicted("x.csv", "--header")) == 1
        assert refused(capsys, "x.csv", "--no-header").startswith("x.csv, line 1, column ")

    def test_a_long_first_line_is_shown_in_part(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("x.csv").write_text(f"1,{'x' * 1000},3,4,5\n")
        assert refused(capsys, "x.csv").startswith(f"x.csv begins with 1,{'x' * 20},3,4,…: both text and")

    def test_header(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("x.csv").write_text(csv_of(X, "0,1,2,3"))
        assert refused(capsys, "x.csv") == (
            "x.csv begins with 0,1,2,3: names of columns, or numbers? Say --header or --no-header"
        )
        assert len(predicted("x.csv", "--header")) == 101
        assert len(predicted("x.csv", "--no-header")) == 102
        assert len(predicted("x.csv", "--header", "--columns", "3,2,1,0")) == 101
        Path("x.csv").write_text(
            ",0,1,2,3\n" + "".join(f"{i},1,2,3,4\n" for i in range(3))
        )  # as pandas writes
        assert "names of columns, or numbers?" in refused(capsys, "x.csv", "--columns", "1:5")
        assert len(predicted("x.csv", "--header", "--columns", "1:5")) == 3
        Path("x.csv").write_text(",1,2,3\n" * 3)
        assert len(predicted("x.csv")) == 3
        Path("x.csv").write_text(csv_of(X, "5,6,7,8"))
        assert len(predicted("x.csv")) == 102
        assert len(predicted("x.csv", "--header", "--columns", "5,6,7,8")) == 101
        Path("x.csv").write_text(csv_of(X))
        assert refused(capsys, "x.csv", "--no-header") == "x.csv, line 1, column 0: 'a' isn't a number"


class TestOneColumn:
    """Where an empty line can be a row."""

    @pytest.fixture(autouse=True)
    def narrow(self) -> None:
        Network([Dense([[2.0]], [1.0])]).save("net.safetensors")

    @pytest.mark.parametrize(
        ("lines", "outputs"),
        [
            ("1\n\n2\n", [3, np.nan, 5]),
            ("\n\n1\n2", [np.nan, np.nan, 3, 5]),
            ("x\n\n1\n\n\n2\n\n\n", [np.nan, 3, np.nan, np.nan, 5]),
            ("\nx\n1\n", [3]),
            ('1\n""\n2\n', [3, np.nan, 5]),
            ("1\r\n\r\n2\r\n", [3, np.nan, 5]),
        ],
    )
    @pytest.mark.parametrize("rows", ["1", "100"])
    def test_an_empty_line_is_a_missing_number(self, lines: str, outputs: list[float], rows: str) -> None:
        Path("x.csv").write_text(lines, newline="")
        np.testing.assert_array_equal(predicted("x.csv", "--batch-size", rows)[:, 0], outputs)

    def test_its_line_is_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("x.csv").write_text("x\n1\n2\n\n\n3\n")
        assert refused(capsys, "x.csv", "--nan=error") == "x.csv, line 4, column 'x' is NaN or missing"

    def test_those_at_the_end_are_none(self) -> None:
        Path("x.csv").write_text("x\n1\n" + "\n" * 1000)
        assert len(predicted("x.csv", "--nan=error")) == 1


class TestNan:
    @pytest.fixture(params=["x.npy", "x.csv"])
    def name(self, request: pytest.FixtureRequest) -> str:
        x = X.copy()
        x[42, 2] = np.nan
        np.save("x.npy", x)
        Path("x.csv").write_text(csv_of(x).replace("nan", ""))
        return str(request.param)

    def test_is_kept_in_its_row(self, name: str) -> None:
        y = predicted(name)
        assert np.isnan(y[42]).all()
        assert same_bits(np.delete(y, 42, 0), np.delete(NET(X), 42, 0))
        assert predicted(name, "--classes")[42] == -1

    @pytest.mark.parametrize("rows", ["1", "5", "100"])
    def test_is_an_error(self, name: str, rows: str, capsys: pytest.CaptureFixture[str]) -> None:
        where = {"x.npy": "row 42, column 2", "x.csv": "line 44, column 'c'"}[name]
        found = refused(capsys, name, "--nan=error", "--batch-size", rows)
        assert found == f"{name}, {where} is NaN or missing"

    def test_elsewhere_is_none(self, name: str) -> None:
        assert same_bits(predicted(name, "--columns", "0,1,3,3", "--nan=error"), NET(X[:, [0, 1, 3, 3]]))
        np.save("i.npy", np.ones((3, 4), "i4"))
        assert len(predicted("i.npy", "--nan=error")) == 3


class TestDamagedArrays:
    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (X.astype("c8"), "has dtype complex64, expected real numbers"),
            (np.full((2, 4), "a"), "has dtype <U1, expected real numbers"),
            (np.zeros(3, "i4,f4"), "expected real numbers"),
            (X[0], "has shape (4,), expected rows and columns"),
            (X[None], "has shape (1, 101, 4), expected rows and columns"),
        ],
        ids=["complex", "text", "structured", "vector", "cube"],
    )
    @pytest.mark.parametrize("name", ["x.npy", "x.npz"])
    def test_of_another_kind(
        self, name: str, array: Array, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        np.save("x.npy", array)
        np.savez("x.npz", array)
        assert message in refused(capsys, name)

    def test_no_pickle_is_opened(self, capsys: pytest.CaptureFixture[str]) -> None:
        np.save("x.npy", np.full((2, 4), None), allow_pickle=True)
        assert "has dtype object, expected real numbers" in refused(capsys, "x.npy")

    def test_cut_short(self, capsys: pytest.CaptureFixture[str]) -> None:
        np.save("x.npy", X)
        whole = Path("x.npy").read_bytes()
        for size in range(0, len(whole), 41):
            Path("x.npy").write_bytes(whole[:size])
            assert refused(capsys, "x.npy").startswith("x.npy ")
        Path("x.npy").write_bytes(whole[:-1])
        assert refused(capsys, "x.npy") == "x.npy has 1743 bytes, but its header promises 1744"

    @pytest.mark.parametrize(
        ("start", "says"),
        [
            (b"\x93NUMPY\1\0" + b"\xff" * 2, "expected 65535 bytes got 9990"),
            (b"\x93NUMPY\2\0" + b"\xff" * 4, "expected 4294967295 bytes got 9988"),
        ],
    )
    def test_long_header_is_not_read(
        self, start: bytes, says: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("x.npy").write_bytes(start)
        os.truncate("x.npy", 2**32 + 100)  # of zeros, which take no place on the disk
        assert refused(capsys, "x.npy").endswith(says)

    def test_header_lies(self, capsys: pytest.CaptureFixture[str]) -> None:
        for shape in ("(-1, 4)", "(10**99, 4)", "(9" + "9" * 30 + ", 4)", "'rows'", "(2.0, 4)"):
            header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
            start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
            Path("x.npy").write_bytes(start + header + bytes(100))
            assert refused(capsys, "x.npy").startswith("x.npy ")

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows doesn't let a mapped file be cut short")
    def test_cut_short_while_it_is_read(self) -> None:
        np.save("x.npy", X)
        (table,) = npy.open_npy(Path("x.npy"), Options())
        blocks = table.blocks(10, range(4))
        next(blocks)
        os.truncate("x.npy", 1000)
        with pytest.raises(ValueError, match=r"x\.npy was cut short while it was read"):
            next(blocks)

    def test_archive(self, capsys: pytest.CaptureFixture[str]) -> None:
        np.savez_compressed("x.npz", images=X)
        whole = bytearray(Path("x.npz").read_bytes())
        for place in (0, 300, 900, len(whole) - 10):
            damaged = whole.copy()
            damaged[place] ^= 0xFF
            Path("x.npz").write_bytes(damaged)
            assert refused(capsys, "x.npz").startswith("x.npz")
        Path("x.npz").write_bytes(whole[:500])
        assert refused(capsys, "x.npz").startswith("x.npz is no sound .npz file: ")
        with zipfile.ZipFile("x.npz", "w"):
            pass
        assert refused(capsys, "x.npz") == "x.npz has no arrays"

    def test_member_is_shorter_than_its_header_says(self, capsys: pytest.CaptureFixture[str]) -> None:
        buffer = io.BytesIO()
        np.save(buffer, X)
        with zipfile.ZipFile("x.npz", "w") as archive:
            archive.writestr("images.npy", buffer.getvalue()[:-1])
        assert "has 1743 bytes, but its header promises 1744" in refused(capsys, "x.npz")


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("x.npy",), "the following arguments are required: -o/--output"),
            (("x.npy", "-o", "y.txt"), "y.txt isn't a name that ends in .csv, .npy or .parquet"),
            (("x.npy", "-o", "none/y.npy"), "none/y.npy: the folder"),
            (("x.npy", "-o", "y.npy", "--threads", "0"), "0 isn't a whole number from 1 up"),
            (("x.npy", "-o", "y.npy", "--batch-size", "many"), "many isn't a whole number from 1 up"),
            (("x.npy", "-o", "y.npy", "--proba", "--classes"), "not allowed with"),
            (("x.npy", "-o", "y.npy", "--dtype", "float16"), "invalid choice"),
            (("x.npy", "-o", "y.npy", "--columns", "a\nb"), "isn't a list of columns"),
            (("x.npy", "-o", "y.npy", "--columns", '"a,b'), "isn't a list of columns"),
            (("x.npy", "-o", "y.npy", "--columns", ""), "isn't a list of columns: it is empty"),
        ],
    )
    def test_is_refused(
        self, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            predict(*arguments)
        assert ended.value.code == 2
        assert message in capsys.readouterr().err

    def test_files_that_are_not_there(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert refused(capsys, "none.npy") == "none.npy: No such file or directory"
        assert refused(capsys, "net.safetensors").startswith(
            "net.safetensors isn't a folder, nor a name that"
        )
        Path("net.safetensors").unlink()
        assert refused(capsys, "none.npy") == "net.safetensors: No such file or directory"

    def test_model_that_is_damaged(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("net.safetensors").write_bytes(b"\0" * 100)
        assert refused(capsys, "none.npy").startswith("net.safetensors is no sound safetensors file")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
    def test_pipe(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("data").mkdir()
        os.mkfifo("data/x.csv")
        for name in ("data", "data/x.csv"):
            assert refused(capsys, name).startswith(f"{Path('data/x.csv')} is a pipe or a device, expected")

    def test_link_to_nothing_is_not_left_out(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("data").mkdir()
        np.save("data/1.npy", X)
        try:
            Path("data/2.npy").symlink_to("none.npy")
        except OSError:
            pytest.skip("no right to make symbolic links")
        assert refused(capsys, "data") == f"{Path('data/2.npy')}: No such file or directory"

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (OSError(errno.ENOSPC, "No space left on device"), r".*y\.npy: No space left on device"),
            (MemoryError("Unable to allocate 9 TiB"), "Unable to allocate 9 TiB"),
        ],
        ids=["disk", "memory"],
    )
    def test_disk_or_memory_full(
        self,
        error: Exception,
        message: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def full(self: npy.NpyWriter, values: Array) -> None:
            self.file.write(b"some")
            raise error

        np.save("x.npy", X)
        monkeypatch.setattr(npy.NpyWriter, "write", full)
        assert re.fullmatch(message, refused(capsys, "x.npy"))

    def test_without_pyarrow(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(command, "find_spec", lambda name: None)
        with pytest.raises(SystemExit):
            predict("x.npy", "-o", "y.parquet")
        assert "needs pyarrow: pip install pyarrow" in capsys.readouterr().err


@pytest.mark.parametrize(
    "header", ["{'descr': '<f8', 'shape': (4, ", "(" * 5000, "\t{\n  1\n 2", "{'descr': [], 'shape'"]
)
def test_a_header_that_is_no_python(header: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = header.encode() + b"\n"
    Path("x.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
    assert "x.npy is no sound .npy file" in refused(capsys, "x.npy")
