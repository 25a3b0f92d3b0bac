"""What a notebook shows of layers, networks and traces: HTML that needs nothing around it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from fastnn.show import elements, summary, svg, trace
from fastnn.show.elements import element

if TYPE_CHECKING:
    from fastnn.layers import Dense
    from fastnn.network import Network, Trace

SCROLLING = "max-width: 100%; overflow-x: auto"  # what is too wide for the page


def dense(layer: Dense) -> str:
    """Return the drawing of a layer."""
    return elements.html(scrolling(svg.drawing([layer])))


def network(net: Network) -> str:
    """Return the drawing of a network and the table of its layers."""
    parts = (scrolling(svg.drawing(net.layers)), scrolling(summary.html(net)))
    return elements.html(element("div", *parts))


def steps(of: Trace) -> str:
    """Return the tables of a trace."""
    return elements.html(scrolling(trace.html(of)))


def scrolling(part: Element) -> Element:
    """Return a part in a box that scrolls sideways."""
    return element("div", part, style=SCROLLING)
