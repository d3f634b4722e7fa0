"""Make the pictures of the web page that README and docs show.

    .venv/bin/python tools/make_screenshots.py

They are of the photos of bin/demo, which may be published: run that first. Needs what bin/setup
sets up, and Chromium or Chrome.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
INDEX = ROOT / "indexes" / "demo"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE = 500  # CSS pixels: narrower is a phone


class View(NamedTuple):
    """A picture to make: of which query, in a window of which size, after doing what."""

    name: str
    query: str
    width: int
    height: int
    scheme: Literal["light", "dark"] = "light"
    do: Callable[[Page], None] = lambda page: None


def open_first(page: Page) -> None:
    """Open the first hit, with the pointer on its last evidence."""
    page.locator(".tile a").first.click()
    page.locator("#large.there").wait_for()
    page.evaluate(  # whoever makes the pictures, they show the same
        """() => {
            const line = document.querySelector(".panel header .small");
            line.textContent = line.textContent.replace(/[/].*[/]/, "/home/ada/photos/");
        }"""
    )
    page.locator(".panel h2").hover()
    page.locator(".evidence .said-by").last.hover()


VIEWS = (
    View("web-results", "animal", 1440, 860),
    View("web-picture", "coffee, spoon", 1440, 860, do=open_first),
    View("web-dark", "bird", 1440, 860, "dark"),
    View("web-empty", "sunset, bird", 1440, 420),
    View("web-phone", "dog, person", 390, 780),
    View("web-phone-picture", "helmet, person", 390, 780, "dark", open_first),
)


@contextmanager
def served() -> Iterator[str]:
    """The address of the page over the demo's index, for as long as the block runs."""
    command = [sys.executable, "-m", "lexsearch.cli", "serve", "--index", str(INDEX)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--read-only"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        line = process.stderr.readline()
        address = re.search(r"http://\S+", line)
        if address is None:
            sys.exit(line + process.stderr.read())
        yield address[0]
    finally:
        process.terminate()
        process.wait()


def photograph(chromium: Browser, address: str, view: View) -> Path:
    """Write docs/<name>.jpg."""
    phone = view.width < PHONE
    page = chromium.new_page(
        viewport={"width": view.width, "height": view.height},
        color_scheme=view.scheme,
        has_touch=phone,
        is_mobile=phone,
        device_scale_factor=1.5 if phone else 1,
    )
    page.goto(f"{address}?q={view.query}")
    page.wait_for_load_state("networkidle")
    view.do(page)
    page.wait_for_timeout(800)  # pictures fade in
    file = ROOT / "docs" / f"{view.name}.jpg"
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(file, quality=80, optimize=True, progressive=True)
    page.close()
    return file


def main() -> None:
    """Make all of them."""
    if not (INDEX / "index.json").exists():
        sys.exit("There is nothing to show yet: run bin/demo first")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("This needs Chromium or Chrome (on Debian: apt install chromium)")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with served() as address, sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=options)
        for view in VIEWS:
            print(photograph(chromium, address, view))
        chromium.close()


if __name__ == "__main__":
    main()
