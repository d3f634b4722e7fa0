"""Results as a notebook shows them."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

from fakes import COLOURS, FakeCaptioner, picture
from PIL import Image

import lexsearch

HTML = "<script>alert(1)</script>"


def test_results_show_pictures_words_and_boxes(index: lexsearch.Index, photos: Path) -> None:
    image = Image.new("RGB", (640, 480), COLOURS["red"])
    image.paste(COLOURS["blue"], (320, 0, 640, 480))
    image.save(photos / f"two {HTML.replace('/', '')}.png")
    index.add(photos, captioner=FakeCaptioner(says=HTML))
    shown = index.search("red, nosuchthing")._repr_html_()
    data = re.search(r"data:image/jpeg;base64,([^\"]+)", shown)
    assert data
    assert Image.open(io.BytesIO(base64.b64decode(data[1]))).size == (360, 270)
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert '<svg viewBox="0 0 640 480"' in shown
    assert "<title>red</title>" in shown
    assert "<s>nosuchthing</s>" in shown


def test_a_picture_that_is_gone_says_so_and_the_rest_is_shown(
    index: lexsearch.Index, photos: Path
) -> None:
    picture(photos / "1.png", (250, 0, 0))
    gone = picture(photos / "2.png", (255, 5, 5))
    index.add(photos, captioner=FakeCaptioner())
    gone.unlink()
    shown = index.search("red")._repr_html_()
    assert shown.count("<img") == 1
    assert "the file is gone" in shown


def test_many_and_no_results(index: lexsearch.Index) -> None:
    index.import_captions(f'{{"doc_id": "{n}", "text": "a cat"}}' for n in range(40))
    shown = index.search("cat", k=40)._repr_html_()
    assert shown.count("<figure") == 24
    assert "and 16 more" in shown
    assert "nothing found for: dog" in index.search("dog")._repr_html_()
