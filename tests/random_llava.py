"""LLaVAs with random weights, their own tokenizer and processor: real parts that know nothing.

What they say is nonsense, but it goes through the same code as with the real ones, and depends
on the picture. Run as a program, this saves a tiny one: python random_llava.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

SIDE = 56
"""Pixels of the square that the tiny one looks at."""

_PATCH = 14
_WORDS = 64
_TEXT = (
    "USER ASSISTANT Please generate multiple captions to describe the features of this image "
    "characteristics with tags and additional that are not expressed in generated explain them "
    "a dog cat bus red green blue street tree person two left right small large traffic light If "
    "there any : . ,"
)
_TEMPLATE = (
    "{% for m in messages %}{{ m['role'].upper() }}: "
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>\n"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def make_processor(side: int, patch: int, words: int) -> Any:
    """LLaVA-1.5's processor for squares of `side` pixels, with a vocabulary of so many words,
    "<image>" the last of them.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import CLIPImageProcessorPil, LlavaProcessor, PreTrainedTokenizerFast

    known = ["<unk>", "<s>", "</s>", "<pad>", *dict.fromkeys(_TEXT.split())]
    known += [f"word{number}" for number in range(words - 1 - len(known))]
    vocabulary = {word: number for number, word in enumerate([*known, "<image>"])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        extra_special_tokens={"image_token": "<image>"},
    )
    return LlavaProcessor(
        CLIPImageProcessorPil(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}
        ),
        tokenizer,
        patch_size=patch,
        vision_feature_select_strategy="default",
        chat_template=_TEMPLATE,
        num_additional_image_tokens=1,
    )


def make_config(vision: dict[str, Any], text: dict[str, Any]) -> Any:
    """LLaVA-1.5's architecture, in the given sizes; for `make_processor`'s vocabulary."""
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig

    return LlavaConfig(
        vision_config=CLIPVisionConfig(**vision),
        text_config=LlamaConfig(**text, bos_token_id=1, eos_token_id=2, pad_token_id=3),
        image_token_index=text["vocab_size"] - 1,
        image_seq_length=(vision["image_size"] // vision["patch_size"]) ** 2,
    )


def tiny_config() -> Any:
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 64}
    return make_config(
        {**layers, "intermediate_size": 64, "image_size": SIDE, "patch_size": _PATCH},
        {**layers, "intermediate_size": 128, "vocab_size": _WORDS, "max_position_embeddings": 512},
    )


def tiny_processor() -> Any:
    return make_processor(SIDE, _PATCH, _WORDS)


def save_tiny_llava(folder: Path, seed: int = 1) -> Path:
    """Make a LLaVA of two layers and save it; the same for the same seed."""
    import torch
    from transformers import LlavaForConditionalGeneration

    torch.manual_seed(seed)
    return _save(LlavaForConditionalGeneration(tiny_config()), tiny_processor(), folder)


def save_tiny_llava_next(folder: Path) -> Path:
    """Make and save a LLaVA-NeXT, which looks at more or fewer squares by a view's shape."""
    import torch
    from transformers import (
        LlavaNextConfig,
        LlavaNextForConditionalGeneration,
        LlavaNextProcessor,
    )
    from transformers.models.llava_next.image_processing_pil_llava_next import (
        LlavaNextImageProcessorPil,
    )

    shapes = [[SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE]]
    plain, config = tiny_processor(), tiny_config()
    processor = LlavaNextProcessor(
        LlavaNextImageProcessorPil(
            size={"shortest_edge": SIDE},
            crop_size={"height": SIDE, "width": SIDE},
            image_grid_pinpoints=shapes,
        ),
        plain.tokenizer,
        patch_size=_PATCH,
        vision_feature_select_strategy="default",
        chat_template=plain.chat_template,
        num_additional_image_tokens=1,
    )
    torch.manual_seed(1)
    model = LlavaNextForConditionalGeneration(
        LlavaNextConfig(
            vision_config=config.vision_config.to_dict(),
            text_config=config.text_config.to_dict(),
            image_token_index=config.image_token_id,
            image_grid_pinpoints=shapes,
        )
    )
    return _save(model, processor, folder)


def _save(model: Any, processor: Any, folder: Path) -> Path:
    import torch

    with torch.no_grad():  # as drawn, weights are so small that every picture looks the same
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.mul_(8)
    model.generation_config.eos_token_id = 2
    model.generation_config.pad_token_id = 3
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    save_tiny_llava(Path(sys.argv[1]))
