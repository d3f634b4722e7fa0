"""The page in a real browser: Debian's chromium, or another that is installed.

Every test also fails on an error in the browser's console and on a request to another host.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import Serve, Server, open_in_memory
from fakes import COLOURS, FakeCaptioner, numbered_pictures, picture
from PIL import Image

import lexsearch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Request

axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")
playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
expect.set_options(timeout=60_000)  # a busy machine makes no test fail

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HTML = "<img src=x onerror=alert(1)>"
MANY = 10_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed; looked for {', '.join(BROWSERS)}")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two-coloured pictures, and ten thousand captions without pictures."""
    folder = tmp_path_factory.mktemp("page")
    photos = folder / "photos"
    photos.mkdir()
    names = ["red", "green", "blue", "yellow"]
    for left in names:
        for right in names:
            image = Image.new("RGB", (640, 480), COLOURS[left])
            image.paste(COLOURS[right], (320, 0, 640, 480))
            image.save(photos / f"{left}-{right}.png")
    picture(photos / f"{HTML}.png", "purple", (300, 500))
    picture(photos / "wide.png", "black", (3000, 300))
    picture(photos / "trip" / "IMG_20230714_101112.png", "white", (320, 240))
    (photos / "note.jpg").write_text("not a picture")
    with lexsearch.open(folder / "index") as index:
        index.add(photos, captioner=FakeCaptioner(says=HTML))
        rows = [{"doc_id": f"many-{n}", "text": "one of many"} for n in range(MANY)]
        index.import_captions(map(json.dumps, rows))
    return folder


@pytest.fixture(scope="module")
def server(folder: Path, serve: Serve) -> Iterator[Server]:
    with serve(folder / "index") as server:
        yield server


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator:
    with opening(browser, server) as open_it:
        yield open_it


@contextmanager
def opening(browser: Browser, server: Server) -> Iterator:
    """Open the page at an address; at the end nothing may have gone wrong in it."""
    faults: list[str] = []
    contexts = []

    def check(request: Request) -> None:
        if not request.url.startswith(server.url):
            faults.append(f"request to {request.url}")

    def open_it(address: str = "", **options: Any) -> Page:
        context = browser.new_context(reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("request", check)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda said: faults.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("dialog", lambda dialog: faults.append(f"a script ran: {dialog.message}"))
        page.goto(f"{server.url}/{address}")
        expect(page.locator("#summary")).not_to_be_empty()
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert faults == []


def search(page: Page, words: str) -> None:
    page.locator("#query").fill(words)
    page.locator("#query").press("Enter")
    expect(page.locator("#busy")).not_to_have_class(re.compile("on"))


def first(page: Page) -> Locator:
    return page.locator(".tile").first


def test_a_search_fills_the_grid_and_the_address(open_page) -> None:
    page = open_page()
    expect(page.locator("#summary")).to_contain_text("Newest pictures")
    search(page, "red, blue")
    expect(first(page).locator(".words")).to_contain_text("red")
    expect(first(page).locator("img")).to_have_class("there")
    expect(page.locator("#chips .chip")).to_have_text([re.compile("red"), re.compile("blue")])
    assert "q=red" in page.url
    page.reload()
    expect(page.locator("#query")).to_have_value("red, blue")
    expect(first(page).locator(".words")).to_contain_text("red")


def test_hovering_a_word_lights_up_its_region_and_the_other_way_round(open_page) -> None:
    page = open_page("?q=red, blue")
    first(page).locator("a").click()
    expect(page.locator("#viewer")).to_be_visible()
    expect(page.locator("#large")).to_have_class("there")
    region = page.locator(".region").first
    page.locator("#panel h2").hover()  # away from all regions
    expect(page.locator("#spot")).to_be_hidden()
    page.locator(".evidence .said-by").first.hover()
    expect(page.locator("#spot")).to_be_visible()
    lit, drawn = page.locator("#spot").bounding_box(), region.bounding_box()
    assert lit
    assert drawn
    region.hover(position={"x": 5, "y": 60})
    expect(page.locator("#told")).to_contain_text(re.compile("red|blue"))
    expect(page.locator(".caption.lit")).to_have_count(1)
    page.locator(".caption", has_text="left half").first.hover()
    box, frame = page.locator("#spot").bounding_box(), page.locator("#frame").bounding_box()
    assert abs(box["width"] - frame["width"] / 2) < 3
    assert abs(box["x"] - frame["x"]) < 3


def scale(page: Page) -> float:
    return float(
        page.locator("#frame").evaluate("it => new DOMMatrix(getComputedStyle(it).transform).a")
    )


def test_a_picture_is_zoomed_and_moved_by_mouse_keys_and_buttons(open_page) -> None:
    page = open_page("?q=red, blue")
    first(page).locator("a").click()
    expect(page.locator("#large")).to_have_class("there")
    stage, opened = page.locator("#stage"), page.url
    fitted = page.locator("#frame").bounding_box()
    stage.hover()
    page.mouse.wheel(0, -600)
    assert scale(page) > 2
    before = page.locator("#frame").bounding_box()
    page.mouse.down()
    page.mouse.move(before["x"] + 100, 300, steps=4)
    page.mouse.up()
    assert page.locator("#frame").bounding_box() != before
    expect(page.locator("#viewer")).to_be_visible()  # a drag is no click
    page.keyboard.press("0")
    assert page.locator("#frame").bounding_box() == fitted
    page.keyboard.press("+")
    zoomed = page.locator("#frame").bounding_box()
    assert zoomed["width"] > 1.4 * fitted["width"]
    page.keyboard.press("ArrowRight")
    assert page.locator("#frame").bounding_box()["x"] < zoomed["x"]
    assert page.url == opened
    page.get_by_role("button", name="Fit").click()
    stage.dblclick()
    assert scale(page) >= 2.5
    stage.dblclick()
    assert page.locator("#frame").bounding_box() == fitted
    page.get_by_role("button", name="Zoom in").press("Enter")
    assert scale(page) == 1.5
    page.keyboard.press("0")
    page.keyboard.press("ArrowRight")
    expect(page).not_to_have_url(opened)
    assert serious(page) == []


def test_a_panorama_begins_large_enough_to_be_seen(open_page) -> None:
    page = open_page("?q=black, -many")
    first(page).locator("a").click()
    expect(page.locator("#large")).to_have_class("there")
    frame, stage = (page.locator(name).bounding_box() for name in ("#frame", "#stage"))
    assert frame["height"] > 0.5 * stage["height"]
    assert abs(frame["x"] - stage["x"]) < 2  # its left end
    page.keyboard.press("ArrowRight")
    assert page.locator("#frame").bounding_box()["x"] < frame["x"]


def test_a_swipe_goes_on_and_a_pinch_zooms(open_page) -> None:
    size = {"width": 390, "height": 800}
    page = open_page("?q=red, blue", viewport=size, has_touch=True, is_mobile=True)
    first(page).locator("a").click()
    expect(page.locator("#large")).to_have_class("there")
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *places: tuple[int, int]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    opened = page.url
    fingers("touchStart", (300, 200))
    for x in (250, 200, 150):
        fingers("touchMove", (x, 205))
    fingers("touchEnd")
    expect(page).not_to_have_url(opened)
    expect(page.locator("#large")).to_have_class("there")
    fingers("touchStart", (180, 200), (210, 200))
    for far in (20, 50, 90):
        fingers("touchMove", (180 - far, 200), (210 + far, 200))
    fingers("touchEnd")
    assert scale(page) > 2


def test_the_file_itself_is_downloaded_on_this_machine(open_page, folder: Path) -> None:
    page = open_page("?q=red")
    first(page).locator("a").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download").click()
    name = saved.value.suggested_filename
    assert Path(saved.value.path()).read_bytes() == (folder / "photos" / name).read_bytes()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy path").click()
    expect(page.locator("#toast")).to_contain_text(f"photos/{name}")
    assert page.evaluate("navigator.clipboard.readText()") == str(folder / "photos" / name)


def test_a_corrected_caption_sticks_and_is_found(open_page) -> None:
    page = open_page("?q=green")
    first(page).locator("a").click()
    page.locator(".pencil").first.click()
    page.locator(".editor textarea").fill(f"a meadow {HTML}")
    page.locator(".editor button.main").click()
    expect(page.locator(".caption").first).to_contain_text(f"a meadow {HTML}")
    expect(page.locator(".caption .mark")).to_have_text("corrected")
    page.reload()
    expect(page.locator(".caption").first).to_contain_text("a meadow")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    search(page, "meadow")
    expect(page.locator(".tile")).to_have_count(1)
    first(page).locator("a").click()
    page.locator(".pencil").first.click()
    page.get_by_text("Take the correction back").click()
    expect(page.locator(".caption .mark")).to_have_count(0)


def test_a_wrong_word_is_denied_with_one_button_and_taken_back(open_page) -> None:
    page = open_page("?q=onerror, yellow")
    name = page.locator(".tile a").first
    name.click()
    evidence = page.locator(".evidence li", has_text="onerror")
    evidence.get_by_role("button", name="Wrong").first.click()
    expect(page.locator(".evidence")).to_contain_text("onerror not seen")
    undo = page.get_by_role("button", name="Undo: say onerror again")
    expect(undo).to_be_focused()
    expect(page.locator("#toast")).to_contain_text("never onerror")
    page.reload()
    expect(page.locator(".denied")).to_contain_text("onerror")
    undo.press("Enter")
    expect(page.locator(".denied")).to_have_count(0)
    expect(page.locator(".evidence")).not_to_contain_text("not seen")
    page.locator("#panel").press("w")
    expect(page.locator(".denied")).to_have_count(1)
    page.locator(".denied button").click()
    expect(page.locator(".denied")).to_have_count(0)


def test_favourites_and_albums_are_kept_found_and_taken_back(open_page) -> None:
    page = open_page("?q=red, blue")
    tile = first(page)
    heart = tile.get_by_role("button", name="Favourite")
    tile.hover()
    heart.click()
    expect(heart).to_have_attribute("aria-pressed", "true")
    tile.locator("a").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("f")
    expect(page.locator(".heart[aria-pressed=true]")).to_have_count(2)
    expect(page.locator(".tile").nth(1).locator("a")).to_be_focused()
    assert serious(page) == []
    page.keyboard.press("Enter")
    page.locator("#favour").click()
    expect(page.locator("#favour")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#favour")).to_be_focused()
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog", name="Albums of this picture")
    dialog.get_by_label("Name of a new album").fill(f'"{HTML}" \u202ebidi')
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("#toast")).to_contain_text("1 picture kept in")
    expect(page.locator(".albums .chip")).to_have_text(f'"{HTML}" \u202ebidi')
    page.keyboard.press("a")
    assert serious(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_visible()
    page.locator(".albums .chip").click()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#summary")).to_contain_text("1 picture ")
    search(page, "")
    kept = page.locator("#kept")
    expect(kept.get_by_role("button")).to_have_text([re.compile("Favourites"), re.compile("bidi")])
    kept.get_by_role("button", name="Favourites, 1 picture").click()
    expect(page.locator("#query")).to_have_value("is:favourite")
    expect(page.locator(".tile")).to_have_count(1)
    first(page).locator("a").focus()
    page.keyboard.press("f")
    expect(page.locator(".heart[aria-pressed=true]")).to_have_count(0)
    search(page, "album:" + "x" * 1900)
    expect(page.locator("#summary")).to_contain_text("No picture")


def test_pictures_are_sorted_and_filtered_by_controls_that_write_the_query(open_page) -> None:
    page = open_page("?q=whole, -many")
    field, total = page.locator("#query"), page.locator("#summary")
    page.get_by_label("Order").select_option("name")
    expect(page).to_have_url(re.compile("sort=name"))
    expect(first(page).locator("a")).to_have_attribute("aria-label", re.compile(r"^1\. <img"))
    page.get_by_label("Order").select_option("date")
    expect(first(page).locator("a")).to_have_attribute("aria-label", re.compile("IMG_20230714"))
    page.locator("#filters summary").press("Enter")
    assert serious(page) == []
    group = page.get_by_role("group", name="Only pictures that are")
    group.get_by_label("of the kind").select_option(label="panorama (1)")
    expect(field).to_have_value("whole, -many, kind:panorama")
    expect(total).to_contain_text("1 picture ")
    expect(page.locator("#filters summary")).to_have_text("Filter · 1")
    expect(page.locator("#chips")).to_contain_text("kind:panorama")
    group.get_by_label("of the kind").select_option("")
    expect(field).to_have_value("whole, -many")
    group.get_by_label("in the folder").select_option(label="photos/trip (1)")
    expect(total).to_contain_text("1 picture ")
    group.get_by_label("in the folder").select_option("")  # at once, before it is answered
    group.get_by_label("from").fill("2023-07-01")
    expect(field).to_have_value("whole, -many, +date:2023-07-01..")
    group.get_by_label("to", exact=True).fill("2023-07-31")
    expect(field).to_have_value("whole, -many, +date:2023-07-01..2023-07-31")
    expect(total).to_contain_text("1 picture ")
    page.keyboard.press("Escape")
    expect(group).to_be_hidden()
    page.locator("#chips .chip", has_text="date").get_by_role("button").click()
    expect(page.locator("#filters summary")).to_have_text("Filter")
    expect(page).to_have_url(re.compile("sort=date"))
    search(page, "")
    expect(total).to_have_text("19 pictures by date")


def test_months_are_slid_along_and_this_day_is_offered(
    browser: Browser, tmp_path: Path, serve: Serve
) -> None:
    today = time.localtime()
    days = [f"20{10 + n}-{1 + n % 12:02}-05" for n in range(15)]
    days.append(f"2008-{today.tm_mon:02}-{today.tm_mday:02}")
    for day in days:
        picture(tmp_path / "photos" / f"{day}.png", "red", (40 + len(day), 30 + days.index(day)))
    with lexsearch.open(tmp_path / "index") as index:
        index.add(tmp_path / "photos", captioner=FakeCaptioner(), crops="none")
    with serve(tmp_path / "index") as server:
        page = browser.new_page(reduced_motion="reduce")
        page.goto(server.url)
        page.get_by_role("button", name="On this day").click()
        expect(page.locator("#summary")).to_contain_text("picture")
        expect(page.locator(".tile a[aria-label*='2008-']")).to_be_visible()
        page.goto(f"{server.url}/?sort=date")
        slider = page.get_by_role("slider", name="Month")
        expect(slider).to_have_attribute("aria-valuetext", "March 2024, 1 picture")
        assert serious(page) == []
        slider.press("ArrowDown")
        slider.press("ArrowDown")
        expect(page.locator("#query")).to_have_value("+date:..2022-01")
        expect(first(page).locator("a")).to_have_attribute("aria-label", re.compile("2022-01-05"))
        expect(slider).to_be_focused()
        box = slider.bounding_box()
        assert box
        page.mouse.move(box["x"] + 20, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(box["x"] + 20, box["y"] + box["height"] - 2, steps=4)
        expect(page.locator("#scrubber-bubble")).to_contain_text("2008, 1 picture")
        page.mouse.up()
        expect(page.locator("#query")).to_have_value(re.compile(r"\+date:\.\.2008"))
        expect(page.locator(".tile")).to_have_count(1)
        slider.press("Home")
        expect(page.locator("#query")).to_have_value("")
        page.close()


def test_a_slide_show_goes_on_pauses_and_ends(open_page) -> None:
    page = open_page("?q=red, blue")
    page.clock.install()
    first(page).locator("a").click()
    expect(page.locator("#large")).to_have_class("there")
    opened = page.url
    page.get_by_role("button", name="Slide show").click()
    expect(page.locator("#panel")).to_be_hidden()
    assert serious(page) == []
    page.clock.run_for(4500)
    expect(page).not_to_have_url(opened)
    expect(page.locator("#large")).to_have_class("there")
    page.get_by_role("button", name="Pause").click()
    paused = page.url
    page.clock.run_for(20_000)
    assert page.url == paused
    page.get_by_role("button", name="Go on").click()
    page.clock.run_for(4500)
    expect(page).not_to_have_url(paused)
    page.keyboard.press("s")
    expect(page.locator("#panel")).to_be_visible()
    expect(page.locator("#viewer")).to_be_visible()


def chosen(page: Page) -> int:
    return page.locator(".pick[aria-checked=true]").count()


def test_pictures_are_selected_by_click_shift_keys_and_drag(open_page) -> None:
    page = open_page("?q=red, blue")
    tiles, told = page.locator(".tile"), page.locator("#selected")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("toolbar", name="Selected pictures")).to_be_hidden()
    tiles.nth(1).hover()
    tiles.nth(1).get_by_role("checkbox").click()
    expect(told).to_have_text("1 picture selected")
    assert serious(page) == []
    tiles.nth(3).locator(".thumb").click(modifiers=["Shift"])
    expect(told).to_have_text("3 pictures selected")
    tiles.nth(2).locator(".thumb").click()  # while some are, a click selects
    expect(told).to_have_text("2 pictures selected")
    page.keyboard.press("Escape")
    expect(told).to_be_hidden()
    tiles.nth(0).locator("a").focus()
    page.keyboard.press("Shift+ArrowRight")
    expect(told).to_have_text("2 pictures selected")
    expect(tiles.nth(0).get_by_role("checkbox")).to_be_checked()
    expect(tiles.nth(1).get_by_role("checkbox")).to_be_checked()
    page.keyboard.press("x")
    expect(told).to_have_text("1 picture selected")
    page.keyboard.press("Control+a")
    assert chosen(page) == tiles.count()
    page.keyboard.press("Enter")  # opens all the same
    expect(page.locator("#viewer")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear").click()
    box, end = tiles.nth(0).bounding_box(), tiles.nth(1).bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(end["x"] + 30, end["y"] + 90, steps=5)
    expect(page.locator(".band")).to_be_visible()
    page.mouse.up()
    expect(told).to_have_text("2 pictures selected")
    expect(page.locator("#viewer")).to_be_hidden()  # a drag is no click
    search(page, "green")
    expect(told).to_be_hidden()


def test_a_finger_that_rests_selects_on_a_phone(open_page) -> None:
    size = {"width": 390, "height": 800}
    page = open_page("?q=red, blue", viewport=size, has_touch=True, is_mobile=True)
    thumb = first(page).locator(".thumb").first
    thumb.dispatch_event("pointerdown", {"pointerType": "touch"})
    expect(page.locator("#selected")).to_have_text("1 picture selected")
    thumb.dispatch_event("pointerup", {"pointerType": "touch"})
    page.locator(".tile").nth(1).locator("a").tap()
    expect(page.locator("#selected")).to_have_text("2 pictures selected")
    bar = page.locator("#selection").bounding_box()
    assert bar["x"] >= 0
    assert bar["x"] + bar["width"] <= size["width"]


def test_a_selection_is_exported_copied_and_kept(open_page, folder: Path) -> None:
    page = open_page("?q=red, blue")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    picks = page.locator(".tile .pick")
    for number in (0, 1):
        page.locator(".tile").nth(number).hover()
        picks.nth(number).click()
    bar = page.locator("#selection")
    bar.get_by_role("button", name="Copy paths").click()
    expect(page.locator("#toast")).to_contain_text("2 paths copied")
    paths = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert [Path(path).parent for path in paths] == [folder / "photos"] * 2
    with page.expect_download() as saved:
        bar.get_by_role("button", name="ZIP").click()
    with zipfile.ZipFile(saved.value.path()) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    assert packed == {Path(path).name: Path(path).read_bytes() for path in paths}
    with page.expect_download() as saved:
        bar.get_by_role("button", name="JSON").click()
    known = json.loads(Path(saved.value.path()).read_text())
    assert [one["paths"][0] for one in known] == paths
    assert all({"red", "blue"} <= set(one["words"]) for one in known)
    with page.expect_download() as saved:
        bar.get_by_role("button", name="Contact sheet").click()
    with Image.open(saved.value.path()) as sheet:
        assert sheet.format == "JPEG"
        assert min(sheet.size) > 150
    bar.get_by_role("button", name="Favourite").click()
    expect(page.locator(".heart[aria-pressed=true]")).to_have_count(2)
    bar.get_by_role("button", name="Favourite").click()
    expect(page.locator(".heart[aria-pressed=true]")).to_have_count(0)
    bar.get_by_role("button", name="Album").click()
    page.get_by_label("Name of a new album").fill("pairs")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("2 pictures kept in pairs")
    search(page, "album:pairs")
    expect(page.locator(".tile")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+a")
    bar.get_by_role("button", name="Take out of album").click()
    expect(page.locator("#summary")).to_contain_text("No picture")


def test_why_it_was_found_follows_a_correction(open_page) -> None:
    page = open_page("?q=green, -red, -blue, -yellow")
    first(page).locator("a").click()
    page.locator(".pencil").first.click()
    page.locator(".editor textarea").fill("")
    before = page.locator(".evidence .share").first.text_content()
    page.locator(".editor button.main").click()
    expect(page.locator(".caption").first).to_contain_text("nothing")
    expect(page.locator("#toast")).to_contain_text("Nothing is said of this part")
    assert before
    page.locator(".caption p").first.dblclick()
    page.locator(".editor textarea").fill("a meadow in green")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".caption").first).to_contain_text("a meadow in green")
    page.locator(".evidence .said-by").first.hover()  # what it says now is a reason
    expect(page.locator("#told")).to_contain_text("a meadow in green")
    page.locator(".pencil").first.click()
    page.get_by_text("Take the correction back").click()
    expect(page.locator(".caption .mark")).to_have_count(0)


def test_rounds_are_refined_and_undone(open_page) -> None:
    page = open_page("?q=red")
    page.locator(".suggestion").first.click()
    chips = page.locator("#chips .chip")
    expect(chips).to_have_count(2)
    added = page.locator("#query").input_value()
    page.locator("#chips .chip button").first.click()
    expect(chips).to_have_count(1)
    page.locator(".undo").click()
    expect(page.locator("#query")).to_have_value(added)
    page.keyboard.press("u")
    expect(page.locator("#query")).to_have_value("red")
    page.go_back()
    expect(page.locator("#query")).to_have_value(added)


def test_words_fields_and_earlier_searches_are_offered(open_page) -> None:
    page = open_page()
    field, offered = page.locator("#query"), page.get_by_role("listbox", name="How it may go on")
    field.focus()
    expect(offered).to_be_hidden()  # there are no earlier searches
    words = "async () => (await (await fetch('api/completions?q=m')).json()).completions.length"
    while not page.evaluate(words):
        page.wait_for_timeout(100)
    page.keyboard.type("red, yel")
    expect(offered.get_by_role("option")).to_have_text([re.compile("yellow.*pictures")])
    expect(page.locator("#offers")).to_have_text("1 suggestion, down to choose")
    assert serious(page) == []
    page.keyboard.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", "offer-0")
    assert serious(page) == []
    page.keyboard.press("Enter")
    expect(field).to_have_value("red, yellow")
    expect(offered).to_be_hidden()
    expect(page.locator("#chips .chip")).to_have_count(2)
    field.fill("dat")
    offered.get_by_role("option", name="date:").click()
    expect(field).to_have_value("date:")
    expect(field).to_be_focused()
    field.fill("")
    expect(offered.get_by_role("option").first).to_contain_text("red, yellow")
    page.keyboard.press("Escape")
    expect(offered).to_be_hidden()
    expect(field).to_be_focused()
    field.fill("re")
    expect(offered).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")  # what was typed, nothing else
    expect(page).to_have_url(re.compile("&q=re$"))
    field.fill("")
    offered.get_by_role("option", name="Forget earlier searches").click()
    field.fill("red, ye")
    expect(offered.get_by_role("option")).to_have_count(1)


def test_months_and_folders_are_browsed_without_a_query(open_page) -> None:
    page = open_page()
    folders = page.locator("#folders")
    expect(folders.get_by_role("button", name="photos/trip, 1 picture")).to_be_visible()
    month = page.get_by_role("button", name="July 2023, 1 picture")
    expect(month).to_be_visible()
    assert serious(page) == []
    month.press("Enter")
    expect(page.locator("#query")).to_have_value("date:2023-07")
    expect(page.locator("#summary")).to_contain_text("1 picture ")
    expect(page.locator("#browse")).to_be_hidden()
    page.go_back()
    folders.get_by_role("button", name="photos/trip, 1 picture").click()
    expect(page.locator("#query")).to_have_value('+name:"photos/trip"')
    expect(page.locator("#summary")).to_contain_text("1 picture ")
    expect(first(page)).to_contain_text("trip")


def test_a_word_that_is_added_narrows_and_all_of_it_can_be_wanted(open_page) -> None:
    page = open_page("?q=red")
    page.locator(".suggestion", has_text=re.compile("^blue")).click()
    expect(page.locator("#query")).to_have_value("red, +blue")
    expect(page.locator("#summary")).to_contain_text("2 pictures")  # red ones that have blue
    expect(page.locator(".line")).to_have_text("Without what was added")
    assert page.locator(".tile").count() > 2
    page.reload()
    expect(page.locator(".line")).to_be_visible()
    switch = page.get_by_role("switch", name="all of it")
    expect(switch).not_to_be_checked()
    switch.press("Space")
    expect(page.locator("#query")).to_have_value("+red, +blue")
    expect(page.locator("#summary")).to_contain_text("2 pictures")
    expect(switch).to_be_checked()
    expect(switch).to_be_focused()
    expect(page.locator(".line")).to_have_count(0)
    switch.press("Space")
    expect(page.locator("#query")).to_have_value("red, blue")
    page.go_back()
    expect(switch).to_be_checked()


def test_more_and_not_like_this(open_page) -> None:
    page = open_page("?q=red")
    first(page).locator("a").click()
    page.get_by_text("More like this").click()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#chips .chip")).to_have_count(2)
    expect(page.locator("#query")).to_have_value(re.compile(r'^red, like:"[a-z]+-[a-z]+\.png"$'))
    first(page).locator("a").focus()
    page.keyboard.press("n")
    expect(page.locator("#chips")).to_contain_text("not like")


def test_nothing_found_is_said_with_what_is_near(open_page) -> None:
    page = open_page("?q=yelow")
    expect(page.locator("#empty")).to_contain_text("yelow")
    page.locator("#empty .suggestion").first.click()
    expect(page.locator("#query")).to_have_value("yellow")
    expect(first(page).locator(".words")).to_contain_text("yellow")


def test_what_has_near_words_is_shown_when_that_is_asked_for(open_page) -> None:
    page = open_page("?q=pink")
    expect(page.locator(".tile")).to_have_count(0)
    page.get_by_text("Show pictures that have near words").click()
    expect(page.locator(".line")).to_have_text("None of it, but words near to it")
    expect(first(page).locator("s")).to_have_text("pink")
    expect(page.get_by_text("Show pictures that have near words")).to_have_count(0)
    page.go_back()
    expect(page.locator(".tile")).to_have_count(0)


def test_everything_can_be_done_with_the_keyboard(open_page) -> None:
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("blue")
    page.keyboard.press("Enter")
    expect(first(page).locator(".words")).to_contain_text("blue")
    page.keyboard.press("ArrowDown")
    expect(first(page).locator("a")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tile").nth(1).locator("a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#viewer")).to_be_visible()
    expect(page.locator("#panel h2")).not_to_be_empty()
    opened = page.url
    page.keyboard.press("ArrowRight")
    expect(page).not_to_have_url(opened)
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(opened)
    expect(page.locator(".caption").first).to_be_visible()
    page.keyboard.press("e")
    expect(page.locator(".editor textarea")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".editor")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(".tile").nth(1).locator("a")).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_ten_thousand_hits_are_scrolled_with_a_small_document(open_page) -> None:
    page = open_page("?q=many")
    expect(page.locator("#summary")).to_contain_text("10,000 pictures")
    most = 0
    started = time.monotonic()
    while not page.locator("#end").is_visible():
        assert time.monotonic() - started < 60
        page.evaluate("scrollTo({ top: document.body.scrollHeight })")
        page.wait_for_timeout(30)
        most = max(most, page.locator(".tile").count())
    assert most < 200
    page.keyboard.press("Escape")
    page.evaluate("scrollTo({ top: document.body.scrollHeight })")
    expect(page.locator(f".tile[aria-posinset='{MANY}']")).to_be_visible()


def test_it_fits_a_phone_and_a_wall(open_page) -> None:
    for size in ({"width": 360, "height": 740}, {"width": 3840, "height": 2160}):
        page = open_page("?q=red, blue", viewport=size)
        expect(first(page)).to_be_visible()
        wide = "document.documentElement.scrollWidth"
        assert page.evaluate(wide) <= size["width"]
        box = first(page).bounding_box()
        assert box
        assert box["width"] > 90
        first(page).locator("a").click()
        expect(page.locator(".caption").first).to_be_attached()
        expect(page.locator("#frame")).to_be_visible()
        assert page.evaluate(wide) <= size["width"]


def test_every_view_can_be_linked_and_goes_back(open_page) -> None:
    page = open_page("?q=green")
    first(page).locator("a").click()
    expect(page.locator("#viewer")).to_be_visible()
    linked = page.url.rpartition("/")[2]
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()
    page.go_forward()
    expect(page.locator("#viewer")).to_be_visible()
    other = open_page(linked)
    expect(other.locator("#viewer")).to_be_visible()
    other.locator("#close").click()
    expect(other.locator("#viewer")).to_be_hidden()
    expect(other.locator("#query")).to_have_value("green")


def test_captions_and_names_are_text_and_never_html(open_page) -> None:
    page = open_page("?q=purple")
    first(page).locator("a").click()
    expect(page.locator("#panel h2")).to_contain_text(HTML)
    expect(page.locator(".caption").first).to_contain_text(HTML)
    assert page.locator("img[src=x]").count() == 0
    search_for = open_page("?q=%3Cimg src=x onerror=alert(1)%3E nosuchword")
    assert search_for.locator("img[src=x]").count() == 0


def test_the_state_lists_what_failed(open_page) -> None:
    page = open_page()
    page.locator("#state-button").click()
    expect(page.locator("#state")).to_contain_text("not a picture, or damaged")
    expect(page.locator("#state")).to_contain_text("19 pictures")


def test_a_folder_is_added_on_the_page(browser: Browser, serve: Serve, tmp_path: Path) -> None:
    numbered_pictures(tmp_path / "photos", 20)
    (tmp_path / "photos" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with open_in_memory(tmp_path / "index"):
        gate = {"GATE": str(tmp_path / "gate")}
    serving = serve(tmp_path / "index", variables=gate, captioner="GatedCaptioner")
    with serving as own, opening(browser, own) as open_it:
        page = open_it()
        page.get_by_role("button", name="Add a folder").click()
        told, run = page.locator("#feed-told"), page.locator("#feed-run")
        expect(run).to_be_disabled()
        page.get_by_label("Add a folder of this machine").fill(str(tmp_path / "photos"))
        page.keyboard.press("Enter")
        expect(run).to_have_text("Pause")
        expect(page.get_by_label("describing")).to_be_visible()
        expect(page.locator("#state-body")).to_contain_text("of 360 views")
        expect(page.locator("#feed-folder")).to_have_value("")
        run.click()
        expect(run).to_have_text("Pausing")
        (tmp_path / "gate").touch()
        expect(run).to_have_text("Look for new pictures")
        run.click()
        expect(page.locator("#state-body")).to_contain_text("17 patches20 pictures")
        assert serious(page) == []
        picture(tmp_path / "nowhere.png", "red")
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#state-body")).to_contain_text("Pictures21 pictures")
        expect(told).to_be_empty()


def test_pictures_that_are_there_twice_are_listed(
    browser: Browser, serve: Serve, tmp_path: Path
) -> None:
    photo = Image.effect_mandelbrot((640, 480), (-3, -2.5, 2, 2.5), 100).convert("RGB")
    (tmp_path / "photos").mkdir()
    photo.save(tmp_path / "photos" / f"{HTML}.png")
    photo.resize((320, 240)).save(tmp_path / "photos" / "small.png")
    picture(tmp_path / "photos" / "red.png", "red")
    with lexsearch.open(tmp_path / "index") as index:
        index.add(tmp_path / "photos", captioner=FakeCaptioner(), crops="none")
    with serve(tmp_path / "index") as own, opening(browser, own) as open_it:
        page = open_it()
        page.locator("#state-button").click()
        page.get_by_role("button", name="Pictures that are there twice").click()
        copies = page.locator(".copies li")
        expect(copies).to_have_count(2)
        expect(copies.first).to_contain_text("640 \u00d7 480")
        expect(copies.last).to_contain_text("small.png")
        expect(page.locator("#duplicates-told")).to_contain_text("1 group")
        assert serious(page) == []
        copies.last.locator("a").click()
        expect(page.locator("#viewer")).to_be_visible()
        expect(page.locator("#panel")).to_contain_text("small.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_assistive_technology_has_no_serious_trouble(open_page, scheme: str) -> None:
    page = open_page("?q=yelow", color_scheme=scheme)
    page.wait_for_load_state("networkidle")
    assert serious(page) == []
    search(page, "red, blue")
    page.wait_for_load_state("networkidle")
    assert serious(page) == []
    first(page).locator("a").click()
    expect(page.locator(".caption").first).to_be_visible()
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert serious(page) == []


def serious(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds that is serious or critical: the rule, and where it is broken."""
    found = axe_playwright.Axe().run(page).response["violations"]
    return [
        (fault["id"], fault["nodes"][0]["html"][:200])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
