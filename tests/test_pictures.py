"""Thumbnails in a terminal and contact sheets."""

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from lexsearch.display import terminal as pictures
from lexsearch.display.terminal import contact_sheet, terminal_thumbnail

RED, BLUE = (200, 30, 30), (30, 30, 200)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    """Red above blue, stored on its side as cameras do."""
    upright = Image.new("RGB", (600, 300), RED)
    upright.paste(BLUE, (0, 150, 600, 300))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    file = tmp_path / "photo.jpg"
    upright.rotate(90, expand=True).save(file, exif=exif, quality=95)
    return str(file)


def close(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 25 for a, b in zip(pixel, colour, strict=True))


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({}, "none"),
        ({"TERM": "xterm-256color"}, "none"),
        ({"TERM": "dumb", "KITTY_WINDOW_ID": "1"}, "none"),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "240800"}, "kitty"),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "211200"}, "none"),
        ({"TERM": "foot", "KITTY_WINDOW_ID": "1"}, "sixel"),
        ({"TERM": "xterm-256color", "WT_SESSION": "x"}, "sixel"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "none"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, "none"),
        ({"TERM": "xterm-kitty", "LEXSEARCH_THUMBNAILS": "none"}, "none"),
    ],
)
def test_terminals_are_known_by_their_environment(
    environment: dict[str, str], protocol: str
) -> None:
    assert pictures._protocol(environment) == protocol


def test_kitty_gets_the_picture_upright_in_chunks(
    photo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEXSEARCH_THUMBNAILS", "kitty")
    noise = Image.effect_noise((360, 180), 90)
    noise.save(photo, "PNG")  # too large for one chunk
    shown = terminal_thumbnail(photo)
    assert shown is not None
    commands = re.findall("\033_G([^;]*);([^\033]*)\033\\\\", shown)
    assert [re.search("m=([01])", control)[1] for control, _ in commands] == [  # type: ignore[index]
        *["1"] * (len(commands) - 1),
        "0",
    ]
    assert len(commands) > 1
    assert all(len(chunk) <= 4096 for _, chunk in commands)
    image = Image.open(io.BytesIO(base64.b64decode("".join(chunk for _, chunk in commands))))
    assert not ImageChops.difference(image.convert("L"), noise).getbbox()
    assert "q=2" in commands[0][0]
    assert f"r={round(image.height / 20)}" in commands[0][0]


def test_iterm2_gets_the_picture_upright(photo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEXSEARCH_THUMBNAILS", "iterm2")
    shown = terminal_thumbnail(photo)
    assert shown is not None
    found = re.fullmatch("\033]1337;File=inline=1;height=9;preserveAspectRatio=1:(.*)\a", shown)
    assert found
    image = Image.open(io.BytesIO(base64.b64decode(found[1])))
    assert image.size == (360, 180)
    assert close(image.getpixel((180, 40)), RED)
    assert close(image.getpixel((180, 140)), BLUE)


def test_sixel_draws_the_picture(photo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEXSEARCH_THUMBNAILS", "sixel")
    shown = terminal_thumbnail(photo)
    assert shown is not None
    drawn = decode_sixel(shown)
    difference = ImageChops.difference(drawn, pictures._open(photo, (360, 180)))
    assert max(ImageStat.Stat(difference).mean) < 4


def decode_sixel(text: str) -> Image.Image:
    """Just what the protocol's manual says, for what the encoder uses."""
    found = re.fullmatch('\033P0;1;0q"1;1;(\\d+);(\\d+)(.*)\033\\\\', text, re.S)
    assert found
    image = Image.new("RGB", (int(found[1]), int(found[2])))
    palette: dict[int, tuple[int, ...]] = {}
    left, top, colour = 0, 0, 0
    for token in re.findall(r"#\d+(?:;\d+)*|!\d+.|.", found[3]):
        if token[0] == "#":
            colour, *definition = map(int, token[1:].split(";"))
            if definition:
                assert definition[0] == 2
                palette[colour] = tuple(round(value * 2.55) for value in definition[1:])
        elif token == "$":
            left = 0
        elif token == "-":
            left, top = 0, top + 6
        else:
            for _ in range(int(token[1:-1] or 1) if token[0] == "!" else 1):
                for bit in range(6):
                    if (ord(token[-1]) - 63) >> bit & 1:
                        image.putpixel((left, top + bit), palette[colour])
                left += 1  # noqa: SIM113
    return image


def test_no_thumbnail_of_what_is_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEXSEARCH_THUMBNAILS", "kitty")
    (tmp_path / "text.jpg").write_text("text")
    assert terminal_thumbnail(str(tmp_path / "text.jpg")) is None
    assert terminal_thumbnail(str(tmp_path / "gone.jpg")) is None


def test_no_thumbnail_in_an_unknown_terminal(photo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TERM", "TERM_PROGRAM", "LC_TERMINAL", "KITTY_WINDOW_ID", "KONSOLE_VERSION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("WT_SESSION", "LEXSEARCH_THUMBNAILS"):
        monkeypatch.delenv(name, raising=False)
    assert terminal_thumbnail(photo) is None


@pytest.mark.parametrize("count", [1, 2, 4, 5, 17, 100])
def test_a_sheet_has_a_place_for_every_picture(photo: str, count: int) -> None:
    sheet = contact_sheet([(photo, f"{number}. red, blue") for number in range(count)])
    assert sheet.mode == "RGB"
    columns = (sheet.width - 16) // 256
    rows = round((sheet.height - 16) / (180 + 8 + 20 + 16))
    assert columns * (rows - 1) < count <= columns * rows
    for number in (0, count - 1):
        left, foot = 16 + number % columns * 256, 16 + number // columns * 224 + 180
        assert close(sheet.getpixel((left + 120, foot - 110)), RED)
        assert close(sheet.getpixel((left + 120, foot - 10)), BLUE)


def test_a_sheet_says_why_a_picture_is_missing(photo: str, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    pairs = [(photo, "good"), (str(tmp_path / "empty.jpg"), "bad"), (str(tmp_path / "x"), "gone")]
    sheet = contact_sheet(pairs)
    for left in (16 + 256, 16 + 512):
        tile = sheet.crop((left, 16, left + 240, 196))
        assert tile.getpixel((2, 2)) == (217, 217, 217)
        assert len(tile.getcolors() or []) > 5  # there is writing on it
    assert sheet.getpixel((16 + 120, 100)) != (217, 217, 217)


def test_captions_stay_under_their_pictures(photo: str) -> None:
    long = "a caption of very many words " * 20
    sheet = contact_sheet([(photo, long), (photo, "x" * 500 + "\n\033[31m\0\n\n" + long)])
    assert sheet.getpixel((16 + 120, 100)) != (255, 255, 255)
    gap = sheet.crop((16 + 240, 0, 16 + 256, sheet.height))  # between the two
    assert min(low for low, _ in ImageStat.Stat(gap).extrema) > 240
    assert sheet.height == 16 + 180 + 8 + 3 * 20 + 16


def test_a_picture_of_any_shape_has_a_tile(tmp_path: Path) -> None:
    for size in ((1, 1), (5000, 1), (1, 5000)):
        file = tmp_path / f"{size[0]}x{size[1]}.png"
        Image.new("RGB", size, RED).save(file)
        contact_sheet([(str(file), "")])


def test_a_sheet_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs pictures"):
        contact_sheet([])
