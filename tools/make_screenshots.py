"""Make the pictures of the web page that README and docs show, and the animation of a search.

    .venv/bin/python tools/make_screenshots.py
    .venv/bin/python tools/make_screenshots.py --look build/looks     # each view in all sizes

They are of the photos of bin/demo, which may be published: run that first. Needs what bin/setup
sets up, and Chromium or Chrome.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

ROOT = Path(__file__).parents[1]
INDEX = ROOT / "indexes" / "demo"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE = 500  # CSS pixels: narrower is a phone
ANIMATED = (780, 465)  # pixels of the animation


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
    click_first(page)
    page.locator(".panel h2").hover()
    page.locator(".evidence .said-by").last.hover()


def click_first(page: Page) -> None:
    page.locator(".tile a").first.click()
    page.locator("#large.there").wait_for()
    page.evaluate(  # whoever makes the pictures, they show the same
        """() => {
            const line = document.querySelector(".panel header .small");
            line.textContent = line.textContent.replace(/[/].*[/]/, "/home/ada/photos/");
        }"""
    )


def select_some(page: Page) -> None:
    """Select three pictures."""
    for number in (0, 1, 2):
        page.locator(".tile a").nth(number).focus()
        page.keyboard.press("x")


def sort_by_date(page: Page) -> None:
    """The latest first."""
    page.locator("#sort").select_option("date")


def open_filters(page: Page) -> None:
    """Open the controls of the query."""
    page.locator("#filters summary").click()


def open_albums(page: Page) -> None:
    """Open the albums of the first hit."""
    open_first(page)
    page.keyboard.press("a")


def show_slides(page: Page) -> None:
    """Begin a slide show."""
    open_first(page)
    page.keyboard.press("s")


VIEWS = (
    View("web-results", "animal", 1440, 860),
    View("web-picture", "coffee, spoon", 1440, 860, do=open_first),
    View("web-dark", "bird", 1440, 860, "dark"),
    View("web-empty", "sunset, bird", 1440, 420),
    View("web-phone", "dog, person", 390, 780),
    View("web-phone-picture", "helmet, person", 390, 780, "dark", open_first),
)

LOOKS = (
    View("start", "", 0, 0),
    View("by-date", "", 0, 0, do=sort_by_date),
    View("results", "animal, person", 0, 0),
    View("selection", "animal", 0, 0, do=select_some),
    View("filters", "animal", 0, 0, do=open_filters),
    View("picture", "person", 0, 0, do=open_first),
    View("albums", "person", 0, 0, do=open_albums),
    View("slides", "person", 0, 0, do=show_slides),
    View("nothing", "sunset, bird", 0, 0),
)
"""What is looked at in each of these sizes, light and dark."""
SIZES = ((390, 844), (1440, 900), (3840, 2160))


@contextmanager
def served() -> Iterator[str]:
    """The address of the page over the demo's index, for as long as the block runs."""
    command = [sys.executable, "-m", "lexsearch.cli", "serve", "--index", str(INDEX)]
    process = subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True)
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


def photograph(chromium: Browser, address: str, view: View, folder: Path) -> Path:
    """Write <folder>/<name>.jpg."""
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
    file = folder / f"{view.name}.jpg"
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(file, quality=80, optimize=True, progressive=True)
    page.close()
    return file


def search_shown(page: Page) -> Iterator[int]:
    """A search, step by step; after each, for how many milliseconds it is to be seen."""
    yield 700
    field = page.locator("#query")
    yield from typed(field, "animal")
    page.wait_for_timeout(600)  # what is offered comes
    yield 900
    yield from entered(page)
    click_first(page)
    page.wait_for_timeout(600)
    yield 800
    for said in page.locator(".evidence .said-by").all():
        said.hover()
        page.wait_for_timeout(300)
        yield 1500
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    yield from typed(field, ", -bird")
    yield from entered(page)


def typed(field: Locator, text: str) -> Iterator[int]:
    """Letter by letter, at the end of the field."""
    field.press("End")
    for letter in text:
        field.press("Space" if letter == " " else letter)
        yield 90


def entered(page: Page) -> Iterator[int]:
    page.keyboard.press("Enter")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(800)
    yield 2000


def animate(chromium: Browser, address: str) -> Path:
    """Write docs/search.webp."""
    page = chromium.new_page(
        viewport={"width": 1040, "height": 620}, color_scheme="light", reduced_motion="reduce"
    )
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(800)
    frames, durations = [], []
    for duration in search_shown(page):
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        frames.append(shot.resize(ANIMATED, Image.Resampling.LANCZOS))
        durations.append(duration)
    page.close()
    file = ROOT / "docs" / "search.webp"
    first, *others = frames
    options: dict[str, Any] = {"duration": durations, "loop": 0, "quality": 70, "method": 6}
    # Each frame whole: what only differs would leave shadows of the one before.
    first.save(file, save_all=True, append_images=others, kmin=0, kmax=1, **options)
    return file


def looks() -> Iterator[View]:
    """Each view in each size, light and dark."""
    for view in LOOKS:
        for width, height in SIZES:
            yield view._replace(name=f"{view.name}-{width}-light", width=width, height=height)
            dark = f"{view.name}-{width}-dark"
            yield view._replace(name=dark, width=width, height=height, scheme="dark")


def main() -> None:
    """Make all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--look", type=Path, help="a folder for each view in all sizes, instead")
    folder = parser.parse_args().look
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    if not (INDEX / "index.json").exists():
        sys.exit("There is nothing to show yet: run bin/demo first")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("This needs Chromium or Chrome (on Debian: apt install chromium)")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with served() as address, sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=options)
        for view in looks() if folder else VIEWS:
            print(photograph(chromium, address, view, folder or ROOT / "docs"))
        if not folder:
            print(animate(chromium, address))
        chromium.close()


if __name__ == "__main__":
    main()
