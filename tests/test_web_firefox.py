"""The page in Firefox, over Marionette, Firefox's own protocol: no driver beside it is needed."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Serve
from fakes import COLOURS, FakeCaptioner, picture
from PIL import Image

import lexsearch

marionette = pytest.importorskip("marionette_driver.marionette")
driver = pytest.importorskip("marionette_driver")
axe = pytest.importorskip("axe_playwright_python.base")

FIREFOXES = ("firefox-esr", "firefox")
PATIENCE = 30  # seconds that something may take to come


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    found = next(filter(None, map(shutil.which, FIREFOXES)), None)
    if found is None:
        pytest.skip(f"no Firefox is installed; looked for {', '.join(FIREFOXES)}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    browser = marionette.Marionette(
        host="127.0.0.1",
        port=port,
        bin=found,
        headless=True,
        startup_timeout=120,
        gecko_log=str(tmp_path_factory.mktemp("firefox") / "gecko.log"),
    )
    browser.start_session()
    browser.timeout.implicit = PATIENCE
    yield browser
    browser.delete_session(send_request=False)
    browser.cleanup()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("firefox")
    names = ("red", "green", "blue")
    for left in names:
        for right in names:
            image = Image.new("RGB", (640, 480), COLOURS[left])
            image.paste(COLOURS[right], (320, 0, 640, 480))
            (folder / "photos").mkdir(exist_ok=True)
            image.save(folder / "photos" / f"{left}-{right}.png")
    picture(folder / "photos" / "IMG_20230714.png", "white", (320, 240))
    picture(folder / "photos" / "IMG_20210203.png", "black", (900, 240))
    with lexsearch.open(folder / "index") as index:
        index.add(folder / "photos", captioner=FakeCaptioner())
    with serve(folder / "index") as server:
        yield server.url


def one(page: Any, css: str) -> Any:
    """An element, as soon as it is there."""
    return page.find_element(driver.By.CSS_SELECTOR, css)


def wait(page: Any, css: str, text: str) -> None:
    """Until an element has a text, or a field a value."""
    driver.Wait(page, timeout=PATIENCE).until(
        lambda it: text in (one(it, css).get_property("value") or one(it, css).text)
    )


def press(page: Any, *keys: str) -> None:
    page.get_active_element().send_keys(*keys)


def serious(page: Any) -> list[str]:
    """The rules of axe-core that are broken, serious or critical."""
    source = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    program = f"{source}; const [done] = arguments; axe.run(document).then(done)"
    found = page.execute_async_script(program, script_timeout=1000 * PATIENCE, sandbox=None)
    faults = found["violations"]
    return [one["id"] for one in faults if one["impact"] in ("serious", "critical")]


def test_a_search_is_made_looked_at_and_kept_by_keys(firefox: Any, address: str) -> None:
    firefox.navigate(address)
    one(firefox, "#query").send_keys("red, blue", driver.Keys.ENTER)
    wait(firefox, "#chips", "blue")
    one(firefox, ".tile img.there")
    assert serious(firefox) == []
    press(firefox, driver.Keys.ARROW_DOWN)
    press(firefox, driver.Keys.ENTER)
    wait(firefox, "#panel h2", "png")
    one(firefox, "#large.there")
    one(firefox, ".region")
    assert serious(firefox) == []
    one(firefox, "#favour").click()
    one(firefox, "#favour[aria-pressed=true]")
    press(firefox, driver.Keys.ESCAPE)
    one(firefox, ".heart[aria-pressed=true]")
    press(firefox, "x")
    wait(firefox, "#selected", "1 picture selected")
    press(firefox, driver.Keys.SHIFT, driver.Keys.ARROW_RIGHT)
    wait(firefox, "#selected", "2 pictures selected")


def test_months_and_filters_write_the_query(firefox: Any, address: str) -> None:
    firefox.navigate(f"{address}/?sort=date")
    slider = one(firefox, "#scrubber[aria-valuetext^='July 2023']")
    slider.send_keys(driver.Keys.ARROW_DOWN)
    wait(firefox, "#query", "+date:..2021-02")
    one(firefox, "#filters summary").click()
    one(firefox, "#of-kind option[value='kind:panorama']").click()
    wait(firefox, "#query", "+date:..2021-02, kind:panorama")
    wait(firefox, "#summary", "1 picture")
    assert serious(firefox) == []


def test_nothing_is_wider_than_a_small_window(firefox: Any, address: str) -> None:
    before = firefox.window_rect
    firefox.set_window_rect(width=500, height=800)
    try:
        firefox.navigate(f"{address}/?q=red, blue")
        one(firefox, ".tile img.there")
        width = "return [document.documentElement.scrollWidth, innerWidth]"
        wide, room = firefox.execute_script(width)
        assert wide <= room
    finally:
        firefox.set_window_rect(width=before["width"], height=before["height"])
