"""Commands that find pictures and show what is known of them."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexsearch.cli.enhancing import (
    MOST_RERANKED,
    enhanced_or_plain,
    model_options,
    patience_option,
    record_options,
    reranked_or_plain,
    rewritten_or_plain,
    say_meant,
)
from lexsearch.cli.terminal import (
    NOT_DONE,
    NOTHING_FOUND,
    examples,
    fuse_option,
    index_option,
    json_option,
    link,
    mode_option,
    near,
    printable,
    say,
    say_unknown,
    search_once,
    weight_option,
)
from lexsearch.errors import StorageError
from lexsearch.images.filesystem import exists, is_remote

if TYPE_CHECKING:
    from PIL import Image

    from lexsearch.index import Index
    from lexsearch.records import Hit, Query, Results
    from lexsearch.searching.searcher import Match
    from lexsearch.searching.snapshot import Sort
    from lexsearch.storage.status import PictureInfo

_SHOWN_CROPS = 4
_LABELS = {"denied": "never said", "album": "in the album", "is": "marked as"}


class _Words(click.Command):
    """A command whose arguments may be taken for options: query dog -person."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        words = [one for one in arguments if re.fullmatch(r"-[^\W\d_]{2,}", one)]
        text = " ".join(arguments)
        asked = f"'{text}'" if not text.startswith("-") else f"-- '{text}'"
        try:
            return super().parse_args(context, arguments)
        except (click.NoSuchOption, click.BadParameter) as error:
            if not words:
                raise
            problem = error.format_message().rstrip(".")
            raise click.UsageError(
                f"{problem}. Words with signs go in quotes: lexsearch query {asked}", context
            ) from None


@click.command(
    cls=_Words,
    epilog=examples(
        "lexsearch query 'bus, traffic light'",
        "lexsearch query 'dog, -person, \"fire hydrant\"' --explain",
        "lexsearch query 'a dog on the beach' -k 50 --json",
        "lexsearch query 'text:\"no parking\", date:2023-07'",
        "lexsearch query 'family gathering' --also 'people eat at a long table'",
        "lexsearch query 'a man anticipates a ball' --rewrite rewriter",
        "lexsearch query dog -i",
        "lexsearch query dog --paths -0 | xargs -0 ls -l",
        "lexsearch query dog --sheet dogs.png",
        "lexsearch query is:favourite -k 500 --zip favourites.zip",
        "lexsearch query --topics topics.tsv --trec -k 1000 > run.trec",
    ),
)
@click.argument("text", nargs=-1, metavar="WORDS...")
@index_option
@click.option("-k", default=10, show_default=True, type=click.IntRange(min=1), help="How many.")
@click.option("--all", "match", flag_value="all", help="Only pictures with all keywords.")
@click.option(
    "--any", "match", flag_value="any", help="Also pictures that only have to do with them."
)
@click.option(
    "--maybe",
    is_flag=True,
    help="Below a line, also pictures that have none of it, but words near to it.",
)
@click.option(
    "--also",
    multiple=True,
    metavar="SENTENCE",
    help="Search this sentence as well, that says the same in other words; may be repeated.",
)
@click.option(
    "--but",
    metavar="CHANGE",
    help="With like:PICTURE: others like it, but changed: 'at night, without people'.",
)
@fuse_option
@weight_option
@click.option(
    "--enhance",
    is_flag=True,
    help="Search with sentences of a language model as well (docs/language.md).",
)
@click.option(
    "--rerank",
    type=click.IntRange(2, MOST_RERANKED),
    metavar="N",
    help="Let a language model put the first N hits in order, by their captions.",
)
@click.option(
    "--rewrite",
    metavar="FOLDER|llm",
    help="Search with what a rewriter makes of the query as well (docs/rewriting.md); llm: that of "
    "--llm, untrained.",
)
@model_options
@patience_option
@record_options
@click.option(
    "--sort",
    type=click.Choice(["relevance", "date", "name"]),
    default="relevance",
    show_default=True,
    help="The order: of the match, of when it was taken (the latest first), of folder and file.",
)
@click.option("--explain", is_flag=True, help="Say which crops said what, and where it is.")
@click.option("-i", "--interactive", is_flag=True, help="Go on in rounds: add, drop, undo.")
@click.option("--ask", "asks", is_flag=True, help="With -i: be asked what is in the picture.")
@mode_option
@json_option
@click.option("--paths", is_flag=True, help="Print only paths, one a line.")
@click.option("-0", "--null", is_flag=True, help="Paths end in NUL, for xargs -0.")
@click.option(
    "--topics",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="A file of many queries: id TAB text, one a line, or TREC's <top> blocks.",
)
@click.option("--trec", is_flag=True, help="Print a TREC run (as with --any, to all depths).")
@click.option(
    "--sheet", type=click.Path(dir_okay=False), help="Write the hits' pictures as one PNG."
)
@click.option(
    "--zip", "archive", type=click.Path(dir_okay=False), help="Write the hits' files as one ZIP."
)
@click.option("--thumbnails/--no-thumbnails", default=None, help="Show pictures in the terminal.")
@click.option("--open", "open_hits", is_flag=True, help="Open the hits in the system's viewer.")
def query(
    text: tuple[str, ...],
    path: str,
    k: int,
    match: Match | None,
    maybe: bool,
    also: tuple[str, ...],
    but: str | None,
    fuse: str,
    weight: float | None,
    enhance: bool,
    rerank: int | None,
    rewrite: str | None,
    llm: str | None,
    llm_model: str | None,
    batches: int,
    fresh: bool,
    patience: float,
    answers: Path | None,
    record: bool,
    sort: Sort,
    explain: bool,
    interactive: bool,
    asks: bool,
    mode: str,
    as_json: bool,
    paths: bool,
    null: bool,
    topics: Path | None,
    trec: bool,
    sheet: str | None,
    archive: str | None,
    thumbnails: bool | None,
    open_hits: bool,
) -> None:
    """Find pictures by keywords or a sentence.

    Commas separate keywords: pictures with all of them come first. -word excludes, +word must be
    there, "quoted words" stand for themselves alone; text: name: about: date: and like: look
    elsewhere (docs/searching.md). Exits with status 1 when nothing is found.
    """
    if bool(text) == bool(topics):
        raise click.UsageError("give either words to search for, or --topics FILE")
    if (enhance or rerank) and (topics or interactive or trec):
        raise click.UsageError(
            "--enhance and --rerank are for one search; for many there is lexsearch evaluate"
        )
    if asks and not interactive:
        raise click.UsageError("--ask goes with -i")
    asked = " ".join(text)
    if sort != "relevance" and (topics or interactive or trec or rerank or but is not None):
        raise click.UsageError("--sort is for one search")
    if but is not None and (topics or interactive or trec or also or enhance or match):
        raise click.UsageError("--but goes with like:PICTURE and -k alone")
    if rewrite and (topics or interactive or trec or enhance or but is not None):
        raise click.UsageError(
            "--rewrite is for one search; for many: lexsearch evaluate --rewrite"
        )
    if fuse == "only" and not rewrite:
        raise click.UsageError("--fuse only goes with --rewrite")
    enhanced = None
    if enhance:
        enhanced = enhanced_or_plain(
            asked,
            llm=llm,
            llm_model=llm_model,
            batches=batches,
            fresh=fresh,
            patience=patience,
            answers=answers,
            record=record,
        )
    if enhanced:
        also, weight = (*also, *enhanced.sentences), enhanced.weight(fuse, weight)
    elsewhere = topics or trec or interactive or match or also or but or rerank or rewrite
    if maybe and (elsewhere or mode == "paper"):
        raise click.UsageError("--maybe goes with an everyday search alone")
    searched: str | Query = asked
    if rewrite and (
        rewritten := rewritten_or_plain(
            asked, rewrite, llm=llm, llm_model=llm_model, fresh=fresh, patience=patience
        )
    ):
        if fuse == "only":
            searched = rewritten.alone
        else:
            also, weight = (*also, rewritten.text), 1.0 if weight is None else weight
    fuse = "sum" if fuse == "only" else fuse
    if not (topics or interactive):
        search_once(path, asked, mode)
    from lexsearch.index import Index

    with Index(path, create=False) as index:
        if topics or trec:
            from lexsearch.cli.runs import print_run, topics_of
            from lexsearch.evaluation.trec import Topic, Topics

            many = topics_of(topics) if topics else Topics([Topic("1", asked)], [])
            several = {"also": also, "fuse": fuse, "weight": weight}
            print_run(index, many, k, mode, match or "any", several)
            return
        if interactive and (
            as_json or paths or null or sheet or archive or match or also or mode == "paper"
        ):
            raise click.UsageError("-i goes with -k, --explain and --thumbnails alone")
        if interactive:
            from lexsearch.cli.rounds import go_on

            show = partial(_print_hits, thumbnails=thumbnails, explain=explain)
            go_on(index.session(asked), k, show, asks=asks)
            return
        count = max(k, rerank or 0)
        if but is not None:
            results = index.compose(_picture_of(asked), but, count)
        else:
            results = index.search(
                searched,
                count,
                mode=mode,
                match=match or "best",
                also=also,
                fuse=fuse,
                weight=weight,
                maybe=maybe,
                sort=sort,
            )
        if rerank:
            results = reranked_or_plain(
                index, results, rerank, llm, llm_model, patience=patience, fresh=fresh
            )[:k]
        if paths or null:
            _write_paths(results, "\0" if null else "\n")
        elif as_json:
            for hit in results:
                click.echo(json.dumps(_hit_object(hit)))
        else:
            _print_hits(results, thumbnails, explain)
        if sheet and results:
            from lexsearch.display.terminal import contact_sheet

            pictures = [(hit.path, _caption(hit)) for hit in results if hit.path]
            if pictures:
                _save(contact_sheet(pictures), sheet)
        if archive and results:
            _pack(index, results, archive)
        if open_hits:
            _open_hits(results)
        if not (as_json or paths or null):
            _say_the_end(index, results, asked, match or "best", k)
            if enhanced:
                say_meant(index, results, llm, llm_model, patience=patience, fresh=fresh)
    if not results:
        sys.exit(NOTHING_FOUND)


def _picture_of(asked: str) -> str:
    """The picture of a query that is like:PICTURE and nothing else."""
    from lexsearch.text.queries import parse

    [first, *more] = parse(asked).keywords
    if more or first.field != "like" or first.sign:
        raise click.UsageError("--but changes one picture: lexsearch query like:dog.jpg --but ...")
    return first.text


@click.command(
    epilog=examples(
        "lexsearch show ./photos/dog.jpg",
        "lexsearch show ./photos/dog.jpg --query 'dog, ball' --output boxes.png",
    )
)
@click.argument("name", metavar="PICTURE")
@index_option
@click.option("--query", "text", metavar="WORDS", help="Show where these words are.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    help="The picture to write with boxes drawn  [default: boxes.png].",
)
@json_option
def show(name: str, path: str, text: str | None, output: str | None, as_json: bool) -> None:
    """Show what is known of one picture.

    Every crop, its words, when and by whom they were said; with --query, a picture with boxes.
    PICTURE is a file, or a doc_id.
    """
    if output and not text:
        raise click.UsageError("--output needs --query")
    if text:
        search_once(path, text)
    from lexsearch.index import Index
    from lexsearch.storage.transfer import to_json

    with Index(path, create=False) as index:
        known = index.describe(name)
        hit = index.explain(text, name) if text else None
    if text:
        _show_where(known, hit, text, output or "boxes.png", as_json)
    elif as_json:
        for caption in known.captions:
            click.echo(to_json(caption, next(iter(known.paths), None)))
    else:
        _print_known(known)


def _show_where(known: PictureInfo, hit: Hit | None, text: str, output: str, as_json: bool) -> None:
    if hit is None:
        say(f"its captions do not say: {text}")
        sys.exit(NOTHING_FOUND)
    if as_json:
        click.echo(json.dumps(_hit_object(hit)))
    else:
        _explain(hit)
    if hit.path and exists(hit.path):
        from lexsearch.display.terminal import draw_boxes

        boxes = [(one.keyword, one.box) for one in hit.evidence if one.box]
        _save(draw_boxes(hit.path, boxes), output)
    else:
        say(f"there is no picture of {hit.path or hit.doc_id} to draw on")


def _save(picture: Image.Image, file: str) -> None:
    try:
        picture.save(file)
    except (OSError, ValueError) as error:  # ValueError: no format has this ending
        raise StorageError(f"{file} could not be written: {error}") from error
    say(f"wrote {file}")


def _pack(index: Index, hits: Sequence[Hit], file: str) -> None:
    from lexsearch.display.archives import MISSING, zipped

    names = index.relative_paths([hit.doc_id for hit in hits])
    files = [
        (os.path.basename(hit.path) if os.path.isabs(name) else name, hit.path)
        for hit in hits
        if hit.path
        for name in names[hit.doc_id][:1]
    ]
    with click.open_file(file, "wb", atomic=True) as output:
        for part in zipped(files):
            output.write(part)
    lost = [path for _, path in files if not exists(path)]
    say(f"wrote {file}" + (f"; {len(lost)} files are gone, see {MISSING!r} in it" if lost else ""))


def _hit_object(hit: Hit) -> dict[str, object]:
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "doc_id": hit.doc_id,
        "path": hit.path,
        "paths": list(hit.paths),
        "words": list(hit.words),
        "missing": list(hit.missing),
        "width": hit.width,
        "height": hit.height,
        "by": list(hit.by),
        "votes": hit.votes,
        "below": hit.below,
        "rank_before": hit.before,
        "evidence": [one.as_object() for one in hit.evidence],
    }


def _print_hits(hits: Iterable[Hit], thumbnails: bool | None, explain: bool) -> None:
    from lexsearch.records import LINES

    show_pictures = sys.stdout.isatty() if thumbnails is None else thumbnails
    below = ""
    for hit in hits:
        if hit.below and hit.below != below:
            click.secho(f"     -- {LINES[hit.below]} --", dim=True)
        below = hit.below
        place = link(printable(near(hit.path)), hit.path) if hit.path else hit.doc_id
        click.echo(f"{hit.rank:3}  {hit.score:7.3f}  {click.style(place, bold=True)}")
        if explain:
            _explain(hit)
        else:
            missing = [_lack(keyword) for keyword in hit.missing]
            words = [click.style(", ".join(hit.words), fg="green")] if hit.words else []
            if words or missing:
                click.echo(f"              {'; '.join([*words, *missing])}")
        for sentence in hit.by:
            click.echo(f"              by: {printable(sentence)}")
        for other in hit.paths[1:]:
            click.echo(f"              also {printable(near(other))}")
        if show_pictures and hit.path:
            _print_thumbnail(hit.path)


def _explain(hit: Hit) -> None:
    for one in hit.evidence:
        words = click.style(", ".join(one.words), fg="green")
        click.echo(f"              {one.keyword} ({one.share:.0%}): {words}")
        if one.crops:
            more = f" and {len(one.crops) - _SHOWN_CROPS} more"
            said = ", ".join(one.crops[:_SHOWN_CROPS])
            more = more * (len(one.crops) > _SHOWN_CROPS)
            doubt = " alone: perhaps" if one.doubtful else ""
            click.echo(f"                 said of {said}{more}{doubt}")
        if one.box and len(one.crops) > 0:
            left, top, right, bottom = one.box
            click.echo(f"                 most likely at x {left}-{right}, y {top}-{bottom}")
    for keyword in hit.missing:
        click.echo(f"              {_lack(keyword)}")


def _lack(keyword: str) -> str:
    return click.style(f"no {keyword.removeprefix('+')}", fg="yellow")


def _open_hits(hits: Iterable[Hit]) -> None:
    for hit in hits:
        if hit.path and click.launch(hit.path):
            say(f"{printable(near(hit.path))} could not be opened; is xdg-open installed?")
            sys.exit(NOT_DONE)


def _print_thumbnail(path: str) -> None:
    from lexsearch.display.terminal import terminal_thumbnail

    if picture := terminal_thumbnail(path):
        click.echo(picture)


def _caption(hit: Hit) -> str:
    return f"{hit.rank}. {', '.join(hit.words[:4])}"


def _write_paths(hits: Iterable[Hit], end: str) -> None:
    for hit in hits:
        for place in hit.paths or (hit.doc_id,):
            sys.stdout.buffer.write(os.fsencode(place + end))
    sys.stdout.buffer.flush()


def _say_the_end(index: Index, results: Results, text: str, match: Match, k: int) -> None:
    """What a list cannot say: how many more there are, and what nobody has."""
    if not results and not index.status().searchable:
        say(f"the index {index.name} is empty; fill it with: lexsearch index FOLDER")
        return
    say_unknown(results)
    _say_away(index, results)
    for note in results.query.notes:
        say(note)
    if not results:
        say(f"nothing found for: {text}")
        if match == "all" and (some := index.total(text)):
            say(f"no picture has all of it; without --all, {some:,} have some of it")
    elif results.listed > k:
        say(f"{k:,} of {results.listed:,}; -k shows more")


def _say_away(index: Index, results: Results) -> None:
    """Which folders of the hits are not there just now, each once."""
    lost = [
        hit.path for hit in results if hit.path and not (is_remote(hit.path) or exists(hit.path))
    ]
    for folder in index.status().away if lost else ():
        there = sum(path.startswith(os.path.join(folder, "")) for path in lost)
        if there:
            which = "the picture" if len(results) == 1 else f"{there:,} of these pictures"
            say(f"{printable(folder)} is not there just now; it has {which}")


def _print_known(known: PictureInfo) -> None:
    from datetime import datetime

    for place in known.paths:
        click.secho(printable(near(place)), bold=True)
    click.echo(f"doc_id {known.doc_id}")
    heading = None
    for row in known.captions:
        if row.field == "seen":
            continue  # boxes of things that the caption names
        if row.source == "human" and row.caption_id and not row.text:
            continue  # replaced by another correction of the crop
        when = datetime.fromtimestamp(row.time / 1e6).astimezone()
        who = " ".join(filter(None, row.captioner)) or row.source
        if heading != (heading := f"by {who}, {when:%Y-%m-%d}"):
            click.secho(heading, dim=True)
        field = " (text read)" if row.field == "text" else ""
        label = f"{row.crop}{field}{' ' + row.caption_id if row.caption_id else ''}"
        if row.field in _LABELS:
            label = _LABELS[row.field]
        click.echo(f"  {label:24} {row.text or '-'}")
