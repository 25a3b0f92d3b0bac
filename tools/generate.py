"""Write what is made from _core/activation_table.py: setup.py calls this before it builds.

The formulas are called by their names, so that the compiler sees one loop for each and keeps its constants in
registers; no compiler can be relied on for that through a pointer.
"""

from __future__ import annotations

import runpy
from math import isfinite
from pathlib import Path
from textwrap import fill
from typing import Any

TABLE = "src/fastnn/_core/activation_table.py"
FUNCTIONS = "src/fastnn/elementwise.py"
WIDTH = 100

LOOP = """
cdef void {function}_rows(
    const double *parameters, const real *z, real *out, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t stride
) noexcept nogil:
{vectors}    cdef Py_ssize_t i, row
    for row in range(rows):
        i = 0
        while i + LANES <= n:
            v_store(out + i, {function}(v_load(z + i){arguments}))
            i += LANES
        if i < n:
            v_store_part(out + i, {function}(v_load_part(z + i, n - i, v_set1(0)){arguments}), n - i)
        z += stride
        out += stride

"""

MODULE = '''"""The elementwise activations and their derivatives, as functions of arrays."""

# Written by tools/generate.py from _core/activation_table.py.

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastnn._core.arrays import Array, activate, differentiate

__all__ = {names!r}
'''

FUNCTION = '''

def {function}({signature}) -> Any:
    """Return {what}, elementwise.

    Parameters
    ----------
    z : array_like
        Real numbers, of any shape and dtype.
    out : ndarray, optional
        Where to write the result: of z's shape and the result's dtype. It may be z itself.
{parameters}
    Returns
    -------
    ndarray or scalar
{returns}

    Raises
    ------
    TypeError
        If z holds no real numbers, {type_errors}`out` has another dtype.
    ValueError
        If {value_errors}`out` has another shape or can't be written.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.{function}({z}).round(3).tolist()
    {values}
    """
    return {method}({name!r}, {arguments}, z, out)
'''


def write_all(folder: Path) -> list[str]:
    """Write what kernels include into a folder, and return its paths; write fastnn's functions."""
    table = runpy.run_path(TABLE)["ACTIVATIONS"]
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "activation_numbers.h", numbers(table))
    write(folder / "activation_loops.pxi", loops(table))
    write(Path(FUNCTIONS), functions(table))
    return [str(folder / name) for name in ("activation_numbers.h", "activation_loops.pxi")]


def write(path: Path, text: str) -> None:
    """Write a file, unless it is as it should be: a newer one would be compiled again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8", newline="\n")


def numbers(table: Any) -> str:
    """Return the enumeration that table.h includes."""
    names = ",\n".join(f"    {row.name.upper()}" for row in table)
    return f"/* Written by tools/generate.py. */\ntypedef enum {{\n{names}\n}} fastnn_activation;\n"


def loops(table: Any) -> str:
    """Return a loop over rows for each formula, and the loops by the activation's number."""
    text = "# Written by tools/generate.py.\n"
    for suffix, by_number in (("", "ACTIVATE"), ("_derivative", "DIFFERENTIATE")):
        for row in table:
            if not row.row_wise:
                text += loop(f"{row.name}{suffix}", [label for label, _ in row.parameters])
        entries = [f"{'identity' if row.row_wise else row.name}{suffix}_rows" for row in table]
        text += f"\ncdef rows_kernel *{by_number} = [\n    " + ",\n    ".join(entries) + ",\n]\n"
    return text


def loop(function: str, parameters: list[str]) -> str:
    """Return a formula's loop over rows."""
    vectors = "".join(
        f"    cdef vec {label} = v_set1(<real>parameters[{i}])\n" for i, label in enumerate(parameters)
    )
    return LOOP.format(
        function=function, vectors=vectors, arguments="".join(f", {label}" for label in parameters)
    )


def functions(table: Any) -> str:
    """Return the module of Python functions."""
    rows = [row for row in table if row.example]
    names = sorted(f"{row.name}{suffix}" for row in rows for suffix in ("", "_derivative"))
    text = MODULE.format(names=names)
    for row in rows:
        value = f"{row.title}, {row.formula}"
        slope = f"the derivative of {row.name}, {row.derivative}"
        text += function(row, row.name, "activate", value, row.limits, row.remarks, row.example.values)
        text += function(
            row,
            f"{row.name}_derivative",
            "differentiate",
            slope,
            row.derivative_limits,
            row.derivative_remarks,
            row.example.slopes,
        )
    return text


def function(
    row: Any, name: str, method: str, what: str, limits: Any, remarks: str, values: tuple[float, ...]
) -> str:
    """Return a Python function with its docstring."""
    labels = [label for label, _ in row.parameters]
    defaults = "".join(f", {label}: float = {value!r}" for label, value in row.parameters)
    described = "".join(
        f"    {label} : float, default {value:.6g}\n        A finite number.\n"
        for label, value in row.parameters
    )
    returns = f"{accuracy(*limits)} {remarks} "
    returns += "float32 for float32 and float16 input, else float64; `out` if given."
    return FUNCTION.format(
        function=name,
        signature=f"z: ArrayLike, out: Array | None = None{', *' if labels else ''}{defaults}",
        what=what,
        parameters=described,
        returns=fill(" ".join(returns.split()), WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8),
        type_errors=f"{' or '.join(labels)} is no number, or " if labels else "or ",
        value_errors=f"{' or '.join(labels)} is infinite or NaN, or " if labels else "",
        z=list(row.example.z),
        values=list(values),
        method=method,
        name=row.name,
        arguments=f"({', '.join(labels)},)" if labels else "()",
    )


def accuracy(float32: float, float64: float, floor: float, crossing: tuple[float, float]) -> str:
    """Return a sentence on how far results can be off."""
    if float32 == float64 == 0:
        return "Exact."
    text = f"Within {float32:g} ULP" + (f" (float64: {float64:g})" if float32 != float64 else "")
    if floor:
        where = f", for {crossing[0]:g} <= z <= {crossing[1]:g}" if isfinite(crossing[0]) else ""
        text += f"{where} of the result or {floor:g}, whichever is larger"
    return f"{text}."
