"""The report in a real browser: nothing asked of anyone, nothing wider than the screen."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from softfall.compare.report import render

from .results_at_will import comparison, option_run

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"phone": (360, 740), "small phone": (320, 640), "desk": (1280, 900)}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(comparison(option_run("in_transit"), option_run("split"))), "utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()


@pytest.fixture(params=SIZES)
def opened(
    request: pytest.FixtureRequest, browser: Browser, report: Path
) -> Iterator[tuple[Page, list[str], list[str]]]:
    width, height = SIZES[request.param]
    page = browser.new_page(viewport={"width": width, "height": height})
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(report.as_uri())
    page.wait_for_load_state("networkidle")
    yield page, asked, complaints
    page.close()


def test_the_page_asks_nothing_and_complains_of_nothing(
    opened: tuple[Page, list[str], list[str]], report: Path
):
    _, asked, complaints = opened
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert complaints == []


def test_nothing_is_wider_than_the_screen_even_unfolded(
    opened: tuple[Page, list[str], list[str]],
):
    page, _, _ = opened
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0


def test_the_table_and_the_plots_are_there(opened: tuple[Page, list[str], list[str]]):
    page, _, _ = opened
    assert page.locator("table.compare tbody tr").count() > 40
    assert page.get_by_role("heading", level=1).count() == 1
    for at in range(3):
        box = page.locator("figure svg").nth(at).bounding_box()
        assert box is not None
        assert box["width"] > 200
        assert box["height"] > 80


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_page_in_light_and_dark(
    browser: Browser, report: Path, scheme: str
):
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(report.as_uri())
    for selector in ("h1", "p.soft", ".tiles li strong", "table.compare td > b", "figcaption p"):
        assert page.evaluate(CONTRAST, selector) >= 4.5, selector
    page.close()


# The contrast of WCAG 2.2, section 1.4.3, of an element's ink and the nearest painted background.
CONTRAST = """selector => {
  const parts = text => text.match(/[0-9.]+/g).map(Number);
  const light = text => {
    const [r, g, b] = parts(text).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const element = document.querySelector(selector);
  let behind = element;
  while (parts(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const a = light(getComputedStyle(element).color);
  const b = light(getComputedStyle(behind).backgroundColor);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""
