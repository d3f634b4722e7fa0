"""Write lexsearch/captioners/tagger/fusion.tsv: how sure a thing is by all that networks say.

    tools/make_fusion.py ../shared/data/coco-photos ../shared/data/coco-boxes

Each folder has images/, topics.tsv and qrels.txt (MS-COCO's labels, CC BY 4.0). The tagger's
networks look at each photo once; --cache keeps what they say. The logistic regressions are fitted
on all folders together; benchmarks/bench_tagger.py fits them on some and tests them on the others.
The same input gives the same file.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from lexsearch.captioners.tagger import Tagger, pixels
from lexsearch.captioners.tagger.fusing import FEATURES, THINGS, Fusion, Look, evidence
from lexsearch.images import crops
from lexsearch.images.files import open_picture

OUTPUT = Path(__file__).parent.parent / "lexsearch" / "captioners" / "tagger" / "fusion.tsv"
USED = {"whole": ("whole", "class", "classed"), "all": FEATURES}
"""What each regression may use: of the whole picture alone, and of all its views."""


class Photo(NamedTuple):
    """What the networks and the pixels say of one; size is width and height."""

    doc_id: str
    size: tuple[int, int]
    looks: Sequence[Look]
    words: Sequence[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="photos with labels")
    parser.add_argument("--cache", type=Path, help="folder for what the networks say")
    options = parser.parse_args()
    photos, labels = [], []
    for folder in options.folders:
        photos += look_at(folder, options.cache)
        labels.append(labels_of(folder, [photo.doc_id for photo in photos[-count(folder) :]]))
    lines = [
        "# Logistic regressions of tools/make_fusion.py, fitted to labels of MS-COCO (CC BY 4.0).",
        "\t".join(("# views", "bias", *FEATURES)),
    ]
    for name, fusion in fit(photos, np.concatenate(labels)).items():
        numbers = (f"{number:.4f}" for number in (fusion.bias, *fusion.weights))
        lines.append("\t".join((name, *numbers)))
    OUTPUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


def count(folder: Path) -> int:
    return len(list((folder / "images").iterdir()))


def fit(photos: Sequence[Photo], labels: NDArray[np.bool_]) -> Mapping[str, Fusion]:
    """labels: photos x things."""
    fitted = {}
    for name, used in USED.items():
        columns = [FEATURES.index(feature) for feature in used]
        looks = [photo.looks[:1] if name == "whole" else photo.looks for photo in photos]
        rows = np.concatenate([evidence(of_one)[:, columns] for of_one in looks])
        model = LogisticRegression(C=1.0, max_iter=500).fit(rows, labels.ravel())
        weights = np.zeros(len(FEATURES))
        weights[columns] = model.coef_[0]
        fitted[name] = Fusion(float(model.intercept_[0]), weights)
    return fitted


def labels_of(folder: Path, doc_ids: Sequence[str]) -> NDArray[np.bool_]:
    """Photos x things: which are there."""
    topics = dict(line.split("\t") for line in (folder / "topics.tsv").read_text().splitlines())
    labels = np.zeros((len(doc_ids), len(THINGS)), bool)
    for line in (folder / "qrels.txt").read_text().splitlines():
        topic, _, doc_id, relevance = line.split()
        if int(relevance) > 0:
            labels[doc_ids.index(doc_id), THINGS.index(topics[topic])] = True
    return labels


def look_at(folder: Path, cache: Path | None = None) -> list[Photo]:
    """What the networks say of each photo of a folder, in order of name."""
    kept = cache / f"{folder.name}.pickle" if cache else None
    if kept and kept.is_file():
        photos: list[Photo] = pickle.loads(kept.read_bytes())
        return photos
    tagger = Tagger()
    tagger.load()

    def look(file: Path) -> Photo:
        picture = open_picture(str(file), 3 * tagger.view_side)
        size = picture.width, picture.height
        view = picture.view(crops.whole(*size)[0], tagger.view_side)
        patches = [picture.view(crop, tagger.view_side) for crop in crops.fixed(*size)]
        looks = tagger.look(view) + [tagger.look(patch)[0] for patch in patches]
        return Photo(file.stem, size, looks, pixels.words_of(view.image))

    with ThreadPoolExecutor(2) as pool:
        photos = list(pool.map(look, sorted((folder / "images").iterdir())))
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(photos))
    return photos


if __name__ == "__main__":
    main()
