"""A causal language model that is being trained to rewrite, with LoRA or all of its weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lexsearch.errors import RewritingError
from lexsearch.extras import require
from lexsearch.language.local import causal_model
from lexsearch.rewriting.prompts import rewriting

Tokens = list[int]


class Said(NamedTuple):
    """What a model makes of n answers of at most t tokens.

    log_probs: (n, t), of each token of the answers. mask: (n, t), 1 for a token. hidden: (n, t, d),
    the last hidden state before each token.
    """

    log_probs: Tensor
    mask: Tensor
    hidden: Tensor


class Policy:
    """pi(y | x).

    place: a folder, a fetched name or "smollm2". lora: the rank of its adapters; 0 trains all.
    half: 16-bit weights where there is a GPU.
    Raises ModelError when the model cannot be loaded, RewritingError when peft is missing.
    """

    def __init__(self, place: str, *, lora: int, half: bool = False) -> None:
        if lora:
            require("rewrite", "training with LoRA", RewritingError)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        loaded, self.tokenizer = causal_model(place)
        dtype = torch.bfloat16 if half and self.device == "cuda" else torch.float32
        self._lora = lora
        self._reference: Any = None
        self.model: Any = loaded.to(device=self.device, dtype=dtype)
        self.model.config.use_cache = True
        if lora:
            self.model = _with_adapter(self.model, lora)
        self.model.eval()  # no dropout: what is sampled and what is scored is one policy
        if self.tokenizer.eos_token_id is None:
            raise RewritingError(
                f"the tokenizer of {place} has no token that ends a text; choose another model"
            )
        self._end: int = self.tokenizer.eos_token_id
        pad = self.tokenizer.pad_token_id
        self._pad: int = self._end if pad is None else pad

    @property
    def width(self) -> int:
        """Of a hidden state."""
        return int(self.model.config.hidden_size)

    def trained(self) -> list[Any]:
        """The weights that learn."""
        return [weight for weight in self.model.parameters() if weight.requires_grad]

    def prompt(self, query: str) -> Tokens:
        return prompt_tokens(self.tokenizer, query)

    def answer(self, text: str) -> Tokens:
        """With the token that ends it."""
        return [*self.tokenizer(text, add_special_tokens=False)["input_ids"], self._end]

    def text(self, answer: Tokens) -> str:
        said: str = self.tokenizer.decode(answer, skip_special_tokens=True)
        return " ".join(said.split())

    def ends(self, answer: Tokens) -> bool:
        return answer[-1:] == [self._end]

    def say(self, prompts: Sequence[Tokens], answers: Sequence[Tokens]) -> Said:
        """Log-probabilities of answers, teacher-forced: prompts end, and answers begin, at one
        place for all.
        """
        ahead, most = max(map(len, prompts)), max(map(len, answers))
        rows, seen = [], []
        for prompt, answer in zip(prompts, answers, strict=True):
            left, right = ahead - len(prompt), most - len(answer)
            rows.append([self._pad] * left + prompt + answer + [self._pad] * right)
            seen.append([0] * left + [1] * (len(prompt) + len(answer)) + [0] * right)
        ids, attention = self._tensor(rows), self._tensor(seen)
        output = self.model(
            input_ids=ids,
            attention_mask=attention,
            position_ids=(attention.cumsum(-1) - 1).clamp(min=0),
            logits_to_keep=most + 1,
            output_hidden_states=True,
            use_cache=False,
        )
        spoken = ids[:, ahead:]
        logits = output.logits[:, -most - 1 : -1].float()
        chosen = logits.gather(-1, spoken.unsqueeze(-1)).squeeze(-1)
        log_probs = chosen - torch.logsumexp(logits, -1)
        mask = attention[:, ahead:].float()
        hidden = output.hidden_states[-1][:, -most - 1 : -1].float()
        return Said(log_probs * mask, mask, hidden)

    @torch.no_grad()
    def sample(self, prompts: Sequence[Tokens], longest: int, *, greedy: bool) -> list[Tokens]:
        """An answer to each prompt, of so many tokens at most: drawn as the policy has it, or the
        likeliest token each time.
        """
        ahead = max(map(len, prompts))
        lefts = [ahead - len(prompt) for prompt in prompts]
        rows = [[self._pad] * left + prompt for left, prompt in zip(lefts, prompts, strict=True)]
        seen = [[0] * left + [1] * (ahead - left) for left in lefts]
        how: dict[str, Any] = {"do_sample": False}
        if not greedy:
            how = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
        found = self.model.generate(
            input_ids=self._tensor(rows),
            attention_mask=self._tensor(seen),
            max_new_tokens=longest,
            repetition_penalty=1.0,
            pad_token_id=self._pad,
            eos_token_id=self._end,
            **how,
        )
        return [self._cut(row[ahead:]) for row in found.tolist()]

    def _cut(self, answer: Tokens) -> Tokens:
        """Up to its end."""
        if self._end in answer:
            return answer[: answer.index(self._end) + 1]
        return answer

    def keep_reference(self) -> None:
        """What the policy is now is what `reference` asks from here on. With adapters, which are
        new in each stage, that is the model without them, and takes no memory.
        """
        if not self._lora:
            self._reference = copy.deepcopy(self.model).requires_grad_(False)

    @contextmanager
    def reference(self) -> Iterator[Policy]:
        """The policy as it was."""
        if self._lora:
            with self.model.disable_adapter():
                yield self
            return
        now, self.model = self.model, self._reference
        try:
            yield self
        finally:
            self.model = now

    def state(self) -> dict[str, Tensor]:
        """What learns, to be loaded with `load`."""
        return {
            name: weight.detach().cpu().clone()
            for name, weight in self.model.named_parameters()
            if weight.requires_grad
        }

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        for name, weight in self.model.named_parameters():
            if name in state:
                weight.copy_(state[name])

    def save(self, folder: Path) -> None:
        """Write an ordinary folder of transformers, adapters merged. The policy is to be loaded
        from there to go on.
        """
        whole = self.model.merge_and_unload() if self._lora else self.model
        whole.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def _tensor(self, rows: list[list[int]]) -> Tensor:
        return torch.tensor(rows, device=self.device)


def prompt_tokens(tokenizer: Any, query: str) -> Tokens:
    """What a rewriter is given: a user's turn in the model's chat template, or, without one, a
    line.
    """
    if tokenizer.chat_template is None:
        ids: Tokens = tokenizer(f"{rewriting(query)}\n")["input_ids"]
        return ids
    turns = [{"role": "user", "content": rewriting(query)}]
    found: Tokens = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_dict=True
    )["input_ids"]
    return found


def _with_adapter(model: Any, rank: int) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
    return get_peft_model(model, config)
