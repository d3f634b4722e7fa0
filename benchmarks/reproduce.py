"""Measure what the paper measures, on the data at hand, and write the tables of docs/reproduce.md.

    benchmarks/reproduce.py                     # about two minutes on 2 cores
    benchmarks/reproduce.py --photos            # also captions real photos: about four minutes more
    benchmarks/reproduce.py --data DIR --plots plots

Expects lexsearch[all] beside this Python, and the test data: folders with captions.jsonl,
topics.tsv and qrels.txt, their labels MS-COCO's. Without one of them its rows stay as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common import LEXSEARCH, Command, replace_table

from lexsearch.evaluation import tasks
from lexsearch.evaluation.dataset import Dataset
from lexsearch.evaluation.datasets import open_dataset
from lexsearch.evaluation.fonts import fonts_for
from lexsearch.evaluation.plots import draw, texts_of
from lexsearch.evaluation.runner import Outcome, evaluate
from lexsearch.evaluation.significance import compare
from lexsearch.evaluation.sources import IndexSource, index_of_captions
from lexsearch.evaluation.trec import read_qrels, read_topics
from lexsearch.index import Index

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "reproduce.md"
Chosen = Callable[[str], bool]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = os.environ.get("LEXSEARCH_SHARED_DATA") or REPOSITORY.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=shared, help="folder of the sets")
    parser.add_argument("--photos", action="store_true", help="also caption real photos")
    parser.add_argument("--plots", type=Path, help="folder to draw curves into")
    options = parser.parse_args()
    data = Path(options.data)
    if not data.is_dir():
        sys.exit(f"reproduce: there is no {data}; --data says where the test data is")
    tables = {"keyword": keyword, "multi-keyword": multi_keyword, "caption": caption}
    tables |= {"feedback": feedback, "meaning": meaning, "speed": speed}
    if options.photos:
        tables["photos"] = photos
    page = PAGE.read_text(encoding="utf-8")
    for name, rows in tables.items():
        try:
            lines = list(rows(data, options.plots))
        except FileNotFoundError as error:
            print(f"{name}: left as it is, {error.filename} is not there", file=sys.stderr)
            continue
        print(f"\n{name}\n" + "\n".join(lines))
        page = replace_table(page, name, lines)
    PAGE.write_text(page, encoding="utf-8")


# The data


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "captions.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def labelled(folder: Path, queries: Chosen = lambda caption_id: False) -> Dataset:
    """Pictures with their labels, and those captions that are to be asked as queries."""
    texts = dict(read_topics(folder / "topics.tsv"))
    labels: dict[str, list[str]] = {}
    for query_id, relevant in sorted(read_qrels(folder / "qrels.txt").items()):
        for name in relevant:
            labels.setdefault(name, []).append(texts[query_id])
    captions: dict[str, list[str]] = {}
    for row in rows_of(folder):
        if queries(row["caption_id"]):
            captions.setdefault(row["doc_id"], []).append(row["text"])
    return Dataset(
        folder.name,
        tuple(sorted(labels)),
        {name: tuple(row) for name, row in labels.items()},
        {name: tuple(row) for name, row in captions.items()},
    )


@contextmanager
def searched(
    folder: Path, documents: Chosen, dataset: Dataset, mode: str = "paper"
) -> Iterator[IndexSource]:
    chosen = [json.dumps(row) for row in rows_of(folder) if documents(row["caption_id"])]
    with index_of_captions(chosen) as (index, _):
        yield IndexSource(index, dataset.images, only=True, mode=mode)


def first(count: int) -> Chosen:
    return lambda caption_id: int(caption_id.rpartition("/")[2]) < count


def starting(prefix: str) -> Chosen:
    return lambda caption_id: caption_id.startswith(prefix)


SETS: Sequence[tuple[str, str, Chosen]] = (
    ("coco-mllm", "ten captions by five multimodal LLMs", starting("")),
    *(("coco-patches", f"BLIP captions of patches: {n}", first(n)) for n in (1, 5, 17, 50)),
    ("coco-val2017", "five human captions", starting("human/")),
    ("coco-val2017", "one VinVL caption", starting("vinvl/")),
)


# The tables


def keyword(data: Path, plots: Path | None) -> Iterator[str]:
    yield "| pictures | documents | PR-AUC | perfect ranking | of retrieved only | mAP |"
    yield "| --- | --- | --: | --: | --: | --: |"
    for name, title, documents in SETS:
        dataset = labelled(data / name)
        with searched(data / name, documents, dataset) as source:
            [outcome] = evaluate(source, tasks.keyword(dataset))
        plot([outcome], plots, f"{name} {title}")
        cells = values(outcome, "PR-AUC", "PR-AUC perfect", "PR-AUC retrieved", "mAP")
        yield f"| {name} ({len(source.names):,}) | {title} | {cells} |"


def multi_keyword(data: Path, plots: Path | None) -> Iterator[str]:
    yield "| pictures | documents | relevant | queries | PR-AUC | perfect ranking | mAP | R@1 |"
    yield "| --- | --- | --- | --: | --: | --: | --: | --: |"
    readings = ("have all labels", "have exactly these", "that picture")
    for name, title, documents in (SETS[0], *SETS[5:]):
        dataset = labelled(data / name)
        with searched(data / name, documents, dataset) as source:
            outcomes = evaluate(source, tasks.multi_keyword(dataset))
        plot(outcomes, plots, f"{name} {title}")
        for outcome, reading in zip(outcomes, readings, strict=True):
            alone = reading == "that picture"
            areas = "- | -" if alone else values(outcome, "PR-AUC", "PR-AUC perfect")
            cells = f"{areas} | {values(outcome, 'mAP', 'R@1')}"
            yield f"| {name} | {title} | {reading} | {len(outcome.judged):,} | {cells} |"


def caption(data: Path, plots: Path | None) -> Iterator[str]:
    yield "| documents | queries | R@1 | R@5 | R@10 |"
    yield "| --- | --- | --: | --: | --: |"
    folder = data / "coco-val2017"
    cases = (
        ("one VinVL caption", starting("vinvl/"), "all human captions", starting("human/")),
        ("four human captions", later_human, "the other human caption", starting("human/0")),
    )
    for title, documents, queries, asked in cases:
        dataset = labelled(folder, asked)
        with searched(folder, documents, dataset) as source:
            [outcome] = evaluate(source, tasks.caption(dataset))
        recalls = (100 * outcome.values()[f"R@{k}"] for k in (1, 5, 10))
        cells = " | ".join(f"{recall:.1f}" for recall in recalls)
        yield f"| {title} | {queries} ({len(outcome.judged):,}) | {cells} |"


def later_human(caption_id: str) -> bool:
    return caption_id.startswith("human/") and caption_id != "human/0"


def feedback(data: Path, plots: Path | None) -> Iterator[str]:
    folder = data / "coco-val2017"
    dataset = labelled(folder, starting("human/0"))
    with searched(folder, starting("vinvl/"), dataset) as source:
        outcomes = evaluate(source, tasks.feedback(dataset))
    plot(outcomes, plots, "coco-val2017 feedback")
    yield "| keywords added | " + " | ".join(str(number) for number in range(7)) + " | all |"
    yield "| --- |" + " --: |" * 8
    for k in (1, 5, 10):
        recalls = [100 * outcome.values()[f"R@{k}"] for outcome in (*outcomes[:7], outcomes[-1])]
        yield f"| R@{k} | " + " | ".join(f"{recall:.1f}" for recall in recalls) + " |"


def meaning(data: Path, plots: Path | None) -> Iterator[str]:
    yield (
        "| documents | mAP, paper | mAP, best | better / worse / equal queries | p (t) "
        "| p (randomisation) |"
    )
    yield "| --- | --: | --: | --: | --: | --: |"
    for name, title, documents in (SETS[0], SETS[4], SETS[5]):
        dataset = labelled(data / name)
        precisions = {}
        for mode in ("paper", "best"):
            with searched(data / name, documents, dataset, mode) as source:
                [outcome] = evaluate(source, tasks.keyword(dataset))
            precisions[mode] = {key: row["AP"] for key, row in outcome.standard.items()}
        found = compare(precisions["best"], precisions["paper"])
        counts = f"{found.better} / {found.worse} / {found.equal}"
        yield (
            f"| {name}, {title} | {found.other_mean:.3f} | {found.mean:.3f} | {counts} "
            f"| {found.p_t:.3f} | {found.p_randomisation:.3f} |"
        )


def speed(data: Path, plots: Path | None) -> Iterator[str]:
    """The wall clock of the real commands, index of captions included."""
    yield "| documents | queries | seconds |"
    yield "| --- | --: | --: |"
    folder = data / "coco-val2017"
    dataset = labelled(folder)
    with tempfile.TemporaryDirectory() as scratch:
        instances = write_instances(dataset, Path(scratch) / "instances.json")
        for title, prefix in (("VinVL", "vinvl/"), ("human", "human/")):
            rows = [row for row in rows_of(folder) if row["caption_id"].startswith(prefix)]
            lines = map(json.dumps, rows)
            command: Command = [LEXSEARCH, "evaluate", "--captions", "-"]
            command += ["--data", instances, "--json"]
            started = time.monotonic()
            done = subprocess.run(
                command, input="\n".join(lines), text=True, stdout=subprocess.PIPE, check=True
            )
            took = time.monotonic() - started
            found = map(json.loads, done.stdout.splitlines())
            counts = {row["task"]: row["queries"] for row in found}
            queries = f"{counts['keyword']:,} + {counts['multi-keyword']:,}"
            yield f"| {len(dataset.images):,}, {title} captions | {queries} | {took:.1f} |"


def write_instances(dataset: Dataset, file: Path) -> Path:
    """The labels in COCO's format."""
    names = sorted({label for labels in dataset.labels.values() for label in labels})
    content = {
        "images": [{"id": int(name), "file_name": f"{name}.jpg"} for name in dataset.images],
        "annotations": [
            {"image_id": int(name), "category_id": names.index(label), "iscrowd": 0}
            for name, labels in dataset.labels.items()
            for label in labels
        ],
        "categories": [{"id": place, "name": label} for place, label in enumerate(names)],
    }
    file.write_text(json.dumps(content))
    return file


def photos(data: Path, plots: Path | None) -> Iterator[str]:
    """Real photos through the real captioner, with 1 and with 18 views each."""
    yield "| views | task | queries | PR-AUC | perfect ranking | mAP |"
    yield "| --: | --- | --: | --: | --: | --: |"
    folder = data / "coco-boxes"
    dataset = open_dataset([folder / "instances.json"])
    with tempfile.TemporaryDirectory() as scratch:
        for crops, views in {"none": 1, "fixed": 18}.items():
            place = Path(scratch) / crops
            command: Command = [LEXSEARCH, "index", folder / "images"]
            command += ["--index", place, "--crops", crops]
            subprocess.run(command, check=True, stdout=sys.stderr)
            with Index(place) as index:
                source = IndexSource(index, dataset.images, only=True)
                asked = [*tasks.keyword(dataset), tasks.multi_keyword(dataset)[0]]
                outcomes = evaluate(source, asked)
            for outcome in outcomes:
                cells = values(outcome, "PR-AUC", "PR-AUC perfect", "mAP")
                yield f"| {views} | {outcome.task.title} | {len(outcome.judged)} | {cells} |"


def values(outcome: Outcome, *names: str) -> str:
    found = outcome.values()
    return " | ".join(f"{found[name]:.3f}" for name in names)


def plot(outcomes: Sequence[Outcome], plots: Path | None, title: str) -> None:
    if plots:
        fonts = fonts_for(texts_of(outcomes))
        for file in draw(outcomes, plots / re.sub(r"\W+", "-", title), fonts):
            print(f"wrote {file}", file=sys.stderr)


if __name__ == "__main__":
    main()
