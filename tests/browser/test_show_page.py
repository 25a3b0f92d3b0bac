"""The page of ``fastnn show`` in a browser: what it shows, and that its numbers are fastnn's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from support import DTYPES, ROW_WISE, SPELLINGS, needs

from fastnn import Dense, Network, activations, demo
from fastnn._core.activation_names import parse

EXAMPLE_4 = Network([Dense(*demo.HIDDEN), Dense(*demo.OUTPUT)])
WIDE = Network([Dense(np.ones((16, 16)), activation="log_softmax")] * 4)
Show = Callable[..., Any]

Z = [-800.0, -40.0, -6.0, -3.0, -1.2345, -0.5, -1e-9, 0.0, 1e-300, 0.01, 0.7, 2.0, 3.0, 5.9, 33.3, 750.0]


def forward(driver: Any, x: Sequence[float]) -> list[dict[str, list[float]]]:
    """Return what the page computes; NaN comes as None."""
    steps: list[dict[str, list[float]]] = driver.execute_script("return forward(arguments[0]);", list(x))
    return steps


def shown(driver: Any, selector: str) -> list[str]:
    """Return the texts of the elements that a selector finds."""
    texts: list[str] = driver.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((found) => found.textContent);", selector
    )
    return texts


def digits(values: Any) -> list[float]:
    """Return numbers with the digits that the page shows."""
    return [float(f"{value:.6g}") for value in np.ravel(values)]


def press(driver: Any, *keys: str) -> None:
    """Press keys, whatever has the focus."""
    chains = needs("selenium.webdriver.common.action_chains").ActionChains(driver)
    for key in keys:
        chains.send_keys(key)
    chains.perform()


def focus(driver: Any, selector: str) -> None:
    driver.execute_script("document.querySelector(arguments[0]).focus();", selector)


@pytest.mark.parametrize("name", [*SPELLINGS, *ROW_WISE])
def test_activations_are_those_of_fastnn(show: Show, name: str) -> None:
    net = Network([Dense(np.eye(len(Z)), activation=name)])
    driver = show(net)
    for x in (np.array(Z), np.array(Z) / 300):
        (step,) = forward(driver, x.tolist())
        np.testing.assert_array_equal(step["z"], x)
        np.testing.assert_allclose(step["a"], net(x), rtol=1e-12, atol=1e-15)


def test_activations_at_infinity_and_of_nan(show: Show) -> None:
    driver = show(EXAMPLE_4)
    script = "const [name, ps, z] = arguments; return activation(name, ps)(z.map(Number)).map(String);"
    rows = [
        np.array(row) for row in ([np.inf, 0.0], [-np.inf, 0.0], [-np.inf] * 2, [np.nan, 1.0], [np.inf] * 2)
    ]
    for name in (*SPELLINGS, *ROW_WISE):
        chosen = parse(name)
        for row in rows:
            z = [str(value).replace("inf", "Infinity").replace("nan", "NaN") for value in row]
            found = driver.execute_script(script, chosen.row.name, list(chosen.parameters), z)
            np.testing.assert_allclose(
                [float(text.replace("Infinity", "inf")) for text in found],
                activations.apply(name, row),
                rtol=1e-12,
                err_msg=f"{name} {row}",
            )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_forward_pass_is_that_of_fastnn(show: Show, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    shapes = ((16, 13), (16, 16), (3, 16))
    net = Network(
        [Dense(rng.standard_normal(shape), rng.standard_normal(shape[0]), "tanh") for shape in shapes], dtype
    )
    x = rng.standard_normal(13)
    found = forward(show(net), x)
    for step, (z, a, _) in zip(found, net.astype("float64").trace(x), strict=True):
        np.testing.assert_allclose(step["z"], z, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(step["a"], a, rtol=1e-12, atol=1e-12)


def test_first_look(show: Show) -> None:
    driver = show(EXAMPLE_4)
    assert driver.title == "net.safetensors: a network"
    assert shown(driver, "h1") == ["net.safetensors"]
    assert [float(text) for text in shown(driver, "output")] == digits(EXAMPLE_4([0, 0]))
    assert shown(driver, "#largest") == ["Largest: output 2, 0.507499"]
    assert shown(driver, "g[data-unit] text") == ["0", "0", "0.1", "0", "0", "0.493", "0.507"]
    assert driver.execute_script("return performance.getEntriesByType('resource').length;") == 0
    boxes = driver.execute_script(
        "return [...document.querySelectorAll('svg')].map((svg) => svg.getBoundingClientRect().width);"
    )
    assert len(boxes) == 3
    assert min(boxes) > 100


def test_by_keyboard(show: Show) -> None:
    keys = needs("selenium.webdriver").Keys
    driver = show(EXAMPLE_4)
    reached = []
    for _ in range(8):
        press(driver, keys.TAB)
        reached.append(
            driver.execute_script(
                "const at = document.activeElement;"
                "return at.labels?.[0]?.textContent || at.ariaLabel || at.id;"
            )
        )
    assert reached == [
        *("Drawing", "input 1", "input 1 as a number", "input 2", "input 2 as a number"),
        *("zero", "Step by step", "Layers"),
    ]
    focus(driver, "#slider-1")
    press(driver, *[keys.ARROW_RIGHT] * 150)  # 0.01 each
    focus(driver, "#slider-2")
    press(driver, *[keys.ARROW_LEFT] * 50)
    assert [float(text) for text in shown(driver, "output")] == digits(EXAMPLE_4([1.5, -0.5]))
    assert shown(driver, '#steps tr[data-layer="1"] td') == ["0.85", "-0.65", "1.15", "0.85", "0 off", "1.15"]
    assert shown(driver, "g.off text") == ["0"]
    focus(driver, "#zero")
    press(driver, keys.SPACE)
    assert [float(text) for text in shown(driver, "output")] == digits(EXAMPLE_4([0, 0]))


def test_numbers_can_be_typed(show: Show) -> None:
    keys = needs("selenium.webdriver").Keys
    driver = show(EXAMPLE_4)
    box = driver.find_elements("css selector", "input[type=number]")[0]
    box.clear()
    box.send_keys("12.5")
    assert [float(text) for text in shown(driver, "output")] == digits(EXAMPLE_4([12.5, 0]))
    slider = driver.find_element("css selector", "#slider-1")
    assert slider.get_property("value") == "3"  # its end
    box.send_keys(keys.CONTROL, "a")
    box.send_keys("-")
    assert box.get_attribute("aria-invalid") == "true"
    assert shown(driver, f"#{box.get_attribute('aria-describedby')}") == [
        "This is no number; 12.5 still counts."
    ]
    assert [float(text) for text in shown(driver, "output")] == digits(EXAMPLE_4([12.5, 0]))
    box.send_keys("1e-3")
    assert box.get_attribute("aria-invalid") == "false"
    assert shown(driver, ".problem") == ["", ""]
    assert [float(text) for text in shown(driver, "output")] == digits(EXAMPLE_4([-1e-3, 0]))


def test_a_slider_can_be_dragged(show: Show) -> None:
    driver = show(EXAMPLE_4)
    slider = driver.find_element("css selector", "#slider-2")
    chains = needs("selenium.webdriver.common.action_chains").ActionChains(driver)
    chains.drag_and_drop_by_offset(slider, 60, 0).perform()
    value = float(slider.get_property("value"))
    assert value > 0.3
    assert [float(text) for text in shown(driver, "output")] == digits(EXAMPLE_4([0, value]))


def test_parameters_that_are_not_finite(show: Show) -> None:
    driver = show(Network([Dense([[np.inf, 1.0], [np.nan, 1.0], [1.0, -np.inf]], activation="relu")]))
    assert shown(driver, "output") == ["NaN", "NaN", "NaN"]  # inf times 0
    assert shown(driver, "#largest") == [""]
    focus(driver, "#slider-1")
    press(driver, needs("selenium.webdriver").Keys.ARROW_RIGHT)
    assert shown(driver, "output") == ["Infinity", "NaN", "NaN"]
    assert shown(driver, "#largest") == ["Largest: output 1, Infinity"]
    driver = show(Network([Dense([[np.nan, 1.0], [1.0, 1.0]])]))
    assert shown(driver, "#largest") == ["Largest: output 2, 0"]
    assert shown(driver, "g.off") == []


@pytest.mark.parametrize("width", ["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("net", [EXAMPLE_4, WIDE, demo.load_digits()[0]], ids=["live", "wide", "still"])
def test_readable_and_no_wider_than_the_window(show: Show, net: Network, width: str, scheme: str) -> None:
    driver = show(net, width, scheme)
    inner, scroll = driver.execute_script("return [innerWidth, document.documentElement.scrollWidth];")
    assert scroll <= inner
    assert contrast(driver, "body", "body") >= 7
    assert contrast(driver, "p", "body") >= 4.5
    assert contrast(driver, "figcaption", "figure") >= 4.5
    if net is EXAMPLE_4:
        assert contrast(driver, "g.off text", ".scroll", "fill") >= 4.5
        assert (
            driver.execute_script("return getComputedStyle(document.querySelector('g.off')).opacity;") == "1"
        )
        for part, ground in (("input[type=number]", "body"), ("button", "body"), ("button", "button")):
            assert contrast(driver, part, ground, "borderTopColor") >= 3
    dark = luminance(colour(driver, "body", "backgroundColor")) < 0.1
    assert dark == (scheme == "dark")


def colour(driver: Any, selector: str, name: str) -> list[float]:
    """Return a computed colour."""
    text = driver.execute_script(
        "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]];", selector, name
    )
    return [float(part) / 255 for part in text[text.index("(") + 1 : -1].split(",")[:3]]


def luminance(rgb: Sequence[float]) -> float:
    """Return the relative luminance of WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(driver: Any, part: str, ground: str, name: str = "color") -> float:
    """Return the contrast ratio of WCAG 2."""
    a, b = luminance(colour(driver, part, name)), luminance(colour(driver, ground, "backgroundColor"))
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)
