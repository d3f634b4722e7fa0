"""Fine-tune a dual encoder on captions of which a share is rewritten (MGQRe, Sec. 3.5 and 4.1.3).

    benchmarks/finetune_clip.py --model openai/clip-vit-base-patch32 --rewriter rewriter \
        --data dataset_flickr30k.json --split train --images flickr30k-images --out clip-mgqre
    lexsearch evaluate --data dataset_flickr30k.json --task caption --images flickr30k-images \
        --dense clip-mgqre --rewrite rewriter --fuse only

The rewriter is frozen: every caption is rewritten once, and in each epoch a caption is replaced by
its rewrite with probability 0.6. Adam, weight decay 1e-3, batches of 256, 20 epochs, rate 1e-6 with
a cosine after 2,000 steps of warm-up; pictures and texts as the model's processor and tokenizer
have them (224 x 224, 77 tokens). L = L_i2t + L_t2i (Eq. 6-8). Without --rewriter it is the paper's
baseline. Runs on a GPU where there is one; on a CPU it was tried with tiny random models alone.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from common import say

from lexsearch.errors import ImageError
from lexsearch.evaluation.baselines import find_files
from lexsearch.evaluation.datasets import open_dataset
from lexsearch.images.files import open_picture
from lexsearch.records import Keyword, Query
from lexsearch.rewriting import Rewriter

Pair = tuple[str, str]
"""A picture's file and a caption."""


def contrastive(images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Eq. 6-8, of (n, d) unit vectors of matching pairs; scale: 1 / tau."""
    logits = scale * images @ texts.T
    right = torch.arange(len(logits), device=logits.device)
    cross_entropy = torch.nn.functional.cross_entropy
    return cross_entropy(logits, right) + cross_entropy(logits.T, right)


def rate_at(step: int, steps: int, warmup: int) -> float:
    """The share of the rate: linear to 1, then a cosine to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def epoch_of(
    pairs: Sequence[Pair], rewrites: dict[str, str], share: float, chance: random.Random
) -> list[Pair]:
    """The pairs in another order, some captions rewritten."""
    drawn = [
        (file, rewrites.get(text, text) if chance.random() < share else text)
        for file, text in pairs
    ]
    chance.shuffle(drawn)
    return drawn


def finetune(
    model: Any,
    processor: Any,
    tokenizer: Any,
    pairs: Sequence[Pair],
    rewrites: dict[str, str],
    options: argparse.Namespace,
) -> Iterator[float]:
    """Train, and give the loss of each step."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=options.rate, weight_decay=1e-3)
    each = math.ceil(len(pairs) / options.batch)
    steps = each * options.epochs
    warmup = min(options.warmup, steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: rate_at(step, steps, warmup)
    )
    chance = random.Random(options.seed)
    torch.manual_seed(options.seed)
    for _ in range(options.epochs):
        rows = epoch_of(pairs, rewrites, options.probability, chance)
        for start in range(0, len(rows), options.batch):
            part = rows[start : start + options.batch]
            images = [open_picture(file, 448).image for file, _ in part]
            pixels = processor(images=images, return_tensors="pt").to(device)
            tokens = tokenizer(
                [text for _, text in part],
                padding=True,
                truncation=True,
                max_length=model.config.text_config.max_position_embeddings,
                return_tensors="pt",
            ).to(device)
            output = model(**pixels, **tokens)
            unit = torch.nn.functional.normalize
            loss = contrastive(
                unit(output.image_embeds, dim=-1),
                unit(output.text_embeds, dim=-1),
                model.logit_scale.exp(),
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            yield loss.item()


def usable(files: dict[str, str]) -> dict[str, str]:
    """Those pictures that can be read."""
    good = {}
    for name, file in files.items():
        try:
            open_picture(file, 32)
        except ImageError as error:
            say(f"{file}: {error}")
        else:
            good[name] = file
    return good


def main() -> None:
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--rewriter", type=Path)
    parser.add_argument("--probability", type=float, default=0.6)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=1e-6)
    parser.add_argument("--warmup", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    dataset = open_dataset(options.data, split=options.split)
    files = usable(dict(find_files(options.images, dataset.images)))
    pairs = [(files[name], text) for name in files for text in dataset.captions.get(name, ())]
    rewrites: dict[str, str] = {}
    if options.rewriter:
        texts = list(dict.fromkeys(text for _, text in pairs))
        said = Rewriter(options.rewriter).rewrite([Query((Keyword(text),)) for text in texts])
        rewrites = {text: one.text for text, one in zip(texts, said, strict=True) if one.text}
    say(f"{len(pairs):,} captions of {len(files):,} pictures, {len(rewrites):,} rewritten")
    loader: Any = AutoImageProcessor
    processor = loader.from_pretrained(options.model)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModel.from_pretrained(options.model)
    losses = []
    for step, loss in enumerate(finetune(model, processor, tokenizer, pairs, rewrites, options), 1):
        losses.append(loss)
        if step % 100 == 0:
            say(f"step {step}: loss {sum(losses[-100:]) / 100:.4f}")
    print(f"loss {losses[0]:.4f} at the first step, {losses[-1]:.4f} at the last of {len(losses)}")
    for part in (model, processor, tokenizer):
        part.save_pretrained(options.out)


if __name__ == "__main__":
    main()
