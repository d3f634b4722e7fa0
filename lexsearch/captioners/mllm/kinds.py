"""What differs from one kind of model to the next, before it is loaded: by its config.json.

Models that chat are asked in sentences. Captioning models are not: BLIP, BLIP-2 and GIT go on with
what they are given, so that they are given nothing; PaliGemma and Florence-2 know fixed tasks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lexsearch.captioners.prompts import PROMPTS
from lexsearch.errors import CaptionerError
from lexsearch.records import Box, CaptionText, View
from lexsearch.text.answers import answer_of

if TYPE_CHECKING:
    from PIL.Image import Image

_CAPTION, _REGIONS, _TEXT = "<MORE_DETAILED_CAPTION>", "<DENSE_REGION_CAPTION>", "<OCR>"
"""Florence-2's tasks (Xiao et al. 2024, arXiv 2311.06242, Table 13)."""

_BINS = 1000

_TASKS: Mapping[str, tuple[str, ...]] = {
    "blip": ("",),
    "blip-2": ("",),
    "git": ("",),
    "paligemma": ("describe en",),
    "florence2": (_CAPTION, _REGIONS, _TEXT),
}
"""What is asked in place of the named prompts, by model_type."""

_PLACES_THE_PICTURE = {"blip-2", "instructblip", "florence2"}
"""Their processors put the picture's token into the text themselves."""


class Kind(NamedTuple):
    """A kind of model.

    model_type: as transformers names it. own_code: it is not of transformers, but comes with code
    of its own.
    """

    model_type: str
    own_code: bool = False

    @property
    def has_tasks(self) -> bool:
        """Whether it answers in tasks, each for itself, with places as well as words."""
        return self.model_type == "florence2"

    @property
    def places_the_picture(self) -> bool:
        return self.model_type in _PLACES_THE_PICTURE

    @property
    def ends_questions(self) -> bool:
        """Whether its tokenizer ends a question with the token that ends an answer."""
        return self.model_type == "git"

    def text(self, picture: str, turns: Sequence[str]) -> str:
        """What a model without a chat template is given: it goes on with that."""
        if self.places_the_picture:
            return "\n".join(filter(None, turns))
        if self.model_type == "paligemma":
            return picture + "\n".join(turns)
        return "\n".join(filter(None, (picture, *turns)))

    def questions(self, prompt: str, asked: tuple[str, ...]) -> tuple[str, ...]:
        """What it is asked: `asked`, or its own tasks where the prompt goes by a name."""
        tasks = _TASKS.get(self.model_type)
        return tasks if tasks is not None and prompt in PROMPTS else asked


def find_kind(folder: Path, trust_remote_code: bool) -> Kind:
    """The kind of the model in a folder. Raises CaptionerError where its code may not be run."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        model_type = str(config.get("model_type", ""))
        own_code = bool(config.get("auto_map"))
    except (OSError, ValueError, AttributeError):
        return Kind("")  # loading says more
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as KNOWN,
    )

    if model_type in KNOWN or not own_code:
        return Kind(model_type)
    if not trust_remote_code:
        raise CaptionerError(
            f"the model in {folder} ({model_type}) is none of transformers' own, and brings Python "
            "code that would be run here, with all that you may do; read it, and if you trust it, "
            "add --trust-remote-code, or choose another model (lexsearch captioners)"
        )
    return Kind(model_type, own_code=True)


def asked_of(kind: Kind, questions: Sequence[str], view: View) -> tuple[str, ...]:
    """What is asked about a view: Florence-2's regions and text are read off the whole alone."""
    if kind.has_tasks and view.crop.name != "whole":
        return tuple(questions[:1])
    return tuple(questions)


def told(
    asked: Sequence[str], answers: Sequence[str], framed: Image, view: View
) -> list[CaptionText]:
    """What Florence-2 answered in its tasks: a caption, with the names of regions, their places,
    and the words read.
    """
    captions: list[str] = []
    seen: list[CaptionText] = []
    read = ""
    for task, answer in zip(asked, answers, strict=True):
        if task == _REGIONS:
            for label, box in _regions(answer, framed.size):
                place = _in_picture(box, framed, view)
                if label and place is not None:
                    seen.append(CaptionText(label, "seen", place))
        elif task == _TEXT:
            read = answer_of(answer)
        else:
            captions.append(answer_of(answer))
    names = ", ".join(dict.fromkeys(entry.text for entry in seen))
    caption = "\n".join(filter(None, [*captions, names]))
    texts = [CaptionText(caption)] if caption else []
    return [*texts, *([CaptionText(read, "text")] if read else []), *seen]


def _regions(answer: str, size: tuple[int, int]) -> Iterator[tuple[str, list[float]]]:
    """Names with boxes in pixels of the framed view, given in thousandths of its sides: left, top,
    right, bottom. (The processor's own reading needs settings that not every checkpoint brings.)
    """
    for label, places in re.findall(r"([^<>]+)((?:<loc_\d+>)+)", answer):
        numbers = [int(number) for number in re.findall(r"\d+", places)]
        for at in range(0, len(numbers) - 3, 4):
            box = [
                (number + 0.5) / _BINS * size[axis % 2]
                for axis, number in enumerate(numbers[at : at + 4])
            ]
            yield label.strip(), box


def _in_picture(box: Sequence[float], framed: Image, view: View) -> Box | None:
    """A box of the framed view in pixels of the picture; None where it lies beside the view.

    The view was put in the middle of the frame, and both enlarged where they were small.
    """
    width, height = view.image.size
    crop = view.crop.box
    side = max(width, height)
    enlarged = max(1.0, max(framed.size) / side)
    left, top = (framed.width / enlarged - width) / 2, (framed.height / enlarged - height) / 2
    across, down = crop.width / width, crop.height / height
    place = Box(
        max(crop.left, round(crop.left + (box[0] / enlarged - left) * across)),
        max(crop.top, round(crop.top + (box[1] / enlarged - top) * down)),
        min(crop.right, round(crop.left + (box[2] / enlarged - left) * across)),
        min(crop.bottom, round(crop.top + (box[3] / enlarged - top) * down)),
    )
    return place if place.width > 0 and place.height > 0 else None
