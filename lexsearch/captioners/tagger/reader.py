"""RapidOCR (Apache-2.0, weights in its wheel): lines of text seen in a picture."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lexsearch.errors import CaptionerError

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 640
"""The longest side, in pixels, of the pictures that text is looked for in."""

_MIN_SCORE = 0.8
"""Below this it is mostly texture (windows, fences, fur) that looks like writing."""

_MIN_SIDE = 16
"""No line of text can be read in a picture with a shorter side, in pixels."""


class OcrReader:
    """Reads the text in pictures, one at a time, on one thread.

    Never touches the network: only the wheel's own models.
    """

    def __init__(self) -> None:
        try:
            from rapidocr import RapidOCR

            finder, reader = _find_model("det"), _find_model("rec")
            self._ocr: Any = RapidOCR(params=_settings(finder, reader))
            blank = np.full((64, 64, 3), 255, np.uint8)
            self._ocr(blank)  # loads the models now: better here than in the first picture
            self._ocr(blank, use_det=False, use_rec=True)
        except Exception as error:
            raise _failed(error) from error

    @staticmethod
    def is_installed() -> bool:
        return all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))

    @staticmethod
    def name() -> str:
        """The reader's, with the generation of its models; CaptionerError without any."""
        try:
            return f"rapidocr-{_find_model('rec').stem.partition('_rec')[0]}"
        except FileNotFoundError as error:
            raise _failed(error) from error

    def read(self, image: Image) -> list[str]:
        """The lines of text that are surely there, from top to bottom.

        A picture that the reader fails on has no text, as far as lexsearch can tell; that must
        not cost the picture its other words, so the failure is logged and goes no further.
        """
        if min(image.size) < _MIN_SIDE:
            return []
        try:
            found = self._ocr(np.asarray(image)[:, :, ::-1], use_det=True, use_rec=True)
        except Exception:
            logging.getLogger(__name__).warning("no text could be read", exc_info=True)
            return []
        lines = zip(found.txts or (), found.scores or (), strict=True)
        return [line for line, score in lines if score >= _MIN_SCORE and _is_text(line)]


def _failed(error: Exception) -> CaptionerError:
    return CaptionerError(
        f"the text reader does not start ({error}); "
        "run: pip install --force-reinstall rapidocr onnxruntime, or uninstall rapidocr"
    )


def _settings(finder: Path, reader: Path) -> dict[str, object]:
    return {
        "Global.log_level": "critical",
        "Global.use_cls": False,  # whether a line is upside down: seldom, and a third network
        "Det.limit_type": "max",
        "Det.limit_side_len": SIDE,
        "Det.model_path": str(finder),
        "Rec.model_path": str(reader),
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }


def _find_model(task: str) -> Path:
    """The wheel's own model: without a path rapidocr would fetch one when a file is missing."""
    spec = importlib.util.find_spec("rapidocr")
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else Path()
    models = sorted(folder.glob(f"*_{task}*.onnx"))
    if not models:
        raise FileNotFoundError(f"rapidocr has no model for {task!r} in {folder}")
    return models[-1]


def _is_text(line: str) -> bool:
    return sum(character.isalnum() for character in line) >= 2
