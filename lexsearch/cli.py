"""The command line: thin commands over `Index`. The only module that prints or exits.

Exit status: 0 all went well; 1 nothing was found; 2 wrong usage; 3 done, but some files or
lines failed; 4 it could not be done; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

import click

from lexsearch import __version__
from lexsearch.errors import LexsearchError

if TYPE_CHECKING:
    from lexsearch.index import Index, Known, Status
    from lexsearch.records import Hit, Progress

NOTHING_FOUND, SOME_FAILED, NOT_DONE, STOPPED = 1, 3, 4, 130
_SHOWN_FAILURES = 20
_SECONDS_BETWEEN_LINES = 10.0
_STAGE_NAMES = {"whole": "the whole", "fixed": "17 patches", "between": "23 patches between"}


class _Commands(click.Group):
    """Commands in the order of a person's first day, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def _examples(*commands: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_examples("lexsearch index ./photos", "lexsearch query 'bus, traffic light'"),
)
@click.version_option(__version__, prog_name="lexsearch")
def cli() -> None:
    """Search your pictures by words.

    Every picture is described in words, whole and in patches, and the words are searched: so
    each hit can say why it is one.
    """


_index_option = click.option(
    "--index",
    "path",
    envvar="LEXSEARCH_INDEX",
    default="indexes/default",
    show_default=True,
    metavar="DIR",
    help="The index to use (environment: LEXSEARCH_INDEX).",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one line each.")
_quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress, only failures.")


@cli.command(name="index", epilog=_examples("lexsearch index ./photos ~/Pictures/2023"))
@click.argument("paths", nargs=-1, required=True, metavar="FOLDER_OR_FILE...")
@_index_option
@click.option(
    "--captioner",
    default="auto",
    show_default=True,
    help="Who describes the pictures: auto or tagger.",
)
@click.option(
    "--crops",
    type=click.Choice(["fixed", "overlapped", "none"]),
    default="fixed",
    show_default=True,
    help="Patches to describe beside the whole: 17 fixed, 40 overlapped, or none.",
)
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    help="Refuse pictures with more pixels than this.  [default: 200000000]",
)
@_json_option
@_quiet_option
def index_command(
    paths: tuple[str, ...],
    path: str,
    captioner: str,
    crops: str,
    max_pixels: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Describe pictures and make them searchable.

    Run it again whenever pictures came, went, moved or changed: only what is new is described.
    It may be stopped at any time and goes on where it stopped. Whole pictures are described
    first, so that a search is useful long before the end.
    """
    from lexsearch.captioners import open_captioner
    from lexsearch.index import Index

    opened = open_captioner(captioner)
    if not quiet:
        _say(f"captioner: {opened.key.name} ({opened.key.version})")
    with Index(path) as index, _progress_bar(quiet) as progress:
        try:
            report = index.add(
                *paths, captioner=opened, crops=crops, max_pixels=max_pixels, progress=progress
            )
        except KeyboardInterrupt:
            _stop("stopped; what is described so far is kept, and can be searched already.")
    counts = {
        name: getattr(report, name)
        for name in ("added", "unchanged", "moved", "duplicates", "removed", "captioned")
    }
    if as_json:
        failed = [failure._asdict() for failure in report.failed]
        click.echo(json.dumps({**counts, "failed": failed}))
    else:
        shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        click.echo(f"{shown or 'no pictures found'}, {len(report.failed)} failed")
    if report.failed:
        _list_failures([f"{_printable(path)}: {reason}" for path, reason in report.failed])
        sys.exit(SOME_FAILED)


@cli.command(
    epilog=_examples(
        "lexsearch query 'bus, traffic light'",
        "lexsearch query 'a dog on the beach' -k 50 --json",
        "lexsearch query dog --paths -0 | xargs -0 ls -l",
        "lexsearch query dog --sheet dogs.png",
        "lexsearch query --topics topics.tsv --trec -k 1000 > run.trec",
    )
)
@click.argument("text", nargs=-1, metavar="WORDS...")
@_index_option
@click.option("-k", default=10, show_default=True, type=click.IntRange(min=1), help="How many.")
@_json_option
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
            _say(f"wrote {sheet}")
    if not hits:
        if not (as_json or paths or null):
            _say(_why_nothing(index, " ".join(text)))
        sys.exit(NOTHING_FOUND)


@cli.command(epilog=_examples("lexsearch show ./photos/dog.jpg"))
@click.argument("name", metavar="PICTURE")
@_index_option
@_json_option
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


@cli.command(epilog=_examples("lexsearch status", "lexsearch status --json"))
@_index_option
@_json_option
def status(path: str, as_json: bool) -> None:
    """Show what is in the index and what failed.

    Also what is missing, and for each failed file the reason.
    """
    from lexsearch.index import Index

    with Index(path, create=False) as index:
        found = index.status()
    if as_json:
        from dataclasses import asdict

        named = {
            "stages": [
                {**stage.captioner._asdict(), "stage": stage.stage, "pictures": stage.pictures}
                for stage in found.stages
            ],
            "failures": [failure._asdict() for failure in found.failures],
            "settings": {
                "ranking": asdict(found.settings.ranking),
                "captioner": found.settings.captioner and found.settings.captioner._asdict(),
            },
        }
        click.echo(json.dumps({**asdict(found), **named}))
    else:
        _print_status(found)


@cli.command(epilog=_examples("lexsearch remove ./photos/old"))
@click.argument("names", nargs=-1, required=True, metavar="FILE_OR_FOLDER_OR_ID...")
@_index_option
def remove(names: tuple[str, ...], path: str) -> None:
    """Take pictures out of the results.

    The files are not touched, and their captions are kept: indexing them again costs nothing.
    """
    from lexsearch.index import Index

    with Index(path, create=False) as index:
        removed = index.remove(*names)
    click.echo(f"{removed} removed")
    if not removed:
        sys.exit(NOTHING_FOUND)


@cli.group()
def caption() -> None:
    """Correct what is said of a picture."""


@caption.command(
    epilog=_examples(
        "lexsearch caption edit dog.jpg --text 'my dog Bella on the beach'",
        "lexsearch caption edit dog.jpg --crop 'left half'",
    )
)
@click.argument("name", metavar="PICTURE")
@click.option("--crop", default="whole", show_default=True, help='A crop, such as "left half".')
@click.option("--text", help="The new words; without it, your editor opens.")
@_index_option
def edit(name: str, crop: str, text: str | None, path: str) -> None:
    """Replace the words of a crop, for good: no later indexing undoes it."""
    from lexsearch.index import Index

    with Index(path, create=False) as index:
        if text is None:
            said = [row.text or "" for row in index.known(name).captions if row.crop == crop]
            text = click.edit("\n".join(said))
            if text is None:
                _say("unchanged")
                return
        index.edit_caption(name, text.strip(), crop=crop)
    click.echo(f"{_printable(name)}, {crop}: {text.strip()}")


@caption.command(epilog=_examples("lexsearch caption revert dog.jpg"))
@click.argument("name", metavar="PICTURE")
@click.option("--crop", default="whole", show_default=True, help='A crop, such as "left half".')
@_index_option
def revert(name: str, crop: str, path: str) -> None:
    """Bring back the captioner's own words for a crop."""
    from lexsearch.index import Index

    with Index(path, create=False) as index:
        index.edit_caption(name, None, crop=crop)
        said = [row.text for row in index.known(name).captions if row.crop == crop]
    click.echo(f"{_printable(name)}, {crop}: {'; '.join(filter(None, said))}")


@cli.command(name="export", epilog=_examples("lexsearch export captions.jsonl"))
@click.argument("file", type=click.File("w", lazy=True, atomic=True), metavar="FILE")
@_index_option
def export_command(file: Any, path: str) -> None:
    """Write all captions as JSON Lines.

    FILE may be - for standard output.
    """
    from lexsearch.index import Index

    count = 0
    with Index(path, create=False) as index, file:
        for line in index.export_captions():
            file.write(line + "\n")
            count += 1
    _say(f"{count} captions exported")


@cli.command(name="import", epilog=_examples("lexsearch import captions.jsonl"))
@click.argument("file", type=click.File(errors="replace"), metavar="FILE")
@_index_option
@_quiet_option
def import_command(file: Iterable[str], path: str, quiet: bool) -> None:
    """Take captions from JSON Lines.

    FILE may be - for standard input. Each line is an object with doc_id and text, optionally
    caption_id, crop, path and captioner. A caption that is known already, with another text,
    is taken as a correction.
    """
    from lexsearch.index import Index

    with Index(path) as index, _progress_bar(quiet) as progress:
        outcome = index.import_captions(file, progress)
    click.echo(
        f"{outcome.added} added, {outcome.unchanged} unchanged, {outcome.corrected} corrected, "
        f"{len(outcome.failed)} failed"
    )
    if outcome.failed:
        _list_failures([f"line {number}: {reason}" for number, reason in outcome.failed])
        sys.exit(SOME_FAILED)


@cli.command(epilog=_examples("lexsearch reindex", "lexsearch reindex --analyzer porter"))
@_index_option
@click.option("--analyzer", type=click.Choice(["english", "porter"]), help="How words are reduced.")
@click.option("--k1", type=click.FloatRange(min=0), help="BM25's k1.")
@click.option("-b", "--b", "b", type=click.FloatRange(0, 1), help="BM25's b.")
@_quiet_option
def reindex(
    path: str, analyzer: str | None, k1: float | None, b: float | None, quiet: bool
) -> None:
    """Make the text index anew from the captions.

    Searching goes on meanwhile. Needed after a change of analyzer; k1 and b may change too.
    """
    from lexsearch.index import Index

    with Index(path, create=False) as index, _progress_bar(quiet) as progress:
        count = index.reindex(analyzer=analyzer, k1=k1, b=b, progress=progress)
    click.echo(f"{count} pictures can be found")


def _print_run(index: Index, topics: Iterable[str], k: int) -> None:
    for number, line in enumerate(topics, 1):
        query_id, tab, text = line.rstrip("\n").partition("\t")
        if not tab or not text.strip():
            if line.strip():
                _say(f"line {number} of the topics is not: id TAB text")
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
        place = _printable(_near(hit.path)) if hit.path else hit.doc_id
        click.echo(f"{hit.rank:3}  {hit.score:7.3f}  {click.style(place, bold=True)}")
        click.echo(f"              {click.style(', '.join(hit.words), fg='green')}")
        for other in hit.paths[1:]:
            click.echo(f"              also {_printable(_near(other))}")
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
        click.secho(_printable(_near(place)), bold=True)
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


def _print_status(found: Status) -> None:
    click.secho(found.path, bold=True)
    for folder in found.folders:
        click.echo(f"  folder       {_printable(folder)}")
    click.echo(f"  pictures     {found.pictures:,} in {found.files:,} files")
    if found.imported:
        click.echo(f"  imported     {found.imported:,} documents without a picture")
    click.echo(f"  searchable   {found.searchable:,}")
    if found.waiting:
        click.echo(f"  waiting      {found.waiting:,} (the next `lexsearch index` catches up)")
    for captioner in dict.fromkeys(stage.captioner for stage in found.stages):
        click.echo(f"  captioner    {captioner.name} {captioner.version}")
        done = {row.stage: row.pictures for row in found.stages if row.captioner == captioner}
        for stage, name in _STAGE_NAMES.items():
            if stage in done:
                missing = found.pictures - done[stage]
                rest = f", {missing:,} missing" if missing else ""
                click.echo(f"    {name:18} of {done[stage]:,} pictures{rest}")
    ranking = found.settings.ranking
    click.echo(f"  ranking      BM25, k1 {ranking.k1}, b {ranking.b}, {ranking.analyzer} words")
    sizes = [max(1, round(size / 1e3)) for size in (found.caption_bytes, found.text_index_bytes)]
    click.echo(f"  on disk      {sizes[0]:,} kB of captions, {sizes[1]:,} kB of text index")
    if found.failures:
        click.echo(f"  failed       {len(found.failures):,}")
        for failure in found.failures:
            click.echo(f"    {_printable(failure.path)}: {failure.reason}")


@contextmanager
def _progress_bar(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar a stage, with rate and time left; where no terminal is, a line now and then."""
    if quiet or not sys.stderr.isatty():
        yield (lambda progress: None) if quiet else _progress_lines()
        return
    from tqdm import tqdm

    bars: dict[str, Any] = {}

    def show(progress: Progress) -> None:
        if progress.stage not in bars:
            for bar in bars.values():
                bar.close()
            unit = f" {progress.unit}"
            bars[progress.stage] = tqdm(
                desc=progress.stage, total=progress.total, unit=unit, dynamic_ncols=True
            )
        bar = bars[progress.stage]
        if progress.failed:
            bar.set_postfix(failed=progress.failed, refresh=False)
        bar.update(progress.done - bar.n)

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()


def _progress_lines() -> Callable[[Progress], None]:
    started: dict[str, float] = {}
    said_at = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal said_at
        now = time.monotonic()
        since = started.setdefault(progress.stage, now)
        if now - said_at < _SECONDS_BETWEEN_LINES or now == since:
            return
        said_at = now
        rate = progress.done / (now - since)
        total = f" of {progress.total:,}" if progress.total else ""
        left = f", {(progress.total - progress.done) / rate:.0f} s left" if progress.total else ""
        _say(f"{progress.stage}: {progress.done:,}{total}, {rate:.1f} a second{left}")

    return show


def _list_failures(lines: list[str]) -> None:
    for line in lines[:_SHOWN_FAILURES]:
        _say(f"  {line}")
    if len(lines) > _SHOWN_FAILURES:
        _say(f"  and {len(lines) - _SHOWN_FAILURES} more: lexsearch status lists all")


def _near(path: str) -> str:
    """A path as a person in this folder would write it."""
    here = os.getcwd()
    return os.path.relpath(path, here) if path.startswith(here + os.sep) else path


def _printable(path: str) -> str:
    """A path on one line, whatever bytes are in it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def _say(message: str) -> None:
    click.echo(message, err=True)


def _stop(message: str) -> NoReturn:
    _say(f"\n{message}")
    sys.exit(STOPPED)


def main() -> None:
    """Run the command line; every expected error becomes one line and an exit status."""
    logging.basicConfig(format="lexsearch: %(message)s", level=logging.WARNING)
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _stop("stopped")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except LexsearchError as error:
        _say(f"lexsearch: {error}")
        sys.exit(NOT_DONE)


if __name__ == "__main__":
    main()
