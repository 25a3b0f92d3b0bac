"""A model as one page that loads nothing: drawing, layers, weights, and for small ones inputs to try."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from fastnn._core.activation_names import parse
from fastnn._version import __version__
from fastnn.show import elements, summary, svg
from fastnn.show.elements import element
from fastnn.show.histogram import histogram
from fastnn.show.layout import plural, widths_of

if TYPE_CHECKING:
    from fastnn.network import Network

MOST_INPUTS = 16  # of a network to try
MOST_PARAMETERS = 2000
STEPS = 600  # of a slider


def page(net: Network, name: str, low: float = -3.0, high: float = 3.0) -> str:
    """Return the page of a network.

    Parameters
    ----------
    net : Network
        What is shown.
    name : str
        Its heading.
    low, high : float, default -3 and 3
        The range of the sliders.

    Returns
    -------
    str
        HTML. The same for the same arguments.
    """
    live = 0 < net.n_inputs <= MOST_INPUTS and net.n_outputs > 0 and net.n_parameters <= MOST_PARAMETERS
    style = source("page.css")
    script = source("activations.js") + source("page.js")
    body = element("main", *heading(net, name), *drawn(net, live))
    if live:
        body.extend(trial(net, low, high))
    body.extend([*layers(net), *weights(net), element("footer", f"Made by fastnn {__version__}.")])
    scripts = [data(net), element("script", script)] if live else []
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{name}: a network"),
        element("style", style),
    )
    document = element("html", head, element("body", body, *scripts), lang="en")
    return f"<!doctype html>\n{elements.html(document)}\n"


def source(name: str) -> str:
    """Return a file that belongs to the page."""
    return (files("fastnn.show") / name).read_text("utf-8")


def policy(style: str, script: str) -> str:
    """Return what the browser may do for the page: load nothing, and run what is in it."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script))
    style_hash, script_hash = (f"'sha256-{digest}'" for digest in hashes)
    rules = (
        "default-src 'none'",
        f"style-src {style_hash}",
        f"script-src {script_hash}",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


def heading(net: Network, name: str) -> Iterator[Element]:
    """Yield what the page is of."""
    widths = "-".join(map(str, widths_of(net.layers)))
    yield element("h1", name)
    yield element("p", f"A network of {widths}, {plural(net.n_parameters, 'parameter')}, {net.dtype}.")


def drawn(net: Network, live: bool) -> Iterator[Element]:
    """Yield the drawing."""
    yield element("h2", "Drawing")
    yield scrolling(svg.drawing(net.layers, "drawing", live), "Drawing")


def scrolling(part: Element, name: str) -> Element:
    """Return a part in a box that scrolls sideways, by keyboard too."""
    return element("div", part, class_="scroll", tabindex="0", role="region", aria_label=name)


def trial(net: Network, low: float, high: float) -> Iterator[Element]:
    """Yield inputs to change, outputs, and the steps between."""
    inputs = element(
        "div",
        element("h2", "Inputs"),
        *(control(i, low, high) for i in range(1, net.n_inputs + 1)),
        element("button", "Set all to 0", type="button", id="zero"),
    )
    # Of several outputs, only the largest is read out after each change.
    live = "polite" if net.n_outputs == 1 else "off"
    rows = (
        element(
            "tr",
            element("th", f"output {i}", scope="row"),
            element("td", element("output", aria_live=live)),
            element("td", element("div", class_="bar")),
        )
        for i in range(1, net.n_outputs + 1)
    )
    outputs = element(
        "div",
        element("h2", "Outputs"),
        element("table", *rows, id="outputs"),
        element("p", id="largest", role="status"),
    )
    yield element("div", inputs, outputs, class_="two")
    yield element("noscript", element("p", "Inputs and outputs need JavaScript."))
    yield element("h2", "Step by step")
    yield element("p", note(net))
    yield scrolling(element("table", *steps(net), id="steps"), "Step by step")


def control(i: int, low: float, high: float) -> Element:
    """Return an input's slider and its number."""
    start = exact(min(max(0.0, low), high))
    # Divided first: the whole range of floats is more than the largest of them.
    span = {"min": exact(low), "max": exact(high), "step": exact(high / STEPS - low / STEPS)}
    problem = f"problem-{i}"
    return element(
        "div",
        element("label", f"input {i}", for_=f"slider-{i}"),
        element("input", type="range", id=f"slider-{i}", value=start, **span),
        element(
            "input",
            type="number",
            step="any",
            value=start,
            aria_label=f"input {i} as a number",
            aria_describedby=problem,
        ),
        element("p", id=problem, class_="problem", role="alert"),
        class_="input",
    )


def exact(value: float) -> str:
    """Return a number with as many digits as tell it apart."""
    return repr(float(value)).removesuffix(".0")


def note(net: Network) -> str:
    """Return how the page's numbers come about."""
    text = (
        "Z is the weighted sum and the bias, A what the activation makes of it; a neuron is off where its "
        "activation is flat and gives 0."
    )
    if net.dtype == "float32":
        text += " Computed here in float64; fastnn computes this network in float32."
    return text


def steps(net: Network) -> Iterator[Element]:
    """Yield the rows of a trace, their cells for the script to fill."""
    yield step("x", 0, net.n_inputs)
    for i, layer in enumerate(net.layers, 1):
        yield step(f"Z{i}", i, layer.n_outputs)
        yield step(f"A{i}, {layer.activation}", i, layer.n_outputs)


def step(name: str, layer: int, n: int) -> Element:
    """Return a row of a trace."""
    head = element("th", name, scope="row")
    return element("tr", head, *(element("td") for _ in range(n)), data_layer=str(layer))


def layers(net: Network) -> Iterator[Element]:
    """Yield the table of the layers."""
    table = summary.html(net)
    table.set("id", "layers")
    yield element("h2", "Layers")
    yield scrolling(table, "Layers")


def weights(net: Network) -> Iterator[Element]:
    """Yield a histogram for each layer."""
    figures = (histogram(layer, f"layer {i}") for i, layer in enumerate(net.layers, 1))
    yield element("h2", "Weights")
    yield element("div", *figures, class_="histograms")


def data(net: Network) -> Element:
    """Return the parameters for the script."""
    described = [
        {
            "weight": [[plain(value) for value in row] for row in layer.weight],
            "bias": [
                plain(value) for value in (layer.bias if layer.bias is not None else [0] * layer.n_outputs)
            ],
            "activation": parse(layer.activation).row.name,
            "parameters": parse(layer.activation).parameters,
        }
        for layer in net.layers
    ]
    # The text of a script isn't escaped; its only danger is a closing tag.
    text = json.dumps({"layers": described}, allow_nan=False).replace("<", "\\u003c")
    return element("script", text, type="application/json", id="model")


def plain(value: Any) -> float | str:
    """Return a number as JSON has it, or as JavaScript reads it from text."""
    number = float(value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
