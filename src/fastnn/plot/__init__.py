"""Plots of activations, networks and decisions with matplotlib (the extra ``plot``), imported when needed.

Text and frames have the colours of the style that is set, so ``plt.style.use("dark_background")`` works.
"""

from fastnn.plot.curves import activations
from fastnn.plot.drawing import network
from fastnn.plot.regions import decision_regions

__all__ = ["activations", "decision_regions", "network"]
