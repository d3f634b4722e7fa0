"""Commands that find pictures and show what is known of them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from lexsearch.cli.terminal import (
    NOTHING_FOUND,
    examples,
    index_option,
    json_option,
    near,
    printable,
    say,
)

if TYPE_CHECKING:
    from lexsearch.index import Index, Known
    from lexsearch.records import Hit


@click.command(
    epilog=examples(
        "lexsearch query 'bus, traffic light'",
        "lexsearch query 'a dog on the beach' -k 50 --json",
        "lexsearch query dog --paths -0 | xargs -0 ls -l",
        "lexsearch query dog --sheet dogs.png",
        "lexsearch query --topics topics.tsv --trec -k 1000 > run.trec",
    )
)
@click.argument("text", nargs=-1, metavar="WORDS...")
@index_option
@click.option("-k", default=10, show_default=True, type=click.IntRange(min=1), help="How many.")
@json_option
@click.option("--paths", is_flag=True, help="Print only paths, one a line.")
@click.option("-0", "--null", is_flag=True, help="Paths end in NUL, for xargs -0.")
@click.option(
    "--topics", type=click.File(), help="A file of many queries: id TAB text, one a line."
)
@click.option("--trec", is_flag=True, help="Print a TREC run.")
@click.option(
    "--sheet", type=click.Path(dir_okay=False), help="Write the hits' pictures as one PNG."
)
@click.option("--thumbnails/--no-thumbnails", default=None, help="Show pictures in the terminal.")
def query(
    text: tuple[str, ...],
    path: str,
    k: int,
    as_json: bool,
    paths: bool,
    null: bool,
    topics: Iterable[str] | None,
    trec: bool,
    sheet: str | None,
    thumbnails: bool | None,
) -> None:
    """Find pictures by keywords or a sentence.

    Commas separate keywords: "bus, traffic light". Exits with status 1 when nothing is found.
    """
    from lexsearch.index import Index

    if bool(text) == bool(topics):
        raise click.UsageError("give either words to search for, or --topics FILE")
    with Index(path, create=False) as index:
        if topics or trec:
            _print_run(index, topics or [f"1\t{' '.join(text)}"], k)
            return
        hits = index.search(" ".join(text), k, words=not (paths or null))
        if paths or null:
            _write_paths(hits, "\0" if null else "\n")
        elif as_json:
            for hit in hits:
                click.echo(json.dumps(_hit_object(hit)))
        else:
            _print_hits(hits, thumbnails)
        if sheet and hits:
            from lexsearch.pictures import contact_sheet

            contact_sheet([(hit.path, _caption(hit)) for hit in hits if hit.path]).save(sheet)
            say(f"wrote {sheet}")
    if not hits:
        if not (as_json or paths or null):
            say(_why_nothing(index, " ".join(text)))
        sys.exit(NOTHING_FOUND)


@click.command(epilog=examples("lexsearch show ./photos/dog.jpg"))
@click.argument("name", metavar="PICTURE")
@index_option
@json_option
def show(name: str, path: str, as_json: bool) -> None:
    """Show what is known of one picture.

    Every crop, its words, when and by whom they were said.
    PICTURE is a file, or a doc_id.
    """
    from lexsearch.index import Index
    from lexsearch.transfer import to_json

    with Index(path, create=False) as index:
        known = index.known(name)
    if as_json:
        for caption in known.captions:
            click.echo(to_json(caption, next(iter(known.paths), None)))
    else:
        _print_known(known)


def _print_run(index: Index, topics: Iterable[str], k: int) -> None:
    for number, line in enumerate(topics, 1):
        query_id, tab, text = line.rstrip("\n").partition("\t")
        if not tab or not text.strip():
            if line.strip():
                say(f"line {number} of the topics is not: id TAB text")
            continue
        hits = index.search(text, k, words=False)
        places = index.relative_paths([hit.doc_id for hit in hits])
        names = [
            (quote(os.fsencode(name)), hit.score)
            for hit in hits
            for name in places[hit.doc_id] or (hit.doc_id,)
        ]
        best = dict(reversed(names))  # a name that two folders share stands for the better one
        for rank, (name, score) in enumerate(sorted(best.items(), key=lambda n: -n[1])[:k], 1):
            click.echo(f"{query_id} Q0 {name} {rank} {score:.6f} lexsearch")


def _hit_object(hit: Hit) -> dict[str, object]:
    return {
        "rank": hit.rank,
        "score": hit.score,
        "doc_id": hit.doc_id,
        "path": hit.path,
        "paths": list(hit.paths),
        "words": list(hit.words),
    }


def _print_hits(hits: Iterable[Hit], thumbnails: bool | None) -> None:
    show_pictures = sys.stdout.isatty() if thumbnails is None else thumbnails
    for hit in hits:
        place = printable(near(hit.path)) if hit.path else hit.doc_id
        click.echo(f"{hit.rank:3}  {hit.score:7.3f}  {click.style(place, bold=True)}")
        click.echo(f"              {click.style(', '.join(hit.words), fg='green')}")
        for other in hit.paths[1:]:
            click.echo(f"              also {printable(near(other))}")
        if show_pictures and hit.path:
            _print_thumbnail(hit.path)


def _print_thumbnail(path: str) -> None:
    from lexsearch.pictures import terminal_thumbnail

    if picture := terminal_thumbnail(path):
        click.echo(picture)


def _caption(hit: Hit) -> str:
    return f"{hit.rank}. {', '.join(hit.words[:4])}"


def _write_paths(hits: Iterable[Hit], end: str) -> None:
    for hit in hits:
        for place in hit.paths or (hit.doc_id,):
            sys.stdout.buffer.write(os.fsencode(place + end))
    sys.stdout.buffer.flush()


def _why_nothing(index: Index, text: str) -> str:
    if index.status().searchable:
        return f"nothing found for: {text}"
    return f"the index {index.path} is empty; fill it with: lexsearch index FOLDER"


def _print_known(known: Known) -> None:
    from datetime import datetime

    for place in known.paths:
        click.secho(printable(near(place)), bold=True)
    click.echo(f"doc_id {known.doc_id}")
    heading = None
    for row in known.captions:
        when = datetime.fromtimestamp(row.time / 1e6).astimezone()
        who = " ".join(filter(None, row.captioner)) or row.source
        if heading != (heading := f"by {who}, {when:%Y-%m-%d}"):
            click.secho(heading, dim=True)
        field = " (text read)" if row.field == "text" else ""
        label = f"{row.crop}{field}{' ' + row.caption_id if row.caption_id else ''}"
        click.echo(f"  {label:24} {row.text or '-'}")
