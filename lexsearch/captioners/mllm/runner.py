"""One image-text-to-text model of transformers on one device: inputs in, answers out.

Batches are as large as memory allows; one that does not fit after all is halved and done again.
On a GPU the keys and values go into a static cache, which is kept from batch to batch (a growing
one is copied with every token), and once the work proves long, the decoding step is compiled.

torch and transformers are loaded when a ModelRunner is made, not when this module is imported.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lexsearch.errors import CaptionerError, CaptionerUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

Inputs = Mapping[str, Any]
"""What the processor made of one view and a prompt: tensors with a first dimension of 1, or of
as many patches as the view has."""

_COMPILE_AFTER = 16
"""Batches done before the decoding step is compiled, which takes as long as some of them. By
count, not by time, so that a rerun does the same."""

_MOST_AT_ONCE = 128
"""Beyond this the weights are no longer what decoding waits for, and more views gain little."""

_AT_ONCE_ON_CPU = 4
_LENGTH_STEP = 128  # a static cache is a multiple of this long, so that it fits the next batch too

_MEMORY_WORDS = ("not enough memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")

log = logging.getLogger("lexsearch")


class Plan(NamedTuple):
    """How to load and run a model.

    batch_size: how many views at once; None: find out. own_code: the code that comes with it is
    run. special_tokens: they are part of its answers.
    """

    folder: Path
    precision: str
    max_new_tokens: int
    batch_size: int | None = None
    own_code: bool = False
    special_tokens: bool = False


class ModelRunner:
    """A loaded model. batch_size: how many views it does at once; shrinks when memory is short.

    probe: the inputs of a typical view, by which the memory that a view takes is estimated,
    where no batch size is given.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        max_new_tokens: int,
        probe: Inputs,
        batch_size: int | None = None,
        special_tokens: bool = False,
    ) -> None:
        import torch

        self._torch = torch
        self.model = model
        self.device = model.device
        self.settings = _greedy(model, tokenizer, max_new_tokens)
        self.static = self.device.type == "cuda" and bool(
            getattr(model, "_can_compile_fullgraph", False)
        )
        self.compiled = False
        self._tokenizer = tokenizer
        self._special_tokens = special_tokens
        self._may_compile = self.static and getattr(model, "hf_quantizer", None) is None
        self._batches = 0
        self._cache: Any = None
        self._cache_shape = (0, 0)
        self.batch_size = batch_size or self._find_batch_size(probe)

    def ask(self, inputs: Sequence[Inputs]) -> list[str | CaptionerError]:
        """An answer to each, in order, or the error where memory is too short for that one alone.

        Inputs of like length share a batch, the longest first: padding costs time, and memory
        that is short shows early.
        """
        answers: dict[int, str | CaptionerError] = {}
        left = sorted(range(len(inputs)), key=lambda at: (_kind(inputs[at]), -_length(inputs[at])))
        while left:
            kind = _kind(inputs[left[0]])
            batch = [at for at in left[: self.batch_size] if _kind(inputs[at]) == kind]
            texts = self._try([inputs[at] for at in batch])
            if texts is not None:
                answers.update(zip(batch, texts, strict=True))
            elif len(batch) == 1:
                answers[batch[0]] = CaptionerError(
                    f"{self.device} has not enough memory for even one view at once; "
                    "end what else uses it, or choose a lower precision or a smaller model"
                )
            else:
                self.batch_size = len(batch) // 2
                log.warning(
                    "%s is out of memory with %d views at once; going on with %d",
                    self.device,
                    len(batch),
                    self.batch_size,
                )
                continue
            left = left[len(batch) :]
        return [answers[at] for at in range(len(inputs))]

    def _try(self, batch: Sequence[Inputs]) -> list[str] | None:
        """The answers; None when memory was too short."""
        try:
            return self._generate(batch)
        except Exception as error:
            if not _is_memory(self._torch, error):
                if self.compiled and not str(error).startswith("CUDA error"):
                    log.warning("compiling failed (%s); going on without", _line(error))
                    self.compiled = self._may_compile = False
                    return self._try(batch)
                raise _translated(error) from error
        # Out here, since the exception's frames hold on to the tensors that did not fit.
        self._cache = None
        gc.collect()
        if self.device.type == "cuda":
            self._torch.cuda.empty_cache()
        return None

    def _generate(self, batch: Sequence[Inputs]) -> list[str]:
        torch = self._torch
        self.compiled = self._may_compile and self._batches >= _COMPILE_AFTER
        filled = list(batch)
        if self.compiled:  # it is compiled for one size, so the last batch is filled up
            filled += [batch[-1]] * (self.batch_size - len(batch))
        inputs = collate(torch, filled, self.settings.pad_token_id)
        inputs = {
            name: tensor.to(self.device, self.model.dtype if tensor.is_floating_point() else None)
            for name, tensor in inputs.items()
        }
        ids = inputs["input_ids"]
        more: dict[str, Any] = {}
        if self.static:
            more["past_key_values"] = self._static_cache(
                len(filled), ids.shape[1] + self.settings.max_new_tokens
            )
        self.settings.disable_compile = not self.compiled
        with quiet():
            output = self.model.generate(**inputs, **more, generation_config=self.settings)
        self._batches += 1
        output = output[: len(batch), _echoed(output, ids) :]
        texts: list[str]
        texts = self._tokenizer.batch_decode(output, skip_special_tokens=not self._special_tokens)
        return texts

    def _static_cache(self, views: int, length: int) -> Any:
        """Room for the keys and values of a batch: that of the batch before, where it fits, so
        that a compiled step, which knows its address, is still good.
        """
        from transformers import StaticCache

        fits = self._cache_shape[0] == views and length <= self._cache_shape[1]
        if self._cache is not None and fits:
            self._cache.reset()
            return self._cache
        self._cache = None  # before the new one is made: there may be no room for both
        length = -(-length // _LENGTH_STEP) * _LENGTH_STEP
        config = self.model.config.get_text_config(decoder=True)
        self._cache = StaticCache(config=config, max_cache_len=length)
        self._cache_shape = views, length
        return self._cache

    def _find_batch_size(self, probe: Inputs) -> int:
        """As many views as fit into four fifths of the memory that is free now."""
        if self.device.type != "cuda":
            return _AT_ONCE_ON_CPU
        free, _ = self._torch.cuda.mem_get_info(self.device)
        tokens = _length(probe) + self.settings.max_new_tokens
        count = int(0.8 * free / view_bytes(self.model.config, tokens))
        return max(1, min(_MOST_AT_ONCE, count if count < 8 else count // 8 * 8))


def load_runner(plan: Plan, device: str, probe: Inputs) -> ModelRunner:
    """The model that is planned, on a device. Raises CaptionerError when it does not load."""
    from transformers import AutoTokenizer

    with quiet():
        model = load_model(plan.folder, plan.precision, device, plan.own_code)
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                plan.folder, local_files_only=True, trust_remote_code=plan.own_code
            )
        except Exception as error:
            raise CaptionerError(
                f"the tokenizer in {plan.folder} does not load: {_line(error)}"
            ) from error
    return ModelRunner(
        model, tokenizer, plan.max_new_tokens, probe, plan.batch_size, plan.special_tokens
    )


def load_model(folder: Path, precision: str, device: str, own_code: bool = False) -> Any:
    """The model on the device, its weights read straight to there. Raises CaptionerError."""
    import torch
    from transformers import AutoModelForImageTextToText

    options: dict[str, Any] = {
        "dtype": torch.float32 if precision == "fp32" else torch.bfloat16,
        "device_map": {"": device},
        "local_files_only": True,
        "trust_remote_code": own_code,
    }  # attention is torch's (sdpa) by default, where the model allows it
    try:
        if precision in ("int8", "nf4"):
            options["quantization_config"] = quantization(folder, precision)
        model = AutoModelForImageTextToText.from_pretrained(folder, **options)
    except Exception as error:
        if _is_memory(torch, error):
            raise CaptionerError(
                f"the model in {folder} does not fit on {device} at {precision}; "
                "choose a lower precision or a smaller model"
            ) from error
        raise CaptionerError(f"the model in {folder} does not load: {_line(error)}") from error
    return model.eval()


def quantization(folder: Path, precision: str) -> Any:
    """Settings for bitsandbytes that quantise the language model's layers and nothing else.

    By default all linear modules but the head are, the vision encoder too, which costs quality
    and saves next to nothing; and only full names are understood as exceptions.
    """
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText, BitsAndBytesConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    exceptions = outside_decoder(model)
    if precision == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=exceptions)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=exceptions,
    )


def outside_decoder(model: Any) -> list[str]:
    """The full names of the modules beside the language model: the siblings of its ancestors."""
    decoder = model.get_decoder()
    path = next(name for name, module in model.named_modules() if module is decoder)
    if not path:
        return ["lm_head"]
    names = []
    for name, _ in model.named_modules():
        parent, _, _ = name.rpartition(".")
        inside = path == name or path.startswith(f"{name}.")
        if name and not inside and (not parent or path.startswith(f"{parent}.")):
            names.append(name)
    return names


def view_bytes(config: Any, tokens: int) -> int:
    """About how much memory one view of a batch takes, beside the weights: keys and values of
    all layers, and what the widest layer has in flight while all its tokens are read at once.
    """
    text = config.get_text_config(decoder=True)
    heads = text.num_attention_heads
    head = getattr(text, "head_dim", None) or text.hidden_size // heads
    pairs = 2 * text.num_hidden_layers * (getattr(text, "num_key_value_heads", None) or heads)
    wide = 3 * getattr(text, "intermediate_size", 4 * text.hidden_size) + 8 * text.hidden_size
    return int(2 * tokens * (pairs * head + wide))


def collate(torch: Any, batch: Sequence[Inputs], pad: int) -> dict[str, Any]:
    """Inputs of one view each as inputs of a batch; text is padded at the left, where an answer
    is not disturbed by it.
    """
    longest = max(_length(inputs) for inputs in batch)
    joined = {}
    for name, first in batch[0].items():
        tensors = [inputs[name] for inputs in batch]
        if first.shape == batch[0]["input_ids"].shape:
            fill = pad if name == "input_ids" else 0
            tensors = [
                torch.nn.functional.pad(tensor, (longest - tensor.shape[1], 0), value=fill)
                for tensor in tensors
            ]
        joined[name] = torch.cat(tensors)
    return joined


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' progress bars and remarks, which would break up our own."""
    from transformers.utils import logging as transformers_logging

    level = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()


def _greedy(model: Any, tokenizer: Any, max_new_tokens: int) -> Any:
    """The model's own settings for generating, but always the likeliest token."""
    from transformers import GenerationConfig

    own = model.generation_config
    pad = own.pad_token_id if own.pad_token_id is not None else tokenizer.pad_token_id
    ends = own.eos_token_id if own.eos_token_id is not None else tokenizer.eos_token_id
    if pad is None:
        pad = ends[0] if isinstance(ends, list) else ends
    for name in ("temperature", "top_p", "top_k", "min_p", "typical_p", "max_length"):
        setattr(own, name, None)  # else they are merged into the settings below, and warned of
    return GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=max_new_tokens,
        pad_token_id=pad if pad is not None else 0,
        eos_token_id=ends,
        bos_token_id=own.bos_token_id,
        repetition_penalty=own.repetition_penalty,
        use_cache=True,
    )


def _echoed(output: Any, ids: Any) -> int:
    """How many tokens of the output are the question's: all, none, or, of BLIP, all but the last.

    The first one is not compared: BLIP puts another in its place.
    """
    for count in (ids.shape[1], ids.shape[1] - 1):
        if output.shape[1] >= count > 0 and bool(
            (output[: ids.shape[0], 1:count] == ids[:, 1:count]).all()
        ):
            return int(count)
    return 0


def _length(inputs: Inputs) -> int:
    return int(inputs["input_ids"].shape[1])


def _kind(inputs: Inputs) -> tuple[Any, ...]:
    """What must be the same of inputs that share a batch: the shapes of what is not text."""
    text = inputs["input_ids"].shape
    return tuple(
        (name, *tensor.shape[1:]) for name, tensor in inputs.items() if tensor.shape != text
    )


def _is_memory(torch: Any, error: BaseException) -> bool:
    """Whether it says that memory ran out: on a CPU, in cuBLAS and in a graph by words alone."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _MEMORY_WORDS)
    )


def _translated(error: Exception) -> CaptionerError:
    if str(error).startswith("CUDA error"):  # the process can use that GPU no more
        return CaptionerUnavailable(
            f"the GPU failed ({_line(error)}); what is described so far is kept: run it again"
        )
    return CaptionerError(f"the model failed ({_line(error)})")


def _line(error: BaseException) -> str:
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}"
