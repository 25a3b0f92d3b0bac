"""The pages that `make docs` builds: no wider than the window, legible and without errors in both themes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HTML = Path(__file__).parents[2] / "build" / "docs" / "html"
PAGES = sorted(HTML.rglob("*.html"))
if not PAGES and os.environ.get("FASTNN_REQUIRE_ALL", "0") == "0":
    pytest.skip("make docs builds the pages", allow_module_level=True)

LIGHTEST_CONTRAST = 4.5  # of WCAG 2, level AA

# What sticks out of the window though nothing around it scrolls, and text whose contrast is too low.
FAULTS = """
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const part = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
const seen = (e) => e.getClientRects().length && getComputedStyle(e).visibility !== "hidden";
function ground(e) {
  for (; e; e = e.parentElement) {
    const colour = rgb(getComputedStyle(e).backgroundColor);
    if (colour.length < 4 || colour[3] > 0.5) return colour;
  }
  return [255, 255, 255];
}
function scrolls(e) {
  for (let p = e.parentElement; p !== document.body; p = p.parentElement)
    if (getComputedStyle(p).overflowX !== "visible") return true;
  return false;
}
const name = (e) => `${e.tagName} ${e.className}: ${e.textContent.trim().slice(0, 40)}`;
const faults = new Set();
let texts = 0;
for (const e of document.querySelectorAll("body *")) {
  if (!seen(e) || e.closest("svg")) continue;
  if (e.closest("article") && e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e))
    faults.add(`wide ${name(e)}`);
  if (![...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
  texts++;
  const [a, b] = [luminance(rgb(getComputedStyle(e).color)), luminance(ground(e))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < arguments[0]) faults.add(`faint ${name(e)}`);
}
if (document.documentElement.scrollWidth > innerWidth) faults.add("the page scrolls sideways");
for (const image of document.images)
  if (!image.naturalWidth || !image.alt) faults.add(`image ${image.src}: missing, or without a text`);
return [texts, [...faults]];
"""


def test_there_are_pages() -> None:
    assert {"index.html", "tutorial.html", "kernels.html", "api.html"} <= {path.name for path in PAGES}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_legible_and_no_wider_than_the_window(chromium: Any, look: Callable[..., None], path: Path) -> None:
    for width in ("desktop", "phone"):
        for scheme in ("light", "dark"):
            look(chromium, width, scheme)
            chromium.get(path.as_uri())
            texts, faults = chromium.execute_script(FAULTS, LIGHTEST_CONTRAST)
            assert texts > 10
            assert faults == [], f"{width}, {scheme}"
    errors = [entry["message"] for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []
