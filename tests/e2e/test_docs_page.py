"""The API's page in a real browser: every path shown, a call tried, no request to elsewhere."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import sync_playwright

from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer
from serving.api import create_app
from serving.settings import Settings


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    app = create_app(Settings(home=tmp_path), Analyzer(FakeScorer()))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def test_docs_page_works_without_any_other_host(service: str) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        missing = "expected the command chromium, found none; install the Debian package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    asked, said = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{service}/docs")
        page.get_by_text("/v1/profiles/{user}").wait_for()
        page.get_by_text("/v1/analyze").click()
        form = page.locator("details[open] form")
        form.locator("textarea").fill('{"texts": ["茶很好喝"]}')
        form.get_by_role("button").click()
        form.locator("pre", has_text="sentiment").wait_for()
        answer = form.locator("pre").inner_text()
        browser.close()
    assert answer.startswith("200") and '"sentiment": "positive"' in answer
    assert asked and all(url.startswith(service + "/") for url in asked)
    assert not said
