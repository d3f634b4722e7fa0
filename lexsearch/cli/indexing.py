"""Commands that fill an index and say what is in it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click

from lexsearch.cli.describing import captioner_options, chosen
from lexsearch.cli.terminal import (
    NOTHING_FOUND,
    SOME_FAILED,
    examples,
    index_option,
    json_option,
    list_failures,
    near,
    printable,
    progress_bar,
    quiet_option,
    say,
    stop,
)
from lexsearch.errors import LexsearchError
from lexsearch.images.filesystem import exists

if TYPE_CHECKING:
    from lexsearch.captioners import Captioner
    from lexsearch.indexing.jobs import Runner
    from lexsearch.indexing.scan import Report
    from lexsearch.records import CaptionerKey
    from lexsearch.storage.status import Status

_STAGE_NAMES = {"whole": "the whole", "fixed": "17 patches", "between": "23 patches between"}
_SHOWN_OF_PROMPT = 70  # characters


_engine_option = click.option(
    "--engine",
    metavar="ADDRESS",
    help="Where the text index is from now on: opensearch+https://HOST:9200/NAME, on a cluster "
    "(docs/scale.md), or embedded, in the index's folder  [default: as it is].",
)


class _ShardType(click.ParamType[tuple[int, int]]):
    name = "shard"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", value)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            self.fail(f"{value!r} is no part of the whole; write 3/16 for the third of sixteen")
        return int(match[1]), int(match[2])


@contextmanager
def _runner(name: str) -> Iterator[Runner | None]:
    """What describes, for `Index.add`; None: this process."""
    if name == "local":
        yield None
        return
    if name != "ray" and not name.startswith("ray://"):
        raise LexsearchError(f"there is no runner {name!r}; write local, ray or ray://HOST:10001")
    from lexsearch.indexing.ray import RayRunner

    with RayRunner(name if "://" in name else "") as runner:
        yield runner


@click.command(
    name="index",
    epilog=examples(
        "lexsearch index ./photos ~/Pictures/2023",
        "lexsearch index ./photos --captioner mllm --model ~/models/llava-1.5-7b-hf",
        "lexsearch index ./photos --captioner server --url http://localhost:8000/v1",
        "lexsearch index ./photos --again --limit 10",
        "lexsearch index ./photos --watch",
    ),
)
@click.argument("paths", nargs=-1, required=True, metavar="FOLDER_OR_FILE...")
@index_option
@captioner_options
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    help="Refuse pictures with more pixels than this.  [default: 200000000]",
)
@click.option(
    "--again",
    is_flag=True,
    help="Describe these pictures anew, also those that were refused. What is known of a picture "
    "counts until the new words are there.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Describe at most so many pictures, for a trial; the next run goes on.",
)
@click.option(
    "--price",
    type=click.FloatRange(min=0),
    metavar="AMOUNT",
    help="What 1,000 views cost; says what describing will cost before it begins.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out what fits, as in .gitignore, now and in later runs; !PATTERN takes it in "
    "again. The same rules may stand in a file .lexsearchignore in any folder.",
)
@click.option(
    "--include-removed",
    is_flag=True,
    help="Index again what `lexsearch remove` took out.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Stay, and bring the index up to date whenever something changes, until Ctrl-C.",
)
@_engine_option
@click.option(
    "--shard",
    type=_ShardType(),
    default="1/1",
    metavar="I/N",
    help="Take part I of N of the pictures alone, in an index of its own (3/16); lexsearch merge "
    "joins them.",
)
@click.option(
    "--runner",
    default="local",
    metavar="WHERE",
    show_default=True,
    help="Where pictures are described: local, this machine; ray, the Ray cluster that it belongs "
    "to; ray://HOST:10001, one elsewhere. All its machines must see the pictures under the same "
    "paths (docs/scale.md).",
)
@json_option
@quiet_option
def index_command(
    paths: tuple[str, ...],
    path: str,
    captioner: str,
    crops: str,
    max_pixels: int | None,
    again: bool,
    limit: int | None,
    price: float | None,
    exclude: tuple[str, ...],
    include_removed: bool,
    watch: bool,
    engine: str | None,
    shard: tuple[int, int],
    runner: str,
    as_json: bool,
    quiet: bool,
    **options: object,
) -> None:
    """Describe pictures and make them searchable.

    Run it again whenever pictures came, went, moved or changed: only what is new is described.
    It may be stopped at any time and goes on where it stopped. Whole pictures are described
    first, so that a search is useful long before the end.
    """
    from lexsearch.captioners import open_captioner
    from lexsearch.index import Index

    if not any(map(exists, paths)) and not os.path.lexists(path):
        raise LexsearchError(f"there is no file or folder {printable(', '.join(paths))}")
    if watch and limit is not None:
        raise click.UsageError("--limit ends a run, and --watch goes on")
    given = chosen(options)
    adding: dict[str, Any] = {
        "crops": crops,
        "max_pixels": max_pixels,
        "again": again,
        "exclude": exclude,
        "include_removed": include_removed,
        "engine": engine,
        "shard": shard,
    }
    with (
        closing(open_captioner(captioner, **given)) as opened,
        Index(path) as index,
        _runner(runner) as describing,
        progress_bar(quiet, price) as progress,
    ):
        if not quiet:
            _introduce(opened, index.settings.captioner)
        adding |= {"captioner": opened, "runner": describing, "progress": progress}
        try:
            if watch:
                for number, report in enumerate(index.watch(*paths, **adding)):
                    if not number or _has_news(report):
                        _print_report(report, opened, as_json, quiet or number > 0)
                    if not number and not quiet:
                        say(f"watching {printable(', '.join(paths))} (Ctrl-C stops)")
                return
            report = index.add(*paths, limit=limit, **adding)
        except KeyboardInterrupt:
            stop("stopped; what is described so far is kept, and can be searched already.")
    _print_report(report, opened, as_json, quiet)
    if report.failed or report.failed_views:
        sys.exit(SOME_FAILED)


_COUNTS = ("added", "unchanged", "moved", "duplicates", "removed", "captioned")


def _has_news(report: Report) -> bool:
    counts = {name for name in _COUNTS if getattr(report, name)} - {"unchanged"}
    return bool(counts or report.failed or report.notes)


def _print_report(report: Report, captioner: Captioner, as_json: bool, quiet: bool) -> None:
    counts = {name: getattr(report, name) for name in _COUNTS}
    if as_json:
        failed = [failure._asdict() for failure in report.failed]
        undescribed = [failure._asdict() for failure in report.undescribed]
        more = {"left_out": report.left_out, "notes": report.notes}
        click.echo(json.dumps({**counts, **more, "failed": failed, "undescribed": undescribed}))
    else:
        shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        rest = ""
        if report.undescribed:
            rest = f", {len(report.undescribed)} not described by {captioner.key.name}"
        click.echo(f"{shown or 'no pictures found'}, {len(report.failed)} failed{rest}")
        if report.left_out:
            kinds = (f"{count:,} {kind}" for kind, count in sorted(report.left_out.items()))
            click.echo(f"left out: {', '.join(kinds)}")
        for note in report.notes:
            click.echo(printable(note))
    if report.outdated and not quiet:
        _offer_anew(captioner, report.outdated)
    if report.failed or report.undescribed:
        both = [*report.failed, *report.undescribed]
        list_failures([f"{printable(path)}: {reason}" for path, reason in both])


def _offer_anew(captioner: Captioner, pictures: int) -> None:
    minutes = max(1, round(pictures * captioner.pace / 60))
    name = captioner.key.name
    before = "another model of this name" if name == "server" else f"an earlier {name}"
    takes = f"about {minutes:,} min" if captioner.pace else "a while"
    say(
        f"{pictures:,} described by {before}, and left as they are; "
        f"the same command with --again describes them anew ({takes})"
    )


def _introduce(captioner: Captioner, before: CaptionerKey | None) -> None:
    from lexsearch.captioners import does_for

    say(f"captioner: {captioner.key.name} ({captioner.key.version})")
    if captioner.note:
        say(f"           {captioner.note}")
    if before is None and captioner.key.name == "tagger":
        say("           better words are one command away: lexsearch captioners")
    if before is not None and before != captioner.key and not does_for(before, captioner.key):
        say(
            f"           so far it was {before.name} ({before.version})"
            f"{' with another prompt' if before[:2] == captioner.key[:2] else ''}; "
            "this one describes everything anew, and what was said is kept"
        )


@click.command(epilog=examples("lexsearch status", "lexsearch status --json"))
@index_option
@json_option
def status(path: str, as_json: bool) -> None:
    """Show what is in the index and what failed.

    Also what is missing, and for each failed file the reason.
    """
    from lexsearch.engines import expect_one_search
    from lexsearch.index import Index

    expect_one_search()
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
            "undescribed": [
                {"captioner": key._asdict(), **failure._asdict()}
                for key, failure in found.undescribed
            ],
            "settings": {
                "ranking": asdict(found.settings.ranking),
                "captioner": found.settings.captioner and found.settings.captioner._asdict(),
                "engine": found.settings.engine,
            },
        }
        click.echo(json.dumps({**asdict(found), **named}))
    else:
        _print_status(found)


@click.command(epilog=examples("lexsearch duplicates", "lexsearch duplicates --json"))
@index_option
@json_option
@quiet_option
def duplicates(path: str, as_json: bool, quiet: bool) -> None:
    """List pictures that are there more than once.

    Also copies that were made smaller, compressed anew or a little changed; the largest of each
    group comes first. Nothing is deleted.
    """
    from lexsearch.index import Index

    with Index(path, create=False) as index, progress_bar(quiet) as progress:
        groups = index.duplicates(progress=progress)
    for group in groups:
        if as_json:
            click.echo(json.dumps([copy._asdict() for copy in group]))
            continue
        for copy in group:
            size = "x".join(map(str, copy.size or ()))
            for place in copy.paths:
                click.echo(f"{size:>11}  {printable(near(place))}")
        click.echo()
    if not groups:
        say("no picture is there twice")
        sys.exit(NOTHING_FOUND)


@click.command(epilog=examples("lexsearch remove ./photos/old"))
@click.argument("names", nargs=-1, required=True, metavar="FILE_OR_FOLDER_OR_ID...")
@index_option
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


@click.command(
    epilog=examples("lexsearch merge indexes/shard-* --index indexes/all", "lexsearch status")
)
@click.argument("folders", nargs=-1, required=True, metavar="INDEX...")
@index_option
@quiet_option
def merge(folders: tuple[str, ...], path: str, quiet: bool) -> None:
    """Take what other indexes hold, such as those of shards.

    Captions, files, corrections and failures come together in the index named with --index, which
    is then as if one process had made it. The others stay as they are; merged again, they give
    what is new.
    """
    from lexsearch.index import Index

    with Index(path) as index, progress_bar(quiet) as progress:
        merged = index.merge(*folders, progress=progress)
        found = len(index)
    click.echo(
        f"{merged.captions:,} captions taken from {len(folders)} indexes, {found:,} pictures can "
        "be found"
    )


@click.command(epilog=examples("lexsearch reindex", "lexsearch reindex --k1 1.2 --b 0.75"))
@index_option
@click.option("--k1", type=click.FloatRange(min=0), help="BM25's k1, in paper mode.")
@click.option("-b", "--b", "b", type=click.FloatRange(0, 1), help="BM25's b, in paper mode.")
@_engine_option
@quiet_option
def reindex(path: str, k1: float | None, b: float | None, engine: str | None, quiet: bool) -> None:
    """Make the text index anew from the captions.

    Searching goes on meanwhile.
    """
    from lexsearch.index import Index

    with Index(path, create=False) as index, progress_bar(quiet) as progress:
        count = index.reindex(k1=k1, b=b, engine=engine, progress=progress)
    click.echo(f"{count} pictures can be found")


def _print_status(found: Status) -> None:
    click.secho(found.path, bold=True)
    for folder in found.folders:
        away = " (not there just now)" if folder in found.away else ""
        click.echo(f"  folder       {printable(folder)}{away}")
    click.echo(f"  pictures     {found.pictures:,} in {found.files:,} files")
    if found.imported:
        click.echo(f"  imported     {found.imported:,} documents without a picture")
    click.echo(f"  searchable   {found.searchable:,}")
    if found.waiting:
        click.echo(f"  waiting      {found.waiting:,} (the next `lexsearch index` catches up)")
    tried = [key for key, _ in found.undescribed]
    for captioner in dict.fromkeys([*(stage.captioner for stage in found.stages), *tried]):
        click.echo(f"  captioner    {captioner.name} {captioner.version}")
        if captioner.prompt:
            click.echo(f"    asked              {_shortened(captioner.prompt)}")
        done = {row.stage: row.pictures for row in found.stages if row.captioner == captioner}
        for stage, name in _STAGE_NAMES.items():
            if stage in done:
                missing = found.pictures - done[stage]
                rest = f", {missing:,} missing" if missing else ""
                click.echo(f"    {name:18} of {done[stage]:,} pictures{rest}")
        if captioner in tried:
            click.echo(f"    not described      {tried.count(captioner):,}, at least in part")
            for key, failure in found.undescribed:
                if key == captioner:
                    click.echo(f"      {printable(failure.path)}: {failure.reason}")
    ranking = found.settings.ranking
    click.echo(f"  ranking      BM25, k1 {ranking.k1}, b {ranking.b}")
    sizes = [max(1, round(size / 1e3)) for size in (found.caption_bytes, found.text_index_bytes)]
    engine = found.settings.engine
    text_index = f"the text index at {engine}" if engine else f"{sizes[1]:,} kB of text index"
    click.echo(f"  on disk      {sizes[0]:,} kB of captions, {text_index}")
    if found.failures:
        click.echo(f"  failed       {len(found.failures):,}")
        for failure in found.failures:
            click.echo(f"    {printable(failure.path)}: {failure.reason}")


def _shortened(text: str) -> str:
    """The beginning of a prompt, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_OF_PROMPT else f"{line[: _SHOWN_OF_PROMPT - 3]}..."
