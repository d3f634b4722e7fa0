"""How many pictures a second a multimodal language model describes, 18 views each.

    benchmarks/bench_captioning.py                      # LLaVA-1.5-13B, random weights, on a GPU
    benchmarks/bench_captioning.py --model 7b --batch 16,64,128
    benchmarks/bench_captioning.py --tiny  # the same code on a CPU, in seconds; no figure

The architecture is the true one, the weights are random (nothing is downloaded, and they are drawn
on the GPU itself), and every answer has the same length. Three figures:

naive     transformers as in its examples: one view at a time, processor and all
ours      files to captions as `lexsearch index --captioner mllm` does it: decoded, cut and
          prepared on threads, captioned in batches; a row for each batch size, once it is warm
roofline  what the card could do at most with that batch: reading the prompt by its arithmetic,
          writing the answer by its memory (or arithmetic, where that takes longer)

Expects lexsearch beside this Python. On an H200 about ten minutes for the 13B.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

import torch
from PIL import Image
from random_llava import make_config, make_processor, tiny_config, tiny_processor

from lexsearch.captioners import mllm
from lexsearch.captioners.mllm import runner as _engine
from lexsearch.captioners.mllm.weights import Weights
from lexsearch.captioners.prompts import resolve_prompt
from lexsearch.images import crops
from lexsearch.images.files import open_picture
from lexsearch.records import View

VIEWS = 18
WARM_UP = 2  # batches, in which the decoding step is compiled


class Card(NamedTuple):
    """Peaks by the maker's data sheet: dense bf16 FLOP a second, and bytes a second."""

    flops: float
    bandwidth: float


CARDS = {
    "B200": Card(2250e12, 8.0e12),
    "H200": Card(989e12, 4.8e12),
    "H100 PCIe": Card(756e12, 2.0e12),
    "H100": Card(989e12, 3.35e12),
    "A100": Card(312e12, 2.04e12),
    "L40S": Card(362e12, 0.864e12),
    "4090": Card(165e12, 1.008e12),
}

VISION = {  # CLIP ViT-L/14 at 336 pixels
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 336,
    "patch_size": 14,
    "projection_dim": 768,
}
TEXT = {
    "7b": (4096, 11008, 32, 32),
    "13b": (5120, 13824, 40, 40),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=TEXT, default="13b", help="default: 13b")
    parser.add_argument("--batch", help="views at once, 16,64 say (default: found by itself)")
    parser.add_argument("--tokens", type=int, default=120, help="of each answer (default: 120)")
    parser.add_argument("--images", type=int, help="pictures to time (default: about 4 batches)")
    parser.add_argument("--megapixels", type=float, default=1.0, help="of each (default: 1)")
    parser.add_argument("--flops", type=float, help="the card's peak in TFLOP a second, bf16")
    parser.add_argument("--bandwidth", type=float, help="the card's peak in TB a second")
    parser.add_argument("--tiny", action="store_true", help="a tiny model, on the CPU as well")
    options = parser.parse_args()
    if not torch.cuda.is_available() and not options.tiny:
        sys.exit("bench-captioning: there is no GPU here; --tiny tries the code without one")
    with tempfile.TemporaryDirectory() as scratch:
        measure(options, Path(scratch))


def measure(options: argparse.Namespace, scratch: Path) -> None:
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name(0) if device != "cpu" else "CPU"
    card = find_card(name, options)
    config, processor = architecture(options)
    processor.save_pretrained(scratch)
    model = draw(config, device)
    paths = photos(scratch, 8, options.megapixels)
    batches = [int(size) for size in options.batch.split(",")] if options.batch else [None]
    say(
        f"{time.strftime('%Y-%m-%d')}, {name}, torch {torch.__version__}: LLaVA-1.5 "
        f"{'tiny' if options.tiny else options.model}, {count(model) / 1e9:.2f} G parameters, bf16"
    )
    rows: list[float] = []
    for batch in batches:
        captioner = captioner_of(model, scratch, options.tokens, device, batch)
        captioner.load()
        engine = captioner._engine
        side, size = captioner.view_side, engine.batch_size
        tokens_in = _engine._length(captioner.prepare(next(views(paths[0], side))).prepared.inputs)
        if not rows:
            rate = naive(model, processor, views(paths[0], side), options.tokens)
            say(f"{tokens_in} tokens in, {options.tokens} out, {VIEWS} views a picture")
            print("| what | views at once | images a second | times naive | of the roofline |")
            print("| ---- | ------------: | --------------: | ----------: | --------------: |")
            bound = roofline(model, config, card, 1, tokens_in, options.tokens)
            rows.append(rate)
            print_row("naive", 1, rate, rate, bound)
        images = options.images or max(1, 4 * size // VIEWS)
        if device != "cpu":
            ours(captioner, paths, -(-WARM_UP * size // VIEWS))
        rate = ours(captioner, paths, images)
        bound = roofline(model, config, card, engine.batch_size, tokens_in, options.tokens)
        what = "ours, compiled" if engine.compiled else "ours"
        print_row(what, engine.batch_size, rate, rows[0], bound)
        captioner.close()
        del captioner, engine  # with the cache, to make room for the next one's
        torch._dynamo.reset()  # or the next batch size would get code for sizes of any kind
        if device != "cpu":
            torch.cuda.empty_cache()


def architecture(options: argparse.Namespace) -> tuple[Any, Any]:
    if options.tiny:
        return tiny_config(), tiny_processor()
    hidden, intermediate, layers, heads = TEXT[options.model]
    words = 32064
    text = {
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "vocab_size": words,
        "max_position_embeddings": 4096,
    }
    return make_config(VISION, text), make_processor(336, 14, words)


def draw(config: Any, device: str) -> Any:
    """The model with random weights, made in bf16 on the device: none pass through the CPU."""
    from transformers import AutoModelForImageTextToText

    torch.manual_seed(1)
    with torch.device(device):
        model = AutoModelForImageTextToText.from_config(
            config, dtype=torch.bfloat16, attn_implementation="sdpa"
        )
    strangers = {str(weights.device) for weights in model.parameters()} - {device}
    assert not strangers, f"weights on {strangers}"
    return model.eval()


def captioner_of(model: Any, folder: Path, tokens: int, device: str, batch: int | None) -> Any:
    """An Mllm as it always is, but for the two steps that read weights from a disk."""
    weights = Weights(folder, "random", "0", count(model), 0)
    mllm.find_weights = lambda _: weights  # type: ignore[attr-defined, assignment]
    _engine._COMPILE_AFTER = 0
    _engine.load_model = lambda *_: model
    captioner = mllm.Mllm(
        "random", precision="bf16", max_new_tokens=tokens, batch_size=batch, devices=[device]
    )
    load = captioner.load

    def load_endless() -> None:
        load()
        captioner._engine.settings.eos_token_id = None  # all answers are of the same length

    captioner.load = load_endless  # type: ignore[method-assign]
    return captioner


def naive(model: Any, processor: Any, given: Iterator[View], tokens: int) -> float:
    """Images a second: each view through the processor and generate, as the examples have it."""
    images = [view.image for view in given]

    def describe(image: Image.Image) -> None:
        content = [{"type": "image"}, {"type": "text", "text": resolve_prompt("captions")}]
        turns = [{"role": "user", "content": content}]
        text = processor.apply_chat_template(turns, add_generation_prompt=True)
        inputs = processor(images=image, text=text, return_tensors="pt")
        inputs = inputs.to(model.device, torch.bfloat16)
        with _engine.quiet():
            output = model.generate(
                **inputs, do_sample=False, max_new_tokens=tokens, min_new_tokens=tokens
            )
        assert output.shape[1] - inputs["input_ids"].shape[1] == tokens
        processor.batch_decode(output, skip_special_tokens=True)

    describe(images[0])  # the first one also starts the card
    begun = time.perf_counter()
    for image in images:
        describe(image)
    return 1 / (time.perf_counter() - begun)


def ours(captioner: Any, paths: list[Path], images: int) -> float:
    """Images a second, from files to captions; as many batches ahead as when indexing."""
    threads = max(2, min(8, os.cpu_count() or 2))
    waiting: list[View] = []
    done = 0

    def look(path: Path) -> list[View]:
        return [captioner.prepare(view) for view in views(path, captioner.view_side)]

    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        queue = iter(paths[number % len(paths)] for number in range(images))
        ahead: deque[Any] = deque()
        while True:
            size = captioner.batch_size
            while len(ahead) < max(2 * threads, 2 * size // VIEWS) and (path := next(queue, None)):
                ahead.append(pool.submit(look, path))
            if ahead:
                waiting += ahead.popleft().result()
            while len(waiting) >= size or (waiting and not ahead):
                answers = captioner.caption(waiting[:size])
                assert not any(isinstance(answer, Exception) for answer in answers)
                done += len(answers)
                waiting = waiting[size:]
            if not ahead and not waiting:
                break
    assert done == images * VIEWS
    return images / (time.perf_counter() - begun)


def roofline(
    model: Any, config: Any, card: Card | None, batch: int, tokens_in: int, tokens_out: int
) -> float | None:
    """Images a second that the card's peaks allow; None for an unknown card."""
    if card is None:
        return None
    text, vision = config.text_config, config.vision_config
    embedding = text.vocab_size * text.hidden_size
    seeing = count(model.model.vision_tower) + count(model.model.multi_modal_projector)
    layers = count(model.model.language_model) - embedding
    squares = (vision.image_size // vision.patch_size) ** 2 + 1
    kept = 2 * text.num_hidden_layers * text.hidden_size  # keys and values, numbers a token
    attention = 2 * kept  # FLOP for each pair of tokens
    reading = (
        2 * layers * tokens_in
        + attention * tokens_in**2 / 2
        + 2 * seeing * squares
        + 4 * vision.num_hidden_layers * vision.hidden_size * squares**2
        + 2 * embedding
    )
    length = tokens_in + tokens_out / 2
    step_flops = batch * (2 * (layers + embedding) + attention * length)
    step_bytes = 2 * (layers + embedding) + 2 * batch * kept * length
    step = max(step_flops / card.flops, step_bytes / card.bandwidth)
    # The first token comes from reading the prompt.
    seconds = batch * reading / card.flops + (tokens_out - 1) * step
    return batch / seconds / VIEWS


def find_card(name: str, options: argparse.Namespace) -> Card | None:
    if options.flops and options.bandwidth:
        return Card(options.flops * 1e12, options.bandwidth * 1e12)
    return next((card for key, card in CARDS.items() if key in name), None)


def photos(folder: Path, number: int, megapixels: float) -> list[Path]:
    """JPEG files that look like something to a decoder: smooth, with some grain."""
    width = round((megapixels * 1.5e6) ** 0.5)
    noise = random.Random(1)
    paths = []
    for index in range(number):
        small = Image.frombytes("RGB", (60, 40), noise.randbytes(60 * 40 * 3))
        path = folder / f"{index}.jpg"
        small.resize((width, round(width / 1.5)), Image.Resampling.BICUBIC).save(path, quality=90)
        paths.append(path)
    return paths


def views(path: Path, side: int) -> Iterator[View]:
    picture = open_picture(str(path), 3 * side)
    size = picture.width, picture.height
    return (picture.view(crop, side) for crop in crops.whole(*size) + crops.fixed(*size))


def count(module: Any) -> int:
    return sum(weights.numel() for weights in module.parameters())


def print_row(what: str, batch: int, rate: float, base: float, bound: float | None) -> None:
    share = f"{rate / bound:.0%} of {bound:.2f}" if bound else "unknown card"
    print(f"| {what} | {batch} | {rate:.3f} | {rate / base:.1f} | {share} |", flush=True)


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
