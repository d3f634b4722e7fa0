#!/usr/bin/env bash
# Make the pictures of the web page that README and docs show, from the photos of bin/demo, which
# may be published. Needs a Chromium or Chrome that is installed; run bin/demo first.
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_setup"

if [[ ! -f indexes/demo/index.json ]]; then
    echo "There is nothing to show yet: run bin/demo first" >&2
    exit 1
fi
browser=$(type -P chromium chromium-browser google-chrome | head -n 1) || true
if [[ -z $browser ]]; then
    echo "This needs Chromium or Chrome (on Debian: apt install chromium)" >&2
    exit 1
fi

coproc "$venv/bin/lexsearch" serve --index indexes/demo --port 0 --read-only 2>&1
trap 'kill "$COPROC_PID"' EXIT
IFS= read -r line <&"${COPROC[0]}"
address=$(grep -o 'http://[^ ]*' <<<"$line")

"$venv/bin/python" - "$browser" "$address" <<'PYTHON'
import io
import os
import sys

from PIL import Image
from playwright.sync_api import Page, sync_playwright

browser, address = sys.argv[1:]


def open_first(page: Page) -> None:
    page.locator(".tile a").first.click()
    page.locator("#large.there").wait_for()
    page.evaluate(  # whoever makes the pictures, they show the same
        """() => {
            const line = document.querySelector(".panel header .small");
            line.textContent = line.textContent.replace(/[/].*[/]/, "/home/ada/photos/");
        }"""
    )
    page.locator(".panel h2").hover()
    page.locator(".evidence button").last.hover()


VIEWS = {  # name: query, width, height, light or dark, what to do
    "web-results": ("animal", 1440, 860, "light", None),
    "web-picture": ("coffee, spoon", 1440, 860, "light", open_first),
    "web-dark": ("bird", 1440, 860, "dark", None),
    "web-empty": ("sunset, bird", 1440, 420, "light", None),
    "web-phone": ("dog, person", 390, 780, "light", None),
    "web-phone-picture": ("helmet, person", 390, 780, "dark", open_first),
}
options = ["--no-sandbox"] if os.geteuid() == 0 else []
with sync_playwright() as play:
    chromium = play.chromium.launch(executable_path=browser, args=options)
    for name, (query, width, height, scheme, do) in VIEWS.items():
        page = chromium.new_page(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            has_touch=width < 500,
            is_mobile=width < 500,
            device_scale_factor=1.5 if width < 500 else 1,
        )
        page.goto(f"{address}?q={query}")
        page.wait_for_load_state("networkidle")
        if do is not None:
            do(page)
        page.wait_for_timeout(800)  # pictures fade in
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        picture.save(f"docs/{name}.jpg", quality=80, optimize=True, progressive=True)
        print(f"docs/{name}.jpg")
PYTHON
