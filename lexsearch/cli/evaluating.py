"""The command that measures how well pictures are found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from lexsearch.cli.enhancing import (
    MOST_RERANKED,
    asked_model,
    model_options,
    opened_enhancer,
    opened_rewriter,
    record_options,
)
from lexsearch.cli.terminal import (
    examples,
    existing,
    fuse_option,
    index_option,
    json_option,
    mode_option,
    progress_bar,
    quiet_option,
    say,
    weight_option,
    writing_to,
)

if TYPE_CHECKING:
    from lexsearch.engines import ScoredDoc
    from lexsearch.evaluation.dataset import Dataset
    from lexsearch.evaluation.runner import Keep, Outcome
    from lexsearch.evaluation.significance import Fit
    from lexsearch.evaluation.sources import Source
    from lexsearch.evaluation.tasks import Question, Task
    from lexsearch.index import Index
    from lexsearch.searching.searcher import Match

_MATCHES = ("any", "best", "all")
_TASKS = ("keyword", "multi-keyword", "caption", "feedback")
_file = click.Path(path_type=Path)


@dataclass(frozen=True)
class Plan:
    """What is asked, of which pictures, and what was noticed on the way."""

    tasks: list[Task]
    wanted: list[str]
    dataset: Dataset | None
    notes: list[str]


@click.command(
    epilog=examples(
        "lexsearch evaluate --topics topics.tsv --qrels qrels.txt",
        "lexsearch evaluate --captions captions.jsonl --topics topics.tsv --qrels qrels.txt",
        "lexsearch evaluate --data instances_val2017.json --data captions_val2017.json",
        "lexsearch evaluate --data VOCdevkit/VOC2007 --task keyword --plots plots --trec runs",
        "lexsearch evaluate --data dataset_flickr30k.json --task caption --json",
        "lexsearch evaluate --data VOCdevkit/VOC2007 --compare runs",
        "lexsearch evaluate --topics topics.tsv --qrels qrels.txt --enhance --fuse vote",
        "lexsearch evaluate --topics topics.tsv --qrels qrels.txt --rewrite rewriter --fuse only",
        "lexsearch evaluate --data VOCdevkit/VOC2007 --images VOCdevkit/VOC2007/JPEGImages \\\n"
        "      --dense openai/clip-vit-large-patch14-336",
    )
)
@index_option
@click.option(
    "--captions",
    type=click.File(errors="replace"),
    metavar="FILE",
    help="Search these captions (JSON Lines, - for standard input) in place of an index.",
)
@mode_option
@click.option(
    "--match",
    type=click.Choice(_MATCHES),
    default="any",
    show_default=True,
    help="Measure rankings of all pictures, the list that an everyday search shows (best), or "
    "only pictures with all keywords.",
)
@click.option("--topics", type=existing, help="Queries: id TAB text, one a line, or TREC's <top>.")
@click.option("--qrels", type=existing, help="Judgements of the topics, in TREC's format.")
@click.option(
    "--data",
    "data",
    multiple=True,
    type=existing,
    help="A data set: COCO's or Karpathy's JSON, Flickr30k's results_20130124.token or "
    "results.csv, or the folder of PASCAL VOC or NUS-WIDE.",
)
@click.option(
    "--task",
    "names",
    multiple=True,
    type=click.Choice(_TASKS),
    help="What to measure on --data; may be repeated. Without it, all that the data allows.",
)
@click.option(
    "--split",
    default="test",
    show_default=True,
    help='Of Karpathy\'s files ("train+restval" joins two) and PASCAL VOC.',
)
@click.option("--difficult", is_flag=True, help="Count PASCAL VOC's difficult objects too.")
@click.option(
    "--image-list",
    type=existing,
    help="The test images of NUS-WIDE, one a line; else 2,100 are drawn.",
)
@click.option(
    "--dense",
    metavar="MODEL",
    help="Rank by a dual encoder (CLIP, ALIGN ...): its name or folder.",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the pictures of --data are, for --dense.",
)
@click.option(
    "--compare",
    type=existing,
    metavar="FILE_OR_FOLDER",
    help="Test the difference to another run: what --trec wrote.",
)
@click.option(
    "--enhance",
    is_flag=True,
    help="Search with sentences of a language model as well (docs/language.md).",
)
@click.option(
    "--rerank",
    type=click.IntRange(2, MOST_RERANKED),
    metavar="N",
    help="Let a language model put the first N of each ranking in order, by their captions.",
)
@click.option(
    "--rewrite",
    metavar="FOLDER|llm",
    help="Search with what a rewriter makes of queries as well (docs/rewriting.md); llm: that of "
    "--llm, untrained.",
)
@fuse_option
@weight_option
@model_options
@record_options
@json_option
@click.option(
    "--csv",
    "csv_file",
    type=_file,
    metavar="FILE",
    help="Write every measure of every query.",
)
@click.option(
    "--trec", type=_file, metavar="FOLDER", help="Write <task>.trec: every ranking as measured."
)
@click.option("--plots", type=_file, metavar="FOLDER", help="Write precision-recall curves as PNG.")
@quiet_option
def evaluate(
    path: str,
    captions: Iterable[str] | None,
    mode: str,
    match: Match,
    topics: Path | None,
    qrels: Path | None,
    data: tuple[Path, ...],
    names: tuple[str, ...],
    split: str,
    difficult: bool,
    image_list: Path | None,
    dense: str | None,
    images: Path | None,
    compare: Path | None,
    enhance: bool,
    rerank: int | None,
    rewrite: str | None,
    fuse: str,
    weight: float | None,
    llm: str | None,
    llm_model: str | None,
    batches: int,
    fresh: bool,
    answers: Path | None,
    record: bool,
    as_json: bool,
    csv_file: Path | None,
    trec: Path | None,
    plots: Path | None,
    quiet: bool,
) -> None:
    """Measure how well pictures are found.

    The index, or a file of captions, is asked queries of which the right pictures are known.

    Precision and recall are micro-averaged over queries, as in the paper, so that even a perfect
    ranking has a PR-AUC below 1: it is printed beside. "Retrieved" is the PR-AUC where precision
    counts only what was retrieved. mAP and MRR are trec_eval's.
    """
    from lexsearch.errors import EvaluationError
    from lexsearch.evaluation import report
    from lexsearch.evaluation.runner import evaluate as run
    from lexsearch.extras import require
    from lexsearch.language.asking import ask_all

    require("evaluate", "lexsearch evaluate", EvaluationError)
    if dense:
        require("mllm", "--dense", EvaluationError)
    if bool(topics) != bool(qrels):
        raise click.UsageError("--topics and --qrels go together")
    if bool(topics) == bool(data):
        raise click.UsageError("give either --topics and --qrels, or --data")
    if bool(dense) != bool(images) or (dense and not data):
        raise click.UsageError("--dense needs --data and --images")
    if rerank and dense:
        raise click.UsageError("--rerank reads captions, which --dense has not")
    if rewrite and enhance:
        raise click.UsageError("give either --rewrite or --enhance")
    if fuse == "only" and not rewrite:
        raise click.UsageError("--fuse only goes with --rewrite")
    if names and topics:
        raise click.UsageError("--task is for --data; the task of --topics is their judgements")
    plan = (
        topics_plan(topics, qrels)
        if topics and qrels
        else data_plan(data, names, split, difficult, image_list)
    )
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar(quiet))
        if dense and images and plan.dataset:
            from lexsearch.evaluation.baselines import DenseSource

            source: Source = DenseSource(dense, images, plan.dataset, progress)
        else:
            from lexsearch.evaluation.sources import IndexSource

            index, notes = stack.enter_context(_searched(path, captions, progress))
            plan.notes.extend(notes)
            only = plan.dataset is not None
            source = captions_of = IndexSource(
                index, plan.wanted, only=only, mode=mode, match=match
            )
        counted: dict[str, Any] = {}
        if rewrite:
            from lexsearch.rewriting.source import RewrittenSource

            rewriter = stack.enter_context(opened_rewriter(rewrite, llm, llm_model, fresh))
            rewritten = RewrittenSource(source, rewriter, fuse, weight)
            source = rewritten
        if enhance:
            from lexsearch.evaluation.enhanced import EnhancedSource

            opened = opened_enhancer(llm, llm_model, batches, fresh, answers=answers, record=record)
            enhanced = EnhancedSource(source, stack.enter_context(opened), fuse, weight)
            source = enhanced
        if rerank:
            from lexsearch.evaluation.reranked import RerankedSource

            model, remembered = stack.enter_context(asked_model(llm, llm_model))
            ask = partial(ask_all, model, remembered=remembered, fresh=fresh)
            source = reranked = RerankedSource(source, captions_of, ask, rerank)
        keep = stack.enter_context(_runs(trec))
        outcomes = run(source, plan.tasks, progress, keep)
        if rewrite:
            counted["not_rewritten"] = rewritten.not_rewritten
        if enhance:
            counted["not_enhanced"] = enhanced.not_enhanced
        if rerank:
            counted["not_reranked"] = reranked.not_reranked
    fits = _compare(outcomes, compare, source) if compare else {}
    comparisons = {title: fit.comparison for title, fit in fits.items()}
    notes = [*plan.notes, *source.notes, *(note for fit in fits.values() for note in fit.notes)]
    if as_json:
        for outcome in outcomes:
            compared = comparisons.get(outcome.task.title)
            extra = {"comparison": compared._asdict()} if compared else {}
            shared = {"pictures": len(source.names), "ranking": source.ranking, **counted}
            click.echo(json.dumps({**report.as_object(outcome), **shared, **extra}))
    else:
        click.echo(f"{len(source.names):,} pictures by {source.ranking}")
        click.echo("\n".join(report.tables(outcomes)))
        if comparisons:
            click.echo("\n".join(("", *report.comparison_lines(comparisons))))
    if csv_file:
        with writing_to(csv_file):
            csv_file.parent.mkdir(parents=True, exist_ok=True)
            with csv_file.open("w", encoding="utf-8", newline="") as table:
                report.write_csv(table, outcomes)
    for note in notes:
        say(f"note: {note}")
    if plots:
        _plot(outcomes, plots)


def _plot(outcomes: Sequence[Outcome], folder: Path) -> None:
    from lexsearch.evaluation.fonts import fonts_for
    from lexsearch.evaluation.plots import draw, texts_of

    fonts = fonts_for(texts_of(outcomes))
    with writing_to(folder):
        for file in draw(outcomes, folder, fonts):
            say(f"wrote {file}")
    if fonts.note:
        say(f"note: {fonts.note}")


def topics_plan(topics: Path, qrels: Path) -> Plan:
    from lexsearch.evaluation.tasks import topics_task
    from lexsearch.evaluation.trec import read_qrels, read_topics

    task, notes = topics_task(read_topics(topics), read_qrels(qrels))
    wanted = dict.fromkeys(name for row in task.questions for name in row.relevant)
    return Plan([task], list(wanted), None, notes)


def data_plan(
    paths: Sequence[Path],
    names: Sequence[str],
    split: str,
    difficult: bool,
    image_list: Path | None,
) -> Plan:
    from lexsearch.evaluation.datasets import open_dataset
    from lexsearch.evaluation.tasks import choose

    dataset = open_dataset(paths, split=split, difficult=difficult, image_list=image_list)
    return Plan(list(choose(dataset, names)), list(dataset.images), dataset, list(dataset.notes))


@contextmanager
def _searched(
    path: str, captions: Iterable[str] | None, progress: Callable[[Any], None]
) -> Iterator[tuple[Index, list[str]]]:
    if captions is None:
        from lexsearch.index import Index

        with Index(path, create=False) as index:
            yield index, []
    else:
        from lexsearch.evaluation.sources import index_of_captions

        with index_of_captions(captions, progress) as found:
            yield found


@contextmanager
def _runs(folder: Path | None) -> Iterator[Keep]:
    """Write each ranking into the run of its task, as it comes."""
    from lexsearch.evaluation.trec import write_run

    files: dict[str, IO[str]] = {}

    def keep(task: Task, question: Question, ranking: Sequence[ScoredDoc]) -> None:
        if folder is not None:
            if task.name not in files:
                file = folder / f"{task.name}.trec"
                files[task.name] = file.open("w", encoding="utf-8")
            files[task.name].write(write_run(question.query_id, ranking))

    with writing_to(folder):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        try:
            yield keep
        finally:
            for file in files.values():
                file.close()
                say(f"wrote {file.name}")


def _compare(outcomes: Sequence[Outcome], other: Path, source: Source) -> dict[str, Fit]:
    """The tasks that the other run has too, by AP of each query, to the runs' common depth."""
    from lexsearch.evaluation.significance import compare_with_run

    if other.is_dir():
        files = {outcome.task.name: other / f"{outcome.task.name}.trec" for outcome in outcomes}
    elif len(outcomes) == 1:
        files = {outcomes[0].task.name: other}
    else:
        raise click.UsageError("with several tasks, --compare takes the folder that --trec wrote")
    found = [outcome for outcome in outcomes if files[outcome.task.name].exists()]
    if not found:
        raise click.UsageError(f"{other} has no run of {outcomes[0].task.name}")
    return {
        outcome.task.title: compare_with_run(outcome, files[outcome.task.name], source)
        for outcome in found
    }
