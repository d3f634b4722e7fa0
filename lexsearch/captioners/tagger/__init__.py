"""The embedded tagger: trained networks that come inside registry packages, so it runs offline.

- SSD-MobileNetV2 (Google's TensorFlow release, in a wheel that declares no licence) finds 80
  everyday things (detector.py).
- EfficientNet-Lite2 (Apache-2.0) says what a view is of: "trolleybus (bus, vehicle)"
  (classifier.py). It looks at the whole, halves and quarters; on ninths it errs too often.
- What both say of all views becomes one probability for each thing (fusing.py), and things from
  0.3 on are named (naming.py). docs/captioners.md says how often that is right.
- Scenes are told from things ("kitchen, as there are an oven and a sink": scenes.py), "black and
  white" and "blue sky" from pixels (pixels.py).
- RapidOCR (Apache-2.0), where it is installed, reads the text in the whole picture (reader.py).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from lexsearch.captioners import Answer, Captioner
from lexsearch.captioners.tagger import pixels
from lexsearch.captioners.tagger.classifier import WEIGHTS as CLASSIFIER
from lexsearch.captioners.tagger.classifier import Classifier
from lexsearch.captioners.tagger.detector import WEIGHTS as DETECTOR
from lexsearch.captioners.tagger.detector import Detector
from lexsearch.captioners.tagger.fusing import Look
from lexsearch.captioners.tagger.naming import LEAST_DETECTED, said_of
from lexsearch.captioners.tagger.reader import SIDE, OcrReader
from lexsearch.errors import CaptionerError
from lexsearch.records import CaptionerKey, CaptionText, View

_REVISION = 3
"""Goes up with every change here or in a part that changes what is said of a picture."""

_CPU_SECONDS = 0.8  # of one core, for a photo with its patches
_OF_THE_WHOLE = 0.18  # of that, for the whole photo alone
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Tagger(Captioner):
    """Names what it sees in a picture and its patches, and reads what is written in it."""

    view_side = SIDE
    batch_size = 2 * _CORES
    joint = True
    pace = _CPU_SECONDS / _CORES
    whole_pace = _OF_THE_WHOLE * pace

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
        """A caption of each picture and of each of its patches, and the text that is read in it.

        As many pictures at once as there are processor cores, each on one thread. A picture that
        comes with its patches was read before.
        """
        self.load()
        with ThreadPoolExecutor(_CORES) as pool:
            return list(pool.map(self._describe_picture, views))

    def _describe_picture(self, view: View) -> Answer:
        try:
            said = said_of(self.look(view), pixels.words_of(view.image))
            lines = self._read(view) if self._readers and not view.patches else []
        except Exception as error:
            return CaptionerError(f"the tagger failed ({type(error).__name__}: {error})")
        return [*said, *([CaptionText(", ".join(lines), "text")] if lines else [])]

    def look(self, view: View) -> list[Look]:
        """What the networks say of a picture and of its patches."""
        self.load()
        assert self._networks is not None
        classifier, detector = self._networks
        looks = []
        for one in (view, *view.patches):
            scores, found = detector.detect(one.image, min(LEAST_DETECTED.values()))
            look = Look(one.crop, scores, found)
            if look.size != "ninth":
                look = look._replace(classes=classifier.probabilities(one.image))
            looks.append(look)
        return looks

    def _read(self, view: View) -> list[str]:
        reader = self._readers.pop()
        try:
            return reader.read(view.image)
        finally:
            self._readers.append(reader)
