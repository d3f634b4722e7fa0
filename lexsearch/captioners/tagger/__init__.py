"""The embedded tagger: trained networks that come inside registry packages, so it runs offline.

Three parts, the last one used where it is installed:

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

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from lexsearch.captioners import Answer, Captioner
from lexsearch.captioners.tagger.classifier import WEIGHTS as CLASSIFIER
from lexsearch.captioners.tagger.classifier import Classifier
from lexsearch.captioners.tagger.detector import WEIGHTS as DETECTOR
from lexsearch.captioners.tagger.detector import Detection, Detector, without_doubles
from lexsearch.captioners.tagger.reader import SIDE, OcrReader
from lexsearch.errors import CaptionerError
from lexsearch.records import WHOLE, Box, CaptionerKey, CaptionText, View

_REVISION = 2
"""Goes up with every change here or in a part that changes what is said of a picture."""

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

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
    batch_size = 18 * _CORES

    def __init__(self) -> None:
        for weights in (CLASSIFIER, DETECTOR):
            weights.find()
        parts = ["efficientnet-lite2", "ssd-mobilenet-v2"]
        if OcrReader.is_installed():
            parts.append(OcrReader.name())
        self.key = CaptionerKey("tagger", f"{_REVISION}:{'+'.join(parts)}")
        self._networks: tuple[Classifier, Detector] | None = None
        self._readers: list[OcrReader] = []  # those at rest; each reads one picture at a time

    def load(self) -> None:
        """Load the networks, which takes a second or two."""
        if self._networks is None:
            if OcrReader.is_installed():
                self._readers = [OcrReader() for _ in range(_CORES)]
            self._networks = Classifier(), Detector()

    def caption(self, views: Sequence[View]) -> list[Answer]:
        """A caption of each view that shows something, and the text that is read in a whole.

        Views are looked at side by side, as many as there are processor cores, each on one thread.
        """
        self.load()
        with ThreadPoolExecutor(_CORES) as pool:
            return list(pool.map(self._describe_view, views))

    def _describe_view(self, view: View) -> Answer:
        assert self._networks is not None
        classifier, detector = self._networks
        size = view.crop.name.rpartition(" ")[2]
        try:
            name = classifier.name(view.image, _LEAST_CLASSIFIED)
            found = without_doubles(detector.detect(view.image, _LEAST_DETECTED.get(size, _SUREST)))
        except Exception as error:
            return CaptionerError(f"the tagger failed ({type(error).__name__}: {error})")
        caption = "; ".join(filter(None, (_count(found), _with_kinds(name))))
        both = CaptionText(caption), CaptionText(", ".join(self._read(view)), "text")
        seen = [CaptionText(thing.name, "seen", _box(thing, view)) for thing in found]
        return [said for said in (*both, *seen) if said.text]

    def _read(self, view: View) -> list[str]:
        if not self._readers or view.crop.name != WHOLE:
            return []
        reader = self._readers.pop()
        try:
            return reader.read(view.image)
        finally:
            self._readers.append(reader)


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
