"""Queries that learn what the search understands: pairs, training, use."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import click

from lexsearch.cli.enhancing import asked_model, llm_options, opened_rewriter
from lexsearch.cli.evaluating import Plan, data_plan, topics_plan
from lexsearch.cli.terminal import (
    NOTHING_FOUND,
    SOME_FAILED,
    examples,
    existing,
    index_option,
    json_option,
    progress_bar,
    quiet_option,
    say,
    writing_to,
)

if TYPE_CHECKING:
    from lexsearch.evaluation.dataset import Dataset
    from lexsearch.records import Progress
    from lexsearch.rewriting.making import Gallery, Made, Query, Strategy
    from lexsearch.rewriting.retriever import Retriever

T = TypeVar("T")
_TOLD = ("held_out_reward", "R@1", "R@5", "R@10")

_mode_option = click.option(
    "--mode",
    type=click.Choice(["paper", "best"]),
    default="paper",
    show_default=True,
    help="Of the index as teacher: BM25 over a bag of words, or what keywords mean.",
)
_dense_option = click.option(
    "--dense",
    metavar="MODEL",
    help="A dual encoder (CLIP ...) as teacher in place of the index; with --images and --data.",
)
_images_option = click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the pictures of --data are, for --dense.",
)
_data_option = click.option(
    "--data",
    multiple=True,
    type=existing,
    help="A data set with captions, as in lexsearch evaluate: each caption is a query.",
)
_split_option = click.option(
    "--split", default="train", show_default=True, help="Of Karpathy's files."
)


@click.group()
def rewrite() -> None:
    """Learn to say a search in words that the index understands (docs/rewriting.md)."""


@rewrite.command(
    epilog=examples(
        "lexsearch rewrite pairs --data dataset_coco.json --llm http://localhost:8000/v1 \\\n"
        "      --out pairs.jsonl",
        "lexsearch rewrite pairs --from-index --out pairs.jsonl",
    )
)
@_data_option
@_split_option
@click.option("--topics", type=existing, help="Queries: id TAB text, one a line, or TREC's <top>.")
@click.option("--qrels", type=existing, help="Judgements of the topics: one picture each.")
@click.option(
    "--from-index",
    is_flag=True,
    help="Make captions of the index harder with the lexicon; asks no model.",
)
@click.option(
    "--captions-each",
    default=2,
    show_default=True,
    type=click.IntRange(min=1),
    help="With --from-index: captions of a picture.",
)
@index_option
@_mode_option
@_dense_option
@_images_option
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="JSON Lines."
)
@click.option(
    "--strategy",
    type=click.Choice(["challenge", "feedback", "direct"]),
    default="challenge",
    show_default=True,
    help="Show the model wrong pictures and what was tried, what was tried, or the right picture "
    "alone.",
)
@click.option("--rounds", default=10, show_default=True, type=click.IntRange(1, 100))
@click.option("--wanted", default=5, show_default=True, type=click.IntRange(1, 100))
@click.option("--limit", type=click.IntRange(min=1), help="Queries at most, drawn by --seed.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--see",
    type=click.Choice(["captions", "pictures"]),
    default="captions",
    show_default=True,
    help="What the model is shown of pictures.",
)
@click.option(
    "--similarity",
    default="minilm",
    show_default=True,
    metavar="minilm|FOLDER|none",
    help="What leaves out rewrites of another meaning.",
)
@llm_options
@quiet_option
def pairs(
    data: tuple[Path, ...],
    split: str,
    topics: Path | None,
    qrels: Path | None,
    from_index: bool,
    captions_each: int,
    path: str,
    mode: str,
    dense: str | None,
    images: Path | None,
    out: Path,
    strategy: str,
    rounds: int,
    wanted: int,
    limit: int | None,
    seed: int,
    see: str,
    similarity: str,
    llm: str | None,
    llm_model: str | None,
    fresh: bool,
    quiet: bool,
) -> None:
    """Make pairs of a query that finds little and rewrites that find more.

    A query that does not find its picture among the first 10 is rewritten by a language model,
    which is told what was found instead; one that finds it among the first 3 is blurred. Rewrites
    that find more are kept. It may be stopped at any time: the same command goes on.
    """
    from lexsearch.rewriting.pairs import PairsFile

    if bool(topics) != bool(qrels):
        raise click.UsageError("--topics and --qrels go together")
    if sum((bool(data), bool(topics), from_index)) != 1:
        raise click.UsageError("give one of --data, --topics with --qrels, and --from-index")
    if dense and not (data and images):
        raise click.UsageError("--dense needs --data and --images")
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar(quiet))
        if from_index:
            from lexsearch.index import Index
            from lexsearch.rewriting.lexicon_pairs import pairs_of_captions
            from lexsearch.rewriting.sources import captions_in, lexical

            index = stack.enter_context(Index(path, create=False))
            captions = _drawn(captions_in(index, captions_each, seed), limit, seed)
            teacher, _ = lexical(index, [one.doc_id for one in captions], mode)
            file = PairsFile(out)
            stack.callback(file.close)
            written, none = pairs_of_captions(captions, teacher, file, seed=seed, progress=progress)
            say(f"{written:,} pairs of {len(captions):,} captions; {none:,} gave none")
            return
        from lexsearch.rewriting.making import PairMaker, Settings
        from lexsearch.rewriting.similarity import Similarity

        alike = None if similarity == "none" else Similarity(similarity)
        model, remembered = stack.enter_context(asked_model(llm, llm_model))
        plan = (
            topics_plan(topics, qrels)
            if topics and qrels
            else data_plan(data, ["caption"], split, False, None)
        )
        queries = _drawn(_queries(plan), limit, seed)
        retriever, gallery = stack.enter_context(
            _teacher(
                plan.wanted,
                plan.dataset,
                path,
                mode,
                dense,
                images,
                progress,
                with_pictures=see == "pictures",
            )
        )
        file = PairsFile(out)
        stack.callback(file.close)
        settings = Settings(cast("Strategy", strategy), rounds, wanted)
        maker = PairMaker(
            retriever,
            model,
            gallery,
            settings,
            similarity=alike,
            remembered=remembered,
            fresh=fresh,
        )
        made = maker.make(queries, file, progress)
    _tell(made)
    if made.unanswered:
        raise SystemExit(SOME_FAILED)


def _drawn(items: Sequence[T], limit: int | None, seed: int) -> list[T]:
    """All, or as many as the limit says, the same for every strategy."""
    if limit is None or limit >= len(items):
        return list(items)
    return random.Random(seed).sample(list(items), limit)


def _queries(plan: Plan) -> list[Query]:
    """Queries that look for one picture."""
    from lexsearch.evaluation.baselines import text_of
    from lexsearch.rewriting.making import Query

    questions = [question for task in plan.tasks for question in task.questions]
    one = [question for question in questions if len(question.relevant) == 1]
    if len(one) < len(questions):
        say(f"note: {len(questions) - len(one):,} queries look for several pictures: left out")
    return [Query(text_of(question.query), *question.relevant) for question in one]


@contextmanager
def _teacher(
    wanted: Sequence[str],
    dataset: Dataset | None,
    path: str,
    mode: str,
    dense: str | None,
    images: Path | None,
    progress: Callable[[Progress], None],
    *,
    with_pictures: bool = False,
) -> Iterator[tuple[Retriever, Gallery]]:
    """What judges texts, and what may be shown of pictures."""
    if dense and images and dataset:
        from lexsearch.evaluation.baselines import DenseSource
        from lexsearch.rewriting.retriever import DenseRetriever
        from lexsearch.rewriting.sources import FolderGallery

        source = DenseSource(dense, images, dataset, progress)
        for note in source.notes:
            say(f"note: {note}")
        folder = images if with_pictures else None
        yield DenseRetriever(source), FolderGallery(dataset, folder)
        return
    from lexsearch.index import Index
    from lexsearch.rewriting.sources import IndexGallery, lexical

    with Index(path, create=False) as index:
        retriever, found = lexical(index, wanted, mode)
        for note in found.notes:
            say(f"note: {note}")
        yield retriever, IndexGallery(index, found, with_pictures=with_pictures)


def _tell(made: Made) -> None:
    say(
        f"{made.low:,} queries did not find their picture among the first 10, {made.high:,} found "
        f"it among the first 3, {made.middling:,} between; {made.known:,} were done before"
    )
    mean = f" ({made.new_words / made.rewrites:.2f} new words each)" if made.rewrites else ""
    say(f"{made.pairs:,} pairs with {made.rewrites:,} rewrites{mean}; {made.in_vain:,} in vain")
    if made.left_out:
        reasons = ", ".join(f"{count:,} {why}" for why, count in made.left_out.most_common())
        say(f"left out: {reasons}")
    if made.unanswered:
        say(f"{made.unanswered:,} queries had no answer; the same command asks them again")


@rewrite.command(
    epilog=examples(
        "lexsearch rewrite train pairs.jsonl --base smollm2 --preset small --out rewriter",
        "lexsearch rewrite train pairs.jsonl --base meta-llama/Llama-2-7b-chat-hf --out rewriter",
        "lexsearch rewrite train pairs.jsonl --base smollm2 --stages sft,ppo --out other",
    )
)
@click.argument("file", metavar="PAIRS", type=existing)
@click.option(
    "--base",
    required=True,
    metavar="FOLDER|NAME|smollm2",
    help="The language model to begin with; it is not downloaded.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of the rewriter.",
)
@click.option(
    "--stages",
    default="sft,pro,ppo",
    show_default=True,
    help="Some of these, in this order: say the best rewrite, order rewrites, learn from own ones.",
)
@click.option(
    "--preset",
    type=click.Choice(["paper", "small", "tiny"]),
    default="paper",
    show_default=True,
    help="Settings of the paper (a model of 7B), of one of 135M, of one of under 1M.",
)
@click.option(
    "--lora",
    type=click.IntRange(min=0),
    help="Rank of adapters on all linear layers; 0 trains all weights  [default: the preset's].",
)
@index_option
@_mode_option
@_dense_option
@_images_option
@_data_option
@_split_option
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--every",
    type=click.IntRange(min=1),
    help="Steps between looks at held-out queries, each a checkpoint  [default: six a stage].",
)
@click.option("--resume", is_flag=True, help="Go on with what was stopped.")
@quiet_option
def train(
    file: Path,
    base: str,
    out: Path,
    stages: str,
    preset: str,
    lora: int | None,
    path: str,
    mode: str,
    dense: str | None,
    images: Path | None,
    data: tuple[Path, ...],
    split: str,
    seed: int,
    every: int | None,
    resume: bool,
    quiet: bool,
) -> None:
    """Train a rewriter on pairs, with the index as its teacher.

    It may be stopped at any time; --resume goes on from the last look at held-out queries.
    """
    from lexsearch.errors import RewritingError
    from lexsearch.evaluation.datasets import open_dataset
    from lexsearch.extras import require
    from lexsearch.rewriting.pairs import read_pairs

    require("mllm", "lexsearch rewrite train", RewritingError)
    if dense and not (data and images):
        raise click.UsageError("--dense needs --data and --images")
    from lexsearch.rewriting.training.presets import PRESETS
    from lexsearch.rewriting.training.trainer import LOG
    from lexsearch.rewriting.training.trainer import Plan as Training
    from lexsearch.rewriting.training.trainer import train as run

    found = read_pairs(file)
    if found.wrong:
        say(f"note: {found.wrong:,} lines of {file} are no pairs")
    settings = PRESETS[preset] if lora is None else replace(PRESETS[preset], lora=lora)
    plan = Training(base, out, stages.split(","), settings, seed, every)
    dataset = open_dataset(data, split=split) if data else None
    wanted = list(dict.fromkeys(pair.doc_id for pair in found.rows))
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar(quiet))
        retriever, _ = stack.enter_context(
            _teacher(wanted, dataset, path, mode, dense, images, progress)
        )
        for other in {pair.retriever for pair in found.rows} - {retriever.key}:
            say(f"note: pairs were made for another search: {other}, not {retriever.key}")
        stack.enter_context(writing_to(out))
        about = run(plan, found, retriever, progress, resume=resume)
    for name, values in about["held_out"].items():
        told = ", ".join(f"{key} {values[key]:.3f}" for key in _TOLD if key in values)
        say(f"{name}: {told or 'no held-out pairs'}")
    _draw(out / LOG, out / "curves.png")
    say(f"wrote {out}")


def _draw(log: Path, file: Path) -> None:
    """The curves of a training, where they can be drawn."""
    from lexsearch.extras import missing

    if note := missing("evaluate", "a plot"):
        say(f"note: {note}")
        return
    from lexsearch.rewriting.training.curves import draw

    draw(log, file)
    say(f"wrote {file}")


@rewrite.command(
    epilog=examples("lexsearch rewrite say 'a man anticipates a ball' --with rewriter")
)
@click.argument("text", nargs=-1, required=True, metavar="WORDS...")
@click.option(
    "--with", "name", required=True, metavar="FOLDER|llm", help="A rewriter; llm: that of --llm."
)
@llm_options
@json_option
def say_command(
    text: tuple[str, ...],
    name: str,
    llm: str | None,
    llm_model: str | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """Print a search as a rewriter says it; with status 1 as typed, and a note why."""
    with opened_rewriter(name, llm, llm_model, fresh) as rewriter:
        [rewritten] = rewriter.rewrite([" ".join(text)])
    said = rewritten.text or " ".join(text)
    if as_json:
        row = {"query": " ".join(text), "rewrite": said, "note": rewritten.note or None}
        click.echo(json.dumps(row))
    else:
        click.echo(said)
    if rewritten.note:
        say(f"note: not rewritten: {rewritten.note.rstrip('.')}")
        raise SystemExit(NOTHING_FOUND)


say_command.name = "say"
