"""A multimodal large language model describes the views, as in Nakata et al. 2024 (Sec. 3.1).

Any image-text-to-text model of transformers will do; the paper's is LLaVA-1.5-13B. The weights
must lie on this machine (a folder, or fetched with `hf download`); nothing is downloaded here.

torch and transformers are loaded when an Mllm is made, not when this module is imported.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lexsearch.captioners import Answer, Captioner
from lexsearch.captioners.mllm.devices import Devices
from lexsearch.captioners.mllm.framing import FILL, check_framing, frame
from lexsearch.captioners.mllm.kinds import Kind, asked_of, find_kind, told
from lexsearch.captioners.mllm.runner import Inputs, ModelRunner, Plan, load_runner, quiet
from lexsearch.captioners.mllm.weights import PRECISIONS, choose_precision, find_weights
from lexsearch.captioners.prompts import MAX_NEW_TOKENS, questions, resolve_prompt
from lexsearch.captioners.wording import caption_of
from lexsearch.errors import CaptionerError
from lexsearch.extras import require
from lexsearch.records import CaptionerKey, CaptionText, View

if TYPE_CHECKING:
    from PIL.Image import Image

DEFAULT_MODEL = "llava-hf/llava-1.5-13b-hf"

_REVISION = 1
"""Goes up with every change here that changes what is said of a picture."""

_SIDE = 448
"""Pixels of the padded square, for a model that takes squares of any size."""

_LARGEST_SIDE = 1024
_MOST_FOR_A_CPU = 1_000_000_000  # parameters
_BATCHES_A_WINDOW = 4


class _Prepared(NamedTuple):
    """What the model gets of a view: the framed picture, and the inputs of the first question."""

    image: Image
    inputs: Inputs


class Mllm(Captioner):
    """Describes views with a model that runs here.

    model: a folder, or a model of the Hugging Face hub that was fetched: "NAME" or "NAME@REVISION".
    prompt: a name in PROMPTS, or a prompt. follow_up: ask for what the first answer left out, too.
    precision: one of PRECISIONS, or "auto": the best that fits into the free memory.
    framing: "pad" (to a square, so that all of a view is seen) or "processor" (as the model's own
        processor does; LLaVA's cuts the middle square out).
    batch_size: views at once on each device; None finds out.
    devices: as torch names them; None: every GPU, or else the CPU.
    trust_remote_code: run code that comes with the model, where it is none of transformers' own.

    Raises CaptionerError when the model is not on this machine or does not fit into memory.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        prompt: str = "captions",
        follow_up: bool = False,
        precision: str = "auto",
        framing: str = "pad",
        max_new_tokens: int = MAX_NEW_TOKENS,
        batch_size: int | None = None,
        devices: Sequence[str] | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        check_framing(framing)
        if precision not in ("auto", *PRECISIONS):
            raise CaptionerError(
                f"there is no precision {precision!r}; choose auto, {', '.join(PRECISIONS)}"
            )
        asked = questions(resolve_prompt(prompt), follow_up)
        require("mllm", "the captioner mllm", CaptionerError)
        weights = find_weights(model or DEFAULT_MODEL)
        self._kind = find_kind(weights.folder, trust_remote_code)
        self._questions = self._kind.questions(prompt, asked)
        self._devices = list(devices or _all_devices())
        where, free = _free_memory(self._devices)
        if precision == "auto":
            candidates = PRECISIONS if self._devices[0] == "cpu" else PRECISIONS[1:]
            precision = choose_precision(weights, free, candidates, where)
        self.note = (
            f"{precision} on {where}: {weights.bytes_at(precision) / 1e9:.1f} GB of weights, "
            f"{free / 1e9:.1f} GB free"
        )
        if where == "cpu" and weights.parameters > _MOST_FOR_A_CPU:
            self.note += "; no GPU was found, and without one this takes many minutes a picture"
        version = (
            f"{_REVISION}:{weights.name}@{weights.revision} {precision} {framing} "
            f"greedy-{max_new_tokens}"
        )
        self.key = CaptionerKey("mllm", version, "\n".join(self._questions))
        self.view_side = _SIDE
        self._framing = framing
        self._plan = Plan(
            weights.folder,
            precision,
            max_new_tokens,
            batch_size,
            own_code=self._kind.own_code,
            special_tokens=self._kind.has_tasks,
        )
        self._processor: Any = None
        self._processing = threading.Lock()  # tokenizers are not for several threads at once
        self._engine: ModelRunner | Devices | None = None

    def load(self) -> None:
        """Load the model, which takes from seconds to minutes."""
        if self._engine is not None:
            return
        with quiet():
            self._processor = _load_processor(self._plan.folder, self._kind.own_code)
        self.view_side = _view_side(self._processor, self._framing)
        probe = self._inputs(_grey(self.view_side), [])
        if len(self._devices) > 1:
            self._engine = Devices(self._plan, self._devices, probe)
        else:
            self._engine = load_runner(self._plan, self._devices[0], probe)
        self._take_over_batch_size()

    def prepare(self, view: View) -> View:
        """The view as tensors."""
        image = frame(view.image, self._framing)
        return View(view.crop, view.image, _Prepared(image, self._inputs(image, [])))

    def caption(self, views: Sequence[View]) -> list[Answer]:
        """What the model says of each view: one caption, with all the answers, a line each."""
        self.load()
        ready: list[_Prepared] = [(view.prepared or self.prepare(view).prepared) for view in views]
        asked = [asked_of(self._kind, self._questions, view) for view in views]
        said: list[list[str]] = [[] for _ in ready]
        failed: dict[int, CaptionerError] = {}
        for number in range(len(self._questions)):
            going = [at for at in range(len(ready)) if at not in failed and number < len(asked[at])]
            inputs = [
                self._inputs(ready[at].image, said[at]) if number else ready[at].inputs
                for at in going
            ]
            for at, answer in zip(going, self._ask(inputs), strict=True):
                if isinstance(answer, CaptionerError):
                    failed[at] = answer
                else:
                    said[at].append(answer)
        return [
            failed.get(at) or self._words(view, asked[at], said[at], ready[at].image)
            for at, view in enumerate(views)
        ]

    def close(self) -> None:
        if isinstance(self._engine, Devices):
            self._engine.close()
        self._engine = None

    def _ask(self, inputs: Sequence[Inputs]) -> list[str | CaptionerError]:
        assert self._engine is not None
        try:
            return self._engine.ask(inputs) if inputs else []
        finally:
            self._take_over_batch_size()

    def _words(
        self, view: View, asked: Sequence[str], answers: Sequence[str], framed: Image
    ) -> Answer:
        """The captions in the answers, a line each; the error where they hold none."""
        if self._kind.has_tasks:
            return told(asked, answers, framed, view)
        try:
            captions = [caption_of(answer, tuple(filter(None, asked))) for answer in answers]
        except CaptionerError as error:
            return error
        text = "\n".join(filter(None, captions))
        return [CaptionText(text)] if text else []

    def _take_over_batch_size(self) -> None:
        """Inputs that differ in length come several batches at once, so that like can join like."""
        assert self._engine is not None
        alike = self._framing == "pad" and len(self._questions) == 1
        self.batch_size = self._engine.batch_size * (1 if alike else _BATCHES_A_WINDOW)

    def _inputs(self, image: Image, answers: Sequence[str]) -> Inputs:
        """The picture and the next question, after the earlier ones with their answers."""
        try:
            with self._processing:
                text = _conversation(self._processor, self._kind, self._questions, answers)
                # A template may begin with the token that the tokenizer begins with as well.
                begun = text.startswith(self._processor.tokenizer.bos_token or "\0")
                more = {"add_special_tokens": False} if begun else {}
                made = self._processor(images=[image], text=[text], return_tensors="pt", **more)
        except Exception as error:
            raise CaptionerError(
                f"the model's processor failed ({type(error).__name__}: {error})"
            ) from error
        inputs = {name: value for name, value in made.items() if hasattr(value, "shape")}
        if self._kind.ends_questions:
            return _without_an_end(inputs, self._processor.tokenizer)
        return inputs


def _without_an_end(inputs: dict[str, Any], tokenizer: Any) -> dict[str, Any]:
    """Inputs without the token that would end them: an answer is to go on there."""
    ids = inputs["input_ids"]
    ends = {tokenizer.eos_token_id, tokenizer.sep_token_id}
    if ids.shape[1] < 2 or int(ids[0, -1]) not in ends:
        return inputs
    same = [name for name, value in inputs.items() if value.shape == ids.shape]
    return {name: value[:, :-1] if name in same else value for name, value in inputs.items()}


def _conversation(processor: Any, kind: Kind, asked: Sequence[str], answers: Sequence[str]) -> str:
    """All turns so far and the next question, as the model's chat template puts them."""
    if kind.has_tasks:
        return asked[len(answers)]
    if not getattr(processor, "chat_template", None):
        picture = str(getattr(processor, "image_token", ""))
        return kind.text(picture, (*answers, asked[len(answers)]))
    turns = []
    for number, question in enumerate(asked[: len(answers) + 1]):
        content = [{"type": "text", "text": question}]
        if number == 0:
            content.insert(0, {"type": "image"})
        turns.append({"role": "user", "content": content})
        if number < len(answers):
            said = [{"type": "text", "text": answers[number]}]
            turns.append({"role": "assistant", "content": said})
    text: str = processor.apply_chat_template(turns, add_generation_prompt=True)
    return text


def _load_processor(folder: Path, own_code: bool) -> Any:
    from transformers import AutoProcessor

    options = {"local_files_only": True, "padding_side": "left", "trust_remote_code": own_code}
    try:
        try:
            processor = AutoProcessor.from_pretrained(folder, backend="pil", **options)
        except ImportError as error:
            if "pil backend" not in str(error):
                raise
            # One that is for video as well, which has no other backend than torchvision.
            processor = AutoProcessor.from_pretrained(folder, **options)
    except Exception as error:
        # Processors for video as well do not load without it, and say so in riddles.
        missing = importlib.util.find_spec("torchvision") is None
        raise CaptionerError(
            f"the processor of the model in {folder} does not load "
            f"({type(error).__name__}: {error}); is it an image-text-to-text model?"
            + (" Some need torchvision: pip install torchvision" if missing else "")
        ) from error
    if not hasattr(processor, "image_processor"):
        raise CaptionerError(f"the model in {folder} does not look at pictures")
    if getattr(processor, "num_image_tokens", 0) is None:
        # Florence-2, saved without it: one token for 32 x 32 pixels, and one for the whole.
        size = processor.image_processor.size
        processor.num_image_tokens = (size["height"] // 32) * (size["width"] // 32) + 1
    return processor


def _view_side(processor: Any, framing: str) -> int:
    """The longest side, in pixels, of views that the model makes full use of."""
    sizes = [
        dict(getattr(processor.image_processor, name, None) or {}) for name in ("crop_size", "size")
    ]
    found = [size[name] for size in sizes for name in ("height", "shortest_edge") if size.get(name)]
    # Some models name areas there, or more than a view of a picture is worth.
    side = next((side for side in found if 16 <= side <= _LARGEST_SIDE), _SIDE)
    return side if framing == "pad" else 3 * side


def _grey(side: int) -> Image:
    from PIL import Image

    return Image.new("RGB", (side, side), FILL)


def _all_devices() -> list[str]:
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu"]


def _free_memory(devices: Sequence[str]) -> tuple[str, int]:
    """The name of the devices, and the bytes that are free on the one that has the least."""
    import torch

    if devices[0] == "cpu":
        import psutil

        return "cpu", psutil.virtual_memory().available
    free = min(torch.cuda.mem_get_info(device)[0] for device in devices)
    name = torch.cuda.get_device_name(devices[0])
    return (f"{len(devices)} x {name}" if len(devices) > 1 else name), free
