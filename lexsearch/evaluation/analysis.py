"""The paper's analyses: CLIPScore by number of crops (Sec. 3.1, Fig. 3), and words (Fig. 10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from lexsearch.errors import EvaluationError, ImageError
from lexsearch.evaluation.baselines import DualEncoder
from lexsearch.evaluation.fonts import Fonts, drawing_in
from lexsearch.evaluation.plots import new_figure
from lexsearch.extras import require
from lexsearch.images.crops import fixed, overlapped, whole
from lexsearch.images.files import open_picture
from lexsearch.records import Crop, Progress, ProgressCallback

WEIGHT = 2.5
"""w of CLIPScore."""

TOP_WORDS = 15


def crop_sets(width: int, height: int) -> dict[str, tuple[Crop, ...]]:
    """Fig. 3's ways to cut, by name: "9+1" are the nine ninths and the whole picture.

    width, height: of the picture, in pixels.
    """
    one = whole(width, height)
    patches = fixed(width, height)
    columns = [crop for crop in patches if crop.box.height == height]
    rows = [crop for crop in patches if crop.box.width == width]
    quarters = [crop for crop in patches if crop.name.endswith("quarter")]
    ninths = [crop for crop in patches if crop.name.endswith("ninth")]
    return {
        "1": one,
        "2+1, columns": (*columns, *one),
        "2+1, rows": (*rows, *one),
        "4+1": (*quarters, *one),
        "9+1": (*ninths, *one),
        "17+1": (*patches, *one),
        "40+1": (*overlapped(width, height), *one),
    }


@dataclass(frozen=True, slots=True)
class CropScores:
    """CLIPScores of a picture, or the mean of several, by name of the crop set.

    mean: over all crops of the set and all labels.
    best: of each label its best crop, and over labels the mean.
    """

    mean: Mapping[str, float]
    best: Mapping[str, float]


def clip_score(images: Any, texts: Any) -> Any:
    """CLIPScore(I, T) = w max(cos(I, T), 0) with w = 2.5 (Hessel et al. 2021; the paper's Eq. 1).

    images, texts: (n, d) and (m, d) unit vectors. Returns (n, m).
    """
    import numpy as np

    return WEIGHT * np.maximum(images @ texts.T, 0)


def score_crops(encoder: DualEncoder, image: Image.Image, labels: Sequence[str]) -> CropScores:
    """How well the crops of one picture fit the labels, for each way to cut."""
    sets = crop_sets(*image.size)
    crops = list(dict.fromkeys(crop for crops in sets.values() for crop in crops))
    vectors = encoder.encode_images(image.crop(crop.box) for crop in crops)
    scores = clip_score(vectors, encoder.encode_texts(labels))
    place = {crop: row for row, crop in enumerate(crops)}
    chosen = {name: scores[[place[crop] for crop in crops]] for name, crops in sets.items()}
    return CropScores(
        {name: float(rows.mean()) for name, rows in chosen.items()},
        {name: float(rows.max(axis=0).mean()) for name, rows in chosen.items()},
    )


def score_pictures(
    encoder: DualEncoder, pictures: Mapping[str, Sequence[str]], progress: ProgressCallback
) -> Iterator[tuple[str, CropScores | str]]:
    """The scores of each picture, or why there are none. pictures: path -> labels."""
    for done, (path, labels) in enumerate(pictures.items()):
        progress(Progress("scoring", done, len(pictures), "picture"))
        try:
            yield path, score_crops(encoder, open_picture(path).image, labels)
        except ImageError as error:
            yield path, str(error)


def average(scores: Sequence[CropScores]) -> CropScores:
    """The mean over pictures, each counting the same."""
    if not scores:
        raise EvaluationError("there is no picture to average over")

    def mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
        return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}

    return CropScores(mean([row.mean for row in scores]), mean([row.best for row in scores]))


def draw_scores(scores: CropScores, file: Path) -> None:
    """Fig. 3: CLIPScore by number of crops, as PNG."""
    figure = new_figure()
    axes = figure.subplots()
    names = list(scores.mean)
    axes.plot(names, list(scores.best.values()), "o-", label="best crop of each label")
    axes.plot(names, list(scores.mean.values()), "s--", label="mean over crops")
    axes.set(xlabel="crops", ylabel="CLIPScore")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=150)


def count_words(texts: Iterable[str]) -> dict[str, int]:
    """How often each word is used, the commonest first, without words like "the" and "of"; a
    plural counts as its singular where both are used.

    Raises EvaluationError when wordcloud is not installed, or no word is left.
    """
    require("evaluate", "counting words", EvaluationError)
    from wordcloud import WordCloud

    counts = WordCloud(collocations=False, min_word_length=2).process_text("\n".join(texts))
    if not counts:
        raise EvaluationError("there are no words to count")
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def draw_words(counts: Mapping[str, int], file: Path, fonts: Fonts) -> None:
    """Fig. 10: a word cloud, and a histogram of the 15 most used words, as PNG."""
    with drawing_in(fonts):
        _draw_words(counts, file, fonts.files[0] if fonts.files else None)


def _draw_words(counts: Mapping[str, int], file: Path, font: str | None) -> None:
    from wordcloud import WordCloud

    figure = new_figure(12.0)
    left, right = figure.subplots(1, 2)
    cloud = WordCloud(
        font_path=font, width=900, height=700, background_color="white", random_state=0
    )
    left.imshow(cloud.generate_from_frequencies(dict(counts)).to_image())
    left.axis("off")
    top = list(counts.items())[:TOP_WORDS]
    right.barh([word for word, _ in top], [count for _, count in top])
    right.invert_yaxis()
    right.set(xlabel="times used", title=f"The {len(top)} most used words")
    figure.savefig(file, dpi=150)
