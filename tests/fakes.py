"""A captioner without a model, and pictures it can tell apart."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from lexsearch import captioners
from lexsearch.captioners import Answer, Captioner
from lexsearch.errors import CaptionerError
from lexsearch.records import CaptionerKey, CaptionText, View

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "purple": (160, 0, 200),
    "orange": (255, 140, 0),
}


class FakeCaptioner(Captioner):
    """Names the mean colour of a view, such as "red left half xff0000".

    captioned: the exact colour and the crop of every view it described, in order; `log` is a
    file that gets the same, so that the work of a killed process can be read afterwards.
    delay: seconds that a batch takes. fails_on: the colour of views it raises for.
    """

    view_side = 64

    def __init__(
        self,
        name: str = "fake",
        prompt: str = "",
        *,
        batch_size: int = 8,
        log: Path | None = None,
        delay: float = 0.0,
        fails_on: str | None = None,
        says: str = "",
    ) -> None:
        self.key = CaptionerKey(name, "1", prompt)
        self.batch_size = batch_size
        self.captioned: list[tuple[str, str]] = []
        self.batches: list[int] = []
        self._log = log
        self._delay = delay
        self._fails_on = fails_on
        self._says = says

    def caption(self, views: Sequence[View]) -> list[Answer]:
        assert views, "a captioner is never asked about nothing"
        colours = [_mean_colour(view.image) for view in views]
        if self._fails_on in [*map(_nearest, colours)]:
            raise CaptionerError(f"cannot look at anything {self._fails_on}")
        self.batches.append(len(views))
        time.sleep(self._delay)
        seen = [(_code(c), view.crop.name) for c, view in zip(colours, views, strict=True)]
        self.captioned += seen
        if self._log is not None:
            with self._log.open("a") as log:  # one write, so that a kill cannot cut a line
                log.write("".join(f"{code}\t{crop}\n" for code, crop in seen))
        return [
            [CaptionText(" ".join(filter(None, (_nearest(c), crop, code, self._says))))]
            for c, (code, crop) in zip(colours, seen, strict=True)
        ]


class GatedCaptioner(FakeCaptioner):
    """Describes one batch, and then waits until the file that GATE names in the environment is
    there: so a test is never too late to see it at work.
    """

    def caption(self, views: Sequence[View]) -> list[Answer]:
        while self.batches and not os.path.exists(os.environ["GATE"]):
            time.sleep(0.01)
        return super().caption(views)


def _mean_colour(image: Image.Image) -> tuple[int, int, int]:
    assert image.mode == "RGB"
    return image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))  # type: ignore[return-value]


def _nearest(colour: tuple[int, int, int]) -> str:
    def distance(name: str) -> int:
        return sum((a - b) ** 2 for a, b in zip(COLOURS[name], colour, strict=True))

    return min(COLOURS, key=distance)


def _code(colour: tuple[int, int, int]) -> str:
    """The exact colour as a word to search for."""
    return "x" + bytes(colour).hex()


def code_of(number: int) -> str:
    """The word in every caption of `numbered_picture(..., number)`."""
    return _code(_colour_of(number))


def _colour_of(number: int) -> tuple[int, int, int]:
    return (number % 256, 60 + number // 256, 120)


def picture(
    path: str | os.PathLike[str],
    colour: str | tuple[int, int, int] = "red",
    size: tuple[int, int] = (64, 48),
) -> Path:
    """Write a picture of one colour, and the folders above it."""
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    rgb = COLOURS[colour] if isinstance(colour, str) else colour
    Image.new("RGB", size, rgb).save(place)
    return place


def numbered_pictures(folder: Path, count: int) -> list[Path]:
    """Write PNG pictures that all differ: of number n, the captions hold `code_of(n)`."""
    return [picture(folder / f"{n:04}.png", _colour_of(n)) for n in range(count)]


class Ending(FakeCaptioner):
    """Ends its process at a view that is red, as a decoder's fault may."""

    def caption(self, views: Sequence[View]) -> list[Answer]:
        if any(_nearest(_mean_colour(view.image)) == "red" for view in views):
            os._exit(1)
        return super().caption(views)


class Unloadable(FakeCaptioner):
    """Cannot load its model."""

    def load(self) -> None:
        raise CaptionerError("there is no model on this machine")


class SharedLog(type(Path())):  # type: ignore[misc]
    """The `log` of captioners elsewhere: whoever unpickles it knows the captioners of this module
    by name, as the process that made it does.
    """

    def __reduce__(self) -> tuple[Callable[[str], Path], tuple[str]]:
        return shared_log, (str(self),)


def shared_log(path: str) -> Path:
    for kind in (FakeCaptioner, Ending, Unloadable):
        captioners._CAPTIONERS[kind.__name__] = f"fakes:{kind.__name__}"
    return SharedLog(path)
