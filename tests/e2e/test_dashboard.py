"""The dashboard of the demo's store in a real browser, wide and narrow, by keyboard too."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer
from serving.api import create_app
from serving.settings import Settings

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
WIDTHS = [1280, 390]
PATHS = ["/", "/comments?sentiment=negative", "/contents", "/people", "/audiences", "/alerts"]


@pytest.fixture(scope="module")
def service(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service over a copy of the demo's folder, because counting a rule writes."""
    home = tmp_path_factory.mktemp("served") / "demo"
    shutil.copytree(demo, home)
    app = create_app(Settings(home=home, model="fake"), Analyzer(FakeScorer()))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


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
def page(request: pytest.FixtureRequest, browser: Browser, service: str) -> Iterator[Page]:
    """An empty page of one width; fails on any console error, script error or other host."""
    faults = list[str]()
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    opened.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda r: None if r.url.startswith(service) else faults.append(r.url))
    yield opened
    context.close()
    assert faults == []


def check_shown(page: Page, address: str, tmp_path: Path) -> None:
    """The page is there, fits its width and is not blank."""
    answer = page.goto(address)
    assert answer is not None and answer.status == 200, address
    wide, shown = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= shown, f"{address}: expected at most {shown} px, found {wide} px"
    head = page.locator("header.site").bounding_box()
    assert head is not None and head["height"] >= 40 and head["y"] >= 0
    shot = tmp_path / "page.png"
    page.screenshot(path=shot)
    assert shot.stat().st_size > 8_000, address


def test_pages_fit_both_widths_without_errors(page: Page, service: str, tmp_path: Path) -> None:
    for path in PATHS:
        check_shown(page, service + path, tmp_path)
    page.goto(f"{service}/contents")
    content = page.locator("td a[href^='/contents/']").first.get_attribute("href")
    page.goto(f"{service}/comments")
    person = page.locator("a[href^='/people/']").first.get_attribute("href")
    for found in (content, person, f"{person}/rows?field=emotion"):
        check_shown(page, service + str(found), tmp_path)


def test_charts_lead_to_comments_by_keyboard(page: Page, service: str) -> None:
    page.goto(service)
    column = page.locator("svg:visible a").first
    column.focus()
    assert page.locator("#tip").is_visible()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/comments\?"))
    assert int(page.locator("#total").get_attribute("data-n") or 0) > 0


def test_rule_box_counts_while_typing(page: Page, service: str) -> None:
    page.goto(f"{service}/audiences")
    page.locator("#rule").fill("emotion.negative >= 1")
    page.locator("#counted b").wait_for()
    assert int(page.locator("#counted b").inner_text().replace(",", "")) > 0
    page.locator("#rule").fill("emotion.negative >=")
    page.locator("#fault:visible").wait_for()
