"""A network's layers as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.etree.ElementTree import Element

from fastnn.show.elements import element

if TYPE_CHECKING:
    from fastnn.network import Network


class Row(NamedTuple):
    """What a table says of a layer, and in its last row of the network."""

    layer: str
    shape: str
    activation: str
    parameters: str
    dtype: str = ""


HEAD = Row("layer", "shape", "activation", "parameters")


def rows(net: Network) -> list[Row]:
    """Return a row for each layer and one for the network."""
    table = [
        Row(str(i), f"{layer.n_inputs} -> {layer.n_outputs}", layer.activation, f"{layer.n_parameters:,}")
        for i, layer in enumerate(net.layers, 1)
    ]
    return [*table, Row("total", "", "", f"{net.n_parameters:,}", str(net.dtype))]


def text(net: Network) -> str:
    """Return the table in columns."""
    table = [HEAD, *rows(net)]
    layer, shape, activation, parameters = (
        max(map(len, cells)) for cells in list(zip(*table, strict=True))[:4]
    )
    lines = (
        f"{row.layer:<{layer}}  {row.shape:>{shape}}  {row.activation:<{activation}}  "
        f"{row.parameters:>{parameters}}  {row.dtype}"
        for row in table
    )
    return "\n".join(line.rstrip() for line in lines)


def html(net: Network) -> Element:
    """Return the table as HTML."""
    *layers, total = rows(net)
    return element(
        "table",
        element("thead", element("tr", *(element("th", name, scope="col") for name in HEAD[:4]))),
        element("tbody", *(line(row[:4]) for row in layers)),
        element(
            "tfoot",
            element(
                "tr",
                element("th", f"{total.layer}, {total.dtype}", scope="row", colspan=3),
                element("td", total.parameters),
            ),
        ),
    )


def line(cells: tuple[str, ...]) -> Element:
    """Return a row: its first cell is its heading."""
    first, *others = cells
    return element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in others))
