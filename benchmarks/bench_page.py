"""The page in Chromium over many pictures: first tiles, jumps along the months, words offered.

    python benchmarks/bench_page.py                         # 100,000 pictures
    python benchmarks/bench_page.py --pictures 5000 --keep /tmp/page

The pictures are captions with dates of 20 years, each with the path of one of 500 JPEG files. The
server, a process of its own, and the browser share the cores. Every search is a new one, in a
window that has nothing in its cache; small copies of files that were shown before are on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

from bench_web import Client, serving
from common import Words, documents, table
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import lexsearch

_FILES = 500
_DAYS = 20 * 365
_TIMES = 15
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_TILES = 8  # pictures that are drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=40, help="a picture")
    parser.add_argument("--keep", type=Path, help="where the index is made, or used again")
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if chromium is None:
        sys.exit("This needs Chromium or Chrome (on Debian: apt install chromium)")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as play:
        place = options.keep or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        index = build(place, options.pictures, options.words)
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = play.chromium.launch(executable_path=chromium, args=root)
        with serving(index, place) as port:
            rows = [
                ("first tiles of a search, from the address", *first_tiles(browser, port)),
                ("first tiles of all, by date", *all_by_date(browser, port)),
                ("jump along the months", *jumps(browser, port)),
                ("words offered, server time", *offered(port)),
            ]
        browser.close()
    print(f"{options.pictures:,} pictures of {options.words} words\n")
    table(("what", "median", "95 of 100 within"), rows)


def build(place: Path, count: int, words: int) -> Path:
    """An index of captions and dates, with paths of real files."""
    index = place / f"page-{count}-{words}"
    if not index.exists():
        shutil.rmtree(part := place / "part", ignore_errors=True)
        files = [_file(place / "files" / f"{number}.jpg", number) for number in range(_FILES)]
        with lexsearch.open(part) as made:
            made.import_captions(_lines(files, count, words))
        part.rename(index)  # whole, or not there
    return index


def _file(file: Path, seed: int) -> Path:
    file.parent.mkdir(exist_ok=True)
    colours = random.Random(seed)
    small = Image.new("RGB", (8, 6))
    small.putdata([tuple(colours.randbytes(3)) for _ in range(48)])
    small.resize((1600, 1200), Image.Resampling.BICUBIC).save(file, quality=85)
    return file


def _lines(files: list[Path], count: int, words: int) -> Iterator[str]:
    days = random.Random(5)
    for number, (doc_id, text) in enumerate(documents(count, words)):
        path = str(files[number % _FILES])
        day = date(2004, 1, 1) + timedelta(days.randrange(_DAYS))
        yield json.dumps({"doc_id": doc_id, "text": text, "path": path})
        taken = {"field": "date", "crop": "file", "caption_id": "0", "text": day.isoformat()}
        yield json.dumps({"doc_id": doc_id, **taken})


def first_tiles(browser: Browser, port: int) -> tuple[str, str]:
    """From the address to eight pictures that are drawn."""
    words = [word for word in Words(seed=8).vocabulary[100:400] if len(word) > 3]
    return _times(lambda number: _opened(browser, f"{_at(port)}?q={words[number]}"))


def all_by_date(browser: Browser, port: int) -> tuple[str, str]:
    """All pictures in order of date; the order is worked out once, and remembered."""
    return _times(lambda number: _opened(browser, f"{_at(port)}?q=kind:jpeg&sort=date"))


def _opened(browser: Browser, address: str) -> float:
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        start = time.perf_counter()
        page.goto(address, wait_until="commit")
        _drawn(page)
        return time.perf_counter() - start


def _drawn(page: Page) -> None:
    page.locator(".tile img.there").nth(_TILES - 1).wait_for(state="attached")


def jumps(browser: Browser, port: int) -> tuple[str, str]:
    """From a press on the line of months to other pictures, drawn."""
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        page.goto(f"{_at(port)}?q=kind:jpeg&sort=date")
        _drawn(page)
        return _times(lambda number: _jump(page, 0.05 + 0.9 * number / (_TIMES + 1)))


def _jump(page: Page, share: float) -> float:
    box = page.locator("#scrubber").bounding_box()
    assert box
    page.mouse.move(box["x"] + 20, box["y"] + share * box["height"])
    page.mouse.down()
    page.evaluate("document.querySelector('.tile').classList.add('left')")
    start = time.perf_counter()
    page.mouse.up()
    page.locator(".tile.left").wait_for(state="detached")
    _drawn(page)
    return time.perf_counter() - start


def offered(port: int) -> tuple[str, str]:
    """What one letter after another brings, once the words are learned."""
    client, words = Client(port), Words(seed=9)
    while not json.loads(client.get("/api/completions", q="a"))["completions"]:
        time.sleep(0.5)
    typed = [word[: 1 + number % 4] for number, word in enumerate(words.query(200).split())]
    return _times(lambda number: _answer(client, typed[number]), len(typed))


def _answer(client: Client, typed: str) -> float:
    start = time.perf_counter()
    client.get("/api/completions", q=typed)
    return time.perf_counter() - start


def _at(port: int) -> str:
    return f"http://127.0.0.1:{port}/"


def _times(measure: Callable[[int], float], times: int = _TIMES) -> tuple[str, str]:
    """The first one warms up, and is not counted."""
    found = [1000 * measure(number) for number in range(times + 1 if times == _TIMES else times)][
        1:
    ]
    return f"{statistics.median(found):.0f} ms", f"{statistics.quantiles(found, n=20)[-1]:.0f} ms"


if __name__ == "__main__":
    main()
