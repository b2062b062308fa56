"""A picture of every page of the console, light, dark and narrow: `make screenshots`.

The console is a real one on a throw-away folder, with made-up cases; photographs are harmless.
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import Browser, Page

from .chromium import CHROMIUM, chromium, person
from .filled import filled_office
from .tour import tour

OUT: Final = Path("softfall-out/screenshots")
WIDE: Final = {"width": 1200, "height": 800}
NARROW: Final = {"width": 320, "height": 640}
Scheme = Literal["light", "dark"]
LOOKS: Final[tuple[tuple[str, Scheme, Any], ...]] = (
    ("dark", "dark", WIDE),
    ("narrow", "light", NARROW),
    ("light", "light", WIDE),
)


def main(out: Path = OUT) -> None:
    """Write `NAME-LOOK.png` for every stop of the tour."""
    if CHROMIUM is None:
        sys.exit("Chromium is not installed: there is nothing to take pictures with")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        filled_office(Path(folder)) as made,
    ):
        open_pages: dict[str, Page] = {}
        for stop in tour(made):
            page = open_pages.get(stop.who) or _page(browser, made.office.url, stop.who)
            open_pages[stop.who] = page
            stop.go(page)
            for look, scheme, size in LOOKS:
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                page.set_viewport_size(size)
                page.screenshot(path=out / f"{stop.name}-{look}.png", full_page=True)
            sys.stdout.write(f"{stop.name}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(list(out.iterdir()))} pictures in {out}\n")


def _page(browser: Browser, url: str, who: str) -> Page:
    if who:
        return person(browser, url, who, viewport=WIDE)
    return browser.new_context(base_url=url, ignore_https_errors=True).new_page()


if __name__ == "__main__":
    main()
