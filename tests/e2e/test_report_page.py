"""The demo's report in a real browser: whole, silent and without requests, wide and narrow."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDTHS = [1280, 390]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; without it the tests are skipped, on CI they fail."""
    chromium = shutil.which("chromium")
    if chromium is None:
        missing = "expected the command chromium, found none; install the Debian package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Browser, demo: Path) -> Iterator[Page]:
    """The report at one width; fails on any console error, script error or request elsewhere."""
    address, faults = (demo / "report.html").as_uri(), list[str]()
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    opened = context.new_page()
    opened.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda r: faults.append(r.url) if r.url != address else None)
    opened.goto(address, wait_until="load")
    yield opened
    context.close()
    assert faults == []


def test_report_page_never_scrolls_sideways(page: Page) -> None:
    wide, shown = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= shown, f"expected at most {shown} px, found {wide} px"


def test_report_page_shows_text_and_charts(page: Page) -> None:
    assert "雾坞茶饮" in page.title() and len(page.inner_text("body")) > 500
    boxes = [box.bounding_box() for box in page.locator("svg:visible, canvas:visible").all()]
    assert [box for box in boxes if box and box["width"] > 50 and box["height"] > 20]


def test_report_page_screenshot_is_not_blank(page: Page, tmp_path: Path) -> None:
    shot = tmp_path / "report.png"
    page.screenshot(path=shot, full_page=True)
    blank = tmp_path / "blank.png"
    page.evaluate("document.body.replaceChildren()")
    page.screenshot(path=blank, full_page=True)
    assert shot.stat().st_size > 10 * blank.stat().st_size
