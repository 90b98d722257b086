"""The page in a real browser: no error, no request, nothing wider than the window, sorting and searching work from the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eda_plugin.report import Budget, Calibration, Curves, HeatMap, Line, Place, Report, Sheet


def report() -> Report:
    rows = tuple((f"cell {place}", float(place % 7), "x" * 80) for place in range(60))
    numbers = np.array([1.0, 3.0, 2.0])
    heat = HeatMap("width", "Interval width", "%", "note", ("A", "B", "C"), ("delay",), numbers[:, None], numbers)
    line = Line("delay", np.array([0.1, 0.9]), np.array([0.2, 0.8]))
    target = Place("tt_025C_1v80", "tt", 1.8, 25, "target")
    return Report(
        "tt_025C_1v80: <i>library</i>", "lead", (("asked", "a corner"),), (target,), 0.0, (heat,), (),
        Curves(None, ()), Calibration((line,), (), "note"), Budget(1, 2, (), None, ""),
        Sheet("Findings", ("where", "how much", "what"), rows, wide=True), (), (), (),
    )  # fmt: skip


def test_page_in_a_browser(tmp_path: Path, needs_tool: Callable[[str], str]) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="package absent: playwright")
    browser = needs_tool("chromium")
    page_file = report().write(tmp_path / "page.html")
    said: list[str] = []
    asked: list[str] = []
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 390, "height": 800})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.wait_for_selector("html[data-whole]", state="attached")
        assert page.locator("#finding tbody tr").count() == 60
        assert page.locator("noscript").count() == 0
        page.focus("#finding thead th:nth-child(2) button")
        page.keyboard.press("Enter")
        assert page.get_attribute("#finding thead th:nth-child(2)", "aria-sort") == "descending"
        assert page.inner_text("#finding tbody tr:first-child td") == "6"
        assert "descending" in page.inner_text("#told")
        page.fill("#finding-q", "cell 59")
        assert page.inner_text("#finding-n") == "1 of 60 rows"
        assert page.locator("#finding tbody tr:visible").count() == 1
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.select_option("#theme", "dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        without = chromium.new_context(java_script_enabled=False).new_page()
        without.goto(page_file.as_uri())
        assert without.locator("#findings tbody tr:visible").count() == 60
        chromium.close()
    assert said == []
    assert asked == [page_file.as_uri()]
