"""Tests in a headless Chromium, through selenium; FASTNN_REQUIRE_ALL=1 fails where either isn't installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import needs

from fastnn import Network
from fastnn.show.page import page

WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser that stays open for all tests."""
    webdriver = needs("selenium.webdriver")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not (browser and driver):
        message = "needs Chromium and chromedriver (Debian: chromium, chromium-driver)"
        if os.environ.get("FASTNN_REQUIRE_ALL", "0") != "0":
            pytest.fail(message)
        pytest.skip(message)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture
def show(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open the page of a network; afterwards the console must be empty."""

    def opened(net: Network, width: str = "desktop", scheme: str = "light") -> Any:
        path = tmp_path / "page.html"
        path.write_text(page(net, "net.safetensors"), "utf-8")
        set_look(chromium, width, scheme)
        chromium.get(path.as_uri())
        return chromium

    yield opened
    assert chromium.get_log("browser") == []


@pytest.fixture
def look() -> Callable[[Any, str, str], None]:
    """Set a browser's width and its colour scheme."""
    return set_look


def set_look(driver: Any, width: str, scheme: str) -> None:
    size = {"width": WIDTHS[width], "height": 900, "deviceScaleFactor": 1, "mobile": width == "phone"}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
