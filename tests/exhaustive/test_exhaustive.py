"""The sweeps of `make exhaustive`, in short: every 251st float32."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import products
import pytest
import run
import softmax_rows
from functions import SWEPT, Swept, settled
from support import FUSED_ISAS, ISAS, Array
from sweep import ulp_errors

from fastnn._core.dispatch import Kernels


@pytest.mark.parametrize("name", run.ALL)
def test_limits_are_kept(name: str) -> None:
    line = run.line_of(name, ISAS, run.SHORT)
    assert set(line.errors) == set(ISAS)
    assert line.kept, line


def off_by(ulps: float, at: float) -> Swept:
    """Return sigmoid with one wrong result, on one instruction set."""
    sigmoid = SWEPT["sigmoid"]

    def call(kernels: Kernels, z: Array, out: Array) -> None:
        sigmoid.call(kernels, z, out)
        if kernels.isa == ISAS[0]:
            out[z == np.float32(at)] += np.float32(ulps * 2.0**-24)

    return sigmoid._replace(call=call)


def test_one_wrong_result_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = 251 * 4257000  # some number that is tried
    z = float(np.array(pattern, np.uint32).view(np.float32))
    monkeypatch.setitem(run.SWEPT, "sigmoid", off_by(3, z))
    line = run.line_of("sigmoid", ISAS, run.SHORT)
    assert not line.kept
    assert line.errors[ISAS[0]] > 2
    assert len(FUSED_ISAS) == 1 or f"{len(FUSED_ISAS) - 1} results differ" in line.remark


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [("sigmoid", np.inf, 0.5), ("tanh", np.inf, np.nan), ("relu'", np.nan, 1), ("exp", -np.inf, 1e-30)],
)
def test_one_wrong_result_of_no_number_is_seen(
    monkeypatch: pytest.MonkeyPatch, name: str, at: float, value: float
) -> None:
    right = SWEPT[name]

    def call(kernels: Kernels, z: Array, out: Array) -> None:
        right.call(kernels, z, out)
        out[np.isnan(z) if np.isnan(at) else z == at] = value

    monkeypatch.setitem(run.SWEPT, name, right._replace(call=call))
    line = run.line_of(name, ISAS, run.Effort(99991, 1, 1))
    assert not line.kept
    assert min(line.errors.values()) > 1


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "dense"])
@pytest.mark.parametrize("fault", ["NaN", "another bit"])
def test_one_wrong_result_of_a_row_is_seen(monkeypatch: pytest.MonkeyPatch, name: str, fault: str) -> None:
    def spoilt(out: Array) -> Array:
        small = np.abs(out) < 2.0**-126  # of what isn't held to a limit
        place = np.unravel_index(small.argmax(), out.shape) if out.size else ()
        if out.size and (name == "dense" or small.any()):
            out[place] = np.nan if fault == "NaN" else np.nextafter(out[place], np.float32(1))
        return out

    def normalize(isa: str, name: str, rows: Array) -> Array:
        out = right_normalize(isa, name, rows)
        return spoilt(out) if isa == ISAS[0] else out

    def one_layer(isa: str, *arrays: Array) -> Callable[..., Array]:
        net = right_one_layer(isa, *arrays)
        return (lambda x, threads: spoilt(net(x, threads=threads))) if isa == ISAS[0] else net

    right_normalize, right_one_layer = softmax_rows.normalize, products.one_layer
    monkeypatch.setattr(softmax_rows, "normalize", normalize)
    monkeypatch.setattr(products, "one_layer", one_layer)
    monkeypatch.setattr(products, "DEPTHS", (0, 17))
    line = run.line_of(name, ISAS, run.Effort(251, 1, 1))
    if fault == "NaN":
        assert not line.kept
        assert line.errors[ISAS[0]] == np.inf
    elif len(FUSED_ISAS) > 1:
        assert not line.kept
        assert "results differ" in line.remark


def test_errors_are_in_units_of_the_expected_value() -> None:
    expected = np.array([1.0, 2.0, 1.0 - 2.0**-30, 2.0**-149, 0.0, np.nan, np.nan, np.inf])
    got = np.array([1 + 2.0**-23, 2 - 2.0**-23, 1.0, 0, 0, np.nan, 1, np.inf], np.float32)
    with np.errstate(invalid="ignore"):
        errors = ulp_errors(got, expected, normal=False)
    assert errors.tolist() == [1, 0.5, 2.0**-6, 1, 0, 0, np.inf, 0]
    assert settled(SWEPT["exp"], np.float32(0), np.float32(1 + 2.0**-23)) == 1


def test_the_page_gets_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- exhaustive -->\nold\n<!-- end exhaustive -->\nafter\n")
    assert run.main(["--every", "99991", "--functions", "relu", "tanh", "--write", str(page)]) == 0
    assert run.main(["--every", "99991", "--functions", "tanh", "exp", "--write", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("before\n<!-- exhaustive -->\n")
    assert text.endswith("<!-- end exhaustive -->\nafter\n")
    assert "old" not in text
    assert "| tanh | 1 ULP | 0." in text
    assert text.index("| exp |") < text.index("| relu |") < text.index("| tanh |")
    assert text.count("| tanh |") == 1


def test_what_is_unknown_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run.main(["--every", "0"])
    assert "--every is 0" in capsys.readouterr().err
