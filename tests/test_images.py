"""Finding image files, and opening any that a person may have."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from lexsearch.errors import ImageError
from lexsearch.images.crops import fixed, whole
from lexsearch.images.files import (
    ImageFile,
    LeftOut,
    Picture,
    Unreadable,
    find,
    hash_file,
    open_picture,
)
from lexsearch.images.pillow import pixel_bound

RED, BLUE = (255, 0, 0), (0, 0, 255)


def two_coloured(width: int = 200, height: int = 100) -> Image.Image:
    """Red above, blue below."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (0, height // 2, width, height))
    return image


def assert_close(pixel: object, colour: tuple[int, int, int]) -> None:
    assert isinstance(pixel, tuple)
    assert all(abs(a - b) < 40 for a, b in zip(pixel, colour, strict=True)), pixel


def assert_red_above_blue(picture: Picture) -> None:
    image = picture.image
    assert image.mode == "RGB"
    assert_close(image.getpixel((image.width // 2, image.height // 10)), RED)
    assert_close(image.getpixel((image.width // 2, image.height * 9 // 10)), BLUE)


UNDO = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", UNDO)
@pytest.mark.parametrize("side", [None, 100])
def test_a_turned_photo_is_upright(tmp_path: Path, orientation: int, side: int | None) -> None:
    image = two_coloured(800, 400)
    turn = UNDO[orientation]
    stored = image.transpose(turn) if turn is not None else image
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored.save(tmp_path / "turned.jpg", exif=exif)
    picture = open_picture(str(tmp_path / "turned.jpg"), side)
    assert (picture.width, picture.height) == (800, 400)
    assert picture.image.width == 2 * picture.image.height
    assert_red_above_blue(picture)


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.png", "a.gif", "a.bmp", "a.tif", "a.webp", "a.avif", "a.heic", "a.ppm"]
)
def test_formats(tmp_path: Path, name: str) -> None:
    two_coloured().save(tmp_path / name)
    assert_red_above_blue(open_picture(str(tmp_path / name)))
    assert [Path(file.path).name for file in find(str(tmp_path))] == [name]


@pytest.mark.parametrize("mode", ["RGBA", "P", "CMYK", "YCbCr"])
def test_modes_of_colour(tmp_path: Path, mode: str) -> None:
    suffix = {"CMYK": "jpg", "YCbCr": "jpg"}.get(mode, "png")
    two_coloured().convert(mode).save(tmp_path / f"a.{suffix}")
    assert_red_above_blue(open_picture(str(tmp_path / f"a.{suffix}")))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(tmp_path: Path, mode: str) -> None:
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    options: dict[str, Any] = {"transparency": 0} if mode == "P" else {}
    clear.convert(mode).save(tmp_path / "clear.png", **options)
    assert open_picture(str(tmp_path / "clear.png")).image.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_deep_greys_keep_their_shades(tmp_path: Path, mode: str) -> None:
    image = Image.new(mode, (3, 1))
    for x, value in enumerate((20_000, 40_000, 60_000)):
        image.putpixel((x, 0), value)
    image.save(tmp_path / "deep.tif")
    opened = open_picture(str(tmp_path / "deep.tif")).image
    shades = [opened.getpixel((x, 0)) for x in range(3)]
    assert shades[0] == (0, 0, 0)
    assert_close(shades[1], (128, 128, 128))
    assert shades[2] == (255, 255, 255)


def test_the_first_picture_of_an_animation_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert_close(open_picture(str(tmp_path / "a.gif")).image.getpixel((4, 4)), RED)


@pytest.mark.slow
def test_a_hundred_megapixels_are_opened(tmp_path: Path) -> None:
    two_coloured(12_000, 9_000).save(tmp_path / "large.jpg")
    with pixel_bound(200_000_000):
        picture = open_picture(str(tmp_path / "large.jpg"), side=1000)
    assert (picture.width, picture.height) == (12_000, 9_000)
    assert 1000 <= picture.image.width < 4000
    assert_red_above_blue(picture)


@pytest.mark.slow
def test_too_many_pixels_are_refused_with_the_way_out(tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    with pixel_bound(1000), pytest.raises(ImageError, match="--max-pixels"):
        open_picture(str(tmp_path / "huge.png"), max_pixels=1000)
    two_coloured(100, 50).save(tmp_path / "a.png")
    with pixel_bound(4999), pytest.raises(ImageError, match="4,999"):
        open_picture(str(tmp_path / "a.png"), max_pixels=4999)
    with pixel_bound(5000):
        open_picture(str(tmp_path / "a.png"), max_pixels=5000)


def test_the_bound_holds_only_inside_the_block() -> None:
    before = Image.MAX_IMAGE_PIXELS
    with pixel_bound(7):
        assert Image.MAX_IMAGE_PIXELS == 7
    assert before == Image.MAX_IMAGE_PIXELS


def test_bad_files_have_reasons_that_a_person_understands(tmp_path: Path) -> None:
    whole_file = tmp_path / "whole.jpg"
    two_coloured(400, 400).save(whole_file)
    bad = {
        "zero.jpg": (b"", "empty"),
        "text.jpg": (b"hello", "not a picture"),
        "short.jpg": (whole_file.read_bytes()[:-2000], "cut short"),
        "header.jpg": (whole_file.read_bytes()[:30], "not a picture|damaged|cut short"),
    }
    for name, (content, reason) in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageError, match=reason):
            open_picture(str(tmp_path / name))
    with pytest.raises(ImageError, match="gone"):
        open_picture(str(tmp_path / "nowhere.jpg"))


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_file_opens_or_is_an_image_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    suffix = data.draw(st.sampled_from(["jpg", "png", "gif", "webp", "tif", "bmp"]))
    two_coloured(40, 30).save(folder / f"a.{suffix}")
    content = bytearray((folder / f"a.{suffix}").read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(0, len(content))) :]
    (folder / f"a.{suffix}").write_bytes(content)
    try:
        with pixel_bound(1_000_000):
            assert (
                open_picture(str(folder / f"a.{suffix}"), max_pixels=1_000_000).image.mode == "RGB"
            )
    except ImageError:
        pass  # nothing else may be raised


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3000, 1), (1, 3000), (3000, 40)])
def test_odd_shapes_give_views(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, RED).save(tmp_path / "odd.png")
    picture = open_picture(str(tmp_path / "odd.png"), side=300)
    for crop in (*whole(*size), *fixed(*size)):
        view = picture.view(crop, 100)
        assert 1 <= max(view.image.size) <= 100
        assert view.crop == crop


def test_a_view_shows_its_crop_and_is_never_enlarged(tmp_path: Path) -> None:
    two_coloured(300, 300).save(tmp_path / "a.png")
    picture = open_picture(str(tmp_path / "a.png"), side=90)
    crops = dict(fixed(300, 300))
    views = {name: picture.view(crop, 100) for crop in fixed(300, 300) for name in [crop.name]}
    assert_close(views["top left ninth"].image.getpixel((10, 10)), RED)
    assert_close(views["bottom right ninth"].image.getpixel((10, 10)), BLUE)
    assert all(
        view.image.width <= crops[name].width and view.image.height <= crops[name].height
        for name, view in views.items()
    )


def test_a_folder_gives_its_pictures_in_order_and_nothing_hidden(tmp_path: Path) -> None:
    wanted = ["a b.JPG", 'it\'s "b".png', "new\nline.png", "sub/c.webp", "😀.jpeg"]
    others = [".hidden.jpg", ".thumbnails/d.jpg", "notes.txt", "film.mpg", "doc.pdf", "page.eps"]
    for name in wanted + others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    entries = list(find(str(tmp_path)))
    found = [os.path.relpath(entry.path, tmp_path) for entry in entries]
    assert sorted(set(found) - {"film.mpg"}) == sorted(wanted)
    assert LeftOut(str(tmp_path / "film.mpg"), "video") in entries


def test_a_name_that_is_not_utf_8_is_found(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with open(os.fsencode(tmp_path / "x") + b"/\xff.jpg", "wb") as file:
        file.write(b"x")
    [found] = find(str(tmp_path / "x"))
    assert os.fsencode(found.path).endswith(b"/\xff.jpg")


def test_links_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").write_bytes(b"x")
    (tmp_path / "real" / "loop").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "real")
    (tmp_path / "to-file.jpg").symlink_to(tmp_path / "real" / "a.jpg")
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "nowhere.txt").symlink_to(tmp_path / "gone.txt")
    found = list(find(str(tmp_path)))
    files = [os.path.relpath(file.path, tmp_path) for file in found if isinstance(file, ImageFile)]
    assert files == ["again/a.jpg", "to-file.jpg"]
    [bad] = [file for file in found if isinstance(file, Unreadable)]
    assert bad.path.endswith("nowhere.jpg")
    assert "link" in bad.reason


def test_one_file_may_be_named_whatever_its_ending(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(b"x")
    [found] = find(str(tmp_path / "photo"))
    assert isinstance(found, ImageFile)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert list(find(str(tmp_path))) == []
    [named] = find(str(tmp_path / "pipe.jpg"))
    assert isinstance(named, Unreadable)


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    program = "import sys; from lexsearch.images.files import find; print(list(find(sys.argv[1])))"
    (tmp_path / "closed").mkdir(mode=0o000)
    if os.access(tmp_path / "closed", os.R_OK):
        pytest.skip("this user may read everything")
    ended = subprocess.run(
        ["python3", "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "permission denied" in ended.stdout


def test_the_hash_is_of_the_content_alone(tmp_path: Path) -> None:
    for name, content in {"a": b"1", "b": b"1", "c": b"2"}.items():
        (tmp_path / name).write_bytes(content)
    a, b, c = (hash_file(str(tmp_path / name)) for name in "abc")
    assert a == b != c
    assert len(a) == 32
