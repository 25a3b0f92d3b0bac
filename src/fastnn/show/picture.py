"""Pictures that stand alone: SVG files that are readable on light pages and on dark ones."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from fastnn.show import elements
from fastnn.show.elements import element
from fastnn.show.svg import FONT

LIGHT = {"paper": "#ffffff", "ink": "#1b1f24", "faint": "#57606a", "rule": "#d0d7de"}
DARK = {"paper": "#14171b", "ink": "#e6e8eb", "faint": "#a0a8b2", "rule": "#3a414a"}


def picture(width: float, height: float, title: str, description: str, *parts: Element) -> str:
    """Return an SVG file: parts on paper of the reader's colour scheme, light where nothing is known of it.

    Of the classes, ``paper``, ``ink`` and ``faint`` fill a part, ``rule`` and ``edge`` draw its outline,
    and ``halo`` keeps a text clear of the lines behind it.
    """
    made = element(
        "svg",
        element("title", title),
        element("desc", description),
        element("style", f"{rules(LIGHT)} @media (prefers-color-scheme: dark) {{ {rules(DARK)} }}"),
        element("rect", width=width, height=height, rx=8.0, class_="paper"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="img",
        font_family=FONT,
        font_size="12",
    )
    return elements.xml(made)


def rules(colours: dict[str, str]) -> str:
    """Return the style of one colour scheme."""
    fills = [f".{name} {{ fill: {colours[name]} }}" for name in ("paper", "faint")]
    strokes = [f".{name} {{ stroke: {colours[of]} }}" for name, of in (("rule", "rule"), ("edge", "ink"))]
    halo = f".halo {{ stroke: {colours['paper']}; stroke-width: 3px; paint-order: stroke }}"
    return " ".join([f"text, .ink {{ fill: {colours['ink']} }}", halo, *fills, *strokes])


def text(x: float, y: float, content: str, anchor: str = "start", **attributes: object) -> Element:
    """Return a line of text."""
    return element("text", content, x=x, y=y, text_anchor=anchor, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> Element:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def box(x: float, y: float, width: float, height: float, **attributes: object) -> Element:
    """Return a rectangle."""
    return element("rect", x=x, y=y, width=width, height=height, **attributes)
