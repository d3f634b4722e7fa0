"""Write lexsearch/captioners/tagger/scenes.tsv: words of scenes and actions, told from things.

    tools/make_scenes.py ../shared/data/coco-val2017 --leave-out ../shared/data/coco-photos

The folder has MS-COCO's five human captions of each picture (captions.jsonl, CC BY 4.0) and its 80
labels (topics.tsv, qrels.txt). A word is learnt by logistic regression from the labels to whether
at least two of the five captions say it, and named from the probability on where, by
cross-validation, PRECISION of the pictures are right: one of the five captions says it. That is
a lower bound, since nobody says all that a picture shows. MARGIN more is asked for then, since
things are known to the labels and only likely to a detector. Words that are right for too few of
their pictures (RECALL), or that only repeat a thing's name, are left out. The pictures of
--leave-out are not learnt from, so that they can be measured on. The same input gives the same
file.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from lexsearch.captioners.tagger.detector import NAMES

OUTPUT = Path(__file__).parent.parent / "lexsearch" / "captioners" / "tagger" / "scenes.tsv"
PRECISION, RECALL = 0.65, 0.15
MARGIN = 1.15
PICTURES = 25  # that at least two captions say a word of, or it is not learnt
FEWEST = 15  # pictures that a threshold rests on
FOLDS = 3
PART = 0.9  # of the pictures that say a word say a pair with it: the word alone is left out
_PLAIN = """a an the of in on at to and with is are for his her its their it that this by from as
up down out over under into off be has have him them there some other next while who which two three
four five one several many front top back side each another very near through around behind inside
outside between along together being all it's he she they both or not no small large big little
lot bunch group"""
PLAIN = frozenset(_PLAIN.split())
_SAME = "motorbike bike sofa plane tv television phone laptop stuffed doughnut computer"
SAME = frozenset(_SAME.split())
IRREGULAR = {"people": "person", "men": "man", "women": "woman", "children": "child"}
ENDS_IN_S = ("skis", "grass", "dress", "glass", "bus", "glasses", "tennis", "across", "gas")


class Scene(NamedTuple):
    """A word, from which probability on it is named, and its regression."""

    word: str
    least: float
    bias: float
    weights: Sequence[float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("captions", type=Path, help="folder with captions.jsonl and labels")
    parser.add_argument("--leave-out", type=Path, help="folder with a qrels.txt")
    options = parser.parse_args()
    left_out = set(read_labels(options.leave_out)) if options.leave_out else set()
    scenes = learn(options.captions, left_out)
    lines = [
        "# Words told from MS-COCO's 80 things: word, least probability, bias, weights by thing.",
        "# Made by tools/make_scenes.py from captions of MS-COCO's val2017 (CC BY 4.0).",
    ]
    for scene in scenes:
        weights = (f"{weight:.2f}" for weight in (scene.bias, *scene.weights))
        lines.append("\t".join((scene.word, f"{min(MARGIN * scene.least, 0.95):.3f}", *weights)))
    OUTPUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(scenes)} words: {', '.join(scene.word for scene in scenes)}")


def learn(folder: Path, left_out: set[str]) -> list[Scene]:
    """Words that things tell well enough, from the most frequently said on."""
    said, labels = read_captions(folder / "captions.jsonl"), read_labels(folder)
    pictures = sorted(said.keys() - left_out)
    names = list(NAMES.values())
    things = np.array([[name in labels.get(doc_id, ()) for name in names] for doc_id in pictures])
    counts = Counter(
        word for doc_id in pictures for word, count in said[doc_id].items() if count >= 2
    )
    pairs = [word for word, count in counts.items() if " " in word and count >= PICTURES]
    parts = {
        word for pair in pairs for word in pair.split() if counts[pair] >= PART * counts[word]
    }  # "living" of "living room"
    known = {*parts, *names, *(singular(word) for name in names for word in name.split()), *SAME}
    words = [word for word, count in counts.most_common() if count >= PICTURES]
    found = (
        learn_word(word, things.astype(float), [said[doc_id][word] for doc_id in pictures])
        for word in words
        if word not in known
    )
    return [scene for scene in found if scene]


def learn_word(word: str, things: Any, said: Sequence[int]) -> Scene | None:
    """said: for each picture, how many of its captions say the word."""
    often, once = np.array(said) >= 2, np.array(said) >= 1
    model = LogisticRegression(C=0.5, max_iter=300)
    chances = cross_val_predict(model, things, often, cv=FOLDS, method="predict_proba")[:, 1]
    order = np.argsort(-chances, kind="stable")
    right = np.cumsum(once[order])
    precisions = right / np.arange(1, len(right) + 1)
    (good,) = np.nonzero(precisions[FEWEST - 1 :] >= PRECISION)
    if not len(good):
        return None
    last = int(good.max()) + FEWEST - 1
    if right[last] / once.sum() < RECALL:
        return None
    model.fit(things, often)
    return Scene(word, chances[order[last]], model.intercept_[0], model.coef_[0].tolist())


def read_captions(file: Path) -> dict[str, Counter[str]]:
    """For each picture, how many of its human captions say each word, or pair of words."""
    said: dict[str, Counter[str]] = defaultdict(Counter)
    with file.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["caption_id"].startswith("human/"):
                said[row["doc_id"]].update(words_of(row["text"]))
    return said


def read_labels(folder: Path) -> Mapping[str, set[str]]:
    """For each picture, the names of the things in it."""
    topics = dict(line.split("\t") for line in (folder / "topics.tsv").read_text().splitlines())
    labels: dict[str, set[str]] = defaultdict(set)
    for line in (folder / "qrels.txt").read_text().splitlines():
        topic, _, doc_id, relevance = line.split()
        if int(relevance) > 0:
            labels[doc_id].add(topics[topic])
    return labels


def words_of(text: str) -> set[str]:
    words = [singular(word) for word in re.findall(r"[a-z']+", text.lower())]
    pairs = {f"{a} {b}" for a, b in pairwise(words) if not {a, b} & PLAIN}
    return {word for word in words if word not in PLAIN and len(word) > 2} | pairs


def singular(word: str) -> str:
    if word in IRREGULAR or word in ENDS_IN_S:
        return IRREGULAR.get(word, word)
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    plural = word.endswith("s") and not word.endswith("ss") and len(word) > 3
    return word[:-1] if plural else word


if __name__ == "__main__":
    main()
