"""matplotlib, imported when something is drawn."""

from __future__ import annotations

from typing import Any

from fastnn.extras import need

SMALL = 8  # points: the size of most text


def library(module: str) -> Any:
    """Import a module of matplotlib."""
    return need(f"matplotlib.{module}", "Plotting")


def new_axes(width: float, height: float) -> Any:
    """Return the axes of a new figure of so many inches."""
    return library("pyplot").subplots(figsize=(width, height), layout="constrained")[1]
