"""Sentences of a language model for a search: the command, and the options that others share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lexsearch.cli.terminal import (
    NOTHING_FOUND,
    SOME_FAILED,
    examples,
    index_option,
    json_option,
    list_failures,
    progress_bar,
    quiet_option,
    say,
)

if TYPE_CHECKING:
    from lexsearch.index import Index
    from lexsearch.language import LanguageModel
    from lexsearch.language.enhancing import Enhanced, Enhancer
    from lexsearch.language.remembered import Remembered
    from lexsearch.records import Results
    from lexsearch.rewriting import Rewriter, Rewritten

PATIENCE = 20.0
MOST_RERANKED = 50

_LLM = (
    click.option(
        "--llm",
        metavar="URL|FOLDER",
        help="A language model: a server's address, a folder, or smollm2 (environment: "
        "LEXSEARCH_LLM_URL). Nothing is asked unless it is named.",
    ),
    click.option(
        "--llm-model",
        metavar="NAME",
        help="As the server calls it (environment: LEXSEARCH_LLM_MODEL).",
    ),
    click.option("--no-cache", "fresh", is_flag=True, help="Ask the model anew."),
)
_BATCHES = click.option(
    "--batches",
    default=3,
    show_default=True,
    type=click.IntRange(1, 20),
    help="How often the model is asked about a query.",
)
_RECORDS = (
    click.option(
        "--answers",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Take sentences from this file (JSON Lines) before any model is asked.",
    ),
    click.option("--record", is_flag=True, help="Add new sentences to the file of --answers."),
)


def llm_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--llm, --llm-model and --no-cache."""
    for option in reversed(_LLM):
        command = option(command)
    return command


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and --batches."""
    return llm_options(_BATCHES(command))


def record_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--answers and --record."""
    for option in reversed(_RECORDS):
        command = option(command)
    return command


patience_option = click.option(
    "--patience",
    default=PATIENCE,
    show_default=True,
    type=click.FloatRange(0.1, 3600),
    metavar="SECONDS",
    help="For all answers of the language model.",
)


@contextmanager
def asked_model(
    llm: str | None, llm_model: str | None, *, patience: float | None = None
) -> Iterator[tuple[LanguageModel, Remembered]]:
    """The model that is named, and what it answered before; wrong usage where none is.

    patience: None for many questions, that nobody waits for.
    """
    from lexsearch.language import LLM_URL, is_named, open_language_model
    from lexsearch.language.remembered import Remembered

    if not is_named(llm):
        raise click.UsageError(
            "no language model is named: give --llm http://localhost:11434/v1 (or a folder, or "
            f"smollm2), or set {LLM_URL}"
        )
    with ExitStack() as stack:
        model = open_language_model(llm, llm_model, patience=patience)
        stack.callback(model.close)
        remembered = Remembered()
        stack.callback(remembered.close)
        yield model, remembered


@contextmanager
def opened_enhancer(
    llm: str | None,
    llm_model: str | None,
    batches: int,
    fresh: bool,
    *,
    sentences: int = 10,
    patience: float | None = None,
    answers: Path | None = None,
    record: bool = False,
) -> Iterator[Enhancer]:
    """What asks the model that is named; wrong usage where none is. patience: None for many."""
    from lexsearch.language import is_named
    from lexsearch.language.enhancing import Enhancer
    from lexsearch.language.recorded import Recorded

    if record and answers is None:
        raise click.UsageError("--record needs --answers FILE")
    with ExitStack() as stack:
        recorded = Recorded(answers, recording=record) if answers else None
        if recorded and recorded.wrong:
            say(f"note: {recorded.wrong:,} lines of {answers} are no recorded sentences")
        model = remembered = None
        if is_named(llm) or answers is None or record:
            model, remembered = stack.enter_context(asked_model(llm, llm_model, patience=patience))
        yield Enhancer(
            model,
            sentences=sentences,
            batches=batches,
            remembered=remembered,
            recorded=recorded,
            fresh=fresh,
        )


def enhanced_or_plain(text: str, **options: Any) -> Enhanced | None:
    """For somebody who waits: what the model said, or None after a note that says why not."""
    from lexsearch.errors import ModelError
    from lexsearch.text.queries import parse

    query = parse(text)
    try:
        with opened_enhancer(**options) as enhancer:
            enhanced = enhancer.enhance(query)
    except ModelError as error:
        note = str(error)
    else:
        if enhanced.sentences:
            count = len(enhanced.sentences)
            say(f"searched with {count} sentences more; lexsearch enhance shows them")
            return enhanced
        note = enhanced.note
    say(f"note: not enhanced: {note.rstrip('.')}; searched for the words as typed")
    return None


def reranked_or_plain(
    index: Index,
    results: Results,
    first: int,
    llm: str | None,
    llm_model: str | None,
    *,
    patience: float,
    fresh: bool,
) -> Results:
    """For somebody who waits: the hits as the model orders them, or as they are after a note."""
    from lexsearch.errors import ModelError
    from lexsearch.searching.reranking import rerank

    with asked_model(llm, llm_model, patience=patience) as (model, remembered):
        try:
            again = rerank(index, results, model, first, remembered=remembered, fresh=fresh)
        except ModelError as error:
            note = str(error)
        else:
            results, note = again
    if note:
        say(f"note: not put in order: {note.rstrip('.')}; in the order of the search")
    return results


def say_meant(
    index: Index,
    results: Results,
    llm: str | None,
    llm_model: str | None,
    *,
    patience: float,
    fresh: bool,
) -> None:
    """Words of the index that a model takes a keyword for which no picture has."""
    from lexsearch.errors import ModelError
    from lexsearch.language import is_named
    from lexsearch.searching.meaning import meant_by

    if not results.unknown or not is_named(llm):
        return
    with asked_model(llm, llm_model, patience=patience) as (model, remembered):
        for keyword, _ in results.unknown:
            try:
                words = meant_by(index, keyword, model, remembered=remembered, fresh=fresh)
            except ModelError:
                return
            if words:
                known = ", ".join(f"{one.word} ({one.count:,})" for one in words)
                say(f"a language model takes {keyword!r} for: {known}")


@contextmanager
def opened_rewriter(
    name: str,
    llm: str | None,
    llm_model: str | None,
    fresh: bool,
    patience: float | None = None,
) -> Iterator[Rewriter]:
    """The rewriter of a folder; of "llm", the model that is named, untrained."""
    from lexsearch.language.remembered import Remembered
    from lexsearch.rewriting import Rewriter

    with ExitStack() as stack:
        if name == "llm":
            model, remembered = stack.enter_context(asked_model(llm, llm_model, patience=patience))
            rewriter = Rewriter(model, remembered=remembered, fresh=fresh)
        else:
            remembered = Remembered()
            stack.callback(remembered.close)
            rewriter = Rewriter(name, remembered=remembered, fresh=fresh)
            stack.callback(rewriter.close)
        yield rewriter


def rewritten_or_plain(text: str, name: str, **options: Any) -> Rewritten | None:
    """For somebody who waits: the search as a rewriter says it, or None after a note why not."""
    from lexsearch.errors import ModelError
    from lexsearch.text.queries import parse

    query = parse(text)
    try:
        with opened_rewriter(name, **options) as rewriter:
            [rewritten] = rewriter.rewrite([query])
    except ModelError as error:
        note = str(error)
    else:
        if rewritten.text:
            say(f"rewritten: {rewritten.text}")
            return rewritten
        note = rewritten.note
    if note:
        say(f"note: not rewritten: {note.rstrip('.')}; searched for the words as typed")
    return None


@click.command(
    epilog=examples(
        "lexsearch enhance 'family gathering' --llm http://localhost:11434/v1 --llm-model qwen3:4b",
        "lexsearch enhance --topics topics.tsv --answers sentences.jsonl --record",
    )
)
@click.argument("text", nargs=-1, metavar="WORDS...")
@click.option(
    "--topics",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="A file of many queries: id TAB text, one a line, or TREC's <top> blocks.",
)
@click.option(
    "--sentences",
    default=10,
    show_default=True,
    type=click.IntRange(1, 100),
    help="How many in a batch.",
)
@model_options
@record_options
@json_option
@quiet_option
def enhance(
    text: tuple[str, ...],
    topics: Path | None,
    sentences: int,
    llm: str | None,
    llm_model: str | None,
    batches: int,
    fresh: bool,
    answers: Path | None,
    record: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show what a language model would search with, and search nothing.

    The words of the query are sent, those with signs, quotes and fields are not; nothing else is
    (docs/language.md). Exits with status 1 where no sentence came.
    """
    from lexsearch.cli.runs import topics_of

    if bool(text) == bool(topics):
        raise click.UsageError("give either words to enhance, or --topics FILE")
    found = topics_of(topics) if topics else None
    queries = [topic.text for topic in found.topics] if found else [" ".join(text)]
    with (
        opened_enhancer(
            llm, llm_model, batches, fresh, sentences=sentences, answers=answers, record=record
        ) as enhancer,
        progress_bar(quiet or not topics) as progress,
    ):
        enhanced = enhancer.enhance_all(queries, progress)
    _print(queries, enhanced, as_json, many=bool(topics))
    if not any(one.sentences for one in enhanced):
        raise SystemExit(NOTHING_FOUND)
    if found and found.wrong:
        for line in found.wrong:
            say(line)
        raise SystemExit(SOME_FAILED)


@click.command(
    epilog=examples(
        "lexsearch enrich --llm http://localhost:11434/v1 --llm-model qwen3:4b",
        "lexsearch enrich --remove",
    )
)
@index_option
@click.option(
    "--searches",
    default=5,
    show_default=True,
    type=click.IntRange(1, 20),
    help="How many for each picture.",
)
@click.option("--again", is_flag=True, help="Also for pictures that have some; asks anew.")
@click.option("--remove", is_flag=True, help="Take all of them out of the index.")
@click.option(
    "--llm",
    metavar="URL|FOLDER",
    help="A language model: a server's address, a folder, or smollm2 (environment: "
    "LEXSEARCH_LLM_URL).",
)
@click.option(
    "--llm-model",
    metavar="NAME",
    help="As the server calls it (environment: LEXSEARCH_LLM_MODEL).",
)
@quiet_option
def enrich(
    path: str,
    searches: int,
    again: bool,
    remove: bool,
    llm: str | None,
    llm_model: str | None,
    quiet: bool,
) -> None:
    """Let a language model write likely searches for each picture, once.

    It is sent the captions. What it writes is found from then on without it, counts half as much
    as captions, and not at all with --mode paper. Only pictures without such searches are asked
    about, so that it may be stopped, and run again when pictures came.
    """
    from lexsearch.index import Index

    with Index(path, create=False) as index, progress_bar(quiet) as progress:
        if remove:
            count = index.forget_enriched(progress)
            click.echo(f"{count:,} pictures have no searches of a language model any more")
            return
        with asked_model(llm, llm_model) as (model, remembered):
            enriched = index.enrich(
                model, searches, again=again, remembered=remembered, progress=progress
            )
    click.echo(f"{enriched.added:,} enriched, {len(enriched.failed):,} failed")
    if enriched.failed:
        list_failures([f"{doc_id}: {reason}" for doc_id, reason in enriched.failed])
        raise SystemExit(SOME_FAILED)


def _print(
    queries: Sequence[str], enhanced: Sequence[Enhanced], as_json: bool, *, many: bool
) -> None:
    for query, one in zip(queries, enhanced, strict=True):
        if as_json:
            batches = [list(batch) for batch in one.batches]
            click.echo(json.dumps({"query": query, "batches": batches, "note": one.note or None}))
        elif not many:
            click.echo(
                "".join(f"{sentence}\n" for sentence in dict.fromkeys(one.sentences)), nl=False
            )
    lost = [(query, one.note) for query, one in zip(queries, enhanced, strict=True) if one.note]
    if lost:
        query, note = lost[0]
        say(f"note: {len(lost)} of {len(queries)} were not enhanced (the first: {query}: {note})")
    elif many:
        say(f"{len(queries):,} queries are enhanced")
