"""Debian's Chromium, driven by Playwright, for tests that need a real browser."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from .house import PASSWORD

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


def launch(playwright: Playwright) -> Browser:
    # Tests may run as root in a container, where Chromium's own sandbox can't be set up.
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


def person(browser: Browser, url: str, name: str, **options: Any) -> Page:
    """A page of this person's, logged in. Certificates of the test's own authority are taken."""
    context: BrowserContext = browser.new_context(base_url=url, ignore_https_errors=True, **options)
    page = context.new_page()
    page.goto("/login")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("main button[data-kind=main]")
    page.wait_for_url(f"{url}/")
    return page
