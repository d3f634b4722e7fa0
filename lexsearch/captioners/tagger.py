"""The embedded tagger: trained networks that come inside registry packages, so it runs offline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lexsearch.captioners import Captioner, View, Words
from lexsearch.captioners._classifier import Classifier
from lexsearch.captioners._detector import Detector
from lexsearch.captioners._text import Reader
from lexsearch.records import WHOLE, CaptionerKey

if TYPE_CHECKING:
    from PIL.Image import Image

_REVISION = 1
_SEEN = {"whole": 0.3, "half": 0.5, "quarter": 0.5, "ninth": 0.5}
_NUMBERS = ("", "a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PLURALS = {"person": "people", "knife": "knives", "mouse": "mice", "sheep": "sheep"}
_UNCOUNTED = {"scissors", "skis", "broccoli"}


class Tagger(Captioner):
    """Names what it sees in a view."""

    view_side = 640
    batch_size = 18

    def __init__(self) -> None:
        self._classifier = Classifier()
        self._detector = Detector() if Detector.is_installed() else None
        self._reader = Reader() if Reader.is_installed() else None
        parts = ["efficientnet-lite2"]
        if self._detector:
            parts.append("ssd-mobilenet-v2")
        if self._reader:
            parts.append("rapidocr")
        self.key = CaptionerKey("tagger", f"{_REVISION}:{'+'.join(parts)}")

    def caption(self, views: Sequence[View]) -> list[list[Words]]:
        return [self._caption(view) for view in views]

    def _caption(self, view: View) -> list[Words]:
        words = []
        if self._detector:
            least = _SEEN.get(view.crop.name.split()[-1], _SEEN["whole"])
            seen = Counter(
                thing.name for thing in self._detector.detect(view.image) if thing.score >= least
            )
            if seen:
                words.append(Words(_listed([_counted(*pair) for pair in seen.most_common()])))
        if self._reader and view.crop.name == WHOLE:
            words += [Words(line, "text") for line in self._reader.read(view.image)]
        return words


def _counted(name: str, count: int) -> str:
    if name in _UNCOUNTED:
        return name
    if count == 1:
        return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    return f"{_NUMBERS[count] if count < len(_NUMBERS) else 'many'} {_plural(name)}"


def _plural(name: str) -> str:
    if name in _PLURALS:
        return _PLURALS[name]
    return name + ("es" if name.endswith(("s", "x", "ch", "sh")) else "s")


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1])] * (len(parts) > 1) + parts[-1:])
