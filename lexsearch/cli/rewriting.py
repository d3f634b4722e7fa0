"""Queries that learn what the search understands: pairs, training, use."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import click

from lexsearch.cli.evaluating import Plan, data_plan, topics_plan
from lexsearch.cli.terminal import (
    SOME_FAILED,
    examples,
    existing,
    index_option,
    progress_bar,
    quiet_option,
    say,
)

if TYPE_CHECKING:
    from lexsearch.records import Progress
    from lexsearch.rewriting.making import Gallery, Made, Query, Strategy
    from lexsearch.rewriting.retriever import Retriever

T = TypeVar("T")

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
@click.option(
    "--llm", metavar="URL|FOLDER", help="A language model (environment: LEXSEARCH_LLM_URL)."
)
@click.option(
    "--llm-model", metavar="NAME", help="As the server calls it (environment: LEXSEARCH_LLM_MODEL)."
)
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
        from lexsearch.cli.enhancing import asked_model
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
            _teacher(plan, path, mode, dense, images, progress, with_pictures=see == "pictures")
        )
        file = PairsFile(out)
        stack.callback(file.close)
        settings = Settings(cast("Strategy", strategy), rounds, wanted)
        maker = PairMaker(
            retriever, model, gallery, settings, similarity=alike, remembered=remembered
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
    plan: Plan,
    path: str,
    mode: str,
    dense: str | None,
    images: Path | None,
    progress: Callable[[Progress], None],
    *,
    with_pictures: bool = False,
) -> Iterator[tuple[Retriever, Gallery]]:
    """What judges texts, and what may be shown of pictures."""
    if dense and images and plan.dataset:
        from lexsearch.evaluation.baselines import DenseSource
        from lexsearch.rewriting.retriever import DenseRetriever
        from lexsearch.rewriting.sources import FolderGallery

        source = DenseSource(dense, images, plan.dataset, progress)
        for note in source.notes:
            say(f"note: {note}")
        folder = images if with_pictures else None
        yield DenseRetriever(source), FolderGallery(plan.dataset, folder)
        return
    from lexsearch.index import Index
    from lexsearch.rewriting.sources import IndexGallery, lexical

    with Index(path, create=False) as index:
        retriever, found = lexical(index, plan.wanted, mode)
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
