"""Pictures for people: thumbnails for terminals, and contact sheets."""

from __future__ import annotations

import base64
import io
import math
import os
import re
import subprocess
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from lexsearch.errors import ImageError
from lexsearch.images.files import open_picture
from lexsearch.records import Box

_THUMBNAIL = (360, 180)
_ROW = 20  # about as many pixels as a line of text is high
_CHUNK = 4096  # letters of base64 that are sent at once
_PART = "\U0010eeee"  # a character that stands for a part of a picture
_ROW_MARKS = "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f\u0346\u034a\u034b\u034c"
"""Above such a character, the row that it is of (kitty's table of row and column diacritics)."""

_SIXEL_COLOURS = 128

_TILE = (240, 180)
_GAP = 16
_TEXT_SIZE = 15
_SCREEN = 1600
_COLOURS = ("#c2185b", "#1565c0", "#2e7d32", "#6a1b9a", "#bf5600", "#00695c")
_LINES = 3  # of a caption
_PAPER, _INK, _FADED, _GREY = "#ffffff", "#1a1a1a", "#6b6b6b", "#d9d9d9"


# Thumbnails in a terminal


def terminal_thumbnail(path: str) -> str | None:
    """What to print to see the picture in this terminal; None where the terminal shows none,
    or the picture cannot be opened.

    The terminal is known by the environment alone, nothing is asked of it, so that a script's
    input is safe; tmux, where it runs, says which terminal it runs in. LEXSEARCH_THUMBNAILS (kitty,
    tmux for kitty within tmux, iterm2, sixel or none) overrules the guess.
    """
    encode = _PROTOCOLS.get(_protocol(os.environ))
    if encode is None:
        return None
    try:
        image = _open(path, _THUMBNAIL)
    except ImageError:
        return None
    return encode(image)


def _protocol(environment: Mapping[str, str]) -> str:
    """How this terminal shows pictures: kitty, iterm2, sixel, or "none"."""
    if chosen := environment.get("LEXSEARCH_THUMBNAILS"):
        return chosen
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if "TMUX" in environment:
        return "tmux" if _tmux_passes_on() else "none"
    if term.startswith(("screen", "tmux", "dumb")):
        return "none"
    if term.startswith(("foot", "mlterm", "contour", "yaft")) or "sixel" in term:
        return "sixel"
    if program in ("iTerm.app", "WezTerm", "mintty") or environment.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    if "kitty" in term or "ghostty" in term or program == "ghostty":
        return "kitty"
    if environment.get("KITTY_WINDOW_ID") or environment.get("KONSOLE_VERSION", "") >= "220400":
        return "kitty"
    if environment.get("WT_SESSION") and not program:  # Windows Terminal
        return "sixel"
    return "none"


def _tmux_passes_on() -> bool:
    """Whether tmux runs in a terminal of kitty's protocol, and passes on what is for that one."""
    asked = ("display-message", "-p", "#{client_termname} #{allow-passthrough}")
    try:
        told = subprocess.run(["tmux", *asked], capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    terminal, _, passes = told.strip().partition(" ")
    return any(name in terminal for name in ("kitty", "ghostty")) and passes in ("on", "all")


def _kitty(image: Image.Image) -> str:
    """The kitty graphics protocol: PNG in chunks; q=2 asks for no answer."""
    return "".join(_chunks(image, f"a=T,f=100,q=2,r={_rows(image)}"))


def _tmux(image: Image.Image) -> str:
    """The same within tmux, which knows nothing of pictures: it passes the data on, and moves about
    characters that stand for parts of the picture, whose number is their colour.
    """
    rows, columns = _rows(image), max(1, round(image.width * 2 / _ROW))
    number = zlib.crc32(image.tobytes()) & 0xFFFFFF or 1
    sent = _chunks(image, f"a=T,U=1,i={number},f=100,q=2,c={columns},r={rows}")
    escaped = (chunk.replace("\033", "\033\033") for chunk in sent)
    colour = f"\033[38;2;{number >> 16};{number >> 8 & 255};{number & 255}m"
    lines = (
        f"{colour}{_PART}{_ROW_MARKS[row]}{_PART * (columns - 1)}\033[39m" for row in range(rows)
    )
    return "".join(f"\033Ptmux;{chunk}\033\\" for chunk in escaped) + "\n".join(lines)


def _chunks(image: Image.Image, control: str) -> Iterator[str]:
    """What sends a picture: `control` says what is to become of it."""
    data = _base64(image, "PNG")
    for start in range(0, len(data), _CHUNK):
        more = int(start + _CHUNK < len(data))
        first = f"{control}," if not start else ""
        yield f"\033_G{first}m={more};{data[start : start + _CHUNK]}\033\\"


def _iterm2(image: Image.Image) -> str:
    """iTerm2's inline images protocol, which WezTerm and mintty speak too."""
    data = _base64(image, "JPEG")
    return f"\033]1337;File=inline=1;height={_rows(image)};preserveAspectRatio=1:{data}\a"


def _sixel(image: Image.Image) -> str:
    """Sixel: bands of six rows, each drawn once for every colour in it."""
    indexed = image.quantize(_SIXEL_COLOURS)
    palette, pixels = indexed.getpalette() or [], indexed.tobytes()
    width, height = indexed.size
    parts = [f'\033P0;1;0q"1;1;{width};{height}']
    for colour in range(len(palette) // 3):
        red, green, blue = (round(value / 2.55) for value in palette[3 * colour : 3 * colour + 3])
        parts.append(f"#{colour};2;{red};{green};{blue}")
    for top in range(0, height, 6):
        columns: dict[int, bytearray] = defaultdict(lambda: bytearray(b"?" * width))
        for bit in range(min(6, height - top)):
            start = (top + bit) * width
            for column, colour in enumerate(pixels[start : start + width]):
                columns[colour][column] += 1 << bit
        parts.append("$".join(f"#{key}{_shortened(row)}" for key, row in columns.items()) + "-")
    return "".join(parts) + "\033\\"


def _shortened(row: bytearray) -> str:
    """Four and more of the same character as "!4c"."""
    return re.sub(r"(.)\1{3,}", lambda run: f"!{len(run[0])}{run[1]}", row.decode())


_PROTOCOLS = {"kitty": _kitty, "tmux": _tmux, "iterm2": _iterm2, "sixel": _sixel}


def _rows(image: Image.Image) -> int:
    return max(1, round(image.height / _ROW))


def _base64(image: Image.Image, format: str) -> str:
    file = io.BytesIO()
    image.save(file, format)
    return base64.b64encode(file.getvalue()).decode()


# Contact sheets


def draw_boxes(path: str, boxes: Sequence[tuple[str, Box]]) -> Image.Image:
    """The upright picture as RGB, no larger than a screen, with named boxes drawn on it.

    boxes: names, and boxes in pixels of the upright picture. Raises ImageError.
    """
    picture = open_picture(path, side=_SCREEN)
    image = picture.image.convert("RGB")
    image.thumbnail((_SCREEN, _SCREEN), Image.Resampling.LANCZOS, reducing_gap=3.0)
    scale = image.width / picture.width
    draw = ImageDraw.Draw(image)
    width = max(2, round(max(image.size) / 250))
    font = ImageFont.load_default(size=max(_TEXT_SIZE, round(max(image.size) / 45)))
    taken: list[tuple[float, float, float, float]] = []
    for number, (name, box) in enumerate(boxes):
        colour = _COLOURS[number % len(_COLOURS)]
        left, top, right, bottom = (round(edge * scale) for edge in box)
        inset = number * width  # so that boxes of several names stay apart
        outline = (left + inset, top + inset, right - 1 - inset, bottom - 1 - inset)
        if outline[2] > outline[0] and outline[3] > outline[1]:
            draw.rectangle(outline, outline=colour, width=width)
        text = draw.textbbox((0, 0), name, font=font, anchor="lt")
        high, wide = text[3] + 2 * width, text[2] + 2 * width
        x = max(0, min(left, image.width - wide))
        y = top - high if top >= high else min(bottom, image.height - high)
        label = (x, y, x + wide, y + high)
        while any(_overlap(label, other) for other in taken) and label[1] > 0:
            label = (x, label[1] - high, x + wide, label[3] - high)  # a line further up
        taken.append(label)
        draw.rectangle(label, colour)
        draw.text((label[0] + width, label[1] + width), name, "white", font, anchor="lt")
    return image


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def contact_sheet(pictures: Sequence[tuple[str, str]]) -> Image.Image:
    """Small pictures in rows, each above its caption, as one RGB image.

    pictures: paths and captions. The first line of a caption stands out. A picture that cannot
        be opened is a grey tile that says why.
    """
    if not pictures:
        raise ValueError("a contact sheet needs pictures")
    font = ImageFont.load_default(size=_TEXT_SIZE)
    captions = [_fitted(caption, font) for _, caption in pictures]
    columns = min(len(pictures), max(4, round(math.sqrt(len(pictures)))))
    rows = math.ceil(len(pictures) / columns)
    line = round(_TEXT_SIZE * 1.3)
    text_height = line * max(len(lines) for lines in captions)
    across, down = _TILE[0] + _GAP, _TILE[1] + _GAP // 2 + text_height + _GAP
    sheet = Image.new("RGB", (columns * across + _GAP, rows * down + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, ((path, _), lines) in enumerate(zip(pictures, captions, strict=True)):
        left, top = _GAP + number % columns * across, _GAP + number // columns * down
        tile = _tile(path, font)
        # To the foot of the tile and the left, so that each picture rests on its words.
        sheet.paste(tile, (left, top + _TILE[1] - tile.height))
        for place, (text, colour) in enumerate(lines):
            y = top + _TILE[1] + _GAP // 2 + place * line
            draw.text((left, y), text, fill=colour, font=font)
    return sheet


def _tile(path: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Image.Image:
    try:
        return _open(path, _TILE)
    except ImageError as error:
        tile = Image.new("RGB", _TILE, _GREY)
        reason = "\n".join(_wrapped(str(error), font, _TILE[0] - 2 * _GAP)[:6])
        ImageDraw.Draw(tile).multiline_text(
            (_TILE[0] / 2, _TILE[1] / 2), reason, _FADED, font, anchor="mm", align="center"
        )
        return tile


def _open(path: str, bounds: tuple[int, int]) -> Image.Image:
    """The upright picture, as large as fits in the bounds. Raises ImageError."""
    picture = open_picture(path, side=max(bounds))
    scale = min(bounds[0] / picture.width, bounds[1] / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _fitted(
    caption: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> list[tuple[str, str]]:
    """A caption as lines that fit under a tile, with their colours."""
    lines = [
        (line, _FADED if paragraph else _INK)
        for paragraph, text in enumerate(caption.splitlines())
        for line in _wrapped(text, font, _TILE[0] - 2)
    ]
    if len(lines) > _LINES:
        last, colour = lines[_LINES - 1]
        lines[_LINES - 1] = (_cut(last + "…", font, _TILE[0] - 2), colour)
    return lines[:_LINES]


def _wrapped(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int
) -> list[str]:
    lines: list[str] = []
    for word in "".join(c if c.isprintable() else " " for c in text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(_cut(word, font, width))
    return lines


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, or as much of it as fits with "…" at its end."""
    if font.getlength(text) <= width:
        return text
    text = text.rstrip("…")
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
