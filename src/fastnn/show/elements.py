"""Elements of HTML and SVG. Whatever text they hold is escaped when they are written."""

from __future__ import annotations

from xml.etree.ElementTree import Element, indent, tostring


def element(tag: str, *children: Element | str, **attributes: object) -> Element:
    """Return an element; of an attribute's name, an underscore becomes a hyphen and a last one falls away."""
    names = {name.rstrip("_").replace("_", "-"): written(value) for name, value in attributes.items()}
    made = Element(tag, names)
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + child
        else:
            made.text = (made.text or "") + child
    return made


def written(value: object) -> str:
    """Return an attribute's value, a coordinate with a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def html(made: Element) -> str:
    """Return an element as HTML."""
    return tostring(made, "unicode", method="html")


def xml(made: Element) -> str:
    """Return an element as the text of a file."""
    indent(made)
    return f"{tostring(made, 'unicode')}\n"
