"""Commands that correct captions, and carry them from one index to another."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, cast

import click

from lexsearch.cli.terminal import (
    SOME_FAILED,
    examples,
    index_option,
    list_failures,
    printable,
    progress_bar,
    quiet_option,
    say,
)

if TYPE_CHECKING:
    from lexsearch.index import Index


@click.group()
def caption() -> None:
    """Correct what is said of a picture."""


@caption.command(
    epilog=examples(
        "lexsearch caption edit dog.jpg --text 'my dog Bella on the beach'",
        "lexsearch caption edit dog.jpg --crop 'left half'",
    )
)
@click.argument("name", metavar="PICTURE")
@click.option("--crop", default="whole", show_default=True, help='A crop, such as "left half".')
@click.option("--text", help="The new words; without it, your editor opens.")
@index_option
def edit(name: str, crop: str, text: str | None, path: str) -> None:
    """Replace the words of a crop, for good: no later indexing undoes it."""
    from lexsearch.engines import expect_one_search
    from lexsearch.index import Index

    expect_one_search()
    with Index(path, create=False) as index:
        if text is None:
            text = click.edit("\n".join(_captions(index, name, crop)))
            if text is None:
                say("unchanged")
                return
        index.edit_caption(name, text.strip(), crop=crop)
    click.echo(f"{printable(name)}, {crop}: {text.strip()}")


@caption.command(
    epilog=examples(
        "lexsearch caption deny fox.jpg cat 'traffic light'",
        "lexsearch caption deny fox.jpg cat --undo",
    )
)
@click.argument("name", metavar="PICTURE")
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
@click.option("--undo", is_flag=True, help="Allow the words again.")
@index_option
def deny(name: str, words: tuple[str, ...], undo: bool, path: str) -> None:
    """Wrong: never say these words of a picture.

    They leave what was said of all its crops, in all their forms, and whatever describes it later.
    """
    from lexsearch.engines import expect_one_search
    from lexsearch.index import Index

    expect_one_search()
    with Index(path, create=False) as index:
        index.deny(name, *words, undo=undo)
        rows = index.describe(name).captions
    denied = ", ".join(row.text or "" for row in rows if row.field == "denied")
    click.echo(f"{printable(name)}, never said: {printable(denied) or '-'}")


@caption.command(epilog=examples("lexsearch caption revert dog.jpg"))
@click.argument("name", metavar="PICTURE")
@click.option("--crop", default="whole", show_default=True, help='A crop, such as "left half".')
@index_option
def revert(name: str, crop: str, path: str) -> None:
    """Bring back the captioner's own words for a crop."""
    from lexsearch.engines import expect_one_search
    from lexsearch.index import Index

    expect_one_search()
    with Index(path, create=False) as index:
        index.edit_caption(name, None, crop=crop)
        said = _captions(index, name, crop)
    click.echo(f"{printable(name)}, {crop}: {'; '.join(said)}")


def _captions(index: Index, name: str, crop: str) -> list[str]:
    """What describes a crop; not the words read in it, nor the places of single things."""
    rows = index.describe(name).captions
    return [row.text for row in rows if (row.crop, row.field) == (crop, "caption") and row.text]


@click.command(name="export", epilog=examples("lexsearch export captions.jsonl"))
@click.argument("file", metavar="FILE")
@index_option
def export_command(file: str, path: str) -> None:
    """Write all captions as JSON Lines.

    FILE may be - for standard output.
    """
    from lexsearch.index import Index

    count = 0
    with Index(path, create=False) as index, _output(file) as output:
        for line in index.export_captions():
            output.write(line + "\n")
            count += 1
    say(f"{count} captions exported")


def _output(name: str) -> IO[str]:
    """A plain file, replaced when all is written; a device or a pipe is written to, and a link's
    file in place of the link.
    """
    special = name.startswith("/dev/") or (os.path.exists(name) and not os.path.isfile(name))
    if name == "-" or special:
        return cast(IO[str], click.open_file(name, "w", encoding="utf-8"))
    place = os.path.realpath(name)
    return cast(IO[str], click.open_file(place, "w", encoding="utf-8", atomic=True))


@click.command(
    name="import",
    epilog=examples(
        "lexsearch import captions.jsonl",
        "lexsearch import ./photos",
        "lexsearch import alt.csv --key image=photo --key text=alt_text",
    ),
)
@click.argument("source", type=click.Path(exists=True, allow_dash=True), metavar="FILE_OR_FOLDER")
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="image=NAME",
    help="Under which name (in CSV: column) rows have the picture, or text=NAME: its text.",
)
@index_option
@quiet_option
def import_command(source: str, keys: tuple[str, ...], path: str, quiet: bool) -> None:
    """Take captions from a file, or from text files beside the pictures in a folder.

    JSON Lines as `lexsearch export` writes them (- for standard input): each line is an object
    with doc_id and text, optionally caption_id, crop, path and captioner. A caption that is known
    already, with another text, is taken as a correction.

    Also what other tools write of pictures that are indexed, which are meant by path or file
    name: metadata.jsonl (file_name, text), JSON lists of {image, caption}, CSV with names in its
    first line, and in a folder photo.txt beside photo.jpg.
    """
    from lexsearch.index import Index

    named = dict(pair.partition("=")[::2] for pair in keys)
    with Index(path) as index, progress_bar(quiet) as progress:
        if source == "-":
            outcome = index.import_captions(click.open_file("-", errors="replace"), progress)
        else:
            outcome = index.import_from(source, keys=named, progress=progress)
    click.echo(
        f"{outcome.added} added, {outcome.unchanged} unchanged, {outcome.corrected} corrected, "
        f"{len(outcome.failed)} failed"
    )
    if outcome.failed:
        list_failures([f"line {number}: {reason}" for number, reason in outcome.failed])
        sys.exit(SOME_FAILED)
