"""Every page as a browser draws it: for everybody, on narrow screens, from here alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from .chromium import chromium, needs_chromium, person
from .filled import Filled, filled_office
from .tour import tour

# Every page, twice, is one walk: minutes on a busy machine.
pytestmark = [pytest.mark.browser, needs_chromium, pytest.mark.timeout(1500)]

SCHEMES: tuple[Any, ...] = ("dark", "light")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with filled_office(tmp_path_factory.mktemp("filled")) as one:
        yield one


class Watched:
    """What pages said in the browser's log, and whom they asked."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.said.append(message.text)

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)


def test_every_page_is_for_everybody_narrow_and_quiet(made: Filled) -> None:
    url, watched = made.office.url, Watched()
    problems: list[str] = []
    with chromium() as browser:
        pages: dict[str, Page] = {}
        for stop in tour(made):
            if stop.who not in pages:
                pages[stop.who] = _page(browser, url, stop.who)
                watched.watch(pages[stop.who])
            page = pages[stop.who]
            stop.go(page)
            problems += [f"{stop.name}: {problem}" for problem in _problems(page)]
    assert problems == []
    assert watched.said == []
    assert [each for each in watched.asked if not each.startswith((url, f"blob:{url}"))] == []


def _problems(page: Page) -> Iterator[str]:
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, options=RULES)
        for each in found.response["violations"]:
            where = ", ".join(str(node["target"]) for node in each["nodes"][:3])
            yield f"{scheme}: {each['id']}: {each['help']}: {where}"
    page.set_viewport_size({"width": 320, "height": 640})
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > 320:
        yield f"scrolls sideways: {wide} pixels"
    page.set_viewport_size({"width": 1200, "height": 800})


def _page(browser: Browser, url: str, who: str) -> Page:
    options = {"viewport": {"width": 1200, "height": 800}, "reduced_motion": "reduce"}
    if who:
        return person(browser, url, who, **options)
    return browser.new_context(base_url=url, ignore_https_errors=True, **options).new_page()
