"""Commands that look into captions and crops, as the paper's figures do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexsearch.cli.terminal import (
    SOME_FAILED,
    examples,
    existing,
    index_option,
    json_option,
    list_failures,
    printable,
    progress_bar,
    quiet_option,
    say,
    writing_to,
)

if TYPE_CHECKING:
    from lexsearch.evaluation.analysis import CropScores
    from lexsearch.index import Index

_png = click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write the figure as PNG."
)


@click.group()
def analyze() -> None:
    """Look into captions and crops, as the paper's figures do."""


@analyze.command(
    epilog=examples(
        "lexsearch analyze words --plot words.png",
        "lexsearch analyze words ./photos/dog.jpg",
    )
)
@click.argument("name", metavar="[PICTURE]", required=False)
@index_option
@click.option("--top", default=15, show_default=True, type=click.IntRange(min=1), help="How many.")
@json_option
@_png
def words(name: str | None, path: str, top: int, as_json: bool, plot: Path | None) -> None:
    """Show the most used words of one picture's captions, or of all.

    The plot has a word cloud and a histogram of the 15 most used (Fig. 10 of the paper). Words
    such as "the" and "of" are left out.
    """
    from lexsearch.errors import EvaluationError
    from lexsearch.evaluation.analysis import count_words, draw_words
    from lexsearch.extras import require
    from lexsearch.index import Index

    require("evaluate", "lexsearch analyze words", EvaluationError)
    with Index(path, create=False) as index:
        counts = count_words(_texts(index, name))
    shown = list(counts.items())[:top]
    if as_json:
        click.echo(json.dumps(dict(shown)))
    else:
        for word, count in shown:
            click.echo(f"{count:8,}  {word}")
    if plot:
        from lexsearch.evaluation.fonts import fonts_for

        fonts = fonts_for(counts)
        with writing_to(plot):
            draw_words(counts, plot, fonts)
        say(f"wrote {plot}")
        if fonts.note:
            say(f"note: {fonts.note}")


def _texts(index: Index, name: str | None) -> Iterator[str]:
    if name is not None:
        yield from (row.text for row in index.describe(name).captions if row.text)
    else:
        yield from (document.contents for document in index.contents())


@analyze.command(
    epilog=examples(
        "lexsearch analyze clipscore dog.jpg --label dog --label beach",
        "lexsearch analyze clipscore ./val2017 --data instances_val2017.json --plot crops.png",
    )
)
@click.argument("place", type=existing, metavar="FILE_OR_FOLDER")
@click.option("--label", "labels", multiple=True, help="A label to score; may be repeated.")
@click.option("--data", multiple=True, type=existing, help="A data set: each picture's own labels.")
@click.option("--split", default="test", show_default=True, help="Of PASCAL VOC.")
@click.option(
    "--model",
    default="openai/clip-vit-large-patch14-336",
    show_default=True,
    help="A dual encoder: its name or folder.",
)
@click.option("--per-picture", is_flag=True, help="Also a line for each picture.")
@json_option
@_png
@quiet_option
def clipscore(
    place: Path,
    labels: tuple[str, ...],
    data: tuple[Path, ...],
    split: str,
    model: str,
    per_picture: bool,
    as_json: bool,
    plot: Path | None,
    quiet: bool,
) -> None:
    """Show how well crops fit labels: CLIPScore by number of crops.

    For the whole picture, for halves, quarters and ninths with the whole, and for the 17 and the
    40 patches with the whole: the mean over crops and labels, and that of each label's best crop
    (Fig. 3 of the paper; w = 2.5).
    """
    from lexsearch.errors import EvaluationError
    from lexsearch.evaluation.analysis import average, draw_scores, score_pictures
    from lexsearch.evaluation.baselines import DualEncoder
    from lexsearch.extras import require

    if bool(labels) == bool(data):
        raise click.UsageError("give either --label, once or more, or --data")
    pictures = _of_dataset(place, data, split) if data else _of_folder(place, labels)
    scores: dict[str, CropScores] = {}
    failed = []
    if plot:
        require("evaluate", "--plot", EvaluationError)
    encoder = DualEncoder(model)
    with progress_bar(quiet) as progress:
        for path, found in score_pictures(encoder, pictures, progress):
            if isinstance(found, str):
                failed.append(f"{printable(path)}: {found}")
            else:
                scores[path] = found
    list_failures(failed)
    overall = average(list(scores.values()))
    rows = [*(scores.items() if per_picture else ()), ("all", overall)]
    for path, row in rows:
        if as_json:
            click.echo(json.dumps({"picture": path, "mean": row.mean, "best": row.best}))
        else:
            _print_scores(f"{len(scores):,} pictures" if path == "all" else printable(path), row)
    if plot:
        with writing_to(plot):
            draw_scores(overall, plot)
        say(f"wrote {plot}")
    if failed:
        sys.exit(SOME_FAILED)


def _print_scores(title: str, scores: CropScores) -> None:
    click.secho(f"{title:14}  {'mean':>6}  {'best':>6}", bold=True)
    for name, mean in scores.mean.items():
        click.echo(f"{name:14}  {mean:6.3f}  {scores.best[name]:6.3f}")


def _of_folder(place: Path, labels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    from lexsearch.errors import EvaluationError
    from lexsearch.images.files import ImageFile, find

    files = [file.path for file in find(str(place)) if isinstance(file, ImageFile)]
    if not files:
        raise EvaluationError(f"there are no pictures in {place}")
    return dict.fromkeys(files, labels)


def _of_dataset(place: Path, data: tuple[Path, ...], split: str) -> dict[str, tuple[str, ...]]:
    from lexsearch.errors import EvaluationError
    from lexsearch.evaluation.baselines import find_files
    from lexsearch.evaluation.datasets import open_dataset

    dataset = open_dataset(data, split=split)
    files = find_files(place, list(dataset.labels))
    if not files:
        raise EvaluationError(
            f"none of the {len(dataset.labels)} labelled pictures is in {place} "
            f"(the first would be {next(iter(dataset.files.values()))})"
        )
    if len(files) < len(dataset.labels):
        say(f"note: {len(dataset.labels) - len(files)} of the pictures are not in {place}")
    return {path: dataset.labels[name] for name, path in files.items()}
