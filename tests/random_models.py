"""Tiny models of random weights, each of a real architecture with its real processor."""

# mypy: disable-error-code="attr-defined, call-arg"
# (configurations of transformers take more than their signatures say)

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

SIDE = 56
_WORDS = (
    "Please generate multiple captions to describe the features of this image . describe caption "
    "en a dog cat bus red green on in with user assistant User: Assistant: What does the image "
    "describe? in detail, text regions?"
)
_TALK = (
    "{% for m in messages %}{{ m['role'] }} {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}IMAGE {% else %}{{ c['text'] }} {% endif %}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}assistant {% endif %}"
)
_SMALL = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2
}  # fmt: skip
_EYE = {**_SMALL, "image_size": SIDE, "patch_size": 14}


def tokenizer(*special: str, bert: bool = False, **named: str) -> tuple[Any, int]:
    """A tokenizer by white space, and how many words it has. bert: it begins and ends texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    known = ["<unk>", "<s>", "</s>", "<pad>", *special, *named.values()]
    known = list(dict.fromkeys([*known, *_WORDS.split(), *(f"w{n}" for n in range(60))]))
    backend = Tokenizer(models.WordLevel({w: n for n, w in enumerate(known)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if bert:
        backend.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 1))
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        sep_token="</s>", cls_token="<s>",
        additional_special_tokens=[*special, *named.values()],
        extra_special_tokens=named or {},
    )  # fmt: skip
    return made, len(known)


def _text(words: int) -> dict[str, Any]:
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    return {**_SMALL, **ids, "vocab_size": words, "max_position_embeddings": 512}


def _clip(**more: Any) -> Any:
    from transformers import CLIPImageProcessorPil

    square = {"height": SIDE, "width": SIDE}
    return CLIPImageProcessorPil(size=square, crop_size=square, do_center_crop=False, **more)


def blip() -> tuple[Any, Any]:
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipProcessor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    words, count = tokenizer(bert=True)
    text = {**_text(count), "encoder_hidden_size": 32, "sep_token_id": 2, "projection_dim": 32}
    config = BlipConfig(
        text_config=text, vision_config={**_EYE, "projection_dim": 32},
        projection_dim=32, image_text_hidden_size=32,
    )  # fmt: skip
    see = BlipImageProcessorPil(size={"height": SIDE, "width": SIDE})
    return BlipForConditionalGeneration(config), BlipProcessor(see, words)


def _opt(words: int) -> dict[str, Any]:
    return {
        "model_type": "opt", "vocab_size": words, "hidden_size": 32, "ffn_dim": 64,
        "num_hidden_layers": 2, "num_attention_heads": 2, "word_embed_proj_dim": 32,
        "max_position_embeddings": 512, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3,
    }  # fmt: skip


def blip2() -> tuple[Any, Any]:
    from transformers import Blip2Config, Blip2ForConditionalGeneration, Blip2Processor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    words, count = tokenizer("<image>")
    asks = {**_SMALL, "encoder_hidden_size": 32, "vocab_size": count}
    config = Blip2Config(
        vision_config=_EYE, qformer_config=asks, text_config=_opt(count), num_query_tokens=4,
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    see = BlipImageProcessorPil(size={"height": SIDE, "width": SIDE})
    return Blip2ForConditionalGeneration(config), Blip2Processor(see, words, num_query_tokens=4)


def instructblip() -> tuple[Any, Any]:
    from transformers import (
        InstructBlipConfig,
        InstructBlipForConditionalGeneration,
        InstructBlipProcessor,
    )
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    words, count = tokenizer("<image>")
    asks = {**_SMALL, "encoder_hidden_size": 32, "vocab_size": count}
    config = InstructBlipConfig(
        vision_config=_EYE, qformer_config=asks, text_config=_opt(count), num_query_tokens=4,
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    see = BlipImageProcessorPil(size={"height": SIDE, "width": SIDE})
    processor = InstructBlipProcessor(see, words, tokenizer()[0], num_query_tokens=4)
    return InstructBlipForConditionalGeneration(config), processor


def git() -> tuple[Any, Any]:
    from transformers import GitConfig, GitForCausalLM, GitProcessor

    words, count = tokenizer(bert=True)
    config = GitConfig(vision_config=_EYE, **_text(count))
    return GitForCausalLM(config), GitProcessor(_clip(), words)


def florence2() -> tuple[Any, Any]:
    from transformers import (
        CLIPImageProcessorPil,
        Florence2Config,
        Florence2ForConditionalGeneration,
        Florence2Processor,
    )

    places = [f"<loc_{n}>" for n in range(1000)]
    words, count = tokenizer(*places, image_token="<image>")
    config = Florence2Config(
        text_config={
            "model_type": "bart", "vocab_size": count, "d_model": 32, "encoder_layers": 2,
            "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
            "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 512,
            "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "decoder_start_token_id": 2,
        },
        vision_config={
            "embed_dim": [16, 16, 16, 32], "depths": [1] * 4, "num_heads": [1, 1, 1, 2],
            "num_groups": [1, 1, 1, 2], "projection_dim": 32, "window_size": 2,
        },
        image_token_id=words.convert_tokens_to_ids("<image>"),
        vocab_size=count, is_encoder_decoder=True,
    )  # fmt: skip
    square = {"height": 64, "width": 64}
    see = CLIPImageProcessorPil(
        size=square, do_center_crop=False, crop_size=square, image_seq_length=5
    )
    return (
        Florence2ForConditionalGeneration(config),
        Florence2Processor(see, words),
    )


def paligemma() -> tuple[Any, Any]:
    from transformers import (
        PaliGemmaConfig,
        PaliGemmaForConditionalGeneration,
        PaliGemmaProcessor,
    )
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    words, count = tokenizer("<image>")
    at = words.convert_tokens_to_ids("<image>")
    see = SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE})
    see.image_seq_length = (SIDE // 14) ** 2
    processor = PaliGemmaProcessor(see, words)
    count = len(processor.tokenizer)
    config = PaliGemmaConfig(
        vision_config={**_EYE, "model_type": "siglip_vision_model", "projection_dim": 32},
        text_config={
            **_text(count), "model_type": "gemma", "head_dim": 16, "num_key_value_heads": 1,
        },
        image_token_index=at, projection_dim=32, hidden_size=32,
    )  # fmt: skip
    return PaliGemmaForConditionalGeneration(config), processor


def llava_onevision() -> tuple[Any, Any]:
    from transformers import (
        LlavaOnevisionConfig,
        LlavaOnevisionForConditionalGeneration,
        LlavaOnevisionProcessor,
        LlavaOnevisionVideoProcessor,
    )
    from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
        LlavaOnevisionImageProcessorPil,
    )

    words, count = tokenizer(image_token="<image>", video_token="<video>")
    square, shapes = {"height": SIDE, "width": SIDE}, [[SIDE, SIDE], [SIDE, 2 * SIDE]]
    config = LlavaOnevisionConfig(
        vision_config={**_EYE, "model_type": "siglip_vision_model", "vision_use_head": False},
        text_config={**_text(count), "model_type": "qwen2", "num_key_value_heads": 1},
        image_token_index=words.convert_tokens_to_ids("<image>"),
        video_token_index=words.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=shapes, vision_feature_select_strategy="full",
    )  # fmt: skip
    processor = LlavaOnevisionProcessor(
        LlavaOnevisionImageProcessorPil(size=square, image_grid_pinpoints=shapes),
        words, LlavaOnevisionVideoProcessor(size=square),
        num_image_tokens=(SIDE // 14) ** 2, vision_feature_select_strategy="full",
        chat_template=_TALK.replace("IMAGE", "<image>"),
    )  # fmt: skip
    return LlavaOnevisionForConditionalGeneration(config), processor


_QWEN = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")


def _qwen_parts(patch: int) -> tuple[Any, int, Any, Any, dict[str, Any]]:
    from transformers import Qwen2VLVideoProcessor
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    words, count = tokenizer(*_QWEN, image_token="<|image_pad|>", video_token="<|video_pad|>")
    size = {"shortest_edge": (2 * patch) ** 2, "longest_edge": (4 * patch) ** 2}
    see = Qwen2VLImageProcessorPil(patch_size=patch, size=size)
    watch = Qwen2VLVideoProcessor(patch_size=patch)
    ids = {
        "image_token_id": words.convert_tokens_to_ids("<|image_pad|>"),
        "video_token_id": words.convert_tokens_to_ids("<|video_pad|>"),
        "vision_start_token_id": words.convert_tokens_to_ids("<|vision_start|>"),
        "vision_end_token_id": words.convert_tokens_to_ids("<|vision_end|>"),
    }
    return words, count, see, watch, ids


_QWEN_TALK = _TALK.replace("IMAGE", "<|vision_start|> <|image_pad|> <|vision_end|>")


def qwen2_5_vl() -> tuple[Any, Any]:
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
    )

    words, count, see, watch, ids = _qwen_parts(14)
    config = Qwen2_5_VLConfig(
        text_config={
            **_text(count), "num_key_value_heads": 1,
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3],
                                "rope_theta": 10000.0},
        },
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2,
            "out_hidden_size": 32, "patch_size": 14, "fullatt_block_indexes": [1],
            "window_size": 56,
        },
        **ids,
    )  # fmt: skip
    processor = Qwen2_5_VLProcessor(see, words, watch, chat_template=_QWEN_TALK)
    return Qwen2_5_VLForConditionalGeneration(config), processor


def qwen3_vl() -> tuple[Any, Any]:
    from transformers import (
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    words, count, see, _, ids = _qwen_parts(16)
    config = Qwen3VLConfig(
        text_config={
            **_text(count), "num_key_value_heads": 1, "head_dim": 16,
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3],
                                "rope_theta": 10000.0},
        },
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2,
            "out_hidden_size": 32, "patch_size": 16, "deepstack_visual_indexes": [0],
            "num_position_embeddings": 16,
        },
        **ids,
    )  # fmt: skip
    processor = Qwen3VLProcessor(
        see, words, Qwen3VLVideoProcessor(patch_size=16), chat_template=_QWEN_TALK
    )
    return Qwen3VLForConditionalGeneration(config), processor


def smolvlm() -> tuple[Any, Any]:
    from transformers import (
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
        SmolVLMProcessor,
        SmolVLMVideoProcessor,
    )
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    special = ("<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    rows = tuple(f"<row_{r}_col_{c}>" for r in range(1, 5) for c in range(1, 5))
    words, count = tokenizer(*special, *rows, image_token="<image>")
    see = SmolVLMImageProcessorPil(
        size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE}
    )
    watch = SmolVLMVideoProcessor(
        size={"longest_edge": SIDE}, max_image_size={"longest_edge": SIDE}
    )
    config = SmolVLMConfig(
        vision_config=_EYE,
        text_config={**_text(count), "model_type": "llama"},
        image_token_id=words.convert_tokens_to_ids("<image>"), scale_factor=2, pad_token_id=3,
    )  # fmt: skip
    processor = SmolVLMProcessor(
        see, words, watch, image_seq_len=4, chat_template=_TALK.replace("IMAGE", "<image>")
    )
    return SmolVLMForConditionalGeneration(config), processor


def idefics3() -> tuple[Any, Any]:
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    special = ("<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    rows = tuple(f"<row_{r}_col_{c}>" for r in range(1, 5) for c in range(1, 5))
    words, count = tokenizer(*special, *rows, image_token="<image>")
    see = Idefics3ImageProcessorPil(
        size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE}
    )
    config = Idefics3Config(
        vision_config=_EYE,
        text_config={**_text(count), "model_type": "llama"},
        image_token_id=words.convert_tokens_to_ids("<image>"), scale_factor=2, pad_token_id=3,
    )  # fmt: skip
    processor = Idefics3Processor(
        see, words, image_seq_len=4, chat_template=_TALK.replace("IMAGE", "<image>")
    )
    return Idefics3ForConditionalGeneration(config), processor


MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    made.__name__: made
    for made in (
        blip, blip2, instructblip, git, florence2, paligemma, llava_onevision, qwen2_5_vl, qwen3_vl,
        smolvlm, idefics3,
    )
}  # fmt: skip


def save_random(name: str, folder: Path) -> Path:
    """Make a model by its name in MODELS and save it; the same each time."""
    import torch

    torch.manual_seed(1)
    model, processor = MODELS[name]()
    with torch.no_grad():  # as drawn, weights are so small that every picture looks the same
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.mul_(8)
    model.generation_config.eos_token_id = 2
    model.generation_config.pad_token_id = 3
    model.save_pretrained(folder / name)
    processor.save_pretrained(folder / name)
    return folder / name
